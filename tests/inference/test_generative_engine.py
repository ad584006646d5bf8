"""The compiled generative model: what is handed to the sampler, and what becomes of its draws."""

from __future__ import annotations

from typing import Any

import numpy as np
import pymc as pm
import pytest
from assignment_problems import random_values, tiny_problem

from compassign.config import SamplerConfig
from compassign.inference import fitting
from compassign.inference.draws import Draws
from compassign.inference.fitting import GenerativeEngine
from compassign.inference.native import NativeModel, Start
from compassign.models.generative import build_generative_model, default_terms
from compassign.progress import SilentProgress

TERMS = default_terms()


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> GenerativeEngine:
    """Of an engine that compiled for the tiny problem, all but the machine code."""

    def swapped(native: NativeModel, model: pm.Model) -> tuple[str, pm.Model]:
        return ("swapped", model)

    monkeypatch.setattr(NativeModel, "with_model", swapped)
    native = NativeModel((), {}, {}, np.zeros(0), np.ones(0), Start(lambda seed: {}, {}), None, None)
    return GenerativeEngine(TERMS, native, {"alpha": np.asarray(2.0)}, tiny_problem())


def draws(rng: np.random.Generator) -> Draws:
    flat = random_values(tiny_problem(), TERMS.all, rng, 6)
    values = {name: value.reshape(2, 3, *value.shape[1:]) for name, value in flat.items()}
    return Draws(values, np.zeros((2, 3), dtype=np.bool_), np.zeros((2, 3)), 1.0)


@pytest.mark.parametrize("backend", ["nutpie", "pymc"])
def test_each_sampler_gets_what_it_can_sample(
    backend: str, engine: GenerativeEngine, monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator
) -> None:
    """Machine code with the data of the problem for nutpie, the model itself for PyMC."""
    given: list[Any] = []
    settings = SamplerConfig.model_validate({"backend": backend})
    found = draws(rng)

    def sample(*arguments: Any) -> Draws:
        given.extend(arguments)
        return found

    monkeypatch.setattr(fitting, "sample", sample)
    progress = SilentProgress()
    fitted = engine.fit(tiny_problem({0: [1]}), settings, 4, progress)
    model = given[0]
    if backend == "nutpie":
        tag, model = model
        assert tag == "swapped"
    names = [variable.name for variable in build_generative_model(tiny_problem(), TERMS).free_RVs]
    assert [variable.name for variable in model.free_RVs] == names
    assert model["peak_statements"].get_value().tolist() == [0, 1, 1, 1, 1, 1]  # the label is in its data
    assert given[1:] == [settings, 4, progress]
    assert fitted.draws is found
    assert fitted.prior_sd == engine.prior_sd


def test_draws_become_responsibilities_of_the_labels_they_were_fitted_to(
    engine: GenerativeEngine, rng: np.random.Generator
) -> None:
    fitted = engine.describe(tiny_problem({0: [1], 1: []}), draws(rng))
    assert (fitted.variable, fitted.is_prior_only) == ("r", False)
    assert (fitted.source.n_chains, fitted.source.n_draws) == (2, 3)
    block = fitted.source.block(slice(0, 5))
    assert (block.slot[:, :3] == [0.0, 1.0, 0.0]).all()
    assert block.null[:, 1] == pytest.approx(1.0)
    assert fitted.unlisted is not None
    assert (fitted.unlisted(0.3).block(slice(2, 3)).null > block.null[:, 2:3]).all()
    assert "alpha" in fitted.hyperparameters
