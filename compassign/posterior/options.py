"""The options of every peak, its distinct compounds and the null, in one ragged array."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from compassign.posterior.assignments import CompoundProbabilities, peak_of_entry
from compassign.units import BoolArray, FloatArray, IntArray

NULL_OPTION = -1


@dataclass(frozen=True)
class Options:
    """Options of all peaks: those of peak i are `offsets[i]:offsets[i + 1]`, its null first.

    offsets : (n_peaks + 1,). compound : (n_options,) library index, NULL_OPTION for the null, ascending within a peak.
    probability : (n_options,) 0 to 1; those of a peak sum to 1.
    """

    offsets: IntArray
    compound: IntArray
    probability: FloatArray

    @property
    def peak(self) -> IntArray:
        """(n_options,) the peak of each option."""
        return peak_of_entry(self.offsets)

    def sum_by_peak(self, values: FloatArray | BoolArray) -> FloatArray:
        """Sum over the options of each peak; values : (n_options,). Returns (n_peaks,)."""
        return np.bincount(self.peak, weights=values, minlength=self.offsets.size - 1)

    def take(self, peak: IntArray) -> Options:
        """The options of some peaks, in the order asked for."""
        rows = self.rows(peak)
        offsets = np.concatenate([[0], np.cumsum(np.diff(self.offsets)[peak])])
        return Options(offsets, self.compound[rows], self.probability[rows])

    def rows(self, peak: IntArray) -> IntArray:
        """Indices of the options of some peaks, in the order asked for."""
        size = np.diff(self.offsets)[peak]
        start = np.cumsum(size) - size
        return np.arange(size.sum()) - np.repeat(start - self.offsets[peak], size)


def peak_options(compounds: CompoundProbabilities, null: FloatArray) -> Options:
    """Put the null before the compounds of each peak.

    null : (n_peaks,).
    """
    at = compounds.offsets[:-1]
    return Options(
        offsets=compounds.offsets + np.arange(compounds.offsets.size),
        compound=np.insert(compounds.compound, at, NULL_OPTION),
        probability=np.insert(compounds.probability, at, null),
    )


def named_options(options: Options, compound_id: Sequence[str], answers: Sequence[frozenset[str]]) -> BoolArray:
    """Which options an answer names; a compound that is no option of its peak names none.

    compound_id : names of the library's indices. answers : one a peak, empty for the null. Returns (n_options,).
    """
    index = {name: at for at, name in enumerate(compound_id)}
    pairs = [(peak, index.get(name, len(index))) for peak, answer in enumerate(answers) for name in answer] + [
        (peak, NULL_OPTION) for peak, answer in enumerate(answers) if not answer
    ]
    named = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    stride = len(index) + 2  # library indices, one unknown, and the null at -1
    return np.isin(options.peak * stride + options.compound, named[:, 0] * stride + named[:, 1])
