"""What must hold for any problem and any draw: orders do not matter, worse evidence never helps, nothing overflows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from assignment_problems import SLOT_FIELDS, one_draw, random_problem, random_values, slots_of_peak, tiny_problem
from hypothesis import given
from hypothesis import strategies as st

from compassign.models.generative import default_terms, peak_posterior, term_evidence
from compassign.models.mixture import PeakPosterior
from compassign.models.problem import AssignmentProblem
from compassign.models.terms.base import Values
from compassign.units import FloatArray, IntArray

TERMS = default_terms()
SEEDS = st.integers(0, 2**32 - 1)


def answer(problem: AssignmentProblem, values: Values, peaks: slice | None = None) -> PeakPosterior:
    peaks = peaks or slice(0, problem.n_peaks)
    return peak_posterior(problem, TERMS, term_evidence(problem, TERMS, values, peaks), peaks)


def drawn(seed: int, n_draws: int = 3) -> tuple[AssignmentProblem, dict[str, FloatArray], np.random.Generator]:
    rng = np.random.default_rng(seed)
    problem = random_problem(rng)
    return problem, random_values(problem, TERMS.all, rng, n_draws), rng


def shuffled(problem: AssignmentProblem, rng: np.random.Generator) -> tuple[AssignmentProblem, IntArray]:
    """The slots of each peak in another order, and the old index of each."""
    order = np.lexsort((rng.random(problem.n_slots), problem.peak_of_slot))
    return replace(problem, **{name: getattr(problem, name)[order] for name in SLOT_FIELDS}), order


@given(SEEDS)
def test_the_order_of_candidates_does_not_matter(seed: int) -> None:
    problem, values, rng = drawn(seed)
    other, order = shuffled(problem, rng)
    first, second = answer(problem, values), answer(other, values)
    assert second.slot == pytest.approx(first.slot[:, order], abs=1e-12)
    assert second.unlisted == pytest.approx(first.unlisted, abs=1e-12)
    assert second.log_likelihood == pytest.approx(first.log_likelihood, abs=1e-12)


@given(SEEDS, st.floats(0.0, 1.0))
def test_farther_from_the_mass_offset_never_gains(seed: int, share_of_the_way: float) -> None:
    problem, values, rng = drawn(seed, n_draws=1)
    if not problem.n_slots:
        return
    slot = int(rng.integers(problem.n_slots))
    offset = values["mass_offset_ppm"][0, problem.injection[slot]]
    side = 1.0 if problem.ppm_error[slot] >= offset else -1.0
    ppm = problem.ppm_error.copy()
    ppm[slot] += share_of_the_way * (side * 15.0 - ppm[slot])
    before, after = answer(problem, values), answer(replace(problem, ppm_error=ppm), values)
    assert after.slot[0, slot] <= before.slot[0, slot] + 1e-12


@given(SEEDS, st.floats(0.0, 0.9), st.floats(0.0, 0.09))
def test_more_unlisted_compounds_never_lower_the_null(seed: int, share: float, more: float) -> None:
    problem, values, _ = drawn(seed)
    low = answer(replace(problem, unlisted_share=share), values)
    high = answer(replace(problem, unlisted_share=share + more), values)
    assert (high.background + high.unlisted >= low.background + low.unlisted - 1e-12).all()
    assert (high.slot <= low.slot + 1e-12).all()


@given(SEEDS)
def test_each_draw_alone_and_each_peak_alone_give_the_same(seed: int) -> None:
    problem, values, _ = drawn(seed)
    whole = answer(problem, values)
    for draw in range(3):
        single = answer(problem, one_draw(values, draw))
        assert single.slot[0] == pytest.approx(whole.slot[draw], abs=1e-14)
        assert single.background[0] == pytest.approx(whole.background[draw], abs=1e-14)
    for peak in range(problem.n_peaks):
        single = answer(problem, values, slice(peak, peak + 1))
        assert single.slot == pytest.approx(whole.slot[:, slots_of_peak(problem, peak)], abs=1e-14)
        assert single.unlisted[:, 0] == pytest.approx(whole.unlisted[:, peak], abs=1e-14)
        assert single.log_likelihood[:, 0] == pytest.approx(whole.log_likelihood[:, peak], abs=1e-13)


@given(SEEDS)
def test_probabilities_sum_to_one(seed: int) -> None:
    problem, values, _ = drawn(seed)
    found = answer(problem, values)
    total = found.background + found.unlisted
    np.add.at(total.T, problem.peak_of_slot, found.slot.T)
    assert total == pytest.approx(1.0, abs=1e-12)


@given(SEEDS)
def test_no_prediction_says_nothing_about_time(seed: int) -> None:
    """Without a prediction the RT of a peak may change without any effect on it."""
    problem, values, rng = drawn(seed)
    nothing = np.full(problem.n_slots, np.nan)
    blind = replace(problem, rt_pred_min=nothing, rt_pred_sd_min=nothing)
    moved = replace(blind, rt_min=rng.uniform(0, 30, problem.n_peaks))
    assert (answer(blind, values).slot == answer(moved, values).slot).all()


@pytest.mark.parametrize("alpha", [-30.0, 0.0, 30.0])
@pytest.mark.parametrize("side", [-15.0, 15.0])
@pytest.mark.parametrize("labels", [{}, {0: [1], 1: [], 2: [0], 4: [2]}])
def test_extremes_stay_finite(alpha: float, side: float, labels: dict[int, list[int]]) -> None:
    """At the edge of the mass window, 50 SD away in time, with weights of e^30 and e^-30."""
    problem = tiny_problem(labels)
    far = replace(
        problem, ppm_error=np.full(problem.n_slots, side), rt_pred_min=problem.rt_pred_min + 50 * np.hypot(0.3, 0.05)
    )
    values = random_values(far, TERMS.all, np.random.default_rng(0), 4)
    values["alpha"] = np.full(4, alpha)
    values["mass_log_scale"] = np.full((4, 2), np.log(0.2))
    found = answer(far, values)
    for array in (found.slot, found.background, found.unlisted, found.log_likelihood):
        assert np.isfinite(array).all()
    assert max(found.slot.max(), found.background.max(), found.unlisted.max()) <= 1.0 + 1e-12
