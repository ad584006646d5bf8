"""The arrays that the fused kernel reads, laid out by peak, ion and slot."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from compassign.chemistry.families import Family
from compassign.chemistry.stated_adducts import Stated
from compassign.models.fused.records import MixtureData
from compassign.models.mixture import segment_sum
from compassign.models.problem import AssignmentProblem
from compassign.units import BoolArray, FloatArray, IntArray

_RT_CONSTANT = 12.0  # of the Student-t density with four degrees of freedom, 12 V^2 / (4 V + r^2)^2.5
CERTAIN = 0  # annotator of the labels that are taken at their word; those of the problem follow


def lay_out(problem: AssignmentProblem, has_retention: bool) -> tuple[MixtureData, IntArray]:
    """Lay a problem out for the kernel; returns its data, and the order in which it has the problem's slots.

    has_retention : whether RTs are evidence.
    """
    order, ion_slots, peak_ions = _ions(problem)
    first = order[ion_slots[:-1]]  # one slot of each ion
    peak = problem.peak_of_slot[order]
    known = problem.is_known_in[order].astype(np.float64)
    is_predicted = np.isfinite(problem.rt_pred_min)[order] & has_retention
    said = _statements(problem, order)
    n_known, twin_weight = segment_sum(known, ion_slots), problem.twin_weight[first]
    residual = np.where(is_predicted, problem.rt_min[peak] - problem.rt_pred_min[order], 0.0)
    variance = np.where(is_predicted, problem.rt_pred_sd_min[order] ** 2, 1.0)
    gain = np.where(is_predicted, _RT_CONSTANT * np.exp(-problem.log_rt_density[peak]), 0.0)
    data = MixtureData(
        peak_ions=peak_ions,
        ion_slots=ion_slots,
        peak_law=_of_peaks(problem, problem.law).astype(np.uint32),
        ion_law=problem.law[first].astype(np.uint32),
        slot_law=problem.law[order].astype(np.uint32),
        peak_species=_of_peaks(problem, problem.species).astype(np.uint32),
        ion_group=problem.groups_in_play[1][first].astype(np.uint32),
        ion_kind=_ion_kind(problem)[first].astype(np.uint32),
        ions=np.stack([problem.ppm_error[first], n_known, twin_weight, twin_weight * problem.twin_rt_ratio[first]]),
        slots=np.stack([residual, variance, gain, ~is_predicted, known]),
        peak_statements=np.searchsorted(said.peak, np.arange(problem.n_peaks + 1)).astype(np.int64),
        statement_annotator=said.annotator.astype(np.uint32),
        statements=np.stack([said.names_null, said.odds]),
        statement_slots=said.offsets,
        statement_names=said.names_slot.astype(np.float64),
        half_window_ppm=np.asarray(float(problem.mass_window_ppm)),
    )
    return data, order


def _ion_kind(problem: AssignmentProblem) -> IntArray:
    """(n_slots,) what has an effect of its own: the adduct, its family, and what the peak table says of it."""
    of_family = problem.adduct * len(Family) + problem.family
    return of_family * len(Stated) + problem.stated_adducts


def _ions(problem: AssignmentProblem) -> tuple[IntArray, IntArray, IntArray]:
    """The order of slots by peak and ion, and the ragged offsets of slots by ion and of ions by peak.

    An ion is what shares weights and a mass error: one adduct of one isobar group with one m/z.
    """
    group = problem.groups_in_play[1]
    columns = (problem.ppm_error, problem.adduct, group, problem.peak_of_slot)
    order = np.lexsort(columns)  # stable: slots of an ion stay in the order of the problem
    is_first = np.ones(problem.n_slots, dtype=np.bool_)
    is_first[1:] = np.any([np.diff(column[order]) != 0 for column in columns], axis=0)
    starts = np.flatnonzero(is_first)
    peak_ions = np.searchsorted(problem.peak_of_slot[order[starts]], np.arange(problem.n_peaks + 1))
    return order, np.append(starts, problem.n_slots).astype(np.int64), peak_ions.astype(np.int64)


def _of_peaks(problem: AssignmentProblem, of_slots: IntArray) -> IntArray:
    """(n_peaks,) an index that all slots of a peak share; 0 where there are none and nothing reads it."""
    result = np.zeros(problem.n_peaks, dtype=np.int64)
    result[problem.peak_of_slot] = of_slots
    return result


@dataclass(frozen=True)
class _Said:
    """Labels and statements together, sorted by peak; fields as in `Statements`, slots in the order of the kernel."""

    peak: IntArray
    annotator: IntArray
    names_null: BoolArray
    odds: FloatArray
    offsets: IntArray
    names_slot: BoolArray


def _statements(problem: AssignmentProblem, order: IntArray) -> _Said:
    """A label is a statement of an annotator whose reliability is exactly 1."""
    doubtful = problem.statements
    labelled = np.flatnonzero(problem.is_labelled & (np.diff(problem.offsets) > 0))
    peak = np.concatenate([labelled, doubtful.peak])
    names = _ragged(problem, problem.slot_allowed, problem.offsets[labelled], labelled, order)
    names += _ragged(problem, doubtful.names_slot, doubtful.offsets[:-1], doubtful.peak, order)
    by_peak = np.argsort(peak, kind="stable")
    sizes = np.diff(problem.offsets)[peak[by_peak]]
    return _Said(
        peak=peak[by_peak],
        annotator=np.concatenate([np.full(labelled.size, CERTAIN), doubtful.annotator + 1])[by_peak],
        names_null=np.concatenate([problem.null_allowed[labelled], doubtful.names_null])[by_peak],
        odds=np.concatenate([np.zeros(labelled.size), doubtful.odds])[by_peak],
        offsets=np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
        names_slot=np.concatenate([names[row] for row in by_peak] or [np.zeros(0, dtype=np.bool_)]),
    )


def _ragged(
    problem: AssignmentProblem, names_slot: BoolArray, starts: IntArray, peaks: IntArray, order: IntArray
) -> list[BoolArray]:
    """What each statement says of its peak's slots, in the order of the kernel.

    starts : where each statement's run begins in names_slot, which follows the order of the problem.
    """
    rows = []
    for start, peak in zip(starts, peaks, strict=True):
        low, high = problem.offsets[peak], problem.offsets[peak + 1]
        rows.append(names_slot[start + order[low:high] - low])
    return rows
