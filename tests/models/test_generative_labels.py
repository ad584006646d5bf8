"""Labels clamp the responsibilities, and a peak without candidates is null and says nothing."""

from __future__ import annotations

import numpy as np
import pytest
from assignment_problems import NO_SLOTS, ONE_SLOT, random_values, slots_of_peak, tiny_problem

from compassign.models.draws import Block
from compassign.models.generative import default_terms, peak_posterior, term_evidence, to_block
from compassign.models.mixture import PeakPosterior
from compassign.models.problem import AssignmentProblem
from compassign.units import FloatArray

TERMS = default_terms()
N_DRAWS = 5


@pytest.fixture
def values(rng: np.random.Generator) -> dict[str, FloatArray]:
    return random_values(tiny_problem(), TERMS.all, rng, N_DRAWS)


def answer(problem: AssignmentProblem, values: dict[str, FloatArray]) -> PeakPosterior:
    peaks = slice(0, problem.n_peaks)
    return peak_posterior(problem, TERMS, term_evidence(problem, TERMS, values, peaks), peaks)


def test_shapes_and_sums(values: dict[str, FloatArray]) -> None:
    problem = tiny_problem({0: [1], 1: []})
    found = answer(problem, values)
    assert found.slot.shape == (N_DRAWS, problem.n_slots)
    assert found.background.shape == found.unlisted.shape == found.log_likelihood.shape == (N_DRAWS, problem.n_peaks)
    total = found.background + found.unlisted
    for peak in range(problem.n_peaks):
        total[:, peak] += found.slot[:, slots_of_peak(problem, peak)].sum(axis=1)
    assert total == pytest.approx(1.0, abs=1e-12)
    assert min(found.slot.min(), found.background.min(), found.unlisted.min()) >= 0.0


def test_single_label_takes_all_slots_of_its_compound(values: dict[str, FloatArray]) -> None:
    """Peak 2 has compound 0 as two adducts and compound 3 as one."""
    open_, labelled = answer(tiny_problem(), values), answer(tiny_problem({2: [0]}), values)
    slots = slots_of_peak(tiny_problem(), 2)
    named = open_.slot[:, slots][:, :2]
    assert (labelled.slot[:, slots][:, :2] > 0).all()
    assert labelled.slot[:, slots][:, :2] == pytest.approx(named / named.sum(axis=1, keepdims=True), abs=1e-12)
    assert (labelled.slot[:, slots][:, 2] == 0).all()
    assert (labelled.background[:, 2] == 0).all()
    assert (labelled.unlisted[:, 2] == 0).all()


def test_set_label_keeps_the_ratio_of_what_it_names(values: dict[str, FloatArray]) -> None:
    open_, labelled = answer(tiny_problem(), values), answer(tiny_problem({0: [0, 2]}), values)
    slots = slots_of_peak(tiny_problem(), 0)
    named = open_.slot[:, slots][:, [0, 2]]
    assert labelled.slot[:, slots][:, [0, 2]] == pytest.approx(named / named.sum(axis=1, keepdims=True), abs=1e-12)
    assert (labelled.slot[:, slots][:, 1] == 0).all()
    assert (labelled.background[:, 0] + labelled.unlisted[:, 0] == 0).all()


@pytest.mark.parametrize("peak", [0, ONE_SLOT])
def test_null_label_keeps_the_ratio_of_both_parts(peak: int, values: dict[str, FloatArray]) -> None:
    open_, labelled = answer(tiny_problem(), values), answer(tiny_problem({peak: []}), values)
    assert (labelled.slot[:, slots_of_peak(tiny_problem(), peak)] == 0).all()
    null = open_.background[:, peak] + open_.unlisted[:, peak]
    assert labelled.background[:, peak] == pytest.approx(open_.background[:, peak] / null, abs=1e-12)
    assert labelled.unlisted[:, peak] == pytest.approx(open_.unlisted[:, peak] / null, abs=1e-12)
    block = to_block(labelled, {})
    assert block.null[:, peak] == pytest.approx(1.0, abs=1e-15)
    assert (block.unlisted[:, peak] < 1.0).all()


def test_single_slot_and_single_label_is_certain(values: dict[str, FloatArray]) -> None:
    labelled = answer(tiny_problem({ONE_SLOT: [2]}), values)
    assert (labelled.slot[:, slots_of_peak(tiny_problem(), ONE_SLOT)] == 1.0).all()


def test_a_label_leaves_other_peaks_alone(values: dict[str, FloatArray]) -> None:
    open_, labelled = answer(tiny_problem(), values), answer(tiny_problem({0: [1], 2: []}), values)
    others = [1, NO_SLOTS, ONE_SLOT]
    assert (labelled.log_likelihood[:, others] == open_.log_likelihood[:, others]).all()
    for peak in others:
        slots = slots_of_peak(tiny_problem(), peak)
        assert (labelled.slot[:, slots] == open_.slot[:, slots]).all()


@pytest.mark.parametrize("labels", [{}, {NO_SLOTS: []}])
def test_peak_without_slots_is_null_and_silent(labels: dict[int, list[int]], values: dict[str, FloatArray]) -> None:
    found = answer(tiny_problem(labels), values)
    assert (found.background[:, NO_SLOTS] == 1.0).all()
    assert (found.unlisted[:, NO_SLOTS] == 0.0).all()
    assert (found.log_likelihood[:, NO_SLOTS] == 0.0).all()


def test_label_probability_is_the_ratio_of_likelihoods(values: dict[str, FloatArray]) -> None:
    """exp(L labelled - L open) is the probability that the model had given to what the label names."""
    open_, labelled = answer(tiny_problem(), values), answer(tiny_problem({0: [0, 2], 1: []}), values)
    probability = np.exp(labelled.log_likelihood - open_.log_likelihood)
    slots = slots_of_peak(tiny_problem(), 0)
    assert probability[:, 0] == pytest.approx(open_.slot[:, slots][:, [0, 2]].sum(axis=1), abs=1e-12)
    assert probability[:, 1] == pytest.approx(open_.background[:, 1] + open_.unlisted[:, 1], abs=1e-12)


def test_block_joins_both_null_parts_and_averages_evidence(values: dict[str, FloatArray]) -> None:
    problem, peaks = tiny_problem(), slice(0, 5)
    evidence = term_evidence(problem, TERMS, values, peaks)
    found = peak_posterior(problem, TERMS, evidence, peaks)
    block: Block = to_block(found, evidence)
    assert list(block.evidence) == ["presence", "family", "mass", "retention"]
    assert (block.null == found.background + found.unlisted).all()
    assert (block.unlisted == found.unlisted).all()
    assert (block.slot == found.slot).all()
    for name, mean in block.evidence.items():
        assert mean == pytest.approx(evidence[name].mean(axis=0))
    no_prediction = np.isnan(problem.rt_pred_min)
    assert (block.evidence["retention"][no_prediction] == 0.0).all()
    assert (block.evidence["retention"][~no_prediction] != 0.0).all()
