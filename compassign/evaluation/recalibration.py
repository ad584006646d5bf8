"""Whether probabilities of peaks are too sure, or not sure enough, by audit labels, and how to mend them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq, isotonic_regression, minimize_scalar
from scipy.stats import t as student_t

from compassign.evaluation.comparison import cluster_by_truth
from compassign.posterior.options import Options, named_options
from compassign.units import BoolArray, FloatArray, IntArray

TEMPERATURES = (0.1, 10.0)  # beyond them, any two probabilities are practically 0 and 1, or equal
N_GRID = 81  # of log temperature: steps of 6 %, fine enough to find the interval's ends between two of them
CONFIDENCE = 0.95
TIE_DECIMALS = 9  # sums that differ by rounding are one probability: their order means nothing


@dataclass(frozen=True)
class Judged:
    """Peaks and what is true of them, n in all.

    options : of these peaks. is_true : (n_options,) any one of them is right. weight : (n,) 1 / probability of having
    been drawn. cluster : (n,) any numbers; peaks of one cluster may be right or wrong together.
    """

    options: Options
    is_true: BoolArray
    weight: FloatArray
    cluster: IntArray

    def take(self, peak: IntArray) -> Judged:
        """Some of the peaks."""
        is_true = self.is_true[self.options.rows(peak)]
        return Judged(self.options.take(peak), is_true, self.weight[peak], self.cluster[peak])


def judge(
    options: Options, compound_id: Sequence[str], answers: Sequence[frozenset[str]], weight: FloatArray
) -> Judged:
    """Find which options answers allow.

    compound_id : names of the library's indices. answers : one a peak, empty for the null; peaks of equal answers are a
    cluster, each null is one of its own. weight : (n_peaks,).
    """
    return Judged(options, named_options(options, compound_id, answers), weight, cluster_by_truth(answers))


@dataclass(frozen=True)
class Temperature:
    """The power 1 / value of a peak's probabilities that suits the labels best.

    value : above 1 where the probabilities are too sure, below where not sure enough. low, high : 95 % interval; None
    where the labels set no end. is_distorted : it leaves out 1. n_labels : that say something about it. n_impossible :
    whose truth has probability 0 and keeps it at any temperature, left out.
    """

    value: float
    low: float | None
    high: float | None
    is_distorted: bool
    n_labels: int
    n_impossible: int


@dataclass(frozen=True)
class CallCurve:
    """Isotonic frequency of right calls: probability and frequency, (n,) each, ascending."""

    probability: FloatArray
    frequency: FloatArray


_Moments = tuple[FloatArray, FloatArray, FloatArray]
"""Log of the sum of exponentials, mean and variance of the log probability under these, (n_peaks,) each."""


@dataclass(frozen=True)
class _Informative:
    """Options of probability above 0 of the labels that can tell temperatures apart, the peaks numbered anew."""

    log_probability: FloatArray
    is_true: BoolArray
    peak: IntArray
    start: IntArray
    weight: FloatArray
    cluster: IntArray

    def log_likelihood(self, log_temperature: float) -> float:
        """Weighted log likelihood of the labels."""
        log_all, log_true = (moments[0] for moments in self._moments(log_temperature))
        return float(self.weight @ (log_true - log_all))

    def statistic(self, log_temperature: float) -> float:
        """Slope of the likelihood in 1 / temperature over its error, 0 at its maximum, below it at lower temperatures.

        The error is that of labels drawn from the probabilities at this temperature. One estimated from the slopes
        finds less: wrong answers that were said to be impossible inflate it. Peaks of a cluster widen it by as much as
        the squared sums of clusters exceed those of single peaks. A label of several compounds counts like one.
        """
        (_, mean_all, variance), (_, mean_true, _) = self._moments(log_temperature)
        slope = self.weight * (mean_true - mean_all)
        together, apart = np.bincount(self.cluster, weights=slope), float(slope @ slope)
        design_effect = max(float(together @ together) / apart, 1.0) if apart > 0.0 else 1.0
        error = float(np.sqrt(design_effect * (self.weight**2 @ variance)))
        return float(slope.sum()) / error if error > 0.0 else 0.0

    def _moments(self, log_temperature: float) -> tuple[_Moments, _Moments]:
        """Of all options of each peak, and of its true ones."""
        scaled = self.log_probability * np.exp(-log_temperature)
        return self._summed(scaled), self._summed(np.where(self.is_true, scaled, -np.inf))

    def _summed(self, scaled: FloatArray) -> _Moments:
        largest = np.maximum.reduceat(scaled, self.start)
        share = np.exp(scaled - largest[self.peak])
        total = np.bincount(self.peak, weights=share)
        mean = np.bincount(self.peak, weights=share * self.log_probability) / total
        square = (self.log_probability - mean[self.peak]) ** 2
        return largest + np.log(total), mean, np.bincount(self.peak, weights=share * square) / total


def fit_temperature(judged: Judged) -> Temperature:
    """Find the temperature by weighted maximum likelihood, and the temperatures that a test does not reject.

    A label of several compounds counts as their sum. The test is the score test (Rao 1948, Proc. Camb. Phil. Soc.
    44:50), its variance times the design effect of the clusters (Kish 1965, Survey Sampling), so that peaks of a
    compound may depend on each other. Source of the method: Guo, Pleiss, Sun & Weinberger 2017, ICML. Labels that say
    nothing leave 1.
    """
    found, n_impossible = _informative(judged)
    if found is None:
        return Temperature(1.0, None, None, is_distorted=False, n_labels=0, n_impossible=n_impossible)
    grid = np.linspace(np.log(TEMPERATURES[0]), np.log(TEMPERATURES[1]), N_GRID)
    best = int(np.argmax([found.log_likelihood(point) for point in grid.tolist()]))
    near = grid[max(best - 1, 0)], grid[min(best + 1, N_GRID - 1)]
    log_value = float(minimize_scalar(lambda point: -found.log_likelihood(point), bounds=near, method="bounded").x)
    low, high = (_interval_end(found, side) for side in (grid[: best + 1][::-1], grid[best:]))
    is_distorted = (low is not None and low > 1.0) or (high is not None and high < 1.0)
    return Temperature(float(np.exp(log_value)), low, high, is_distorted, found.weight.size, n_impossible)


def _informative(judged: Judged) -> tuple[_Informative | None, int]:
    """The labels that can tell temperatures apart, None without any; and how many truths are impossible."""
    options = judged.options
    is_possible = options.probability > 0.0
    n_true = options.sum_by_peak(is_possible & judged.is_true)
    is_useful = (n_true > 0) & (n_true < options.sum_by_peak(is_possible))
    kept = is_possible & is_useful[options.peak]
    if not kept.any():
        return None, int((n_true == 0).sum())
    _, start, peak = np.unique(options.peak[kept], return_index=True, return_inverse=True)
    cluster = np.unique(judged.cluster[is_useful], return_inverse=True)[1]
    log_probability = np.log(options.probability[kept])
    informative = _Informative(
        log_probability, judged.is_true[kept], peak, start, judged.weight[is_useful], cluster.astype(np.int64)
    )
    return informative, int((n_true == 0).sum())


def _interval_end(found: _Informative, side: FloatArray) -> float | None:
    """First temperature away from the best one that the test rejects; None where it rejects none.

    side : log temperatures from the best one outwards.
    """
    n_clusters = int(found.cluster.max()) + 1
    if n_clusters < 2:  # noqa: PLR2004  one cluster has no spread
        return None
    limit = float(student_t.ppf(0.5 + CONFIDENCE / 2.0, n_clusters - 1))

    def excess(point: float) -> float:
        return abs(found.statistic(point)) - limit

    before = float(side[0])
    for point in side[1:].tolist():
        if excess(point) > 0.0:
            return float(np.exp(brentq(excess, before, point) if excess(before) < 0.0 else before))
        before = point
    return None


def tempered(options: Options, temperature: float) -> FloatArray:
    """Probabilities to the power of 1 / temperature, those of a peak summing to 1 again, (n_options,)."""
    largest = np.maximum.reduceat(options.probability, options.offsets[:-1])[options.peak]
    # Relative to the largest of the peak, so that no power underflows in all of them.
    powered = (options.probability / largest) ** (1.0 / temperature)
    return np.asarray(powered / options.sum_by_peak(powered)[options.peak])


def called_option(options: Options) -> IntArray:
    """(n_peaks,) the most probable option of each peak; the null leads equals, then the library's order."""
    return np.lexsort((-options.probability, options.peak))[options.offsets[:-1]]


