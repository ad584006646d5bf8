"""The posterior after new labels, from draws of the one before them: exact weights, and whether they can be trusted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from arviz_stats.base import array_stats

from compassign.units import FloatArray, IntArray

MAX_KHAT = 0.7  # Vehtari et al., JMLR 25(72), 2024: above it the weights are too few draws' to be trusted
MIN_PROBABILITY = 1e-30  # traces are float32, where smaller ones are 0


@dataclass(frozen=True)
class Reweighting:
    """Weights of draws. weight : (n_draws,), sums to 1. khat : shape of the tail of the raw weights (PSIS)."""

    weight: FloatArray
    khat: float

    @property
    def is_usable(self) -> bool:
        """Whether numbers from these weights may be shown."""
        return self.khat < MAX_KHAT


def reweight(probability: FloatArray, named: Sequence[Sequence[int]]) -> Reweighting:
    """Weigh draws by the labels of peaks that the fit saw without a label.

    A label turns a peak's likelihood L into L times the probability of the options that it names, so that the ratio of
    the posteriors is the product of those probabilities. probability : (n_draws, n_options) of all peaks. named : for
    each labelled peak the options that its label names. Source: Vehtari et al., Pareto smoothed importance sampling,
    JMLR 25(72), 2024.
    """
    log_weight = np.zeros(probability.shape[0])
    for options in named:
        of_label = probability[:, list(options)].sum(axis=1, dtype=np.float64)
        log_weight += np.log(np.maximum(of_label, MIN_PROBABILITY))
    if np.ptp(log_weight) == 0.0:  # nothing to smooth
        return Reweighting(np.full(log_weight.size, 1.0 / log_weight.size), -np.inf)
    smoothed, khat = array_stats.psislw(-log_weight)  # it takes log-likelihoods, whose inverse are its weights
    weight = np.exp(smoothed - np.max(smoothed))
    return Reweighting(weight / weight.sum(), float(khat))


def provisional(
    probability: FloatArray, offsets: IntArray, named: Mapping[int, Sequence[int]], found: Reweighting
) -> FloatArray:
    """(n_options,) posterior probabilities after the labels; a labelled peak keeps only what its label names.

    offsets : (n_peaks + 1,) options of each peak. named : peak -> options that its label names.
    """
    mean = found.weight.astype(probability.dtype) @ probability  # without a copy of all draws
    for peak, options in named.items():
        draws = probability[:, list(options)].astype(np.float64)
        total = draws.sum(axis=1, keepdims=True)
        share = np.divide(draws, total, out=np.zeros_like(draws), where=total > 0)
        mean[offsets[peak] : offsets[peak + 1]] = 0.0
        mean[list(options)] = found.weight @ share
    return np.asarray(mean)
