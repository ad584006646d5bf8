"""How the cost of a gradient grows with the table, and what it takes to summarise the responsibilities of a large one.

Made-up peaks with ten candidates each (seeded): ions of one to three isomers, as libraries have them.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from compassign.chemistry.families import Family
from compassign.inference.fitting import generative_source
from compassign.models.fused.kernel import value_and_gradient
from compassign.models.fused.layout import lay_out
from compassign.models.fused.records import MixtureData, MixtureParameters
from compassign.models.generative import prior_location, terms_of
from compassign.models.problem import AssignmentProblem
from compassign.posterior.joint import JointSampler, Sinks
from compassign.posterior.responsibilities import summarise
from compassign.posterior.trace import TraceLayout, TraceWriter
from compassign.units import FloatArray

SEED = 21
N_CANDIDATES = 10
N_CHAINS = 4
WINDOW_PPM = 15.0
GRADIENT_MIN = 20.0
PEAKS_PER_INJECTION = 2000
ADDUCTS = ("[M+H]+", "[M+Na]+", "[M+K]+")
TRACE_MB = 256
BEST_OF = 5  # the fastest is disturbed least by what else the machine does
BYTES_PER_KIB = 1024
BYTES_PER_GB = 1e9
LIMIT_GB = 3.0


def draw_problem(n_peaks: int, rng: np.random.Generator) -> AssignmentProblem:
    """Draw peaks of three species with N_CANDIDATES candidates each; a twentieth of them has a label."""
    n_slots, n_groups = n_peaks * N_CANDIDATES, max(n_peaks // 10, 20)
    peak = np.repeat(np.arange(n_peaks), N_CANDIDATES)
    # ions of 1 to 3 isomers until a peak has its candidates: a new ion begins where the last one is full
    begins = rng.random((n_peaks, N_CANDIDATES)) < 0.5
    begins[:, 0] = True
    begins[:, 3:] |= ~(begins[:, 2:-1] | begins[:, 1:-2])  # three in a row at most
    ion = np.cumsum(begins.ravel()) - 1
    n_ions = int(ion[-1]) + 1
    group = rng.integers(0, n_groups, n_ions)[ion]
    compound = 3 * group + (np.arange(n_slots) - np.flatnonzero(begins.ravel())[ion])
    rt_min = rng.uniform(0.0, GRADIENT_MIN, n_peaks)
    sd = np.where(rng.random(n_slots) < 0.5, 0.05, 0.5)
    residual = rng.standard_t(4, n_slots) * np.hypot(sd, 0.08)
    predicted = np.where(rng.random(n_slots) < 0.1, np.nan, rt_min[peak] - residual)
    n_injections = max(n_peaks // PEAKS_PER_INJECTION, 2)
    is_labelled = rng.random(n_peaks) < 0.05
    labelled = is_labelled[peak]
    return AssignmentProblem(
        offsets=np.arange(n_peaks + 1) * N_CANDIDATES,
        peak_of_slot=peak,
        compound=compound,
        isobar_group=group,
        adduct=rng.integers(0, len(ADDUCTS), n_ions)[ion],
        family=rng.integers(0, len(Family), n_ions)[ion],
        species=rng.integers(0, 3, n_peaks)[peak],
        injection=rng.integers(0, n_injections, n_peaks)[peak],
        ppm_error=rng.uniform(-WINDOW_PPM, WINDOW_PPM, n_ions)[ion],
        rt_z=residual / np.hypot(sd, 0.08),
        rt_pred_min=predicted,
        rt_pred_sd_min=sd,
        rt_min=rt_min,
        log_rt_density=np.full(n_peaks, -np.log(GRADIENT_MIN)),
        is_known_in=rng.random(n_slots) < 0.3,
        slot_allowed=~labelled | (np.arange(n_slots) % N_CANDIDATES == 0),
        null_allowed=~is_labelled,
        is_labelled=is_labelled,
        mass_window_ppm=WINDOW_PPM,
        rt_noise_min=0.08,
        unlisted_share=0.1,
        adduct_names=ADDUCTS,
        species_names=("kidney", "liver", "plasma"),
        injection_names=tuple(f"{index} positive" for index in range(n_injections)),
    )


def parameters(problem: AssignmentProblem, data: MixtureData, rng: np.random.Generator) -> MixtureParameters:
    """Draw parameters near the prior's location."""
    n_laws = data.peak_law.max() + 1
    return MixtureParameters(
        species_effect=rng.normal(-1.0, 0.5, len(problem.species_names)),
        group_effect=rng.normal(0.0, 1.0, problem.groups_in_play[0].size),
        ion_effect=rng.normal(-1.0, 0.5, int(data.ion_kind.max()) + 1),
        known_effect=np.asarray(1.0),
        mass_offset_ppm=rng.normal(0.0, 1.0, n_laws),
        mass_log_scale=rng.normal(np.log(3.0), 0.2, n_laws),
        rt_noise_min=np.asarray(0.08),
        rt_drift_min=rng.normal(0.0, 0.05, n_laws),
        reliability=np.ones(1),
        extra=np.zeros(0),
    )


