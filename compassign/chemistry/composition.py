"""What a formula says of the class of a compound: elements, saturation and how the elements are balanced."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import pandas as pd

from compassign.chemistry.formulas import parse_formula

COMPOSITION_NAMES = (
    "n_c",
    "h_to_c",
    "n_n",
    "n_to_c",
    "n_o",
    "o_to_c",
    "has_p",
    "has_s",
    "n_halogens",
    "rings",
    "rings_to_c",
)
_HALOGENS = ("F", "Cl", "Br", "I")
_CACHED_FORMULAS = 100_000


def compositions(formulas: Sequence[str]) -> pd.DataFrame:
    """Composition of compounds, one row each in the order given.

    formulas : as `parse_formula` reads them, "" where there is none. Returns float64 columns COMPOSITION_NAMES, index
    0..n-1; NaN rows without a formula or without carbon. `rings` counts rings and double bonds together.
    Source: Kind & Fiehn 2007, BMC Bioinformatics 8:105 (ratios that tell classes of compounds apart).
    """
    rows = np.array([_composition(formula) for formula in formulas], dtype=np.float64)
    return pd.DataFrame(rows.reshape(len(formulas), len(COMPOSITION_NAMES)), columns=list(COMPOSITION_NAMES))


@lru_cache(maxsize=_CACHED_FORMULAS)
def _composition(formula: str) -> tuple[float, ...]:
    atoms = parse_formula(formula).elements if formula else {}
    c, h, n, o = (float(atoms.get(symbol, 0)) for symbol in ("C", "H", "N", "O"))
    if not c:
        return (np.nan,) * len(COMPOSITION_NAMES)
    halogens = float(sum(atoms.get(symbol, 0) for symbol in _HALOGENS))
    rings = c - (h + halogens) / 2.0 + n / 2.0 + 1.0
    return c, h / c, n, n / c, o, o / c, float("P" in atoms), float("S" in atoms), halogens, rings, rings / c
