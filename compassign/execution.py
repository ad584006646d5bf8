"""One run from its configuration to a published folder, alike from the command line and in a worker process."""

from __future__ import annotations

import gc
import importlib
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compassign.config import RunConfig, RunRecord, installed_versions, machine_type
from compassign.errors import StoreError
from compassign.label_events import Snapshot
from compassign.progress import Progress
from compassign.repeat import answer_warnings, check_dataset, complete_record
from compassign.runs import RunDirectory
from compassign.warm import start_beside

if TYPE_CHECKING:
    from compassign.pipeline import RunSummary

# found by name when they are needed: they take seconds to import
_PIPELINE, _LABELS = "compassign.pipeline", "compassign.run_labels"


def carry_out(
    config: RunConfig, directory: RunDirectory, progress: Progress, command: str, earlier: RunRecord | None = None
) -> RunSummary:
    """Fit a model, write everything into the run's folder and publish it.

    command : as typed, for the record. earlier : the record of the run that this one repeats.
    Raises InputError for unusable data, or data that differ from the earlier run's.
    """
    if config.model == "generative":
        start_beside()  # before the heavy imports below
    seen = _freeze_labels(config, directory, progress, earlier)
    record = RunRecord(
        config=config,
        seed=config.seed,
        versions=installed_versions(),
        machine=machine_type(),
        run_id=directory.run_id,
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        command=command,
        labels_until=seen.last_event,
        labels_snapshot=seen.hash,
    )
    progress.info(f"run {directory.run_id}: {command}")
    summary = _execute(config, directory.staging, progress)
    record = complete_record(directory.staging / "results", record)
    if earlier is not None:
        check_dataset(earlier, record.dataset_hash)
        for message in answer_warnings(earlier, record):
            progress.warn(message)
    progress.check()
    # a few milliseconds that end either way: complete and shown, or not
    with on_signals(signal.SIG_IGN, signal.SIGTERM, signal.SIGINT):
        directory.publish()
    return summary


@contextmanager
def on_signals(handler: signal.Handlers | Any, *signals: signal.Signals) -> Iterator[None]:
    """Handle `signals` by `handler` inside the block; only the main thread can, elsewhere nothing changes."""
    before: Mapping[signal.Signals, signal.Handlers | int | None | Any] = {}
    if threading.current_thread() is threading.main_thread():
        before = {number: signal.signal(number, handler) for number in signals}
    try:
        yield
    finally:
        for number, previous in before.items():
            signal.signal(number, previous)


def _freeze_labels(
    config: RunConfig, directory: RunDirectory, progress: Progress, earlier: RunRecord | None
) -> Snapshot:
    """Let the run see the labels that the store has now, or had for the run that is repeated."""
    freeze: Callable[..., Snapshot] = importlib.import_module(_LABELS).freeze_labels
    last = None if earlier is None else earlier.labels_until
    try:
        return freeze(directory.output, config, directory.staging / "results", last)
    except StoreError as error:
        progress.warn(f"stored labels cannot be read, so this run knows those of labels.csv alone: {error}")
        return Snapshot(0, "")


def _execute(config: RunConfig, staging: Path, progress: Progress) -> RunSummary:
    gc.disable()  # what the imports make stays: the collector need not look through it, now or later
    execute: Callable[[RunConfig, Path, Progress], RunSummary] = importlib.import_module(_PIPELINE).execute
    gc.freeze()
    gc.enable()
    return execute(config, staging, progress)
