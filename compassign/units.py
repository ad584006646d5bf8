"""Physical constants and unit conversions, each with its source."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

PROTON_MASS_DA = 1.007276466621  # CODATA 2018
ELECTRON_MASS_DA = 5.48579909065e-4  # CODATA 2018
ISOTOPE_SPACING_DA = 1.0033548378  # 13C - 12C, AME 2016

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
StrArray = npt.NDArray[np.str_]


def ppm_error(mz: npt.ArrayLike, mz_theoretical: npt.ArrayLike) -> FloatArray:
    """Signed mass error in parts per million of the theoretical m/z.

    mz, mz_theoretical : m/z, broadcast together. Returns (mz - mz_theoretical) / mz_theoretical * 1e6.
    """
    observed = np.asarray(mz, dtype=np.float64)
    theoretical = np.asarray(mz_theoretical, dtype=np.float64)
    return np.asarray((observed - theoretical) / theoretical * 1e6, dtype=np.float64)
