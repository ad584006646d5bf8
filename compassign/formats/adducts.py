"""What other programs call adducts, as the names that CompAssign knows."""

from __future__ import annotations

import re
from functools import lru_cache

from compassign.chemistry.adducts import Adduct, default_adducts, get_adduct
from compassign.chemistry.formulas import monoisotopic_mass
from compassign.errors import InputError
from compassign.units import ELECTRON_MASS_DA

_ION = re.compile(r"\[(?P<ion>[^\]]+)\](?P<size>\d*)(?P<sign>[+-])(?P<size_after>\d*)")
_BARE = re.compile(r"\d?M(?:[+-]\d*[A-Z][A-Za-z0-9]*)+")
_MOLECULES = re.compile(r"(\d?)M")
_TERM = re.compile(r"([+-])(\d*)([A-Z][A-Za-z0-9]*)")
_SHORT = {"FA": "CH2O2", "HAc": "C2H4O2", "Hac": "C2H4O2", "ACN": "C2H3N", "MeOH": "CH4O", "FORMATE": "CHO2"}
_MAX_CHARACTERS = 40  # of an adduct's name; what is longer is text of another kind
_SAME_DA = 1e-4  # rounding of masses; adducts differ by more
_KNOWN = (*default_adducts("positive"), *default_adducts("negative"))


@lru_cache(maxsize=4096)
def known_adduct(text: str) -> Adduct | None:
    """The adduct that another program's name means, however it is spelled; None where CompAssign has no such adduct.

    `[M+H]+`, `[M+H]+1`, `[M+H]1+`, `M+H`, `[M-H2O+H]+`, `[M+FA-H]-` and what CAMERA writes behind it, `[M+H]+ 180.063`.
    """
    name = text.strip().split(" ")[0]
    if len(name) > _MAX_CHARACTERS:
        return None
    ion = _ION.fullmatch(name)
    if ion is None:
        charges = (1, -1, 2, -2) if _BARE.fullmatch(name) else ()
        return next((found for charge in charges if (found := _same_ion(name, charge)) is not None), None)
    charge = int(ion["sign"] + (ion["size"] or ion["size_after"] or "1"))
    if ion["ion"] == "M" and charge:
        return get_adduct(f"[M]{abs(charge) if abs(charge) > 1 else ''}{ion['sign']}")
    return _same_ion(ion["ion"], charge)


def _same_ion(ion: str, charge: int) -> Adduct | None:
    """The known adduct of the same molecules, atoms and charge."""
    molecules = _MOLECULES.match(ion)
    if molecules is None:
        return None
    terms = _TERM.findall(ion[molecules.end() :])
    if "".join("".join(term) for term in terms) != ion[molecules.end() :]:
        return None
    try:
        shift_da = sum(
            (1 if sign == "+" else -1) * int(count or 1) * monoisotopic_mass(_SHORT.get(formula, formula))
            for sign, count, formula in terms
        )
    except InputError:
        return None
    for adduct in _KNOWN:
        same = (adduct.multiplicity, adduct.charge) == (int(molecules[1] or 1), charge)
        if same and abs(adduct.mass_shift_da - shift_da + charge * ELECTRON_MASS_DA) < _SAME_DA:
            return adduct
    return None
