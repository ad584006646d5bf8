"""Peaks drawn exactly from the generative model, parameters from its prior included: what calibration is checked on.

A mass region holds one isobar group as one ion, or two that are so close that their windows overlap. Every replication
has the same numbers of groups, adducts, species and injections. The RT density of the background reaches as far out
as that of a compound, so that no listed peak lies where the null has density zero.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import stats

from compassign.chemistry.families import Family
from compassign.models.levels import LEVEL_SCORES, N_LEVELS
from compassign.models.problem import AssignmentProblem
from compassign.models.terms import family, mass, presence, retention
from compassign.models.terms.presence import centring, zero_sum_basis
from compassign.units import BoolArray, FloatArray, IntArray

N_ADDUCTS, N_SPECIES, N_INJECTIONS = 3, 3, 4
WINDOW_PPM, UNLISTED_SHARE, RT_NOISE_MIN = 15.0, 0.1, 0.08
ADDUCT_LOG_WEIGHT = np.array([0.0, presence.MINOR_ADDUCT_LOG_WEIGHT, presence.MINOR_ADDUCT_LOG_WEIGHT])
RT_LAW = stats.t(4, loc=10.0, scale=4.0)  # of predictions and background, in minutes
STUDENT = stats.t(4)
UNLISTED_RT_SCALE_MIN = 2.0  # of the unlisted compounds of one mass: half of that of all


@dataclass(frozen=True)
class World:
    """What the peaks are drawn from; the defaults are the model itself, small enough to be fitted hundreds of times.

    n_peaks, n_groups : of one data set. max_compounds : a group has one compound to so many, equally often.
    rt_pred_sd_min : of the better and of the worse half of all predictions.
    mass_scale_factor : the mass errors' scale against the drawn one. has_null : False draws neither background nor
    twins. max_mass_z : peaks with larger mass errors, in scales, are lost unseen. neighbour_ppm : distance of the
    second group of each mass region, None for regions of one group.
    """

    n_peaks: int = 160
    n_groups: int = 24
    max_compounds: int = 3
    rt_pred_sd_min: tuple[float, float] = (0.02, 0.3)
    mass_scale_factor: float = 1.0
    has_null: bool = True
    max_mass_z: float = np.inf
    neighbour_ppm: float | None = None

    @property
    def groups_per_region(self) -> int:
        """One, or two with overlapping windows."""
        return 1 if self.neighbour_ppm is None else 2


@dataclass(frozen=True)
class Replication:
    """One data set: the problem, the parameters that it came from, and what made each peak.

    true_compound : (n_peaks,) index, -1 for background and twins.
    """

    problem: AssignmentProblem
    truth: dict[str, FloatArray]
    true_compound: IntArray

    @property
    def is_null(self) -> BoolArray:
        """(n_peaks,) whether the peak is background or a twin."""
        return self.true_compound < 0


@dataclass(frozen=True)
class _Design:
    """What does not depend on parameters; the slots of a peak are all compounds of its mass region.

    offsets : (n_peaks + 1,). injection, species, adduct, family, intensity_level, mz_level : (n_peaks,). peak,
    compound, group, is_known_in : (n_slots,). centre_ppm : (n_slots,) of the group within the region. rt_pred_min,
    rt_pred_sd_min, unlisted_number, unlisted_rt_mean_min : (n_slots,), the last two of the group.
    """

    offsets: IntArray
    injection: IntArray
    species: IntArray
    adduct: IntArray
    family: IntArray
    intensity_level: IntArray
    mz_level: IntArray
    peak: IntArray
    compound: IntArray
    group: IntArray
    is_known_in: BoolArray
    centre_ppm: FloatArray
    rt_pred_min: FloatArray
    rt_pred_sd_min: FloatArray
    unlisted_number: FloatArray
    unlisted_rt_mean_min: FloatArray


def draw_replication(rng: np.random.Generator, world: World) -> Replication:
    """Draw parameters, an option for every peak by its weight, then mass error and RT by the option's densities."""
    design = _draw_design(rng, world)
    adduct = design.adduct[design.peak]
    candidates = np.bincount(adduct, weights=np.exp(ADDUCT_LOG_WEIGHT)[adduct], minlength=N_ADDUCTS)
    truth = draw_parameters(rng, candidates, world.n_groups)
    offset, scale = _of_mass(truth, world, design)
    low = np.fmax(offset - world.max_mass_z * scale, -WINDOW_PPM)
    high = np.fmin(offset + world.max_mass_z * scale, WINDOW_PPM)
    below, above = STUDENT.cdf((low - offset) / scale), STUDENT.cdf((high - offset) / scale)
    in_window = STUDENT.cdf((WINDOW_PPM - offset) / scale) - STUDENT.cdf((-WINDOW_PPM - offset) / scale)
    beyond = 0.0 if world.neighbour_ppm is None else world.neighbour_ppm / 2
    background = (high - low + 2 * beyond) / (2 * WINDOW_PPM)
    weight = np.exp(_log_weight(truth, design)) * ((above - below) / in_window)[design.peak]
    source, is_background, is_twin = _draw_options(rng, design, weight, background if world.has_null else None)
    of_source = offset + scale * STUDENT.ppf(rng.uniform(below, above))
    anywhere = rng.uniform(low - beyond, high + beyond)
    place_ppm = np.where(is_background, anywhere, design.centre_ppm[source] + of_source)
    centre = design.rt_pred_min[source] + truth["rt_drift_min"][design.injection]
    at_source = centre + np.hypot(truth["rt_noise_min"], design.rt_pred_sd_min[source]) * rng.standard_t(
        4, world.n_peaks
    )
    is_null = is_background | is_twin
    of_twin = design.unlisted_rt_mean_min[source] + UNLISTED_RT_SCALE_MIN * rng.standard_t(4, world.n_peaks)
    rt_min = np.where(is_twin, of_twin, np.where(is_null, RT_LAW.rvs(world.n_peaks, random_state=rng), at_source))
    problem = _problem(design, place_ppm, rt_min)
    true_compound = np.where(is_null, -1, design.compound[source])
    return Replication(problem, _as_sampled(truth, problem, candidates), true_compound)


