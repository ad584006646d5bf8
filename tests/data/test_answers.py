"""Labels and truth: sets of compounds, several annotators, compounds outside the library."""

from __future__ import annotations

from pathlib import Path

import pytest
from dataset_tables import write_dataset
from hypothesis import given
from hypothesis import strategies as st

from compassign.data.answers import format_options, parse_cells, parse_options
from compassign.data.dataset import Dataset
from compassign.data.load import load_dataset

HEADER = "peak_id,compound_id,annotator\n"


def load_labels(folder: Path, rows: str) -> Dataset:
    return load_dataset(write_dataset(folder, {"labels.csv": HEADER + rows}))


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("", set()),
        ("A", {"A"}),
        ("A;B", {"A", "B"}),
        (" A ; B ", {"A", "B"}),
        ("B;A;B", {"A", "B"}),
        ("A;", {"A"}),
        ("A,B", {"A,B"}),
    ],
)
def test_options_of_a_cell(cell: str, expected: set[str]) -> None:
    assert parse_options(cell) == expected
    assert parse_cells([cell, cell]) == [expected, expected]


@given(st.frozensets(st.text(st.characters(exclude_characters=";"), min_size=1).filter(lambda s: s == s.strip())))
def test_options_come_back(options: frozenset[str]) -> None:
    assert parse_options(format_options(options)) == options


@pytest.mark.parametrize(
    ("rows", "expected", "n_warnings"),
    [
        ("P1,C1,ann\n", {"P1": {"C1"}}, 0),
        ("P1,,ann\n", {"P1": set()}, 0),
        ("P1,C1;C2,ann\n", {"P1": {"C1", "C2"}}, 0),
        ("P1,C1,ann\nP1,C1,bob\n", {"P1": {"C1"}}, 0),
        ("P1,,ann\nP1,,bob\n", {"P1": set()}, 0),
        ("P1,C1;C2,ann\nP1,C2;C3,bob\n", {"P1": {"C2"}}, 0),
        ("P1,C1,ann\nP1,C2,bob\n", {"P1": {"C1", "C2"}}, 1),
        ("P1,C1;C2,ann\nP1,C2;C3,bob\nP1,C3,eve\n", {"P1": {"C1", "C2", "C3"}}, 1),
        ("P1,C1,ann\nP1,,bob\nP2,C2,ann\n", {"P2": {"C2"}}, 1),
        ("P1,C1,ann\nP1,C2,bob\nP2,C3,ann\nP2,,bob\n", {"P1": {"C1", "C2"}}, 2),
    ],
)
def test_rows_of_several_annotators(tmp_path: Path, rows: str, expected: dict[str, set[str]], n_warnings: int) -> None:
    dataset = load_labels(tmp_path, rows)
    assert dict(dataset.labels) == expected
    assert len(dataset.warnings) == n_warnings


def test_every_statement_is_kept(tmp_path: Path) -> None:
    rows = load_labels(tmp_path, "P1,C1,ann\nP1,C2,bob\nP2,,\n").label_rows
    assert list(rows.columns) == ["peak_id", "compound_id", "annotator", "confidence", "standing"]
    assert rows.to_numpy().tolist() == [
        ["P1", "C1", "ann", "", ""],
        ["P1", "C2", "bob", "", ""],
        ["P2", "", "", "", ""],
    ]


def test_truth_keeps_what_the_library_has(tmp_path: Path) -> None:
    truth = "peak_id,compound_id\nP1,C1;C9\nP2,C8;C9\nP3,\n"
    dataset = load_dataset(write_dataset(tmp_path, {"truth.csv": truth}))
    assert dataset.truth == {"P1": frozenset({"C1"}), "P2": frozenset(), "P3": frozenset()}
    assert len(dataset.warnings) == 2


def test_truth_without_rows_is_no_truth(tmp_path: Path) -> None:
    dataset = load_dataset(write_dataset(tmp_path, {"truth.csv": "peak_id,compound_id\n"}))
    assert dataset.truth is None
