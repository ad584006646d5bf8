"""Effective draws per CPU-second of three ways to sample the generative model: same peaks, same prior, same posterior.

(a) PyMC's own sampler and (b) nutpie, both on the plain graph that the tests take as the reference, (c) ours: the
fused kernel in nutpie. Effective draws are the smallest bulk ESS over all hyperparameters; CPU seconds are those of
tuning and sampling, compilation apart. Every way runs in a process of its own, so that its peak memory is its own.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import nutpie
import pymc as pm
from arviz_stats.base import array_stats

from compassign.candidates import Windows, build_candidates
from compassign.config import SamplerConfig
from compassign.data.bundled import DEMO_SEED, demo_config
from compassign.data.load import build_dataset
from compassign.data.simulate import Simulation, simulate
from compassign.inference.native import NativeModel, compile_model
from compassign.inference.rt_stage import run_rt_stage
from compassign.inference.sampling import sample
from compassign.models.generative import (
    build_generative_model,
    build_reference_model,
    hyperparameters,
    terms_of,
)
from compassign.models.problem import AssignmentProblem, build_problem
from compassign.progress import SilentProgress
from compassign.units import FloatArray

SIZES, FAST_SIZES = (2_000, 10_000), (2_000,)
PEAKS_AN_INJECTION = 125  # of the medium demonstration, which has four species in two polarities
UNLISTED_SHARE = 0.1
TARGET_ACCEPT = 0.9
SLOW_DRAWS, DRAWS = 100, 500  # PyMC's sampler gets fewer: its rate does not depend on it, its price does
SLOW_CHAINS, CHAINS = 2, 4  # the smallest ESS of two chains varies by a third from seed to seed
N_TIMED = 300
BYTES_PER_GB = 1e9


@dataclass(frozen=True)
class Row:
    """One way at one size."""

    way: str
    n_peaks: int
    n_slots: int
    compile_s: float
    cpu_s: float
    ess: float
    ess_per_cpu_s: float
    max_rhat: float
    peak_gb: float
    ns_per_slot: float | None = None


def first_peaks(n_peaks: int) -> Simulation:
    """The first peaks of a medium demonstration with as many injections as it takes."""
    config = replace(demo_config("medium"), n_injections=int(np.ceil(n_peaks / 8 / PEAKS_AN_INJECTION)) + 1)
    simulation = simulate(config, np.random.default_rng(DEMO_SEED))
    tables = dict(simulation.tables)
    if len(tables["peaks"]) < n_peaks:
        raise SystemExit(f"{len(tables['peaks'])} peaks simulated, {n_peaks} needed")
    tables["peaks"] = tables["peaks"].iloc[:n_peaks]
    kept = set(tables["peaks"]["peak_id"])
    tables["truth"] = tables["truth"][tables["truth"]["peak_id"].isin(kept)]
    return replace(simulation, tables=tables)


def make_problem(n_peaks: int) -> AssignmentProblem:
    """What is asked of the model about `first_peaks`."""
    simulation = first_peaks(n_peaks)
    dataset = build_dataset(simulation.tables, simulation.meta, demo_config("medium").name)
    predictions = run_rt_stage(dataset, SamplerConfig(quick=True), 0, SilentProgress()).predictions
    candidates = build_candidates(dataset, predictions, Windows())
    return build_problem(dataset, candidates, predictions, UNLISTED_SHARE)


def cpu_s() -> float:
    """CPU seconds of this process and of its ended children."""
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def by_pymc(problem: AssignmentProblem) -> tuple[float, float, Mapping[str, FloatArray], float | None]:
    """PyMC's sampler on the plain graph; its compilation is that of `logp_dlogp_function`."""
    model = build_reference_model(problem, terms_of(problem))
    started = cpu_s()
    with model:
        model.logp_dlogp_function(ravel_inputs=True)
        compiled = cpu_s()
        tree = pm.sample(
            draws=SLOW_DRAWS,
            tune=SLOW_DRAWS,
            chains=SLOW_CHAINS,
            cores=1,
            random_seed=1,
            target_accept=TARGET_ACCEPT,
            nuts_sampler="pymc",
            progressbar=False,
            compute_convergence_checks=False,
        )
    compile_s = compiled - started
    values = {str(name): array.to_numpy() for name, array in tree["posterior"].data_vars.items()}
    return compile_s, cpu_s() - compiled, values, None