def draw_parameters(rng: np.random.Generator, weight: FloatArray, n_groups: int) -> dict[str, FloatArray]:
    """Every parameter from its prior, in the order in which they depend on each other; groups and adducts as effects.

    weight : (N_ADDUCTS,) of the adducts, with which the effects of adducts sum to zero.
    """
    axis = weight / np.linalg.norm(weight)
    group_sd, species_sd = rng.lognormal(np.log(presence.EFFECT_SD), presence.POOL_WIDTH, 2)
    offset_mean = rng.normal(0.0, mass.OFFSET_SD_PPM)
    offset_sd = rng.lognormal(np.log(mass.POOL_OFFSET_PPM), mass.POOL_WIDTH)
    log_scale_mean = rng.normal(mass.LOG_SCALE_MEAN, mass.LOG_SCALE_SD)
    log_scale_sd = rng.lognormal(np.log(mass.POOL_LOG_SCALE), mass.POOL_WIDTH)
    drift_sd = rng.lognormal(np.log(retention.DRIFT_TO_NOISE * RT_NOISE_MIN), retention.POOL_WIDTH)
    values = {
        "alpha": rng.normal(presence.ALPHA_MEAN, presence.ALPHA_SD),
        "group_sd": group_sd,
        "group_effect": rng.normal(0.0, group_sd, n_groups),
        "adduct_effect": _without(axis, rng.normal(0.0, presence.ADDUCT_SD, N_ADDUCTS)),
        "species_sd": species_sd,
        "species_effect": _sum_to_zero(rng.normal(0.0, species_sd, N_SPECIES)),
        "family_effect": rng.normal(list(family.MEAN.values()), family.SD),
        "known_in_effect": rng.normal(presence.KNOWN_IN_MEAN, presence.KNOWN_IN_SD),
        "mass_offset_mean_ppm": offset_mean,
        "mass_offset_sd_ppm": offset_sd,
        "mass_offset_ppm": rng.normal(offset_mean, offset_sd, N_INJECTIONS),
        "mass_log_scale_mean": log_scale_mean,
        "mass_log_scale_sd": log_scale_sd,
        "mass_log_scale_slope": np.asarray(rng.normal(0.0, mass.LOG_SCALE_SLOPE_SD)),
        "mass_offset_slope_ppm": rng.normal(0.0, mass.OFFSET_SLOPE_SD_PPM, N_INJECTIONS),
        "mass_log_scale": rng.normal(log_scale_mean, log_scale_sd, N_INJECTIONS),
        "rt_noise_min": rng.lognormal(np.log(RT_NOISE_MIN), retention.NOISE_WIDTH),
        "rt_drift_sd_min": drift_sd,
        "rt_drift_min": rng.normal(0.0, drift_sd, N_INJECTIONS),
    }
    return {name: np.asarray(value, dtype=np.float64) for name, value in values.items()}


