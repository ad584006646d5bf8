"""What the library assistant finds in entries that contradict themselves, and how it merges stereoisomers."""

from __future__ import annotations

import pytest
from library_files import CAFFEINE, CHOLINE, CHOLINE_KEY, LEUCINE, LEUCINE_KEY

from compassign.formats.library.checks import (
    ISOMERS,
    ONE_NAME,
    STEREOISOMERS,
    TWICE,
    check_entry,
    distinct,
    group_entries,
)
from compassign.formats.library.compounds import Compound
from compassign.formats.library.entry import Entry
from compassign.formats.library.merging import merge_stereoisomers
from compassign.spectra.spectrum import Spectrum
from compassign.spectra.text import read_text_spectra

D_LEUCINE, D_LEUCINE_KEY = "CC(C)C[C@@H](N)C(=O)O", "ROHFNLRQFUQHCH-RXMQYKEDSA-N"
LABELLED = "[2H]C([2H])([2H])C(C)C[C@H](N)C(=O)O"
GOOD = {
    "name": "L-Leucine",
    "formula": "C6H13NO2",
    "smiles": LEUCINE,
    "inchikey": LEUCINE_KEY,
    "exact_mass": "131.0946",
}


def entry(at: int, **fields: str) -> Entry:
    return Entry(at, fields)


def test_nothing_is_said_of_an_entry_that_agrees_with_itself() -> None:
    assert list(check_entry(Entry(2, GOOD))) == []


@pytest.mark.parametrize(
    "fields",
    [
        {"formula": "C2H4O2", "smiles": "CC(=O)[O-]"},  # an acid drawn as its anion
        {"formula": "C5H14NO", "smiles": CHOLINE, "exact_mass": "104.107539"},  # HMDB: with all electrons
        {"formula": "C5H14NO+", "smiles": CHOLINE, "exact_mass": "104.106990", "charge": "1"},
        {"inchikey": LEUCINE_KEY[:14], "formula": "C6H13NO2", "smiles": LEUCINE},  # merged before
        {"inchikey": LEUCINE_KEY[:15] + "MLHKIVSYNA-N", "formula": "C6H13NO2", "smiles": LEUCINE},  # not a standard key
    ],
)
def test_other_ways_of_writing_a_compound_are_no_problems(fields: dict[str, str]) -> None:
    assert list(check_entry(Entry(2, fields))) == []


@pytest.mark.parametrize(
    ("fields", "kind", "column", "expected"),
    [
        ({**GOOD, "formula": "C6H13NOO2x"}, "a formula that cannot be read", "formula", "a molecular formula"),
        ({**GOOD, "smiles": "CC(C"}, "a structure that cannot be read", "smiles", "RDKit"),
        (
            {**GOOD, "formula": "C6H11NO2", "exact_mass": ""},
            "a formula that is not the structure's",
            "formula",
            "C6H13NO2",
        ),
        ({**GOOD, "inchikey": D_LEUCINE_KEY}, "an InChIKey of a stereoisomer", "inchikey", LEUCINE_KEY),
        ({**GOOD, "inchikey": CHOLINE_KEY}, "an InChIKey of another structure", "inchikey", LEUCINE_KEY),
        ({**GOOD, "inchikey": "HMDB1"}, "an InChIKey that is none", "inchikey", "27 characters"),
        ({**GOOD, "inchikey": LEUCINE_KEY[:15] + "UHFFFAOYSA-N"}, "stereochemistry in one of", "inchikey", LEUCINE_KEY),
        ({**GOOD, "exact_mass": "132.1019"}, "a mass that is not the formula's", "exact_mass", "131.09463 Da"),
        ({**GOOD, "exact_mass": "heavy"}, "a mass that is none", "exact_mass", "a number above 0"),
        ({"name": "x", "formula": ""}, "nothing that says the mass", "formula", "a formula, a mass"),
        ({"formula": "C2H3NaO2", "smiles": "CC(=O)[O-].[Na+]"}, "a structure of several parts", "smiles", "here are 2"),
        ({"formula": "C5H14NO", "smiles": CHOLINE, "charge": "-1"}, "a charge that is not", "charge", "+1"),
    ],
)
def test_each_contradiction_is_named(fields: dict[str, str], kind: str, column: str, expected: str) -> None:
    found = list(check_entry(Entry(2, fields)))
    assert len(found) == 1
    assert found[0].kind.startswith(kind)
    assert found[0].column == column
    assert expected in found[0].expected


