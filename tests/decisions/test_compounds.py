"""Compounds are called by their best peak, and keep their limit where the product over peaks does not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compassign.decisions.compounds import compounds_accepted_at, decide_compounds
from compassign.decisions.fdr import q_values
from compassign.posterior.assignments import CompoundProbabilities
from compassign.units import BoolArray, FloatArray, IntArray

NONE: IntArray = np.array([], dtype=np.int64)


def make_options(peaks: list[dict[int, float]]) -> CompoundProbabilities:
    """One {compound: probability} a peak."""
    compound = np.array([c for peak in peaks for c in sorted(peak)], dtype=np.int64)
    return CompoundProbabilities(
        offsets=np.concatenate([[0], np.cumsum([len(peak) for peak in peaks])]).astype(np.int64),
        compound=compound,
        probability=np.array([peak[c] for peak in peaks for c in sorted(peak)], dtype=np.float64),
        best_adduct=np.zeros_like(compound),
    )


def test_by_hand() -> None:
    options = make_options([{2: 0.6, 7: 0.3}, {}, {7: 0.96}, {2: 0.9, 5: 0.1}, {2: 0.9, 9: 0.05}])
    found = decide_compounds(options, NONE, 0.05)
    assert found.compound.tolist() == [2, 5, 7, 9]
    assert found.best_peak.tolist() == [3, 3, 2, 4]  # the first of equals
    assert found.probability.tolist() == [0.9, 0.1, 0.96, 0.05]
    assert found.pep == pytest.approx([0.1, np.nan, 0.04, np.nan], nan_ok=True)
    assert found.q_value == pytest.approx([0.07, np.nan, 0.04, np.nan], nan_ok=True)
    assert found.decision.tolist() == ["review", "not called", "accept", "not called"]
    assert compounds_accepted_at(found, 0.1).tolist() == [True, False, True, False]


def test_a_given_compound_is_accepted_and_buys_no_room_for_others() -> None:
    options = make_options([{0: 1.0}, {1: 0.93}])
    found = decide_compounds(options, np.array([0]), 0.05)
    assert found.decision.tolist() == ["accept", "review"]
    assert np.isnan(found.pep[0])
    assert not compounds_accepted_at(found, 0.05).any()


def test_nothing_is_a_candidate() -> None:
    found = decide_compounds(make_options([{}, {}]), NONE, 0.05)
    assert found.compound.size == found.decision.size == 0


@given(st.lists(st.dictionaries(st.integers(0, 5), st.floats(0.0, 1.0), max_size=4), max_size=8))
def test_the_order_of_peaks_does_not_matter_and_no_peak_is_surer(peaks: list[dict[int, float]]) -> None:
    found, turned = (decide_compounds(make_options(order), NONE, 0.1) for order in (peaks, peaks[::-1]))
    assert found.probability.tolist() == turned.probability.tolist()
    assert found.decision.tolist() == turned.decision.tolist()
    for compound, probability in zip(found.compound, found.probability, strict=True):
        assert probability == max(peak[compound] for peak in peaks if compound in peak)


def isomer_pairs(rng: np.random.Generator, n_pairs: int) -> tuple[FloatArray, BoolArray]:
    """Pairs of isomers of which one is present, with evidence of a pair that all its ten peaks share.

    Returns the calibrated probability of the first, and whether it is present.
    """
    probability = rng.beta(1.0, 1.0, n_pairs)
    return probability, rng.random(n_pairs) < probability


def test_the_limit_holds_where_peaks_depend_on_each_other_and_a_product_breaks_it() -> None:
    rng = np.random.default_rng(2)
    probability, is_first = isomer_pairs(rng, 3000)
    first = 2 * np.arange(3000)
    peaks = [{2 * i: p, 2 * i + 1: 1.0 - p} for i, p in enumerate(probability) for _ in range(10)]
    is_true = np.empty(6000, dtype=np.bool_)
    is_true[first], is_true[first + 1] = is_first, ~is_first
    for alpha in (0.05, 0.1):
        is_accepted = compounds_accepted_at(decide_compounds(make_options(peaks), NONE, alpha), alpha)
        n = int(is_accepted.sum())
        assert n > 300
        assert (~is_true[is_accepted]).mean() < alpha + 3.0 * np.sqrt(alpha * (1.0 - alpha) / n)
        # the negative control: peaks taken as independent
        by_compound = np.stack([probability, 1.0 - probability], axis=1).ravel()
        by_product = q_values((1.0 - by_compound) ** 10) <= alpha
        assert (~is_true[by_product]).mean() > 3.0 * alpha
