"""The isotope pattern that an ion should show."""

from __future__ import annotations

import re
from collections import Counter

import numpy as np
from molmass import Formula

from compassign.chemistry.adducts import get_adduct
from compassign.chemistry.formulas import parse_formula
from compassign.units import FloatArray

N_ISOTOPES = 6  # monoisotopic and five heavier; of small molecules the rest is under a thousandth
_CHANGE = re.compile(r"([+-])(\d*)([A-Z]\w*)")  # of an adduct's name: +H, -H2O, +2H


def isotope_pattern(formula: str, adduct: str) -> FloatArray:
    """(N_ISOTOPES,) abundance of the ion with 0, 1, 2, ... more nucleons, of the monoisotopic one.

    formula : of the compound. adduct : its name. Raises InputError for either that is not known.
    """
    ion = Formula("".join(f"{atom}{count}" for atom, count in _atoms_of_ion(formula, adduct).items()))
    by_nucleons = ion.spectrum()
    # boron and selenium have lighter isotopes too, so the first entry need not be the monoisotopic one
    first = min(by_nucleons, key=lambda number: abs(by_nucleons[number].mass - ion.monoisotopic_mass))
    shares = [by_nucleons[first + i].fraction if first + i in by_nucleons else 0.0 for i in range(N_ISOTOPES)]
    return np.array(shares) / shares[0]


def _atoms_of_ion(formula: str, adduct: str) -> dict[str, int]:
    """Atoms of the compound, as often as it is in the ion, with those that the adduct adds and without those lost."""
    multiplicity = get_adduct(adduct).multiplicity
    atoms = Counter({atom: count * multiplicity for atom, count in parse_formula(formula).elements.items()})
    for sign, times, group in _CHANGE.findall(adduct.rpartition("]")[0]):
        for atom, count in parse_formula(group).elements.items():
            atoms[atom] += (1 if sign == "+" else -1) * count * int(times or 1)
    return {atom: count for atom, count in atoms.items() if count > 0}