def test_entries_that_go_together_are_grouped_by_what_they_share() -> None:
    entries = [
        entry(2, name="L-Leucine", formula="C6H13NO2", inchikey=LEUCINE_KEY),
        entry(3, name="D-Leucine", formula="C6H13NO2", smiles=D_LEUCINE),  # without a key
        entry(4, name="Leu", formula="C6H13NO2", inchikey=LEUCINE_KEY),
        entry(5, name="l-leucine", formula="C6H13NO2", smiles="CC[C@H](C)[C@H](N)C(=O)O"),  # it is isoleucine
        entry(6, name="leucine-d3", formula="C6H10D3NO2", smiles=LABELLED),
        entry(7, name="caffeine", formula="C8H10N4O2", smiles=CAFFEINE),
    ]
    rows = {group.kind: [member.row for member in group.entries] for group in group_entries(entries)}
    assert rows == {TWICE: [2, 4], STEREOISOMERS: [2, 3, 4], ONE_NAME: [2, 5], ISOMERS: [2, 3, 4, 5]}


def test_several_spectra_or_ions_of_a_compound_are_no_duplicates(tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("spectra") / "x.mgf"
    path.write_text("BEGIN IONS\nNAME=a\n50 1\nEND IONS\n")
    spectrum: Spectrum = next(iter(read_text_spectra(path)))
    entries = [Entry(row, {"name": "a", "formula": "C6H6"}, spectrum=spectrum) for row in (1, 2)]
    assert [found.row for found in distinct(entries)] == [1]
    ions = [
        entry(2, name="a", adduct="[M+H]+"),
        entry(3, name="A", adduct="[M+Na]+"),
        entry(4, name="b", adduct="[M+H]+"),
    ]
    assert [found.row for found in distinct(ions)] == [2, 4]
    assert [found.row for found in distinct([entry(2, name="a"), entry(3, name="a")])] == [2, 3]


def compound(compound_id: str, smiles: str, formula: str = "C6H13NO2", **more: str) -> Compound:
    return Compound(2, compound_id, compound_id.upper(), formula, smiles=smiles, **more)  # type: ignore[arg-type]


def test_stereoisomers_become_one_compound_that_says_which_they_were() -> None:
    merged = merge_stereoisomers(
        [
            compound("l", LEUCINE, rt_pred_min="2.0", rt_pred_sd_min="0.3", known_in="plasma"),
            compound("caffeine", CAFFEINE, "C8H10N4O2"),
            compound("d", D_LEUCINE, rt_pred_min="3.0", rt_pred_sd_min="0.3", known_in="liver;plasma"),
            compound("d3", LABELLED, "C6H10D3NO2"),
        ]
    )
    assert [found.compound_id for found in merged] == ["l", "caffeine", "d3"]
    leucine = merged[0]
    assert (leucine.name, leucine.inchikey, leucine.smiles) == ("L / D", LEUCINE_KEY[:14], "CC(C)CC(N)C(=O)O")
    assert (leucine.known_in, leucine.kept["merged_from"]) == ("plasma;liver", "l;d")
    assert float(leucine.rt_pred_min) == 2.5
    assert float(leucine.rt_pred_sd_min) == pytest.approx((0.3**2 + 0.5**2) ** 0.5)
    assert merged[2].kept == {}


def test_compounds_without_key_and_structure_stay_as_they_are() -> None:
    alone = [compound("a", ""), compound("b", "")]
    assert merge_stereoisomers(alone) == alone
