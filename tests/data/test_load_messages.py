"""Every message: where the problem is, what was found, what was expected."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import pytest
from dataset_tables import COMPOUNDS, FILES, PEAKS, compounds_with, peaks_with, write_dataset

from compassign.data.load import build_dataset, load_dataset
from compassign.errors import InputError

Files = Mapping[str, str | bytes | None]
PEAKS_HEADER = PEAKS.splitlines()[0]
EXTRA_PEAKS = "peak_id,species,mz,rt_min,intensity,polarity,charge,adduct,isotope_index\n"
RT_PEAKS = "peak_id,species,mz,rt_min,intensity,polarity\n" + "".join(
    f"P{i},plasma,{100 + i},{{}},5,positive\n" for i in range(5)
)
RETENTION = "system,compound_id,rt_min\n"
CALIBRANTS = "species,injection,compound_id,rt_min\n"
INJECTIONS = "injection,species,polarity,order,role\n"
LIBRARY = "compound_id,name,formula,rt_pred_min,rt_pred_sd_min\n"


def times(scale: float, template: str = RT_PEAKS) -> str:
    """Peaks at 1 to 5 minutes, times a factor."""
    return template.format(*(scale * minute for minute in range(1, 6)))


def predicted(scale: float) -> str:
    """A library predicted at 1 to 5 minutes, times a factor."""
    return LIBRARY + "".join(f"C{i},x,C{i}H8,{scale * i},0.5\n" for i in range(1, 6))


CASES: dict[str, tuple[Files, tuple[str, ...]]] = {
    # files and their form
    "missing file": ({"peaks.csv": None}, ("peaks.csv is missing", "peaks.parquet", "'compounds.csv'")),
    "csv and parquet": ({"peaks.parquet": b"PAR1"}, ("peaks.csv and peaks.parquet", "only one of them")),
    "not parquet": (
        {"peaks.csv": None, "peaks.parquet": b"no parquet"},
        ("peaks.parquet: cannot be read as Parquet",),
    ),
    "no line": ({"peaks.csv": ""}, ("peaks.csv: found no line, expected a header and rows",)),
    "only blank lines": ({"peaks.csv": "\n,,\n"}, ("peaks.csv: found no line",)),
    "header only": ({"peaks.csv": PEAKS_HEADER}, ("peaks.csv: found a header and no rows", "at least one row")),
    "library header only": (
        {"compounds.csv": "compound_id,name,formula\n"},
        ("compounds.csv: found a header and no rows",),
    ),
    "no encoding": (
        {"compounds.csv": COMPOUNDS.replace("Fructose", "Fructos\x81").encode("latin-1")},
        ("compounds.csv, row 3: found byte 0x81 at offset 85", "expected text; save it as 'CSV UTF-8'"),
    ),
    "utf-16 cut off": ({"peaks.csv": PEAKS.encode("utf-16")[:-1]}, ("peaks.csv, row", "expected text")),
    "NUL byte": (peaks_with("P2", "P\x002"), ("peaks.csv, row 3: found a NUL byte at offset 83",)),
    "ragged, short": (peaks_with("203.0526,", ""), ("peaks.csv, row 3: found 5 cells, expected 6 as in the header",)),
    "ragged, long": (peaks_with("203.0526", "203,0526"), ("peaks.csv, row 3: found 7 cells, expected 6",)),
    "open quote": (peaks_with("P2", '"P2'), ("peaks.csv, row 3: cannot be split into cells", "quote")),
    "duplicate column": (
        {"peaks.csv": PEAKS.replace("polarity", "mz")},
        ("peaks.csv, row 1: found the column 'mz' 2 times, expected it once",),
    ),
    "missing column": (
        peaks_with("rt_min", "rt"),
        ("peaks.csv, row 1: the column rt_min is missing, found peak_id, species, mz, rt, intensity",),
    ),
    "missing column, other case": (peaks_with("rt_min", "RT min"), ("rt_min is missing", "rename 'RT min'?")),
    "semicolons": (
        {"peaks.csv": PEAKS.replace(",", ";")},
        ("peaks.csv, row 1: found one column", "with semicolons or tabs? Export it with commas"),
    ),
    "missing column of the library": (compounds_with("name", "label"), ("compounds.csv, row 1: the column name",)),
    # cells of peaks
    "empty peak_id": (
        peaks_with("P2,", ","),
        ("peaks.csv, row 3, column peak_id: found an empty cell, expected a non-empty text",),
    ),
    "empty species": (peaks_with("urine", " "), ("peaks.csv, row 4, column species: found an empty cell",)),
    "duplicate peak_id": (
        peaks_with("P3", "P1"),
        ("peaks.csv, row 4, column peak_id: found 'P1', expected a unique peak_id (row 2 has it already)",),
    ),
    "mz is text": (peaks_with("203.0526", "abc"), ("peaks.csv, row 3, column mz: found 'abc'", "above 0")),
    "mz with comma": (peaks_with("203.0526", '"203,0526"'), ("row 3, column mz: found '203,0526'", "a decimal point")),
    "mz with underscore": (peaks_with("203.0526", "2_03"), ("row 3, column mz: found '2_03'",)),
    "mz empty": (peaks_with("203.0526", ""), ("row 3, column mz: found an empty cell",)),
    "mz NaN": (peaks_with("203.0526", "NaN"), ("row 3, column mz: found 'NaN'",)),
    "mz inf": (peaks_with("203.0526", "inf"), ("row 3, column mz: found 'inf', expected a finite number",)),
    "mz zero": (peaks_with("203.0526", "0"), ("row 3, column mz: found '0', expected a finite number above 0",)),
    "mz negative": (peaks_with("203.0526", "-203.1"), ("row 3, column mz: found '-203.1'",)),
    "rt negative": (peaks_with("5.3", "-5.3"), ("row 3, column rt_min: found '-5.3'", "0 or more (minutes)")),
    "rt NaN": (peaks_with("5.3", "nan"), ("row 3, column rt_min: found 'nan'",)),
    "intensity negative": (peaks_with("2000", "-1"), ("row 3, column intensity: found '-1'", "0 or more")),
    "intensity NaN": (peaks_with("2000", "NA"), ("row 3, column intensity: found 'NA'",)),
    "polarity": (
        {"peaks.csv": PEAKS.replace("negative", "neg")},
        ("peaks.csv, row 4, column polarity: found 'neg', expected `positive` or `negative`",),
    ),
    "charge is a fraction": (
        {"peaks.csv": EXTRA_PEAKS + "P1,s,100,1,1,,1.5,,\n"},
        ("peaks.csv, row 2, column charge: found '1.5', expected a signed whole number other than 0",),
    ),
    "charge 0": ({"peaks.csv": EXTRA_PEAKS + "P1,s,100,1,1,,0,,\n"}, ("row 2, column charge: found '0'",)),
    "isotope_index": (
        {"peaks.csv": EXTRA_PEAKS + "P1,s,100,1,1,,,,-1\n"},
        ("row 2, column isotope_index: found '-1', expected a whole number, 0 (monoisotopic) or more",),
    ),
    "unknown adduct": (
        {"peaks.csv": EXTRA_PEAKS + "P1,s,100,1,1,,,[M+Xx]+,\n"},
        ("peaks.csv, row 2, column adduct: found '[M+Xx]+', expected an adduct", "[M+H]+"),
    ),
    "charge against polarity": (
        {"peaks.csv": EXTRA_PEAKS + "P1,s,100,1,1,negative,1,,\n"},
        ("row 2, column charge: found '1', expected the sign of the polarity (negative in the polarity column)",),
    ),
    "charge against dataset.toml": (
        {"peaks.csv": EXTRA_PEAKS + "P1,s,100,1,1,,1,,\n", "dataset.toml": 'polarity = "negative"'},
        ("row 2, column charge: found '1'", "(negative in dataset.toml)"),
    ),
    "adduct against polarity": (
        {"peaks.csv": EXTRA_PEAKS + "P1,s,100,1,1,negative,,[M+H]+,\n"},
        ("row 2, column adduct: found '[M+H]+', expected an adduct of the polarity (negative",),
    ),
    "charge against adduct": (
        {"peaks.csv": EXTRA_PEAKS + "P1,s,100,1,1,,2,[M+H]+,\n"},
        ("row 2, column charge: found '2', expected the adduct's charge, +1",),
    ),
    # retention times in seconds
    "rt in seconds": (
        {"peaks.csv": times(60.0)},
        ("peaks.csv, row 6, column rt_min: found 300, the largest of 5, expected minutes, at most 200", "Divide by 60"),
    ),
    "one rt over the limit": (peaks_with("5.3", "200.1"), ("row 3, column rt_min: found 200.1", "were seconds")),
    "short run in seconds": (
        {"peaks.csv": times(30.0), "compounds.csv": predicted(0.5)},
        ("peaks.csv, row 6, column rt_min: found 150", "the scale of compounds.csv"),
    ),
    "predictions in seconds": (
        {"peaks.csv": times(0.5), "compounds.csv": predicted(30.0)},
        ("compounds.csv, row 6, column rt_pred_min: found 150", "the scale of peaks.csv"),
    ),
    "calibrants in seconds": (
        {"calibrants.csv": CALIBRANTS + "plasma,,C1,312\n"},
        ("calibrants.csv, row 2, column rt_min: found 312", "at most 200"),
    ),
    # the library
    "duplicate compound_id": (
        compounds_with("C3", "C1"),
        ("compounds.csv, row 4, column compound_id: found 'C1', expected a unique compound_id (row 2 has it already)",),
    ),
    "empty compound_id": (compounds_with("C2,", ","), ("compounds.csv, row 3, column compound_id: found an empty",)),
    "separator in compound_id": (compounds_with("C2", "C2;b"), ("row 3, column compound_id: found 'C2;b'", "';'")),
    "formula": (
        compounds_with("Fructose,C6H12O6", "Fructose,C6Xx"),
        ("compounds.csv, row 3, column formula: found 'C6Xx', expected a molecular formula", "'Xx'"),
    ),
    "mass against formula": (
        compounds_with("180.063388", "180.0645"),
        (
            "compounds.csv, row 2, column exact_mass: found '180.0645', expected within 5 ppm of 180.0633",
            "the monoisotopic mass of C6H12O6; it is off by +6.2 ppm",
        ),
    ),
    "mass without its electron": (
        compounds_with("104.106990", "104.107539"),
        ("row 4, column exact_mass: found '104.107539'", "with charge +1 (electrons removed or added)"),
    ),
    "mass is negative": (compounds_with("180.063388", "-180"), ("row 2, column exact_mass: found '-180'", "(Da)")),
    "neither formula nor mass": (
        compounds_with("Fructose,C6H12O6", "Fructose,"),
        ("compounds.csv, row 3, column formula: found an empty cell", "exact_mass; this row has neither"),
    ),
    "neither column": (
        {"compounds.csv": "compound_id,name\nC1,x\n"},
        ("compounds.csv, row 1: the columns formula and exact_mass are both missing",),
    ),
    "formula against charge": (
        compounds_with("104.106990,1", "104.106990,-1"),
        ("compounds.csv, row 4, column charge: found '-1', expected +1, the charge of the formula C5H14NO+",),
    ),
    "formula against charge 0": (compounds_with("104.106990,1", ",0"), ("row 4, column charge: found '0'",)),
    "charge is text": (compounds_with("180.063388,0", "180.063388,x"), ("row 2, column charge: found 'x'",)),
    "prediction is infinite": (
        {"compounds.csv": LIBRARY + "C1,x,CH4,inf,1\n"},
        ("compounds.csv, row 2, column rt_pred_min: found 'inf', expected a finite number (minutes)",),
    ),
    "prediction without spread": (
        {"compounds.csv": LIBRARY + "C1,x,CH4,5,0\n"},
        ("compounds.csv, row 2, column rt_pred_sd_min: found '0', expected a finite number above 0 (minutes)",),
    ),
    # references
    "calibrant compound": (
        {"calibrants.csv": CALIBRANTS + "plasma,,C9,3\n"},
        ("calibrants.csv, row 2, column compound_id: found 'C9', expected a compound_id of the compounds table",),
    ),
    "calibrant species": (
        {"calibrants.csv": CALIBRANTS + "blood,,C1,3\n"},
        ("calibrants.csv, row 2, column species: found 'blood', expected a species of the peaks",),
    ),
    "calibrant injection": (
        {"calibrants.csv": CALIBRANTS + "plasma,run1,C1,3\n"},
        ("calibrants.csv, row 2, column injection: found 'run1', expected an injection of the peaks",),
    ),
    "calibrant rt": (
        {"calibrants.csv": CALIBRANTS + "plasma,,C1,-3\n"},
        ("calibrants.csv, row 2, column rt_min: found '-3'",),
    ),
    "retention compound": (
        {"retention.csv": RETENTION + "S1,C1,3\nS1,C9,3\n"},
        ("retention.csv, row 3, column compound_id: found 'C9', expected a compound_id of the compounds table",),
    ),
    "retention rt": (
        {"retention.csv": RETENTION + "S1,C1,-3\n"},
        ("retention.csv, row 2, column rt_min: found '-3', expected a finite number, 0 or more",),
    ),
    "retention system": (
        {"retention.csv": RETENTION + ",C1,3\n"},
        ("retention.csv, row 2, column system: found an empty cell, expected a non-empty text",),
    ),
    "retention without times": (
        {"retention.csv": "system,compound_id\nS1,C1\n"},
        ("retention.csv", "the column rt_min is missing"),
    ),
    "label compound": (
        {"labels.csv": "peak_id,compound_id\nP1,C1\nP2,C1;C9\n"},
        ("labels.csv, row 3, column compound_id: found 'C9', expected a compound_id of the compounds table",),
    ),
    "label peak": (
        {"labels.csv": "peak_id,compound_id\nP9,C1\n"},
        ("labels.csv, row 2, column peak_id: found 'P9', expected a peak_id of the peaks table",),
    ),
    "truth peak": (
        {"truth.csv": "peak_id,compound_id\nP1,C1\nP9,C1\n"},
        ("truth.csv, row 3, column peak_id: found 'P9', expected a peak_id",),
    ),
    "truth twice": (
        {"truth.csv": "peak_id,compound_id\nP1,C1\nP1,C2\n"},
        ("truth.csv, row 3, column peak_id: found 'P1', expected a unique peak_id (row 2 has it already)",),
    ),
    "truth column": ({"truth.csv": "peak_id\nP1\n"}, ("truth.csv, row 1: the column compound_id is missing",)),
    # aligned tables
    "injection role": (
        {"injections.csv": INJECTIONS + "i1,plasma,positive,1,qc\n"},
        ("injections.csv, row 2, column role: found 'qc', expected `sample` or `pool` or `blank`",),
    ),
    "injection order": (
        {"injections.csv": INJECTIONS + "i1,plasma,positive,,pool\n"},
        ("injections.csv, row 2, column order: found an empty cell, expected a whole number",),
    ),
    "injection twice": (
        {"injections.csv": INJECTIONS + "i1,plasma,positive,1,pool\ni1,plasma,positive,2,pool\n"},
        ("injections.csv, row 3, column injection: found 'i1', expected a unique injection",),
    ),
    "abundance negative": (
        {"abundances.csv": "peak_id,i1\nP1,5\nP2,-5\n"},
        ("abundances.csv, row 3, column i1: found '-5', expected a finite number, 0 or more, or an empty cell",),
    ),
    "abundance text": ({"abundances.csv": "peak_id,i1\nP1,low\n"}, ("abundances.csv, row 2, column i1: found 'low'",)),
    "abundance peak": (
        {"abundances.csv": "peak_id,i1\nP9,5\n"},
        ("abundances.csv, row 2, column peak_id: found 'P9'",),
    ),
    "a label of nothing": (
        {"labels.csv": "peak_id,compound_id\nP1,C1\nP2, ; \n"},
        ("labels.csv, row 3, column compound_id: found ' ; '", "an empty cell: null"),
    ),
    "a truth of nothing": (
        {"truth.csv": "peak_id,compound_id\nP1,;\n"},
        ("truth.csv, row 2, column compound_id: found ';'",),
    ),
    "mz without its decimal point": (
        peaks_with("203.0526", "2030526"),
        ("peaks.csv, row 3, column mz: found '2030526'", "below 20,000"),
    ),
    # dataset.toml
    "toml": ({"dataset.toml": "name = small\n"}, ("dataset.toml: not valid TOML", "line 1")),
    "toml encoding": ({"dataset.toml": 'name = "é"\n'.encode("latin-1")}, ("dataset.toml, row 1: found byte 0xe9",)),
    "toml polarity": ({"dataset.toml": 'polarity = "pos"'}, ("dataset.toml, polarity: found 'pos'", "'negative'")),
    "toml polarity type": (
        {"dataset.toml": "polarity = ['positive']"},
        ("dataset.toml, polarity: found ['positive']",),
    ),
    "toml name": ({"dataset.toml": "name = 5"}, ("dataset.toml, name: found 5, expected a text",)),
    "toml clusters": ({"dataset.toml": 'species_clusters = "x"'}, ("dataset.toml, species_clusters: found 'x'",)),
    "toml cluster": (
        {"dataset.toml": "[species_clusters]\nplasma = 1"},
        ("dataset.toml, species_clusters.plasma: found 1, expected a table [species_clusters]",),
    ),
}


@pytest.mark.parametrize(("files", "parts"), CASES.values(), ids=CASES.keys())
def test_the_message_says_where_what_and_what_was_expected(
    tmp_path: Path, files: Files, parts: tuple[str, ...]
) -> None:
    with pytest.raises(InputError) as caught:
        load_dataset(write_dataset(tmp_path, files))
    assert len(caught.value.problems) == 1, caught.value.problems
    for part in parts:
        assert part in caught.value.problems[0]


NO_PROBLEM: dict[str, Files] = {
    "mass just inside 5 ppm": compounds_with("180.063388", "180.06428"),
    "rt at the limit": peaks_with("5.3", "200"),
    "rt and intensity zero": {"peaks.csv": PEAKS.replace("5.3,2000", "0,0")},
    "long gradient": {"peaks.csv": times(25.0), "compounds.csv": predicted(5.0)},
    "early references in a long run": {"peaks.csv": times(10.0), "compounds.csv": predicted(0.2)},
    "one wild prediction": {
        "compounds.csv": LIBRARY + "C0,x,CH4,500,1\n" + "".join(f"C{i},x,C{i}H8,5,1\n" for i in range(1, 60))
    },
    "negative prediction": {"compounds.csv": LIBRARY + "C1,x,CH4,-0.3,1\n"},
    "byte-order mark": {"peaks.csv": PEAKS.encode("utf-8-sig")},
    "trailing empty lines": {"peaks.csv": PEAKS + ",,,,,\n\n"},
    "windows line ends": {"peaks.csv": PEAKS.replace("\n", "\r\n")},
}


@pytest.mark.parametrize("files", NO_PROBLEM.values(), ids=NO_PROBLEM.keys())
def test_what_is_right_passes(tmp_path: Path, files: Files) -> None:
    dataset = load_dataset(write_dataset(tmp_path, files))
    assert dataset.peaks["peak_id"].tolist() == (
        ["P0", "P1", "P2", "P3", "P4"] if len(dataset.peaks) > 3 else ["P1", "P2", "P3"]
    )
    assert dataset.warnings == ()


def test_all_problems_of_all_files_are_listed(tmp_path: Path) -> None:
    files = {
        **peaks_with("203.0526", "abc"),
        **compounds_with("C6H12O6,180.063388", "Qq,180.063388"),
        "labels.csv": "peak_id,compound_id\nP9,C9\n",
        "calibrants.csv": "species\nplasma\n",
        "dataset.toml": "=",
    }
    with pytest.raises(InputError) as caught:
        load_dataset(write_dataset(tmp_path, files))
    named = [problem.split(",")[0].split(":")[0] for problem in caught.value.problems]
    assert {name: named.count(name) for name in named} == {
        "peaks.csv": 1,
        "compounds.csv": 1,
        "labels.csv": 2,
        "calibrants.csv": 2,
        "dataset.toml": 1,
    }


def test_a_broken_table_does_not_make_others_look_wrong(tmp_path: Path) -> None:
    files = {"compounds.csv": "compound,name\nC1,x\n", "truth.csv": "peak_id,compound_id\nP1,C1\n"}
    with pytest.raises(InputError) as caught:
        load_dataset(write_dataset(tmp_path, {**files, "labels.csv": files["truth.csv"]}))
    assert len(caught.value.problems) == 1
    assert "the column compound_id is missing" in caught.value.problems[0]


def test_a_row_that_is_lost_does_not_make_others_look_wrong(tmp_path: Path) -> None:
    files = {"peaks.csv": PEAKS.replace("203.0526", "203,0526"), "truth.csv": "peak_id,compound_id\nP1,C1\n"}
    with pytest.raises(InputError) as caught:
        load_dataset(write_dataset(tmp_path, {**files, "labels.csv": files["truth.csv"]}))
    assert len(caught.value.problems) == 1
    assert caught.value.problems[0].startswith("peaks.csv, row 3: found 7 cells")


def test_a_long_list_is_cut_and_counted(tmp_path: Path) -> None:
    rows = "".join(f"P{i},plasma,-1,5,5,positive\n" for i in range(1_030))
    with pytest.raises(InputError) as caught:
        load_dataset(write_dataset(tmp_path, {"peaks.csv": f"{PEAKS_HEADER}\n{rows}"}))
    assert len(caught.value.problems) == 21
    assert "row 21, column mz" in caught.value.problems[19]
    assert caught.value.problems[20] == "peaks.csv, column mz: and 1,010 more rows like these"


def test_ragged_rows_are_cut_and_counted(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        load_dataset(write_dataset(tmp_path, {"peaks.csv": PEAKS + "x,y\n" * 25}))
    assert caught.value.problems[-1] == "peaks.csv: and 5 more rows with another number of cells"


def test_rows_are_lines_of_the_file(tmp_path: Path) -> None:
    # the first row spans lines 2 and 3, line 4 is blank
    text = PEAKS.replace("P1,plasma", '"P\n1",plasma').replace("positive\nP2", "positive\n\nP2")
    with pytest.raises(InputError, match=r"peaks\.csv, row 5, column mz: found 'abc'"):
        load_dataset(write_dataset(tmp_path, {"peaks.csv": text.replace("203.0526", "abc")}))


def test_long_cells_are_shortened(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        load_dataset(write_dataset(tmp_path, peaks_with("203.0526", "x" * 500)))
    assert "'" + "x" * 57 + "...'" in caught.value.problems[0]


def test_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist, expected a folder with peaks.csv"):
        load_dataset(tmp_path / "nowhere")
    (tmp_path / "peaks.csv").write_text(PEAKS)
    with pytest.raises(InputError, match="is a file, expected a folder"):
        load_dataset(tmp_path / "peaks.csv")


def test_empty_folder_lists_both_files(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        load_dataset(tmp_path)
    assert [problem.split(" ")[0] for problem in caught.value.problems] == ["peaks.csv", "compounds.csv"]
    assert "is empty" in caught.value.problems[0]


def test_a_folder_in_place_of_a_file(tmp_path: Path) -> None:
    write_dataset(tmp_path, {"peaks.csv": None})
    (tmp_path / "peaks.csv").mkdir()
    with pytest.raises(InputError, match=r"peaks\.csv: cannot be read: Is a directory"):
        load_dataset(tmp_path)


def test_tables_in_memory_get_the_same_messages() -> None:
    peaks = pd.DataFrame(
        {"peak_id": ["a", "b\0"], "species": "s", "mz": [1.0, float("inf")], "rt_min": 1, "intensity": 1}
    )
    with pytest.raises(InputError) as caught:
        build_dataset({"peaks": peaks, "extra": peaks}, {}, "memory")
    assert [problem.split(":")[0] for problem in caught.value.problems] == [
        "found the tables 'extra', expected only peaks, compounds, calibrants, "
        "retention, injections, abundances, labels, truth",
        "compounds",
        "peaks, row 3, column peak_id",
        "peaks, row 3, column mz",
    ]


def test_duplicate_columns_in_memory() -> None:
    peaks = pd.DataFrame(
        [["a", "s", 1.0, 1.0, 1.0, 2.0]], columns=["peak_id", "species", "mz", "rt_min", "intensity", "mz"]
    )
    compounds = pd.DataFrame({"compound_id": ["c"], "name": ["c"], "formula": ["CH4"]})
    with pytest.raises(InputError, match="peaks, row 1: found the column 'mz' 2 times"):
        build_dataset({"peaks": peaks, "compounds": compounds}, {}, "memory")


WARNED: dict[str, tuple[Files, tuple[str, ...]]] = {
    "no polarity": (
        {"peaks.csv": PEAKS.replace(",polarity", "").replace(",positive", "").replace(",negative", "")},
        ("peaks.csv: the polarity of 3 of 3 peaks is not given, taken as positive", "dataset.toml"),
    ),
    "known_in": (
        {"compounds.csv": "compound_id,name,formula,known_in\nC1,x,CH4,plasma; liver\n"},
        ("compounds.csv, column known_in: no peak has the species 'liver'",),
    ),
    "cluster": (
        {"dataset.toml": '[species_clusters]\nliver = "organs"'},
        ("dataset.toml, species_clusters: no peak has the species 'liver'",),
    ),
    "a key of dataset.toml with a typo": (
        {"dataset.toml": 'polarty = "negative"\nphase = "C18"'},
        ("dataset.toml: found the key 'polarty', which means nothing here; is it polarity?",),
    ),
    "labels without rows": (
        {"labels.csv": "peak_id,compound_id\n"},
        ("labels.csv: found a header and no rows; counts as absent",),
    ),
    "labels disagree": (
        {"labels.csv": "peak_id,compound_id\nP1,C1\nP1,C2\n"},
        (
            "labels.csv: the rows of 'P1' disagree; any of the compounds named is allowed, unless the model learns who "
            "is right",
        ),
    ),
    "labels disagree on null": (
        {"labels.csv": "peak_id,compound_id\nP1,C1\nP1,\n"},
        (
            "labels.csv: the rows of 'P1' disagree on null or compound; not used as labels, unless the model learns "
            "who is right",
        ),
    ),
    "truth outside the library": (
        {"truth.csv": "peak_id,compound_id\nP1,X\nP2,C1\n"},
        ("truth.csv: the compounds of 1 peaks ('P1') are not in the library; their truth is null",),
    ),
    "truth partly outside the library": (
        {"truth.csv": "peak_id,compound_id\nP1,X;C1\n"},
        ("truth.csv: some compounds of 1 peaks ('P1') are not in the library; the others stay",),
    ),
    "infinite descriptor": (
        {"compounds.csv": "compound_id,name,formula,logp\nC1,x,CH4,inf\n"},
        ("compounds.csv: infinite values are taken as missing in the columns 'logp'",),
    ),
    "abundance column without injection": (
        {
            "injections.csv": INJECTIONS + "i1,plasma,positive,1,pool\n",
            "abundances.csv": "peak_id,i1,note\nP1,5,fine\n",
        },
        ("abundances.csv: the columns 'note' are no injections of the injections table; passed through",),
    ),
    "injection without abundance column": (
        {
            "injections.csv": INJECTIONS + "i1,plasma,positive,1,pool\ni2,plasma,positive,2,pool\n",
            "abundances.csv": "peak_id,i1\nP1,5\n",
        },
        ("abundances.csv: the injections 'i2' have no column",),
    ),
}


@pytest.mark.parametrize(("files", "parts"), WARNED.values(), ids=WARNED.keys())
def test_warnings_do_not_stop_the_loading(tmp_path: Path, files: Files, parts: tuple[str, ...]) -> None:
    dataset = load_dataset(write_dataset(tmp_path, files))
    assert len(dataset.warnings) == 1, dataset.warnings
    for part in parts:
        assert part in dataset.warnings[0]


def test_the_small_dataset_is_right(tmp_path: Path) -> None:
    assert load_dataset(write_dataset(tmp_path, FILES)).warnings == ()
