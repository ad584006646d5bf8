"""Intensity: levels within an injection, and how precise masses are at each."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from assignment_problems import random_problem, tiny_problem
from scipy import stats
from small_dataset import make_dataset
from test_problem import make_problem

from compassign.models.generative import hyperparameters, peak_posterior, prior_location, term_evidence, terms_of
from compassign.models.intensity_levels import LEVEL_SCORES, MIDDLE, N_LEVELS, intensity_levels
from compassign.models.problem import AssignmentProblem
from compassign.models.terms.mass import Mass
from compassign.units import FloatArray, IntArray

SLOPE = -0.4


def with_levels(problem: AssignmentProblem, of_peaks: IntArray) -> AssignmentProblem:
    return replace(problem, levels=of_peaks[problem.peak_of_slot])


def mass_evidence(problem: AssignmentProblem, **given: FloatArray) -> FloatArray:
    """(n_slots,) of one draw."""
    values = {**prior_location(problem, terms_of(problem)), **given}
    return np.asarray(Mass().evaluate(problem, values, slice(0, problem.n_slots))[0])


def test_levels_are_fifths_of_an_injection_whatever_its_scale(rng: np.random.Generator) -> None:
    order = rng.permutation(50)
    both = np.concatenate([np.exp(order / 10.0), 1e9 * (order + 1.0)])
    levels = intensity_levels(both, np.repeat([0, 1], 50))
    assert (levels == np.tile(order // 10, 2)).all()


def test_unknown_lonely_and_equal_peaks_are_in_the_middle() -> None:
    intensity = np.array([np.nan, 1.0, 2.0, 3.0, 7.0, 5.0, 5.0, 5.0])
    assert intensity_levels(intensity, np.array([0, 0, 0, 0, 1, 2, 2, 2])).tolist() == [2, 0, 2, 4, 2, 2, 2, 2]
    assert intensity_levels(np.empty(0), np.empty(0, dtype=np.int64)).size == 0


def test_scores_are_the_means_of_the_fifths_of_a_normal_law() -> None:
    edges = stats.norm.ppf(np.linspace(0, 1, N_LEVELS + 1))
    means = [stats.norm.expect(lb=low, ub=high, conditional=True) for low, high in zip(edges, edges[1:], strict=False)]
    assert pytest.approx(means, abs=1e-7) == LEVEL_SCORES


def test_a_table_without_intensities_has_no_slope_and_the_same_answer() -> None:
    plain, dataset = tiny_problem(), make_dataset()
    assert make_problem(replace(dataset, peaks=dataset.peaks.assign(intensity=np.nan))).levels is None
    in_the_middle = with_levels(plain, np.full(5, MIDDLE))
    assert set(hyperparameters(in_the_middle, terms_of(plain))) - set(hyperparameters(plain, terms_of(plain))) == {
        "mass_log_scale_slope"
    }
    assert (mass_evidence(in_the_middle, mass_log_scale_slope=np.array([SLOPE])) == mass_evidence(plain)).all()


def test_the_scale_of_a_peak_is_that_of_its_injection_at_its_level() -> None:
    levels = np.array([4, 0, 2, 1, 3])
    problem = with_levels(tiny_problem(), levels)
    log_scale = np.log([[1.5, 4.0]])
    found = mass_evidence(problem, mass_log_scale=log_scale, mass_log_scale_slope=np.array([SLOPE]))
    scale = np.exp(log_scale[0, problem.injection] + SLOPE * LEVEL_SCORES[levels[problem.peak_of_slot]])
    law, window = stats.t(4, scale=scale), problem.mass_window_ppm
    inside = law.cdf(window) - law.cdf(-window)
    assert found == pytest.approx(law.logpdf(problem.ppm_error) - np.log(inside) + np.log(2 * window))


def test_the_slope_is_learned_from_mass_errors(rng: np.random.Generator) -> None:
    n_peaks = 600
    problem = random_problem(rng, n_peaks, 6, np.ones(n_peaks, dtype=np.int64))
    levels = rng.integers(0, N_LEVELS, n_peaks)
    error = 3.0 * np.exp(SLOPE * LEVEL_SCORES[levels]) * rng.standard_t(4, n_peaks)
    is_real = rng.random(n_peaks) < 0.7
    seen = np.where(is_real & (np.abs(error) < 15.0), error, rng.uniform(-15.0, 15.0, n_peaks))
    slopes = np.linspace(-1.0, 1.0, 41)

    def best(levels: IntArray) -> float:
        clear, peaks = with_levels(replace(problem, ppm_error=seen), levels), slice(0, n_peaks)
        terms, fits = terms_of(clear), []
        for slope in slopes:
            values = {**prior_location(clear, terms), "mass_log_scale_slope": np.array([slope]), "alpha": np.zeros(1)}
            found = peak_posterior(clear, terms, term_evidence(clear, terms, values, peaks), peaks)
            fits.append(found.log_likelihood.sum())
        return float(slopes[np.argmax(fits)])

    assert best(levels) == pytest.approx(SLOPE, abs=0.2)
    assert abs(best(rng.permutation(levels))) < 0.2
