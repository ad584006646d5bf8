"""How much more often two spectra of one compound are this alike than spectra of two, as a log-likelihood ratio."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit

from compassign.units import FloatArray

MIN_COMPOUNDS = 10  # with a true pair; of fewer nothing can be learned
_SLOPE_SD = np.array([10.0, 2.0])  # of similarity and of log(1 + matched): weak, so that separable pairs stay finite


@dataclass(frozen=True)
class Pairs:
    """Pairs of spectra whose compounds are known.

    similarity, n_matched, weight : (n_pairs,). is_true : both are of one compound. n_compounds : with a true pair.
    """

    similarity: FloatArray
    n_matched: FloatArray
    weight: FloatArray
    is_true: FloatArray
    n_compounds: int


@dataclass(frozen=True)
class LogRatio:
    """log P(similarity, matched | one compound) / P(... | two compounds).

    It grows with both and never leaves -limit to limit.
    """

    intercept: float
    slopes: FloatArray
    limit: float

    def at(self, similarity: FloatArray, n_matched: FloatArray) -> FloatArray:
        """The ratio of each pair, nats."""
        value = self.intercept + _features(similarity, n_matched) @ self.slopes
        return np.asarray(np.clip(value, -self.limit, self.limit))


def learn_ratio(pairs: Pairs) -> LogRatio | None:
    """Learn the ratio from true and decoy pairs; None where too few compounds have a true pair.

    The log odds of a logistic regression in which true and decoy pairs weigh the same are the log ratio of their
    densities (Qin, Biometrika 85, 1998). Slopes are not negative. With n compounds the ratio stays within a factor of
    n + 1: what was never seen in n cases has a probability of about 1 in that (Laplace's rule of succession).
    """
    if pairs.n_compounds < MIN_COMPOUNDS or not (pairs.is_true < 1.0).any():
        return None
    features, is_true = _features(pairs.similarity, pairs.n_matched), pairs.is_true
    shares = (pairs.weight * is_true).sum(), (pairs.weight * (1.0 - is_true)).sum()
    weight = pairs.n_compounds * pairs.weight / np.where(is_true > 0.0, *shares)

    def loss(values: FloatArray) -> tuple[float, FloatArray]:
        log_odds = values[0] + features @ values[1:]
        cost = weight @ (np.logaddexp(0.0, log_odds) - is_true * log_odds) + 0.5 * ((values[1:] / _SLOPE_SD) ** 2).sum()
        pull = weight * (expit(log_odds) - is_true)
        return float(cost), np.concatenate([[pull.sum()], pull @ features + values[1:] / _SLOPE_SD**2])

    found = minimize(loss, np.zeros(3), jac=True, method="L-BFGS-B", bounds=[(None, None), (0.0, None), (0.0, None)])
    return LogRatio(float(found.x[0]), np.asarray(found.x[1:]), math.log(pairs.n_compounds + 1.0))


def _features(similarity: FloatArray, n_matched: FloatArray) -> FloatArray:
    """(n_pairs, 2)."""
    return np.stack([similarity, np.log1p(n_matched)], axis=-1)
