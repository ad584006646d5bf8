"""Baselines through `fit`: prior only where labels are few, better than the prior where they are many."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import numpy as np
import pymc as pm
import pytest
from assignment_problems import tiny_problem, with_labels
from scipy.optimize import minimize
from simulated_problem import TRUTH, simulate_peaks, within_rt_window

from compassign.config import ModelName, RunConfig, SamplerConfig
from compassign.inference import fitting
from compassign.inference.draws import Draws, ModelFit
from compassign.models.problem import AssignmentProblem
from compassign.progress import Progress, SilentProgress
from compassign.units import BoolArray, FloatArray, IntArray

RARE = np.array(-2.5)  # of the library's compounds, fewer are there than the baselines' priors expect
TRAINED: tuple[ModelName, ...] = ("softmax", "calibrated")


def posterior_mode(model: pm.Model, settings: SamplerConfig, seed: int, progress: Progress) -> Draws:
    """Stands in for the sampler: the mode, four times in two chains. Compiling a sampler would take half a minute."""
    start = model.initial_point()
    shapes = {name: value.shape for name, value in start.items()}
    free = model.continuous_value_vars
    graphs = [model.logp(), model.dlogp(), *model.replace_rvs_by_values(model.free_RVs)]
    function = model.compile_fn(graphs, inputs=free, point_fn=False, mode="FAST_COMPILE")
    sizes = [int(np.prod(shapes[value.name])) for value in free]

    def unpack(flat: FloatArray) -> list[FloatArray]:
        parts = np.split(flat, np.cumsum(sizes)[:-1])
        return [part.reshape(shapes[value.name]) for part, value in zip(parts, free, strict=True)]

    def negative(flat: FloatArray) -> tuple[float, FloatArray]:
        log_density, gradient, *_ = function(*unpack(flat))
        return -float(log_density), -np.asarray(gradient)

    flat_start = np.concatenate([np.ravel(start[value.name]) for value in free])
    found = minimize(negative, flat_start, jac=True, method="L-BFGS-B")
    values = function(*unpack(found.x))[2:]
    names = [variable.name for variable in model.free_RVs]
    repeated = {
        name: np.broadcast_to(value, (2, 4, *np.shape(value))).copy() for name, value in zip(names, values, strict=True)
    }
    return Draws(repeated, np.zeros((2, 4), dtype=np.bool_), np.zeros((2, 4)), 0.0)


@cache
def half_labelled() -> tuple[AssignmentProblem, IntArray, BoolArray]:
    """Simulated peaks, the slot that each is, and which half of them has no label."""
    rng = np.random.default_rng(4)
    simulated = within_rt_window(simulate_peaks(rng, truth={**TRUTH, "alpha": RARE}))
    held_out = rng.random(simulated.problem.n_peaks) < 0.5
    labels = {
        int(peak): [int(simulated.problem.compound[slot])] if slot >= 0 else []
        for peak, slot in enumerate(simulated.slot_of_peak.tolist())
        if not held_out[peak]
    }
    return with_labels(simulated.problem, labels), simulated.slot_of_peak, held_out


def log_loss(fitted: ModelFit) -> float:
    """Mean -log probability of the truth over the peaks without a label."""
    problem, slot_of_peak, held_out = half_labelled()
    block = fitted.source.block(slice(0, problem.n_peaks))
    of_truth = np.where(slot_of_peak >= 0, block.slot.mean(axis=0)[slot_of_peak], block.null.mean(axis=0))
    return float(-np.log(of_truth[held_out]).mean())


def fit_as(model: ModelName, problem: AssignmentProblem, mode: str = "posterior") -> ModelFit:
    settings: Mapping[str, object] = {"model": model, "mode": mode, "seed": 5}
    return fitting.fit(problem, RunConfig.model_validate(settings), SilentProgress())


def test_labels_improve_what_calibrated_says_of_other_peaks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its posterior is narrow and single-peaked: the mode is as good as draws."""
    monkeypatch.setattr(fitting, "sample", posterior_mode)
    problem, _, _ = half_labelled()
    assert log_loss(fit_as("calibrated", problem)) < log_loss(fit_as("calibrated", problem, "prior")) - 0.02


# Compiling the sampler takes most of the time; the mode of a presence for each compound would not be its posterior.
@pytest.mark.slow
@pytest.mark.xdist_group("recovery")
def test_labels_improve_what_softmax_says_of_other_peaks() -> None:
    problem, _, _ = half_labelled()
    settings = SamplerConfig(draws=200, tune=300, chains=2)
    fitted = fitting.fit(problem, RunConfig(model="softmax", sampler=settings, seed=5), SilentProgress())
    assert log_loss(fitted) < log_loss(fit_as("softmax", problem, "prior")) - 0.01
    assert fitted.draws is not None
    assert fitted.draws.values["log_null"].mean() > 0.3  # the prior's is 0


@pytest.mark.parametrize("model", TRAINED)
def test_form_of_a_trained_fit(model: ModelName, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fitting, "sample", posterior_mode)
    problem, _, _ = half_labelled()
    fitted = fit_as(model, problem)
    block = fitted.source.block(slice(0, 10))
    assert (fitted.variable, fitted.source.n_chains, fitted.source.n_draws) == ("p", 2, 4)
    assert block.slot.shape == (8, problem.offsets[10])
    assert fitted.draws is not None
    assert set(fitted.hyperparameters) <= set(fitted.draws.values)
    assert {name: sd.shape for name, sd in fitted.prior_sd.items()} == {
        name: fitted.draws.values[name].shape[2:] for name in fitted.hyperparameters
    }
    assert all((sd > 0).all() for sd in fitted.prior_sd.values())
    labelled = np.flatnonzero(problem.is_labelled & ~problem.null_allowed)
    null = fitted.source.block(slice(0, problem.n_peaks)).null
    assert (null[:, labelled] == 0).all()


@pytest.mark.parametrize("model", TRAINED)
@pytest.mark.parametrize(("n_labels", "is_prior_only"), [(19, True), (20, False)])
def test_fewer_than_20_labels_leave_the_prior(
    model: ModelName, n_labels: int, is_prior_only: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fitting, "sample", posterior_mode)
    problem, slot_of_peak, _ = half_labelled()
    peaks = np.flatnonzero(np.diff(problem.offsets) > 0)[:n_labels].tolist()  # a label of no candidate teaches nothing
    labels = {peak: [problem.compound[slot_of_peak[peak]]] if slot_of_peak[peak] >= 0 else [] for peak in peaks}
    fitted = fit_as(model, with_labels(problem, labels))
    assert fitted.is_prior_only == is_prior_only
    assert (fitted.draws is None) == is_prior_only


@pytest.mark.parametrize("model", ["softmax", "calibrated", "lookup"])
def test_prior_mode_does_not_sample(model: ModelName, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(fitting, "sample")
    fitted = fit_as(model, tiny_problem({0: [1]}), "prior")
    block = fitted.source.block(slice(0, 5))
    assert fitted.variable == "p"
    assert fitted.draws is None
    assert fitted.unlisted is None
    assert block.slot[0, :3].tolist() == [0.0, 1.0, 0.0]
    assert (block.null >= 0).all()


def test_lookup_is_no_prior() -> None:
    """Nothing of it could be fitted."""
    assert not fit_as("lookup", tiny_problem()).is_prior_only
