"""Calls, posterior error probabilities, q-values and decisions, checked against plain loops."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compassign.decisions.fdr import accepted_at, call_peaks, decide, q_values
from compassign.posterior.assignments import CompoundProbabilities


def make_compounds(peaks: list[dict[int, float]]) -> CompoundProbabilities:
    """Compound probabilities from one {compound: probability} a peak; adduct index = compound index + 10."""
    compound = np.array([c for peak in peaks for c in sorted(peak)], dtype=np.int64)
    return CompoundProbabilities(
        offsets=np.concatenate([[0], np.cumsum([len(peak) for peak in peaks])]).astype(np.int64),
        compound=compound,
        probability=np.array([peak[c] for peak in peaks for c in sorted(peak)], dtype=np.float64),
        best_adduct=compound + 10,
    )


@pytest.mark.parametrize(
    ("options", "null", "call", "probability"),
    [
        ({3: 0.6, 1: 0.3}, 0.1, 3, 0.6),
        ({3: 0.2, 1: 0.3}, 0.5, -1, 0.5),
        ({3: 0.5}, 0.5, -1, 0.5),  # the null wins an exact tie
        ({3: 0.4, 1: 0.4}, 0.2, 1, 0.4),  # equal compounds: the first of the library
        ({}, 1.0, -1, 1.0),
        ({3: 1.0}, 0.0, 3, 1.0),
    ],
)
def test_call(options: dict[int, float], null: float, call: int, probability: float) -> None:
    # Neighbours with and without options must not shift the answer.
    peaks = [{0: 0.9}, {}, options, {}, {2: 0.1}]
    calls = call_peaks(make_compounds(peaks), np.array([0.1, 1.0, null, 1.0, 0.9]))
    assert calls.compound.tolist() == [0, -1, call, -1, -1]
    assert calls.adduct.tolist() == [10, -1, call + 10 if call >= 0 else -1, -1, -1]
    assert calls.probability.tolist() == [0.9, 1.0, probability, 1.0, 0.9]


def test_q_values_by_hand() -> None:
    # Sorted 0, 0.02, 0.1, 0.1, 0.5: running means 0, 0.01, then the tie block 0.22 / 4, then 0.72 / 5.
    q = q_values(np.array([0.1, 0.5, np.nan, 0.0, 0.1, 0.02]))
    assert q == pytest.approx([0.055, 0.144, np.nan, 0.0, 0.055, 0.01], nan_ok=True)


def test_a_block_of_equal_peps_is_accepted_at_its_own_value() -> None:
    for pep in (0.05, 0.1, 0.01, 0.3):
        for n in (1, 3, 7, 1000):
            assert (q_values(np.full(n, pep)) == pep).all()


@pytest.mark.parametrize("pep", [[], [math.nan, math.nan]])
def test_nothing_to_rank(pep: list[float]) -> None:
    assert np.isnan(q_values(np.array(pep))).all()


@given(st.lists(st.one_of(st.just(0.0), st.just(1.0), st.sampled_from([0.01, 0.05]), st.floats(0, 1)), min_size=1))
def test_q_values_are_monotone_bounded_and_the_smallest_limit(pep_list: list[float]) -> None:
    pep = np.array(pep_list)
    q = q_values(pep)
    assert (np.diff(q[np.argsort(pep, kind="stable")]) >= 0).all()
    assert (q >= pep.min()).all() and (q <= pep).all() and q.max() <= pep.max()
    for i in range(pep.size):
        prefix = [p for p in pep_list if p <= pep[i]]
        assert q[i] == pytest.approx(math.fsum(prefix) / len(prefix), rel=1e-12, abs=1e-300)


@given(st.lists(st.floats(0, 1), min_size=1), st.floats(0, 1))
def test_the_accepted_keep_the_promise_and_leave_no_one_out(pep_list: list[float], alpha: float) -> None:
    pep = np.array(pep_list)
    accepted = pep[q_values(pep) <= alpha]
    if accepted.size:
        assert accepted.mean() <= alpha + 1e-12
    refused = pep[q_values(pep) > alpha]
    if refused.size:
        next_block = refused[refused == refused.min()]
        assert np.concatenate([accepted, next_block]).mean() > alpha - 1e-12


def test_decisions() -> None:
    peaks = [{0: 0.99}, {1: 0.92}, {2: 0.7}, {3: 0.2}, {}]
    decisions = decide(make_compounds(peaks), np.array([0.01, 0.08, 0.3, 0.8, 1.0]))
    assert decisions.decision.tolist() == ["accept", "accept", "review", "null", "null"]
    assert decisions.call.tolist() == [0, 1, 2, -1, -1]
    assert decisions.pep == pytest.approx([0.01, 0.08, 0.3, np.nan, np.nan], nan_ok=True)
    assert decisions.q_value == pytest.approx([0.01, 0.045, 0.13, np.nan, np.nan], nan_ok=True)
    assert accepted_at(decisions, 0.01 + 1e-12).tolist() == [True, False, False, False, False]
    assert accepted_at(decisions, 0.2).tolist() == [True, True, True, False, False]


def test_alpha_moves_peaks_between_accept_and_review() -> None:
    strict = decide(make_compounds([{0: 0.99}, {1: 0.92}]), np.array([0.01, 0.08]), alpha=0.02)
    assert strict.decision.tolist() == ["accept", "review"]
    assert strict.alpha == 0.02


def test_certain_probabilities() -> None:
    decisions = decide(make_compounds([{0: 1.0}, {1: 0.0}]), np.array([0.0, 1.0]), alpha=0.0)
    assert decisions.decision.tolist() == ["accept", "null"]
    assert decisions.pep[0] == decisions.q_value[0] == 0.0


def test_no_peaks() -> None:
    assert decide(make_compounds([]), np.zeros(0)).decision.size == 0
