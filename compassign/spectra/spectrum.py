"""One fragment spectrum as a file has it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from compassign.units import FloatArray


@dataclass(frozen=True)
class Spectrum:
    """Fragments of one precursor.

    name : what messages and figures call it. mz (ascending), intensity : (n_fragments,). precursor_mz, rt_min : NaN
    where the file does not say. ids : texts by which a peak's `ms2_id` may name it. fields : what else the file says,
    names in upper case with `_` for blanks. injection : the one whose peaks it can be of, "" = any.
    """

    name: str
    mz: FloatArray
    intensity: FloatArray
    precursor_mz: float = math.nan
    rt_min: float = math.nan
    ids: frozenset[str] = frozenset()
    fields: Mapping[str, str] = field(default_factory=dict)
    injection: str = ""
