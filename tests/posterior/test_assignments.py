"""Compound probabilities are sums over adducts."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compassign.candidates import Candidates
from compassign.posterior.assignments import SlotProbabilities, compound_probabilities, peak_of_entry
from compassign.units import FloatArray


def make_candidates(sizes: list[int], compound: list[int], adduct: list[int]) -> Candidates:
    """Candidates of peaks with the given numbers of slots."""
    n_slots = len(compound)
    return Candidates(
        offsets=np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
        compound=np.array(compound, dtype=np.int64),
        adduct=np.array(adduct, dtype=np.int64),
        adduct_names=("[M+H]+", "[M+Na]+", "[M+K]+"),
        ppm_error=np.zeros(n_slots),
        rt_z=np.zeros(n_slots),
        mass_window_ppm=15.0,
    )


def make_probabilities(slot: FloatArray, null: FloatArray) -> SlotProbabilities:
    """Probabilities without spread."""
    return SlotProbabilities(
        slot=slot, slot_low=slot, slot_high=slot, slot_mcse=0 * slot,
        null=null, null_low=null, null_high=null, null_mcse=0 * null, unlisted=0 * null,
    )  # fmt: skip


def test_sums_over_adducts_and_names_the_most_probable() -> None:
    candidates = make_candidates([3, 0, 2], [2, 7, 7, 5, 5], [1, 0, 2, 0, 1])
    slots = make_probabilities(np.array([0.2, 0.1, 0.4, 0.25, 0.25]), np.array([0.3, 1.0, 0.5]))
    result = compound_probabilities(candidates, slots)
    assert result.offsets.tolist() == [0, 2, 2, 3]
    assert result.compound.tolist() == [2, 7, 5]
    assert result.probability == pytest.approx([0.2, 0.5, 0.5])
    assert result.best_adduct.tolist() == [1, 2, 0]


def test_no_slots_at_all() -> None:
    result = compound_probabilities(make_candidates([0, 0], [], []), make_probabilities(np.zeros(0), np.ones(2)))
    assert result.offsets.tolist() == [0, 0, 0]
    assert result.compound.size == result.probability.size == result.best_adduct.size == 0


@given(st.lists(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 2), st.floats(0, 1)), max_size=6), max_size=8))
def test_equals_a_plain_loop(peaks: list[list[tuple[int, int, float]]]) -> None:
    flat = [slot for peak in peaks for slot in sorted(peak)]
    candidates = make_candidates([len(p) for p in peaks], [s[0] for s in flat], [s[1] for s in flat])
    weight = np.array([s[2] for s in flat])
    null = np.ones(len(peaks))
    totals = 1 + np.bincount(peak_of_entry(candidates.offsets), weights=weight, minlength=len(peaks))
    slot = weight / np.repeat(totals, np.diff(candidates.offsets))
    result = compound_probabilities(candidates, make_probabilities(slot, null / totals))

    for i in range(len(peaks)):
        expected: dict[int, float] = defaultdict(float)
        adducts: dict[int, list[tuple[float, int]]] = defaultdict(list)
        for k in range(candidates.offsets[i], candidates.offsets[i + 1]):
            expected[int(candidates.compound[k])] += slot[k]
            adducts[int(candidates.compound[k])].append((-slot[k], k))
        options = slice(result.offsets[i], result.offsets[i + 1])
        assert result.compound[options].tolist() == sorted(expected)
        assert result.probability[options] == pytest.approx([expected[c] for c in sorted(expected)])
        best = [int(candidates.adduct[min(adducts[c])[1]]) for c in sorted(expected)]
        assert result.best_adduct[options].tolist() == best
