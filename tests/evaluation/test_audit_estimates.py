"""The false share from audit labels: weighted, honest with few errors, and in words."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest

from compassign.data.audit_labels import AuditLabels
from compassign.decisions.audit_sample import draw_audit_sample
from compassign.evaluation.audit_estimates import (
    AuditEstimate,
    Called,
    estimate_audit,
    exact_interval,
    labels_needed,
    weighted_share,
)
from compassign.units import FloatArray, IntArray

RIGHT, WRONG, NULL = frozenset({"C"}), frozenset({"other"}), frozenset[str]()


def called(n: int, q_value: float = 0.04, names: list[str] | None = None) -> Called:
    """All peaks are called compounds of their own unless names say more, and are accepted at 5 and 10 %."""
    compound = np.array(names or [f"C{i}" for i in range(n)])
    return Called(compound, np.full(n, 0.01), np.full(n, q_value), np.zeros(n, dtype=np.bool_))


def audit(n: int, n_false: int = 0, n_skipped: int = 0, n_peaks: int = 0) -> tuple[AuditLabels, Called]:
    """n labels drawn alike: the first are false, the last skipped."""
    found = called(max(n, n_peaks))
    options = [frozenset({name}) for name in found.compound[:n].tolist()]
    options[:n_false] = [WRONG] * n_false
    is_skipped = np.arange(n) >= n - n_skipped
    return AuditLabels(np.arange(n), tuple(options), np.full(n, 0.1), is_skipped), found


def estimate(labels: AuditLabels, found: Called) -> AuditEstimate:
    result = estimate_audit(labels, found)
    assert result is not None
    return result


@pytest.mark.parametrize(("n", "n_false"), [(140, 4), (50, 0), (3, 3), (1, 0), (1, 1)])
def test_labels_drawn_alike_get_the_exact_interval(n: int, n_false: int) -> None:
    level = estimate(*audit(n, n_false)).levels["0.05"]
    exact = binomtest(n_false, n).proportion_ci(0.95, method="exact")
    assert level.share == pytest.approx(n_false / n)
    assert (level.low, level.high) == pytest.approx((exact.low, exact.high))
    assert level.n_effective == pytest.approx(n)


def test_inverse_probabilities_weigh_the_labels() -> None:
    labels = AuditLabels(np.arange(2), (WRONG, frozenset({"C1"})), np.array([0.8, 0.2]), np.zeros(2, dtype=np.bool_))
    assert estimate(labels, called(2)).levels["0.05"].share == pytest.approx(1.25 / 6.25)


@pytest.mark.parametrize(
    ("said", "share"), [({"C0"}, 0.0), ({"C0", "x"}, 0.0), ({"x"}, 1.0), ({"x", "y"}, 1.0), (set(), 1.0)]
)
def test_a_call_is_right_if_the_label_allows_it(said: set[str], share: float) -> None:
    labels = AuditLabels(np.array([0]), (frozenset(said),), np.ones(1), np.zeros(1, dtype=np.bool_))
    assert estimate(labels, called(1)).levels["0.05"].share == share


def test_skipped_ones_are_bounded() -> None:
    level = estimate(*audit(50, n_false=1, n_skipped=5)).levels["0.05"]
    assert level.share == pytest.approx(1 / 45)
    assert level.low == pytest.approx(binomtest(1, 50).proportion_ci(method="exact").low)
    assert level.high == pytest.approx(binomtest(6, 50).proportion_ci(method="exact").high)
    assert "whatever the 5 skipped are" in level.sentence


def test_peaks_of_one_compound_count_as_one() -> None:
    labels, _ = audit(20)
    one = called(20, names=["C0"] * 20)
    same = AuditLabels(labels.peak, (frozenset({"C0"}),) * 20, labels.inclusion_prob, labels.is_skipped)
    level = estimate(same, one).levels["0.05"]
    assert (level.n_labels, level.n_compounds) == (20, 1)
    assert level.n_effective == pytest.approx(1.0)
    assert level.high == pytest.approx(0.975)


def test_only_accepted_peaks_that_the_fit_has_not_seen_count() -> None:
    labels, found = audit(40, n_false=20)
    q_value = np.where(np.arange(40) < 20, 0.08, 0.02)
    is_seen = np.arange(40) >= 30
    result = estimate(labels, Called(found.compound, found.pep, q_value, is_seen))
    assert (result.n_labels, result.n_seen) == (40, 10)
    assert (result.levels["0.05"].n_labels, result.levels["0.05"].share) == (10, 0.0)
    assert result.levels["0.1"].n_labels == 30
    assert result.levels["0.1"].share == pytest.approx(2 / 3)
    assert (result.levels["0.01"].n_accepted, result.levels["0.01"].share) == (0, None)


@pytest.mark.parametrize(
    ("labels", "sentence"),
    [
        (audit(140, 1), "The false share at 5 % is 0.7 % (0.0 to 3.9 %) from 140 audit labels, within the limit."),
        (audit(140, 20), "The false share at 5 % is 14.3 % (8.9 to 21.2 %) from 140 audit labels, above the limit."),
        (
            audit(30, 0, n_peaks=500),
            "The false share at 5 % is 0.0 % (0.0 to 11.6 %) from 30 audit labels. "
            "5 % cannot be certified with 30 labels: about 114 are needed.",
        ),
        (audit(2, 0, 2, n_peaks=300), "5 % cannot be certified with 2 labels: about 114 are needed."),
        (
            audit(30, 0, n_peaks=80),
            "The false share at 5 % is 0.0 % (0.0 to 11.6 %) from 30 audit labels. 5 % cannot be certified with "
            "30 labels: at least 72 are needed, and no further one may be false.",
        ),
        (
            audit(30, 0),
            "The false share at 5 % is 0.0 % (0.0 to 11.6 %) from 30 audit labels. 5 % cannot be certified with "
            "30 labels: more are needed than peaks are accepted.",
        ),
    ],
)
def test_the_answer_is_a_sentence(labels: tuple[AuditLabels, Called], sentence: str) -> None:
    assert estimate(*labels).levels["0.05"].sentence == sentence


def test_without_accepted_or_labelled_peaks_there_is_still_an_answer() -> None:
    assert estimate_audit(AuditLabels(), called(3)) is None
    labels, _ = audit(3)
    assert estimate(labels, called(3, q_value=np.nan)).levels["0.05"].sentence == "Nothing is accepted at 5 %."
    far = AuditLabels(np.array([299]), (RIGHT,), np.ones(1), np.zeros(1, dtype=np.bool_))
    found = called(300)
    found.q_value[299] = np.nan
    level = estimate(far, found).levels["0.05"]
    assert (level.n_labels, level.share, level.low, level.high) == (0, None, None, None)
    assert level.sentence == "5 % cannot be certified with 0 labels: about 114 are needed."


def test_the_number_needed_is_the_least_that_certifies() -> None:
    for alpha, share in [(0.05, 0.0), (0.01, 0.0), (0.1, 0.04)]:
        n = labels_needed(alpha, share)
        assert n is not None
        assert exact_interval(share * n, n)[1] <= alpha < exact_interval(share * (n - 1), n - 1)[1]
    assert labels_needed(0.05, n_false=2.0) == next(
        n for n in range(3, 1000) if binomtest(2, n).proportion_ci(method="exact").high <= 0.05
    )
    assert labels_needed(0.05, 0.05) is None


def simulate(
    share: tuple[float, float], peaks_each: int, m: int, rng: np.random.Generator
) -> tuple[float, float, float]:
    """The true false share of 600 accepted peaks of 2000, and the interval's ends.

    share : of false compounds among the 400 peaks that the draw prefers, and among the others; each compound has
    peaks_each peaks, which are false together.
    """
    compound: IntArray = np.arange(600) // peaks_each
    limit: FloatArray = np.where(np.arange(600) < 400, *share)
    is_false = rng.random(600)[compound] < limit
    peak, probability = draw_audit_sample(np.ones(2000, dtype=np.bool_), np.arange(2000) < 400, m, rng)
    sample, weight = peak[peak < 600], 1.0 / probability[peak < 600]
    cluster = np.unique(compound[sample], return_inverse=True)[1]
    found = weighted_share(is_false[sample], weight, cluster)
    return float(is_false.mean()), found.low, found.high


@pytest.mark.parametrize(
    ("share", "peaks_each", "m"),
    [
        ((0.03, 0.03), 1, 150),
        ((0.02, 0.15), 1, 150),
        ((0.02, 0.15), 5, 150),
        ((0.0, 0.1), 1, 60),
        ((0.05, 0.05), 10, 100),
    ],
)
def test_intervals_hold_as_often_as_they_say(share: tuple[float, float], peaks_each: int, m: int) -> None:
    rng = np.random.default_rng(17)
    held = [low <= truth <= high for truth, low, high in (simulate(share, peaks_each, m, rng) for _ in range(400))]
    assert np.mean(held) >= 0.95 - 2 * np.sqrt(0.95 * 0.05 / 400)


def test_taking_weighted_labels_as_alike_would_not_hold() -> None:
    """The simulation can tell: without weights, rare errors outside the preferred peaks are missed."""
    rng = np.random.default_rng(17)
    missed = 0
    for _ in range(100):
        is_false = np.arange(2000) >= 400 + rng.integers(10)
        peak, _ = draw_audit_sample(np.ones(2000, dtype=np.bool_), np.arange(2000) < 400, 150, rng)
        found = weighted_share(is_false[peak], np.ones(150), np.arange(150))
        missed += not found.low <= is_false.mean() <= found.high
    assert missed > 90
