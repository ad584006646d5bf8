"""Peaks drawn exactly from the generative model, with the parameters and the assignments that they came from.

Every group of isobars has a mass region of its own for each of its ions, more than two windows from the next, so that
the candidates of a peak are the isomers of one group as one ion. The RT density of background and twins is uniform and
known.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from assignment_problems import SLOT_FIELDS
from scipy import stats

from compassign.models.problem import AssignmentProblem
from compassign.models.terms.presence import zero_sum_basis
from compassign.units import BoolArray, FloatArray, IntArray

N_GROUPS, N_ADDUCTS, N_SPECIES, N_INJECTIONS = 40, 3, 3, 4
WINDOW_PPM, SHARE, SPAN_MIN = 15.0, 0.1, 20.0
MINOR_ADDUCT = -1.5
TRUTH: Mapping[str, FloatArray] = {
    "alpha": np.array(-0.4),
    "group_sd": np.array(0.8),
    "adduct_effect": np.array([0.4, -0.8]),
    "species_sd": np.array(0.6),
    "species_effect": np.array([-0.5, 0.1, 0.4]),
    "known_in_effect": np.array(1.2),
    "mass_offset_mean_ppm": np.array(1.0),
    "mass_offset_sd_ppm": np.array(0.9),
    "mass_offset_ppm": np.array([0.2, 1.1, 2.2, 0.3]),
    "mass_log_scale_mean": np.log(2.0),
    "mass_log_scale_sd": np.array(0.3),
    "mass_log_scale": np.log([1.6, 2.0, 2.7, 1.9]),
    "rt_noise_min": np.array(0.06),
    "rt_drift_sd_min": np.array(0.05),
    "rt_drift_min": np.array([0.03, -0.06, 0.05, -0.01]),
}


@dataclass(frozen=True)
class SimulatedPeaks:
    """A problem without labels, and the slot that each peak came from, -1 for background and twins."""

    problem: AssignmentProblem
    slot_of_peak: IntArray


@dataclass(frozen=True)
class _Slots:
    """The candidates of all peaks, before masses and times are drawn."""

    offsets: IntArray
    peak: IntArray
    compound: IntArray
    group: IntArray
    adduct: IntArray
    species: IntArray
    injection: IntArray
    is_known_in: BoolArray


def simulate_peaks(
    rng: np.random.Generator, n_peaks: int = 600, truth: Mapping[str, FloatArray] = TRUTH
) -> SimulatedPeaks:
    """Draw an option for every peak by its weight, then mass error and RT from the option's densities."""
    slots = _draw_slots(rng, n_peaks)
    group_effect = truth["group_sd"] * rng.normal(size=N_GROUPS)
    eta = truth["alpha"] + group_effect[slots.group] + np.where(slots.adduct == 0, 0.0, MINOR_ADDUCT)
    candidates = np.bincount(slots.adduct, weights=np.where(slots.adduct == 0, 1.0, np.exp(MINOR_ADDUCT)))
    adduct_effect = zero_sum_basis(candidates, 0) @ truth["adduct_effect"]
    eta = eta + adduct_effect[slots.adduct] + truth["species_effect"][slots.species]
    weight = np.exp(eta + truth["known_in_effect"] * slots.is_known_in)
    chosen, is_background, is_twin = _draw_options(rng, slots, weight)
    injection = slots.injection[slots.offsets[:-1]]  # of each peak
    offset, scale = truth["mass_offset_ppm"][injection], np.exp(truth["mass_log_scale"][injection])
    law = stats.t(4, loc=offset, scale=scale)
    quantile = rng.uniform(law.cdf(-WINDOW_PPM), law.cdf(WINDOW_PPM))
    ppm = np.where(is_background, rng.uniform(-WINDOW_PPM, WINDOW_PPM, n_peaks), law.ppf(quantile))
    # Half of the compounds are predicted well, so that noise and drift can be told from the predictions' errors.
    n_compounds = int(slots.compound.max()) + 1
    predicted = rng.uniform(0, SPAN_MIN, n_compounds)[slots.compound]
    sd = np.where(rng.random(n_compounds) < 0.5, 0.02, 0.3)[slots.compound]
    centre = predicted + truth["rt_drift_min"][slots.injection]
    at_slot = centre + np.hypot(truth["rt_noise_min"], sd) * rng.standard_t(4, slots.peak.size)
    rt_min = np.where(is_background | is_twin, rng.uniform(0, SPAN_MIN, n_peaks), at_slot[chosen])
    problem = AssignmentProblem(
        offsets=slots.offsets,
        peak_of_slot=slots.peak,
        compound=slots.compound,
        isobar_group=slots.group,
        adduct=slots.adduct,
        family=np.zeros(slots.peak.size, dtype=np.int64),
        species=slots.species,
        injection=slots.injection,
        ppm_error=ppm[slots.peak],
        rt_z=(rt_min[slots.peak] - predicted) / np.hypot(sd, 0.08),
        rt_pred_min=predicted,
        rt_pred_sd_min=sd,
        rt_min=rt_min,
        log_rt_density=np.full(n_peaks, -np.log(SPAN_MIN)),
        is_known_in=slots.is_known_in,
        slot_allowed=np.ones(slots.peak.size, dtype=np.bool_),
        null_allowed=np.ones(n_peaks, dtype=np.bool_),
        is_labelled=np.zeros(n_peaks, dtype=np.bool_),
        mass_window_ppm=WINDOW_PPM,
        rt_noise_min=0.08,
        unlisted_share=SHARE,
        adduct_names=("[M+H]+", "[M+Na]+", "[M+K]+"),
        species_names=("kidney", "liver", "plasma"),
        injection_names=("1 positive", "2 positive", "3 positive", "4 positive"),
        unlisted_number=np.ones(slots.peak.size),
        unlisted_rt_ratio=np.ones(slots.peak.size),
    )
    return SimulatedPeaks(problem, np.where(is_background | is_twin, -1, chosen))


