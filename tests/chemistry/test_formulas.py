"""Formulas are read to the letter, and their masses agree with two other packages."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from molmass import Formula
from pyteomics import mass
from rdkit import Chem
from rdkit.Chem.rdMolDescriptors import CalcExactMolWt, CalcMolFormula

from compassign.chemistry.formulas import monoisotopic_mass, monoisotopic_masses, parse_formula
from compassign.errors import InputError
from compassign.units import ELECTRON_MASS_DA

ORGANIC = ["C", "H", "N", "O", "P", "S", "F", "Cl", "Br", "B", "Si", "Se", "Na", "K"]
TABLES_DIFFER = 1.5e-8  # relative: 0.012 ppm for P, whose mass is older in pyteomics and RDKit


@pytest.mark.parametrize(
    ("formula", "elements", "charge"),
    [
        ("C6H12O6", {"C": 6, "H": 12, "O": 6}, 0),
        ("  H2O ", {"H": 2, "O": 1}, 0),
        ("C5H14NO+", {"C": 5, "H": 14, "N": 1, "O": 1}, 1),
        ("C6H14NO2+", {"C": 6, "H": 14, "N": 1, "O": 2}, 1),
        ("O4S-2", {"O": 4, "S": 1}, -2),
        ("C7H5O3-", {"C": 7, "H": 5, "O": 3}, -1),
        ("C12H14N2+2", {"C": 12, "H": 14, "N": 2}, 2),
        ("CO", {"C": 1, "O": 1}, 0),
        ("Co", {"Co": 1}, 0),
        ("CH3(CH2)4CH3", {"C": 6, "H": 14}, 0),
        ("(C(CH3)3)2O", {"C": 8, "H": 18, "O": 1}, 0),
        ("[13C]2C4H12O6", {"[13C]": 2, "C": 4, "H": 12, "O": 6}, 0),
        ("C[13C]5H12O6", {"C": 1, "[13C]": 5, "H": 12, "O": 6}, 0),
        ("D2O", {"[2H]": 2, "O": 1}, 0),
        ("CHD[2H]Cl", {"C": 1, "H": 1, "[2H]": 2, "Cl": 1}, 0),
    ],
)
def test_parses(formula: str, elements: dict[str, int], charge: int) -> None:
    parsed = parse_formula(formula)
    assert dict(parsed.elements) == elements
    assert parsed.charge == charge


@pytest.mark.parametrize(
    ("formula", "reason"),
    [
        ("", "it has no atoms"),
        ("+", "it has no atoms"),
        ("C6X2", "'X' is not a known element"),
        ("[99C]H4", r"'\[99C\]' is not a known element"),
        ("C6H12O0", "a count is 0"),
        ("c6h12o6", "'c' at character 1"),
        ("C6 H12", "' ' at character 3"),
        ("CuSO4.5H2O", "'.' at character 6"),
        ("C6H12O6+0", r"'\+' at character 8"),
        ("C6H12O6++", r"'\+' at character 8"),
        ("2H2O", "'2' at character 1"),
        ("[C5H14NO]+", r"'\[' at character 1"),
        ("C(CH3", "never closed"),
        ("CCH3)2", "never opened"),
        ("C()2", "a bracket has no atoms"),
    ],
)
def test_refuses_and_says_why(formula: str, reason: str) -> None:
    with pytest.raises(InputError, match=reason) as caught:
        monoisotopic_mass(formula)
    assert repr(formula) in str(caught.value)


@pytest.mark.parametrize(
    ("formula", "mass_da"),
    [
        ("H2O", 18.010565),  # published monoisotopic masses (PubChem)
        ("C6H12O6", 180.063388),
        ("C8H10N4O2", 194.080376),
        ("C27H46O", 386.354866),
        ("C10H16N5O13P3", 506.995745),
        ("C5H14NO+", 104.106990),
        ("Na+", 22.989221),
        ("Cl-", 34.969401),
        ("[13C]6H12O6", 186.083517),
        ("D2O", 20.023118),
    ],
)
def test_published_masses(formula: str, mass_da: float) -> None:
    assert monoisotopic_mass(formula) == pytest.approx(mass_da, abs=2e-6)


@given(st.dictionaries(st.sampled_from(ORGANIC), st.integers(1, 60), min_size=1), st.integers(-3, 3))
def test_agrees_with_molmass_and_pyteomics(elements: dict[str, int], charge: int) -> None:
    body = "".join(f"{symbol}{count}" for symbol, count in elements.items())
    ours = monoisotopic_mass(body + (f"{charge:+d}" if charge else ""))
    assert ours == pytest.approx(mass.calculate_mass(formula=body) - charge * ELECTRON_MASS_DA, rel=TABLES_DIFFER)
    if set(elements) != {"H"} or elements["H"] > abs(charge):  # molmass refuses more charges than electrons
        theirs = Formula(body).monoisotopic_mass - charge * ELECTRON_MASS_DA
        assert ours == pytest.approx(theirs, abs=1e-6)


@pytest.mark.parametrize(
    "smiles",
    [
        "OCC1OC(O)C(O)C(O)C1O",
        "Cn1cnc2c1c(=O)n(C)c(=O)n2C",
        "C[N+](C)(C)CCO",
        "O=C([O-])c1ccccc1O",
        "C[n+]1ccc(cc1)-c1cc[n+](C)cc1",
        "[O-]S(=O)(=O)[O-]",
        "FC(F)(F)c1ccc(Cl)cc1Br",
        "OB(O)c1ccccc1",
        "C[Si](C)(C)O[Si](C)(C)C",
        "NC(CC[Se]C)C(=O)O",
        "Nc1ncnc2c1ncn2C1OC(COP(=O)(O)OP(=O)(O)OP(=O)(O)O)C(O)C1O",
    ],
)
def test_agrees_with_rdkit(smiles: str) -> None:
    mol = Chem.MolFromSmiles(smiles)
    assert monoisotopic_mass(CalcMolFormula(mol)) == pytest.approx(CalcExactMolWt(mol), rel=TABLES_DIFFER)


@pytest.mark.parametrize("symbol", ORGANIC)
def test_each_atom_agrees_to_1e_6_da(symbol: str) -> None:
    ours = monoisotopic_mass(symbol)
    assert ours == pytest.approx(mass.calculate_mass(formula=symbol), abs=1e-6)
    assert ours == pytest.approx(Formula(symbol).monoisotopic_mass, abs=1e-9)
    assert ours == pytest.approx(Chem.GetPeriodicTable().GetMostCommonIsotopeMass(symbol), abs=1e-6)


def test_many_equal_one_by_one_in_order() -> None:
    formulas = ["H2O", "C6H12O6", "H2O", "Na+"]
    np.testing.assert_array_equal(monoisotopic_masses(formulas), [monoisotopic_mass(f) for f in formulas])
    assert monoisotopic_masses([]).shape == (0,)


def test_many_list_every_formula_that_cannot_be_read() -> None:
    with pytest.raises(InputError) as caught:
        monoisotopic_masses(["H2O", "Xx", "Xx", "C6h"])
    assert [problem.split(":")[0] for problem in caught.value.problems] == ["formula 'Xx'", "formula 'C6h'"]
