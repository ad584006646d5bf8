"""The sampler: repeatable by its seed, loud when it cannot start, and stopped by a cancellation or an interruption."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from functools import cache
from types import SimpleNamespace
from typing import Any

import numpy as np
import nutpie
import pymc as pm
import pytest
import xarray as xr

from compassign.config import SamplerConfig
from compassign.errors import RunCancelledError, SamplingError
from compassign.inference import sampling
from compassign.inference.draws import Draws
from compassign.inference.native import NativeModel, compile_model
from compassign.inference.sampling import sample
from compassign.progress import SilentProgress
from compassign.sampling_progress import ChainProgress, SamplingProgress

SETTINGS = SamplerConfig(draws=60, tune=80, chains=2)
ENDLESS = SamplerConfig(draws=10_000_000, tune=80, chains=2)
# Compiling for the sampler takes nearly all of the time, although it is done only once here.
compiles = [pytest.mark.slow, pytest.mark.xdist_group("recovery")]


class Recorder(SilentProgress):
    """Keeps every state that the sampler reports, and calls `then` with each."""

    def __init__(self, then: Callable[[SamplingProgress], None] = lambda state: None) -> None:
        super().__init__()
        self.states: list[SamplingProgress] = []
        self.then = then

    def sampling(self, state: SamplingProgress) -> None:
        self.states.append(state)
        self.then(state)


def tiny_model() -> pm.Model:
    with pm.Model() as model:
        location = pm.Normal("location", 0.0, 2.0, shape=2)
        scale = pm.LogNormal("scale", 0.0, 0.5)
        pm.Normal("seen", location, scale, observed=np.array([[1.0, -2.0], [1.5, -1.0], [0.5, -1.5]]))
    return model


@cache
def compiled() -> NativeModel:
    return compile_model(tiny_model())


def assert_form(draws: Draws) -> None:
    assert {name: value.shape for name, value in draws.values.items()} == {"location": (2, 60, 2), "scale": (2, 60)}
    assert {value.dtype for value in draws.values.values()} == {np.dtype(np.float64)}
    assert draws.values["scale"].min() > 0
    assert draws.is_divergent.shape == draws.energy.shape == (2, 60)
    assert draws.is_divergent.dtype == np.bool_
    assert np.isfinite(draws.energy).all()
    assert draws.energy.std() > 0
    assert draws.sampling_s > 0


class TestNutpie:
    pytestmark = compiles

    def test_a_seed_repeats_its_draws(self) -> None:
        first, same, other = (sample(compiled(), SETTINGS, seed, SilentProgress()) for seed in (3, 3, 4))
        assert_form(first)
        for name in first.values:
            assert (first.values[name] == same.values[name]).all()
            assert (first.values[name] != other.values[name]).all()
        assert (first.energy == same.energy).all()
        assert not np.array_equal(first.values["scale"][0], first.values["scale"][1])

    def test_a_model_is_compiled_and_then_sampled_in_the_same_way(self) -> None:
        draws = [sample(model, SETTINGS, 3, SilentProgress()) for model in (tiny_model(), compiled())]
        for name in draws[0].values:
            assert (draws[0].values[name] == draws[1].values[name]).all()

    def test_draws_follow_the_posterior(self) -> None:
        """Mean of three observations each, a little drawn to zero."""
        values = sample(compiled(), SETTINGS.model_copy(update={"draws": 2000}), 1, SilentProgress()).flat()
        assert values["location"].mean(axis=0) == pytest.approx([0.96, -1.44], abs=0.1)

    def test_progress_shows_every_chain_and_ends_complete(self) -> None:
        progress = Recorder()
        sample(compiled(), SETTINGS, 3, progress)
        last = progress.states[-1]
        assert last.share == 1.0
        assert last.eta_s == pytest.approx(0.0)
        assert [(chain.chain, chain.draw, chain.n_draws) for chain in last.chains] == [(0, 140, 140), (1, 140, 140)]
        assert not any(chain.is_tuning for chain in last.chains)
        assert all(chain.step_size > 0 for chain in last.chains)
        assert [state.share for state in progress.states] == sorted(state.share for state in progress.states)

    def test_a_cancelled_run_keeps_nothing(self) -> None:
        progress = SilentProgress()
        progress.cancelled.set()
        with pytest.raises(RunCancelledError):
            sample(compiled(), ENDLESS, 3, progress)

    def test_a_run_can_be_cancelled_while_it_samples(self) -> None:
        """As soon as the chains have moved; would the chains not stop, this would not end."""
        progress = Recorder(lambda state: progress.cancelled.set() if 0 < state.share < 1 else None)
        with pytest.raises(RunCancelledError):
            sample(compiled(), ENDLESS, 3, progress)
        assert 0 < progress.states[-1].share < 1
        # the machine is free again for another run
        assert_form(sample(compiled(), SETTINGS, 3, SilentProgress()))

    def test_a_model_that_cannot_start_is_a_sampling_error(self) -> None:
        with pm.Model() as model:
            x = pm.Normal("x")
            pm.Potential("impossible", x * np.nan)
        with pytest.raises(SamplingError, match="sampler stopped"):
            sample(model, SETTINGS, 0, SilentProgress())


class TestPyMC:
    """The portable sampler."""

    SETTINGS = SETTINGS.model_copy(update={"backend": "pymc"})

    # It compiles the model in its own way.
    @pytest.mark.slow
    def test_draws_have_the_same_form_and_repeat(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(os, "cpu_count", lambda: 1)  # no child processes of a process with threads
        first, same = (sample(tiny_model(), self.SETTINGS, 3, SilentProgress()) for _ in range(2))
        assert_form(first)
        for name in first.values:
            assert (first.values[name] == same.values[name]).all()

    def stand_in(self, monkeypatch: pytest.MonkeyPatch, n_chains: int, n_draws: int) -> dict[str, Any]:
        """PyMC that returns this many draws; the options that it was started with."""
        options: dict[str, Any] = {}
        dims, numbers = ("chain", "draw"), np.ones((n_chains, n_draws))
        groups: dict[str, dict[str, Any]] = {
            "posterior": {"location": ((*dims, "two"), np.ones((n_chains, n_draws, 2))), "scale": (dims, numbers)},
            "sample_stats": {"diverging": (dims, numbers > 2), "energy": (dims, numbers)},
        }
        tree = xr.DataTree.from_dict({name: xr.Dataset(variables) for name, variables in groups.items()})

        def start(**given: Any) -> xr.DataTree:
            options.update(given)
            return tree

        monkeypatch.setattr(pm, "sample", start)
        return options

    def test_all_draws_are_a_result(self, monkeypatch: pytest.MonkeyPatch) -> None:
        options = self.stand_in(monkeypatch, 2, 60)
        draws = sample(tiny_model(), self.SETTINGS.model_copy(update={"target_accept": 0.97}), 11, SilentProgress())
        assert draws.values["location"].shape == (2, 60, 2)
        assert draws.energy.tolist() == np.ones((2, 60)).tolist()
        expected = {"draws": 60, "tune": 80, "chains": 2, "random_seed": 11, "target_accept": 0.97}
        assert (expected | {"nuts_sampler": "pymc", "progressbar": False}).items() <= options.items()

    @pytest.mark.parametrize(("n_chains", "n_draws"), [(2, 59), (1, 60), (2, 0)])
    def test_a_truncated_result_counts_as_cancelled(
        self, n_chains: int, n_draws: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.stand_in(monkeypatch, n_chains, n_draws)
        with pytest.raises(RunCancelledError, match="interrupted"):
            sample(tiny_model(), self.SETTINGS, 11, SilentProgress())

    def test_a_cancelled_run_does_not_start(self, monkeypatch: pytest.MonkeyPatch) -> None:
        options, progress = self.stand_in(monkeypatch, 2, 60), SilentProgress()
        progress.cancelled.set()
        with pytest.raises(RunCancelledError):
            sample(tiny_model(), self.SETTINGS, 11, progress)
        assert options == {}

    def test_what_pymc_cannot_sample_is_a_sampling_error(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(**_: Any) -> None:
            raise pm.exceptions.SamplingError("initial evaluation failed")

        monkeypatch.setattr(pm, "sample", fail)
        with pytest.raises(SamplingError, match="sampler stopped: initial evaluation failed"):
            sample(tiny_model(), self.SETTINGS, 11, SilentProgress())


def test_draws_in_a_row_keep_chains_together() -> None:
    values = {"a": np.arange(12.0).reshape(2, 3, 2), "b": np.arange(6.0).reshape(2, 3)}
    draws = Draws(values, np.zeros((2, 3), dtype=np.bool_), np.zeros((2, 3)), 0.0)
    assert draws.n_chains == 2
    assert draws.flat()["a"].tolist() == np.arange(12.0).reshape(6, 2).tolist()
    assert draws.flat()["b"].tolist() == [0, 1, 2, 3, 4, 5]


class FakeSampler:
    """A running sampler that is never finished, or raises when it is asked for its result."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error
        self.is_cancelled = False

    @property
    def is_finished(self) -> bool:
        if self.error is None:
            raise TimeoutError  # nutpie's "not yet"
        return True

    def wait(self) -> None:
        assert self.error is not None
        raise self.error

    def cancel(self) -> None:
        self.is_cancelled = True


