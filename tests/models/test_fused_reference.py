"""Value and gradient of the fused model are those of the plain graph, whatever terms, worlds, labels and statements."""

from __future__ import annotations

import numpy as np
import pytest
from fused_cases import TERMS, compile_density, narrowed, random_points, said_problem

from compassign.models.generative import GenerativeTerms, build_generative_model, build_reference_model
from compassign.models.problem import AssignmentProblem

# Each structure is compiled twice, and numba compiles the kernel in the first of them.
pytestmark = pytest.mark.slow

N_POINTS = 6
EVERYTHING_SINGLE = ("species", "injection", "adduct", "known")


def assert_equal(problem: AssignmentProblem, terms: GenerativeTerms, rng: np.random.Generator) -> None:
    """Both models, compiled once each, at random points."""
    fused = compile_density(build_generative_model(problem, terms))
    reference = compile_density(build_reference_model(problem, terms))
    for point in random_points(reference.model, rng, N_POINTS):
        value, gradient = fused.at(point)
        expected, expected_gradient = reference.at(point)
        assert value == pytest.approx(expected, rel=1e-8, abs=1e-8)
        assert gradient.keys() == expected_gradient.keys()
        for name, by in gradient.items():
            assert by == pytest.approx(expected_gradient[name], rel=1e-8, abs=1e-8), name


@pytest.mark.parametrize("terms", TERMS)
@pytest.mark.parametrize("single", [(), EVERYTHING_SINGLE], ids=["several", "single"])
def test_terms_and_everything_that_can_be_said(terms: str, single: tuple[str, ...], rng: np.random.Generator) -> None:
    assert_equal(narrowed(said_problem(rng), *single), TERMS[terms], rng)


@pytest.mark.parametrize("several", EVERYTHING_SINGLE)
def test_one_kind_of_effect_at_a_time(several: str, rng: np.random.Generator) -> None:
    single = (what for what in EVERYTHING_SINGLE if what != several)
    assert_equal(narrowed(said_problem(rng), *single), TERMS["retention"], rng)


@pytest.mark.parametrize(
    ("n_annotators", "has_labels", "terms"),
    [(0, False, "retention"), (0, True, "retention"), (1, True, "custom"), (2, False, "retention")],
)
def test_labels_and_annotators(n_annotators: int, has_labels: bool, terms: str, rng: np.random.Generator) -> None:
    assert_equal(said_problem(rng, n_annotators, has_labels), TERMS[terms], rng)


def test_the_problem_has_what_these_tests_promise(rng: np.random.Generator) -> None:
    """A check on the checks above: isomers, peaks without and with one slot, and each kind of label and statement."""
    problem = said_problem(rng)
    sizes = np.diff(problem.offsets)
    said = problem.statements
    ions = np.stack([problem.peak_of_slot, problem.isobar_group, problem.adduct, problem.ppm_error])
    assert np.unique(ions, axis=1).shape[1] < problem.n_slots
    assert sorted(set(sizes.tolist())) == [0, 1, 3, 4, 5]
    assert np.isnan(problem.rt_pred_min).any()
    n_named = [said.names_slot[low:high].sum() for low, high in zip(said.offsets, said.offsets[1:], strict=False)]
    strange = (np.array(n_named) == 0) & ~said.names_null
    assert strange.any()
    assert said.names_null.any()
    assert np.bincount(said.peak, minlength=problem.n_peaks).max() == 3
    assert (sizes[said.peak] == 1).any()
    assert problem.is_labelled[said.peak].any()
    assert not problem.is_labelled[said.peak].all()
    assert (problem.is_labelled & (sizes == 0)).any()
    assert (problem.is_labelled & ~problem.null_allowed).any()
    assert (problem.is_labelled & problem.null_allowed).any()
