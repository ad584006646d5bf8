"""Fifths of the peaks by intensity or m/z: what depends on these depends on the fifth, whatever the unit."""

from __future__ import annotations

import numpy as np
from scipy.stats import norm, rankdata

from compassign.units import FloatArray, IntArray

N_LEVELS = 5
MIDDLE = N_LEVELS // 2  # also of a peak whose value is unknown


def _level_scores() -> FloatArray:
    """(N_LEVELS,) mean of a standard normal variable in each fifth of its distribution."""
    edges = norm.pdf(norm.ppf(np.linspace(0.0, 1.0, N_LEVELS + 1)))
    means = N_LEVELS * (edges[:-1] - edges[1:])
    return np.asarray(0.5 * (means - means[::-1]))  # symmetric to the last bit, 0 in the middle


LEVEL_SCORES = _level_scores()


def fifths(values: FloatArray, group: IntArray) -> IntArray:
    """The fifth of its group that each value is in, (n,), the smallest first; equal values are in one.

    values : (n,) NaN for unknown. group : (n,) only values of one are compared.
    """
    levels = np.full(values.size, MIDDLE)
    for index in np.unique(group):
        own = np.flatnonzero((group == index) & ~np.isnan(values))
        levels[own] = ((rankdata(values[own]) - 0.5) / max(own.size, 1) * N_LEVELS).astype(np.int64)
    return levels.astype(np.int64)
