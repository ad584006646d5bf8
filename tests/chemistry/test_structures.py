"""What is read from structures, and that nothing is read from what is none."""

from __future__ import annotations

import pytest

from compassign.chemistry.formulas import parse_formula
from compassign.chemistry.structures import Structure, flat_smiles, inchikey_of, read_structure, smiles_of_inchi

LEUCINE = "CC(C)C[C@H](N)C(=O)O"


@pytest.mark.parametrize(
    ("smiles", "expected"),
    [
        (LEUCINE, Structure("C6H13NO2", 0, 1)),
        ("C[N+](C)(C)CCO", Structure("C5H14NO+", 1, 1)),
        ("CC(=O)[O-].[Na+]", Structure("C2H3NaO2", 0, 2)),
        ("[Ca+2]", Structure("Ca+2", 2, 1)),
    ],
)
def test_a_structure_has_a_formula_that_our_reader_takes(smiles: str, expected: Structure) -> None:
    assert read_structure(smiles) == expected
    assert parse_formula(expected.formula).charge == expected.charge


def test_isotopes_stay_in_formula_and_flat_structure() -> None:
    found = read_structure("[13CH3]C([2H])O")
    assert found is not None
    assert parse_formula(found.formula).elements == {"C": 1, "[13C]": 1, "H": 5, "[2H]": 1, "O": 1}
    assert "13C" in flat_smiles("[13CH3][C@H](N)C(=O)O")
    assert "@" not in flat_smiles("[13CH3][C@H](N)C(=O)O")


@pytest.mark.parametrize("text", ["", "CC(", "not a structure", "C" * 6000])
def test_what_is_no_structure_says_nothing(text: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert read_structure(text) is None
    assert inchikey_of(text) == flat_smiles(text) == smiles_of_inchi(text) == ""
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("prefix", ["InChI=", "", '"InChI='])
def test_an_inchi_gives_the_same_compound_however_it_is_written(prefix: str) -> None:
    inchi = "1S/C6H13NO2/c1-4(2)3-5(7)6(8)9/h4-5H,3,7H2,1-2H3,(H,8,9)/t5-/m0/s1"
    assert inchikey_of(smiles_of_inchi(prefix + inchi)) == inchikey_of(LEUCINE) == "ROHFNLRQFUQHCH-YFKPBYRVSA-N"
