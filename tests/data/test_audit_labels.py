"""Audit labels: kept out of what fits train on, checked at the door, and part of the labels' hash."""

from __future__ import annotations

from pathlib import Path

import pytest
from dataset_tables import write_dataset

from compassign.data.dataset import Dataset
from compassign.data.load import load_dataset
from compassign.data.split import split_labels
from compassign.errors import InputError

HEADER = "peak_id,compound_id,purpose,inclusion_prob,skipped\n"
TRUTH = "peak_id,compound_id\nP1,C1\nP2,C1\nP3,C2\n"


def load(folder: Path, rows: str, header: str = HEADER, truth: str | None = None) -> Dataset:
    folder.mkdir(exist_ok=True)
    return load_dataset(write_dataset(folder, {"labels.csv": header + rows, "truth.csv": truth}))


def test_no_fit_sees_audit_labels(tmp_path: Path) -> None:
    dataset = load(tmp_path, "P3,C1;C2,audit,0.5,\nP1,C1,free,,\nP2,,audit,0.25,yes\n")
    assert dict(dataset.labels) == {"P1": frozenset({"C1"})}
    assert dataset.label_rows["peak_id"].tolist() == ["P1"]
    audit = dataset.audit
    assert audit.peak.tolist() == [2, 1]  # the order of the file
    assert audit.options[0] == {"C1", "C2"}
    assert audit.inclusion_prob.tolist() == [0.5, 0.25]
    assert audit.is_skipped.tolist() == [False, True]


@pytest.mark.parametrize("purpose", ["", "free", "active"])
def test_released_labels_are_trained_on(tmp_path: Path, purpose: str) -> None:
    dataset = load(tmp_path, f"P1,C1,{purpose},,\n")
    assert dict(dataset.labels) == {"P1": frozenset({"C1"})}
    assert dataset.audit.peak.size == 0


def test_a_dataset_without_labels_has_no_audit(tmp_path: Path) -> None:
    assert load_dataset(write_dataset(tmp_path, {})).audit.peak.size == 0


@pytest.mark.parametrize(
    ("rows", "column", "expected"),
    [
        ("P1,C1,audit,,\n", "inclusion_prob", "an empty cell, expected a number above 0, at most 1, where purpose"),
        ("P1,C1,audit,0,\n", "inclusion_prob", "'0', expected a number above 0"),
        ("P1,C1,audit,1.1,\n", "inclusion_prob", "'1.1', expected a number above 0"),
        ("P1,C1,free,0.5,\n", "inclusion_prob", "'0.5', expected an empty cell but where purpose is `audit`"),
        ("P1,,free,,yes\n", "skipped", "'yes', expected an empty cell but where purpose is `audit`"),
        ("P1,,audit,0.5,no\n", "skipped", "'no', expected `yes`"),
        ("P1,C1,audit,0.5,yes\n", "compound_id", "'C1', expected an empty cell where skipped is `yes`"),
        ("P1,C1,test,0.5,\n", "purpose", "'test', expected `active` or `audit` or `free`"),
        ("P1,C1,audit,0.5,\nP1,C1,audit,0.4,\n", "inclusion_prob", "'0.4', expected the same number"),
    ],
)
def test_one_message_for_a_cell_that_its_purpose_does_not_allow(
    tmp_path: Path, rows: str, column: str, expected: str
) -> None:
    with pytest.raises(InputError) as caught:
        load(tmp_path, rows)
    (problem,) = caught.value.problems
    assert f"column {column}" in str(problem)
    assert expected in str(problem)


def test_a_peak_of_the_audit_is_not_trained_on_whatever_else_is_said(tmp_path: Path) -> None:
    dataset = load(tmp_path, "P1,C1,audit,0.5,\nP1,C2,free,,\nP2,C1,,,\n")
    assert dict(dataset.labels) == {"P2": frozenset({"C1"})}
    assert dataset.label_rows["peak_id"].tolist() == ["P2"]
    assert dataset.audit.options == (frozenset({"C1"}),)
    (warning,) = dataset.warnings
    assert "'P1' are in the audit" in warning


def test_annotators_of_the_audit_agree_or_nobody_could_say(tmp_path: Path) -> None:
    rows = (
        "P1,C1,audit,0.5,\nP1,,audit,0.5,yes\nP2,C1;C2,audit,0.5,\nP2,C2,audit,0.5,\nP3,,audit,0.5,\nP3,C1,audit,0.5,\n"
    )
    audit = load(tmp_path, rows).audit
    assert audit.options == (frozenset({"C1"}), frozenset({"C2"}), frozenset())
    assert audit.is_skipped.tolist() == [False, False, True]


def test_hashes_of_labels_without_an_audit_stay(tmp_path: Path) -> None:
    plain = load(tmp_path / "a", "P1,C1\nP2,\n", "peak_id,compound_id\n").labels_hash
    assert load(tmp_path / "b", "P1,C1,free,,\nP2,,,,\n").labels_hash == plain
    hashes = {
        load(tmp_path / f"c{at}", rows).labels_hash
        for at, rows in enumerate(
            [
                "P1,C1,audit,0.5,\nP2,,,,\n",
                "P1,C1,audit,0.4,\nP2,,,,\n",
                "P1,,audit,0.5,\nP2,,,,\n",
                "P1,,audit,0.5,yes\nP2,,,,\n",
                "P1,C1,active,,\nP2,,,,\n",
            ]
        )
    }
    assert len(hashes | {plain}) == 6


def test_the_truth_of_an_audit_peak_never_becomes_a_label(tmp_path: Path) -> None:
    dataset = load(tmp_path, "P1,C1,audit,0.5,\n", truth=TRUTH)
    split = split_labels(dataset, 1.0, 0)
    assert split.labels == {"P3": frozenset({"C2"})}  # P2 is of the compound of P1
    assert split.scored == {"P1", "P2"}