def within_rt_window(simulated: SimulatedPeaks, max_z: float = 6.0) -> SimulatedPeaks:
    """Without the slots that are farther off in time, as a table's candidates are; their peaks count as null."""
    problem = simulated.problem
    keep = np.abs(problem.rt_z) <= max_z
    kept = {name: getattr(problem, name)[keep] for name in (*SLOT_FIELDS, "peak_of_slot")}
    sizes = np.bincount(kept["peak_of_slot"], minlength=problem.n_peaks)
    offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    slot = simulated.slot_of_peak
    new_slot = np.where((slot >= 0) & keep[slot], np.cumsum(keep)[slot] - 1, -1)
    return SimulatedPeaks(replace(problem, **kept, offsets=offsets), new_slot)


def _draw_slots(rng: np.random.Generator, n_peaks: int) -> _Slots:
    """A mass region, species and injection for every peak."""
    n_isomers = rng.integers(1, 4, N_GROUPS)
    first_compound = np.cumsum(n_isomers) - n_isomers
    group, adduct = rng.integers(0, N_GROUPS, n_peaks), rng.integers(0, N_ADDUCTS, n_peaks)
    species, injection = rng.integers(0, N_SPECIES, n_peaks), rng.integers(0, N_INJECTIONS, n_peaks)
    sizes = n_isomers[group]
    offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    peak = np.repeat(np.arange(n_peaks), sizes)
    compound = first_compound[group[peak]] + np.arange(peak.size) - offsets[peak]
    known = rng.random((int(n_isomers.sum()), N_SPECIES)) < 0.3
    return _Slots(
        offsets,
        peak,
        compound,
        group[peak],
        adduct[peak],
        species[peak],
        injection[peak],
        known[compound, species[peak]],
    )


def _draw_options(rng: np.random.Generator, slots: _Slots, weight: FloatArray) -> tuple[IntArray, BoolArray, BoolArray]:
    """For each peak: a slot drawn by weight, whether it is background instead, and whether it is the slot's twin."""
    total = np.add.reduceat(weight, slots.offsets[:-1])
    within = np.concatenate([[0.0], np.cumsum(weight)])
    aim = within[slots.offsets[:-1]] + rng.random(total.size) * total
    chosen = np.clip(np.searchsorted(within, aim, side="right") - 1, slots.offsets[:-1], slots.offsets[1:] - 1)
    is_background = rng.random(total.size) < 1.0 / (1.0 + total / (1.0 - SHARE))
    return chosen, is_background, ~is_background & (rng.random(total.size) < SHARE)
