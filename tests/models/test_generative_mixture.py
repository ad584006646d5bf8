"""The sampler's graph and the NumPy reference are one formula, whatever the labels and the unlisted share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import product

import numpy as np
import pymc as pm
import pytest
from assignment_problems import bare, random_problem, random_values, tiny_problem
from compiled_mixture import compile_quickly, compiled_mixture

from compassign.models.generative import (
    build_generative_model,
    default_terms,
    peak_posterior,
    prior_location,
    term_evidence,
)
from compassign.models.problem import AssignmentProblem

TERMS = default_terms()
N_POINTS = 20
UNLABELLED = "unlabelled"
# Peak 0 has the compounds 0, 1, 2; peak 1 has 1, 3; peak 4 has 2 alone.
STATES: Mapping[int, Mapping[str, tuple[int, ...]]] = {
    0: {"single": (1,), "set": (0, 2), "null": ()},
    1: {"single": (3,), "set": (1, 3), "null": ()},
    4: {"single": (2,), "null": ()},
}


@pytest.mark.parametrize("share", [0.05, 0.1, 0.2])
def test_graph_equals_numpy_for_all_labels(share: float, rng: np.random.Generator) -> None:
    mixture = compiled_mixture()
    values, peaks = random_values(tiny_problem(), TERMS.all, rng, N_POINTS), slice(0, 5)
    evidence = term_evidence(tiny_problem(), TERMS, values, peaks)  # labels are no part of it
    n_checked = 0
    for chosen in product(*([UNLABELLED, *states] for states in STATES.values())):
        labels = {peak: STATES[peak][state] for peak, state in zip(STATES, chosen, strict=True) if state != UNLABELLED}
        problem = tiny_problem(labels, unlisted_share=share)
        expected = peak_posterior(problem, TERMS, evidence, peaks).log_likelihood
        assert mixture.log_likelihoods(problem, values) == pytest.approx(expected, rel=1e-8, abs=1e-8), labels
        n_checked += 1
    assert n_checked == 4 * 4 * 3


def test_labels_change_the_likelihood() -> None:
    """A check on the check above: data that are swapped do reach the graph."""
    mixture = compiled_mixture()
    values = prior_location(tiny_problem(), TERMS)
    open_ = mixture.log_likelihoods(tiny_problem(), values)[0]
    labelled = mixture.log_likelihoods(tiny_problem({0: [1]}), values)[0]
    other_share = mixture.log_likelihoods(tiny_problem(unlisted_share=0.2), values)[0]
    assert (labelled < open_).tolist() == [True, False, False, False, False]
    assert (other_share != open_).tolist() == [True, True, True, False, True]


def minimal_problem(rng: np.random.Generator) -> AssignmentProblem:
    return bare(random_problem(rng))


@pytest.mark.parametrize("draw_problem", [minimal_problem, random_problem])
def test_each_term_builds_what_it_evaluates(
    draw_problem: Callable[[np.random.Generator], AssignmentProblem], rng: np.random.Generator
) -> None:
    problem = draw_problem(rng)
    with pm.Model() as model:
        graphs = [term.contribution(problem, term.parameters(problem)) for term in TERMS.all]
    function = compile_quickly(model, graphs)
    values = random_values(problem, TERMS.all, rng, N_POINTS)
    expected = [term.evaluate(problem, values, slice(0, problem.n_slots)) for term in TERMS.all]
    for draw in range(N_POINTS):
        found = function(*(values[variable.name][draw] for variable in model.free_RVs))
        for term, one, reference_values in zip(TERMS.all, found, expected, strict=True):
            assert one == pytest.approx(reference_values[draw], rel=1e-9, abs=1e-9), term.name


def test_gradient_stays_finite_far_from_everything(rng: np.random.Generator) -> None:
    """The sampler's first steps may be wild: no NaN may come of them."""
    problem = tiny_problem({0: [1], 4: []})
    extreme = replace(
        problem,
        ppm_error=np.where(np.arange(problem.n_slots) % 2, 15.0, -15.0),
        rt_pred_min=problem.rt_pred_min + 15.0,  # 50 SD
    )
    model = build_generative_model(extreme, TERMS)
    function = model.compile_fn(
        [model.logp(), model.dlogp()], inputs=model.value_vars, point_fn=False, mode="FAST_COMPILE"
    )
    start = model.initial_point()
    for alpha in (-30.0, 30.0):
        for scale in (-3.0, 3.0):
            point = {name: value + rng.normal(0, 0.3, value.shape) for name, value in start.items()}
            point |= {"alpha": np.asarray(alpha), "mass_log_scale": np.full(2, scale)}
            log_density, gradient = function(*(point[variable.name] for variable in model.value_vars))
            assert np.isfinite(log_density)
            assert np.isfinite(gradient).all()
