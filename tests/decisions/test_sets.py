"""Sets hold the truth as often as they promise, and conformal thresholds are what a plain loop finds."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compassign.decisions.sets import (
    MIN_OWN_LABELS,
    Labelled,
    conformal_scores,
    conformal_sets,
    conformal_thresholds,
    credible_sets,
    probability_before,
    set_members,
)
from compassign.posterior.assignments import CompoundProbabilities
from compassign.posterior.options import NULL_OPTION, Options, named_options, peak_options
from compassign.units import BoolArray, FloatArray


def options_of(*peaks: list[float]) -> Options:
    """Options from the probabilities of each peak, the null's first."""
    offsets = np.concatenate([[0], np.cumsum([len(peak) for peak in peaks])])
    compound = np.concatenate([np.arange(len(peak)) - 1 for peak in peaks])
    return Options(offsets, compound, np.concatenate(peaks).astype(np.float64))


def simulated(n_peaks: int, n_compounds: int, rng: np.random.Generator) -> Options:
    size = rng.integers(1, n_compounds + 1, n_peaks) + 1
    return options_of(*(rng.dirichlet(np.full(n, 0.5)).tolist() for n in size))


def drawn(options: Options, rng: np.random.Generator, power: float = 1.0) -> BoolArray:
    """One true option a peak, by its probabilities to a power."""
    powered = options.probability**power
    end = np.cumsum(powered / options.sum_by_peak(powered)[options.peak]) - options.peak
    number = rng.random(options.offsets.size - 1)[options.peak]
    start = np.concatenate([[0.0], end[:-1]])
    start[options.offsets[:-1]] = 0.0
    end[options.offsets[1:] - 1] = 1.0
    return np.asarray((start <= number) & (number < end))


def test_the_null_comes_before_the_compounds_of_its_peak() -> None:
    offsets = np.array([0, 2, 2, 3])
    compounds = CompoundProbabilities(offsets, np.array([4, 7, 4]), np.array([0.5, 0.2, 0.9]), np.zeros(3, np.int64))
    found = peak_options(compounds, np.array([0.3, 1.0, 0.1]))
    assert found.offsets.tolist() == [0, 3, 4, 6]
    assert found.compound.tolist() == [NULL_OPTION, 4, 7, NULL_OPTION, NULL_OPTION, 4]
    assert found.probability.tolist() == [0.3, 0.5, 0.2, 1.0, 0.1, 0.9]
    names = list("abcdefgh")
    answers = [frozenset({"h", "b", "e"}), frozenset({"unknown"}), frozenset[str]()]
    assert named_options(found, names, answers).tolist() == [False, True, True, False, True, False]
    taken = found.take(np.array([2, 0]))
    assert (taken.offsets.tolist(), taken.compound.tolist()) == ([0, 2, 5], [-1, 4, -1, 4, 7])


@given(st.lists(st.integers(0, 6), min_size=1, max_size=7).filter(any), st.sampled_from([0.5, 0.8, 0.9]))
def test_a_credible_set_is_the_smallest_that_holds_the_level(counts: list[int], level: float) -> None:
    probability = np.array(counts) / sum(counts)
    is_member = credible_sets(options_of(probability.tolist()), level)
    assert probability[is_member].sum() >= level - 1e-9
    for size in range(int(is_member.sum())):
        assert all(sum(some) < level - 1e-9 for some in itertools.combinations(probability, size))


def test_of_equal_options_the_null_and_the_first_compounds_are_taken() -> None:
    options = options_of([0.25, 0.25, 0.25, 0.25], [0.1, 0.9], [1.0], [0.3, 0.6, 0.1])
    assert credible_sets(options, 0.5).tolist()[:4] == [True, True, False, False]
    assert credible_sets(options).tolist()[4:] == [False, True, True, True, True, False]  # 0.6 + 0.3 is 0.9, rounded
    members, offsets = set_members(options, credible_sets(options))
    assert offsets.tolist() == [0, 4, 5, 6, 8]
    assert members.tolist()[-2:] == [8, 7]


@pytest.mark.parametrize("n_compounds", [1, 3, 9])
def test_sets_of_right_probabilities_hold_the_truth(n_compounds: int, rng: np.random.Generator) -> None:
    options = simulated(20_000, n_compounds, rng)
    is_true = drawn(options, rng)
    assert options.sum_by_peak(credible_sets(options) & is_true).mean() >= 0.89
    random = credible_sets(options, random=rng.random(20_000))
    assert options.sum_by_peak(random & is_true).mean() == pytest.approx(0.9, abs=0.01)


