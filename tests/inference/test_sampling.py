"""The sampler: repeatable by its seed, loud when it cannot start, and stopped by an interruption."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import nutpie
import pymc as pm
import pytest

from compassign.config import SamplerConfig
from compassign.errors import SamplingError
from compassign.inference import sampling
from compassign.inference.sampling import Draws, OnProgress, sample

SETTINGS = SamplerConfig(draws=60, tune=80, chains=2)


def tiny_model() -> pm.Model:
    with pm.Model() as model:
        location = pm.Normal("location", 0.0, 2.0, shape=2)
        scale = pm.LogNormal("scale", 0.0, 0.5)
        pm.Normal("seen", location, scale, observed=np.array([[1.0, -2.0], [1.5, -1.0], [0.5, -1.5]]))
    return model


def ignore(share: float, detail: str) -> None:
    """Progress of nothing."""


# Compiling for the sampler takes nearly all of the time, although it is done only once here.
@pytest.mark.slow
@pytest.mark.xdist_group("recovery")
def test_a_seed_repeats_its_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny_model()
    compiled = nutpie.compile_pymc_model(model, var_names=["location", "scale"])
    monkeypatch.setattr(nutpie, "compile_pymc_model", lambda model, var_names: compiled)
    reports: list[tuple[float, str]] = []
    first = sample(model, SETTINGS, 3, lambda share, detail: reports.append((share, detail)))
    same, other = sample(model, SETTINGS, 3, ignore), sample(model, SETTINGS, 4, ignore)
    assert {name: value.shape for name, value in first.values.items()} == {"location": (2, 60, 2), "scale": (2, 60)}
    for name in first.values:
        assert (first.values[name] == same.values[name]).all()
        assert (first.values[name] != other.values[name]).all()
    assert not np.array_equal(first.values["scale"][0], first.values["scale"][1])
    assert first.values["scale"].min() > 0
    assert first.is_divergent.shape == (2, 60)
    assert first.sampling_s > 0
    assert reports[-1][0] == 1.0
    assert "of 280 draws" in reports[-1][1]


def test_draws_in_a_row_keep_chains_together() -> None:
    values = {"a": np.arange(12.0).reshape(2, 3, 2), "b": np.arange(6.0).reshape(2, 3)}
    draws = Draws(values, np.zeros((2, 3), dtype=np.bool_), 0.0, 0.0)
    assert draws.n_chains == 2
    assert draws.flat()["a"].tolist() == np.arange(12.0).reshape(6, 2).tolist()
    assert draws.flat()["b"].tolist() == [0, 1, 2, 3, 4, 5]


def test_a_model_that_cannot_start_is_a_sampling_error() -> None:
    with pm.Model() as model:
        x = pm.Normal("x")
        pm.Potential("impossible", x * np.nan)
    with pytest.raises(SamplingError, match="sampler stopped"):
        sample(model, SETTINGS, 0, ignore)


class FakeSampler:
    """A running sampler whose wait ends in an exception."""

    def __init__(self, error: BaseException) -> None:
        self.error = error
        self.is_cancelled = False

    def wait(self) -> None:
        raise self.error

    def cancel(self) -> None:
        self.is_cancelled = True


def run_with(
    monkeypatch: pytest.MonkeyPatch,
    fake: FakeSampler,
    settings: SamplerConfig = SETTINGS,
    on_progress: OnProgress = ignore,
) -> dict[str, Any]:
    """Sample with a fake sampler; the options that it was started with."""
    options: dict[str, Any] = {}

    def start(compiled: object, **given: Any) -> FakeSampler:
        options.update(given)
        return fake

    nothing_compiled = SimpleNamespace(compile_pymc_model=lambda model, var_names: var_names, sample=start)
    monkeypatch.setattr(sampling, "nutpie", nothing_compiled)
    with pytest.raises(type(fake.error)):
        sample(tiny_model(), settings, 11, on_progress)
    return options


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(143)])
def test_an_interruption_cancels_the_chains(error: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeSampler(error)
    run_with(monkeypatch, fake)
    assert fake.is_cancelled


def test_settings_reach_the_sampler(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = SamplerConfig(draws=7, tune=5, chains=1, target_accept=0.97)
    options = run_with(monkeypatch, FakeSampler(KeyboardInterrupt()), settings)
    expected = {"draws": 7, "tune": 5, "chains": 1, "cores": 1, "seed": 11, "target_accept": 0.97, "save_warmup": False}
    assert expected.items() <= options.items()


def test_progress_counts_all_chains(monkeypatch: pytest.MonkeyPatch) -> None:
    reports: list[tuple[float, str]] = []
    options = run_with(
        monkeypatch, FakeSampler(KeyboardInterrupt()), SETTINGS, lambda share, detail: reports.append((share, detail))
    )
    chains = [
        SimpleNamespace(finished_draws=30, total_draws=140, divergences=2, step_size=0.5),
        SimpleNamespace(finished_draws=40, total_draws=140, divergences=1, step_size=0.25),
    ]
    options["progress_callback"](chains)
    options["progress_callback"]([])
    assert reports == [
        (0.25, "70 of 280 draws, 3 divergences, step size 0.25"),
        (0.0, "0 of 0 draws, 0 divergences, step size 0"),
    ]
