"""The three runs that a new workspace begins with, so that its first screens are not empty."""

from __future__ import annotations

import argparse
from pathlib import Path

from compassign.config import RunConfig, SamplerConfig
from compassign.jobs.launcher import enqueue
from compassign.runs import RUNS
from compassign.store.runs import RunStore

QUICK = SamplerConfig(quick=True)
DEMO_RUNS = {
    "Demonstration, look-up of today": RunConfig(model="lookup", sampler=QUICK),
    "Demonstration, first look": RunConfig(sampler=QUICK),
    "Harder demonstration, first look": RunConfig(sampler=QUICK, difficulty="hard"),
}


def enqueue_demo(output: Path) -> int:
    """Queue the demonstration's runs unless there has ever been a run in `output`; returns how many."""
    store = RunStore.open(output)
    if store.rows() or store.rows(archived=True) or any((output / RUNS).glob("*")):
        return 0
    return len([enqueue(store, config, title) for title, config in DEMO_RUNS.items()])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("output", type=Path, help="the workspace's folder")
    enqueue_demo(parser.parse_args().output)
