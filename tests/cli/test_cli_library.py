"""`compassign import` puts a library into a dataset's folder; `compassign library` checks and merges one."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from compassign.cli import main

LIBRARY = (
    "name,formula,inchikey,smiles\n"
    "L-leucine,C6H13NO2,ROHFNLRQFUQHCH-YFKPBYRVSA-N,CC(C)C[C@H](N)C(=O)O\n"
    "D-leucine,C6H13NO2,ROHFNLRQFUQHCH-RXMQYKEDSA-N,CC(C)C[C@@H](N)C(=O)O\n"
    "glucose,C6H12O5,WQZGKKKJIJFFOK-GASJEMHNSA-N,OC[C@H]1OC(O)[C@H](O)[C@@H](O)[C@@H]1O\n"
)
PEAKS = "peak_id,species,polarity,mz,rt_min,intensity\np1,plasma,positive,132.1019,2.3,10\n"


def run_main(*words: object) -> int:
    with pytest.raises(SystemExit) as stop:
        main([str(word) for word in words])
    assert isinstance(stop.value.code, int)
    return stop.value.code


@pytest.fixture
def library(tmp_path: Path) -> Path:
    path = tmp_path / "library.csv"
    path.write_text(LIBRARY)
    return path


def test_an_imported_library_completes_a_dataset(
    library: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study = tmp_path / "study"
    study.mkdir()
    (study / "peaks.csv").write_text(PEAKS)
    assert run_main("import", library, "--out", study) == 0
    assert "a sheet of compounds" in capsys.readouterr().out
    assert run_main("validate", study) == 0
    assert run_main("import", library, "--out", study) == 2
    assert "say --replace" in capsys.readouterr().err
    assert run_main("import", library, "--out", study, "--replace") == 0


def test_import_says_which_formats_there_are(library: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_main("import", library, "--format", "excel", "--out", library.parent / "study") == 2
    assert "mzmine" in (said := capsys.readouterr().err)
    assert "hmdb" in said


def test_a_table_of_peaks_replaces_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "peaks.csv").write_text(PEAKS)
    assert run_main("import", tmp_path / "peaks.csv", "--out", tmp_path / "study", "--replace") == 2
    assert "--replace is for libraries" in capsys.readouterr().err


def test_what_is_said_of_peaks_is_refused_for_a_library(
    library: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_main("import", library, "--rt-unit", "s", "--out", tmp_path / "study") == 2
    assert "Name the column of retention times RT [s]" in capsys.readouterr().err
    assert not (tmp_path / "study").exists()


def test_problems_in_a_file_are_no_formulas(tmp_path: Path) -> None:
    (tmp_path / "library.csv").write_text("name,formula\n=1+1,C6H12O6x\n")
    assert run_main("library", tmp_path / "library.csv", "--problems", tmp_path / "problems.csv") == 0
    assert ",'=1+1," in (tmp_path / "problems.csv").read_text()


def test_library_lists_problems_with_rows_and_what_goes_together(
    library: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    problems = tmp_path / "problems.csv"
    assert run_main("library", library, "--problems", problems) == 0
    shown = capsys.readouterr().out
    assert "3 compounds, 3 with SMILES, 3 with InChIKey" in shown
    assert "a formula that is not the structure's: 1" in shown
    assert "1 group of 2 compounds" in shown
    with problems.open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["row"], row["name"], row["found"]) for row in rows] == [("4", "glucose", "C6H12O5")]


def test_library_merges_stereoisomers_to_a_new_file(
    library: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    merged = tmp_path / "merged.csv"
    assert run_main("library", library, "--merge-stereoisomers", "--out", merged) == 0
    assert "2 compounds written, of 3" in capsys.readouterr().out
    with merged.open() as file:
        assert [row["name"] for row in csv.DictReader(file)] == ["L-leucine / D-leucine", "glucose"]
    assert run_main("library", library, "--merge-stereoisomers", "--out", merged) == 2
    assert run_main("library", library, "--out", merged) == 2


@pytest.mark.parametrize("content", [PEAKS, "a,b,c\n1,2,3\n", ""])
def test_what_is_no_library_is_refused(content: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "x.csv").write_text(content)
    assert run_main("library", tmp_path / "x.csv") == 2
    assert run_main("library", tmp_path / "nowhere") == 2
    assert run_main("library", tmp_path) == 2
    assert "Traceback" not in capsys.readouterr().err
