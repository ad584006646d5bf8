"""The one function that samples: No-U-Turn sampling with progress as it goes, and a clean stop."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import nutpie
import pymc as pm

from compassign.config import SamplerConfig
from compassign.errors import RunCancelledError, SamplingError
from compassign.inference.draws import Draws
from compassign.inference.native import POSITION, NativeModel, compile_model, labels_of
from compassign.progress import Progress
from compassign.sampling_progress import ChainProgress, SamplingProgress
from compassign.units import FloatArray

Adaptation = Literal["draw_diag", "low_rank"]
_MAX_DEPTH = 7  # 127 steps a draw: settled chains need 63, and more only lengthens the start, far out and badly scaled
_POLL_S = 0.02  # how long a finished or cancelled run may go unnoticed
_REPORT_MS = 250


def sample(
    model: pm.Model | NativeModel,
    settings: SamplerConfig,
    seed: int,
    progress: Progress,
    adaptation: Adaptation = "draw_diag",
) -> Draws:
    """Draw from a model's posterior; the same seed, model, data and versions give the same draws.

    model : a compiled one is sampled as it is. adaptation : form of the mass matrix of nutpie. `draw_diag` takes the
    variance of draws alone: gradients beside it misjudge effects that peaks bound on one side and the prior on the
    other. `low_rank` is for small posteriors with strong correlations.

    Raises SamplingError where no chain can start or a chain dies, RunCancelledError where `progress` was cancelled. An
    interruption stops the chains; in either case nothing is kept.
    """
    started = time.perf_counter()
    if settings.backend == "pymc" and isinstance(model, pm.Model):
        tree, values = _run_pymc(model, settings, seed, progress)
    else:
        native = compile_model(model) if isinstance(model, pm.Model) else model
        tree = _run_nutpie(native, settings, seed, progress, adaptation)
        values = native.constrain(tree["posterior"][POSITION].to_numpy().astype(np.float64))
    statistics = tree["sample_stats"]
    return Draws(
        values=values,
        is_divergent=statistics["diverging"].to_numpy().astype(np.bool_),
        energy=statistics["energy"].to_numpy().astype(np.float64),
        sampling_s=time.perf_counter() - started,
        labels=labels_of(model) if isinstance(model, pm.Model) else model.labels,
    )


def _run_nutpie(
    model: NativeModel, settings: SamplerConfig, seed: int, progress: Progress, adaptation: Adaptation
) -> Any:
    """Run the chains in the background and wait for them, so that a cancellation or an interruption can stop them."""
    sampler = nutpie.sample(
        model.for_nutpie(),
        draws=settings.draws,
        tune=settings.tune,
        chains=settings.chains,
        cores=min(settings.chains, os.cpu_count() or 1),
        seed=seed,
        adaptation=adaptation,
        target_accept=settings.target_accept,
        maxdepth=_MAX_DEPTH,
        save_warmup=False,
        progress_bar=False,
        progress_callback=_reporter(progress),
        progress_rate=_REPORT_MS,
        blocking=False,
    )
    try:
        while not _is_finished(sampler):
            progress.check()
            time.sleep(_POLL_S)
        return sampler.wait()
    except RuntimeError as error:
        raise SamplingError(f"the sampler stopped: {error}") from error
    except BaseException:
        sampler.cancel()
        raise


def _is_finished(sampler: Any) -> bool:
    """Whether all chains have ended; nutpie answers "not yet" by an exception."""
    try:
        return bool(sampler.is_finished)
    except TimeoutError:
        return False


def _reporter(progress: Progress) -> Callable[[list[Any]], None]:
    """What nutpie calls from its own thread with the state of its chains."""
    started = time.perf_counter()

    def report(chains: list[Any]) -> None:
        states = tuple(
            ChainProgress(
                index, chain.finished_draws, chain.total_draws, chain.tuning, chain.divergences, chain.step_size
            )
            for index, chain in enumerate(chains)
        )
        share = SamplingProgress(states, None).share
        eta = (time.perf_counter() - started) * (1.0 - share) / share if share else None
        progress.sampling(SamplingProgress(states, eta))

    return report


def _run_pymc(
    model: pm.Model, settings: SamplerConfig, seed: int, progress: Progress
) -> tuple[Any, dict[str, FloatArray]]:
    """PyMC's own sampler, for machines that nutpie does not run on: slower, and silent until it ends.

    An interrupted sampler of PyMC returns what it has; that is no result and counts as cancelled.
    """
    progress.check()
    try:
        tree = pm.sample(
            draws=settings.draws,
            tune=settings.tune,
            chains=settings.chains,
            cores=min(settings.chains, os.cpu_count() or 1),
            random_seed=seed,
            target_accept=settings.target_accept,
            nuts_sampler="pymc",
            progressbar=False,
            compute_convergence_checks=False,
            model=model,
        )
    except (RuntimeError, pm.exceptions.SamplingError) as error:
        raise SamplingError(f"the sampler stopped: {error}") from error
    posterior = tree["posterior"]
    values = {str(v.name): posterior[v.name].to_numpy().astype(np.float64) for v in model.free_RVs}
    if (posterior.sizes["chain"], posterior.sizes["draw"]) != (settings.chains, settings.draws):
        raise RunCancelledError("the sampler was interrupted")
    return tree, values
