"""How many of the accepted peaks are false, from labels of a random sample of peaks that no fit has seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.stats import beta

from compassign.data.audit_labels import AuditLabels
from compassign.evaluation.metrics import FDR_LEVELS, Predictions
from compassign.units import BoolArray, FloatArray, IntArray, StrArray

CONFIDENCE = 0.95
MAX_NEEDED = 1_000_000  # labels; more than anybody gives


@dataclass(frozen=True)
class Called:
    """What a run says of every peak; answers that were given are not accepted.

    compound : (n_peaks,) compound_id, "" for a null call. pep, q_value : (n_peaks,), NaN where there is none.
    is_seen : (n_peaks,) the fit saw an answer.
    """

    compound: StrArray
    pep: FloatArray
    q_value: FloatArray
    is_seen: BoolArray


def called_by(predictions: Predictions, is_seen: BoolArray) -> Called:
    """What a model says of every peak; is_seen : (n_peaks,)."""
    decisions = predictions.decisions
    names = np.array([*predictions.compound_id, ""], dtype=np.str_)  # index -1, of a null call, is the last
    return Called(names[decisions.call], decisions.pep, decisions.q_value, is_seen)


@dataclass(frozen=True)
class AuditedLevel:
    """What the audit says of the peaks that are accepted at one limit; None where no accepted peak is labelled.

    n_accepted : peaks, and expected_false_share : what the run expects of them. n_labels : of which labelled by the
    audit, and n_skipped : of which nobody could say. n_compounds : that the labelled ones are called.
    n_effective : peaks that would say as much if they were drawn alike and had nothing in common. share : false ones
    among the answered, weighted by inverse probability. low, high : its 95 % interval, low with all skipped ones right
    and high with all wrong. is_certified : high is within the limit. n_needed, n_at_least : labels of accepted peaks
    with which it would be, if as many are false as expected, and if no further one is; None if there are not as many
    peaks. sentence : the answer.
    """

    n_accepted: int
    expected_false_share: float | None
    n_labels: int
    n_skipped: int
    n_compounds: int
    n_effective: float | None
    share: float | None
    low: float | None
    high: float | None
    is_certified: bool
    n_needed: int | None
    n_at_least: int | None
    sentence: str


@dataclass(frozen=True)
class AuditEstimate:
    """The audit of a run.

    n_labels : peaks of the audit. n_skipped : of which nobody could say. n_seen : left out, because the fit saw an
    answer. levels : limit, as text -> what it accepts.
    """

    n_labels: int
    n_skipped: int
    n_seen: int
    levels: dict[str, AuditedLevel]


@dataclass(frozen=True)
class WeightedShare:
    """A share of a weighted sample: value, ends of its 95 % interval, and the effective sample size."""

    value: float
    low: float
    high: float
    n_effective: float


def estimate_audit(labels: AuditLabels, called: Called, limits: Sequence[float] = FDR_LEVELS) -> AuditEstimate | None:
    """Estimate the share of false ones among the accepted at each limit; None for a dataset without audit labels.

    A call is right if the label allows its compound.
    """
    if not labels.peak.size:
        return None
    is_new = ~called.is_seen[labels.peak]
    kept = labels.select(is_new)
    levels = {f"{alpha:g}": _level(kept, called, alpha) for alpha in limits}
    return AuditEstimate(labels.peak.size, int(labels.is_skipped.sum()), int((~is_new).sum()), levels)


def _level(labels: AuditLabels, called: Called, alpha: float) -> AuditedLevel:
    is_accepted = np.asarray((called.q_value <= alpha) & ~called.is_seen)  # NaN compares false
    sample = labels.select(is_accepted[labels.peak])
    found = _bounded(sample, called.compound[sample.peak])
    n_accepted = int(is_accepted.sum())
    expected = float(called.pep[is_accepted].mean()) if n_accepted else None
    needed, at_least = _needed(alpha, 0.0 if expected is None else expected, found, n_accepted)
    return AuditedLevel(
        n_accepted=n_accepted,
        expected_false_share=expected,
        n_labels=sample.peak.size,
        n_skipped=int(sample.is_skipped.sum()),
        n_compounds=np.unique(called.compound[sample.peak]).size,
        n_effective=found.n_effective if found else None,
        share=found.value if found else None,
        low=found.low if found else None,
        high=found.high if found else None,
        is_certified=found is not None and found.high <= alpha,
        n_needed=needed,
        n_at_least=at_least,
        sentence=_sentence(alpha, n_accepted, sample, found, (needed, at_least)),
    )


@dataclass(frozen=True)
class _Bounds:
    """A share among the answered, None without any, and an interval that holds whatever the skipped ones are.

    n_false : effective number, with all skipped ones wrong. inflation : labels for each effective one.
    """

    value: float | None
    low: float
    high: float
    n_effective: float
    n_false: float
    inflation: float


def _bounded(sample: AuditLabels, called: StrArray) -> _Bounds | None:
    """The share of peaks whose label does not allow the compound that they are called; called : (n,)."""
    n = sample.peak.size
    if not n:
        return None
    is_false = np.array([name not in named for name, named in zip(called, sample.options, strict=True)], dtype=np.bool_)
    weight, answered = 1.0 / sample.inclusion_prob, ~sample.is_skipped
    cluster = np.unique(called, return_inverse=True)[1].astype(np.int64)
    best = weighted_share(is_false & answered, weight, cluster)
    worst = weighted_share(is_false | ~answered, weight, cluster)
    value = float(np.average(is_false[answered], weights=weight[answered])) if answered.any() else None
    n_effective = worst.n_effective
    return _Bounds(value, best.low, worst.high, n_effective, worst.value * n_effective, n / n_effective)


def _needed(alpha: float, expected: float, found: _Bounds | None, n_accepted: int) -> tuple[int | None, int | None]:
    """How many labels of accepted peaks would do: if as many are false as expected, and if no further one is.

    None where that is more than are accepted.
    """
    inflation, n_false = (found.inflation, found.n_false) if found else (1.0, 0.0)
    numbers = (labels_needed(alpha, share=expected), labels_needed(alpha, n_false=n_false))
    scaled = [None if number is None else int(np.ceil(number * inflation)) for number in numbers]
    needed, at_least = (number if number is not None and number <= n_accepted else None for number in scaled)
    return needed, at_least


def weighted_share(is_false: BoolArray, weight: FloatArray, cluster: IntArray) -> WeightedShare:
    """A share with a 95 % interval that holds for few errors, and for none.

    is_false, weight, cluster : (n,), n at least 1; weights above 0, clusters 0, 1, ... The value is Hajek's ratio.
    Clopper-Pearson's interval, which is exact for independent draws, is taken at an effective sample size (Korn and
    Graubard 1998, Survey Methodology 24:193): the smaller of Kish's, with each cluster as one observation because the
    peaks that are called the same compound are wrong together (Kish 1965, Survey Sampling, 11.7), and of that which
    the clusters' variance shows where there are errors. Finite populations are taken as infinite, which is cautious.
    """
    total = weight.sum()
    value = float(np.dot(weight, is_false) / total)
    # (n_clusters,)
    of_cluster = np.bincount(cluster, weights=weight) / total
    n_effective = float(1.0 / np.square(of_cluster).sum())
    residual = np.bincount(cluster, weights=weight * (is_false - value)) / total
    variance = float(np.square(residual).sum())
    if 0.0 < value < 1.0 and variance > 0.0:
        n_effective = min(n_effective, max(value * (1.0 - value) / variance, 1.0))
    low, high = exact_interval(value * n_effective, n_effective)
    return WeightedShare(value, low, high, n_effective)


def exact_interval(n_false: float, n: float) -> tuple[float, float]:
    """Clopper and Pearson's 95 % interval; numbers need not be whole (Clopper and Pearson 1934, Biometrika 26:404)."""
    tail = (1.0 - CONFIDENCE) / 2.0
    low = float(beta.ppf(tail, n_false, n - n_false + 1.0)) if n_false > 0.0 else 0.0
    high = float(beta.ppf(1.0 - tail, n_false + 1.0, n - n_false)) if n_false < n else 1.0
    return low, high


