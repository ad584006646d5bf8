"""Small assignment problems with every feature that the models must handle, written by hand or drawn at random."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

import numpy as np

from compassign.chemistry.families import Family
from compassign.chemistry.stated_adducts import Stated
from compassign.models.levels import N_LEVELS
from compassign.models.problem import AssignmentProblem
from compassign.models.statements import Statement, align_statements
from compassign.models.terms.base import Term, Values
from compassign.units import FloatArray, IntArray

ADDUCTS = ("[M+H]+", "[M+Na]+", "[M+K]+")
NO_SLOTS, ONE_SLOT = 3, 4  # peaks of the tiny problem
SLOT_FIELDS = (
    "compound",
    "isobar_group",
    "adduct",
    "family",
    "species",
    "injection",
    "ppm_error",
    "rt_z",
    "rt_pred_min",
    "rt_pred_sd_min",
    "is_known_in",
    "slot_allowed",
    "unlisted_number",
    "unlisted_rt_ratio",
)

# One line a slot: peak, compound, adduct, ppm error, predicted RT (NaN = none). Compounds 0 and 1 are isomers, and
# compound 3 has no prediction. Peak 3 has no candidate, peak 4 has a single one.
_TINY_SLOTS = (
    (0, 0, 0, 1.5, 5.1),
    (0, 1, 0, 1.5, 6.0),
    (0, 2, 1, -6.0, 4.8),
    (1, 1, 1, -2.0, 6.0),
    (1, 3, 0, 4.0, np.nan),
    (2, 0, 0, 0.5, 5.1),
    (2, 0, 2, 9.0, 5.1),
    (2, 3, 1, -0.5, np.nan),
    (4, 2, 0, 3.0, 4.8),
)
_TINY_RT_MIN = (5.0, 6.2, 5.3, 9.0, 4.7)
_ISOBAR_GROUP_OF_COMPOUND = (0, 0, 1, 2)


def tiny_problem(labels: Mapping[int, Collection[int]] | None = None, unlisted_share: float = 0.1) -> AssignmentProblem:
    """Five peaks of two species in two injections; `labels` as in `with_labels`."""
    columns = list(zip(*_TINY_SLOTS, strict=True))
    peak, compound, adduct = (np.array(column, dtype=np.int64) for column in columns[:3])
    rt_pred_min = np.array(columns[4])
    problem = _assemble(peak, compound, np.array(_TINY_RT_MIN), rt_pred_min)
    problem = replace(
        problem,
        isobar_group=np.array(_ISOBAR_GROUP_OF_COMPOUND)[compound],
        adduct=adduct,
        ppm_error=np.array(columns[3]),
        is_known_in=(compound == 0) & (peak % 2 == 0),
        unlisted_share=unlisted_share,
        unlisted_number=np.array([0.6, 1.4, 0.9])[np.array(_ISOBAR_GROUP_OF_COMPOUND)[compound]],
        unlisted_rt_ratio=0.5 + 0.25 * ((3 * peak + np.array(_ISOBAR_GROUP_OF_COMPOUND)[compound]) % 5),
    )
    return with_labels(problem, labels or {})


def bare(problem: AssignmentProblem) -> AssignmentProblem:
    """The problem with one group, adduct, species and injection, and nothing `known_in`: the fewest free variables."""
    zero = np.zeros(problem.n_slots, dtype=np.int64)
    return replace(
        problem,
        adduct=zero,
        species=zero,
        injection=zero,
        isobar_group=zero + 7,
        is_known_in=zero.astype(np.bool_),
        adduct_names=("[M+H]+",),
        species_names=("liver",),
        injection_names=("run1 positive",),
    )


def random_problem(
    rng: np.random.Generator, n_peaks: int = 8, n_compounds: int = 6, sizes: IntArray | None = None
) -> AssignmentProblem:
    """A few peaks with 0 to 4 slots each, or as many as `sizes` says; a quarter of the compounds has no RT prediction.

    Each slot has a mass error of its own; see `with_isomers`.
    """
    peak = np.repeat(np.arange(n_peaks), rng.integers(0, 5, n_peaks) if sizes is None else sizes)
    compound = rng.integers(0, n_compounds, peak.size)
    rt_min = rng.uniform(1.0, 15.0, n_peaks)
    error = rng.normal(0.0, 0.5, peak.size)
    rt_pred_min = np.where(rng.random(n_compounds)[compound] < 0.25, np.nan, rt_min[peak] + error)
    problem = _assemble(peak, compound, rt_min, rt_pred_min)
    adduct = rng.integers(0, len(ADDUCTS), peak.size)
    return replace(
        problem,
        adduct=adduct,
        family=(peak + adduct) % len(Family),
        upstream=(peak + 2 * adduct) % len(Stated),
        intensity_level=peak % N_LEVELS,
        mz_level=(peak + 3) // 2 % N_LEVELS,
        ppm_error=rng.uniform(-15.0, 15.0, peak.size),
        is_known_in=rng.random(peak.size) < 0.3,
    )


def with_isomers(problem: AssignmentProblem, rng: np.random.Generator) -> AssignmentProblem:
    """The problem with one mass error for each isobar group and adduct of a peak, as isomers have it."""
    ions = np.stack([problem.peak_of_slot, problem.isobar_group, problem.adduct])
    ion = np.unique(ions, axis=1, return_inverse=True)[1]
    return replace(problem, ppm_error=rng.uniform(-15.0, 15.0, problem.n_slots)[ion])


def with_statements(
    problem: AssignmentProblem, statements: Sequence[Statement], annotator_names: tuple[str, ...]
) -> AssignmentProblem:
    """The problem with statements that may be wrong in place of those it had."""
    aligned = align_statements(statements, problem.offsets, problem.compound, annotator_names)
    return replace(problem, statements=aligned)


def _assemble(peak: IntArray, compound: IntArray, rt_min: FloatArray, rt_pred_min: FloatArray) -> AssignmentProblem:
    """A problem whose peaks alternate between two species and two injections, without labels."""
    n_peaks = rt_min.size
    sd = np.where(np.isnan(rt_pred_min), np.nan, 0.3)
    return AssignmentProblem(
        offsets=np.concatenate([[0], np.cumsum(np.bincount(peak, minlength=n_peaks))]).astype(np.int64),
        peak_of_slot=peak,
        compound=compound,
        isobar_group=compound // 2,
        adduct=np.zeros(peak.size, dtype=np.int64),
        family=np.zeros(peak.size, dtype=np.int64),
        species=peak % 2,
        injection=peak // 2 % 2,
        ppm_error=np.zeros(peak.size),
        rt_z=(rt_min[peak] - rt_pred_min) / np.hypot(sd, 0.05),
        rt_pred_min=rt_pred_min,
        rt_pred_sd_min=sd,
        rt_min=rt_min,
        log_rt_density=np.log(np.linspace(0.05, 0.2, n_peaks)),
        is_known_in=np.zeros(peak.size, dtype=np.bool_),
        slot_allowed=np.ones(peak.size, dtype=np.bool_),
        null_allowed=np.ones(n_peaks, dtype=np.bool_),
        is_labelled=np.zeros(n_peaks, dtype=np.bool_),
        mass_window_ppm=15.0,
        rt_noise_min=0.05,
        unlisted_share=0.1,
        adduct_names=ADDUCTS,
        species_names=("liver", "plasma"),
        injection_names=("run1 positive", "run2 positive"),
        unlisted_number=np.asarray(0.4 + 0.3 * (compound // 2), dtype=np.float64),
        unlisted_rt_ratio=np.asarray(0.5 + 0.25 * ((3 * peak + compound // 2) % 5), dtype=np.float64),
    )


def with_labels(problem: AssignmentProblem, labels: Mapping[int, Collection[int]]) -> AssignmentProblem:
    """The problem with labels in place of those it had.

    labels : peak -> compounds that it may be; an empty collection says null.
    """
    slot_allowed = np.ones(problem.n_slots, dtype=np.bool_)
    null_allowed, is_labelled = np.ones(problem.n_peaks, dtype=np.bool_), np.zeros(problem.n_peaks, dtype=np.bool_)
    for peak, compounds in labels.items():
        own = problem.peak_of_slot == peak
        slot_allowed[own] = np.isin(problem.compound[own], list(compounds))
        null_allowed[peak], is_labelled[peak] = not compounds, True
    return replace(problem, slot_allowed=slot_allowed, null_allowed=null_allowed, is_labelled=is_labelled)


def without_slots(problem: AssignmentProblem) -> AssignmentProblem:
    """The same peaks when no compound of the library is anywhere near them."""
    emptied = {name: getattr(problem, name)[:0] for name in (*SLOT_FIELDS, "peak_of_slot")}
    offsets = np.zeros_like(problem.offsets)
    return replace(problem, **emptied, offsets=offsets, adduct_names=(), species_names=(), injection_names=())


def slots_of_peak(problem: AssignmentProblem, peak: int) -> slice:
    """The slots of one peak."""
    return slice(int(problem.offsets[peak]), int(problem.offsets[peak + 1]))


def random_values(
    problem: AssignmentProblem, terms: Collection[Term], rng: np.random.Generator, n_draws: int
) -> dict[str, FloatArray]:
    """Draws of every free variable around the prior's location; scales stay positive."""
    values = {}
    for term in terms:
        for name, centre in term.location(problem).items():
            noise = rng.normal(0.0, 0.7, (n_draws, *centre.shape))
            is_scale = "_sd" in name or name == "rt_noise_min"
            values[name] = centre * np.exp(noise) if is_scale else centre + noise
    return values


def one_draw(values: Values, draw: int) -> dict[str, FloatArray]:
    """One draw, still with an axis of draws."""
    return {name: value[draw : draw + 1] for name, value in values.items()}
