"""The one function that samples: No-U-Turn sampling by nutpie, with progress and a clean stop."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import nutpie
import pymc as pm

from compassign.config import SamplerConfig
from compassign.errors import SamplingError
from compassign.units import BoolArray, FloatArray

Adaptation = Literal["diag", "low_rank"]
OnProgress = Callable[[float, str], None]
"""Called with the finished share (0 to 1) and a line of detail, from another thread."""


@dataclass(frozen=True)
class Draws:
    """Posterior draws of the free variables.

    values : name -> (n_chains, n_draws, ...). is_divergent : (n_chains, n_draws). compile_s, sampling_s : wall-clock
    seconds.
    """

    values: Mapping[str, FloatArray]
    is_divergent: BoolArray
    compile_s: float
    sampling_s: float

    @property
    def n_chains(self) -> int:
        """Number of chains."""
        return int(self.is_divergent.shape[0])

    def flat(self) -> dict[str, FloatArray]:
        """The draws of all chains in a row: name -> (n_chains * n_draws, ...)."""
        return {name: value.reshape(-1, *value.shape[2:]) for name, value in self.values.items()}


def sample(
    model: pm.Model, settings: SamplerConfig, seed: int, on_progress: OnProgress, adaptation: Adaptation = "diag"
) -> Draws:
    """Draw from a model's posterior; the same seed, model, data and versions give the same draws.

    adaptation : form of the mass matrix; `low_rank` for small posteriors with strong correlations.

    Raises SamplingError where no chain can start or a chain dies. An interruption stops the chains and keeps nothing.
    """
    started = time.perf_counter()
    compiled = nutpie.compile_pymc_model(model, var_names=[variable.name for variable in model.free_RVs])
    compiled_at = time.perf_counter()
    tree = _run(compiled, settings, seed, on_progress, adaptation)
    names = [str(variable.name) for variable in model.free_RVs]
    posterior = tree["posterior"]
    return Draws(
        values={name: posterior[name].to_numpy().astype(np.float64) for name in names},
        is_divergent=tree["sample_stats"]["diverging"].to_numpy().astype(np.bool_),
        compile_s=compiled_at - started,
        sampling_s=time.perf_counter() - compiled_at,
    )


def _run(compiled: Any, settings: SamplerConfig, seed: int, on_progress: OnProgress, adaptation: Adaptation) -> Any:
    """Run the chains in the background and wait for them, so that an interruption can stop them."""

    def report(chains: list[Any]) -> None:
        done = sum(chain.finished_draws for chain in chains)
        total = sum(chain.total_draws for chain in chains)
        divergences = sum(chain.divergences for chain in chains)
        step = min((chain.step_size for chain in chains), default=0.0)
        on_progress(done / max(total, 1), f"{done} of {total} draws, {divergences} divergences, step size {step:.3g}")

    sampler = nutpie.sample(
        compiled,
        draws=settings.draws,
        tune=settings.tune,
        chains=settings.chains,
        cores=min(settings.chains, os.cpu_count() or 1),
        seed=seed,
        adaptation=adaptation,
        target_accept=settings.target_accept,
        save_warmup=False,
        progress_bar=False,
        progress_callback=report,
        progress_rate=500,
        blocking=False,
    )
    try:
        return sampler.wait()
    except RuntimeError as error:
        raise SamplingError(f"the sampler stopped: {error}") from error
    except BaseException:
        sampler.cancel()
        raise