def fit_call_curve(judged: Judged) -> CallCurve:
    """How often calls of each probability are right, never falling (weighted isotonic regression).

    Source: Zadrozny & Elkan 2002, KDD.
    """
    call = called_option(judged.options)
    said = np.round(judged.options.probability[call], TIE_DECIMALS)
    probability, of = np.unique(said, return_inverse=True)
    weight = np.bincount(of, weights=judged.weight)
    right = np.bincount(of, weights=judged.weight * judged.is_true[call])
    return CallCurve(probability, isotonic_regression(right / weight, weights=weight).x)


def on_curve(options: Options, curve: CallCurve) -> FloatArray:
    """Give each call the frequency of its probability, straight between those of the curve; (n_options,).

    The other options keep their proportions, or share evenly where all of them had 0. A peak with one option stays.
    """
    call = called_option(options)
    said = options.probability[call]
    size = np.diff(options.offsets)
    right = np.where(size > 1, np.interp(said, curve.probability, curve.frequency), said)
    rest = options.sum_by_peak(options.probability) - said
    others = np.divide(
        options.probability,
        rest[options.peak],
        out=1.0 / np.maximum(size - 1.0, 1.0)[options.peak],
        where=rest[options.peak] > 0.0,
    )
    result = others * (1.0 - right)[options.peak]
    result[call] = right
    return result