def brute_force(labelled: Labelled, level: float) -> float:
    """The smallest score at which the weighted share of labels below, a new one counted as above, reaches the level."""
    total = labelled.weight.sum() + labelled.weight.max()
    for score in sorted(labelled.score.tolist()):
        if sum(w for s, w in zip(labelled.score, labelled.weight, strict=True) if s <= score) / total >= level:
            return float(score)
    return float(np.inf)


@pytest.mark.parametrize("n_labels", [MIN_OWN_LABELS, 85, 200])
def test_thresholds_are_those_of_a_plain_loop(n_labels: int, rng: np.random.Generator) -> None:
    score = np.where(rng.random(n_labels) < 0.03, np.inf, rng.random(n_labels))
    labelled = Labelled(score, np.where(rng.random(n_labels) < 0.5, 1.5, 4.0), np.full(n_labels, "2"))
    found = conformal_thresholds(labelled, ["2"])["2"]
    assert found.level == brute_force(labelled, 0.9)
    assert (found.n_labels, found.is_pooled) == (n_labels, False)


def test_groups_with_few_labels_share_a_threshold() -> None:
    group = np.array(["1"] * 40 + ["2"] * 7 + ["3 to 5"] * 5)
    score = np.concatenate([np.full(40, 0.2), np.linspace(0.3, 0.5, 7), np.linspace(0.5, 0.8, 5)])
    found = conformal_thresholds(Labelled(score, np.ones(52), group), ["1", "2", "3 to 5", "6 to 10"])
    assert (found["1"].level, found["1"].is_pooled) == (0.2, False)
    assert found["2"] == found["3 to 5"] == found["6 to 10"]
    assert (found["2"].n_labels, found["2"].is_pooled) == (12, True)
    assert found["2"].level == 0.8  # of 12 and a new one, 90 % are all 12


@pytest.mark.parametrize("n_labels", [0, 1, 8])
def test_too_few_labels_give_all_options(n_labels: int) -> None:
    thresholds = conformal_thresholds(Labelled(np.zeros(n_labels), np.ones(n_labels), np.full(n_labels, "1")), ["1"])
    options = options_of([0.0, 1.0, 0.0])
    assert thresholds["1"].level == np.inf
    assert conformal_sets(options, np.array(["1"]), thresholds).all()
    nine = conformal_thresholds(Labelled(np.zeros(9), np.ones(9), np.full(9, "1")), ["1"])
    assert conformal_sets(options, np.array(["1"]), nine).tolist() == [False, True, False]  # what is never needed


def test_a_truth_that_is_no_option_can_be_held_by_no_set() -> None:
    options = options_of([0.2, 0.8], [0.6, 0.3, 0.1])
    is_true = np.array([False, False, False, True, True])
    assert conformal_scores(options, is_true).tolist() == pytest.approx([np.inf, 0.6])
    assert probability_before(options).tolist() == pytest.approx([0.8, 0.0, 0.0, 0.6, 0.9])


def covered(power: float, rng: np.random.Generator) -> tuple[float, float]:
    """Coverage of credible and of conformal sets; half of 600 labels among the likeliest calls, half of all peaks."""
    options = simulated(3000, 5, rng)
    is_true = drawn(options, rng, power)
    top = np.maximum.reduceat(options.probability, options.offsets[:-1])
    by_all, by_top = 0.1, np.where(top > 0.9, 0.5, 0.0)
    inclusion: FloatArray = 1.0 - (1.0 - by_all) * (1.0 - by_top)
    is_labelled = rng.random(3000) < inclusion
    group = np.where(np.diff(options.offsets) > 3, "many", "few")
    score = conformal_scores(options, is_true)
    labelled = Labelled(score[is_labelled], 1.0 / inclusion[is_labelled], group[is_labelled])
    found = conformal_sets(options, group, conformal_thresholds(labelled, ["few", "many"]))
    hits = [options.sum_by_peak(sets & is_true)[~is_labelled] for sets in (credible_sets(options), found)]
    weight = 1.0 - inclusion[~is_labelled]
    return float(np.average(hits[0], weights=1.0 / weight)), float(np.average(hits[1], weights=1.0 / weight))


def test_conformal_sets_hold_the_truth_where_the_model_is_too_sure(rng: np.random.Generator) -> None:
    coverage = np.array([covered(0.4, rng) for _ in range(20)])
    assert coverage[:, 0].mean() < 0.87  # of the credible ones
    assert 0.895 < coverage[:, 1].mean() < 0.94
