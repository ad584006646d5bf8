"""One fit of peaks drawn from the model itself: parameters, probabilities and diagnostics against the truth."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import numpy as np
import pytest
from arviz_stats.base import array_stats
from simulated_problem import TRUTH, SimulatedPeaks, simulate_peaks

from compassign.config import SamplerConfig
from compassign.inference import fitting
from compassign.inference.diagnostics import ResponsibilityCheck, judge
from compassign.inference.draws import Draws, ModelFit
from compassign.inference.fitting import WARM_TUNE, GenerativeEngine, compile_generative
from compassign.inference.native import NativeModel
from compassign.inference.sampling import sample
from compassign.models.generative import terms_of
from compassign.posterior.responsibilities import mean_probabilities
from compassign.progress import SilentProgress
from compassign.units import FloatArray

# Compiling the sampler's graph takes most of the time: all of these share one fit, in one process.
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("recovery")]

SETTINGS = SamplerConfig(draws=300, chains=2, quick=True)


@cache
def simulated() -> SimulatedPeaks:
    return simulate_peaks(np.random.default_rng(1))


@cache
def engine() -> GenerativeEngine:
    return compile_generative(simulated().problem, terms_of(simulated().problem), seed=1)


@cache
def fitted() -> ModelFit:
    """Sampled once a session."""
    return engine().fit(simulated().problem, SETTINGS, 1, SilentProgress())


def sampled() -> Draws:
    draws = fitted().draws
    assert draws is not None
    return draws


def missed(values: Mapping[str, FloatArray], truth: Mapping[str, FloatArray]) -> list[str]:
    """Names of the parameters whose truth is outside the central 99 % interval."""
    names = []
    for name, true in truth.items():
        low, high = np.quantile(values[name], [0.005, 0.995], axis=(0, 1))
        outside = np.argwhere((true < low) | (true > high)).tolist()
        names += [f"{name}{index}" for index in outside]
    return names


def test_every_hyperparameter_is_recovered() -> None:
    assert set(fitted().hyperparameters) == set(TRUTH)
    assert missed(sampled().values, TRUTH) == []


def test_the_check_notices_a_wrong_simulator() -> None:
    """Negative control: had the simulator claimed a mass scale that is 1.5 times too small, it would fail."""
    claimed = dict(TRUTH)
    for name in ("mass_log_scale", "mass_log_scale_mean"):
        claimed[name] = TRUTH[name] - np.log(1.5)
    assert any(name.startswith("mass_log_scale") for name in missed(sampled().values, claimed))


def test_chains_agree() -> None:
    worst = max(
        float(array_stats.rhat(column))
        for values in sampled().values.values()
        for column in values.reshape(2, 300, -1).transpose(2, 0, 1)
    )
    assert worst <= 1.05
    assert sampled().is_divergent.mean() <= 0.001


def test_verdict_of_a_good_fit() -> None:
    check = ResponsibilityCheck(max_rhat=1.0, worst_peaks=(), all_finite=True)
    verdict = judge(sampled(), fitted().hyperparameters, check, SETTINGS, fitted().prior_sd)
    assert verdict.verdict == "converged"
    assert "known_in_effect" not in verdict.not_informed
    assert not any(name.startswith("mass_offset_ppm") for name in verdict.not_informed)


def test_probabilities_are_calibrated() -> None:
    """In every tenth of probability, slots are right about as often as they say (3.5 binomial SDs)."""
    problem, slot_of_peak = simulated().problem, simulated().slot_of_peak
    probability = mean_probabilities(fitted().source).slot
    is_right = np.zeros(problem.n_slots)
    is_right[slot_of_peak[slot_of_peak >= 0]] = 1.0
    bins = np.minimum((probability * 10).astype(np.int64), 9)
    n_checked = 0
    for index in range(10):
        chosen = bins == index
        expected, sd = probability[chosen].sum(), np.sqrt((probability * (1 - probability))[chosen].sum())
        assert abs(is_right[chosen].sum() - expected) <= 3.5 * sd + 0.5
        n_checked += int(chosen.sum())
    assert n_checked == problem.n_slots
    assert is_right.sum() > 150


def test_both_null_parts_are_recovered_in_number() -> None:
    found = mean_probabilities(fitted().source)
    n_null = int((simulated().slot_of_peak < 0).sum())
    sd = np.sqrt((found.null * (1 - found.null)).sum())
    assert abs(found.null.sum() - n_null) <= 3.5 * sd
    assert 0 < found.unlisted.sum() < found.null.sum()


def test_a_higher_unlisted_share_gives_more_to_the_null() -> None:
    """The same draws, seen under other shares."""
    at_share = fitted().unlisted
    assert at_share is not None
    low, same, high = (mean_probabilities(at_share(share)).null for share in (0.05, 0.1, 0.2))
    assert (low <= same).all()
    assert (same <= high).all()
    assert same == pytest.approx(mean_probabilities(fitted().source).null, abs=1e-12)


def test_a_fit_near_another_one_finds_the_same_with_less_tuning(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []

    def spy(model: NativeModel, settings: SamplerConfig, seed: int, progress: SilentProgress) -> Draws:
        seen.append(settings.tune)
        return sample(model, settings, seed, progress)

    monkeypatch.setattr(fitting, "sample", spy)
    warm = engine().fit(simulated().problem, SETTINGS, 2, SilentProgress(), sampled().values)
    assert seen == [WARM_TUNE]
    assert warm.draws is not None
    assert missed(warm.draws.values, TRUTH) == []
    verdict = judge(warm.draws, warm.hyperparameters, ResponsibilityCheck(1.0, (), True), SETTINGS, {})
    assert verdict.max_rhat <= 1.05
    assert min(verdict.min_ess_bulk, verdict.min_ess_tail) >= 100
    found, expected = (mean_probabilities(each.source).slot for each in (warm, fitted()))
    assert np.abs(found - expected).max() < 0.05
    assert (found != expected).any()