def gradient_s(problem: AssignmentProblem, rng: np.random.Generator) -> float:
    """Seconds of one value and gradient of the fused kernel."""
    data = lay_out(problem, True)[0]
    values = parameters(problem, data, rng)
    value_and_gradient(data, values)  # compiles, and fills the caches
    n_calls = max(1, 2_000_000 // problem.n_slots)
    best = np.inf
    for _ in range(BEST_OF):
        started = time.perf_counter()
        for _ in range(n_calls):
            value_and_gradient(data, values)
        best = min(best, (time.perf_counter() - started) / n_calls)
    return float(best)


def draw_values(problem: AssignmentProblem, n_draws: int, rng: np.random.Generator) -> dict[str, FloatArray]:
    """Draw from around the prior's location, as a posterior of every free variable."""
    values = {}
    for name, centre in prior_location(problem, terms_of(problem)).items():
        noise = rng.normal(0.0, 0.05, (n_draws, *centre.shape[1:]))
        values[name] = centre * np.exp(noise) if "_sd" in name or name == "rt_noise_min" else centre + noise
    return values


def summarise_large(n_peaks: int, n_draws: int) -> dict[str, float]:
    """Summarise all responsibilities, write their trace and draw joint sources, as a run does.

    Returns seconds, and the process's peak memory before and after.
    """
    rng = np.random.default_rng(SEED)
    problem = draw_problem(n_peaks, rng)
    values = draw_values(problem, n_draws, rng)
    source = generative_source(problem, terms_of(problem), values, (N_CHAINS, n_draws // N_CHAINS))
    peak_ids = np.array([f"P{index:06d}" for index in range(n_peaks)], dtype=np.str_)
    layout = TraceLayout(
        variable="r",
        n_chains=N_CHAINS,
        n_draws=n_draws // N_CHAINS,
        offsets=problem.offsets,
        peak_id=peak_ids,
        slot_compound=np.char.add("C", problem.compound.astype(np.str_)),
        slot_adduct=np.array(ADDUCTS, dtype=np.str_)[problem.adduct],
        max_r_mb=TRACE_MB,
    )
    before = peak_gb()
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder, TraceWriter(Path(folder) / "trace.nc", layout) as writer:
        sinks = Sinks((writer, JointSampler(problem.offsets, problem.compound, rng)))
        summarise(source, layout.peak_id, layout.slot_compound, sinks, lambda share: None)
    return {"wall_s": time.perf_counter() - started, "before_gb": before, "peak_gb": peak_gb()}


def peak_gb() -> float:
    """Return the largest resident memory of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * BYTES_PER_KIB / BYTES_PER_GB


def in_own_process(n_peaks: int, n_draws: int) -> dict[str, float]:
    """Run `summarise_large` in a process of its own, whose memory nothing else has grown."""
    command = [sys.executable, __file__, "--summarise", str(n_peaks), str(n_draws)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return dict(json.loads(done.stdout))


def main() -> None:
    """Print a table, then one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fast", action="store_true", help="a tenth of the peaks and half of the draws")
    parser.add_argument("--summarise", nargs=2, type=int, metavar=("PEAKS", "DRAWS"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.summarise:
        print(json.dumps(summarise_large(*options.summarise)))
        return
    sizes = [1_000, 3_000, 10_000] if options.fast else [1_000, 3_000, 10_000, 30_000, 100_000]
    n_draws = 500 if options.fast else 1000
    seconds = []
    print(f"{'peaks':>8} {'slots':>10} {'gradient ms':>12} {'ns per slot':>12}")
    for n_peaks in sizes:
        rng = np.random.default_rng(SEED)
        problem = draw_problem(n_peaks, rng)
        seconds.append(gradient_s(problem, rng))
        per_slot = seconds[-1] / problem.n_slots * 1e9
        print(f"{n_peaks:>8,} {problem.n_slots:>10,} {seconds[-1] * 1e3:>12.3f} {per_slot:>12.1f}")
    slots = np.array(sizes) * N_CANDIDATES
    slope = float(np.polyfit(np.log(slots), np.log(seconds), 1)[0])
    print(f"log-log slope of time against slots: {slope:.3f}")
    large = in_own_process(sizes[-1], n_draws)
    print(
        f"responsibilities of {sizes[-1]:,} peaks x {N_CANDIDATES} candidates x {n_draws:,} draws: "
        f"{large['wall_s']:.0f} s, {large['peak_gb']:.2f} GB at most ({large['before_gb']:.2f} GB before), "
        f"limit {LIMIT_GB:g} GB"
    )
    ns_per_slot = {str(n): round(s / n * 1e9, 2) for n, s in zip(slots.tolist(), seconds, strict=True)}
    figures = {name: round(value, 2) for name, value in large.items()}
    document = {"benchmark": "scale", "seed": SEED, "slope": round(slope, 3), "ns_per_slot": ns_per_slot, **figures}
    print(json.dumps(document))


if __name__ == "__main__":
    main()
