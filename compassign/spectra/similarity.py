"""How alike two fragment spectra are.

Source: Li et al., Spectral entropy outperforms MS/MS dot product similarity for small-molecule compound identification,
Nature Methods 18, 2021: its cleaning, its weights and its similarity.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from compassign.spectra.spectrum import Spectrum
from compassign.units import FloatArray, IntArray

TOLERANCE_DA = 0.02  # of fragments and precursors on high-resolution instruments, as GNPS has it (Wang et al. 2016)
_PRECURSOR_GAP_DA = 1.6  # what survived and its isotopes say the mass, which the candidates share already
_MIN_SHARE = 0.01  # of the base fragment; less is noise
_ENOUGH_ENTROPY = 3.0  # spectra of less entropy get weights, which raise their small fragments
_WEIGHT, _WEIGHT_PER_ENTROPY = 0.25, 0.25


@dataclass(frozen=True)
class Fragments:
    """A clean spectrum: mz (ascending, farther apart than twice the tolerance), share (sums to 1), (n_fragments,)."""

    mz: FloatArray
    share: FloatArray


@dataclass(frozen=True)
class Alike:
    """similarity : 0 to 1. n_matched : fragments that both have."""

    similarity: float
    n_matched: int


def clean(spectrum: Spectrum) -> Fragments:
    """Leave out precursor and noise, merge what lies together, and weight; without fragments where nothing is left."""
    limit = spectrum.precursor_mz - _PRECURSOR_GAP_DA
    kept = (spectrum.intensity > 0.0) & ~(spectrum.mz > limit)  # NaN: of an unknown precursor all stay
    mz, intensity = _merged(spectrum.mz[kept], spectrum.intensity[kept])
    if not mz.size:
        return Fragments(mz, intensity)
    strong = intensity >= _MIN_SHARE * intensity.max()
    return Fragments(mz[strong], _weighted(intensity[strong] / intensity[strong].sum()))


def _merged(mz: FloatArray, intensity: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Fragments within twice the tolerance of the next as one at their mean m/z, so that each matches one at most."""
    if not mz.size:
        return mz, intensity
    starts = np.flatnonzero(np.diff(mz, prepend=-np.inf) > 2.0 * TOLERANCE_DA)
    total = np.add.reduceat(intensity, starts)
    return np.add.reduceat(mz * intensity, starts) / total, total


def _weighted(share: FloatArray) -> FloatArray:
    entropy = float(-(share * np.log(share)).sum())
    if entropy >= _ENOUGH_ENTROPY:
        return share
    raised = share ** (_WEIGHT + _WEIGHT_PER_ENTROPY * entropy)
    return np.asarray(raised / raised.sum())


def matched(first: Fragments, second: Fragments) -> tuple[IntArray, IntArray]:
    """Positions of the fragments that both have, in each."""
    if not (first.mz.size and second.mz.size):
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    at = np.searchsorted(second.mz, first.mz - TOLERANCE_DA)
    near = np.minimum(at, second.mz.size - 1)
    is_matched = np.abs(second.mz[near] - first.mz) <= TOLERANCE_DA
    return np.flatnonzero(is_matched), near[is_matched]


def compare(first: Fragments, second: Fragments) -> Alike:
    """Spectral entropy similarity: 1 less the entropy that mixing the two adds, in units of ln 4 / 2."""
    own, other = matched(first, second)
    a, b = first.share[own], second.share[other]
    shared = (a + b) * np.log2(a + b) - a * np.log2(a) - b * np.log2(b)  # what only one has adds nothing
    return Alike(min(1.0, float(shared.sum()) / 2.0), own.size)
