"""How intense each peak is among those of its injection, in a few levels that need no common scale."""

from __future__ import annotations

import numpy as np
from scipy.stats import norm, rankdata

from compassign.units import FloatArray, IntArray

N_LEVELS = 5
MIDDLE = N_LEVELS // 2  # also of a peak of unknown intensity


def _level_scores() -> FloatArray:
    """(N_LEVELS,) mean of a standard normal variable in each fifth of its distribution."""
    edges = norm.pdf(norm.ppf(np.linspace(0.0, 1.0, N_LEVELS + 1)))
    means = N_LEVELS * (edges[:-1] - edges[1:])
    return np.asarray(0.5 * (means - means[::-1]))  # symmetric to the last bit, 0 in the middle


LEVEL_SCORES = _level_scores()


def intensity_levels(intensity: FloatArray, injection: IntArray) -> IntArray:
    """Fifth of the injection's peaks that each belongs to by its intensity, (n_peaks,), from the faintest on.

    intensity : (n_peaks,) NaN for unknown. injection : (n_peaks,) only peaks of one are compared. Peaks of one
    intensity are of one level.
    """
    levels = np.full(intensity.size, MIDDLE)
    for index in np.unique(injection):
        own = np.flatnonzero((injection == index) & ~np.isnan(intensity))
        levels[own] = ((rankdata(intensity[own]) - 0.5) / max(own.size, 1) * N_LEVELS).astype(np.int64)
    return levels.astype(np.int64)
