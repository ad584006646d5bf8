"""Hashes: blind to how a table is written, awake to what it says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compassign.data.dataset import Dataset
from compassign.data.hashes import hash_answers, hash_ids
from compassign.data.load import build_dataset, load_dataset
from compassign.tables import POLARITIES

Tables = Mapping[str, pd.DataFrame]
Change = Callable[[pd.DataFrame], pd.DataFrame]


def small_tables() -> dict[str, pd.DataFrame]:
    """Tables that have every contract column."""
    return {
        "peaks": pd.DataFrame(
            {
                "peak_id": ["P1", "P2", "P3"],
                "species": ["plasma", "plasma", "urine"],
                "injection": ["a1", "a1", "a2"],
                "polarity": ["positive", "positive", "negative"],
                "mz": [181.07066, 203.0526, 179.0561],
                "rt_min": [5.2, 5.25, 5.1],
                "intensity": [123456.0, 2000.0, 0.5],
                "charge": [1, 1, -1],
                "adduct": ["[M+H]+", "[M+Na]+", ""],
                "isotope_group": ["g1", "g1", ""],
                "isotope_index": [0, 1, 0],
                "ms2_id": ["s1", "", ""],
            }
        ),
        "compounds": pd.DataFrame(
            {
                "compound_id": ["C1", "C2"],
                "name": ["Glucose", "Alanine"],
                "formula": ["C6H12O6", "C3H7NO2"],
                "exact_mass": [180.063388, 89.047678],
                "charge": [0, 0],
                "inchikey": ["WQZGKKKJIJFFOK-GASJEMHNSA-N", ""],
                "smiles": ["C", "CC"],
                "rt_pred_min": [5.0, np.nan],
                "rt_pred_sd_min": [0.5, np.nan],
                "known_in": ["plasma", ""],
            }
        ),
        "calibrants": pd.DataFrame(
            {"species": ["plasma", "urine"], "injection": ["", "a2"], "compound_id": ["C1", "C2"], "rt_min": [5.0, 4.5]}
        ),
        "injections": pd.DataFrame(
            {
                "injection": ["i1", "i2"],
                "species": ["plasma", "urine"],
                "polarity": ["positive", "positive"],
                "order": [1, 2],
                "role": ["sample", "pool"],
            }
        ),
        "abundances": pd.DataFrame({"peak_id": ["P1", "P2"], "i1": [10.5, np.nan], "i2": [11.0, 12.0]}),
        "labels": pd.DataFrame(
            {
                "peak_id": ["P1", "P2"],
                "compound_id": ["C1;C2", ""],
                "annotator": ["ann", "bob"],
                "confidence": ["0.9", "high"],
            }
        ),
        "truth": pd.DataFrame({"peak_id": ["P1", "P2", "P3"], "compound_id": ["C1;C2", "", "C2"]}),
    }


def build(tables: Tables) -> Dataset:
    return build_dataset(tables, {}, "small")


def hashes(dataset: Dataset) -> tuple[str, str, str]:
    return dataset.dataset_hash, dataset.labels_hash, dataset.truth_hash


def changed(table: str, column: str, row: int, value: object) -> dict[str, pd.DataFrame]:
    """The small tables with one cell replaced."""
    tables = small_tables()
    cells = tables[table][column].tolist()
    cells[row] = value
    return {**tables, table: tables[table].assign(**{column: cells})}


SMALL = hashes(build(small_tables()))


def test_hashes_are_sha256_digests() -> None:
    assert all(len(digest) == 64 and set(digest) <= set("0123456789abcdef") for digest in SMALL)
    assert len(set(SMALL)) == 3


SAME: dict[str, Change] = {
    "rows reversed": lambda frame: frame.iloc[::-1],
    "columns reversed": lambda frame: frame[frame.columns[::-1]],
    "foreign column": lambda frame: frame.assign(zz_note="x", aa_note=range(len(frame))),
    "other index": lambda frame: frame.set_index(pd.Index(range(50, 50 + len(frame)))),
    "text": lambda frame: frame.astype(object).fillna("").map(lambda cell: f"{cell} "),
}


@pytest.mark.parametrize("change", SAME.values(), ids=SAME.keys())
def test_how_a_table_is_written_does_not_matter(change: Change) -> None:
    assert hashes(build({name: change(frame) for name, frame in small_tables().items()})) == SMALL


def test_format_of_files_and_floats_does_not_matter(tmp_path: Path) -> None:
    for name, frame in small_tables().items():
        if name in {"peaks", "labels"}:
            frame.to_parquet(tmp_path / f"{name}.parquet")
        else:
            frame.to_csv(tmp_path / f"{name}.csv", index=False, float_format="%.12e")
    assert hashes(load_dataset(tmp_path)) == SMALL


@pytest.mark.parametrize(
    ("table", "column", "row", "value"),
    [
        ("peaks", "mz", 0, 181.070662),
        ("peaks", "rt_min", 0, 5.20002),
        ("peaks", "intensity", 0, 123456.3),
        ("compounds", "exact_mass", 0, 180.063389),
        ("calibrants", "rt_min", 0, 5.00001),
        ("labels", "compound_id", 0, "C2; C1"),
        ("labels", "confidence", 0, "0.900"),
        ("truth", "compound_id", 0, "C2;C1;C2"),
    ],
)
def test_changes_below_the_resolution_do_not_matter(table: str, column: str, row: int, value: object) -> None:
    assert hashes(build(changed(table, column, row, value))) == SMALL


CHANGES: list[tuple[str, str, int, object]] = [
    ("peaks", "peak_id", 2, "P4"),
    ("peaks", "species", 0, "urine"),
    ("peaks", "injection", 0, "a2"),
    ("peaks", "mz", 0, 181.07067),
    ("peaks", "rt_min", 0, 5.2001),
    ("peaks", "intensity", 0, 123457.0),
    ("peaks", "intensity", 2, 0.500001),
    ("peaks", "charge", 0, None),
    ("peaks", "adduct", 0, ""),
    ("peaks", "isotope_group", 0, "g2"),
    ("peaks", "isotope_index", 1, 2),
    ("peaks", "ms2_id", 0, "s2"),
    ("compounds", "name", 0, "glucose"),
    ("compounds", "formula", 0, ""),
    ("compounds", "exact_mass", 0, 180.06341),
    ("compounds", "charge", 1, 1),
    ("compounds", "inchikey", 0, ""),
    ("compounds", "smiles", 0, "O"),
    ("compounds", "rt_pred_min", 0, 5.0002),
    ("compounds", "rt_pred_sd_min", 0, 0.6),
    ("compounds", "known_in", 1, "urine"),
    ("calibrants", "species", 0, "urine"),
    ("calibrants", "injection", 0, "a1"),
    ("calibrants", "compound_id", 0, "C2"),
    ("calibrants", "rt_min", 0, 5.0001),
    ("injections", "species", 0, "urine"),
    ("injections", "polarity", 0, "negative"),
    ("injections", "order", 0, 3),
    ("injections", "role", 0, "blank"),
    ("abundances", "peak_id", 0, "P3"),
    ("abundances", "i1", 0, 10.6),
    ("abundances", "i1", 1, 0.0),
]


@pytest.mark.parametrize(("table", "column", "row", "value"), CHANGES, ids=[f"{c[0]}.{c[1]}.{c[2]}" for c in CHANGES])
def test_every_real_change_of_the_data_matters(table: str, column: str, row: int, value: object) -> None:
    tables = changed(table, column, row, value)
    if column == "charge" and table == "compounds":
        tables["compounds"] = tables["compounds"].assign(exact_mass=[180.063388, 89.047129])
    if column == "peak_id" and table == "peaks":
        tables["truth"] = tables["truth"].iloc[:2]
    assert build(tables).dataset_hash != SMALL[0]


def test_the_polarity_matters_wherever_it_comes_from() -> None:
    tables = small_tables()
    tables["peaks"] = tables["peaks"].drop(columns=["polarity", "charge", "adduct"])
    digests = {polarity: build_dataset(tables, {"polarity": polarity}, "small").dataset_hash for polarity in POLARITIES}
    assert len(set(digests.values())) == 2
    written = {**tables, "peaks": tables["peaks"].assign(polarity="negative")}
    assert build(written).dataset_hash == digests["negative"]


@pytest.mark.parametrize("table", ["calibrants", "injections", "abundances"])
def test_a_missing_row_or_table_matters(table: str) -> None:
    tables = small_tables()
    shorter = {**tables, table: tables[table].iloc[:1]}
    without = {name: frame for name, frame in tables.items() if name != table}
    if table == "injections":  # without it every abundance column is an injection, which is what it says too
        shorter["abundances"] = tables["abundances"][["peak_id", "i1"]]
    found = {build(shorter).dataset_hash, build(without).dataset_hash, SMALL[0]}
    assert len(found) == 3


def test_retention_matters_where_it_has_rows() -> None:
    table = pd.DataFrame({"system": ["S1", "S2"], "compound_id": ["C1", "C2"], "rt_min": [5.0, 4.5]})
    tables = small_tables()
    found = [table, table.assign(rt_min=[5.0, 4.6]), table.assign(system="S1"), table.iloc[:1]]
    assert len({build({**tables, "retention": each}).dataset_hash for each in found} | {SMALL[0]}) == 5
    assert build({**tables, "retention": table.iloc[:0]}).dataset_hash == SMALL[0]
    assert (
        build({**tables, "retention": table.iloc[::-1]}).dataset_hash
        == build({**tables, "retention": table}).dataset_hash
    )


def test_a_repeated_calibrant_matters() -> None:
    tables = small_tables()
    twice = pd.concat([tables["calibrants"], tables["calibrants"].iloc[:1]])
    assert build({**tables, "calibrants": twice}).dataset_hash != SMALL[0]


def test_a_renamed_abundance_column_matters() -> None:
    tables = small_tables()
    del tables["injections"]
    renamed = {**tables, "abundances": tables["abundances"].rename(columns={"i1": "i9"})}
    assert build(tables).dataset_hash != build(renamed).dataset_hash


@pytest.mark.parametrize(
    ("column", "value"),
    [("peak_id", "P3"), ("compound_id", "C1"), ("compound_id", ""), ("annotator", "eve"), ("confidence", "0.8")],
)
def test_labels_have_their_own_hash(column: str, value: str) -> None:
    dataset_digest, labels_digest, truth_digest = hashes(build(changed("labels", column, 0, value)))
    assert (dataset_digest, truth_digest) == (SMALL[0], SMALL[2])
    assert labels_digest != SMALL[1]


@pytest.mark.parametrize("value", ["C1", "", "C9", "C1;C2;C9"])
def test_truth_has_its_own_hash_also_outside_the_library(value: str) -> None:
    dataset_digest, labels_digest, truth_digest = hashes(build(changed("truth", "compound_id", 0, value)))
    assert (dataset_digest, labels_digest) == SMALL[:2]
    assert truth_digest != SMALL[2]


def test_cells_cannot_run_into_each_other() -> None:
    assert hash_ids(["a", "b"]) != hash_ids(["a,b"])
    assert hash_ids(['a","b']) != hash_ids(["a", "b"])
    assert hash_answers({"P": ["A", "B"]}) != hash_answers({"P": ["A;B"]})


@settings(max_examples=50)
@given(st.lists(st.text(), unique=True))
def test_ids_hash_as_a_set(ids: list[str]) -> None:
    assert hash_ids(reversed(ids)) == hash_ids(ids) == hash_ids([*ids, *ids])
    assert hash_ids([*ids, "".join(ids) + "!"]) != hash_ids(ids)


@settings(max_examples=8)
@given(st.permutations(range(3)), st.permutations(range(12)))
def test_any_order_of_rows_and_columns_gives_the_same_hash(rows: list[int], columns: list[int]) -> None:
    tables = small_tables()
    peaks = tables["peaks"].iloc[rows, columns]
    assert hashes(build({**tables, "peaks": peaks, "truth": tables["truth"].iloc[rows]})) == SMALL
