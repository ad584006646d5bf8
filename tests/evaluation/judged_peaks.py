"""Peaks with made-up probabilities, and truths drawn from them."""

from __future__ import annotations

import numpy as np

from compassign.evaluation.recalibration import Judged
from compassign.posterior.options import Options
from compassign.units import BoolArray, FloatArray


def options_of(*peaks: list[float]) -> Options:
    """Options from the probabilities of each peak, the null's first."""
    offsets = np.concatenate([[0], np.cumsum([len(peak) for peak in peaks])])
    compound = np.concatenate([np.arange(len(peak)) - 1 for peak in peaks])
    return Options(offsets, compound, np.concatenate(peaks).astype(np.float64))


def drawn_options(n_peaks: int, rng: np.random.Generator) -> Options:
    """Peaks of two to seven options, some all but decided, some not."""
    return options_of(*(rng.dirichlet(np.full(n, 0.5)).tolist() for n in rng.integers(2, 8, n_peaks)))


def drawn_truth(options: Options, number: FloatArray) -> BoolArray:
    """One true option a peak by its probabilities; number : (n_peaks,) uniform."""
    is_true = np.zeros(options.probability.size, dtype=np.bool_)
    for peak, (start, end) in enumerate(zip(options.offsets[:-1], options.offsets[1:], strict=True)):
        ends = np.cumsum(options.probability[start:end])
        is_true[start + min(int(np.searchsorted(ends, number[peak])), ends.size - 1)] = True
    return is_true


def judged(options: Options, is_true: BoolArray | list[bool]) -> Judged:
    """Labels of equal weight, each peak a cluster of its own."""
    n_peaks = options.offsets.size - 1
    return Judged(options, np.array(is_true, dtype=np.bool_), np.ones(n_peaks), np.arange(n_peaks))
