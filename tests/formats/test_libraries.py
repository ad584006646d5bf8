"""Each source's library becomes the same compounds.csv, or one message that says what is wrong and where."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from library_files import CAFFEINE, CHOLINE, FILES, HMDB, LEUCINE, LEUCINE_KEY, MSP, MZMINE, OWN, write_library
from pyteomics import mgf

from compassign.data.load import load_dataset
from compassign.errors import InputError
from compassign.formats.library import hmdb, sdf
from compassign.formats.library.importing import SPECTRA_FILE, ImportedLibrary, import_library
from compassign.formats.library.registry import find_library
from compassign.spectra.matching import match_to_compounds
from compassign.spectra.text import read_text_spectra

PEAKS = "peak_id,species,polarity,mz,rt_min,intensity\np1,plasma,positive,132.1019,2.3,10\n"
CAFFEINE_NAME = "Caffeine; 1,3,7-trimethylxanthine"


def imported(path: Path, target: Path, replace: bool = False) -> ImportedLibrary:
    known = find_library(path)
    assert known is not None
    return import_library(path, target, known, replace)


def written(tmp_path: Path, content: str, name: str = "library.csv") -> Path:
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    return path


@pytest.mark.parametrize("source", FILES)
def test_every_source_gives_the_same_compounds(source: str, tmp_path: Path) -> None:
    path = write_library(source, tmp_path)
    known = find_library(path)
    assert known is not None
    assert known.name == FILES[source][0]
    target = tmp_path / "study"
    target.mkdir()
    (target / "peaks.csv").write_text(PEAKS)
    found = imported(path, target)
    compounds = load_dataset(target).compounds  # checks masses, charges and ids
    assert found.n_compounds == len(compounds) == 3
    assert compounds["name"].tolist() == ["L-Leucine", "Choline", CAFFEINE_NAME]
    assert compounds["charge"].tolist() == [0, 1, 0]
    assert compounds["exact_mass"].to_numpy() == pytest.approx([131.094629, 104.106990, 194.080376], abs=1e-4)
    if found.n_with_rt:
        assert compounds["rt_pred_min"].fillna(-1.0).tolist() == pytest.approx([2.31, -1.0, 4.1])
    if found.n_with_structure == 3:
        assert sorted(compounds["smiles"]) == sorted([LEUCINE, CHOLINE, CAFFEINE])


def test_entries_of_one_compound_become_one_and_fill_each_other(tmp_path: Path) -> None:
    found = imported(write_library("mzmine", tmp_path), tmp_path / "study")
    assert (found.n_entries, found.n_compounds, found.n_merged) == (4, 3, 1)
    assert found.kept == ("CCS",)  # PubChem's numbers would predict retention times


def test_public_entries_without_a_mass_are_left_out_and_counted(tmp_path: Path) -> None:
    found = imported(write_library("HMDB", tmp_path), tmp_path / "study")
    assert found.n_entries == 4
    assert found.warnings == (
        "entries that have no formula, mass or structure that can be read (left out): 1, such as 'HMDB0099999'",
    )


def test_names_and_accessions_further_down_are_not_those_of_a_metabolite(tmp_path: Path) -> None:
    imported(write_library("HMDB", tmp_path), tmp_path / "study")
    compounds = pd.read_csv(tmp_path / "study" / "compounds.csv")
    assert compounds["compound_id"].tolist() == ["HMDB0000687", "HMDB0000097", "HMDB0001847"]
    assert compounds["hmdb_status"].tolist()[0] == "quantified"


def test_an_acid_drawn_as_its_anion_keeps_the_neutral_formula(tmp_path: Path) -> None:
    imported(written(tmp_path, "name,formula,smiles\nacetic acid,C2H4O2,CC(=O)[O-]\n"), tmp_path / "study")
    assert "charge" not in pd.read_csv(tmp_path / "study" / "compounds.csv").columns


@pytest.mark.parametrize(("source", "n_spectra"), [("MSP", 4), ("MGF", 3)])
def test_spectra_are_written_with_the_id_of_their_compound(source: str, n_spectra: int, tmp_path: Path) -> None:
    found = imported(write_library(source, tmp_path), tmp_path / "study")
    assert found.n_spectra == n_spectra
    path = tmp_path / "study" / SPECTRA_FILE
    with mgf.read(str(path), use_index=False) as spectra:
        read = list(spectra)
    assert read[0]["params"]["compound_id"] == LEUCINE_KEY
    assert read[0]["params"]["pepmass"][0] == 132.1019
    assert read[0]["m/z array"].tolist() == [44.0495, 86.0964]
    compounds = pd.read_csv(tmp_path / "study" / "compounds.csv", dtype=str, keep_default_na=False)
    library = match_to_compounds(read_text_spectra(path), compounds)
    assert library.n_used == n_spectra
    assert sorted(library.of_compound) == [0, 1, 2]


def test_a_file_may_be_larger_than_any_metabolite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hmdb, "_MAX_BYTES", 200_000)  # between the ends of two
    monkeypatch.setattr(hmdb, "_BLOCK_BYTES", 50_000)
    one = HMDB[HMDB.index("<metabolite>") : HMDB.index("</metabolite>") + len("</metabolite>")]
    many = "".join(one.replace("HMDB0000687", f"X{i}") for i in range(3000))
    path = written(tmp_path, f'<hmdb xmlns="http://www.hmdb.ca">{many}</hmdb>')
    assert path.stat().st_size > 1_000_000
    assert sum(1 for _ in hmdb.read_hmdb(path)) == 3000


def refused(path: Path, target: Path) -> str:
    with pytest.raises(InputError) as raised:
        imported(path, target)
    assert not target.exists()
    return str(raised.value)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("name,formula\nleucine,C6H13NO2\nglucose,C6H12O6x\n", "row 3, column formula: found 'C6H12O6x'"),
        ("name,exact_mass\nleucine,heavy\n", "row 2, column exact_mass: found 'heavy'"),
        (
            "name,formula,exact_mass\nleucine,C6H13NO2,132.1\n",
            "row 2, column exact_mass: found '132.1', expected about",
        ),
        ("name,formula\nleucine,\n", "row 2, column formula: found an empty cell, expected a formula, a mass"),
        ("name,formula\n,C6H13NO2\n", "row 2, column name: found an empty cell, expected a name"),
        (
            "id,formula\nA,C6H13NO2\nA,C6H12O6\n",
            "row 3, column compound_id: found 'A', expected each compound once; row 2",
        ),
        ("name,formula,note\nleucine,C6H13NO2,=1+1\n", "row 2, column note: found '=1+1', expected text or a number"),
        ("name,formula,rt\nleucine,C6H13NO2\n", "row 2: found 2 cells, expected 3 as in the header"),
        ("name,formula,charge\nleucine,C6H13NO2,up\n", "row 2, column charge: found 'up'"),
    ],
)
def test_a_fault_of_an_own_sheet_is_named_with_its_place(content: str, said: str, tmp_path: Path) -> None:
    assert said in refused(written(tmp_path, content), tmp_path / "study")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        (
            "x.xml",
            '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>\n<hmdb>&x;</hmdb>',
            "declares a document type",
        ),
        ("x.xml", HMDB[:700], "is no complete XML"),
        ("x.xml", "<hmdb></hmdb>", "found no compound (it has none)"),
        (
            "x.sdf",
            "m\n  p\n\n  0  0  0  0  0  0            999 V2000\nM  END\n> <LM_ID>\nX\n",
            "$$$$ after every structure",
        ),
        ("x.msp", "NAME: leucine\nFORMULA: C6H13NO2\nNum Peaks: 1\nmany 1\n", "line 4"),
        ("x.mgf", "BEGIN IONS\nFEATURE_ID=1\nPEPMASS=132.1\n50 1\nEND IONS\n", "as spectra.mgf"),
    ],
)
def test_a_damaged_or_hostile_library_is_refused(name: str, content: str, said: str, tmp_path: Path) -> None:
    assert said in refused(written(tmp_path, content, name), tmp_path / "study").replace("row 4", "line 4")


def test_a_metabolite_without_an_end_is_refused_before_it_fills_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hmdb, "_MAX_BYTES", 500_000)
    path = written(tmp_path, f"<hmdb><metabolite><name>{'x' * 2_000_000}")
    assert "without the end of a metabolite" in refused(path, tmp_path / "study")


def test_a_structure_without_an_end_is_refused_before_it_fills_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sdf, "_MAX_CHARACTERS", 1000)
    head = "m\n  p\n\n  0  0  0  0  0  0            999 V2000\nM  END\n"
    assert "found 1,000 characters" in refused(written(tmp_path, head + "x" * 2000), tmp_path / "study")


@pytest.mark.parametrize(
    "content",
    [
        "peak_id,mz,rt_min,name,formula\n1,132.1,2,,\n2,181.07,4,glucose,C6H12O6\n",  # annotated peaks
        "name,formula,mz,rt,area\nleucine,C6H13NO2,132.1,2,5\n",  # measured
        "row ID,row m/z,row retention time,name,formula,a.mzML Peak area\n1,132.1,2,leucine,C6H13NO2,5\n",
        "customer,amount,date\na,1,2\n",
    ],
)
def test_tables_of_peaks_are_no_libraries(content: str, tmp_path: Path) -> None:
    assert find_library(written(tmp_path, content)) is None


def test_a_library_is_replaced_only_when_asked_and_its_spectra_go_with_it(tmp_path: Path) -> None:
    target = tmp_path / "study"
    imported(write_library("MSP", tmp_path), target)
    with pytest.raises(InputError, match=r"compounds.csv: exists already; say --replace"):
        imported(write_library("own", tmp_path), target)
    assert (target / SPECTRA_FILE).exists()
    imported(write_library("own", tmp_path), target, replace=True)
    assert [path.name for path in target.iterdir()] == ["compounds.csv"]


def test_a_library_that_fails_leaves_the_one_that_was_there(tmp_path: Path) -> None:
    target = tmp_path / "study"
    imported(write_library("own", tmp_path), target)
    before = (target / "compounds.csv").read_bytes()
    bad = written(tmp_path, MSP.replace("138.0662 100", "138.0662 many"), "bad.msp")
    with pytest.raises(InputError, match="many"):
        imported(bad, target, replace=True)
    assert (target / "compounds.csv").read_bytes() == before
    assert [path.name for path in target.iterdir()] == ["compounds.csv"]


def test_windows_text_and_byte_order_marks_are_read(tmp_path: Path) -> None:
    path = tmp_path / "library.csv"
    path.write_bytes(OWN.replace("L-Leucine", "\N{GREEK SMALL LETTER BETA}-x").encode("utf-16"))
    imported(path, tmp_path / "one")
    assert pd.read_csv(tmp_path / "one" / "compounds.csv")["name"][0] == "\N{GREEK SMALL LETTER BETA}-x"
    path.write_bytes(MZMINE.replace("Choline", "Chol\N{LATIN SMALL LETTER I WITH DIAERESIS}ne").encode("cp1252"))
    assert any("Windows-1252" in warning for warning in imported(path, tmp_path / "two").warnings)
