"""How often sets of options hold the truth by the peaks with an answer, and conformal sets from audit labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from compassign.data.audit_labels import AuditLabels
from compassign.data.dataset import Answers
from compassign.decisions.sets import (
    SET_LEVEL,
    Labelled,
    Threshold,
    conformal_scores,
    conformal_sets,
    conformal_thresholds,
    credible_sets,
)
from compassign.evaluation.audit_estimates import weighted_share
from compassign.evaluation.recalibration import Judged, judge
from compassign.evaluation.views import RANGES
from compassign.posterior.options import Options
from compassign.units import BoolArray, FloatArray, IntArray, StrArray

ALL = "all"


@dataclass(frozen=True)
class Coverage:
    """How often the sets of some peaks hold the truth.

    n_peaks : with an answer. coverage : share of their sets that hold it. low, high : its 95 % interval, with peaks of
    a compound as one observation. mean_size : options in a set.
    """

    n_peaks: int
    coverage: float
    low: float
    high: float
    mean_size: float


@dataclass(frozen=True)
class SetCoverage:
    """Coverage by number of candidates (`all`, then RANGES), None without peaks to count.

    level : that the sets promise. thresholds : range -> of the conformal sets, None without audit labels. n_skipped :
    audit labels that count as outside every set. credible_truth, credible_audit : credible sets, on the scored peaks
    and on the audit's. conformal_truth : conformal sets, on the scored peaks that are not of the audit.
    """

    level: float
    thresholds: dict[str, Threshold] | None
    n_skipped: int
    credible_truth: dict[str, Coverage] | None
    credible_audit: dict[str, Coverage] | None
    conformal_truth: dict[str, Coverage] | None


@dataclass(frozen=True)
class PeakSets:
    """The sets of every peak.

    credible, conformal : (n_options,) members; no conformal ones without audit labels.
    """

    credible: BoolArray
    conformal: BoolArray | None
    coverage: SetCoverage


@dataclass(frozen=True)
class Peaks:
    """The peaks of a run.

    peak_id, compound_id : names. options : of all peaks. group : (n_peaks,) of RANGES. is_seen : (n_peaks,) the fit saw
    an answer. is_scored : (n_peaks,) the truth is known and scores the run.
    """

    peak_id: Sequence[str]
    compound_id: Sequence[str]
    options: Options
    group: StrArray
    is_seen: BoolArray
    is_scored: BoolArray

    def judged(self, peak: IntArray, answers: Sequence[frozenset[str]], weight: FloatArray) -> Judged:
        """Some peaks and what their answers allow."""
        return judge(self.options.take(peak), self.compound_id, answers, weight)


def usable_audit(labels: AuditLabels, is_seen: BoolArray) -> AuditLabels:
    """Audit labels up to the last that was answered, without peaks whose answer a fit saw.

    is_seen : (n_peaks,). Labels are given in the order of the draw, so those after the last answer are not skipped but
    not reached, and those before are a sample of their own.
    """
    answered = np.flatnonzero(~labels.is_skipped)
    is_reached = np.arange(labels.peak.size) <= answered.max(initial=-1)
    return labels.select(is_reached & ~is_seen[labels.peak])


def find_sets(peaks: Peaks, audit: AuditLabels, truth: Answers | None) -> PeakSets:
    """Credible sets, conformal ones where there are audit labels, and the coverage of both."""
    usable = usable_audit(audit, peaks.is_seen)
    credible = credible_sets(peaks.options)
    answered = usable.select(~usable.is_skipped)
    thresholds = _thresholds(peaks, usable, answered) if answered.peak.size else None
    conformal = None if thresholds is None else conformal_sets(peaks.options, peaks.group, thresholds)
    is_new = peaks.is_scored.copy()
    is_new[usable.peak] = False
    coverage = SetCoverage(
        level=SET_LEVEL,
        thresholds=thresholds,
        n_skipped=int(usable.is_skipped.sum()),
        credible_truth=_by_truth(peaks, credible, truth, peaks.is_scored),
        credible_audit=_by_group(
            peaks,
            credible,
            answered.peak,
            peaks.judged(answered.peak, answered.options, 1.0 / answered.inclusion_prob),
        ),
        conformal_truth=None if conformal is None else _by_truth(peaks, conformal, truth, is_new),
    )
    return PeakSets(credible, conformal, coverage)


def _thresholds(peaks: Peaks, usable: AuditLabels, answered: AuditLabels) -> dict[str, Threshold]:
    """What audit labels say about the level that sets need; a skipped one is outside all sets, the worst it can be."""
    judged = peaks.judged(answered.peak, answered.options, 1.0 / answered.inclusion_prob)
    score = np.full(usable.peak.size, np.inf)
    score[~usable.is_skipped] = conformal_scores(judged.options, judged.is_true)
    return conformal_thresholds(Labelled(score, 1.0 / usable.inclusion_prob, peaks.group[usable.peak]), RANGES)


def _by_truth(
    peaks: Peaks, is_member: BoolArray, truth: Answers | None, is_counted: BoolArray
) -> dict[str, Coverage] | None:
    if truth is None:
        return None
    peak = np.flatnonzero(is_counted)
    answers = [truth[peaks.peak_id[at]] for at in peak.tolist()]
    return _by_group(peaks, is_member, peak, peaks.judged(peak, answers, np.ones(peak.size)))


def _by_group(peaks: Peaks, is_member: BoolArray, peak: IntArray, judged: Judged) -> dict[str, Coverage] | None:
    """Coverage of all peaks with an answer and of each range of candidates among them.

    peak : (n,) of `judged`.
    """
    if not peak.size:
        return None
    in_set = is_member[peaks.options.rows(peak)]
    is_held = judged.options.sum_by_peak(in_set & judged.is_true) > 0
    size = judged.options.sum_by_peak(in_set)
    of_group = {ALL: np.ones(peak.size, dtype=np.bool_), **{name: peaks.group[peak] == name for name in RANGES}}
    return {
        name: _coverage(is_held[own], size[own], judged.weight[own], judged.cluster[own])
        for name, own in of_group.items()
        if own.any()
    }


def _coverage(is_held: BoolArray, size: FloatArray, weight: FloatArray, cluster: IntArray) -> Coverage:
    share = weighted_share(is_held, weight, np.unique(cluster, return_inverse=True)[1].astype(np.int64))
    return Coverage(is_held.size, share.value, share.low, share.high, float(np.average(size, weights=weight)))