def labels_needed(alpha: float, share: float = 0.0, n_false: float = 0.0) -> int | None:
    """How many labels, drawn alike, put the interval's upper end on a limit or below.

    share, n_false : the false ones among n of them are `share * n + n_false`. None beyond MAX_NEEDED.
    """

    def excess(n: float) -> float:
        return exact_interval(min(share * n + n_false, n), n)[1] - alpha

    if excess(MAX_NEEDED) > 0.0:
        return None
    return int(np.ceil(brentq(excess, 1.0, MAX_NEEDED)))


def _sentence(
    alpha: float,
    n_accepted: int,
    sample: AuditLabels,
    found: _Bounds | None,
    needed: tuple[int | None, int | None],
) -> str:
    """The answer, in words."""
    if not n_accepted:
        return f"Nothing is accepted at {100 * alpha:g} %."
    n, n_skipped = sample.peak.size, int(sample.is_skipped.sum())
    cannot = f"{100 * alpha:g} % cannot be certified with {n:,} labels: {_call_for(needed)}."
    if found is None or found.value is None:
        return cannot
    skipped = f", whatever the {n_skipped:,} skipped are" if n_skipped else ""
    span = f"{100 * found.low:.1f} to {100 * found.high:.1f} %{skipped}"
    head = f"The false share at {100 * alpha:g} % is {100 * found.value:.1f} % ({span}) from {n:,} audit labels"
    if found.high <= alpha:
        return f"{head}, within the limit."
    return f"{head}, above the limit." if found.low > alpha else f"{head}. {cannot}"


def _call_for(needed: tuple[int | None, int | None]) -> str:
    expected, at_least = needed
    if expected is not None:
        return f"about {expected:,} are needed"
    if at_least is not None:
        return f"at least {at_least:,} are needed, and no further one may be false"
    return "more are needed than peaks are accepted"
