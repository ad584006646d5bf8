"""A problem of many blocks, with a peak that is larger than a block, as machine code against the plain graph."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from assignment_problems import random_problem, with_isomers, with_labels, with_statements
from fused_cases import (
    ANNOTATORS,
    TERMS,
    Density,
    compile_density,
    in_a_row,
    native_of_everything,
    random_points,
)

from compassign.inference.native import NativeModel
from compassign.models.fused.kernel import BLOCK_SIZE
from compassign.models.generative import build_generative_model, build_reference_model
from compassign.models.problem import AssignmentProblem
from compassign.models.statements import Statement

# Compiling the machine code takes nearly all of the time; other tests share it.
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("recovery")]

N_PEAKS, LARGEST, LARGE_PEAK = 1500, 3 * BLOCK_SIZE // 2, 700
EMPTY = slice(1000, 1000 + 2 * BLOCK_SIZE)  # peaks without slots, more than a block has
JUST_A_BLOCK = slice(20, 20 + BLOCK_SIZE // 4)  # peaks of four slots


@cache
def big_problem() -> AssignmentProblem:
    rng = np.random.default_rng(5)
    sizes = rng.integers(0, 6, N_PEAKS)
    sizes[LARGE_PEAK], sizes[EMPTY], sizes[JUST_A_BLOCK] = LARGEST, 0, 4
    problem = with_isomers(random_problem(rng, N_PEAKS, 40, sizes), rng)
    labels, statements = {}, []
    for peak in (*rng.choice(N_PEAKS, 300, replace=False).tolist(), LARGE_PEAK):
        own = problem.compound[problem.peak_of_slot == peak].tolist()
        named = frozenset(own[: rng.integers(0, 3)])
        if rng.random() < 0.3 and (named or not own):
            labels[peak] = named
        statements.append(Statement(peak, named, int(rng.integers(3))))
    return with_statements(with_labels(problem, labels), statements, ANNOTATORS)


@cache
def both() -> tuple[NativeModel, Density]:
    """The machine code of a small problem with the data of this one, and the plain graph."""
    model = build_generative_model(big_problem(), TERMS["all"])
    return native_of_everything().with_model(model), compile_density(build_reference_model(big_problem(), TERMS["all"]))


def test_blocks_add_up_to_the_plain_graph(rng: np.random.Generator) -> None:
    native, reference = both()
    for point in random_points(reference.model, rng, 4):
        value, gradient = native.log_density(in_a_row(reference.model, point))
        expected, expected_gradient = reference.at(point)
        assert value == pytest.approx(expected, rel=1e-9)
        assert gradient == pytest.approx(in_a_row(reference.model, expected_gradient), rel=1e-8, abs=1e-8)


def test_the_problem_needs_blocks() -> None:
    """A check on the check above."""
    problem = big_problem()
    sizes = np.diff(problem.offsets)
    assert problem.n_slots > 10 * BLOCK_SIZE
    assert sizes.max() == LARGEST > BLOCK_SIZE
    assert (sizes[JUST_A_BLOCK] == 4).all()
    assert problem.is_labelled.any()
    assert LARGE_PEAK in problem.statements.peak


def test_a_change_of_any_one_peak_shows(rng: np.random.Generator) -> None:
    """The last slot of each peak matters, in whichever block it is: none is left out or counted for its neighbour."""
    native, reference = both()
    problem = big_problem()
    (point,) = random_points(reference.model, rng, 1)
    before, _ = native.log_density(in_a_row(reference.model, point))
    chosen = np.flatnonzero((np.diff(problem.offsets) > 0) & ~problem.is_labelled)[::200]
    assert chosen.size > 3
    for peak in chosen:
        ppm_error = problem.ppm_error.copy()
        ppm_error[problem.offsets[peak + 1] - 1] += 0.5
        changed = build_generative_model(replace(problem, ppm_error=ppm_error), TERMS["all"])
        after, _ = native.with_model(changed).log_density(in_a_row(changed, point))
        assert after != before
