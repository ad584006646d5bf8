"""What the labelling desk asks of the store."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from compassign.data.workspace import Source
from compassign.errors import InputError
from compassign.label_events import LabelEvent, fold, needs_second
from compassign.queries.label_desk import take_back
from compassign.queries.labels import (
    OVERLAP_SEED,
    Desk,
    answer_kind,
    answer_text,
    history,
    next_peak,
    open_desk,
    progress,
    ratings,
)
from compassign.store.database import DATABASE_NAME, URL_VARIABLE
from compassign.store.labels import LabelStore

MASSES = {"p1": 195.0877, "p2": 181.0720, "p3": 400.0, "p4": 410.0}
QUEUE = list(MASSES)


def write_peaks(folder: Path, masses: dict[str, float]) -> None:
    rows = [f"{peak_id},human,{mz},4.1,1000,a,positive" for peak_id, mz in masses.items()]
    (folder / "peaks.csv").write_text("\n".join(["peak_id,species,mz,rt_min,intensity,injection,polarity", *rows, ""]))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv(URL_VARIABLE, raising=False)
    data = tmp_path / "datasets" / "study"
    data.mkdir(parents=True)
    write_peaks(data, MASSES)
    (data / "compounds.csv").write_text("compound_id,name,formula\nC1,caffeine,C8H10N4O2\nC2,theobromine,C7H8N4O2\n")
    return data


@pytest.fixture
def desk(folder: Path, tmp_path: Path) -> Desk:
    return open_desk(LabelStore.open(tmp_path), tmp_path, Source("study", "folder", folder))


def say(desk: Desk, peak_id: str, annotator: str, **changes: Any) -> LabelEvent:
    key = f"k{len(desk.store.events(desk.key))}"
    said = {"kind": "null", "options": (), **changes}
    return desk.store.append(replace(desk.blank(peak_id, annotator, key), **said))


def test_each_annotator_gets_the_best_peak_that_nobody_holds_or_has_decided(desk: Desk) -> None:
    assert next_peak(desk, QUEUE, "ada", share=0.0) == "p1"
    assert next_peak(desk, QUEUE, "bob", share=0.0) == "p2"
    say(desk, "p1", "ada")
    assert next_peak(desk, QUEUE, "ada", share=0.0) == "p3"
    say(desk, "p2", "bob", kind="skip")
    assert next_peak(desk, QUEUE, "bob", share=0.0) == "p4"
    say(desk, "p3", "ada")
    assert next_peak(desk, QUEUE, "ada", share=0.0) == "p2"  # what one passes over, another is asked
    say(desk, "p2", "ada")
    say(desk, "p4", "bob")
    assert next_peak(desk, QUEUE, "ada", share=0.0) is None


def test_who_comes_back_goes_on_with_the_same_peak_though_the_queue_has_another_order(desk: Desk) -> None:
    assert next_peak(desk, QUEUE, "ada", share=0.0) == "p1"
    assert next_peak(desk, QUEUE[::-1], "ada", share=0.0) == "p1"
    assert next_peak(desk, QUEUE[::-1], "bob", share=0.0) == "p4"
    say(desk, "p1", "ada")
    assert next_peak(desk, QUEUE[::-1], "ada", share=0.0) == "p3"
    assert next_peak(desk, ["p1", "p2"], "ada", share=0.0) == "p2"  # what it held is in another run's queue alone


def test_what_was_taken_back_is_asked_next(desk: Desk) -> None:
    assert next_peak(desk, QUEUE, "ada", share=0.0) == "p1"
    say(desk, "p1", "ada")
    assert next_peak(desk, QUEUE[::-1], "ada", share=0.0) == "p4"
    assert take_back(desk, ("ada", False), "undo") is not None
    assert next_peak(desk, QUEUE[::-1], "ada", share=0.0) == "p1"


def test_events_are_read_once_and_anew_where_the_database_is_another_one(desk: Desk, tmp_path: Path) -> None:
    kept = say(desk, "p1", "ada")
    (tmp_path / "backup").write_bytes((tmp_path / DATABASE_NAME).read_bytes())
    assert desk.events() == [kept]
    say(desk, "p2", "ada")
    assert desk.events() == desk.store.events(desk.key)
    assert desk.log.all()[0] is desk.log.all()[0]
    (tmp_path / "backup").rename(tmp_path / DATABASE_NAME)
    assert desk.events() == [kept]
    other = say(desk, "p3", "bob")
    assert desk.events() == [kept, other]


def test_a_share_is_asked_twice_but_nobody_is_asked_twice(desk: Desk) -> None:
    share = 0.5
    double = [peak_id for peak_id in QUEUE if needs_second(peak_id, share, OVERLAP_SEED)]
    assert 0 < len(double) < len(QUEUE)
    asked: dict[str, list[str]] = {"ada": [], "bob": [], "eve": []}
    for annotator, peaks in asked.items():
        while (peak_id := next_peak(desk, QUEUE, annotator, share)) is not None:
            peaks.append(peak_id)
            say(desk, peak_id, annotator)
    assert asked == {"ada": QUEUE, "bob": double, "eve": []}


def test_a_peak_that_was_answered_between_reading_and_holding_is_not_asked(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold, is_first = LabelStore.hold, [True]

    def late(store: LabelStore, *words: Any) -> str | None:
        if is_first.pop():
            is_first.append(False)
            say(desk, "p1", "bob")
        else:
            is_first.append(False)
        return hold(store, *words)

    monkeypatch.setattr(LabelStore, "hold", late)
    assert next_peak(desk, QUEUE, "ada", share=0.0) == "p2"


def test_history_is_ones_own_and_shows_what_was_taken_back(desk: Desk) -> None:
    first = say(desk, "p1", "ada", note="why")
    say(desk, "p1", "bob", kind="candidate", options=("C1",))
    say(desk, "p2", "ada", kind="several", options=("C1", "C2"))
    say(desk, "p1", "ada", kind="undo", undoes=first.id)
    table = history(desk.events(), "ada", 10)
    assert table[["peak_id", "answer", "note", "is_undone"]].to_numpy().tolist() == [
        ["p2", "C1;C2", "", False],
        ["p1", "nothing in the library", "why", True],
    ]
    assert len(history(desk.events(), "ada", 1)) == 1
    assert history([], "ada", 1).empty


def test_answers_are_told_by_the_names_of_compounds(desk: Desk, folder: Path) -> None:
    said = say(desk, "p1", "ada", kind="several", options=("C1", "C2"))
    assert answer_text(said) == "C1;C2"
    assert answer_text(said, desk.names) == "caffeine;theobromine"
    rows = ["C1,sugar,C8H10N4O2", "C2,sugar,C7H8N4O2", "C3,,C6H12O6", ""]
    (folder / "compounds.csv").write_text("\n".join(["compound_id,name,formula", *rows]))
    again = replace(desk, dataset=Source("study", "folder", folder).load())
    assert again.names == {"C1": "sugar (C1)", "C2": "sugar (C2)", "C3": "C3"}


def test_progress_counts_what_is_done_and_left(desk: Desk) -> None:
    for seconds, peak_id in enumerate(("p1", "p2", "p3"), start=1):
        say(desk, peak_id, "ada", seconds=float(seconds), kind="skip" if peak_id == "p3" else "null")
    say(desk, "p1", "bob", kind="candidate", options=("C1",))
    found = progress(desk.events(), QUEUE, "ada", share=0.0)
    assert (found.n_own, found.n_decided, found.n_left, found.n_disagreements, found.pace_s) == (3, 2, 1, 1, 2.0)
    assert progress(desk.events(), QUEUE, "bob", share=0.0).n_left == 2
    assert progress([], QUEUE, "bob").pace_s is None


def test_ratings_are_the_answers_about_peaks_that_two_decided(desk: Desk) -> None:
    say(desk, "p1", "ada")
    say(desk, "p1", "bob", kind="candidate", options=("C1",), is_prelabel_visible=True)
    say(desk, "p1", "eve", kind="unsure")
    say(desk, "p2", "ada")
    say(desk, "p1", "eve", is_adjudication=True)
    table = ratings(fold(desk.events()))
    assert table.to_numpy().tolist() == [["p1", "ada", "nothing in the library", False], ["p1", "bob", "C1", True]]


def test_labels_follow_their_peaks_and_what_was_taken_back_stays_so(desk: Desk, folder: Path) -> None:
    say(desk, "p1", "ada")
    second = say(desk, "p2", "ada")
    say(desk, "p3", "ada")
    say(desk, "p2", "ada", kind="undo", undoes=second.id)
    write_peaks(folder, {"n1": 195.0878, "p2": 181.0720, "p4": 410.0})
    now = replace(desk, dataset=Source("study", "folder", folder).load())
    assert [event.peak_id for event in fold(now.events()).counting()] == ["n1"]
    assert now.match().moved == ("p1",)
    assert now.match().lost == ("p3",)
    assert next_peak(now, ["n1", "p2"], "ada", share=0.0) == "p2"


@pytest.mark.parametrize(
    ("options", "kind"), [((), "null"), (("C1",), "candidate"), (("C2",), "library"), (("C1", "C2"), "several")]
)
def test_the_kind_of_an_answer_follows_from_the_mass_window(desk: Desk, options: tuple[str, ...], kind: str) -> None:
    assert answer_kind(desk.dataset, "p1", frozenset(options)) == kind


def test_peaks_and_compounds_that_are_not_there_are_named(desk: Desk) -> None:
    with pytest.raises(InputError, match="peak 'p9': not a peak_id of study"):
        desk.blank("p9", "ada", "k")
    with pytest.raises(InputError, match="'C9': not a compound_id of study"):
        answer_kind(desk.dataset, "p1", frozenset({"C1", "C9"}))
