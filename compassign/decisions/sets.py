"""Sets of options that hold the truth with a stated probability: credible by the model, conformal by audit labels.

Both are of one family, the most probable options of a peak until a level is reached: the credible sets take the model's
word for the level, the conformal ones the level that labelled peaks show to be needed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from compassign.posterior.options import Options
from compassign.units import BoolArray, FloatArray, IntArray, StrArray

SET_LEVEL = 0.90
MIN_OWN_LABELS = 30  # of a group with a threshold of its own: its coverage then strays by about 5 % (SD)
ROUNDING = 1e-9  # of sums of probabilities, which would else add an option to sets of exactly the level


@dataclass(frozen=True)
class Threshold:
    """Up to which probability the options of a group of peaks are taken.

    n_labels : that it rests on. level : options are in the set while those before them hold at most this; infinite for
    all options, where there are too few labels or too many of them lie outside their peaks' options.
    is_pooled : shared with the other groups that have few labels.
    """

    n_labels: int
    level: float
    is_pooled: bool


@dataclass(frozen=True)
class Labelled:
    """What audit labels say about n peaks, for `conformal_thresholds`.

    score : (n,) of `probability_before` at the best true option, infinite where none is an option or the label was
    skipped. weight : (n,) 1 / probability of having been drawn. group : (n,) of the peak.
    """

    score: FloatArray
    weight: FloatArray
    group: StrArray


def probability_before(options: Options) -> FloatArray:
    """Probability of the options of the same peak that come before each, the most probable first.

    The null leads equals, as among calls, then the library's order. Returns (n_options,) 0 to 1.
    """
    peak = options.peak
    order = np.lexsort((-options.probability, peak))
    ranked = options.probability[order]
    summed = np.cumsum(ranked) - ranked
    before = np.empty(order.size)
    before[order] = np.maximum(summed - summed[options.offsets[:-1]][peak], 0.0)
    return before


def credible_sets(options: Options, level: float = SET_LEVEL, random: FloatArray | None = None) -> BoolArray:
    """The fewest options of each peak that hold at least `level`.

    random : (n_peaks,) uniform numbers: the last option is then taken only as often as makes the sets hold exactly
    `level` on average, so a set may be empty. Returns (n_options,) whether an option is in its peak's set.
    """
    before = probability_before(options)
    if random is None:
        return np.asarray(before < level - ROUNDING)
    return np.asarray(before + random[options.peak] * options.probability < level)


def conformal_scores(options: Options, is_true: BoolArray) -> FloatArray:
    """Level that the set of each peak must pass to hold a true option; infinite where there is none.

    is_true : (n_options,). Returns (n_peaks,).
    """
    score = np.where(is_true, probability_before(options), np.inf)
    return np.asarray(np.minimum.reduceat(score, options.offsets[:-1]))


def conformal_thresholds(labelled: Labelled, groups: Sequence[str], level: float = SET_LEVEL) -> dict[str, Threshold]:
    """The level of each group of peaks at which its sets hold the truth of `level` of further peaks.

    groups : all that peaks may have. Those with fewer than MIN_OWN_LABELS labels share a threshold, from all of their
    labels together, so that the promise holds over them together. Sources: split conformal sets by adaptive scores
    without randomisation (Romano, Sesia & Candes 2020, NeurIPS 33); by group (Vovk 2012, ACML); weighted because audit
    labels are drawn with different probabilities (Tibshirani, Barber, Candes & Ramdas 2019, NeurIPS 32).
    """
    count = {name: int((labelled.group == name).sum()) for name in groups}
    is_small = np.array([count.get(name, 0) < MIN_OWN_LABELS for name in labelled.group.tolist()], dtype=np.bool_)
    pooled = Threshold(int(is_small.sum()), _weighted_level(labelled, is_small, level), is_pooled=True)
    return {
        name: pooled
        if count[name] < MIN_OWN_LABELS
        else Threshold(count[name], _weighted_level(labelled, labelled.group == name, level), is_pooled=False)
        for name in groups
    }


def _weighted_level(labelled: Labelled, is_kept: BoolArray, level: float) -> float:
    """Weighted quantile of the scores with the new peak's at infinity.

    A new peak counts with the largest weight found, that of the peaks least likely to have been drawn: exact for them,
    and a little too large sets for the others.
    """
    score, weight = labelled.score[is_kept], labelled.weight[is_kept]
    if not score.size:
        return np.inf
    order = np.argsort(score, kind="stable")
    share = np.cumsum(weight[order]) / (weight.sum() + weight.max())
    enough = np.flatnonzero(share >= level - ROUNDING)
    return float(score[order][enough[0]]) if enough.size else np.inf


def conformal_sets(options: Options, group: StrArray, thresholds: Mapping[str, Threshold]) -> BoolArray:
    """The options of each peak up to the threshold of its group; never none.

    group : (n_peaks,) of the keys of `thresholds`. Returns (n_options,).
    """
    level = np.array([thresholds[name].level for name in group.tolist()])
    return np.asarray(probability_before(options) <= level[options.peak] + ROUNDING)


def set_members(options: Options, is_member: BoolArray) -> tuple[IntArray, IntArray]:
    """Members of the sets, the most probable of each peak first.

    Returns their indices among the options, and (n_peaks + 1,) offsets of the peaks' sets.
    """
    order = np.lexsort((-options.probability, options.peak))
    size = options.sum_by_peak(is_member).astype(np.int64)
    return order[is_member[order]], np.concatenate([[0], np.cumsum(size)])
