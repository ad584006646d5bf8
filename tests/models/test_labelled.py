"""The labelled part of a problem, the likelihood of labels, and the normalisation that all baselines end in."""

from __future__ import annotations

import numpy as np
import pytensor.tensor as pt
import pytest
from assignment_problems import NO_SLOTS, random_problem, slots_of_peak, tiny_problem, with_labels
from hypothesis import given
from hypothesis import strategies as st

from compassign.models.labelled import MIN_LABELS, label_log_likelihood, labelled_part, normalise

LABELS = {0: [1], 1: [], 2: [0, 3], NO_SLOTS: []}


def test_part_holds_the_labelled_peaks_with_candidates() -> None:
    part = labelled_part(tiny_problem(LABELS))
    assert part.peaks.tolist() == [0, 1, 2]
    assert part.slots.tolist() == [0, 1, 2, 3, 4, 5, 6, 7]
    assert part.peak_of_slot.tolist() == [0, 0, 0, 1, 1, 2, 2, 2]
    assert part.slot_allowed.tolist() == [False, True, False, False, False, True, True, True]
    assert part.null_allowed.tolist() == [False, True, False]


def test_part_of_one_side_of_a_split_is_renumbered() -> None:
    part = labelled_part(tiny_problem(LABELS), np.array([True, False, True, True, True]))
    assert part.peaks.tolist() == [0, 2]
    assert part.peak_of_slot.tolist() == [0, 0, 0, 1, 1, 1]
    assert part.slots.tolist() == [0, 1, 2, 5, 6, 7]


def test_part_without_labels_is_empty() -> None:
    part = labelled_part(tiny_problem())
    assert part.peaks.size == part.slots.size == part.null_allowed.size == 0
    assert not part.is_enough


@pytest.mark.parametrize(("n_labels", "is_enough"), [(MIN_LABELS - 1, False), (MIN_LABELS, True)])
def test_how_many_labels_are_enough(n_labels: int, is_enough: bool, rng: np.random.Generator) -> None:
    problem = random_problem(rng, n_peaks=60)
    with_slots = np.flatnonzero(np.diff(problem.offsets) > 0)
    assert labelled_part(with_labels(problem, {int(peak): [] for peak in with_slots[:n_labels]})).is_enough == is_enough
    assert MIN_LABELS == 20


def test_label_log_likelihood_equals_a_loop(rng: np.random.Generator) -> None:
    problem = tiny_problem(LABELS)
    part = labelled_part(problem)
    log_odds, log_null = rng.normal(0, 2, part.slots.size), 0.7
    graph = label_log_likelihood(part, pt.as_tensor(log_odds), pt.as_tensor(log_null))
    expected = []
    for peak in part.peaks:
        own = part.slots[problem.peak_of_slot[part.slots] == peak]
        odds = np.exp(log_odds[np.isin(part.slots, own)])
        named = (odds * problem.slot_allowed[own]).sum() + np.exp(log_null) * problem.null_allowed[peak]
        expected.append(np.log(named / (odds.sum() + np.exp(log_null))))
    assert graph.eval(mode="FAST_COMPILE") == pytest.approx(expected, abs=1e-12)


@given(st.integers(0, 2**32 - 1), st.sampled_from([1.0, 30.0, 700.0, 1e4]))
def test_normalise_sums_to_one_and_clamps(seed: int, size: float) -> None:
    """Odds of any size: no overflow, no loss of the label."""
    rng = np.random.default_rng(seed)
    problem = random_problem(rng)
    named = {}
    for peak in np.flatnonzero(rng.random(problem.n_peaks) < 0.5).tolist():
        compounds = problem.compound[slots_of_peak(problem, peak)]
        named[peak] = compounds[: rng.integers(0, compounds.size + 1)].tolist()
    problem = with_labels(problem, named)
    log_odds, log_null = rng.normal(0, size, (3, problem.n_slots)), rng.normal(0, size, 3)
    slot, null = normalise(problem, log_odds, log_null, slice(0, problem.n_peaks))
    total = null.copy()
    np.add.at(total.T, problem.peak_of_slot, slot.T)
    assert total == pytest.approx(1.0, abs=1e-12)
    assert (slot[:, ~problem.slot_allowed] == 0).all()
    assert (null[:, ~problem.null_allowed] == 0).all()


def test_normalise_equals_the_formula(rng: np.random.Generator) -> None:
    problem = tiny_problem()
    log_odds, log_null = rng.normal(size=(4, problem.n_slots)), rng.normal(size=4)
    slot, null = normalise(problem, log_odds, log_null, slice(0, 5))
    for peak in range(5):
        odds = np.exp(log_odds[:, slots_of_peak(problem, peak)])
        total = odds.sum(axis=1) + np.exp(log_null)
        assert slot[:, slots_of_peak(problem, peak)] == pytest.approx(odds / total[:, None], abs=1e-12)
        assert null[:, peak] == pytest.approx(np.exp(log_null) / total, abs=1e-12)


def test_normalise_of_some_peaks_is_part_of_the_whole(rng: np.random.Generator) -> None:
    problem = tiny_problem({1: [3]})
    log_odds, log_null = rng.normal(size=(2, problem.n_slots)), rng.normal(size=2)
    slot, null = normalise(problem, log_odds, log_null, slice(0, 5))
    some_slot, some_null = normalise(problem, log_odds[:, 3:8], log_null, slice(1, 4))
    assert some_slot == pytest.approx(slot[:, 3:8], abs=0)
    assert some_null == pytest.approx(null[:, 1:4], abs=0)


def test_impossible_slots_get_nothing() -> None:
    problem = tiny_problem()
    log_odds = np.full((1, problem.n_slots), -np.inf)
    slot, null = normalise(problem, log_odds, np.zeros(1), slice(0, 5))
    assert (slot == 0).all()
    assert (null == 1).all()
