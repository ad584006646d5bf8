"""What follows from label events: what stands, what counts, and what is asked next."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from label_makers import event, label

from compassign.errors import InputError
from compassign.label_events import (
    LabelEvent,
    check_label,
    fold,
    is_open,
    last_undoable,
    needs_second,
    snapshot,
    standing,
)


def undo(number: int, of: int, **changes: Any) -> LabelEvent:
    return event(number, kind="undo", options=(), undoes=of, **changes)


def ids(events: list[LabelEvent]) -> list[int]:
    return [stored.id for stored in events]


def test_the_last_answer_of_each_annotator_stands_whatever_the_clock_said() -> None:
    events = [event(1), event(2, kind="null", options=()), event(3, annotator="bob"), event(4, peak_id="P2")]
    state = fold(reversed(events))
    assert {peak: {name: found.id for name, found in by.items()} for peak, by in state.answers.items()} == {
        "P1": {"ada": 2, "bob": 3},
        "P2": {"ada": 4},
    }
    assert ids(state.counting()) == [2, 3, 4]


def test_an_undo_brings_the_answer_before_back_and_an_undo_of_it_takes_that_back() -> None:
    changed = [event(1), event(2, options=("C2",)), undo(3, 2)]
    assert ids(fold(changed).counting()) == [1]
    assert ids(fold([*changed, undo(4, 3)]).counting()) == [2]
    assert ids(fold([*changed, undo(4, 1)]).counting()) == []
    assert ids(fold([*changed, undo(4, 2)]).counting()) == [1]  # once more changes nothing


@given(st.lists(st.integers(0, 30), max_size=30), st.randoms())
def test_standing_answers_are_those_that_a_replay_of_the_undo_stack_keeps(targets: list[int], random: Any) -> None:
    events, alive = [], {}
    for number, target in enumerate(targets, start=1):
        events.append(undo(number, target) if 0 < target < number else event(number))
    # independent: an event is alive unless an undo that is alive itself takes it back, decided from the front
    for stored in events:
        alive[stored.id] = not any(later.undoes == stored.id and _is_alive(later, events) for later in events)
    expected = [stored.id for stored in events if alive[stored.id] and stored.undoes is None]
    random.shuffle(events)
    assert ids(standing(events)) == expected


def _is_alive(stored: LabelEvent, events: list[LabelEvent]) -> bool:
    return not any(later.undoes == stored.id and _is_alive(later, events) for later in events)


def test_what_is_undone_next_is_ones_own_newest_answer() -> None:
    events = [event(1), event(2, peak_id="P2"), event(3, annotator="bob"), undo(4, 2)]
    newest = last_undoable(events, "ada")
    assert newest is not None
    assert newest.id == 1
    assert last_undoable([*events, undo(5, 1)], "ada") is None


def test_an_adjudication_counts_alone_until_it_is_undone() -> None:
    events = [event(1), event(2, annotator="bob", options=("C2",))]
    assert fold(events).disagreements() == ["P1"]
    settled = [*events, event(3, annotator="eve", options=("C2",), is_adjudication=True)]
    assert ids(fold(settled).counting()) == [3]
    assert fold(settled).disagreements() == []
    assert set(fold(settled).answers["P1"]) == {"ada", "bob"}
    assert fold([*settled, undo(4, 3, annotator="eve")]).disagreements() == ["P1"]


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (("candidate", ("C1",)), ("several", ("C1", "C2")), False),
        (("candidate", ("C1",)), ("library", ("C2",)), True),
        (("candidate", ("C1",)), ("null", ()), True),
        (("null", ()), ("bad_peak", ()), True),
        (("null", ()), ("null", ()), False),
        (("candidate", ("C1",)), ("unsure", ()), False),
        (("skip", ()), ("null", ()), False),
    ],
)
def test_answers_disagree_if_no_option_is_in_both(first: Any, second: Any, expected: bool) -> None:
    events = [event(1, kind=first[0], options=first[1]), event(2, annotator="bob", kind=second[0], options=second[1])]
    assert bool(fold(events).disagreements()) == expected


def test_a_snapshot_names_exactly_its_events() -> None:
    events = [event(1), event(2)]
    named = snapshot(events)
    assert snapshot(events[::-1]) == named
    assert named.last_event == 2
    assert snapshot([]).last_event == 0
    others = [events[:1], [event(1), event(2, note="n")], [event(1), replace(events[1], options=("C2",))]]
    assert len({named.hash, *(snapshot(other).hash for other in others)}) == 4


def test_about_the_share_of_peaks_is_asked_twice_and_a_larger_share_holds_a_smaller() -> None:
    peaks = [f"P{number}" for number in range(4000)]
    double = {share: {peak for peak in peaks if needs_second(peak, share, 7)} for share in (0.0, 0.1, 0.2, 1.0)}
    assert (len(double[0.0]), len(double[1.0])) == (0, 4000)
    assert abs(len(double[0.1]) - 400) < 4 * 19  # binomial SD
    assert double[0.1] < double[0.2]
    assert double[0.1] != {peak for peak in peaks if needs_second(peak, 0.1, 8)}


@pytest.mark.parametrize(
    ("events", "single", "double"),
    [
        ([], True, True),
        ([event(1, annotator="bob")], False, True),
        ([event(1, annotator="bob", kind="skip", options=())], True, True),
        ([event(1, annotator="bob", kind="unsure", options=())], True, True),
        ([event(1, annotator="bob"), event(2, annotator="eve")], False, False),
        ([event(1, kind="skip", options=())], False, False),
        ([event(1, annotator="eve", is_adjudication=True)], False, False),
    ],
)
def test_who_is_asked(events: list[LabelEvent], single: bool, double: bool) -> None:
    state = fold(events)
    assert (is_open(state, "P1", "ada", False), is_open(state, "P1", "ada", True)) == (single, double)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"kind": "maybe"}, "answer = 'maybe', expected one of candidate, several"),
        ({"options": ()}, "answer candidate names 0 compounds"),
        ({"kind": "several"}, "answer several names 1 compounds"),
        ({"kind": "null"}, "answer null names 1 compounds"),
        ({"kind": "several", "options": ("C2", "C1")}, "not sorted"),
        ({"kind": "adduct"}, "adduct = '' with answer adduct"),
        ({"adduct": "[M+K]+"}, "with answer candidate"),
        ({"kind": "undo", "options": ()}, "undoes = None with answer undo"),
        ({"undoes": 3}, "undoes = 3 with answer candidate"),
        ({"annotator": " "}, "annotator is empty"),
        ({"annotator": "a" * 101}, "annotator has 101 characters"),
        ({"note": "n" * 2001}, "note has 2001 characters"),
        ({"purpose": "audit"}, "inclusion_prob = None with purpose audit"),
        ({"purpose": "audit", "inclusion_prob": 0.0}, "inclusion_prob = 0.0, expected above 0"),
        ({"inclusion_prob": 0.5}, "with purpose free"),
        ({"purpose": "other"}, "purpose = 'other'"),
        ({"probability": 1.5}, "probability = 1.5"),
        ({"seconds": float("nan")}, "seconds = nan"),
        ({"mz": float("nan")}, "mz = nan"),
        ({"identification_level": 6}, "identification_level = 6, expected 1 to 5"),
    ],
)
def test_an_answer_that_breaks_its_rules_is_refused(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError, match="label of peak 'P1'") as raised:
        check_label(label("k", **changes))
    assert told in str(raised.value)


def test_every_kind_of_answer_can_be_given() -> None:
    for kind, options in (("candidate", ("C1",)), ("library", ("C1",)), ("several", ("C1", "C2"))):
        check_label(label("k", kind=kind, options=options))
    for kind in ("null", "bad_peak", "unsure", "skip"):
        check_label(label("k", kind=kind, options=(), purpose="audit", inclusion_prob=1.0, identification_level=5))
    check_label(label("k", kind="adduct", adduct="[M+K]+"))
    check_label(label("k", kind="undo", options=(), undoes=1))