def by_nutpie(problem: AssignmentProblem) -> tuple[float, float, Mapping[str, FloatArray], float | None]:
    """Run nutpie on the plain graph, compiled by itself with numba."""
    started = cpu_s()
    compiled = nutpie.compile_pymc_model(build_reference_model(problem, terms_of(problem)))
    ready = cpu_s()
    tree = nutpie.sample(
        compiled,
        draws=DRAWS,
        tune=DRAWS,
        chains=CHAINS,
        cores=2,
        seed=1,
        target_accept=TARGET_ACCEPT,
        progress_bar=False,
        save_warmup=False,
    )
    sampled = cpu_s() - ready
    values = {str(name): array.to_numpy() for name, array in tree["posterior"].data_vars.items()}
    return ready - started, sampled, values, None


def by_fused(problem: AssignmentProblem) -> tuple[float, float, Mapping[str, FloatArray], float | None]:
    """Ours."""
    started = cpu_s()
    native = compile_model(build_generative_model(problem, terms_of(problem)))
    ready = cpu_s()
    settings = SamplerConfig(draws=DRAWS, tune=DRAWS, chains=CHAINS, target_accept=TARGET_ACCEPT)
    draws = sample(native, settings, 1, SilentProgress())
    sampled = cpu_s() - ready
    return ready - started, sampled, draws.values, ns_per_slot(native, problem.n_slots)


def ns_per_slot(native: NativeModel, n_slots: int) -> float:
    """Wall-clock of one value and gradient of the whole log density, per slot; the best of several batches."""
    best = np.inf
    for _ in range(5):
        started = time.perf_counter()
        for _ in range(N_TIMED):
            native.log_density(native.initial)
        best = min(best, (time.perf_counter() - started) / N_TIMED)
    return best * 1e9 / n_slots


WAYS: Mapping[str, Callable[[AssignmentProblem], Any]] = {
    "pymc_plain": by_pymc,
    "nutpie_plain": by_nutpie,
    "fused": by_fused,
}


def measure(way: str, n_peaks: int) -> Row:
    """One row, in the process that calls it."""
    problem = make_problem(n_peaks)
    compile_s, sampling_s, values, timed = WAYS[way](problem)
    names = hyperparameters(problem, terms_of(problem))
    scalars = [column for name in names for column in _columns(values[name])]
    ess = min(float(array_stats.ess(column, method="bulk")) for column in scalars)
    return Row(
        way=way,
        n_peaks=n_peaks,
        n_slots=problem.n_slots,
        compile_s=round(compile_s, 1),
        cpu_s=round(sampling_s, 2),
        ess=round(ess, 1),
        ess_per_cpu_s=round(ess / sampling_s, 3),
        max_rhat=round(max(float(array_stats.rhat(column)) for column in scalars), 3),
        peak_gb=round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / BYTES_PER_GB, 2),
        ns_per_slot=None if timed is None else round(timed, 1),
    )


def _columns(values: FloatArray) -> list[FloatArray]:
    """(n_chains, n_draws, ...) -> one (n_chains, n_draws) for each scalar."""
    flat = values.reshape(*values.shape[:2], -1)
    return [flat[:, :, index] for index in range(flat.shape[2])]


def main() -> None:
    """Print one line a way and size, the ratios, then one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fast", action="store_true", help=f"only {FAST_SIZES[0]:,} peaks")
    options = parser.parse_args()
    print(
        "peaks   way            slots   compile s   CPU s     ESS   ESS/CPU s   max R-hat   peak GB   ns/slot/gradient"
    )
    result: dict[str, dict[str, float | None]] = {}
    rows = []
    for n_peaks in FAST_SIZES if options.fast else SIZES:
        for way in WAYS:
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                row = pool.apply(measure, (way, n_peaks))
            rows.append(row)
            timed = "" if row.ns_per_slot is None else f"{row.ns_per_slot:.1f}"
            print(
                f"{n_peaks:<7} {way:<13} {row.n_slots:>6} {row.compile_s:>11} {row.cpu_s:>7} {row.ess:>7} "
                f"{row.ess_per_cpu_s:>11} {row.max_rhat:>11} {row.peak_gb:>9} {timed:>18}",
                flush=True,
            )
            result.setdefault(str(n_peaks), {})[way] = row.ess_per_cpu_s
        of_size = result[str(n_peaks)]
        of_size["ns_per_slot"] = rows[-1].ns_per_slot
        plain, pymc, fused = (of_size[way] or 0.0 for way in ("nutpie_plain", "pymc_plain", "fused"))
        print(
            f"        fused is {fused / plain:.1f} x nutpie and {fused / pymc:.1f} x PyMC on the plain graph",
            flush=True,
        )
    print(json.dumps({**result, "rows": [asdict(row) for row in rows]}))


if __name__ == "__main__":
    main()
