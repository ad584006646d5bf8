"""The three kinds of statements that a run makes about its peaks, and how well each kind is calibrated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from compassign.data.dataset import Answers
from compassign.evaluation.calibration import Summary, summarise_calibration
from compassign.evaluation.comparison import cluster_by_truth
from compassign.evaluation.metrics import PeakScores, Predictions, index_truth, score_peaks, select
from compassign.evaluation.reliability_curve import Statements
from compassign.posterior.assignments import peak_of_entry
from compassign.units import BoolArray, FloatArray, IntArray, StrArray

Target = Literal["call", "pair", "null"]
GROUPS = ("species", "adduct", "n_candidates")
MIN_GROUP = 20  # statements; fewer show nothing
NULL_CALL = "null call"  # the group of calls that have no adduct
RANGE_STARTS = (0, 1, 2, 3, 6, 11)  # numbers of candidates at which a group of peaks begins
RANGES = ("0", "1", "2", "3 to 5", "6 to 10", "11 and more")
# Numbers of a Summary, as a person calls them, and what each means; all are in squares of, or differences of,
# probabilities.
NUMBERS = {
    "brier": ("Brier score", "mean squared error, 0 to 1: miscalibration - discrimination + uncertainty"),
    "miscalibration": ("Miscalibration", "what right probabilities in the same order would save of it; 0 is best"),
    "discrimination": ("Discrimination", "what the order of the probabilities saves of it; higher is better"),
    "uncertainty": ("Uncertainty", "what one probability for all would get; of the data, not of the model"),
    "ece": ("Plain error", "mean gap of probability and frequency in ten bins; chance raises it"),
    "rms_error": ("Debiased error", "root mean squared gap in ten bins, without what chance adds; 0 is best"),
    "smooth_error": ("Smooth error", "mean gap without bins; chance raises it"),
}


@dataclass(frozen=True)
class PeakGroups:
    """What peaks are grouped by.

    species : (n_peaks,) names. n_candidates : (n_peaks,) pairs of compound and adduct. adduct_names : of the indices in
    `Decisions.adduct` and `CompoundProbabilities.best_adduct`.
    """

    species: StrArray
    n_candidates: IntArray
    adduct_names: Sequence[str]


@dataclass(frozen=True)
class View:
    """Statements of one kind, and the group of each by the names in GROUPS; statements on the null have no adduct."""

    statements: Statements
    groups: Mapping[str, StrArray]


@dataclass(frozen=True)
class ViewSummary:
    """How well statements of one kind are calibrated: all, and by group (kind of group -> group -> summary)."""

    all: Summary
    groups: Mapping[str, Mapping[str, Summary]]


def build_views(
    predictions: Predictions, truth: Answers, is_scored: BoolArray, about: PeakGroups
) -> dict[Target, View]:
    """The statements about the scored peaks whose truth is known.

    is_scored : (n_peaks,). `call` : the probability of each call, and whether it is right. `pair` : of each candidate
    compound of each peak, all its adducts together, and whether it is true. `null` : of the null, and whether the truth
    is null. Where the truth is one of several compounds, each is true by its share of their probabilities.
    """
    scores = score_peaks(predictions, truth)
    scores = select(scores, is_scored[scores.peak])
    options, peak = predictions.compounds, scores.peak
    pair, pair_outcome = _pairs(predictions, truth, scores)
    cluster = np.full(is_scored.size, -1, dtype=np.int64)
    cluster[peak] = cluster_by_truth([truth[predictions.peak_id[i]] for i in peak])
    adducts = np.append(np.asarray(about.adduct_names, dtype=np.str_), NULL_CALL)  # index -1 is the last
    n_candidates = candidate_range(about.n_candidates)

    def view(probability: FloatArray, outcome: FloatArray | BoolArray, of: IntArray, adduct: IntArray | None) -> View:
        groups = {"species": about.species[of], "n_candidates": n_candidates[of]}
        if adduct is not None:
            groups["adduct"] = adducts[adduct]
        # rounding of sums may pass the ends
        clipped = np.clip(probability, 0.0, 1.0)
        return View(Statements(clipped, outcome.astype(np.float64), of, cluster[of]), groups)

    return {
        "call": view(scores.top_probability, scores.is_right, peak, predictions.decisions.adduct[peak]),
        "pair": view(
            options.probability[pair], pair_outcome, peak_of_entry(options.offsets)[pair], options.best_adduct[pair]
        ),
        "null": view(predictions.null[peak], scores.is_null, peak, None),
    }


def candidate_range(n_candidates: IntArray) -> StrArray:
    """The one of RANGES that each number of candidates lies in."""
    return np.array(RANGES)[np.searchsorted(RANGE_STARTS, n_candidates, side="right") - 1]


def _pairs(predictions: Predictions, truth: Answers, scores: PeakScores) -> tuple[IntArray, FloatArray]:
    """Index of each pair of a scored peak and one of its compounds in `predictions.compounds`, and its outcome."""
    options, n_peaks = predictions.compounds, predictions.compounds.offsets.size - 1
    peak = peak_of_entry(options.offsets)
    _, true_peak, true_compound = index_truth(predictions, truth)
    n_compounds = len(predictions.compound_id)
    is_true = np.isin(peak * n_compounds + options.compound, true_peak * n_compounds + true_compound)
    weight = np.where(is_true, options.probability, 0.0)
    total = np.bincount(peak, weights=weight, minlength=n_peaks)[peak]
    n_true = np.bincount(peak, weights=is_true, minlength=n_peaks)[peak]
    even = np.divide(is_true, n_true, out=np.zeros(peak.size), where=n_true > 0)
    outcome = np.divide(weight, total, out=even, where=total > 0.0)
    pair = np.flatnonzero(np.isin(peak, scores.peak))
    return pair, outcome[pair]


def summarise_view(view: View, kinds: Sequence[str], seed: int) -> ViewSummary | None:
    """Summarise all statements, and those of each group of the kinds with at least MIN_GROUP; None without statements.

    kinds : of GROUPS; those that the view does not have are left out.
    """
    found = summarise_calibration(view.statements, np.random.default_rng(seed))
    if found is None:
        return None
    groups = {kind: summarise_groups(view, kind, seed) for kind in kinds if kind in view.groups}
    return ViewSummary(found[1], groups)


def summarise_groups(view: View, kind: str, seed: int) -> dict[str, Summary]:
    """Each group, in the order of its name, of numbers of candidates in the order of these."""
    of = view.groups[kind]
    names = [name for name in RANGES if name in of] if kind == "n_candidates" else np.unique(of).tolist()
    summaries = {}
    for name in names:
        members = of == name
        if members.sum() >= MIN_GROUP:
            found = summarise_calibration(view.statements.select(members), np.random.default_rng(seed))
            if found is not None:
                summaries[str(name)] = found[1]
    return summaries
