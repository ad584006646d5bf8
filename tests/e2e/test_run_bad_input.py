"""Whatever is wrong with a dataset, the real command names the place, exits with 2 and leaves nothing behind."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from run_tools import Ended, command, files
from study_files import CALIBRANTS, COMPOUNDS, LABELS, PEAKS, Content, swap, write_study

NO_ROWS_OF = {"peaks": PEAKS.splitlines()[0] + "\n", "compounds": COMPOUNDS.splitlines()[0] + "\n"}
SECONDS = "\n".join([PEAKS.splitlines()[0], *(f"p{i},human,195.0877,{60 * i},1000,positive" for i in range(1, 20))])
ADDUCTS = PEAKS.replace("polarity\n", "polarity,adduct\n").replace(",positive\n", ",positive,[M+H]+\n")

CASES: dict[str, tuple[dict[str, Content], tuple[str, ...]]] = {
    "missing file": ({"peaks": None}, ("peaks.csv is missing", "compounds.csv")),
    "missing library": ({"compounds": None}, ("compounds.csv is missing", "peaks.csv")),
    "missing column": (
        {"peaks": PEAKS.replace("rt_min", "minutes")},
        ("peaks.csv, row 1: the column rt_min is missing", "minutes"),
    ),
    "wrong type": (
        {"peaks": swap(PEAKS, "181.0720", "heavy")},
        ("peaks.csv, row 3, column mz: found 'heavy', expected a finite number above 0",),
    ),
    "NaN m/z": (
        {"peaks": swap(PEAKS, "181.0720", "NaN")},
        ("peaks.csv, row 3, column mz: found 'NaN', expected a finite number above 0",),
    ),
    "negative m/z": (
        {"peaks": swap(PEAKS, "132.1019", "-132.1019")},
        ("peaks.csv, row 4, column mz: found '-132.1019', expected a finite number above 0",),
    ),
    "retention times in seconds": (
        {"peaks": SECONDS},
        ("peaks.csv, row 20, column rt_min: found 1140", "expected minutes", "seconds", "Divide by 60"),
    ),
    "duplicate peak_id": (
        {"peaks": swap(PEAKS, "p3,", "p2,")},
        ("peaks.csv, row 4, column peak_id: found 'p2', expected a unique peak_id (row 3 has it already)",),
    ),
    "unknown compound in labels": (
        {"labels": swap(LABELS, "p1,c1", "p1,c99")},
        ("labels.csv, row 2, column compound_id: found 'c99', expected", "compounds"),
    ),
    "unknown peak in labels": (
        {"labels": swap(LABELS, "p1,c1", "p99,c1")},
        ("labels.csv, row 2, column peak_id: found 'p99', expected", "peaks"),
    ),
    "unknown compound in calibrants": (
        {"calibrants": swap(CALIBRANTS, "mouse,c2", "mouse,c98")},
        ("calibrants.csv, row 4, column compound_id: found 'c98', expected a compound_id of the compounds table",),
    ),
    "unknown species in calibrants": (
        {"calibrants": swap(CALIBRANTS, "mouse,c2", "yeast,c2")},
        ("calibrants.csv, row 4, column species: found 'yeast', expected a species",),
    ),
    "formula that does not parse": (
        {"compounds": swap(COMPOUNDS, "C8H10N4O2", "C8H10Qq4O2")},
        ("compounds.csv, row 2, column formula: found 'C8H10Qq4O2', expected a molecular formula", "Qq"),
    ),
    "mass that contradicts the formula": (
        {"compounds": swap(COMPOUNDS, "131.094629", "131.194629")},
        ("compounds.csv, row 5, column exact_mass: found '131.194629', expected", "C6H13NO2", "131.0946"),
    ),
    "neither mass nor formula": (
        {"compounds": swap(COMPOUNDS, "c3,theobromine,C7H8N4O2,", "c3,theobromine,,")},
        ("compounds.csv, row 4, column", "exact_mass"),
    ),
    "empty peak table": (
        {"peaks": NO_ROWS_OF["peaks"]},
        ("peaks.csv: found a header and no rows, expected at least one row",),
    ),
    "empty library": (
        {"compounds": NO_ROWS_OF["compounds"]},
        ("compounds.csv: found a header and no rows, expected at least one row",),
    ),
    "file without a byte": ({"peaks": b""}, ("peaks.csv",)),
    "no text": (
        {"compounds": swap(COMPOUNDS, "caffeine", "caf\x81ine").encode("latin-1")},
        ("compounds.csv, row 2", "UTF-8"),
    ),
    "unknown adduct": (
        {"peaks": swap(ADDUCTS, "100000,positive,[M+H]+", "100000,positive,[M+Xy]+")},
        ("peaks.csv, row 2, column adduct: found '[M+Xy]+', expected an adduct", "[M+H]+"),
    ),
}


def refuse(folder: Path, *words: str) -> Ended:
    """Run the command on what it must refuse, and check that it does so cleanly."""
    output = folder.parent / "output"
    ended = command("run", "--model", "lookup", "--data", str(folder), "--output", str(output), *words)
    assert ended.code == 2, ended.err
    assert "The input cannot be used" in ended.err
    assert "Traceback" not in ended.err
    assert ended.out == ""
    assert files(output) == ["compassign.db"]  # which lists the run as failed, with its reason
    assert not (output / "latest").is_symlink()
    return ended


@pytest.mark.parametrize(("tables", "said"), CASES.values(), ids=CASES.keys())
def test_bad_input_is_named_by_file_row_column_and_value(
    tmp_path: Path, tables: dict[str, Content], said: tuple[str, ...]
) -> None:
    ended = refuse(write_study(tmp_path / "study", **tables))
    (problem,) = [line for line in ended.err.splitlines() if line.startswith("  ")]
    for text in said:
        assert text in problem


def test_the_study_itself_is_good(tmp_path: Path) -> None:
    folder = write_study(tmp_path / "study", labels=LABELS, calibrants=CALIBRANTS)
    assert command("validate", str(folder)).code == 0


def test_all_problems_of_all_files_are_listed_at_once(tmp_path: Path) -> None:
    folder = write_study(
        tmp_path / "study",
        peaks=swap(swap(PEAKS, "181.0720", "-1"), "p3,", "p2,"),
        compounds=swap(COMPOUNDS, "C8H10N4O2", "C8H10Qq4O2"),
        labels="peak_id,compound_id\np77,c1\n",
    )
    err = refuse(folder).err
    assert "4 problems:" in err
    for text in ("peaks.csv, row 3", "peaks.csv, row 4", "compounds.csv, row 2", "labels.csv, row 2"):
        assert text in err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--adducts", "[M+Xy]+"), "[M+Xy]+"),
        (("--label-fraction", "0.2"), "the dataset has no truth to draw labels from"),
    ],
)
def test_a_setting_that_does_not_fit_the_data_is_bad_input(tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    assert said in refuse(write_study(tmp_path / "study"), *words).err


def test_a_folder_that_is_not_there_is_bad_input(tmp_path: Path) -> None:
    assert f"{tmp_path / 'study'}: does not exist" in refuse(tmp_path / "study").err


def test_bad_input_after_a_good_run_leaves_its_results_on_show(tmp_path: Path) -> None:
    output, good = tmp_path / "output", write_study(tmp_path / "good")
    words = ("run", "--model", "lookup", "--output", str(output), "--data")
    assert command(*words, str(good)).code == 0
    shown = (output / "latest").resolve()
    before = files(output / "runs")
    ended = command(*words, str(write_study(tmp_path / "bad", peaks=NO_ROWS_OF["peaks"])))
    assert ended.code == 2
    assert f"still show run {shown.name}" in ended.err
    assert (output / "latest").resolve() == shown
    assert files(output / "runs") == before


@pytest.mark.slow  # a process of its own imports the samplers before it reads the data
def test_the_installed_command_says_and_returns_the_same(tmp_path: Path) -> None:
    folder = write_study(tmp_path / "study", peaks=swap(PEAKS, "181.0720", "heavy"))
    words = ["run", "--model", "lookup", "--data", str(folder), "--output", str(tmp_path / "output")]
    program = [str(Path(sys.executable).with_name("compassign")), *words]
    done = subprocess.run(program, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "  peaks.csv, row 3, column mz: found 'heavy', expected a finite number above 0" in done.stderr
    assert "Traceback" not in done.stderr
