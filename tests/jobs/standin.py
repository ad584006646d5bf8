"""A stand-in for the pipeline, so that workers start fast and do what a test needs, and what tests ask of them."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from compassign.config import RunConfig
from compassign.jobs.launcher import start_queued
from compassign.store.records import RunRow
from compassign.store.runs import RunStore
from compassign.store.schema import runs

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
        end = time.monotonic() + 300.0  # if the test itself was killed
        while config.seed == 1 and time.monotonic() < end:
            progress.check()
            time.sleep(0.02)
        while config.seed == 5 and not (staging.parents[2] / "go on").exists() and time.monotonic() < end:
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
QUICK, ENDLESS, BAD_INPUT, DEFECT, DEAF, SLOW = range(6)
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


def group_members(group: int) -> list[int]:
    """Processes of a group that run."""
    shown = subprocess.run(["ps", "-eo", "pid=,pgid=,stat="], capture_output=True, text=True, check=True).stdout
    rows = [line.split() for line in shown.splitlines()]
    return [int(pid) for pid, of, state in rows if int(of) == group and not state.startswith("Z")]


def wait_until_gone(group: int | None) -> None:
    """Wait until no process of the group runs."""
    assert group is not None
    until = time.monotonic() + DEADLINE_S
    while group_members(group):
        assert time.monotonic() < until
        time.sleep(0.05)


def fall_silent(store: RunStore, run_id: str, seconds: float) -> None:
    """Let the run be last heard of so long ago."""
    with store.engine.begin() as connection:
        then = datetime.now(UTC) - timedelta(seconds=seconds)
        connection.execute(sa.update(runs).where(runs.c.id == run_id).values(heartbeat_at=then))


def commanded(output: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Carry out `compassign` with these words."""
    program = "import sys; from compassign.cli import main; main(sys.argv[1:])"
    command = [sys.executable, "-c", program, *words, "--output", str(output)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
