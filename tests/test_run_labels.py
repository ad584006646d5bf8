"""A run sees the labels of the store as they were when it began, and says which those were."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from label_makers import BASE

from compassign.config import RunConfig, RunRecord, read_record
from compassign.data.load import load_dataset
from compassign.data.workspace import dataset_key
from compassign.execution import carry_out
from compassign.label_events import snapshot
from compassign.progress import SilentProgress
from compassign.queries.staleness import CHANGED, stale_reason
from compassign.run_labels import StoredNow, current_rows, freeze_labels, frozen_rows, seen_dataset
from compassign.runs import RunDirectory
from compassign.store.database import DATABASE_NAME, URL_VARIABLE
from compassign.store.labels import LabelStore

PEAKS = (
    "peak_id,species,mz,rt_min,intensity,injection,polarity\n"
    "p1,human,195.0877,4.1,1000,a,positive\n"
    "p2,human,181.0720,4.2,900,a,positive\n"
    "p3,human,195.0876,9.0,800,a,positive\n"
)


@pytest.fixture
def output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace with a dataset of three peaks whose truth is known."""
    monkeypatch.delenv(URL_VARIABLE, raising=False)
    data = tmp_path / "output" / "datasets" / "my study"
    data.mkdir(parents=True)
    (data / "peaks.csv").write_text(PEAKS)
    (data / "compounds.csv").write_text("compound_id,name,formula\nC1,caffeine,C8H10N4O2\nC2,theobromine,C7H8N4O2\n")
    (data / "truth.csv").write_text("peak_id,compound_id\np1,C1\np2,C2\np3,\n")
    return tmp_path / "output"


def config_of(output: Path, **settings: Any) -> RunConfig:
    return RunConfig(model="lookup", data=output / "datasets" / "my study", **settings)


def say(output: Path, key: str, **changes: Any) -> int:
    """Store an answer about p1 and return its id."""
    place: dict[str, Any] = {"peak_id": "p1", "injection": "a", "mz": 195.0877, "rt_min": 4.1}
    place["dataset_key"] = dataset_key(output, config_of(output).data, "easy")
    label = replace(BASE, client_key=key, **{**place, **changes})
    return LabelStore.open(output).append(label).id


def run(output: Path, earlier: RunRecord | None = None, **settings: Any) -> Path:
    directory = RunDirectory.create(output, "lookup")
    with directory:
        carry_out(config_of(output, **settings), directory, SilentProgress(), "compassign run", earlier)
    return directory.path


def metrics(path: Path) -> dict[str, Any]:
    return dict(json.loads((path / "results" / "assignment_metrics.json").read_text()))


def calls(path: Path) -> dict[str, str]:
    table = pd.read_csv(path / "results" / "peak_assignments.csv", keep_default_na=False)
    return dict(zip(table["peak_id"], table["assigned_compound"], strict=True))


def test_a_run_trains_on_the_stored_labels_and_names_them(output: Path) -> None:
    before = run(output, label_fraction=0.0)
    assert (read_record(before).labels_until, frozen_rows(before / "results")) == (0, None)
    say(output, "k1", kind="null", options=())
    last = say(output, "k2", peak_id="p3", mz=195.0876, rt_min=9.0, kind="unsure", options=())
    after = run(output, label_fraction=0.0)
    record = read_record(after)
    events = LabelStore.open(output).events("datasets/my study")
    assert (record.labels_until, record.labels_snapshot) == (last, snapshot(events).hash)
    assert (metrics(before)["n_labelled"], metrics(after)["n_labelled"]) == (0, 1)
    assert (calls(before)["p1"], calls(after)["p1"]) == ("C1", "")
    assert metrics(after)["n_scored"] == metrics(before)["n_scored"] - 1  # what was labelled scores nothing


def test_what_was_frozen_comes_back_as_it_was(output: Path) -> None:
    say(output, "k1", options=("C1", "C2"), kind="several", note='a "b",\nc', mz=195.08770000000001)
    say(output, "k2", annotator="bob", purpose="audit", inclusion_prob=1 / 3, kind="skip", options=())
    freeze_labels(output, config_of(output), output)
    expected = current_rows(LabelStore.open(output).events("datasets/my study"))
    frozen = frozen_rows(output)
    assert frozen is not None
    pd.testing.assert_frame_equal(frozen, expected, check_dtype=False)


def test_later_labels_make_a_run_stale_unless_they_change_nothing_that_a_fit_sees(output: Path) -> None:
    path = run(output)

    def reason() -> str:
        return stale_reason(read_record(path), StoredNow(output, LabelStore.open(output).last_events()))

    assert reason() == ""
    say(output, "k1", kind="skip", options=())
    assert reason() == ""
    second = say(output, "k2")
    assert reason() == CHANGED["labels_hash"]
    say(output, "k3", kind="undo", options=(), undoes=second)
    assert reason() == ""
    say(output, "k4")
    path = run(output)
    assert reason() == ""


def test_a_repeated_run_sees_the_labels_of_the_first_whatever_came_after(output: Path) -> None:
    say(output, "k1", kind="null", options=())
    first = run(output)
    say(output, "k2", options=("C2",))
    again = run(output, read_record(first))
    hashes = [read_record(path).labels_hash for path in (first, again, run(output))]
    assert hashes[0] == hashes[1] != hashes[2]
    assert read_record(first).labels_snapshot == read_record(again).labels_snapshot
    assert calls(first) == calls(again)
    assert metrics(first)["n_labelled"] == metrics(again)["n_labelled"]


def test_a_first_label_takes_none_away_that_the_truth_gives(output: Path, tmp_path: Path) -> None:
    config = RunConfig(model="lookup", difficulty="easy")
    without = seen_dataset(config, output)
    name = min(without.split.scored)
    peak = without.dataset.peaks.query("peak_id == @name").iloc[0].to_dict()
    place = {column: peak[column] for column in ("peak_id", "injection", "mz", "rt_min")}
    say(output, "k1", dataset_key="demo/easy", kind="null", options=(), **place)
    freeze_labels(output, config, tmp_path)
    split = seen_dataset(config, tmp_path).split
    assert split.labels[name] == frozenset()
    assert abs(len(split.labels) - len(without.split.labels)) <= 1
    assert set(split.labels).isdisjoint(split.scored)


def test_labels_that_cannot_be_read_are_named_and_the_run_goes_on(
    output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    say(output, "k1")
    with closing(sqlite3.connect(output / DATABASE_NAME)) as connection:
        connection.execute("DROP TABLE label_events")
    told: list[str] = []
    progress = SilentProgress()
    monkeypatch.setattr(progress, "warn", told.append)
    directory = RunDirectory.create(output, "lookup")
    with directory:
        carry_out(config_of(output), directory, progress, "compassign run")
    assert any("stored labels cannot be read, so this run knows those of labels.csv alone" in text for text in told)


def test_labels_follow_their_peaks_into_a_new_table(output: Path) -> None:
    say(output, "k1", kind="null", options=())
    data = output / "datasets" / "my study"
    (data / "peaks.csv").write_text(PEAKS.replace("p1,", "n9,").replace("195.0877", "195.0879"))
    (data / "truth.csv").unlink()
    path = run(output)
    assert (calls(path)["n9"], metrics(path)["n_labelled"]) == ("", 1)
    assert load_dataset(data, frozen_rows(path / "results")).warnings[-1].startswith("stored labels: 1 peaks ('p1')")
