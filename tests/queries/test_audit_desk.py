"""The audit at the desk: drawn once of peaks that nobody was asked about, offered to nobody, learned by nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from label_makers import event

from compassign.cli_label import Answer, add_label, export_labels, import_labels
from compassign.config import RunConfig
from compassign.data.dataset import Dataset
from compassign.data.load import load_dataset
from compassign.errors import InputError
from compassign.label_events import DRAWER, LabelEvent, audit_draw, fold
from compassign.queries.audit_desk import called_by_run, draw_audit, n_open_to_draw, read_audit
from compassign.queries.detail import peak_detail
from compassign.queries.label_desk import (
    Answer as Said,
)
from compassign.queries.label_desk import ask, label_queue, source_of, store_answer
from compassign.queries.labels import Desk, next_peak, open_desk
from compassign.queries.review import settle
from compassign.queries.run_folder import Run
from compassign.refits import learned_answers
from compassign.run_labels import load_with, rows_now
from compassign.store.database import URL_VARIABLE
from compassign.store.labels import LabelStore

pytest_plugins = ["example_runs"]

AUDIT = {"purpose": "audit", "inclusion_prob": 0.5}
PASSED = {**AUDIT, "annotator": DRAWER, "kind": "skip", "options": ()}


def drawn(*peaks: str) -> list[LabelEvent]:
    return [event(number, peak_id=peak_id, **PASSED) for number, peak_id in enumerate(peaks, start=1)]


def said_of(events: list[LabelEvent]) -> dict[str, list[tuple[str, str]]]:
    answers = fold(events).answers
    return {peak_id: [(name, found.kind) for name, found in by.items()] for peak_id, by in answers.items()}


def test_an_audit_that_ends_early_is_of_the_peaks_up_to_there() -> None:
    events = drawn("P1", "P2", "P3", "P4")
    assert said_of(events) == {}
    events.append(event(5, peak_id="P3", **AUDIT))
    passed = [(DRAWER, "skip")]
    assert said_of(events) == {"P1": passed, "P2": passed, "P3": [("ada", "candidate")]}
    events.append(event(6, peak_id="P1", kind="unsure", options=(), **AUDIT))
    assert said_of(events) == {"P1": [("ada", "unsure")], "P2": passed, "P3": [("ada", "candidate")]}
    events.append(event(7, peak_id="P3", kind="undo", options=(), undoes=5))
    assert said_of(events) == {"P1": [("ada", "unsure")]}
    assert audit_draw(events) == dict.fromkeys(["P1", "P2", "P3", "P4"], 0.5)


def test_a_drawn_peak_stays_in_the_audit_until_its_answers_are_released() -> None:
    events = [*drawn("P1", "P2"), event(3, peak_id="P2")]
    assert said_of(events) == {"P2": [(DRAWER, "skip"), ("ada", "candidate")]}
    events = [*drawn("P1"), event(2, **AUDIT)]
    assert learned_answers(events) == {}
    events.append(event(3))  # said again, for another purpose
    assert learned_answers(events) == {"P1": frozenset({"C1"})}


@pytest.fixture
def desk(tmp_path: Path, lookup_run: Run, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.delenv(URL_VARIABLE, raising=False)
    return open_desk(LabelStore.open(tmp_path), tmp_path, source_of(lookup_run))


def answer(desk: Desk, run: Run, peak_id: str, said: Said) -> LabelEvent:
    audit = read_audit(run, desk, desk.events())
    question = ask(peak_detail(run, peak_id), "ada", f"key {peak_id}", audit.inclusion_prob[peak_id])
    assert not question.is_prelabel_visible
    return store_answer(desk, run, question, ("ada", False), said)


def test_the_draw_is_of_peaks_that_nobody_was_asked_about(desk: Desk, lookup_run: Run) -> None:
    queue = list(label_queue(lookup_run, desk, "entropy"))
    first = desk.store.append(desk.blank(queue[0], "ada", "first"))
    undo = replace(desk.blank(queue[0], "ada", "undo"), kind="undo", undoes=first.id)
    desk.store.append(undo)  # taken back, but she has seen it
    assert next_peak(desk, queue[1:], "bob") == queue[1]
    assert n_open_to_draw(lookup_run, desk, desk.events()) == (len(queue) - 2, 2)
    assert draw_audit(lookup_run, desk, 10_000) == len(queue) - 2
    found = read_audit(lookup_run, desk, desk.events())
    assert set(found.inclusion_prob) == set(queue[2:])
    assert found.level is None
    with pytest.raises(InputError, match="already"):
        draw_audit(lookup_run, desk, 5)


def test_the_draw_follows_from_the_seed_and_a_larger_one_begins_alike(
    desk: Desk, lookup_run: Run, tmp_path: Path
) -> None:
    other = open_desk(LabelStore.open(tmp_path / "other"), tmp_path / "other", source_of(lookup_run))
    draw_audit(lookup_run, desk, 8)
    draw_audit(lookup_run, other, 20)
    small, large = (list(audit_draw(of.events())) for of in (desk, other))
    assert large[:8] == small
    accepted = lookup_run.peaks["peak_id"][lookup_run.peaks["q_value"] <= 0.05].tolist()
    assert accepted
    drawn = set(accepted) & set(small)
    assert len(drawn) >= min(len(accepted), 4)  # of seventy, but every second is of the accepted while there are any


def test_what_is_drawn_is_offered_to_nobody(desk: Desk, lookup_run: Run) -> None:
    draw_audit(lookup_run, desk, 12)
    found = read_audit(lookup_run, desk, desk.events()).inclusion_prob
    assert len(found) == 12
    assert not set(found) & set(label_queue(lookup_run, desk, "margin", events=desk.events()))


def audited_dataset(desk: Desk, run: Run, output: Path) -> Dataset:
    config = RunConfig(data=run.record.config.data)
    return load_with(config, rows_now(output, config))


def test_answers_tell_the_false_share_and_no_run_learns_from_them(desk: Desk, lookup_run: Run, tmp_path: Path) -> None:
    draw_audit(lookup_run, desk, 40)
    queue = list(read_audit(lookup_run, desk, desk.events()).queue)
    called = dict(zip(lookup_run.peaks["peak_id"], lookup_run.peaks["assigned_compound"], strict=True))
    for peak_id in queue[:10]:
        named = (called[peak_id],) if called[peak_id] else ()
        stored = answer(desk, lookup_run, peak_id, Said("candidate" if named else "null", named))
        assert (stored.purpose, stored.is_prelabel_visible) == ("audit", False)
        assert stored.inclusion_prob is not None
    found = read_audit(lookup_run, desk, desk.events())
    assert found.level is not None
    assert found.level.share == 0.0
    dataset = audited_dataset(desk, lookup_run, tmp_path)
    assert dataset.labels == {}
    names = dataset.peaks["peak_id"].to_numpy()[dataset.audit.peak]
    assert names.tolist() == queue[:10]  # not the thirty that nobody got to
    assert not dataset.audit.is_skipped.any()


def test_what_the_command_line_says_of_a_drawn_peak_is_of_the_audit(
    desk: Desk, lookup_run: Run, tmp_path: Path
) -> None:
    draw_audit(lookup_run, desk, 3)
    peak_id = next(iter(read_audit(lookup_run, desk, desk.events()).queue))
    add_label(tmp_path, str(lookup_run.record.config.data), peak_id, Answer("null", "ada"))
    assert fold(desk.events()).answers[peak_id]["ada"].purpose == "audit"
    settled = settle(desk, fold(desk.events()).answers[peak_id]["ada"], ("bob", False), "settled")
    assert settled.purpose == "audit"
    assert audited_dataset(desk, lookup_run, tmp_path).labels == {}


def test_answers_are_released_by_storing_them_for_another_purpose(desk: Desk, lookup_run: Run, tmp_path: Path) -> None:
    draw_audit(lookup_run, desk, 3)
    peak_id = next(iter(read_audit(lookup_run, desk, desk.events()).queue))
    answer(desk, lookup_run, peak_id, Said("null"))
    data, file = str(lookup_run.record.config.data), tmp_path / "labels.csv"
    export_labels(tmp_path, data, file)
    rows = pd.read_csv(file, keep_default_na=False, dtype=str)
    assert rows[["peak_id", "annotator", "purpose"]].to_numpy().tolist() == [[peak_id, "ada", "audit"]]
    rows.assign(purpose="free", inclusion_prob="").to_csv(file, index=False)
    import_labels(tmp_path, data, file, None)
    dataset = audited_dataset(desk, lookup_run, tmp_path)
    assert (dict(dataset.labels), dataset.audit.peak.size) == ({peak_id: frozenset()}, 0)


def test_skipped_peaks_of_a_table_can_be_answered_and_its_answers_stand(
    desk: Desk, lookup_run: Run, example_data: Path
) -> None:
    plain = load_dataset(example_data)
    rows = np.array([4, 2, 9])
    audit = replace(
        plain.audit,
        peak=rows,
        options=(frozenset(), frozenset({"caf"}), frozenset()),
        inclusion_prob=np.array([0.5, 0.25, 0.5]),
        is_skipped=np.array([True, False, True]),
    )
    names = plain.peaks["peak_id"].to_numpy()[rows].tolist()
    with_file = replace(desk, dataset=replace(plain, audit=audit))
    found = read_audit(lookup_run, with_file, [])
    assert list(found.inclusion_prob) == names
    assert found.queue == {names[0]: 0.5, names[2]: 0.5}
    with pytest.raises(InputError, match="already"):
        draw_audit(lookup_run, with_file, 5)


def test_calls_are_those_of_the_run(lookup_run: Run) -> None:
    called = called_by_run(lookup_run.peaks)
    assert called.compound.tolist() == lookup_run.peaks["assigned_compound"].tolist()
    assert called.is_seen.tolist() == lookup_run.peaks["is_labelled"].tolist()
