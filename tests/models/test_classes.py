"""Classes of compounds: learned from masses, they move the weights of the mixture, and RTs have no say in them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from assignment_problems import random_problem, random_values, tiny_problem, with_isomers, with_labels
from fused_cases import compile_density, random_points
from scipy.optimize import check_grad

from compassign.models.classes import _MassMixture, class_log_weights
from compassign.models.generative import (
    build_generative_model,
    build_reference_model,
    default_terms,
    peak_posterior,
    term_evidence,
    terms_of,
)
from compassign.models.problem import AssignmentProblem
from compassign.units import FloatArray, IntArray

EVERYTHING = slice(0, 5)
N_COMPOUNDS = 300


def mass_table(rng: np.random.Generator, log_odds: float) -> tuple[AssignmentProblem, FloatArray, IntArray]:
    """A peak for each of many compounds with an isomer each, and the class (0 or 1) of every compound.

    The mass of a peak fits if a compound is there, which has the odds e^(log_odds) more often for class 1 than for 0.
    """
    is_acid = rng.random(2 * N_COMPOUNDS) < 0.5
    pairs = np.arange(2 * N_COMPOUNDS).reshape(N_COMPOUNDS, 2)
    is_acid[pairs[:, 1]] = np.where(rng.random(N_COMPOUNDS) < 0.8, is_acid[pairs[:, 0]], ~is_acid[pairs[:, 0]])
    weight = np.exp(log_odds * is_acid - 0.5)[pairs].sum(axis=1)
    is_there = rng.random(N_COMPOUNDS) < weight / (1.0 + weight)
    problem = random_problem(rng, N_COMPOUNDS, 2 * N_COMPOUNDS, np.full(N_COMPOUNDS, 2))
    error = np.where(is_there, rng.normal(0.0, 2.0, N_COMPOUNDS), rng.uniform(-15.0, 15.0, N_COMPOUNDS))
    zeros = np.zeros(2 * N_COMPOUNDS, dtype=np.int64)
    problem = replace(
        problem,
        compound=pairs.ravel(),
        isobar_group=pairs.ravel() // 2,
        adduct=zeros,
        family=zeros,
        ppm_error=np.repeat(error, 2),
        is_known_in=zeros.astype(np.bool_),
    )
    return problem, is_acid[:, None].astype(np.float64), is_acid.astype(np.int64)


def test_a_class_that_is_found_more_often_is_more_probable_than_its_isomers() -> None:
    problem, covariates, is_acid = mass_table(np.random.default_rng(2), 1.5)
    weight = class_log_weights(problem, covariates)
    learned = weight[is_acid == 1].mean() - weight[is_acid == 0].mean()
    assert 0.5 < learned < 2.0  # 1.5, drawn towards 0
    assert weight.mean() == pytest.approx(0.0, abs=0.1)


def test_nothing_is_learned_where_there_is_nothing() -> None:
    problem, covariates, is_acid = mass_table(np.random.default_rng(3), 0.0)
    weight = class_log_weights(problem, covariates)
    assert abs(weight[is_acid == 1].mean() - weight[is_acid == 0].mean()) < 0.4


def test_retention_times_have_no_say() -> None:
    rng = np.random.default_rng(4)
    problem, covariates, _ = mass_table(rng, 1.0)
    elsewhere = replace(problem, rt_pred_min=problem.rt_pred_min + rng.normal(0.0, 9.0, problem.n_slots))
    assert (class_log_weights(problem, covariates) == class_log_weights(elsewhere, covariates)).all()


def test_a_compound_without_covariates_is_an_average_one() -> None:
    problem, covariates, _ = mass_table(np.random.default_rng(2), 1.5)
    assert (class_log_weights(problem, np.full_like(covariates, np.nan)) == 0.0).all()
    covariates[:50] = np.nan
    weight = class_log_weights(problem, covariates)
    assert np.unique(np.round(weight, 12)).size == 3  # two classes, and unknown


@pytest.mark.parametrize("labels", [{}, {0: [0], 2: []}])
def test_the_gradient_is_that_of_the_value(labels: dict[int, list[int]], rng: np.random.Generator) -> None:
    problem = with_labels(with_isomers(random_problem(rng, sizes=np.full(8, 3)), rng), labels)
    compounds, slot = np.unique(problem.compound, return_inverse=True)
    mixture = _MassMixture(problem, rng.normal(size=(compounds.size, 2)), slot)
    point = mixture.start() + rng.normal(0.0, 0.3, mixture.start().size)
    error = check_grad(lambda at: mixture.loss(at, 0.3)[0], lambda at: mixture.loss(at, 0.3)[1], point)
    assert error < 1e-4


def with_classes() -> AssignmentProblem:
    weight = np.array([0.5, -1.0, 0.0, 0.5, 0.0, -2.0, 1.0, 1.5, 0.7])
    return replace(tiny_problem({1: [3]}), class_log_weight=weight)


def test_a_class_moves_candidates_and_their_unlisted_twins_alike(rng: np.random.Generator) -> None:
    problem, plain = with_classes(), replace(with_classes(), class_log_weight=None)
    values = random_values(problem, default_terms().all, rng, 3)
    shifted = replace(problem, class_log_weight=np.full(problem.n_slots, 0.4))
    found = term_evidence(shifted, terms_of(shifted), values, EVERYTHING)
    before = term_evidence(plain, default_terms(), values, EVERYTHING)
    assert (found["class"] == 0.4).all()
    moved = peak_posterior(shifted, terms_of(shifted), found, EVERYTHING)
    louder_evidence = {**before, "presence": before["presence"] + 0.4}
    expected = peak_posterior(plain, default_terms(), louder_evidence, EVERYTHING)
    assert moved.slot == pytest.approx(expected.slot)
    assert moved.unlisted == pytest.approx(expected.unlisted)


@pytest.mark.slow  # compiles two graphs
def test_the_fused_model_is_the_plain_graph(rng: np.random.Generator) -> None:
    problem = with_classes()
    fused = compile_density(build_generative_model(problem, terms_of(problem)))
    reference = compile_density(build_reference_model(problem, terms_of(problem)))
    for point in random_points(reference.model, rng, 3):
        value, gradient = fused.at(point)
        expected, expected_gradient = reference.at(point)
        assert value == pytest.approx(expected, rel=1e-8)
        for name, by in gradient.items():
            assert by == pytest.approx(expected_gradient[name], rel=1e-8, abs=1e-8), name