def _sum_to_zero(values: FloatArray) -> FloatArray:
    return np.asarray(values - values.mean())


def _without(axis: FloatArray, values: FloatArray) -> FloatArray:
    """The values less their part along a direction of length 1."""
    return np.asarray(values - axis * (axis @ values))


def _as_sampled(
    truth: Mapping[str, FloatArray], problem: AssignmentProblem, weight: FloatArray
) -> dict[str, FloatArray]:
    """The truth in the coordinates of the sampler."""
    others = {name: value for name, value in truth.items() if name not in {"group_effect", "adduct_effect"}}
    groups = problem.groups_in_play[0]
    centred = centring(np.asarray(problem.ions_of_groups @ np.exp(ADDUCT_LOG_WEIGHT), dtype=np.float64))
    group_z = centred * truth["alpha"] + truth["group_effect"][groups] * truth["group_sd"] ** (centred - 1.0)
    contrasts = zero_sum_basis(weight, 0).T @ truth["adduct_effect"]
    return {**others, "group_z": group_z, "adduct_effect": contrasts}


def _draw_design(rng: np.random.Generator, world: World) -> _Design:
    """Mass region, ion, species and injection of every peak; some compounds are predicted better than others."""
    n_peaks, n_groups = world.n_peaks, world.n_groups
    group_of_compound = np.repeat(np.arange(n_groups), rng.integers(1, world.max_compounds + 1, n_groups))
    region_of_compound = group_of_compound // world.groups_per_region
    n_compounds, n_regions = group_of_compound.size, n_groups // world.groups_per_region
    region, adduct = rng.permutation(np.arange(n_peaks) % n_regions), rng.permutation(np.arange(n_peaks) % N_ADDUCTS)
    species = rng.permutation(np.arange(n_peaks) % N_SPECIES)
    sizes = np.bincount(region_of_compound)[region]
    offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    peak = np.repeat(np.arange(n_peaks), sizes)
    first = np.searchsorted(region_of_compound, region)  # compound of each peak's region
    compound = first[peak] + np.arange(peak.size) - offsets[peak]
    group = group_of_compound[compound]
    place = group % world.groups_per_region - (world.groups_per_region - 1) / 2
    return _Design(
        offsets=offsets,
        injection=rng.permutation(np.arange(n_peaks) % N_INJECTIONS),
        species=species,
        adduct=adduct,
        family=rng.permutation(np.arange(n_peaks) % len(Family)),
        intensity_level=rng.permutation(np.arange(n_peaks) % N_LEVELS),
        mz_level=rng.permutation(np.arange(n_peaks) % N_LEVELS),
        peak=peak,
        compound=compound,
        group=group,
        is_known_in=(rng.random((n_compounds, N_SPECIES)) < 0.3)[compound, species[peak]],
        centre_ppm=place * (world.neighbour_ppm or 0.0),
        rt_pred_min=RT_LAW.rvs(n_compounds, random_state=rng)[compound],
        rt_pred_sd_min=np.where(rng.random(n_compounds) < 0.5, *world.rt_pred_sd_min)[compound],
        unlisted_number=rng.uniform(0.5, 2.0, n_groups)[group],
        unlisted_rt_mean_min=RT_LAW.rvs(n_groups, random_state=rng)[group],
    )


def _of_mass(truth: dict[str, FloatArray], world: World, design: _Design) -> tuple[FloatArray, FloatArray]:
    """Mass offset and scale of every peak, ppm."""
    log_scale = truth["mass_log_scale"][design.injection]
    log_scale = log_scale + truth["mass_log_scale_slope"] * LEVEL_SCORES[design.intensity_level]
    offset = truth["mass_offset_ppm"][design.injection]
    offset = offset + truth["mass_offset_slope_ppm"][design.injection] * LEVEL_SCORES[design.mz_level]
    return offset, world.mass_scale_factor * np.exp(log_scale)


