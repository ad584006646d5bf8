"""What another program said of a peak's ion, compared with each ion that the peak may be."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum

import numpy as np

from compassign.units import IntArray


class Stated(IntEnum):
    """What the adduct in the peak table says of taking the peak for a certain ion.

    NOTHING : the table has none for this peak. AGREES : it is the same. CONTRADICTS : it is another.
    """

    NOTHING = 0
    AGREES = 1
    CONTRADICTS = 2


def compare_adducts(stated: Sequence[str], adduct_names: Sequence[str]) -> IntArray:
    """(n_peaks, n_adducts) of `Stated`; stated : each peak's adduct under the name of `get_adduct`, "" = none."""
    said = np.array(stated, dtype=np.str_)[:, None]
    found = np.where(said == np.array(adduct_names, dtype=np.str_), Stated.AGREES, Stated.CONTRADICTS)
    return np.where(said == "", Stated.NOTHING, found).astype(np.int64)
