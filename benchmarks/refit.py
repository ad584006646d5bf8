"""Seconds from new labels to new responsibilities: 2,000 peaks, 2 chains of 250 kept draws.

The generative model is compiled and fitted once; then the least certain peaks are labelled with their most probable
compound and it is fitted again, from the draws of the first fit on. That no machine code is compiled meanwhile is
checked, not assumed. At the end the model without families of ions and without what follows intensity or m/z is fitted
to the same peaks: what these cost.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import replace

import numpy as np
from numba.core import event
from sampler import cpu_s, make_problem

from compassign.config import RunConfig, SamplerConfig
from compassign.inference.fitting import WarmGenerative, compile_generative
from compassign.models.generative import terms_of
from compassign.models.problem import AssignmentProblem
from compassign.posterior.assignments import SlotProbabilities
from compassign.posterior.responsibilities import mean_probabilities
from compassign.progress import SilentProgress

N_PEAKS, N_LABELS, N_REFITS = 2_000, 20, 3
SETTINGS = SamplerConfig(draws=250, tune=200, chains=2)


def label_least_certain(problem: AssignmentProblem, probabilities: SlotProbabilities, n: int) -> AssignmentProblem:
    """The problem with `n` more peaks labelled: those whose most probable slot is closest to one half."""
    best = np.full(problem.n_peaks, -1.0)
    np.maximum.at(best, problem.peak_of_slot, probabilities.slot)
    chosen = np.argsort(np.where(problem.is_labelled, np.inf, np.abs(best - 0.5)))[:n]
    slot_allowed, null_allowed = problem.slot_allowed.copy(), problem.null_allowed.copy()
    is_labelled = problem.is_labelled.copy()
    null_allowed[chosen], is_labelled[chosen] = False, True
    for peak in chosen.tolist():
        own = slice(problem.offsets[peak], problem.offsets[peak + 1])
        compound = problem.compound[own]
        slot_allowed[own] = compound == compound[np.argmax(probabilities.slot[own])]
    return replace(problem, slot_allowed=slot_allowed, null_allowed=null_allowed, is_labelled=is_labelled)


def refit(warm: WarmGenerative, problem: AssignmentProblem, seed: int) -> tuple[float, SlotProbabilities]:
    """Wall-clock seconds of one fit with its mean responsibilities."""
    started = time.perf_counter()
    fitted = warm.fit(problem, RunConfig(sampler=SETTINGS, seed=seed), SilentProgress())
    probabilities = mean_probabilities(fitted.source)
    return time.perf_counter() - started, probabilities


def sampling_cpu_s(problem: AssignmentProblem) -> float:
    """CPU seconds of sampling alone, on average over seeds."""
    engine = compile_generative(problem, terms_of(problem), seed=0)
    started = cpu_s()
    for seed in range(N_REFITS):
        engine.fit(problem, SETTINGS, seed, SilentProgress())
    return (cpu_s() - started) / N_REFITS


def plain(problem: AssignmentProblem) -> AssignmentProblem:
    """The problem without families of ions and without intensities and m/z."""
    return replace(problem, family=np.zeros_like(problem.family), intensity_level=None, mz_level=None)


def main() -> None:
    """Print the seconds of the first fit and of each refit, what the model costs, then one JSON object."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    problem = make_problem(N_PEAKS)
    started = time.perf_counter()
    warm = WarmGenerative(seed=0)
    warm.engine(problem)
    print(f"compile {time.perf_counter() - started:5.1f} s", flush=True)
    seconds, probabilities = refit(warm, problem, 0)
    print(f"fit     {seconds:5.1f} s", flush=True)
    times = []
    with event.install_recorder("numba:compile") as compilations:
        for index in range(N_REFITS):
            problem = label_least_certain(problem, probabilities, N_LABELS)
            seconds, probabilities = refit(warm, problem, index + 1)
            times.append(seconds)
            print(f"refit   {seconds:5.1f} s, {int(problem.is_labelled.sum())} labels", flush=True)
    if compilations.buffer:
        raise SystemExit("a refit compiled machine code")
    full_s, plain_s = sampling_cpu_s(problem), sampling_cpu_s(plain(problem))
    print(f"sampling {full_s:5.1f} s of CPU, the plain model {plain_s:5.1f} s: {full_s / plain_s:.2f} times")
    numbers = {"refit_s": round(max(times), 1), "times_plain": round(full_s / plain_s, 2)}
    print(json.dumps({"n_peaks": N_PEAKS, "n_slots": problem.n_slots, **numbers}))


if __name__ == "__main__":
    main()
