"""Temperatures are found and tested as promised, and recalibrated probabilities are what other code makes of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from judged_peaks import drawn_options, drawn_truth, judged, options_of
from sklearn.isotonic import IsotonicRegression

from compassign.evaluation.calibration import summarise_calibration
from compassign.evaluation.recalibrated_scores import Method, cross_fitted, fit_change, weighted_scores
from compassign.evaluation.recalibration import (
    TEMPERATURES,
    CallCurve,
    Judged,
    Temperature,
    called_option,
    fit_call_curve,
    fit_temperature,
    on_curve,
    tempered,
)
from compassign.evaluation.reliability_curve import Statements

N_DATASETS, N_LABELS, DISTORTION = 100, 300, 0.7


def log_likelihood(labels: Judged, temperature: float) -> float:
    """By a plain loop over peaks."""
    total = 0.0
    for peak, (start, end) in enumerate(zip(labels.options.offsets[:-1], labels.options.offsets[1:], strict=True)):
        powered = labels.options.probability[start:end] ** (1.0 / temperature)
        total += labels.weight[peak] * np.log(powered[labels.is_true[start:end]].sum() / powered.sum())
    return float(total)


def test_the_temperature_is_the_likeliest_of_a_fine_grid(rng: np.random.Generator) -> None:
    options = drawn_options(80, rng)
    is_true = drawn_truth(options, rng.random(80))
    is_true[options.offsets[:40]] = True  # half of the labels leave the null or a compound
    labels = replace(judged(options, is_true), weight=rng.uniform(1.0, 5.0, 80))
    grid = np.exp(np.linspace(-1.0, 1.0, 401))
    best = grid[np.argmax([log_likelihood(labels, temperature) for temperature in grid])]
    found = fit_temperature(labels)
    assert found.value == pytest.approx(best, rel=0.005)
    assert found.low is not None
    assert found.high is not None
    assert found.low < found.value < found.high


def test_distortion_is_found_and_right_probabilities_are_left_alone(rng: np.random.Generator) -> None:
    alarms, found = {1.0: 0, DISTORTION: 0}, []
    for _ in range(N_DATASETS):
        options = drawn_options(N_LABELS, rng)
        labels = judged(options, drawn_truth(options, rng.random(N_LABELS)))
        for distortion in alarms:
            sure = replace(labels, options=replace(options, probability=tempered(options, distortion)))
            temperature = fit_temperature(sure)
            alarms[distortion] += temperature.is_distorted
            found.append((distortion, temperature.value))
    assert alarms[1.0] <= 11  # of 100, at 5 % each: 99 % of cases
    assert alarms[DISTORTION] >= 90
    mean = {kind: np.mean([np.log(value) for of, value in found if of == kind]) for kind in alarms}
    assert mean[1.0] == pytest.approx(0.0, abs=0.03)
    assert mean[DISTORTION] == pytest.approx(-np.log(DISTORTION), abs=0.03)


def test_peaks_of_a_compound_that_err_together_do_not_raise_more_alarms(rng: np.random.Generator) -> None:
    together, apart = 0, 0
    for _ in range(60):
        options = drawn_options(60, rng).take(np.repeat(np.arange(60), 4))  # four alike of each
        labels = judged(options, drawn_truth(options, np.repeat(rng.random(60), 4)))
        together += fit_temperature(replace(labels, cluster=np.repeat(np.arange(60), 4))).is_distorted
        apart += fit_temperature(labels).is_distorted
    assert together <= 8
    assert apart > 2 * together


def test_recalibrated_calls_are_back_in_their_band(rng: np.random.Generator) -> None:
    inside = {"raw": 0, "recalibrated": 0}
    for _ in range(20):
        options = drawn_options(1500, rng)
        is_true = drawn_truth(options, rng.random(1500))
        sure = replace(options, probability=tempered(options, 0.6))
        change = fit_change(judged(sure, is_true).take(np.arange(300)), "temperature")
        rest = judged(sure, is_true).take(np.arange(300, 1500))
        call, peak = called_option(rest.options), np.arange(1200)
        for name, probability in (("raw", rest.options.probability), ("recalibrated", change(rest.options))):
            said = Statements(probability[call], rest.is_true[call].astype(np.float64), peak, peak)
            summary = summarise_calibration(said, rng)
            inside[name] += summary is not None and summary[1].is_inside_band
    assert inside["raw"] <= 4
    assert inside["recalibrated"] >= 15


@pytest.mark.parametrize("n_labels", [1, 24])
@pytest.mark.parametrize("is_right", [True, False])
def test_labels_all_right_or_all_wrong_go_as_far_as_temperatures_do(is_right: bool, n_labels: int) -> None:
    options = options_of(*([[0.05, 0.75, 0.2]] * n_labels))
    found = fit_temperature(judged(options, [False, is_right, not is_right] * n_labels))
    assert found.value == pytest.approx(TEMPERATURES[not is_right], rel=0.1)
    assert found.is_distorted is (n_labels > 1)
    assert found.n_labels == n_labels
    if n_labels == 1:
        assert (found.low, found.high) == (None, None)
    else:
        assert None in (found.low, found.high)


def test_labels_that_say_nothing_leave_probabilities_as_they_are() -> None:
    options = options_of([0.0, 1.0], [1.0], [0.5, 0.5, 0.0], [1.0, 0.0], [0.3, 0.7])
    # certain and right, the only option, equal options, certain and wrong, and either of both
    labels = judged(options, [False, True, True, True, False, False, False, True, True, True])
    found = fit_temperature(labels)
    assert (found.low, found.high, found.is_distorted, found.n_impossible) == (None, None, False, 1)
    nothing = judged(options.take(np.array([0, 1])), [False, True, True])
    assert fit_temperature(nothing) == Temperature(1.0, None, None, False, 0, 0)
    changed = tempered(options, 3.0)
    assert changed[[0, 1, 2, 5, 6, 7]].tolist() == [0.0, 1.0, 1.0, 0.0, 1.0, 0.0]
    assert changed[3] == pytest.approx(0.5)


def test_no_power_underflows_in_all_options() -> None:
    options = options_of([1e-300, 2e-300, 1.0 - 3e-300], [1e-12, 1.0 - 1e-12])
    for temperature in TEMPERATURES:
        found = tempered(options, temperature)
        assert np.isfinite(found).all()
        assert options.sum_by_peak(found) == pytest.approx([1.0, 1.0])


def test_the_curve_of_calls_is_that_of_scikit_learn(rng: np.random.Generator) -> None:
    options = drawn_options(200, rng)
    options = replace(options, probability=np.round(options.probability, 1))  # ties, 0 and 1
    options = replace(options, probability=options.probability / options.sum_by_peak(options.probability)[options.peak])
    labels = replace(
        judged(options, drawn_truth(options, rng.random(200) ** 2)), weight=rng.uniform(1.0, 4.0, 200)
    ).take(np.arange(150))
    call = called_option(labels.options)
    theirs = IsotonicRegression(out_of_bounds="clip").fit(
        labels.options.probability[call].round(9), labels.is_true[call], sample_weight=labels.weight
    )
    changed = on_curve(options, fit_call_curve(labels))
    of_call = called_option(options)
    assert changed[of_call] == pytest.approx(theirs.predict(options.probability[of_call]))
    assert options.sum_by_peak(changed) == pytest.approx(np.ones(200))


def test_other_options_keep_their_proportions() -> None:
    curve = CallCurve(np.array([0.6, 1.0]), np.array([0.2, 0.9]))
    options = options_of([0.3, 0.6, 0.1], [0.0, 1.0, 0.0], [1.0], [0.4, 0.4, 0.2])
    expected = [0.6, 0.2, 0.2, 0.05, 0.9, 0.05, 1.0, 0.2, 0.8 * 2 / 3, 0.8 / 3]
    assert on_curve(options, curve) == pytest.approx(expected)


@pytest.mark.parametrize("method", ["temperature", "isotonic"])
def test_no_label_recalibrates_its_own_compound(method: Method, rng: np.random.Generator) -> None:
    options = drawn_options(60, rng)
    labels = judged(options, drawn_truth(options, rng.random(60)))
    labels = replace(labels, cluster=np.arange(60) // 3)
    found = cross_fitted(labels, method, np.random.default_rng(1))
    other = labels.is_true.copy()
    start, end = options.offsets[[30, 33]]
    other[start:end] = np.roll(other[start:end], 1)  # another answer for one compound
    again = cross_fitted(replace(labels, is_true=other), method, np.random.default_rng(1))
    assert found is not None
    assert again is not None
    assert found[start:end].tolist() == again[start:end].tolist()
    assert (found != again).any()
    assert cross_fitted(replace(labels, cluster=np.arange(60) % 9), method, rng) is None


def test_scores_are_weighted_means_over_peaks() -> None:
    options = options_of([0.2, 0.5, 0.3], [0.6, 0.4], [0.0, 1.0])
    labels = judged(options, [False, True, True, False, True, True, False])
    labels = replace(labels, weight=np.array([1.0, 2.0, 1.0]))
    found = weighted_scores(labels, options.probability)
    assert found.log_loss == pytest.approx(-(np.log(0.8) + 2 * np.log(0.4) + np.log(0.001)) / 4)
    brier = ((1 - 0.8) ** 2 + 0.2**2) + 2 * (0.6**2 + 0.6**2) + (1.0 + 1.0)
    assert found.brier == pytest.approx(brier / 4)
    # calls 0.5 right, 0.6 wrong (twice) and 1.0 wrong: never falling, all of them are 1/4
    raw = ((1 - 0.5) ** 2 + 2 * 0.6**2 + 1.0) / 4
    assert found.miscalibration == pytest.approx(raw - 0.25 * 0.75)
