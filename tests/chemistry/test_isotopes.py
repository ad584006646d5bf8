"""Isotope patterns of ions, against the abundances that they follow from."""

from __future__ import annotations

import pytest
from molmass import ELEMENTS

from compassign.chemistry.isotopes import N_ISOTOPES, isotope_pattern
from compassign.errors import InputError


def odds(symbol: str, heavier: int) -> float:
    """Abundance of an isotope against the element's most abundant one."""
    isotopes = ELEMENTS[symbol].isotopes
    main = max(isotopes, key=lambda number: isotopes[number].abundance)
    return float(isotopes[main + heavier].abundance / isotopes[main].abundance)


@pytest.mark.parametrize(
    ("formula", "adduct", "atoms"),
    [
        ("C6H12O6", "[M+H]+", {"C": 6, "H": 13, "O": 6}),
        ("C6H12O6", "[M-H]-", {"C": 6, "H": 11, "O": 6}),
        ("C6H12O6", "[M+HCOO]-", {"C": 7, "H": 13, "O": 8}),
        ("C6H12O6", "[M+H-H2O]+", {"C": 6, "H": 11, "O": 5}),
        ("C6H12O6", "[2M+H]+", {"C": 12, "H": 25, "O": 12}),
        ("C6H12O6", "[M+2H]2+", {"C": 6, "H": 14, "O": 6}),
        ("C6H12N2O6", "[M+NH4]+", {"C": 6, "H": 16, "N": 3, "O": 6}),
        ("C5H14NO+", "[M]+", {"C": 5, "H": 14, "N": 1, "O": 1}),
    ],
)
def test_the_first_isotope_counts_every_atom_of_the_ion(formula: str, adduct: str, atoms: dict[str, int]) -> None:
    expected = sum(count * odds(symbol, 1) for symbol, count in atoms.items())
    found = isotope_pattern(formula, adduct)
    assert found.shape == (N_ISOTOPES,)
    assert found[0] == 1.0
    assert found[1] == pytest.approx(expected, rel=1e-3)


def test_elements_whose_next_isotope_is_two_heavier() -> None:
    assert isotope_pattern("CCl4", "[M]+")[2] == pytest.approx(4 * odds("Cl", 2), rel=0.01)
    assert isotope_pattern("C6H12O6", "[M+Cl]-")[2] > 0.3
    assert isotope_pattern("C6H12O6", "[M+K]+")[2] == pytest.approx(odds("K", 2) + 0.0143, rel=0.02)


def test_lighter_isotopes_do_not_shift_the_pattern() -> None:
    assert isotope_pattern("C6H5BO2", "[M+H]+")[1] == pytest.approx(0.0667, abs=0.001)  # not that of boron-10


def test_labelled_atoms_have_no_lighter_ones() -> None:
    assert isotope_pattern("[13C]6H12O6", "[M+H]+")[1] == pytest.approx(13 * odds("H", 1) + 6 * odds("O", 1), rel=0.01)


def test_what_is_not_known_is_named() -> None:
    with pytest.raises(InputError, match="Xx"):
        isotope_pattern("Xx2", "[M+H]+")
    with pytest.raises(InputError, match="adduct"):
        isotope_pattern("C6H12O6", "[M+Q]+")
