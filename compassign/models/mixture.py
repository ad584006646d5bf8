"""The marginal mixture over a peak's candidates, background and isobaric twins, in PyTensor and in NumPy.

Densities are ratios to the background's, so that the background has density and weight 1. With w_k the weight of slot
k, m_k and q_k its mass and RT density ratios, and t_k and h_k the weight, against the slot's, and the RT density ratio
of its unlisted twin:

    L = log[1 + sum_k w_k m_k (q_k + t_k h_k)] - log[1 + sum_k (1 + t_k) w_k]

A label keeps the options it names: the first bracket loses the background and the twins, or the slots. A statement of
somebody who may be wrong multiplies each option by its emission instead (`compassign.models.reliability`). Everything
is summed in linear space without overflow because the background's 1 bounds the sum from below and Student-t tails fall
off as powers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytensor.tensor as pt

from compassign.models.problem import AssignmentProblem
from compassign.units import FloatArray, IntArray


def log_likelihood(inputs: MixtureInputs, log_weight: Any, log_mass: Any, log_rest: Any) -> Any:
    """Log-likelihood of every peak against the background, (n_peaks,), as a PyTensor graph.

    log_weight, log_mass, log_rest : (n_slots,) the weights, the mass density ratio (twins share it), and the sum of all
    other evidence (twins do not have it).
    """
    weight = pt.exp(log_weight)
    twin = weight * pt.exp(log_mass)
    listed = twin * pt.exp(log_rest) * inputs.slot_emission
    null_part = inputs.null_emission * (1.0 + _sum_by_peak(inputs, inputs.twin_weight * inputs.twin_rt_ratio * twin))
    total_weight = 1.0 + _sum_by_peak(inputs, (1.0 + inputs.twin_weight) * weight)
    return pt.log(null_part + _sum_by_peak(inputs, listed)) - pt.log(total_weight)


@dataclass(frozen=True)
class MixtureInputs:
    """What the mixture reads in PyTensor: null_emission (n_peaks,), all others (n_slots,)."""

    peak_of_slot: Any
    slot_emission: Any
    null_emission: Any
    twin_weight: Any
    twin_rt_ratio: Any


def _sum_by_peak(inputs: MixtureInputs, slot_values: Any) -> Any:
    """(n_slots,) -> (n_peaks,)."""
    return pt.zeros(inputs.null_emission.shape)[inputs.peak_of_slot].inc(slot_values)


@dataclass(frozen=True)
class Emission:
    """Probability of what was said about a run of peaks given each slot, (n_draws, n_slots), and null, (n_draws,
    n_peaks).
    """

    slot: FloatArray
    null: FloatArray


NOTHING_SAID = Emission(np.ones((1, 1)), np.ones((1, 1)))


@dataclass(frozen=True)
class Evidence:
    """Evidence about a run of peaks, one row a draw: log_weight, log_mass, log_rest (n_draws, n_slots) in logs."""

    log_weight: FloatArray
    log_mass: FloatArray
    log_rest: FloatArray
    emission: Emission = NOTHING_SAID


@dataclass(frozen=True)
class PeakPosterior:
    """Responsibilities given each draw: slot (n_draws, n_slots), background, unlisted and log_likelihood (n_draws,
    n_peaks).
    """

    slot: FloatArray
    background: FloatArray
    unlisted: FloatArray
    log_likelihood: FloatArray


def posterior(problem: AssignmentProblem, evidence: Evidence, peaks: slice) -> PeakPosterior:
    """NumPy reference of the mixture: likelihood and responsibilities of a run of peaks for every draw.

    evidence : of exactly the slots of these peaks. A peak without slots is background with probability 1.
    """
    offsets = problem.offsets[peaks.start : peaks.stop + 1]
    starts = offsets - offsets[0]
    slots = slice(offsets[0], offsets[-1])
    slot_emission = problem.slot_allowed[slots] * evidence.emission.slot
    null_emission = problem.null_allowed[peaks] * evidence.emission.null
    twin_weight = problem.twin_weight[slots]
    weight = np.exp(evidence.log_weight)
    twin = np.exp(evidence.log_weight + evidence.log_mass)
    listed = twin * np.exp(evidence.log_rest) * slot_emission
    unlisted = null_emission * segment_sum(twin_weight * problem.twin_rt_ratio[slots] * twin, starts)
    background = np.broadcast_to(null_emission, unlisted.shape)
    total = background + unlisted + segment_sum(listed, starts)
    normaliser = 1.0 + segment_sum((1.0 + twin_weight) * weight, starts)
    return PeakPosterior(
        slot=listed / np.repeat(total, np.diff(starts), axis=-1),
        background=background / total,
        unlisted=unlisted / total,
        log_likelihood=np.log(total) - np.log(normaliser),
    )


def segment_sum(values: FloatArray, starts: IntArray) -> FloatArray:
    """Sum the last axis over ragged segments: (..., n_slots) -> (..., n_segments); an empty segment gives 0.

    starts : (n_segments + 1,) ascending, from 0 to n_slots.
    """
    result = np.zeros((*values.shape[:-1], starts.size - 1))
    filled = starts[:-1] < starts[1:]
    if filled.any():
        result[..., filled] = np.add.reduceat(values, starts[:-1][filled], axis=-1)
    return result
