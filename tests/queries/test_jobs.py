"""The list of runs, made of the store and of folders, and how far a run is."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from compassign.config import RunConfig, read_record
from compassign.jobs.launcher import enqueue
from compassign.jobs.recording import adopt
from compassign.queries import staleness
from compassign.queries.jobs import artifact_table, list_entries, live_run, log_tail, run_table
from compassign.queries.staleness import CHANGED, GONE, stale_reason
from compassign.runs import RUNS
from compassign.sampling_progress import ChainProgress, SamplingProgress
from compassign.store.database import URL_VARIABLE
from compassign.store.records import Ending, Process, RunState
from compassign.store.runs import RunStore

pytest_plugins = ["example_runs"]


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunStore:
    monkeypatch.delenv(URL_VARIABLE, raising=False)
    return RunStore.open(tmp_path)


@pytest.fixture
def unknown(copied_folder: Path, tmp_path: Path) -> Path:
    """A complete run that the store does not know."""
    (copied_folder / "models").mkdir(exist_ok=True)
    (tmp_path / RUNS).mkdir()
    return copied_folder.rename(tmp_path / RUNS / "1-unknown")


def test_store_and_folders_make_one_list_newest_first(store: RunStore, unknown: Path, tmp_path: Path) -> None:
    first, second = (enqueue(store, RunConfig(model="lookup"), title).id for title in ("first", "second"))
    entries = list_entries(store, tmp_path)
    assert [(entry.run_id, entry.status, entry.position) for entry in entries] == [
        (second, "queued", 2),
        (first, "queued", 1),
        ("1-unknown", "done", None),
    ]
    table = run_table(entries)
    assert table["title"].tolist() == ["second", "first", "lookup on example"]
    assert table["n_accepted"].isna().tolist() == [True, True, False]
    adopt(store, unknown)
    adopted = list_entries(store, tmp_path)[-1]
    assert adopted.row is not None
    assert (adopted.status, adopted.title, adopted.duration_s is not None) == ("done", "lookup on example", True)
    assert run_table([]).empty


def test_a_run_whose_folder_is_gone_stays_in_the_list_without_results(store: RunStore, tmp_path: Path) -> None:
    run_id = enqueue(store, RunConfig(model="lookup")).id
    store.claim(limit=1)
    assert list_entries(store, tmp_path)[0].duration_s is None  # while it goes on
    store.finish(run_id, Ending("done", "converged"))
    entry = list_entries(store, tmp_path)[0]
    assert entry.duration_s is not None
    assert (entry.status, entry.summary, entry.verdict, entry.stale) == ("done", None, None, "")


def test_the_share_of_the_whole_grows_from_stage_to_stage(store: RunStore) -> None:
    run_id = enqueue(store, RunConfig(model="lookup")).id
    store.claim(limit=1)
    store.attach(run_id, Process("here", 1, 1))
    chains = SamplingProgress((ChainProgress(0, 30, 120, True, 2, 0.5),), 9.0)
    shares = []
    for state in (
        RunState(),
        RunState("dataset", 1.0),
        RunState("fit", 0.25, "", chains),
        RunState("results", 1.0),
    ):
        store.beat(run_id, state)
        live = live_run(store.get(run_id))
        shares.append(live.share)
        assert (live.eta_s, len(live.chains)) == ((9.0, 1) if state.sampling else (None, 0))
    assert shares == pytest.approx([0.0, 0.05, 0.35 + 0.45 / 4, 1.0])
    then = replace(store.get(run_id), heartbeat_at=datetime(2020, 1, 1, tzinfo=UTC))
    assert live_run(then).silent_s > 1e6


def test_the_end_of_a_log_is_read_whatever_it_holds(tmp_path: Path) -> None:
    assert log_tail(tmp_path, 3) == ""
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "run.log").write_bytes(b"\xff broken\n" + b"line\n" * 9000 + b"last")
    assert log_tail(tmp_path, 2) == "line\nlast"


def test_every_file_is_listed_with_what_it_is(unknown: Path) -> None:
    files = artifact_table(unknown).set_index("file")
    assert files.loc["results/run.json", "about"] == "The configuration, to repeat the run"
    assert (files["bytes"] > 0).all()
    assert artifact_table(unknown / "nowhere").empty


def test_a_run_is_stale_once_its_dataset_has_changed(
    unknown: Path, example_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    for file in example_data.iterdir():
        (data / file.name).write_bytes(file.read_bytes())
    record = read_record(unknown)
    config = record.config.model_copy(update={"data": data})
    made_now = record.model_copy(update={"config": config, "started": datetime.now(UTC).isoformat()})
    made_later = made_now.model_copy(update={"started": "2999-01-01T00:00:00+00:00"})
    assert stale_reason(made_now) == ""
    labels = data / "labels.csv"
    labels.write_text("peak_id,compound_id\np01,leu\n")
    os.utime(labels, (0, 0))  # a copy that keeps its old time
    assert stale_reason(made_now) == CHANGED["labels_hash"]
    loads: list[Path] = []
    monkeypatch.setattr(staleness, "load_with", loads.append)
    assert stale_reason(made_now) == CHANGED["labels_hash"]
    assert stale_reason(made_later) == ""
    assert loads == []  # neither reads the dataset again
    monkeypatch.undo()
    (data / "truth.csv").write_text("nonsense\n")
    assert stale_reason(made_now) == GONE
    assert stale_reason(made_now.model_copy(update={"config": RunConfig()})) == ""
