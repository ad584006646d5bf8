"""Baselines learn from labelled peaks alone: the part of a problem that has labels, and the odds they all end in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytensor.tensor as pt

from compassign.models.mixture import segment_sum
from compassign.models.problem import AssignmentProblem
from compassign.units import BoolArray, FloatArray, IntArray

MIN_LABELS = 20  # fewer cannot move a baseline's priors by more than chance


@dataclass(frozen=True)
class LabelledPart:
    """The labelled peaks that have candidates, renumbered from 0.

    slots : (n_slots,) their slots in the whole problem. peak_of_slot : (n_slots,) 0..n_peaks-1.
    slot_allowed : (n_slots,), null_allowed : (n_peaks,) what the labels say. peaks : (n_peaks,) in the whole problem.
    """

    slots: IntArray
    peak_of_slot: IntArray
    slot_allowed: BoolArray
    null_allowed: BoolArray
    peaks: IntArray

    @property
    def is_enough(self) -> bool:
        """Whether a baseline may be fitted to these labels."""
        return self.peaks.size >= MIN_LABELS


def labelled_part(problem: AssignmentProblem, peaks: BoolArray | None = None) -> LabelledPart:
    """Take the labelled peaks out of a problem.

    peaks : (n_peaks,) further restriction, such as one side of a split.
    """
    keep = problem.is_labelled & (np.diff(problem.offsets) > 0)
    keep = keep if peaks is None else keep & peaks
    slots = np.flatnonzero(keep[problem.peak_of_slot])
    new_index = np.cumsum(keep) - 1
    return LabelledPart(
        slots=slots,
        peak_of_slot=new_index[problem.peak_of_slot[slots]],
        slot_allowed=problem.slot_allowed[slots],
        null_allowed=problem.null_allowed[keep],
        peaks=np.flatnonzero(keep),
    )


def label_log_likelihood(part: LabelledPart, log_odds: Any, log_null: Any) -> Any:
    """Log probability of each label under odds over slots and null, (n_peaks,), as a PyTensor graph.

    log_odds : (n_slots of the part,). log_null : scalar.
    """
    odds, null = pt.exp(log_odds), pt.exp(log_null)
    zeros = pt.zeros(part.peaks.size)
    named = zeros[part.peak_of_slot].inc(odds * part.slot_allowed.astype(np.float64))
    total = zeros[part.peak_of_slot].inc(odds)
    return pt.log(named + null * part.null_allowed.astype(np.float64)) - pt.log(total + null)


def normalise(
    problem: AssignmentProblem, log_odds: FloatArray, log_null: FloatArray, peaks: slice
) -> tuple[FloatArray, FloatArray]:
    """Probabilities of a run of peaks from log odds, labels clamped: slots (n_draws, n_slots), null (n_draws, n_peaks).

    log_odds : (n_draws, n_slots of the peaks). log_null : (n_draws,).
    """
    offsets = problem.offsets[peaks.start : peaks.stop + 1]
    starts = offsets - offsets[0]
    peak = problem.peak_of_slot[offsets[0] : offsets[-1]] - peaks.start
    allowed = np.where(problem.slot_allowed[offsets[0] : offsets[-1]], log_odds, -np.inf)
    null = np.where(problem.null_allowed[peaks], log_null[:, None], -np.inf)  # (n_draws, n_peaks)
    highest = null.copy()
    filled = np.flatnonzero(np.diff(starts))
    if filled.size:
        top = np.maximum.reduceat(allowed, starts[:-1][filled], axis=1)
        highest[:, filled] = np.maximum(highest[:, filled], top)
    slot_weight, null_weight = np.exp(allowed - highest[:, peak]), np.exp(null - highest)
    total = null_weight + segment_sum(slot_weight, starts)
    return slot_weight / total[:, peak], null_weight / total
