"""Which assignments to accept, so that the expected share of false ones stays within a limit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from compassign.posterior.assignments import CompoundProbabilities, peak_of_entry
from compassign.units import BoolArray, FloatArray, IntArray, StrArray

DEFAULT_ALPHA = 0.05  # one accepted assignment in twenty may be wrong


@dataclass(frozen=True)
class Calls:
    """The most probable option of every peak; the null wins an exact tie because it claims less.

    compound, adduct : (n_peaks,) library index and index into `adduct_names`, -1 for a null call.
    probability : (n_peaks,) of the called option, the null's for a null call.
    """

    compound: IntArray
    adduct: IntArray
    probability: FloatArray


@dataclass(frozen=True)
class Decisions:
    """What to do with every peak.

    call, adduct : (n_peaks,) library index and index into `adduct_names`, -1 for a null call.
    probability : (n_peaks,) of the called option, 0 to 1.
    pep : (n_peaks,) posterior error probability, NaN for a null call and for a peak whose answer was given.
    q_value : (n_peaks,) smallest limit at which the peak is accepted, NaN where `pep` is.
    decision : (n_peaks,) `accept`, `null` or `review`.
    alpha : the limit on the expected share of false assignments among the accepted.
    """

    call: IntArray
    adduct: IntArray
    probability: FloatArray
    pep: FloatArray
    q_value: FloatArray
    decision: StrArray
    alpha: float


def call_peaks(compounds: CompoundProbabilities, null: FloatArray) -> Calls:
    """Pick the most probable option of each peak.

    null : (n_peaks,). Equal compounds: the first in the library. A peak without compounds is a null call.
    """
    peak = peak_of_entry(compounds.offsets)
    # lexsort is stable, so the lowest library index leads among equals.
    by_peak = np.lexsort((-compounds.probability, peak))
    has_options = np.diff(compounds.offsets) > 0
    top = by_peak[compounds.offsets[:-1][has_options]]  # (n_peaks with compounds,)
    beats_null = compounds.probability[top] > null[has_options]
    called = np.flatnonzero(has_options)[beats_null]
    winner = top[beats_null]

    compound = np.full(null.size, -1, dtype=np.int64)
    adduct = compound.copy()
    probability = null.astype(np.float64)
    compound[called] = compounds.compound[winner]
    adduct[called] = compounds.best_adduct[winner]
    probability[called] = compounds.probability[winner]
    return Calls(compound, adduct, probability)


def q_values(pep: FloatArray) -> FloatArray:
    """Smallest limit on the mean PEP of the accepted peaks at which each peak is accepted.

    pep : (n,) 0 to 1; NaN = no call, not ranked. Peaks of equal PEP are accepted or refused together, so they share the
    running mean at the end of their block. Returns (n,), never above the peak's PEP, NaN where `pep` is.
    Source: Newton et al. 2004, Biostatistics 5:155 (direct posterior probability); Mueller et al. 2004, JASA 99:990.
    """
    result = np.full(pep.size, np.nan)
    is_ranked = ~np.isnan(pep)
    distinct, block, size = np.unique(pep[is_ranked], return_inverse=True, return_counts=True)
    if distinct.size == 0:
        return result
    running_mean = np.cumsum(distinct * size) / np.cumsum(size)
    # The mean of a sorted prefix lies between its ends and only grows; the two lines keep that true after rounding, or
    # peaks that all have PEP 0.05 could miss a limit of 0.05 by an ulp.
    bounded = np.clip(running_mean, distinct[0], distinct)
    result[is_ranked] = np.maximum.accumulate(bounded)[block]
    return result


def decide(
    compounds: CompoundProbabilities, null: FloatArray, alpha: float = DEFAULT_ALPHA, known: BoolArray | None = None
) -> Decisions:
    """Call, rank and decide every peak; all peaks with an uncertain compound call are ranked together.

    null : (n_peaks,). alpha : 0 to 1. known : (n_peaks,) peaks whose answer was given, none unless stated. They are
    accepted without a PEP: ranked, their certainty would buy room for errors elsewhere. A compound call that is not
    accepted is left for `review`.
    """
    calls = call_peaks(compounds, null)
    is_null = calls.compound < 0
    is_known = np.zeros(null.size, dtype=np.bool_) if known is None else known
    pep = np.where(is_null | is_known, np.nan, np.clip(1.0 - calls.probability, 0.0, 1.0))
    q_value = q_values(pep)
    is_accepted = is_known | (q_value <= alpha)  # NaN compares false
    decision = np.where(is_null, "null", np.where(is_accepted, "accept", "review"))
    return Decisions(calls.compound, calls.adduct, calls.probability, pep, q_value, decision, alpha)


def accepted_at(decisions: Decisions, alpha: float) -> BoolArray:
    """Which peaks would be accepted at another limit.

    alpha : 0 to 1. Returns (n_peaks,).
    """
    # NaN, a null call or a given answer, compares false.
    return np.asarray(decisions.q_value <= alpha)
