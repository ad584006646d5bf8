"""Two runs that were scored on the same peaks: how far they differ, how sure that is, and whether it matters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.stats import binomtest

from compassign.units import BoolArray, FloatArray, IntArray

N_DRAWS = 4000  # the ends of a 95 % interval to about 1 % of its width
BLOCK_CELLS = 2_000_000  # weights in memory at once, 16 MB
INTERVAL = (0.025, 0.975)
SURE = 0.95  # probability from which on a verdict names a winner, or calls two runs equal
MIN_CLUSTERS = 10  # a bootstrap of fewer finds intervals that are far too short
ACCEPTED_ALPHA = 0.05

Outcome = Literal["A", "B", "equal", ""]


@dataclass(frozen=True)
class Metric:
    """What is compared. rope : differences up to it do not matter; that of a number of peaks is a share of all."""

    label: str
    rope: float
    is_small_good: bool = False
    is_count: bool = False


# The regions of practical equivalence: one peak in a hundred (Benavoli et al. 2017 take the same for accuracies), and
# for log loss 2 % of the probability that a typical truth gets.
METRICS = {
    "log_loss": Metric("log loss", 0.02, is_small_good=True),
    "brier": Metric("Brier score", 0.01, is_small_good=True),
    "top1": Metric("accuracy", 0.01),
    "precision": Metric("precision", 0.01),
    "recall": Metric("recall", 0.01),
    "f1": Metric("F1", 0.01),
    f"accepted_{ACCEPTED_ALPHA:g}": Metric("peaks accepted at 5 %", 0.01, is_count=True),
    f"false_share_{ACCEPTED_ALPHA:g}": Metric("false share of these", 0.01, is_small_good=True),
}
HEADLINE = "log_loss"  # proper, and sees every probability: it decides the verdict
ALSO_SAID = ("brier", "top1", f"accepted_{ACCEPTED_ALPHA:g}")


@dataclass(frozen=True)
class RunScores:
    """One run on the paired peaks, (n_peaks,) each.

    log_loss : nats. brier : 0 to 2. is_right : the call, null or compound, is true. is_call : a compound was called.
    is_accepted : accepted at ACCEPTED_ALPHA.
    """

    log_loss: FloatArray
    brier: FloatArray
    is_right: BoolArray
    is_call: BoolArray
    is_accepted: BoolArray


@dataclass(frozen=True)
class PairedPeaks:
    """The peaks that score both runs.

    cluster : (n_peaks,) 0 to n_clusters - 1; peaks of one compound err together. is_null : (n_peaks,) the truth is
    nothing in the library.
    """

    cluster: IntArray
    is_null: BoolArray


@dataclass(frozen=True)
class Difference:
    """One metric of both runs; NaN where a run has nothing to take a share of, or there are too few clusters.

    difference : b - a, with its 95 % interval low to high. p_a_better, p_equal, p_b_better : probabilities that A is
    better by more than `rope`, neither, B; they sum to 1.
    """

    metric: str
    a: float
    b: float
    difference: float
    low: float
    high: float
    rope: float
    p_a_better: float
    p_equal: float
    p_b_better: float

    @property
    def outcome(self) -> Outcome:
        """The run that is better by more than `rope`, `equal`, or "" where neither is sure."""
        sure: tuple[tuple[float, Outcome], ...] = (
            *((self.p_a_better, "A"), (self.p_b_better, "B")),
            (self.p_equal, "equal"),
        )
        return next((outcome for probability, outcome in sure if probability >= SURE), "")


@dataclass(frozen=True)
class McNemar:
    """Peaks that one run alone calls right, and how probable so uneven a split is by chance.

    p_value : exact, two-sided; it takes peaks as independent, so it is too small where compounds have many peaks.
    """

    only_a: int
    only_b: int
    p_value: float


@dataclass(frozen=True)
class Paired:
    """Run B against run A on the same peaks.

    n_clusters : compounds, and null truths each on its own; n_null : of which nulls. differences : in the order of
    METRICS.
    """

    n_peaks: int
    n_clusters: int
    n_null: int
    differences: tuple[Difference, ...]
    mcnemar: McNemar

    def of(self, metric: str) -> Difference:
        """The difference of one metric."""
        return next(found for found in self.differences if found.metric == metric)


def cluster_by_truth(truths: Sequence[frozenset[str]]) -> IntArray:
    """Number the true compounds.

    truths : of each peak; peaks of the same compounds share a cluster, a null (empty) is a cluster of its own.
    Returns (n_peaks,) 0 to n_clusters - 1.
    """
    numbers: dict[object, int] = {}
    keys = (truth or position for position, truth in enumerate(truths))
    return np.array([numbers.setdefault(key, len(numbers)) for key in keys], dtype=np.int64)


def compare_paired(a: RunScores, b: RunScores, peaks: PairedPeaks, rng: np.random.Generator) -> Paired:
    """Set run B against the baseline A.

    Intervals and probabilities come from one Bayesian bootstrap over clusters, so that they never contradict each
    other: each draw weights the clusters by a flat Dirichlet, and every metric is a ratio of weighted sums over peaks.
    Source: Rubin 1981, Annals of Statistics 9:130; regions of practical equivalence: Benavoli, Corani, Demsar and
    Zaffalon 2017, JMLR 18(77).
    """
    n_clusters, n_metrics = int(peaks.cluster.max(initial=-1)) + 1, len(METRICS)
    parts = np.concatenate([part for run in (a, b) for part in _ratios(run, peaks.is_null)], axis=1)
    # (n_peaks, 4 * n_metrics) -> (n_clusters, 4 * n_metrics): numerators and denominators of A, then of B
    sums = np.stack([np.bincount(peaks.cluster, weights=column, minlength=n_clusters) for column in parts.T], axis=1)
    value_a, value_b = _values(sums.sum(axis=0, keepdims=True))
    drawn = np.full((1, n_metrics), np.nan)
    if n_clusters >= MIN_CLUSTERS:
        pairs = (_values(weight @ sums) for weight in _weights(n_clusters, rng))
        drawn = np.concatenate([of_b - of_a for of_a, of_b in pairs])
    n_peaks = peaks.cluster.size
    return Paired(
        n_peaks=n_peaks,
        n_clusters=n_clusters,
        n_null=int(peaks.is_null.sum()),
        differences=tuple(
            _difference(name, (float(value_a[0, i]), float(value_b[0, i])), drawn[:, i], n_peaks)
            for i, name in enumerate(METRICS)
        ),
        mcnemar=mcnemar(a.is_right, b.is_right),
    )


def _ratios(run: RunScores, is_null: BoolArray) -> tuple[FloatArray, FloatArray]:
    """Numerator and denominator of each metric, (n_peaks, n_metrics) each, in the order of METRICS."""
    one = np.ones(is_null.size)
    correct, call = run.is_right & run.is_call, run.is_call.astype(np.float64)
    columns = (
        (run.log_loss, one),
        (run.brier, one),
        (run.is_right, one),
        (correct, call),
        (correct, ~is_null),
        (2 * correct, call + ~is_null),
        (run.is_accepted, one / max(is_null.size, 1)),
        (run.is_accepted & ~run.is_right, run.is_accepted),
    )
    numerator, denominator = (np.stack([np.asarray(c[i], dtype=np.float64) for c in columns], axis=1) for i in (0, 1))
    return numerator, denominator


def _values(sums: FloatArray) -> tuple[FloatArray, FloatArray]:
    """(n, 4 * n_metrics) -> every metric of A and of B, (n, n_metrics) each; NaN without a denominator."""
    part_a, whole_a, part_b, whole_b = np.split(sums, 4, axis=1)
    of_a, of_b = (
        np.divide(part, whole, out=np.full(part.shape, np.nan), where=whole > 0.0)
        for part, whole in ((part_a, whole_a), (part_b, whole_b))
    )
    return of_a, of_b


def _weights(n_clusters: int, rng: np.random.Generator) -> Iterator[FloatArray]:
    """N_DRAWS rows of weights, block by block; a ratio does not care what they sum to, so they are not normalised."""
    size = max(BLOCK_CELLS // n_clusters, 1)
    for start in range(0, N_DRAWS, size):
        yield rng.standard_exponential((min(size, N_DRAWS - start), n_clusters))


def _difference(name: str, values: tuple[float, float], drawn: FloatArray, n_peaks: int) -> Difference:
    metric = METRICS[name]
    rope = metric.rope * n_peaks if metric.is_count else metric.rope
    low, high = np.quantile(drawn, INTERVAL)
    gain = -drawn if metric.is_small_good else drawn
    # comparisons with NaN are false, but a share of NaNs is unknown and not 0
    p_a, p_b = (
        float(np.mean(np.where(np.isnan(gain), np.nan, is_beyond))) for is_beyond in (gain < -rope, gain > rope)
    )
    return Difference(
        metric=name,
        a=values[0],
        b=values[1],
        difference=values[1] - values[0],
        low=float(low),
        high=float(high),
        rope=rope,
        p_a_better=p_a,
        p_equal=1.0 - p_a - p_b,
        p_b_better=p_b,
    )


def mcnemar(is_right_a: BoolArray, is_right_b: BoolArray) -> McNemar:
    """Test whether two runs call equally many peaks right.

    is_right_a, is_right_b : (n_peaks,). Source: McNemar 1947, Psychometrika 12:153, in its exact (binomial) form.
    """
    only_a, only_b = int((is_right_a & ~is_right_b).sum()), int((is_right_b & ~is_right_a).sum())
    n_split = only_a + only_b
    return McNemar(only_a, only_b, float(binomtest(only_a, n_split).pvalue) if n_split else 1.0)


def verdict(paired: Paired, name_a: str = "A", name_b: str = "B") -> str:
    """Say in one sentence which run is better, by log loss, and where else there is a winner."""
    found, both = paired.of(HEADLINE), f"{name_a} and {name_b}"
    clusters = f"{_counted(paired.n_clusters - paired.n_null, 'compound')} and {_counted(paired.n_null, 'null peak')}"
    better = name_b if found.difference < 0.0 else name_a
    if paired.n_clusters < MIN_CLUSTERS:
        return f"{both} cannot be told apart with {clusters}: at least {MIN_CLUSTERS} are needed"
    if found.outcome == "equal":
        head = f"{both} are practically equal: log loss in {name_b} {_change(found)}, and {found.rope:g} would matter"
    elif found.outcome:
        head = f"{better} is better: log loss {_change(found, better == name_b)}"
    elif found.low > 0.0 or found.high < 0.0:
        amount = _change(found, better == name_b)
        head = f"{better} is better, but perhaps by less than matters ({found.rope:g}): log loss {amount}"
    else:
        head = f"{both} cannot be told apart with {clusters}: log loss in {name_b} {_change(found)}"
    others = [paired.of(metric) for metric in ALSO_SAID]
    winners = [(other, name_a if other.outcome == "A" else name_b) for other in others if other.outcome in {"A", "B"}]
    also = [f"{METRICS[o.metric].label} in {name} {_change(o, name == name_b)}" for o, name in winners]
    return "; ".join([head, *also])


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"


def _change(found: Difference, is_of_b: bool = True) -> str:
    """How one run differs from the other, as `0.120 lower (0.050 to 0.190)`."""
    is_count = METRICS[found.metric].is_count
    digits, less, more = (".0f", "fewer", "more") if is_count else (".3f", "lower", "higher")
    low, high = (found.low, found.high) if is_of_b else (-found.high, -found.low)
    middle = found.difference if is_of_b else -found.difference
    word = less if middle < 0.0 else more
    if low == high == 0.0:
        return "is the same"
    if low < 0.0 < high:
        return f"{abs(middle):{digits}} {word} ({-low:{digits}} {less} to {high:{digits}} {more})"
    ends = sorted((abs(low), abs(high)))
    return f"{abs(middle):{digits}} {word} ({ends[0]:{digits}} to {ends[1]:{digits}})"
