"""The library assistant's tables for files, folders, Parquet and demonstrations."""

from __future__ import annotations

import io
from pathlib import Path

import pandas as pd
import pytest

from compassign.data.workspace import Source
from compassign.errors import InputError
from compassign.queries.library import merged_bytes, merged_library, report_on, report_on_file

LIBRARY = pd.DataFrame(
    {
        "compound_id": ["l", "d", "x"],
        "name": ["L-leucine", "D-leucine", "wrong"],
        "formula": ["C6H13NO2", "C6H13NO2", "C6H13NO3"],
        "smiles": ["CC(C)C[C@H](N)C(=O)O", "CC(C)C[C@@H](N)C(=O)O", "CC(C)C[C@H](N)C(=O)O"],
        "charge": [0, 0, 0],
    }
)


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_folder_is_checked_with_the_rows_of_its_file(ending: str, tmp_path: Path) -> None:
    write = LIBRARY.to_csv if ending == "csv" else LIBRARY.to_parquet
    write(tmp_path / f"compounds.{ending}", index=False)
    report = report_on(Source("study", "folder", tmp_path))
    assert report.problem_counts == {"a formula that is not the structure's": 1}
    assert report.problems[["row", "compound_id", "found"]].to_numpy().tolist() == [[4, "x", "C6H13NO3"]]
    assert report.group_counts["stereoisomers"] == (1, 2)
    assert (report.n_entries, report.n_with_structure, report.n_with_inchikey) == (3, 3, 0)


def test_the_library_of_a_demonstration_has_no_problems() -> None:
    report = report_on(Source("easy", "demo", difficulty="easy"))
    assert report.problem_counts == {}
    assert report.group_counts["isomers"][0] > 0


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_the_merged_library_keeps_the_first_ids_and_foreign_columns(ending: str, tmp_path: Path) -> None:
    library = LIBRARY.assign(shelf=["A", "B", "C"])[:2]
    write = library.to_csv if ending == "csv" else library.to_parquet
    write(tmp_path / f"compounds.{ending}", index=False)
    merged = pd.read_csv(io.BytesIO(merged_bytes(tmp_path)))
    assert merged[["compound_id", "shelf", "merged_from"]].to_numpy().tolist() == [["l", "A", "l;d"]]


def test_a_library_with_problems_is_not_merged_and_no_file_is_left(tmp_path: Path) -> None:
    LIBRARY.assign(formula=["C6H13NO2", "C6H13NOO2x", ""]).to_csv(tmp_path / "compounds.csv", index=False)
    with pytest.raises(InputError, match="row 3, column formula"):
        merged_library(tmp_path, tmp_path / "merged.csv")
    assert not (tmp_path / "merged.csv").exists()


def test_a_folder_without_a_library_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has no compounds.csv"):
        report_on_file(tmp_path)
