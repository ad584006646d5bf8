"""How well a model of the peaks predicts each of them from the others: leave-one-out, and two variants' difference."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from arviz_stats.base import array_stats
from scipy.special import logsumexp

from compassign.units import BoolArray, FloatArray, IntArray

MIN_DRAWS = 100  # the smoothed tail is a fifth of the draws: of fewer, its shape is not known
MAX_KHAT = 0.7  # beyond, importance sampling converges too slowly to be used (Vehtari et al. 2024)
MAX_UNRELIABLE = 0.01  # share of peaks beyond MAX_KHAT from which on the difference is not to be trusted
SMALL_NATS = 4.0  # differences below it have no reliable standard error (Sivula et al. 2025)
N_SE = 2.0  # standard errors that a difference must exceed
MIN_CLUSTERS = 10  # a standard error of fewer is itself too uncertain


@dataclass(frozen=True)
class LeftOut:
    """What is expected of each peak from all others, (n_peaks,) each.

    elpd : log predictive density, nats; NaN where draws are too few. khat : shape of the importance weights' tail;
    infinite where it cannot be found.
    """

    elpd: FloatArray
    khat: FloatArray


@dataclass(frozen=True)
class ElpdDifference:
    """Run B against run A on the same peaks.

    a, b : sums over peaks, nats. difference : b - a. se : its standard error, NaN with fewer than MIN_CLUSTERS
    clusters, the compounds that peaks most probably are. n_unreliable : peaks beyond MAX_KHAT in either run.
    """

    n_peaks: int
    n_clusters: int
    a: float
    b: float
    se: float
    n_unreliable: int

    @property
    def difference(self) -> float:
        """How much better B predicts, nats."""
        return self.b - self.a

    @property
    def is_trusted(self) -> bool:
        """Whether few enough peaks are unreliable."""
        return self.n_unreliable <= MAX_UNRELIABLE * self.n_peaks


def leave_one_out(log_likelihood: FloatArray) -> LeftOut:
    """Weigh the draws so that they forget one peak at a time (Pareto-smoothed importance sampling).

    log_likelihood : (n_draws, n_peaks), nats. With fewer than MIN_DRAWS draws nothing is known.
    Source: Vehtari, Gelman & Gabry 2017, Statistics and Computing 27:1413, as in arviz-stats.
    """
    n_draws, n_peaks = log_likelihood.shape
    found = LeftOut(np.full(n_peaks, np.nan), np.full(n_peaks, np.inf))
    if n_draws < MIN_DRAWS:
        return found
    for peak, column in enumerate(log_likelihood.T):
        found.elpd[peak], found.khat[peak] = _leave_out(column)
    return found


def _leave_out(column: FloatArray) -> tuple[float, float]:
    """Expected log density and k-hat of one peak, from its log-likelihood in every draw."""
    if np.ptp(column) == 0.0:  # no parameter has a say, so that nothing changes without the peak
        return float(column[0]), 0.0
    try:
        with np.errstate(over="ignore", invalid="ignore"):
            elpd, khat, _ = array_stats.loo(column[None], chain_axis=0, draw_axis=1)
    except ValueError:  # the draws that weigh most are all the same
        elpd = khat = np.nan
    if np.isfinite(elpd + khat):
        return float(elpd), float(khat)
    return float(np.log(column.size) - logsumexp(-column)), np.inf  # weights as they are: not to be relied on


def compare_elpd(a: FloatArray, b: FloatArray, is_unreliable: BoolArray, cluster: IntArray) -> ElpdDifference:
    """Set run B against run A.

    a, b : (n_peaks,) elpd of the same peaks. is_unreliable : (n_peaks,) k-hat is beyond MAX_KHAT in either run.
    cluster : (n_peaks,) 0 to n_clusters - 1; the differences of a cluster may depend on each other, so that the
    standard error is that of a sum over clusters.
    """
    sums = np.bincount(cluster, weights=b - a)
    se = float(np.sqrt(sums.size * sums.var(ddof=1))) if sums.size >= MIN_CLUSTERS else np.nan
    return ElpdDifference(a.size, sums.size, float(a.sum()), float(b.sum()), se, int(is_unreliable.sum()))


def describe_elpd(found: ElpdDifference, name_a: str = "A", name_b: str = "B") -> str:
    """Say in one sentence which run predicts peaks better, by how much, and whether that can be trusted."""
    values = (
        f"{name_a} {found.a:.1f} and {name_b} {found.b:.1f} nats, {name_b} - {name_a} = {found.difference:+.1f} "
        f"(standard error {'unknown' if np.isnan(found.se) else f'{found.se:.1f}'}, {found.n_clusters} compounds)"
    )
    better = name_b if found.difference > 0.0 else name_a
    if not found.is_trusted:
        answer = "not to be trusted, because too many peaks have"
    elif abs(found.difference) < SMALL_NATS:
        answer = f"alike, because less than {SMALL_NATS:g} nats is too little to judge;"
    elif abs(found.difference) > N_SE * found.se:  # false where there is no standard error
        answer = f"{better} predicts better;"
    else:
        answer = "cannot be told apart;"
    unreliable = f"k-hat over {MAX_KHAT:g} at {found.n_unreliable} of {found.n_peaks} peaks"
    return f"leave-one-out prediction of the peaks (ELPD): {values}: {answer} {unreliable}"
