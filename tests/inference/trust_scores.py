"""How far what runs say comes true, over data sets from the model and its prior: curves, errors, false shares, sets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from scipy.stats import norm
from simulated_runs import SimulatedRun

from compassign.decisions.fdr import decide
from compassign.decisions.sets import credible_sets
from compassign.evaluation.discoveries import with_intervals
from compassign.evaluation.metrics import FdrLevel, evaluate
from compassign.evaluation.recalibration import CONFIDENCE, Judged, Temperature, fit_temperature, judge, tempered
from compassign.evaluation.views import RANGES, Target, View, build_views, summarise_view
from compassign.posterior.options import NULL_OPTION, Options, named_options, peak_options
from compassign.units import BoolArray, IntArray

DISTORTION = 0.7  # too sure: p^(1 / 0.7), about log-odds times 1.4
N_LABELS = 300  # of an audit, drawn uniformly


@dataclass(frozen=True)
class Scores:
    """One data set.

    is_inside, squared_error : of each kind of statement. levels : limit -> what it accepts. n_peaks, n_covered,
    n_covered_exactly : (len(RANGES),) peaks with so many candidates; those whose credible set holds what made them; the
    same of sets that take their last option only as often as they must.
    """

    is_inside: Mapping[Target, bool]
    squared_error: Mapping[Target, float]
    levels: Mapping[str, FdrLevel]
    n_peaks: IntArray
    n_covered: IntArray
    n_covered_exactly: IntArray


@dataclass(frozen=True)
class Audit:
    """What N_LABELS labels find, of the probabilities as they are and distorted, and what they mend.

    honest, distorted : the temperature that suits the labels. others : the one that suits the undistorted probabilities
    of all other peaks, whose parameters are the same. is_inside : whether the curve of the calls of all other
    peaks is inside its band, of `honest`, `distorted` and, by the temperature found, `recalibrated` probabilities.
    """

    honest: Temperature
    distorted: Temperature
    others: Temperature
    is_inside: Mapping[str, bool]


def score(run: SimulatedRun, rng: np.random.Generator) -> Scores:
    """Score all peaks of a run by their truth.

    rng : of the intervals' resampling and of the randomised sets.
    """
    views = views_of(run, np.ones(len(run.predictions.peak_id), dtype=np.bool_))
    found = {kind: summarise_view(view, (), int(rng.integers(2**32))) for kind, view in views.items()}
    summaries = {kind: summary.all for kind, summary in found.items() if summary is not None}
    scored = evaluate(run.predictions, run.truth, run.predictions.peak_id)
    by_range = [views["null"].groups["n_candidates"] == name for name in RANGES]  # its statements are the peaks
    plain, exact = _covered(run, rng)
    return Scores(
        is_inside={kind: summary.is_inside_band for kind, summary in summaries.items()},
        squared_error={kind: summary.squared_error.value for kind, summary in summaries.items()},
        levels=with_intervals(scored.fdr, run.predictions.decisions, run.joint),
        n_peaks=np.array([of.sum() for of in by_range]),
        n_covered=np.array([plain[of].sum() for of in by_range]),
        n_covered_exactly=np.array([exact[of].sum() for of in by_range]),
    )


def views_of(run: SimulatedRun, is_scored: BoolArray) -> dict[Target, View]:
    """The statements of a run about some of its peaks; is_scored : (n_peaks,)."""
    return build_views(run.predictions, run.truth, is_scored, run.about)


def audit(run: SimulatedRun, rng: np.random.Generator) -> Audit:
    """Look for the distortion in labels of peaks that are drawn uniformly, and undo it by them alone."""
    options = _options(run)
    changed = replace(options, probability=tempered(options, DISTORTION))
    labelled = np.sort(rng.choice(options.offsets.size - 1, N_LABELS, replace=False))
    honest, distorted = (fit_temperature(_judged(run, said).take(labelled)) for said in (options, changed))
    is_other = np.ones(options.offsets.size - 1, dtype=np.bool_)
    is_other[labelled] = False
    others = fit_temperature(_judged(run, options).take(np.flatnonzero(is_other)))
    recalibrated = replace(changed, probability=tempered(changed, distorted.value))
    seed = int(rng.integers(2**32))
    said = {"honest": options, "distorted": changed, "recalibrated": recalibrated}
    is_inside = {name: _is_inside(_saying(run, options), is_other, seed) for name, options in said.items()}
    return Audit(honest, distorted, others, is_inside)


def standard_error(found: Temperature) -> float:
    """Of the log temperature, from its interval; infinite where that has no end."""
    if found.low is None or found.high is None:
        return float(np.inf)
    return float(np.log(found.high / found.low) / (2.0 * norm.ppf(0.5 + CONFIDENCE / 2.0)))


def disagreement(audit: Audit) -> float:
    """Log temperature of the labels less that of the other peaks, in standard errors."""
    error = np.hypot(standard_error(audit.honest), standard_error(audit.others))
    return float(np.log(audit.honest.value / audit.others.value) / error)


def _is_inside(run: SimulatedRun, is_scored: BoolArray, seed: int) -> bool:
    summary = summarise_view(views_of(run, is_scored)["call"], (), seed)
    return summary is not None and summary.all.is_inside_band


def _options(run: SimulatedRun) -> Options:
    return peak_options(run.predictions.compounds, run.predictions.null)


def _answers(run: SimulatedRun) -> list[frozenset[str]]:
    return [run.truth[name] for name in run.predictions.peak_id]


def _judged(run: SimulatedRun, options: Options) -> Judged:
    """All peaks with their truth, of equal weight."""
    return judge(options, run.predictions.compound_id, _answers(run), np.ones(len(run.truth)))


def _saying(run: SimulatedRun, options: Options) -> SimulatedRun:
    """The run with other probabilities of the same options, decided anew."""
    is_null = options.compound == NULL_OPTION
    null = options.probability[is_null]
    compounds = replace(run.predictions.compounds, probability=options.probability[~is_null])
    predictions = replace(run.predictions, compounds=compounds, null=null, decisions=decide(compounds, null))
    return replace(run, predictions=predictions)


def _covered(run: SimulatedRun, rng: np.random.Generator) -> tuple[BoolArray, BoolArray]:
    """(n_peaks,) whether the credible set of each peak holds its truth, and the same of the randomised sets."""
    options = _options(run)
    is_true = named_options(options, run.predictions.compound_id, _answers(run))
    random = rng.random(len(run.truth))
    plain, exact = credible_sets(options), credible_sets(options, random=random)
    return options.sum_by_peak(plain & is_true) > 0, options.sum_by_peak(exact & is_true) > 0
