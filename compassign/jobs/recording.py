"""A run tells the store how far it is, and hears from it whether to stop; the run itself never waits for the store."""

from __future__ import annotations

import getpass
import importlib
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from compassign.config import RECORD_NAME, RunConfig, RunRecord, read_record
from compassign.errors import CompAssignError, RunCancelledError, StoreError
from compassign.jobs.processes import this_process
from compassign.progress import RichProgress
from compassign.repeat import HASHES, METRICS_NAME, read_json
from compassign.runs import RunDirectory, is_complete
from compassign.sampling_progress import SamplingProgress
from compassign.store.records import Ending, NewRun, RunRow, RunState

if TYPE_CHECKING:
    from compassign.store.runs import RunStore

BEAT_EVERY_S = 1.0
PATIENCE_S = 10.0  # twice what a locked database may take


class RecordedProgress(RichProgress):
    """Progress that the store knows too: a thread opens it and writes to it once a second; the end is recorded last.

    open_store : gives a store that has the run as running. A store that fails is a warning, once, and the run goes on.
    """

    def __init__(self, directory: RunDirectory, open_store: Callable[[], RunStore]) -> None:
        super().__init__(directory.log)
        self._directory = directory
        self._open_store = open_store
        self._state = RunState()
        self._store: RunStore | None = None
        self._ended = threading.Event()
        self._is_told = True
        self._teller = threading.Thread(target=self._tell, name="store", daemon=True)

    def __enter__(self) -> Self:
        """Open the log and begin to tell the store."""
        super().__enter__()
        self._teller.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close bar and log, then record how the run ended: whoever reads of the end finds the log complete."""
        self._ended.set()
        self._teller.join(PATIENCE_S)
        super().__exit__(kind, error, trace)
        if self._store is None or self._teller.is_alive():
            return  # never opened, or stuck
        try:
            self._store.finish(self._directory.run_id, ending(self._directory.path, error))
        except StoreError as failure:
            self._say(f"warning: the list of runs does not know how this run ended: {failure}", style="yellow")

    def sampling(self, state: SamplingProgress) -> None:
        """Keep where each chain is for the store, and show the sampler's line; may be called from any thread."""
        with self._lock:
            self._state = replace(self._state, sampling=state)
            super().sampling(state)

    def _begin(self, name: str) -> None:
        with self._lock:
            self._state = RunState(name)
        super()._begin(name)

    def _move(self, fraction: float, detail: str) -> None:
        self._state = replace(self._state, fraction=fraction, detail=detail)
        super()._move(fraction, detail)

    def _tell(self) -> None:
        """Tell the store until the run has ended, and once more then."""
        try:
            self._store = self._open_store()
        except StoreError as error:
            self._warn_once(error)
            return
        while not self._ended.wait(BEAT_EVERY_S):
            self._beat(self._store)
        self._beat(self._store)

    def _beat(self, store: RunStore) -> None:
        try:
            if store.beat(self._directory.run_id, self._state):
                self.cancelled.set()
        except StoreError as error:
            self._warn_once(error)

    def _warn_once(self, error: StoreError) -> None:
        if self._is_told:
            self._is_told = False
            self.warn(f"the list of runs cannot follow this run, which goes on: {error}")


def command_line_progress(directory: RunDirectory, config: RunConfig) -> RecordedProgress:
    """Progress of a run of the command line, which is in the store's list from its start if a store can be had."""

    def open_store() -> RunStore:
        # imported here, in the thread: the run does not wait for it
        store: RunStore = importlib.import_module("compassign.store.runs").RunStore.open(directory.output)
        store.add(new_run(config, directory.run_id, owner=_user()), this_process())
        return store

    return RecordedProgress(directory, open_store)


def new_run(
    config: RunConfig, run_id: str, title: str = "", owner: str = "", repeats: RunRecord | None = None
) -> NewRun:
    """Describe a run for the store; title : model and dataset unless given. repeats : record of the run it repeats."""
    dataset = f"demo ({config.difficulty})" if config.data is None else config.data.name
    return NewRun(
        id=run_id,
        title=title or f"{config.model} on {dataset}",
        model=config.model,
        dataset=dataset,
        config=config.model_dump(mode="json"),
        owner=owner,
        repeats=None if repeats is None else repeats.model_dump(mode="json"),
    )


def adopt(store: RunStore, run: Path) -> RunRow:
    """List a complete run folder that the store does not know; raises InputError if its record cannot be read."""
    record = read_record(run)
    try:
        started_at = datetime.fromisoformat(record.started).astimezone(UTC)
    except ValueError:
        started_at = datetime.fromtimestamp((run / "results" / RECORD_NAME).stat().st_mtime, UTC)
    return store.adopt(new_run(record.config, run.name), ending(run, None), started_at)


def ending(run: Path, error: BaseException | None) -> Ending:
    """How a run ended, from its folder, which alone says whether it is complete, and from what stopped it."""
    if is_complete(run):
        verdict = read_json(run / "results" / METRICS_NAME).get("verdict")
        record = read_json(run / "results" / RECORD_NAME)
        return Ending("done", verdict, hashes={name: record[name] for name in HASHES if record.get(name)})
    if isinstance(error, KeyboardInterrupt | RunCancelledError):
        return Ending("cancelled")
    return Ending("failed", error="it ended without results" if error is None else _explained(error))


def _explained(error: BaseException) -> str:
    """Why a run failed, for a person; the traceback is in its log."""
    if isinstance(error, CompAssignError):
        return str(error)
    return f"{type(error).__name__}: {' '.join(str(error).split()) or 'no message'}"


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""  # a container's user need not have a name
