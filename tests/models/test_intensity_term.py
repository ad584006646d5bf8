"""Intensity: levels within an injection, and how the weights of main and other ions follow them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from assignment_problems import random_problem, slots_of_peak, tiny_problem
from scipy import stats
from small_dataset import make_dataset
from test_problem import make_problem

from compassign.models.generative import default_terms, peak_posterior, prior_location, term_evidence, terms_of
from compassign.models.intensity_levels import LEVEL_SCORES, MIDDLE, N_LEVELS, intensity_levels
from compassign.models.mixture import PeakPosterior
from compassign.models.problem import AssignmentProblem
from compassign.models.terms.base import Values
from compassign.units import FloatArray, IntArray

BRIGHTEST = N_LEVELS - 1


def with_levels(problem: AssignmentProblem, of_peaks: IntArray) -> AssignmentProblem:
    return replace(problem, levels=of_peaks[problem.peak_of_slot])


def posterior_of(
    problem: AssignmentProblem, slope: tuple[float, float] | None = None, **others: float
) -> PeakPosterior:
    terms, peaks = terms_of(problem), slice(0, problem.n_peaks)
    values: Values = prior_location(problem, terms)
    if slope is not None:
        given = {name: np.array([value]) for name, value in others.items()}
        values = {**values, "intensity_slope": np.array([slope]), **given}
    return peak_posterior(problem, terms, term_evidence(problem, terms, values, peaks), peaks)


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
    expected = [
        stats.norm.expect(lb=low, ub=high, conditional=True) for low, high in zip(edges, edges[1:], strict=False)
    ]
    assert pytest.approx(expected, abs=1e-7) == LEVEL_SCORES


def test_a_table_without_intensities_has_no_such_term_and_the_same_answer() -> None:
    plain = tiny_problem()
    assert [term.name for term in terms_of(plain).all] == [term.name for term in default_terms().all]
    dataset = make_dataset()
    unknown = replace(dataset, peaks=dataset.peaks.assign(intensity=np.nan))
    assert make_problem(unknown).levels is None
    in_the_middle = with_levels(plain, np.full(5, MIDDLE))
    assert (posterior_of(in_the_middle, (1.0, 1.0)).slot == posterior_of(plain).slot).all()


def test_a_slope_moves_an_ion_and_its_twin_by_the_level_of_the_peak() -> None:
    before = posterior_of(tiny_problem())
    after = posterior_of(with_levels(tiny_problem(), np.array([BRIGHTEST, 0, MIDDLE, 0, 0])), (0.5, -0.2))
    bright, faint = slots_of_peak(tiny_problem(), 0), slots_of_peak(tiny_problem(), 1)
    high, low = LEVEL_SCORES[BRIGHTEST], LEVEL_SCORES[0]

    def odds(found: PeakPosterior, peak: int, own: slice | FloatArray) -> FloatArray:
        return np.asarray(found.slot[0, own] / found.background[0, peak])

    # two isomers as [M+H]+, then another compound as [M+Na]+; in the other peak the minor ion comes first
    assert odds(after, 0, bright) / odds(before, 0, bright) == pytest.approx(np.exp([0.5 * high] * 2 + [-0.2 * high]))
    assert odds(after, 1, faint) / odds(before, 1, faint) == pytest.approx(np.exp([-0.2 * low, 0.5 * low]))
    middle = slots_of_peak(tiny_problem(), 2)
    assert after.slot[0, middle] == pytest.approx(before.slot[0, middle])


def test_slopes_are_learned_from_where_masses_fit(rng: np.random.Generator) -> None:
    """The brighter a peak, the more often its mass fits its one candidate."""
    n_peaks = 600
    problem = random_problem(rng, n_peaks, 6, np.ones(n_peaks, dtype=np.int64))
    levels = rng.integers(0, N_LEVELS, n_peaks)
    is_real = rng.random(n_peaks) < 1.0 / (1.0 + np.exp(-1.2 * LEVEL_SCORES[levels]))
    error = np.where(is_real, rng.normal(0.0, 1.0, n_peaks), rng.uniform(-15.0, 15.0, n_peaks))
    zeros = np.zeros(n_peaks, dtype=np.int64)
    clear = with_levels(replace(problem, ppm_error=error, adduct=zeros, family=zeros, upstream=None), levels)
    slopes = np.linspace(-2.0, 2.0, 41)

    def best(of: AssignmentProblem) -> float:
        fits = [posterior_of(of, (slope, 0.0), alpha=0.0).log_likelihood.sum() for slope in slopes]
        return float(slopes[np.argmax(fits)])

    assert 0.8 < best(clear) < 1.7
    assert abs(best(with_levels(clear, rng.permutation(levels)))) < 0.4
