"""Adducts give published m/z, and the registry has what DESIGN promises."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compassign.chemistry.adducts import default_adducts, get_adduct, mz_theoretical, neutral_mass_da, own_ion
from compassign.chemistry.formulas import monoisotopic_mass
from compassign.errors import InputError
from compassign.units import PROTON_MASS_DA

POSITIVE = ("[M+H]+", "[M+Na]+", "[M+NH4]+", "[M+K]+", "[M+H-H2O]+", "[M+2H]2+", "[2M+H]+")
NEGATIVE = ("[M-H]-", "[M+Cl]-", "[M+HCOO]-", "[M-H-H2O]-", "[M-2H]2-", "[2M-H]-")
GLUCOSE, CAFFEINE = "C6H12O6", "C8H10N4O2"


@pytest.mark.parametrize(
    ("formula", "name", "mz"),
    [
        (GLUCOSE, "[M+H]+", 181.07066),
        (GLUCOSE, "[M+Na]+", 203.05261),
        (GLUCOSE, "[M+NH4]+", 198.09721),
        (GLUCOSE, "[M+K]+", 219.02655),
        (GLUCOSE, "[M+H-H2O]+", 163.06010),
        (GLUCOSE, "[2M+H]+", 361.13405),
        (GLUCOSE, "[M-H]-", 179.05611),
        (GLUCOSE, "[M+Cl]-", 215.03279),
        (GLUCOSE, "[M+HCOO]-", 225.06159),
        (GLUCOSE, "[M-H-H2O]-", 161.04555),
        (GLUCOSE, "[2M-H]-", 359.11950),
        (CAFFEINE, "[M+H]+", 195.08765),
        ("C5H14NO+", "[M]+", 104.10699),  # choline
        ("C10H16N5O13P3", "[M-2H]2-", 252.49060),  # ATP
        ("C50H73N15O11", "[M+2H]2+", 530.78798),  # bradykinin
        ("C12H14N2+2", "[M]2+", 93.05730),  # paraquat
        ("C7H5O3-", "[M]-", 137.02442),  # salicylate
        ("O4S-2", "[M]2-", 47.97641),  # sulfate
    ],
)
def test_published_mz(formula: str, name: str, mz: float) -> None:
    assert mz_theoretical(monoisotopic_mass(formula), get_adduct(name)) == pytest.approx(mz, abs=1.1e-5)


def test_registry_is_exactly_the_promised_one() -> None:
    assert tuple(adduct.name for adduct in default_adducts("positive")) == POSITIVE
    assert tuple(adduct.name for adduct in default_adducts("negative")) == NEGATIVE


@pytest.mark.parametrize("name", POSITIVE + NEGATIVE)
def test_name_charge_and_multiplicity_agree(name: str) -> None:
    adduct = get_adduct(name)
    inside, ion = name[1:].split("]")
    assert adduct.name == name
    assert adduct.charge == int(f"{ion[-1]}{ion[:-1] or 1}")
    assert adduct.multiplicity == (2 if inside.startswith("2M") else 1)
    assert not adduct.is_own_ion


def test_a_proton_is_a_hydrogen_without_its_electron() -> None:
    assert get_adduct("[M+H]+").mass_shift_da == pytest.approx(PROTON_MASS_DA, abs=2e-8)  # binding energy 13.6 eV
    assert get_adduct("[M-H]-").mass_shift_da == -get_adduct("[M+H]+").mass_shift_da


@pytest.mark.parametrize(("charge", "name"), [(1, "[M]+"), (-1, "[M]-"), (2, "[M]2+"), (-3, "[M]3-"), (12, "[M]12+")])
def test_own_ions(charge: int, name: str) -> None:
    ion = own_ion(charge)
    assert (ion.name, ion.charge, ion.multiplicity, ion.mass_shift_da) == (name, charge, 1, 0.0)
    assert ion.is_own_ion
    assert get_adduct(name) == ion


def test_a_neutral_compound_has_no_own_ion() -> None:
    with pytest.raises(InputError, match="charge 0"):
        own_ion(0)


@pytest.mark.parametrize("name", ["[M+Li]+", "M+H", "[M]", "[M]1+", "[M]0+", "[M+H]+ ", ""])
def test_unknown_adduct_lists_what_is_known(name: str) -> None:
    with pytest.raises(InputError) as caught:
        get_adduct(name)
    assert repr(name) in str(caught.value)
    assert all(known in str(caught.value) for known in (*POSITIVE, *NEGATIVE, "[M]+"))


@pytest.mark.parametrize("polarity", ["", "Positive", "+"])
def test_unknown_polarity(polarity: str) -> None:
    with pytest.raises(InputError, match="expected 'positive' or 'negative'"):
        default_adducts(polarity)


@given(
    st.lists(st.floats(1, 5000), max_size=5),
    st.sampled_from([*POSITIVE, *NEGATIVE, "[M]+", "[M]2-"]),
)
def test_there_and_back(masses: list[float], name: str) -> None:
    adduct = get_adduct(name)
    mz = mz_theoretical(masses, adduct)
    assert mz.shape == (len(masses),)
    np.testing.assert_allclose(neutral_mass_da(mz, adduct), masses, rtol=0, atol=1e-9)
    np.testing.assert_array_equal(mz, [mz_theoretical(mass, adduct) for mass in masses])
