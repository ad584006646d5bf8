"""A stand-in for the pipeline, so that workers start fast and do what a test needs, and what tests ask of them."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from compassign.config import RunConfig
from compassign.jobs.launcher import start_queued
from compassign.store.records import RunRow
from compassign.store.runs import RunStore

# Read by every Python process of the test at its start; the seed says what the run does.
SITE = """
import importlib, json, subprocess, sys, time, types
from compassign.errors import InputError

def execute(config, staging, progress):
    with progress.stage("dataset"):
        if config.seed == 2:
            raise InputError(["peaks.csv row 3: mz = -1", "compounds.csv: missing"])
        if config.seed == 3:
            raise ValueError("a defect\\nin two lines")
    with progress.stage("fit"):
        progress.advance(0.5, "half of it")
        while config.seed == 1:
            progress.check()
            time.sleep(0.02)
        if config.seed == 4:  # deaf, with a child that samples
            import signal
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            subprocess.run([sys.executable, "-S", "-c", "import time; time.sleep(600)"])
    for name in ("models/assignment_trace.nc", "results/run.json", "results/assignment_metrics.json"):
        content = {"verdict": "converged", "dataset_hash": "d" * 64} if name.endswith("metrics.json") else {}
        (staging / name).write_text(json.dumps(content))
    return types.SimpleNamespace(verdict="converged", headline={}, notes=())

module = types.ModuleType("compassign.pipeline")
module.execute = execute
sys.modules["compassign.pipeline"] = module
"""
QUICK, ENDLESS, BAD_INPUT, DEFECT, DEAF = range(5)
DEADLINE_S = 25.0


def wait_for(store: RunStore, run_id: str, condition: Callable[[RunRow], bool]) -> RunRow:
    """The row as soon as it is as it should be."""
    until = time.monotonic() + DEADLINE_S
    while not condition(row := store.get(run_id)):
        assert time.monotonic() < until, row
        time.sleep(0.02)
    return row


def is_fitting(row: RunRow) -> bool:
    """Whether the stand-in is where it waits."""
    return row.stage == "fit"


def start(store: RunStore, output: Path, run_id: str) -> RunRow:
    """Start the queued run; its row when it is where it waits."""
    assert [row.id for row in start_queued(store, output, limit=1)] == [run_id]
    return wait_for(store, run_id, is_fitting)


def config(seed: int) -> RunConfig:
    """Configuration of a run that does what `seed` says."""
    return RunConfig(model="lookup", seed=seed)


def commanded(output: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Carry out `compassign` with these words."""
    program = "import sys; from compassign.cli import main; main(sys.argv[1:])"
    command = [sys.executable, "-c", program, *words, "--output", str(output)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
