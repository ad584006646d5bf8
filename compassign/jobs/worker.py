"""One process computes one run: `python -m compassign.jobs.worker OUTPUT RUN_ID`, started by the launcher."""

from __future__ import annotations

import importlib
import shlex
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from compassign.config import RunRecord, make_config
from compassign.execution import carry_out, on_signals
from compassign.jobs.processes import this_process
from compassign.jobs.recording import RecordedProgress, ending
from compassign.repeat import check_dataset, machine_warnings
from compassign.runs import RUNS, RunDirectory
from compassign.store.runs import RunStore

if TYPE_CHECKING:
    from compassign.data.dataset import Dataset


def work(output: Path, run_id: str) -> bool:
    """Compute a claimed run and record how it ended; returns whether it is complete.

    Raises StoreError if the store cannot be used. Whatever stops the run is in its row, and its traceback in its log.
    """
    store = RunStore.open(output)
    if not store.attach(run_id, this_process()):
        return False  # cancelled before it began, or somebody else's
    try:
        with on_signals(signal.default_int_handler, signal.SIGTERM):
            _compute(output, store, run_id)
    except (Exception, KeyboardInterrupt) as error:  # the end of the process: there is nobody to raise it to
        store.finish(run_id, ending(output / RUNS / run_id, error))
        return False
    return True


def _compute(output: Path, store: RunStore, run_id: str) -> None:
    row = store.get(run_id)
    config = make_config(row.config)
    earlier = None if row.repeats is None else RunRecord.model_validate(row.repeats)
    directory = RunDirectory.create(output, config.model, config.max_r_mb, run_id)
    command = shlex.join(["compassign", "worker", "--output", str(output)])
    with RecordedProgress(directory, lambda: store) as progress, directory:
        if earlier is not None:
            _check_repeat(earlier, progress)
        carry_out(config, directory, progress, command, earlier)


def _check_repeat(earlier: RunRecord, progress: RecordedProgress) -> None:
    """Refuse data that differ from the earlier run's before anything is computed, and warn of another machine."""
    if earlier.config.data is not None:
        load_dataset: Callable[[Path], Dataset] = importlib.import_module("compassign.data.load").load_dataset
        check_dataset(earlier, load_dataset(earlier.config.data).dataset_hash)
    for message in machine_warnings(earlier):
        progress.warn(message)


if __name__ == "__main__":
    sys.exit(not work(Path(sys.argv[1]), sys.argv[2]))
