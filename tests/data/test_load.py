"""What a valid dataset becomes: defaults, dtypes, round trips and speed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import pytest
from dataset_tables import COMPOUNDS, PEAKS, write_dataset
from hypothesis import given, settings
from hypothesis import strategies as st

from compassign.data.load import build_dataset, load_dataset
from compassign.tables import RULES, contract_columns

INJECTIONS = "injection,species,polarity,order,role\ni1,plasma,positive,1,sample\ni2,blank,positive,2,blank\n"
ELECTRON_DA = 0.000548579909


def load(folder: Path, files: Mapping[str, str | bytes | None]) -> pd.DataFrame:
    return load_dataset(write_dataset(folder, files)).peaks


def test_optional_columns_of_peaks_are_filled_in(tmp_path: Path) -> None:
    peaks = load(tmp_path, {})
    assert list(peaks.columns) == list(contract_columns("peaks"))
    assert peaks["injection"].tolist() == ["plasma", "plasma", "urine"]
    assert peaks["isotope_index"].tolist() == [0, 0, 0]
    assert peaks["charge"].isna().all()
    assert (peaks[["adduct", "isotope_group", "ms2_id"]] == "").all(axis=None)
    assert {str(peaks[name].dtype) for name in ("mz", "rt_min", "intensity")} == {"float64"}
    assert (str(peaks["charge"].dtype), str(peaks["isotope_index"].dtype)) == ("Int64", "int64")


def test_empty_cells_of_optional_columns_get_the_defaults(tmp_path: Path) -> None:
    header = "peak_id,species,mz,rt_min,intensity,injection,isotope_index,charge\n"
    peaks = load(tmp_path, {"peaks.csv": header + "P1,s,100,1,1,,,\nP2,s,100,1,1,run1,2,-1\n"})
    assert peaks["injection"].tolist() == ["s", "run1"]
    assert peaks["isotope_index"].tolist() == [0, 2]
    assert peaks["charge"].tolist() == [pd.NA, -1]


@pytest.mark.parametrize(
    ("row", "toml", "expected"),
    [
        ("negative,,", 'polarity = "positive"', "negative"),
        (",,", 'polarity = "negative"', "negative"),
        (",-1,", "", "negative"),
        (",1,", "", "positive"),
        (",,[M-H]-", "", "negative"),
        (",,[M+Na]+", "", "positive"),
        (",,", "", "positive"),
    ],
)
def test_polarity_comes_from_the_first_source_that_has_it(tmp_path: Path, row: str, toml: str, expected: str) -> None:
    header = "peak_id,species,mz,rt_min,intensity,polarity,charge,adduct\n"
    dataset = load_dataset(
        write_dataset(tmp_path, {"peaks.csv": f"{header}P1,s,100,1,1,{row}\n", "dataset.toml": toml})
    )
    assert dataset.peaks["polarity"].tolist() == [expected]
    assert bool(dataset.warnings) == (row == ",," and not toml)


def test_masses_and_charges_of_the_library(tmp_path: Path) -> None:
    library = (
        "compound_id,name,formula,exact_mass,charge\n"
        "A,methane,CH4,,\n"  # mass from the formula
        "B,,C5H14NO+,,\n"  # charge from the formula
        "C,choline,C5H14NO,,1\n"  # charge from its own column: the electron is taken off
        "D,mystery,,250.5,\n"  # mass only
        "E,given,CH4,16.03135,0\n"  # a given mass stays as it is
    )
    compounds = load_dataset(write_dataset(tmp_path, {"compounds.csv": library})).compounds
    assert compounds["charge"].tolist() == [0, 1, 1, 0, 0]
    np.testing.assert_allclose(compounds["exact_mass"], [16.0313, 104.10699, 104.10699, 250.5, 16.03135], atol=2e-6)
    # of choline's mass and its atoms' mass, the difference is one electron
    atoms_da = 5 * 12 + 14 * 1.00782503223 + 14.00307400443 + 15.99491461957
    np.testing.assert_allclose(compounds["exact_mass"][2], atoms_da - ELECTRON_DA, atol=1e-7)
    assert compounds["name"].tolist() == ["methane", "B", "choline", "mystery", "given"]
    assert list(compounds.columns) == list(contract_columns("compounds"))


def test_foreign_columns_pass_through_and_descriptors_become_numbers(tmp_path: Path) -> None:
    files = {
        "peaks.csv": PEAKS.replace("polarity\n", "polarity,well,self\n")
        .replace("itive\n", "itive,007,x\n")
        .replace("negative\n", "negative,,y\n"),
        "compounds.csv": "logp,compound_id,name,formula,class,mostly\n1.5,C1,a,CH4,x,1\nNA,C2,b,CH4,,two\n",
    }
    dataset = load_dataset(write_dataset(tmp_path, files))
    assert dataset.peaks["well"].tolist() == ["007", "007", ""]
    assert list(dataset.peaks.columns)[-2:] == ["well", "self"]
    compounds = dataset.compounds
    assert str(compounds["logp"].dtype) == "float64"
    assert compounds["logp"].fillna(-1.0).tolist() == [1.5, -1.0]
    assert compounds["mostly"].tolist() == ["1", "two"]
    assert compounds["class"].tolist() == ["x", ""]


def test_other_encodings_are_read(tmp_path: Path) -> None:
    library = COMPOUNDS.replace("Fructose", "Fructosé")
    files = {"peaks.csv": PEAKS.encode("utf-16"), "compounds.csv": library.encode("cp1252")}
    dataset = load_dataset(write_dataset(tmp_path, files))
    assert "Fructosé" in dataset.compounds["name"].tolist()
    assert [warning for warning in dataset.warnings if "Windows-1252" in warning][0].startswith("compounds.csv")
    assert not any("peaks.csv: found text" in warning for warning in dataset.warnings)


def test_unnamed_columns_of_row_numbers_are_tolerated(tmp_path: Path) -> None:
    write_dataset(tmp_path, {"compounds.csv": COMPOUNDS})
    pd.read_csv(tmp_path / "peaks.csv").to_csv(tmp_path / "peaks.csv")
    assert list(load_dataset(tmp_path).peaks.columns)[-1] == "unnamed_1"


def test_calibrants_injections_and_abundances(tmp_path: Path) -> None:
    files = {
        "calibrants.csv": "species,injection,compound_id,rt_min\nplasma,,C1,5.0\nblank,i1,C2,6.5\n",
        "injections.csv": INJECTIONS,
        "abundances.csv": "peak_id,i1,i2,note\nP1,5,,a\nP2,NA,7.5,b\n",
    }
    dataset = load_dataset(write_dataset(tmp_path, files))
    assert dataset.calibrants.to_dict("list") == {
        "species": ["plasma", "blank"],
        "injection": ["", "i1"],
        "compound_id": ["C1", "C2"],
        "rt_min": [5.0, 6.5],
    }
    assert dataset.injections["order"].tolist() == [1, 2]
    assert dataset.abundances[["i1", "i2"]].fillna(-1.0).to_numpy().tolist() == [[5.0, -1.0], [-1.0, 7.5]]
    assert dataset.abundances["note"].tolist() == ["a", "b"]


def test_retention_on_other_systems(tmp_path: Path) -> None:
    rows = "system,compound_id,rt_min,column\nS1,C1,5.0,C18\nS1,C2,310,C18\nS2,C1,0,amide\n"
    dataset = load_dataset(write_dataset(tmp_path, {"retention.csv": rows}))
    assert dataset.retention["system"].tolist() == ["S1", "S1", "S2"]
    assert dataset.retention["compound_id"].tolist() == ["C1", "C2", "C1"]
    assert dataset.retention["rt_min"].tolist() == [5.0, 310.0, 0.0]  # in any unit
    assert dataset.warnings == ()


def test_absent_tables_have_their_columns_and_no_rows(tmp_path: Path) -> None:
    dataset = load_dataset(write_dataset(tmp_path, {}))
    for table in ("calibrants", "retention", "injections", "abundances"):
        frame = getattr(dataset, table)
        assert (len(frame), list(frame.columns)) == (0, [rule.name for rule in RULES[table]])
    assert (dict(dataset.labels), dataset.truth, len(dataset.label_rows)) == ({}, None, 0)


def test_dataset_toml(tmp_path: Path) -> None:
    toml = 'name = "small"\nlicence = "CC0"\nyear = 2026\n[species_clusters]\nplasma = "fluids"\n'
    dataset = load_dataset(write_dataset(tmp_path, {"dataset.toml": toml}))
    assert dataset.name == "small"
    assert dict(dataset.meta) == {"name": "small", "licence": "CC0", "year": "2026"}
    assert dict(dataset.species_clusters) == {"plasma": "fluids", "urine": "all"}


def test_without_a_name_the_folder_gives_it(tmp_path: Path) -> None:
    folder = tmp_path / "my_plasma"
    folder.mkdir()
    dataset = load_dataset(write_dataset(folder, {}))
    assert dataset.name == "my_plasma"
    assert dict(dataset.species_clusters) == {"plasma": "all", "urine": "all"}


def test_parquet_equals_csv(tmp_path: Path) -> None:
    truth = "peak_id,compound_id\nP1,C1\nP2,\n"
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    from_csv = load_dataset(write_dataset(tmp_path / "a", {"truth.csv": truth}))
    for table in ("peaks", "compounds", "truth"):
        pd.read_csv(tmp_path / "a" / f"{table}.csv").to_parquet(tmp_path / "b" / f"{table}.parquet")
    from_parquet = load_dataset(tmp_path / "b")
    pd.testing.assert_frame_equal(from_parquet.peaks, from_csv.peaks)
    pd.testing.assert_frame_equal(from_parquet.compounds, from_csv.compounds)
    assert from_parquet.truth == from_csv.truth == {"P1": frozenset({"C1"}), "P2": frozenset()}
    assert from_parquet.dataset_hash == from_csv.dataset_hash


def test_numbers_as_ids_are_text_in_memory_too() -> None:
    peaks = pd.DataFrame(
        {"peak_id": [7, 8], "species": "s", "mz": 100, "rt_min": 1, "intensity": 5, "polarity": "positive"}
    )
    compounds = pd.DataFrame({"compound_id": [11.0, 12.0], "name": None, "formula": "CH4"})
    truth = pd.DataFrame({"peak_id": [7.0, 8.0], "compound_id": [11.0, np.nan]})
    dataset = build_dataset({"peaks": peaks, "compounds": compounds, "truth": truth}, {}, "memory")
    assert dataset.peaks["peak_id"].tolist() == ["7", "8"]
    assert dataset.truth == {"7": frozenset({"11"}), "8": frozenset()}
    assert dataset.compounds["name"].tolist() == ["11", "12"]


def test_arguments_are_left_as_they_were() -> None:
    peaks = pd.DataFrame({"peak_id": ["a"], "species": ["s"], "mz": [100.0], "rt_min": [1.0], "intensity": [5.0]})
    compounds = pd.DataFrame({"compound_id": ["c"], "name": [""], "formula": ["CH4"], "logp": ["1.5"]})
    before = peaks.copy(), compounds.copy()
    build_dataset({"peaks": peaks, "compounds": compounds}, {"polarity": "negative"}, "memory")
    pd.testing.assert_frame_equal(peaks, before[0])
    pd.testing.assert_frame_equal(compounds, before[1])


# Cells that CSV can carry; blanks around a cell are taken off at loading.
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=8)
IDS = TEXT.map(str.strip).filter(bool)
MZ = st.floats(1e-3, 19_999.0)
PEAK = st.fixed_dictionaries(
    {
        "species": IDS,
        "mz": MZ,
        "rt_min": st.floats(0.0, 200.0),
        "intensity": st.floats(0.0, 1e12),
        "injection": IDS,
        "polarity": st.sampled_from(["positive", "negative"]),
        "isotope_group": st.just("") | IDS,
        "isotope_index": st.integers(0, 5),
    }
)


@settings(max_examples=20)
@given(rows=st.lists(PEAK, min_size=1, max_size=6), data=st.data())
def test_written_peaks_come_back_equal(rows: list[dict[str, object]], data: st.DataObject) -> None:
    ids = data.draw(st.lists(IDS, min_size=len(rows), max_size=len(rows), unique=True))
    peaks = pd.DataFrame({"peak_id": ids}).join(pd.DataFrame(rows))
    with TemporaryDirectory() as name:
        folder = write_dataset(Path(name), {"peaks.csv": None})
        peaks.to_csv(folder / "peaks.csv", index=False, quoting=1)
        from_csv = load_dataset(folder)
        in_memory = build_dataset({"peaks": peaks, "compounds": from_csv.compounds}, {}, "memory")
    pd.testing.assert_frame_equal(
        from_csv.peaks[list(peaks.columns)], peaks.astype({"isotope_index": "int64"}), check_dtype=False
    )
    pd.testing.assert_frame_equal(from_csv.peaks, in_memory.peaks)
    assert from_csv.dataset_hash == in_memory.dataset_hash


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("massbank_eawag", (1_445, 10_659, 1_445, 201)),
        ("massbank_athens", (845, 8_111, 845, 127)),
        ("plasma_rp30", (8_286, 6_959, 302, 40)),
        ("plasma_rp20", (8_910, 6_959, 310, 48)),
    ],
)
def test_the_public_tables_load_without_problems(
    shared_data: Path, name: str, counts: tuple[int, int, int, int]
) -> None:
    dataset = load_dataset(shared_data / name)
    assert dataset.name == name
    has_both = dataset.peaks["polarity"].nunique() > 1  # in one injection, so of the calibrants it is unknown
    assert [warning.startswith("calibrants.csv") for warning in dataset.warnings] == [True] * has_both
    assert dataset.truth is not None
    n_null = sum(not options for options in dataset.truth.values())
    assert (len(dataset.peaks), len(dataset.compounds), len(dataset.truth), n_null) == counts
    assert dataset.compounds["exact_mass"].notna().all()
