"""Intervals of shares of peaks, of which those of one compound are accepted or refused together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from compassign.units import BoolArray, IntArray

TAIL = 0.025  # on either side of 95 %


@dataclass(frozen=True)
class Share:
    """A share of peaks, 0 to 1, and its 95 % interval."""

    share: float
    low: float
    high: float

    def times(self, factor: float) -> Share:
        """A multiple of the share, at most 1."""
        return Share(*(min(factor * value, 1.0) for value in (self.share, self.low, self.high)))


def share_of(is_hit: BoolArray, compound: IntArray) -> Share:
    """The share of peaks that are hit, with an interval that counts compounds where their peaks go together.

    is_hit, compound : (n_peaks,), at least one. It is the Clopper-Pearson interval of as many independent peaks as
    these are worth, n / design effect; where none or all are hit, so that nothing shows how far peaks go together, each
    compound counts as one peak. Source: Korn & Graubard 1998, Survey Methodology 24:193.
    """
    share = float(is_hit.mean())
    size = _effective_size(is_hit, compound, share)
    hits = share * size
    low = 0.0 if share == 0.0 else float(stats.beta.ppf(TAIL, hits, size - hits + 1.0))
    high = 1.0 if share == 1.0 else float(stats.beta.ppf(1.0 - TAIL, hits + 1.0, size - hits))
    return Share(share, low, high)


def _effective_size(is_hit: BoolArray, compound: IntArray, share: float) -> float:
    """How many independent peaks say as much, from 1 to their number."""
    of, n_peaks = np.unique(compound, return_inverse=True)[1], is_hit.size
    n_compounds = int(of.max()) + 1
    if n_compounds == 1 or share in {0.0, 1.0}:
        return float(n_compounds)
    excess = np.bincount(of, weights=is_hit - share)  # (n_compounds,)
    variance = n_compounds / (n_compounds - 1) * float(excess @ excess) / n_peaks**2
    effect = max(variance * (n_peaks - 1) / (share * (1.0 - share)), 1.0)
    # the effect is itself estimated, from few compounds poorly
    wider = stats.t.ppf(1.0 - TAIL, n_compounds - 1) / stats.t.ppf(1.0 - TAIL, n_peaks - 1)
    return max(n_peaks / (effect * float(wider) ** 2), 1.0)