def _log_weight(truth: dict[str, FloatArray], design: _Design) -> FloatArray:
    """(n_slots,) against the background of one window."""
    adduct, species = design.adduct[design.peak], design.species[design.peak]
    eta = truth["alpha"] + truth["group_effect"][design.group] + ADDUCT_LOG_WEIGHT[adduct]
    eta = eta + np.append(0.0, truth["family_effect"])[design.family[design.peak]]
    eta = eta + truth["adduct_effect"][adduct] + truth["species_effect"][species]
    return np.asarray(eta + truth["known_in_effect"] * design.is_known_in)


def _draw_options(
    rng: np.random.Generator, design: _Design, weight: FloatArray, background: FloatArray | None
) -> tuple[IntArray, BoolArray, BoolArray]:
    """For each peak: a slot, whether the peak is background instead, and whether it is the slot's twin.

    A race: an option of weight w arrives after an exponential time of mean 1 / w, so that it is first with a
    probability in proportion to w. background : its weight, (n_peaks,); None draws no null at all.
    """
    starts = design.offsets[:-1]
    listed, twin = rng.exponential(size=(2, weight.size)) / weight
    twin *= np.inf if background is None else (1.0 - UNLISTED_SHARE) / UNLISTED_SHARE / design.unlisted_number
    first_listed, first_twin = np.minimum.reduceat(listed, starts), np.minimum.reduceat(twin, starts)
    n_peaks = starts.size
    first_null = np.full(n_peaks, np.inf) if background is None else rng.exponential(size=n_peaks) / background
    is_background = first_null < np.fmin(first_listed, first_twin)
    is_twin = ~is_background & (first_twin < first_listed)
    winner = np.fmin(first_listed, first_twin)[design.peak]
    source = np.flatnonzero(np.fmin(listed, twin) == winner)
    return source, is_background, is_twin


def _problem(design: _Design, place_ppm: FloatArray, rt_min: FloatArray) -> AssignmentProblem:
    """The problem with the slots whose window the peak lies in."""
    ppm_error = place_ppm[design.peak] - design.centre_ppm
    keep = np.abs(ppm_error) <= WINDOW_PPM
    peak, predicted, sd = design.peak[keep], design.rt_pred_min[keep], design.rt_pred_sd_min[keep]
    of_twins = stats.t(4, design.unlisted_rt_mean_min[keep], UNLISTED_RT_SCALE_MIN)
    sizes = np.bincount(peak, minlength=rt_min.size)
    return AssignmentProblem(
        offsets=np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
        peak_of_slot=peak,
        compound=design.compound[keep],
        isobar_group=design.group[keep],
        adduct=design.adduct[peak],
        family=design.family[peak],
        species=design.species[peak],
        injection=design.injection[peak],
        ppm_error=ppm_error[keep],
        rt_z=(rt_min[peak] - predicted) / np.hypot(sd, RT_NOISE_MIN),
        rt_pred_min=predicted,
        rt_pred_sd_min=sd,
        rt_min=rt_min,
        log_rt_density=np.asarray(RT_LAW.logpdf(rt_min)),
        is_known_in=design.is_known_in[keep],
        slot_allowed=np.ones(peak.size, dtype=np.bool_),
        null_allowed=np.ones(rt_min.size, dtype=np.bool_),
        is_labelled=np.zeros(rt_min.size, dtype=np.bool_),
        mass_window_ppm=WINDOW_PPM,
        rt_noise_min=RT_NOISE_MIN,
        unlisted_share=UNLISTED_SHARE,
        adduct_names=("[M+H]+", "[M+Na]+", "[M+K]+"),
        species_names=("kidney", "liver", "plasma"),
        injection_names=("1 positive", "2 positive", "3 positive", "4 positive"),
        intensity_level=design.intensity_level[peak],
        mz_level=design.mz_level[peak],
        unlisted_number=design.unlisted_number[keep],
        unlisted_rt_ratio=of_twins.pdf(rt_min[peak]) / RT_LAW.pdf(rt_min[peak]),
    )
