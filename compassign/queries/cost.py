"""What a run will take before it is started: time, memory and disk, and where these figures come from."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from compassign.config import ModelName, RunConfig, read_record
from compassign.errors import InputError
from compassign.queries.run_folder import METRICS_FILE
from compassign.runs import RUNS, WORKING_SPACE_MB, is_complete

MAX_COMPARED = 20  # newest runs that are looked at: older ones say less about this machine
START_S = 6.0  # importing the numerical packages, before the first stage is timed
_SAMPLED_STAGES = ("fit", "responsibilities")
_BYTES_PER_MB = 1_000_000
_SECONDS_PER_MIN = 60.0
_MIN_PER_HOUR = 60.0


@dataclass(frozen=True)
class Speed:
    """What a run of one model takes: fixed_s + per_step_s x work; work : see `work`."""

    fixed_s: float
    per_step_s: float


@dataclass(frozen=True)
class Cost:
    """What a run probably takes; based_on : where the figures come from, for a person."""

    minutes: float
    memory_gb: float
    disk_mb: int
    based_on: str

    @property
    def time(self) -> str:
        """The time in words, as exact as an estimate is."""
        if self.minutes < 1.0:
            return f"{max(10, round(self.minutes * 6) * 10)} s"
        return f"{self.minutes:.0f} min" if self.minutes < _MIN_PER_HOUR else f"{self.minutes / _MIN_PER_HOUR:.1f} h"


# Quick runs on 2 cores. generative, lookup and what is fixed: table of benchmarks/accuracy.py in docs/benchmarks.md
# (whole commands on 845 to 8,911 peaks). Steps of softmax, calibrated: the demonstration of 988 peaks, run once.
MEASURED: dict[ModelName, Speed] = {
    "generative": Speed(fixed_s=24.0, per_step_s=1.1e-5),
    "lookup": Speed(fixed_s=20.0, per_step_s=1e-4),
    "softmax": Speed(fixed_s=20.0, per_step_s=2.6e-6),
    "calibrated": Speed(fixed_s=20.0, per_step_s=2.3e-5),
}
# Largest resident memory of the same runs (GB): a floor, and what peaks add to it.
MEMORY_GB: dict[ModelName, float] = {"generative": 0.63, "lookup": 0.45, "softmax": 0.60, "calibrated": 0.63}
MEMORY_GB_PER_PEAK = 1.4e-5  # 0.61 GB with 845 peaks, 0.75 GB with 8,911 (benchmarks/accuracy.py)
BENCHMARK = "measurements on 2 cores (docs/benchmarks.md); your first finished run of this model replaces them"


def estimate(output: Path, config: RunConfig, n_peaks: int, cores: int | None = None) -> Cost:
    """What a run on a dataset of `n_peaks` peaks takes; cores : those of this machine unless given.

    From finished runs of the same model in `output`, else from measurements that come with the program.
    """
    cores = cores or os.cpu_count() or 1
    own = finished_speeds(output, config, cores)
    if own:
        speed = Speed(median(speed.fixed_s for speed in own), median(speed.per_step_s for speed in own))
        based_on = f"{len(own)} finished run{'s' if len(own) > 1 else ''} of this model in this workspace"
    else:
        speed, based_on = MEASURED[config.model], BENCHMARK
    seconds = speed.fixed_s + speed.per_step_s * work(config, n_peaks, cores)
    memory_gb = MEMORY_GB[config.model] + MEMORY_GB_PER_PEAK * n_peaks
    return Cost(seconds / _SECONDS_PER_MIN, memory_gb, config.max_r_mb + WORKING_SPACE_MB, based_on)


def total(costs: Sequence[Cost]) -> Cost:
    """What runs take that are computed one after another: memory is that of the largest."""
    return Cost(
        sum(cost.minutes for cost in costs),
        max((cost.memory_gb for cost in costs), default=0.0),
        sum(cost.disk_mb for cost in costs),
        "",
    )


def work(config: RunConfig, n_peaks: int, cores: int) -> float:
    """Peaks times draws that one core computes after another; without sampling, the peaks alone."""
    if config.model == "lookup" or config.mode == "prior":
        return float(n_peaks)
    rounds = -(-config.sampler.chains // cores)  # chains beyond the cores wait for the first to end
    return float(n_peaks * (config.sampler.tune + config.sampler.draws) * rounds)


def finished_speeds(output: Path, config: RunConfig, cores: int) -> list[Speed]:
    """Speeds of the newest complete runs of the same model, mode and sampler that can be read."""
    paths = [path for path in sorted((output / RUNS).glob("*"), reverse=True) if is_complete(path)]
    found = []
    for path in paths[:MAX_COMPARED]:
        try:
            made = read_record(path).config
            metrics = json.loads((path / METRICS_FILE).read_text(encoding="utf-8"))
            if (made.model, made.mode, made.sampler.backend) == (config.model, config.mode, config.sampler.backend):
                found.append(_speed(made, metrics, cores))
        except (InputError, OSError, ValueError, TypeError, KeyError, AttributeError, ZeroDivisionError):
            continue  # a run of another version still is no reason to give no estimate
    return found


def _speed(config: RunConfig, metrics: dict[str, Any], cores: int) -> Speed:
    runtime_s = {str(stage): float(seconds) for stage, seconds in metrics["runtime_s"].items()}
    sampled_s = sum(runtime_s[stage] for stage in _SAMPLED_STAGES)
    other_s = sum(runtime_s.values()) - sampled_s
    return Speed(START_S + other_s, sampled_s / work(config, int(metrics["n_peaks"]), cores))


def disk_problem(output: Path, costs: Sequence[Cost]) -> str:
    """Why the runs do not fit on the disk; "" if they do."""
    needed_mb = sum(cost.disk_mb for cost in costs)
    there = next((path for path in (output, *output.absolute().parents) if path.is_dir()), Path("/"))
    free_mb = shutil.disk_usage(there).free // _BYTES_PER_MB
    if free_mb >= needed_mb:
        return ""
    return f"{free_mb:,} MB are free where results are kept, but up to {needed_mb:,} MB may be needed: free some space"