def run_with(
    monkeypatch: pytest.MonkeyPatch,
    fake: FakeSampler,
    settings: SamplerConfig = SETTINGS,
    progress: SilentProgress | None = None,
    expected: type[BaseException] = KeyboardInterrupt,
) -> dict[str, Any]:
    """Sample with a fake sampler; the options that it was started with."""
    options: dict[str, Any] = {}

    def start(compiled: object, **given: Any) -> FakeSampler:
        options.update(given)
        return fake

    nothing = SimpleNamespace(for_nutpie=lambda: None)
    monkeypatch.setattr(nutpie, "sample", start)
    monkeypatch.setattr(sampling, "compile_model", lambda model: nothing)
    with pytest.raises(expected):
        sample(tiny_model(), settings, 11, progress or SilentProgress())
    return options


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(143)])
def test_an_interruption_cancels_the_chains(error: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeSampler(error)
    run_with(monkeypatch, fake, expected=type(error))
    assert fake.is_cancelled


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(143)])
def test_an_interruption_while_waiting_cancels_the_chains(
    error: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nearly all interruptions arrive: in the pause between two looks."""

    def interrupt(seconds: float) -> None:
        raise error

    fake = FakeSampler()
    monkeypatch.setattr(time, "sleep", interrupt)
    run_with(monkeypatch, fake, expected=type(error))
    assert fake.is_cancelled


def test_a_cancellation_stops_the_chains(monkeypatch: pytest.MonkeyPatch) -> None:
    fake, progress = FakeSampler(), SilentProgress()
    progress.cancelled.set()
    run_with(monkeypatch, fake, progress=progress, expected=RunCancelledError)
    assert fake.is_cancelled


def test_a_chain_that_dies_is_a_sampling_error(monkeypatch: pytest.MonkeyPatch) -> None:
    run_with(monkeypatch, FakeSampler(RuntimeError("all chains failed")), expected=SamplingError)


def test_settings_reach_the_sampler(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = SamplerConfig(draws=7, tune=5, chains=1, target_accept=0.97)
    options = run_with(monkeypatch, FakeSampler(KeyboardInterrupt()), settings)
    expected = {"draws": 7, "tune": 5, "chains": 1, "cores": 1, "seed": 11, "target_accept": 0.97, "save_warmup": False}
    assert expected.items() <= options.items()
    assert options["blocking"] is False


def test_progress_counts_all_chains(monkeypatch: pytest.MonkeyPatch) -> None:
    progress = Recorder()
    options = run_with(monkeypatch, FakeSampler(KeyboardInterrupt()), SETTINGS, progress)
    chains = [
        SimpleNamespace(finished_draws=30, total_draws=140, tuning=True, divergences=2, step_size=0.5),
        SimpleNamespace(finished_draws=40, total_draws=140, tuning=False, divergences=1, step_size=0.25),
    ]
    monkeypatch.setattr(time, "perf_counter", lambda: 0.0)
    report = sampling._reporter(progress)
    monkeypatch.setattr(time, "perf_counter", lambda: 5.0)
    report(chains)
    report([])
    assert progress.states == [
        SamplingProgress((ChainProgress(0, 30, 140, True, 2, 0.5), ChainProgress(1, 40, 140, False, 1, 0.25)), 15.0),
        SamplingProgress((), None),
    ]
    assert [str(state) for state in progress.states] == [
        "70 of 280 draws, 3 divergences, step size 0.25, tuning, 15 s left",
        "0 of 0 draws, 0 divergences, step size 0",
    ]
    assert [state.share for state in progress.states] == [0.25, 0.0]
    options["progress_callback"](chains)
    assert progress.states[-1].chains == progress.states[0].chains
