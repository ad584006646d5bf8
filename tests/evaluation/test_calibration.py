"""Curve, band and errors agree with scikit-learn, with plain loops and with what simulated forecasts must show."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve
from sklearn.isotonic import IsotonicRegression
from sklearn.metrics import brier_score_loss

from compassign.evaluation.calibration import (
    Summary,
    calibration_bins,
    calibration_error,
    summarise_calibration,
)
from compassign.evaluation.calibration_cells import N_CELLS, N_SMOOTH, merge, smooth_error
from compassign.evaluation.comparison import MIN_CLUSTERS
from compassign.evaluation.reliability_curve import (
    N_RESAMPLED,
    Curve,
    Statements,
    curves_by_chance,
    reliability_curve,
)
from compassign.units import FloatArray

N_WORLDS = 200  # 90 % of them to about 2 %
TEMPERATURE = 0.7  # of mildly too sure probabilities


def said(probability: FloatArray | list[float], outcome: FloatArray | list[float]) -> Statements:
    """Statements of peaks that have nothing to do with each other."""
    each = np.arange(len(probability))
    return Statements(np.array(probability, dtype=np.float64), np.array(outcome, dtype=np.float64), each, each)


def world(seed: int, n: int, temperature: float = 1.0) -> Statements:
    """Right probabilities, or ones that were sharpened."""
    rng = np.random.default_rng(seed)
    right = rng.beta(1.0, 0.7, n)
    outcome = rng.random(n) < right
    sharp = right ** (1 / temperature)
    return said(sharp / (sharp + (1.0 - right) ** (1 / temperature)), outcome.astype(np.float64))


def look(statements: Statements, seed: int = 0) -> tuple[Curve, Summary]:
    found = summarise_calibration(statements, np.random.default_rng(seed))
    assert found is not None
    return found


def test_by_hand() -> None:
    curve, found = look(said([0.2, 0.6, 0.9, 0.9], [0.0, 1.0, 0.0, 1.0]))
    assert curve.probability == pytest.approx([0.2, 0.6, 0.9])
    assert curve.frequency == pytest.approx([0.0, 2 / 3, 2 / 3])  # 1 of 1, then 1 of 2: pooled
    brier = (0.04 + 0.16 + 0.81 + 0.01) / 4
    recalibrated = (0.0 + 3 * (2 / 3) * (1 / 3)) / 4
    assert found.brier == pytest.approx(brier)
    assert found.miscalibration.value == pytest.approx(brier - recalibrated)
    assert found.discrimination.value == pytest.approx(0.25 - recalibrated)
    assert found.uncertainty.value == 0.25
    assert found.ece.value == pytest.approx((0.2 + 0.4 + 0.8) / 4)
    # Only the two at 0.9 share a bin: gaps -0.9 and 0.1.
    assert found.squared_error.value == pytest.approx(-0.09)
    assert found.rms_error.value == 0.0
    assert (found.n_statements, found.n_clusters, found.frequency, found.mean_probability) == (4, 4, 0.5, 0.65)


def test_statements_of_one_cluster_are_no_pair() -> None:
    statements = said([0.5, 0.5, 0.5], [1.0, 1.0, 0.0])
    apart = look(statements)[1].squared_error
    assert apart.value == pytest.approx((0.25 - 0.25 - 0.25) / 3)
    pooled = Statements(statements.probability, statements.outcome, statements.peak, np.array([7, 7, 3]))
    found = look(pooled)[1]
    assert found.squared_error.value == pytest.approx((-0.25 - 0.25) / 2)
    assert found.n_clusters == 2


def test_curve_and_split_agree_with_scikit_learn() -> None:
    statements = world(1, 900, TEMPERATURE)
    probability, outcome = statements.probability, statements.outcome
    curve, found = look(statements)
    fitted = IsotonicRegression().fit(probability, outcome).predict(probability)
    np.testing.assert_allclose(curve.frequency[merge(probability).of], fitted, atol=1e-12)
    brier, recalibrated = (brier_score_loss(outcome, p) for p in (probability, np.clip(fitted, 0.0, 1.0)))
    reference = brier_score_loss(outcome, np.full(900, outcome.mean()))
    assert found.brier == pytest.approx(brier, abs=1e-12)
    assert found.miscalibration.value == pytest.approx(brier - recalibrated, abs=1e-12)
    assert found.discrimination.value == pytest.approx(reference - recalibrated, abs=1e-12)
    assert found.uncertainty.value == pytest.approx(reference, abs=1e-12)


def test_split_agrees_with_model_diagnostics() -> None:
    """Numbers of `decompose` of model-diagnostics 1.5.0, which needs more packages than a test is worth."""
    probability = [0.1, 0.1, 0.2, 0.2, 0.3, 0.4, 0.4, 0.5, 0.6, 0.6, 0.7, 0.8, 0.8, 0.9, 0.9, 1.0, 0.0]
    outcome = [0.0, 0.0, 1.0, 0.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0, 1.0, 1.0, 0.0]
    found = look(said(probability, outcome))[1]
    parts = [one.value for one in (found.miscalibration, found.discrimination, found.uncertainty)]
    assert parts == pytest.approx([0.021764705882352964, 0.10207612456747406, 0.24913494809688583], abs=1e-12)
    assert found.brier == pytest.approx(0.16882352941176473, abs=1e-12)


def test_bins_agree_with_scikit_learn() -> None:
    statements = world(2, 5000)
    bins = calibration_bins(statements.probability, statements.outcome)
    frequency, mean = calibration_curve(statements.outcome, statements.probability, n_bins=10)
    np.testing.assert_allclose(np.array(bins.frequency, dtype=float), frequency)
    np.testing.assert_allclose(np.array(bins.mean_probability, dtype=float), mean)
    assert look(statements)[1].ece.value == pytest.approx(calibration_error(bins), abs=1e-12)


def test_merging_thousandths_hardly_moves_a_number() -> None:
    statements = world(3, 20_000, TEMPERATURE)
    curve, found = look(statements)
    assert curve.probability.size <= N_CELLS + 1
    fitted = IsotonicRegression().fit_transform(statements.probability, statements.outcome)
    at = np.interp(statements.probability, curve.probability, curve.frequency)
    assert np.abs(at - fitted).mean() < 4e-3  # the band is ten times as wide
    exact = ((statements.probability - statements.outcome) ** 2).mean()
    assert found.brier == pytest.approx(exact, abs=1e-6)
    assert found.miscalibration.value == pytest.approx(exact - ((fitted - statements.outcome) ** 2).mean(), abs=1e-4)


def plain_smooth_error(probability: FloatArray, outcome: FloatArray, n_grid: int = 500) -> float:
    """The width that equals the gap left by a Gaussian of this width, reflected at 0 and 1, on a fine grid."""
    grid = (np.arange(n_grid) + 0.5) / n_grid
    images = [sign * probability + shift for sign, shift in itertools.product((1.0, -1.0), (-2.0, 0.0, 2.0))]

    def gap(width: float) -> float:
        kernel = sum(np.exp(-0.5 * ((grid[:, np.newaxis] - image) / width) ** 2) for image in images)
        smoothed = kernel / (width * np.sqrt(2 * np.pi)) @ (outcome - probability) / probability.size
        return float(np.abs(smoothed).mean())

    low, high = 1e-3, 1.0
    for _ in range(12):
        middle = (low + high) / 2
        low, high = (middle, high) if gap(middle) > middle else (low, middle)
    return low


@pytest.mark.parametrize("temperature", [1.0, 0.4])
def test_smooth_error_is_that_of_a_direct_sum(temperature: float) -> None:
    statements = world(4, 300, temperature)
    expected = plain_smooth_error(statements.probability, statements.outcome)
    assert look(statements)[1].smooth_error.value == pytest.approx(expected, abs=1e-3)


def test_smooth_error_of_no_and_of_a_constant_gap() -> None:
    flat = np.full((1, N_SMOOTH), 0.2 / N_SMOOTH)
    assert smooth_error(np.concatenate([0.0 * flat, flat, -flat])) == pytest.approx([0.0, 0.2, 0.2], abs=1e-4)


def is_inside(statements: Statements, seed: int) -> bool:
    cells = merge(statements.probability)
    _, by_chance = curves_by_chance(statements, cells, np.random.default_rng(seed))
    return reliability_curve(statements, cells, by_chance).is_inside


@pytest.mark.slow  # 400 worlds of 200 curves each; fewer could not tell 90 % from 80 %
def test_the_band_holds_right_curves_and_not_sharpened_ones() -> None:
    inside = {
        temperature: np.mean([is_inside(world(seed, 500, temperature), seed) for seed in range(N_WORLDS)])
        for temperature in (1.0, TEMPERATURE)
    }
    assert 0.85 <= inside[1.0] <= 0.97
    assert inside[TEMPERATURE] < 0.4


def test_the_error_without_what_chance_adds_is_zero_on_average_for_right_probabilities_only() -> None:
    found = {t: [look(world(seed, 200, t), seed)[1] for seed in range(40)] for t in (1.0, TEMPERATURE)}

    def score(values: list[float]) -> float:
        return float(np.mean(values) / (np.std(values, ddof=1) / np.sqrt(len(values))))

    squared = {t: score([one.squared_error.value for one in each]) for t, each in found.items()}
    assert abs(squared[1.0]) < 2.0
    assert squared[TEMPERATURE] > 4.0
    # The plain numbers are far from 0, but where chance alone puts them.
    for name in ("ece", "smooth_error", "miscalibration"):
        of_right = [getattr(one, name) for one in found[1.0]]
        assert score([one.value for one in of_right]) > 10.0
        assert abs(score([one.value - one.if_calibrated for one in of_right])) < 3.0
        sharpened = [getattr(one, name) for one in found[TEMPERATURE]]
        assert score([one.value - one.if_calibrated for one in sharpened]) > 3.0
    assert np.mean([one.ece.value for one in found[1.0]]) == pytest.approx(0.05, abs=0.02)


def test_peaks_that_are_right_together_widen_the_interval_and_add_no_error() -> None:
    def copies(seed: int, is_known: bool) -> Statements:
        rng = np.random.default_rng(seed)
        right = rng.uniform(0.3, 0.7, 100)
        outcome = np.repeat(rng.random(100) < right, 5).astype(np.float64)
        cluster = np.repeat(np.arange(100), 5) if is_known else np.arange(500)
        return Statements(np.repeat(right, 5), outcome, np.arange(500), cluster)

    def mean_error(is_known: bool) -> float:
        return float(np.mean([look(copies(seed, is_known))[1].squared_error.value for seed in range(40)]))

    assert abs(mean_error(True)) < 0.004 < mean_error(False)
    ece = {is_known: look(copies(0, is_known))[1].ece for is_known in (True, False)}
    width = {is_known: (one.high or 0.0) - (one.low or 0.0) for is_known, one in ece.items()}
    assert width[True] > 1.5 * width[False]


def test_options_of_one_peak_exclude_each_other() -> None:
    """Of two options at 0.5 exactly one is true, so half of them is no news, and one more is."""
    even = np.full(40, 0.5)
    peak = np.repeat(np.arange(20), 2)
    alternating = Statements(even, np.tile([1.0, 0.0], 20), peak, peak)
    curve, found = look(alternating)
    assert curve.low == pytest.approx([0.5])
    assert curve.high == pytest.approx([0.5], abs=0.05)
    assert curve.is_inside
    assert found.ece.value == found.ece.if_calibrated == 0.0
    assert (look(said(even, alternating.outcome))[1].ece.if_calibrated or 0.0) > 0.03


PROBABILITIES = st.sampled_from([0.0, 0.05, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0]) | st.floats(0.0, 1.0)


@given(
    st.lists(st.tuples(PROBABILITIES, st.sampled_from([0.0, 0.25, 1.0]), st.integers(0, 15)), min_size=1, max_size=30)
)
def test_anything_has_an_answer(rows: list[tuple[float, float, int]]) -> None:
    probability, outcome, cluster = (np.array(column) for column in zip(*rows, strict=True))
    statements = Statements(probability, outcome, np.arange(len(rows)), cluster)
    curve, found = look(statements)
    assert (np.diff(curve.probability) > 0).all()
    assert (np.diff(curve.frequency) >= -1e-12).all()
    for end in (curve.frequency, curve.low, curve.high):
        assert ((end >= -1e-12) & (end <= 1.0 + 1e-12)).all()
    assert (curve.low <= curve.high).all()
    expected = (outcome * (1.0 - probability) ** 2 + (1.0 - outcome) * probability**2).mean()
    assert found.brier == pytest.approx(expected, abs=1e-12)
    assert found.miscalibration.value <= found.brier + 1e-12
    assert found.discrimination.value <= found.uncertainty.value + 1e-12
    assert not found.rms_error.value > 1.0  # or NaN
    parts = found.miscalibration.value - found.discrimination.value + found.uncertainty.value
    assert parts == pytest.approx(found.brier, abs=1e-12)
    for one in (found.ece, found.smooth_error, found.miscalibration):
        assert 0.0 <= one.value <= 1.0
        assert (one.low is None) == (found.n_clusters < MIN_CLUSTERS)
        if one.low is not None and one.high is not None:
            assert one.low - 1e-12 <= one.value <= one.high + 1e-12
    # The order in which peaks are listed is no information.
    again = look(Statements(probability[::-1], outcome[::-1], np.arange(len(rows)), cluster[::-1]))[1]
    assert again.ece.value == pytest.approx(found.ece.value, abs=1e-12)
    assert again.miscalibration.value == pytest.approx(found.miscalibration.value, abs=1e-12)


def test_certain_and_right() -> None:
    curve, found = look(said([1.0, 1.0, 0.0], [1.0, 1.0, 0.0]))
    assert curve.is_inside
    assert curve.low.tolist() == curve.high.tolist() == curve.frequency.tolist() == [0.0, 1.0]
    assert found.brier == found.miscalibration.value == found.ece.value == found.squared_error.value == 0.0
    assert [found.discrimination.value, found.uncertainty.value] == pytest.approx([2 / 9, 2 / 9])
    assert found.smooth_error.value == pytest.approx(0.0, abs=1e-4)


def test_certain_and_wrong_is_outside() -> None:
    curve, found = look(said([1.0, 1.0], [0.0, 1.0]))
    assert not curve.is_inside
    assert not found.is_inside_band
    assert found.ece.if_calibrated == 0.0
    assert found.ece.value == 0.5


def test_one_label_for_all_leaves_nothing_to_tell_apart() -> None:
    for label in (0.0, 1.0):
        found = look(said([0.2, 0.4, 0.4, 0.8], [label] * 4))[1]
        assert found.uncertainty.value == found.discrimination.value == 0.0
        assert found.miscalibration.value == pytest.approx(found.brier)


def test_ties_are_one_point() -> None:
    curve, found = look(said([0.3] * 10, [1.0] * 3 + [0.0] * 7))
    assert curve.probability == pytest.approx([0.3])
    assert curve.frequency == pytest.approx([0.3])
    assert found.miscalibration.value == pytest.approx(0.0, abs=1e-15)
    assert found.discrimination.value == 0.0


def test_one_statement_has_no_interval_and_nothing_has_no_answer() -> None:
    found = look(said([0.4], [1.0]))[1]
    assert found.ece.low is found.ece.high is None
    assert found.ece.value == pytest.approx(0.6)
    assert np.isnan(found.squared_error.value)
    assert np.isnan(found.rms_error.value)
    assert summarise_calibration(said([], []), np.random.default_rng(0)) is None


def test_the_same_seed_gives_the_same_numbers() -> None:
    statements = world(5, 300)
    assert look(statements, 1)[1] == look(statements, 1)[1] != look(statements, 2)[1]
    assert N_RESAMPLED % 2 == 0  # each half of the curves is held against the other


def test_bins_hold_their_lower_edge_and_the_last_one_holds_1() -> None:
    bins = calibration_bins(np.array([0.0, 0.3, 0.7, 0.9, 1.0]), np.array([True, False, True, True, False]))
    assert bins.count == [1, 0, 0, 1, 0, 0, 0, 1, 0, 2]
    assert bins.bin_edges[3] == 0.3
    assert bins.mean_probability[9] == pytest.approx(0.95)
    assert bins.frequency[9] == 0.5
    assert bins.frequency[1] is None
    assert calibration_error(bins) == pytest.approx((1.0 + 0.3 + 0.3 + 2 * 0.45) / 5)
