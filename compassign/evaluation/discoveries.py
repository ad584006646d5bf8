"""How many of the accepted peaks and compounds are false: as the joint draws say, and as the truth says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from compassign.data.dataset import Answers
from compassign.decisions.compounds import CompoundDecisions, compounds_accepted_at
from compassign.decisions.fdr import Decisions, accepted_at
from compassign.evaluation.metrics import CompoundLevel, FdrLevel
from compassign.posterior.assignments import CompoundProbabilities, peak_of_entry
from compassign.posterior.joint import JointDraws
from compassign.units import BoolArray, FloatArray

INTERVAL = (0.025, 0.975)

Levels = dict[str, FdrLevel]


def with_intervals(levels: Levels, decisions: Decisions, joint: JointDraws) -> Levels:
    """Add to each limit the interval of the share of false calls among the accepted peaks.

    The false calls are counted in every draw of parameters and sources, so the interval holds that probabilities are
    uncertain together, that what is probable need not be so, and that a compound's peaks are false together.
    """
    return {
        limit: replace(level, false_share_interval=_interval(joint, decisions, float(limit)))
        for limit, level in levels.items()
    }


def _interval(joint: JointDraws, decisions: Decisions, alpha: float) -> tuple[float, float] | None:
    accepted = np.flatnonzero(accepted_at(decisions, alpha))
    if not accepted.size:
        return None
    share = joint.n_false(accepted, decisions.call[accepted]) / accepted.size
    low, high = np.quantile(share, INTERVAL, method="inverted_cdf")  # shares are few: one that was drawn
    return float(low), float(high)


def with_compounds(levels: Levels, decisions: CompoundDecisions, is_true: FloatArray) -> Levels:
    """Add to each limit the compounds that are accepted as present.

    is_true : of `compound_truth`.
    """
    return {
        limit: replace(level, compounds=_compound_level(decisions, is_true, float(limit)))
        for limit, level in levels.items()
    }


def compound_truth(
    options: CompoundProbabilities,
    decisions: CompoundDecisions,
    names: tuple[Sequence[str], Sequence[str]],
    truth: Answers | None,
) -> FloatArray:
    """Look up which compounds are present: 1 or 0, NaN where a peak that may be the compound's has no truth.

    names : of peaks and of compounds, in the order of the indices of `options`. truth : None where there is none. Of
    compounds that a truth cannot tell apart, each counts as present. Returns (n,), as `decisions`.
    """
    answers = truth or {}
    has_no_truth = np.array([name not in answers for name in names[0]], dtype=np.bool_)
    is_open = np.isin(decisions.compound, options.compound[has_no_truth[peak_of_entry(options.offsets)]])
    named = {member for answer in answers.values() for member in answer}
    is_named = np.array([names[1][index] in named for index in decisions.compound], dtype=np.float64)
    return np.where(is_open, np.nan, is_named)


def _compound_level(decisions: CompoundDecisions, is_true: FloatArray, alpha: float) -> CompoundLevel:
    is_accepted = compounds_accepted_at(decisions, alpha)
    scored = is_true[is_accepted & ~np.isnan(is_true)]
    return CompoundLevel(
        n_accepted=int(is_accepted.sum()),
        expected_false_share=_mean(decisions.pep[is_accepted]),
        n_scored=scored.size,
        false_share=_mean(scored == 0.0),
    )


def _mean(values: FloatArray | BoolArray) -> float | None:
    return float(values.mean()) if values.size else None
