"""Mass laws: levels of intensity and m/z, and how offsets and precision follow them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from assignment_problems import random_problem, tiny_problem
from scipy import stats
from small_dataset import make_dataset
from test_problem import make_problem

from compassign.models.generative import hyperparameters, peak_posterior, prior_location, term_evidence, terms_of
from compassign.models.levels import LEVEL_SCORES, MIDDLE, N_LEVELS, fifths
from compassign.models.problem import AssignmentProblem
from compassign.models.terms.mass import Mass
from compassign.units import FloatArray, IntArray

SLOPE = -0.4


def with_levels(
    problem: AssignmentProblem, intensity: IntArray | None = None, mz: IntArray | None = None
) -> AssignmentProblem:
    of_slots = [None if levels is None else levels[problem.peak_of_slot] for levels in (intensity, mz)]
    return replace(problem, intensity_level=of_slots[0], mz_level=of_slots[1])


def mass_evidence(problem: AssignmentProblem, **given: FloatArray) -> FloatArray:
    """(n_slots,) of one draw."""
    values = {**prior_location(problem, terms_of(problem)), **given}
    return np.asarray(Mass().evaluate(problem, values, slice(0, problem.n_slots))[0])


def test_levels_are_fifths_of_an_injection_whatever_its_scale(rng: np.random.Generator) -> None:
    order = rng.permutation(50)
    both = np.concatenate([np.exp(order / 10.0), 1e9 * (order + 1.0)])
    levels = fifths(both, np.repeat([0, 1], 50))
    assert (levels == np.tile(order // 10, 2)).all()


def test_unknown_lonely_and_equal_peaks_are_in_the_middle() -> None:
    intensity = np.array([np.nan, 1.0, 2.0, 3.0, 7.0, 5.0, 5.0, 5.0])
    assert fifths(intensity, np.array([0, 0, 0, 0, 1, 2, 2, 2])).tolist() == [2, 0, 2, 4, 2, 2, 2, 2]
    assert fifths(np.empty(0), np.empty(0, dtype=np.int64)).size == 0


def test_scores_are_the_means_of_the_fifths_of_a_normal_law() -> None:
    edges = stats.norm.ppf(np.linspace(0, 1, N_LEVELS + 1))
    means = [stats.norm.expect(lb=low, ub=high, conditional=True) for low, high in zip(edges, edges[1:], strict=False)]
    assert pytest.approx(means, abs=1e-7) == LEVEL_SCORES


def test_a_table_without_intensities_and_of_one_mz_has_no_slopes_and_the_same_answer() -> None:
    plain, dataset = tiny_problem(), make_dataset()
    bare = make_problem(replace(dataset, peaks=dataset.peaks.assign(intensity=np.nan)))
    assert bare.intensity_level is None
    assert bare.mz_level is not None
    middle = np.full(5, MIDDLE)
    in_the_middle = with_levels(plain, middle, middle)
    slopes = set(hyperparameters(in_the_middle, terms_of(plain))) - set(hyperparameters(plain, terms_of(plain)))
    assert slopes == {"mass_log_scale_slope", "mass_offset_slope_ppm"}
    bent = mass_evidence(
        in_the_middle, mass_log_scale_slope=np.array([SLOPE]), mass_offset_slope_ppm=np.array([[1.0, -2.0]])
    )
    assert (bent == mass_evidence(plain)).all()


def test_the_law_of_a_peak_is_that_of_its_injection_at_its_levels() -> None:
    intensity, mz = np.array([4, 0, 2, 1, 3]), np.array([1, 3, 0, 4, 4])
    problem = with_levels(tiny_problem(), intensity, mz)
    offset, by_mz, log_scale = np.array([[0.5, -1.0]]), np.array([[1.5, -0.5]]), np.log([[1.5, 4.0]])
    found = mass_evidence(
        problem,
        mass_offset_ppm=offset,
        mass_offset_slope_ppm=by_mz,
        mass_log_scale=log_scale,
        mass_log_scale_slope=np.array([SLOPE]),
    )
    peak, injection = problem.peak_of_slot, problem.injection
    centre = offset[0, injection] + by_mz[0, injection] * LEVEL_SCORES[mz[peak]]
    scale = np.exp(log_scale[0, injection] + SLOPE * LEVEL_SCORES[intensity[peak]])
    law, window = stats.t(4, loc=centre, scale=scale), problem.mass_window_ppm
    inside = law.cdf(window) - law.cdf(-window)
    assert found == pytest.approx(law.logpdf(problem.ppm_error) - np.log(inside) + np.log(2 * window))


def best_of(problem: AssignmentProblem, name: str, slopes: FloatArray) -> float:
    """The most likely slope, in all injections, where half of the peaks are background."""
    terms, peaks, fits = terms_of(problem), slice(0, problem.n_peaks), []
    for slope in slopes:
        location = prior_location(problem, terms)
        values = {**location, name: np.full_like(location[name], slope), "alpha": np.zeros(1)}
        fits.append(peak_posterior(problem, terms, term_evidence(problem, terms, values, peaks), peaks).log_likelihood)
    return float(slopes[np.argmax([fit.sum() for fit in fits])])


def one_candidate_each(rng: np.random.Generator, error: FloatArray) -> AssignmentProblem:
    """Peaks of which 7 in 10 have these mass errors, where they are inside the window, and the others any."""
    problem = random_problem(rng, error.size, 6, np.ones(error.size, dtype=np.int64))
    is_real = (rng.random(error.size) < 0.7) & (np.abs(error) < 15.0)
    return replace(problem, ppm_error=np.where(is_real, error, rng.uniform(-15.0, 15.0, error.size)))


def test_precision_over_intensity_is_learned_from_mass_errors(rng: np.random.Generator) -> None:
    levels = rng.integers(0, N_LEVELS, 600)
    error = 3.0 * np.exp(SLOPE * LEVEL_SCORES[levels]) * rng.standard_t(4, 600)
    problem, slopes = one_candidate_each(rng, error), np.linspace(-1.0, 1.0, 41)
    true, shuffled = (with_levels(problem, intensity) for intensity in (levels, rng.permutation(levels)))
    assert best_of(true, "mass_log_scale_slope", slopes) == pytest.approx(SLOPE, abs=0.2)
    assert abs(best_of(shuffled, "mass_log_scale_slope", slopes)) < 0.2


def test_the_slope_of_offsets_over_mz_is_learned_from_mass_errors(rng: np.random.Generator) -> None:
    levels = rng.integers(0, N_LEVELS, 600)
    error = 2.0 * LEVEL_SCORES[levels] + 2.0 * rng.standard_t(4, 600)
    problem, slopes = one_candidate_each(rng, error), np.linspace(-3.0, 3.0, 31)
    true, shuffled = (with_levels(problem, mz=mz) for mz in (levels, rng.permutation(levels)))
    assert best_of(true, "mass_offset_slope_ppm", slopes) == pytest.approx(2.0, abs=0.5)
    assert abs(best_of(shuffled, "mass_offset_slope_ppm", slopes)) < 0.5
