"""Fragment spectra in the mixture: a factor on the odds of each candidate, against everything that is none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from assignment_problems import random_values, slots_of_peak, tiny_problem
from fused_cases import compile_density, random_points

from compassign.models.generative import (
    build_generative_model,
    build_reference_model,
    default_terms,
    hyperparameters,
    peak_posterior,
    prior_location,
    term_evidence,
    terms_of,
)
from compassign.models.problem import AssignmentProblem

RATIO = np.array([2.0, -1.0, 0.0, 0.5, 0.0, -3.0, 1.0, 4.0, 0.7])
EVERYTHING = slice(0, 5)


def with_spectra() -> AssignmentProblem:
    return replace(tiny_problem({1: [3]}), spectra_log_ratio=RATIO)


def test_a_problem_without_spectra_has_no_such_term() -> None:
    assert [term.name for term in terms_of(tiny_problem()).all] == [term.name for term in default_terms().all]
    assert [term.name for term in terms_of(with_spectra()).all][-1] == "spectra"


def test_nothing_is_free_in_it() -> None:
    problem, plain = with_spectra(), tiny_problem({1: [3]})
    assert prior_location(problem, terms_of(problem)).keys() == prior_location(plain, default_terms()).keys()
    assert hyperparameters(problem, terms_of(problem)) == hyperparameters(plain, default_terms())


def test_it_multiplies_the_odds_of_a_candidate_against_the_null(rng: np.random.Generator) -> None:
    problem, terms = with_spectra(), terms_of(with_spectra())
    values = random_values(problem, terms.all, rng, 3)
    evidence = term_evidence(problem, terms, values, EVERYTHING)
    assert (evidence["spectra"] == RATIO).all()
    found = peak_posterior(problem, terms, evidence, EVERYTHING)
    plain = replace(problem, spectra_log_ratio=None)
    before = peak_posterior(
        plain, default_terms(), term_evidence(plain, default_terms(), values, EVERYTHING), EVERYTHING
    )
    for peak in (0, 2, 4):
        own = slots_of_peak(problem, peak)
        null = [posterior.background[:, peak] + posterior.unlisted[:, peak] for posterior in (found, before)]
        gain = (found.slot[:, own] / null[0][:, None]) / (before.slot[:, own] / null[1][:, None])
        assert gain == pytest.approx(np.tile(np.exp(RATIO[own]), (3, 1)))
        assert found.unlisted[:, peak] / null[0] == pytest.approx(before.unlisted[:, peak] / null[1])


@pytest.mark.slow  # compiles two graphs
def test_the_fused_model_is_the_plain_graph(rng: np.random.Generator) -> None:
    problem = with_spectra()
    fused = compile_density(build_generative_model(problem, terms_of(problem)))
    reference = compile_density(build_reference_model(problem, terms_of(problem)))
    bare = compile_density(build_reference_model(tiny_problem({1: [3]}), default_terms()))
    for point in random_points(reference.model, rng, 3):
        value, gradient = fused.at(point)
        expected, expected_gradient = reference.at(point)
        assert value == pytest.approx(expected, rel=1e-8)
        assert abs(value - bare.at(point)[0]) > 0.01
        for name, by in gradient.items():
            assert by == pytest.approx(expected_gradient[name], rel=1e-8, abs=1e-8), name
