"""Labels of the store in a dataset: found again after a re-import, and what they stand for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from label_makers import event

from compassign.data.dataset import Dataset
from compassign.data.load import build_dataset
from compassign.data.stored_labels import EXPORT_COLUMNS, LabelMatch, export_rows, match_labels, stored_rows
from compassign.label_events import LabelEvent

META = {"polarity": "positive"}
COMPOUNDS = pd.DataFrame(
    {"compound_id": ["C1", "C2", "C3"], "name": "x", "formula": ["C8H10N4O2", "C7H8N4O2", "C6H6O"]}
)


def peak_table(*rows: tuple[str, float, float], injection: str = "inj") -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["peak_id", "mz", "rt_min"])
    return frame.assign(species="s", intensity=1.0, injection=injection)


PEAKS = peak_table(("P1", 195.0877, 4.0), ("P2", 181.0720, 5.0), ("P3", 300.0, 6.0))


def said(number: int, row: int = 0, **changes: Any) -> LabelEvent:
    """An answer about a peak of PEAKS."""
    place = PEAKS.iloc[row]
    return event(number, peak_id=place["peak_id"], mz=place["mz"], rt_min=place["rt_min"], **changes)


def dataset(*events: LabelEvent, peaks: pd.DataFrame = PEAKS, labels: str | None = None) -> Dataset:
    """A dataset with answers of the store; labels : rows of labels.csv as peak,compound,annotator."""
    tables = {"peaks": peaks, "compounds": COMPOUNDS}
    if labels is not None:
        cells = [row.split(",") for row in labels.split()]
        tables["labels"] = pd.DataFrame(cells, columns=["peak_id", "compound_id", "annotator"])
    return build_dataset(tables, META, "d", stored_rows(events))


def match(old: tuple[str, float, float], *peaks: tuple[str, float, float], injection: str = "inj") -> LabelMatch:
    labelled = peak_table(old, injection=injection)
    return match_labels(labelled, peak_table(*peaks))


@pytest.mark.parametrize(
    ("kind", "options", "expected"),
    [
        ("candidate", ("C1",), {"P1": {"C1"}}),
        ("library", ("C3",), {"P1": {"C3"}}),
        ("several", ("C1", "C2"), {"P1": {"C1", "C2"}}),
        ("null", (), {"P1": set()}),
        ("bad_peak", (), {}),
        ("unsure", (), {}),
        ("skip", (), {}),
    ],
)
def test_what_each_answer_teaches_a_fit(kind: str, options: tuple[str, ...], expected: dict[str, set[str]]) -> None:
    assert dict(dataset(said(1, kind=kind, options=options)).labels) == expected


def test_another_adduct_teaches_its_compound() -> None:
    assert dict(dataset(said(1, kind="adduct", adduct="[M+K]+")).labels) == {"P1": {"C1"}}


def test_no_stored_labels_change_nothing() -> None:
    without = build_dataset({"peaks": PEAKS, "compounds": COMPOUNDS}, META, "d")
    assert dataset().labels_hash == without.labels_hash
    assert dataset(said(1)).labels_hash != without.labels_hash
    assert dataset(said(1)).dataset_hash == without.dataset_hash
    unsure = dataset(said(1, kind="unsure", options=()))
    assert (dict(unsure.labels), unsure.labels_hash) == ({}, without.labels_hash)


def test_the_store_takes_the_place_of_the_same_annotators_row_alone() -> None:
    file = "P1,C2,ada P2,C2,ada P1,C1,bob"
    found = dataset(said(1), labels=file)
    assert dict(found.labels) == {"P1": {"C1"}, "P2": {"C2"}}
    taken_back = dataset(said(1, kind="unsure", options=()), labels="P1,C2,ada P2,C2,ada")
    assert dict(taken_back.labels) == {"P2": {"C2"}}
    settled = dataset(said(1, annotator="eve", options=("C3",), is_adjudication=True), labels=file)
    assert dict(settled.labels) == {"P1": {"C3"}, "P2": {"C2"}}


def test_audit_answers_are_never_trained_on_and_those_without_an_answer_are_skipped() -> None:
    audit: dict[str, Any] = {"purpose": "audit", "inclusion_prob": 0.25}
    found = dataset(
        said(1, **audit), said(2, 1, kind="unsure", options=(), **audit), said(3, 2, options=("gone",), **audit)
    )
    assert dict(found.labels) == {}
    assert found.audit.peak.tolist() == [0, 1, 2]
    assert found.audit.options[0] == {"C1"}
    assert found.audit.is_skipped.tolist() == [False, True, True]
    assert found.audit.inclusion_prob.tolist() == [0.25] * 3


def test_compounds_that_left_the_library_are_named_and_not_used() -> None:
    found = dataset(said(1, options=("gone",)), said(2, 1))
    assert dict(found.labels) == {"P2": {"C1"}}
    assert any("'P1'" in warning and "library lacks" in warning for warning in found.warnings)


def test_what_is_exported_and_given_as_a_file_says_the_same() -> None:
    events = [said(1, note='a "note", with comma', identification_level=2), said(2, 1, kind="null", options=())]
    rows = export_rows(stored_rows([*events, said(3, 2, kind="skip", options=())]))
    assert tuple(rows.columns) == EXPORT_COLUMNS
    assert rows["identification_level"].tolist() == ["2", ""]
    as_file = build_dataset({"peaks": PEAKS, "compounds": COMPOUNDS, "labels": rows}, META, "d")
    assert (as_file.labels, as_file.labels_hash) == (dataset(*events).labels, dataset(*events).labels_hash)


@pytest.mark.parametrize(
    ("old", "peaks", "expected"),
    [
        (("P1", 200.0, 5.0), [("P1", 200.0, 5.0), ("P2", 200.0, 5.0)], ("P1", "same")),
        (("P1", 200.0, 5.0), [("Q7", 200.0019, 5.19)], ("Q7", "moved")),
        (("P1", 200.0, 5.0), [("Q7", 200.0021, 5.0)], (None, "lost")),
        (("P1", 200.0, 5.0), [("Q7", 200.0, 5.21)], (None, "lost")),
        (("P1", 200.0, 5.0), [("P1", 250.0, 5.0)], (None, "lost")),  # the id is another peak's now
        (("P1", 200.0, 5.0), [("P1", 250.0, 5.0), ("P9", 200.0, 5.0)], ("P9", "moved")),
        (("P1", 200.0, 5.0), [("P1", 200.0, 5.15), ("P2", 200.0, 5.0)], ("P2", "moved")),  # ids shifted by one
        (("P1", 200.0, 5.0), [("Q1", 200.0, 5.05), ("Q2", 200.0, 4.94)], (None, "ambiguous")),
        (("P1", 200.0, 5.0), [("P1", 200.0, 5.05), ("Q2", 200.0, 4.94)], ("P1", "same")),
        (("P1", 200.0, 5.0), [("Q1", 200.0, 5.02), ("Q2", 200.0, 5.18)], ("Q1", "moved")),
        (("P1", 200.0, 5.0), [("Q1", 200.0, 5.0), ("Q2", 200.0, 5.0)], (None, "ambiguous")),
    ],
)
def test_where_a_label_belongs_in_another_table(old: Any, peaks: Any, expected: tuple[str | None, str]) -> None:
    found, how = expected
    result = match(old, *peaks)
    assert result.peak_id == (found,)
    listed = {name: getattr(result, name) for name in ("moved", "ambiguous", "lost")}
    assert listed == {name: (("P1",) if name == how else ()) for name in listed}
    assert len(result.report()) == (how != "same")


def test_the_injection_counts_where_the_table_still_has_it() -> None:
    table = pd.concat([peak_table(("A", 200.0, 5.0), injection="one"), peak_table(("B", 200.0, 5.01), injection="two")])
    table = table.reset_index(drop=True)
    for injection, expected in (("one", "A"), ("two", "B")):
        labelled = peak_table(("P1", 200.0, 5.0), injection=injection)
        assert match_labels(labelled, table).peak_id == (expected,)
    assert match_labels(peak_table(("P1", 200.0, 5.005), injection="gone"), table).ambiguous == ("P1",)


def test_two_labelled_peaks_cannot_have_become_one() -> None:
    old = peak_table(("P1", 200.0, 5.0), ("P2", 200.0, 5.1), ("P1", 200.0, 5.0))
    both = match_labels(old, peak_table(("Q1", 200.0, 5.05)))
    assert (both.peak_id, both.ambiguous) == ((None, None, None), ("P1", "P2"))
    kept = match_labels(old, peak_table(("P2", 200.0, 5.05)))
    assert (kept.peak_id, kept.ambiguous) == ((None, "P2", None), ("P1",))


@given(st.integers(0, 2**32 - 1))
def test_renumbered_and_slightly_measured_anew_no_label_lands_on_another_peak(seed: int) -> None:
    rng = np.random.default_rng(seed)
    mz, rt_min = rng.uniform(100, 110, 60).round(3), rng.uniform(1, 10, 60)
    old = peak_table(*[(f"P{i}", mz[i], rt_min[i]) for i in range(60)])
    order = rng.permutation(60)
    kept = order[:50]
    new = peak_table(
        *[(f"P{k}", mz[i] * (1 + rng.normal(0, 1e-6)), rt_min[i] + rng.normal(0, 0.01)) for k, i in enumerate(kept)]
    )
    found = match_labels(old, new).peak_id
    truth = {f"P{i}": f"P{k}" for k, i in enumerate(kept.tolist())}
    placed = {name: where for name, where in zip(old["peak_id"], found, strict=True) if where is not None}
    # of those whose peak is there, none is elsewhere; a peak that is gone is only seldom taken for its neighbour
    assert {name: where for name, where in placed.items() if name in truth and truth[name] != where} == {}
    assert len(placed) >= 40
