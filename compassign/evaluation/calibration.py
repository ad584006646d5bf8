"""Whether probabilities come true as often as they say: reliability curve, its band, errors and their intervals.

Everything here takes statements, each with a probability and an outcome. Where there are over 1,000 distinct
probabilities, those within a thousandth count as their mean, so that resampling costs the same for any number of peaks;
with fewer, every number is exact.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array, vstack

from compassign.evaluation.calibration_cells import N_BINS, Cells, bin_of, edges, errors, isotonic, merge
from compassign.evaluation.comparison import MIN_CLUSTERS
from compassign.evaluation.reliability_curve import (
    N_RESAMPLED,
    Curve,
    Statements,
    curves_by_chance,
    reliability_curve,
    sizes_of_all,
)
from compassign.units import BoolArray, FloatArray

INTERVAL_LEVEL = 0.95
NO_PAIRS = 1e-9  # up to it, a number of pairs is rounding
RAISED_BY_CHANCE = frozenset({"miscalibration", "ece", "smooth_error"})


@dataclass(frozen=True)
class Bins:
    """Probabilities against frequencies in bins of equal width.

    bin_edges : n_bins + 1, a bin holds its lower edge. count : statements in each bin; mean_probability, frequency :
    None in an empty bin.
    """

    bin_edges: list[float]
    count: list[int]
    mean_probability: list[float | None]
    frequency: list[float | None]


@dataclass(frozen=True)
class Estimate:
    """A number and how far it is known.

    low, high : INTERVAL_LEVEL of where the number would lie with as many other clusters; None with fewer than
    MIN_CLUSTERS of them. if_calibrated : its mean if all probabilities were right, None for a number that chance does
    not raise. An error is shown to be more than chance where that lies below the interval.
    """

    value: float
    low: float | None
    high: float | None
    if_calibrated: float | None = None


@dataclass(frozen=True)
class Summary:
    """How well statements are calibrated.

    brier : mean squared error, 0 to 1 = miscalibration - discrimination + uncertainty. miscalibration : what right
    probabilities in the same order would save. discrimination : what that order is worth. uncertainty : the error of
    one probability for all. ece : mean gap in bins of equal width. squared_error : mean squared gap in these bins
    without what chance adds, may be negative; NaN where no bin has statements of two clusters. rms_error : its root, 0
    where it is negative. smooth_error : mean gap without bins. is_inside_band : whether the curve is.
    """

    n_statements: int
    n_clusters: int
    mean_probability: float
    frequency: float
    brier: float
    miscalibration: Estimate
    discrimination: Estimate
    uncertainty: Estimate
    ece: Estimate
    squared_error: Estimate
    rms_error: Estimate
    smooth_error: Estimate
    is_inside_band: bool


def calibration_bins(probability: FloatArray, outcome: FloatArray | BoolArray) -> Bins:
    """Compare probabilities with frequencies in bins of equal width.

    probability : (n,) 0 to 1. outcome : (n,) 0 to 1.
    """
    of = bin_of(probability, N_BINS)
    count = np.bincount(of, minlength=N_BINS)
    summed = np.bincount(of, weights=probability, minlength=N_BINS)
    true = np.bincount(of, weights=outcome, minlength=N_BINS)
    return Bins(
        bin_edges=edges(N_BINS).tolist(),
        count=count.tolist(),
        mean_probability=[float(s / n) if n else None for s, n in zip(summed, count, strict=True)],
        frequency=[float(t / n) if n else None for t, n in zip(true, count, strict=True)],
    )


def calibration_error(bins: Bins) -> float | None:
    """Mean distance of probability and frequency, weighted by count (expected calibration error).

    Returns 0 to 1, None without statements. Source: Naeini et al. 2015, AAAI 29:2901.
    """
    gaps = [
        n * abs(p - f)
        for n, p, f in zip(bins.count, bins.mean_probability, bins.frequency, strict=True)
        if p is not None and f is not None
    ]
    return sum(gaps) / sum(bins.count) if gaps else None


def summarise_calibration(statements: Statements, rng: np.random.Generator) -> tuple[Curve, Summary] | None:
    """The curve of `reliability_curve`, the errors and the parts of the Brier score; None without statements.

    Intervals resample clusters (Davison & Hinkley 1997). Where the numbers come from is said in
    `compassign.evaluation.calibration_cells` and at `_squared_error`.
    """
    if not statements.probability.size:
        return None
    cells = merge(statements.probability)
    by_chance, fitted = curves_by_chance(statements, cells, rng)
    curve = reliability_curve(statements, cells, fitted)
    expected = errors(cells, sizes_of_all(cells, by_chance), by_chance, fitted)
    found, resampled = _bootstrap(statements, cells, rng)
    estimates = {
        name: _estimate(
            float(value[0]),
            resampled[name],
            lowest=-1.0 if name == "squared_error" else 0.0,
            if_calibrated=float(expected[name].mean()) if name in RAISED_BY_CHANCE else None,
        )
        for name, value in found.items()
    }
    return curve, _summary(statements, estimates, curve.is_inside)


def _summary(statements: Statements, of: Mapping[str, Estimate], is_inside_band: bool) -> Summary:
    right, wrong = statements.outcome, 1.0 - statements.outcome
    return Summary(
        n_statements=int(statements.probability.size),
        n_clusters=int(np.unique(statements.cluster).size),
        mean_probability=float(statements.probability.mean()),
        frequency=float(statements.outcome.mean()),
        brier=float((right * (1.0 - statements.probability) ** 2 + wrong * statements.probability**2).mean()),
        miscalibration=of["miscalibration"],
        discrimination=of["discrimination"],
        uncertainty=of["uncertainty"],
        ece=of["ece"],
        squared_error=of["squared_error"],
        rms_error=_root(of["squared_error"]),
        smooth_error=of["smooth_error"],
        is_inside_band=is_inside_band,
    )


def _bootstrap(
    statements: Statements, cells: Cells, rng: np.random.Generator
) -> tuple[dict[str, FloatArray], dict[str, FloatArray]]:
    """Every error as found, (1,), and of N_RESAMPLED draws of as many clusters with replacement, (N_RESAMPLED,)."""
    cluster = np.unique(statements.cluster, return_inverse=True)[1]
    n_clusters = int(cluster.max()) + 1
    gap = statements.outcome - statements.probability
    in_bin = cells.bin[cells.of]
    sums = [
        csr_array((values, (row, cluster)), shape=(n_rows, n_clusters))
        for values, row, n_rows in (
            (np.ones(gap.size), cells.of, cells.size.size),
            (statements.outcome, cells.of, cells.size.size),
            (gap, in_bin, N_BINS),
            (np.ones(gap.size), in_bin, N_BINS),
        )
    ]
    linear, squared = vstack(sums, format="csr"), vstack(sums[2:], format="csr").power(2)

    def of_times(times: FloatArray) -> FloatArray:
        return np.concatenate([linear @ times, squared @ times**2])

    found = of_times(np.ones(n_clusters))[np.newaxis]
    resampled = np.empty((N_RESAMPLED if n_clusters >= MIN_CLUSTERS else 0, found.size))
    for row in resampled:
        drawn = rng.integers(n_clusters, size=n_clusters)
        row[:] = of_times(np.bincount(drawn, minlength=n_clusters).astype(np.float64))
    return _all_errors(cells, found), _all_errors(cells, resampled)


def _all_errors(cells: Cells, sums: FloatArray) -> dict[str, FloatArray]:
    """Errors of each set from the sums of `_bootstrap`, (n_sets, 2 n_cells + 4 N_BINS)."""
    n_cells = cells.size.size
    size, true, *by_bin = np.split(sums, np.cumsum([n_cells, n_cells, N_BINS, N_BINS, N_BINS]), axis=1)
    found = errors(cells, size, true, isotonic(size, true))
    return {**found, "squared_error": _squared_error(*by_bin)}


def _squared_error(gap: FloatArray, size: FloatArray, gap_squares: FloatArray, size_squares: FloatArray) -> FloatArray:
    """Mean over bins of the product of two gaps of different clusters, weighted by size.

    Products of a statement with itself or its own cluster are what chance adds to a squared gap; without them the mean
    is 0 if all probabilities are right, also where these differ within a bin or peaks of a cluster depend on each
    other. gap, size, gap_squares, size_squares : (n_sets, N_BINS) sums over clusters, and sums of their squares.
    Returns (n_sets,), NaN where no bin has two clusters. Source: as Kumar, Liang & Ma 2019, NeurIPS 32, who take the
    probability of a bin as one.
    """
    pairs = size**2 - size_squares
    has_pairs = pairs > NO_PAIRS
    product = np.divide(gap**2 - gap_squares, pairs, out=np.zeros(gap.shape), where=has_pairs)
    weight = np.where(has_pairs, size, 0.0)
    total = weight.sum(axis=1)
    return np.asarray(
        np.divide((weight * product).sum(axis=1), total, out=np.full(total.size, np.nan), where=total > 0)
    )


def _estimate(value: float, resampled: FloatArray, lowest: float, if_calibrated: float | None) -> Estimate:
    """A number with its interval; lowest : that it can be.

    Resampling repeats clusters, which raises every error; so the spread of `resampled` is laid around the value.
    """
    known = resampled[~np.isnan(resampled)]
    if np.isnan(value) or not known.size:
        return Estimate(value, None, None, if_calibrated)
    tail = (1.0 - INTERVAL_LEVEL) / 2.0
    low, high = value + np.quantile(known, [tail, 1.0 - tail]) - known.mean()
    return Estimate(value, max(float(low), lowest), float(high), if_calibrated)


def _root(squared: Estimate) -> Estimate:
    """Root of an estimate and of its interval, 0 where it is negative."""
    low, high = (None if end is None else float(np.sqrt(max(end, 0.0))) for end in (squared.low, squared.high))
    return Estimate(float(np.sqrt(np.maximum(squared.value, 0.0))), low, high)
