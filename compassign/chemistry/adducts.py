"""Adducts: the ions in which a compound is seen, and the m/z that each gives it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from compassign.chemistry.formulas import monoisotopic_mass, parse_formula
from compassign.errors import InputError
from compassign.units import FloatArray

_POLARITY_SIGN = {"positive": 1, "negative": -1}
_OWN_ION = re.compile(r"\[M\](?P<size>[2-9]|[1-9]\d+)?(?P<sign>[+-])")


@dataclass(frozen=True)
class Adduct:
    """One kind of ion: m/z = (multiplicity * compound mass + mass_shift_da) / |charge|.

    name : `[M+H]+` notation. charge : signed, never 0. multiplicity : molecules of the compound in the ion.
    mass_shift_da : mass gained (or lost, negative) with the electrons of the charge counted.
    """

    name: str
    charge: int
    multiplicity: int
    mass_shift_da: float

    @property
    def is_own_ion(self) -> bool:
        """Whether this is a charged compound as it is (`[M]+`), which no neutral compound forms."""
        return _OWN_ION.fullmatch(self.name) is not None


def _from_formulas(name: str, multiplicity: int, gained: Sequence[str], lost: Sequence[str]) -> Adduct:
    """An adduct whose charge and mass shift follow from the formulas that it gains and loses."""
    charge = sum(parse_formula(f).charge for f in gained) - sum(parse_formula(f).charge for f in lost)
    shift = sum(monoisotopic_mass(f) for f in gained) - sum(monoisotopic_mass(f) for f in lost)
    return Adduct(name, charge, multiplicity, shift)


_REGISTRY = {
    adduct.name: adduct
    for adduct in (
        _from_formulas("[M+H]+", 1, ["H+"], []),
        _from_formulas("[M+Na]+", 1, ["Na+"], []),
        _from_formulas("[M+NH4]+", 1, ["NH4+"], []),
        _from_formulas("[M+K]+", 1, ["K+"], []),
        _from_formulas("[M+H-H2O]+", 1, ["H+"], ["H2O"]),
        _from_formulas("[M+2H]2+", 1, ["H+", "H+"], []),
        _from_formulas("[2M+H]+", 2, ["H+"], []),
        _from_formulas("[M-H]-", 1, [], ["H+"]),
        _from_formulas("[M+Cl]-", 1, ["Cl-"], []),
        _from_formulas("[M+HCOO]-", 1, ["HCOO-"], []),
        _from_formulas("[M-H-H2O]-", 1, [], ["H+", "H2O"]),
        _from_formulas("[M-2H]2-", 1, [], ["H+", "H+"]),
        _from_formulas("[2M-H]-", 2, [], ["H+"]),
    )
}


def default_adducts(polarity: str) -> tuple[Adduct, ...]:
    """The adducts that neutral compounds form in a polarity, in a fixed order.

    polarity : `positive` or `negative`; anything else raises InputError.
    """
    sign = _POLARITY_SIGN.get(polarity)
    if sign is None:
        raise InputError(f"polarity {polarity!r}: expected 'positive' or 'negative'")
    return tuple(adduct for adduct in _REGISTRY.values() if adduct.charge * sign > 0)


def get_adduct(name: str) -> Adduct:
    """The adduct of a name, own ions of any charge (`[M]+`, `[M]2-`) included.

    Raises InputError that lists what is known.
    """
    own = _OWN_ION.fullmatch(name)
    if own is not None:
        return own_ion(int(own["sign"] + (own["size"] or "1")))
    if name not in _REGISTRY:
        known = ", ".join(_REGISTRY)
        raise InputError(f"adduct {name!r}: known are {known}, and a charged compound's own ion [M]+, [M]-, [M]2+, ...")
    return _REGISTRY[name]


def own_ion(charge: int) -> Adduct:
    """The ion that a charged compound is by itself: m/z = exact mass / |charge|.

    charge : the compound's, signed; 0 raises InputError. The exact mass already has the electrons removed or added.
    """
    if charge == 0:
        raise InputError("a compound of charge 0 has no ion of its own: it forms adducts")
    size = str(abs(charge)) if abs(charge) > 1 else ""
    return Adduct(f"[M]{size}{'+' if charge > 0 else '-'}", charge, 1, 0.0)


def mz_theoretical(neutral_mass_da: npt.ArrayLike, adduct: Adduct) -> FloatArray:
    """m/z of compounds as an adduct.

    neutral_mass_da : Da, any shape; for an own ion the exact mass of the charged species. Returns the same shape; not
        positive where the compound is lighter than what the adduct loses.
    """
    mass = np.asarray(neutral_mass_da, dtype=np.float64)
    return np.asarray((adduct.multiplicity * mass + adduct.mass_shift_da) / abs(adduct.charge), dtype=np.float64)


def neutral_mass_da(mz: npt.ArrayLike, adduct: Adduct) -> FloatArray:
    """Mass in Da of the compound that an adduct shows at an m/z: the inverse of `mz_theoretical`, same shapes."""
    observed = np.asarray(mz, dtype=np.float64)
    return np.asarray((observed * abs(adduct.charge) - adduct.mass_shift_da) / adduct.multiplicity, dtype=np.float64)
