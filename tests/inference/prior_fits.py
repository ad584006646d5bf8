"""Data sets drawn from the model and its prior, each with its posterior: one compilation serves all of a structure."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import numpy as np
from prior_peaks import Replication, World, draw_replication

from compassign.config import SamplerConfig
from compassign.inference.draws import ModelFit
from compassign.inference.fitting import GenerativeEngine, compile_generative
from compassign.models.generative import terms_of
from compassign.progress import SilentProgress


def fitted_replications(
    world: World, n_replications: int, settings: SamplerConfig, seed: int
) -> Iterator[tuple[Replication, ModelFit, np.random.Generator]]:
    """Draw data sets and fit each; compiles at the first of a number of groups.

    Yields the data set, its fit, and the generator that the data set was drawn with.
    """
    for index in range(n_replications):
        rng = np.random.default_rng([seed, index])
        replication = draw_replication(rng, world)
        yield replication, _engine(world.n_groups).fit(replication.problem, settings, index, SilentProgress()), rng


@cache
def _engine(n_groups: int) -> GenerativeEngine:
    problem = draw_replication(np.random.default_rng(0), World(n_groups=n_groups)).problem
    return compile_generative(problem, terms_of(problem), seed=0)
