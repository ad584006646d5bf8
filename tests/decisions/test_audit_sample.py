"""The audit's draw: seeded, nested, and as likely as it says."""

from __future__ import annotations

import numpy as np
import pytest

from compassign.decisions.audit_sample import draw_audit_sample
from compassign.errors import InputError
from compassign.units import BoolArray

N = 60
HAS_CANDIDATES: BoolArray = np.arange(N) >= 10
ACCEPTED: BoolArray = np.arange(N) >= 45
NONE: BoolArray = np.zeros(N, dtype=np.bool_)


def test_a_larger_draw_begins_with_the_smaller() -> None:
    small, _ = draw_audit_sample(HAS_CANDIDATES, ACCEPTED, 10, np.random.default_rng(3))
    large, _ = draw_audit_sample(HAS_CANDIDATES, ACCEPTED, 30, np.random.default_rng(3))
    assert large[:10].tolist() == small.tolist()
    assert len(set(large.tolist())) == 30
    assert HAS_CANDIDATES[large].all()


def test_peaks_come_as_often_as_their_probability_says() -> None:
    n_draws, n_taken, expected = 4000, np.zeros(N), np.zeros(N)
    rng = np.random.default_rng(1)
    for _ in range(n_draws):
        peak, probability = draw_audit_sample(HAS_CANDIDATES, ACCEPTED, 12, rng)
        n_taken[peak] += 1.0
        expected[peak] += 1.0 / probability
    # the sum of inverse probabilities estimates how many peaks there are, 15 and 35
    assert expected[ACCEPTED].sum() / n_draws == pytest.approx(15, rel=0.04)
    assert expected[HAS_CANDIDATES & ~ACCEPTED].sum() / n_draws == pytest.approx(35, rel=0.04)
    assert n_taken[ACCEPTED].sum() > n_taken[~ACCEPTED].sum()
    assert np.ptp(n_taken[ACCEPTED]) < 6 * np.sqrt(n_taken[ACCEPTED].mean())


def test_without_a_run_all_are_drawn_alike() -> None:
    peak, probability = draw_audit_sample(HAS_CANDIDATES, NONE, 10, np.random.default_rng(0))
    assert peak.size == 10
    assert probability.tolist() == [pytest.approx(0.2)] * 10


def test_more_than_there_are_draws_all_with_certainty() -> None:
    peak, probability = draw_audit_sample(HAS_CANDIDATES, ACCEPTED, 1000, np.random.default_rng(0))
    assert sorted(peak.tolist()) == list(range(10, N))
    assert probability == pytest.approx(np.ones(50))


def test_nothing_to_draw_from() -> None:
    peak, probability = draw_audit_sample(NONE, NONE, 5, np.random.default_rng(0))
    assert peak.size == probability.size == 0
    with pytest.raises(InputError, match="expected 1 or more"):
        draw_audit_sample(HAS_CANDIDATES, ACCEPTED, 0, np.random.default_rng(0))
