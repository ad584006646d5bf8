"""Which compounds to call present, whatever peak they made, so that the expected share of false ones keeps a limit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from compassign.decisions.fdr import q_values
from compassign.posterior.assignments import CompoundProbabilities, peak_of_entry
from compassign.units import BoolArray, FloatArray, IntArray, StrArray

CALLED = 0.5  # a compound is called where its best peak is more probably its than not


@dataclass(frozen=True)
class CompoundDecisions:
    """What to do with every compound that is a candidate of some peak, n of them.

    compound : (n,) library index, ascending. best_peak : (n,) index of the peak that is most probably the compound's,
    the first of equals. probability : (n,) that it is: a lower bound of the probability that any peak is.
    pep : (n,) 1 - probability, an upper bound of the posterior error probability; NaN for a compound that is not
        called, and for one that an answer gave.
    q_value : (n,) smallest limit at which the compound is accepted, NaN where `pep` is.
    decision : (n,) `accept`, `review` (called, not accepted) or `not called`.
    """

    compound: IntArray
    best_peak: IntArray
    probability: FloatArray
    pep: FloatArray
    q_value: FloatArray
    decision: StrArray


def decide_compounds(options: CompoundProbabilities, known: IntArray, alpha: float) -> CompoundDecisions:
    """Call, rank and decide every compound by its best peak, by the rules that hold for peaks.

    A compound is present if at least one peak is its. That is at least as probable as that the best one is, however the
    peaks depend on each other (Frechet 1935, Fundamenta Mathematicae 25:379). To multiply the chances that each peak is
    not would take them as independent: then many weak candidacies make an absent isomer all but certain.

    known : library indices of compounds that a given answer makes present; they are accepted without a PEP.
    alpha : 0 to 1.
    """
    # the last entry of each compound has its largest probability; of equals the first peak
    order = np.lexsort((-peak_of_entry(options.offsets), options.probability, options.compound))
    is_last = np.diff(options.compound[order], append=-1) != 0
    best = order[is_last]
    compound = options.compound[best]
    is_known = np.isin(compound, known)
    probability = np.where(is_known, 1.0, options.probability[best])
    is_called = probability > CALLED
    pep = np.where(is_called & ~is_known, 1.0 - probability, np.nan)
    q_value = q_values(pep)
    is_accepted = is_known | (q_value <= alpha)  # NaN compares false
    decision = np.where(is_accepted, "accept", np.where(is_called, "review", "not called"))
    return CompoundDecisions(compound, peak_of_entry(options.offsets)[best], probability, pep, q_value, decision)


def compounds_accepted_at(decisions: CompoundDecisions, alpha: float) -> BoolArray:
    """Which compounds would be accepted at another limit, without those that were given.

    alpha : 0 to 1. Returns (n,).
    """
    return np.asarray(decisions.q_value <= alpha)  # NaN compares false
