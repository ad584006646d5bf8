"""Runs as processes of their own: queue, start, and notice those that died.

A worker belongs to nobody: it goes on when the server, the terminal or the browser that asked for it is gone.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

from compassign.config import RunConfig, RunRecord
from compassign.errors import InputError
from compassign.jobs.processes import RUN_ID_VARIABLE, is_alive, is_here, kill
from compassign.jobs.recording import ending, new_run
from compassign.runs import RUNS, RunDirectory, is_complete, new_run_id
from compassign.store.records import Ending, RunRow
from compassign.store.runs import RunStore

SILENCE_S = 20.0  # a heartbeat comes every second; a compiler may keep a busy machine from it for some
CORES_PER_RUN = 4  # a run samples four chains at once


def default_limit() -> int:
    """How many runs to compute at once on this machine."""
    return max(1, (os.cpu_count() or 1) // CORES_PER_RUN)


def enqueue(
    store: RunStore, config: RunConfig, title: str = "", owner: str = "", repeats: RunRecord | None = None
) -> RunRow:
    """Ask for a run; it waits until `start_queued` finds a free place. title : model and dataset unless given.

    repeats : record of the run that this one repeats exactly; it fails if the data have changed since.
    """
    return store.add(new_run(config, new_run_id(config.model), title, owner, repeats))


def start_queued(store: RunStore, output: Path, limit: int | None = None) -> list[RunRow]:
    """Start queued runs, the oldest first, while fewer than `limit` are running; returns those that were started.

    limit : `default_limit()` unless given.
    """
    started = []
    while (row := store.claim(default_limit() if limit is None else limit)) is not None:
        _start(store, output, row)
        started.append(row)
    return started


def reap(store: RunStore, output: Path) -> list[RunRow]:
    """Record the end of runs whose process is gone or silent, and kill what is left of them; returns these runs."""
    dead = []
    for row in store.rows("running"):
        reason = _why_dead(row)
        if reason is not None:
            bury(store, output, row, Ending("failed", error=reason))
            dead.append(store.get(row.id))
    return dead


def delete(store: RunStore, output: Path, run_id: str) -> None:
    """Remove a run's files and take it off the lists; its row stays. Raises InputError if it has not ended."""
    if not store.delete(run_id):
        raise InputError(f"{run_id}: the run is not over; cancel it before it is deleted")
    shutil.rmtree(output / RUNS / run_id, ignore_errors=True)


def _start(store: RunStore, output: Path, row: RunRow) -> None:
    """Start the process of a claimed run, in a session of its own so that nobody's end is its end."""
    command = [sys.executable, "-m", "compassign.jobs.worker", os.path.abspath(output), row.id]
    try:
        process = subprocess.Popen(  # noqa: S603  # our own module; the id is ours too
            command,
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, RUN_ID_VARIABLE: row.id},
        )
    except OSError as error:
        store.finish(row.id, Ending("failed", error=f"its process could not be started ({error.strerror})"))
        return
    # waits for it, so that it does not stay as a zombie while this process lives
    threading.Thread(target=process.wait, name=f"worker {row.id}", daemon=True).start()


def _why_dead(row: RunRow) -> str | None:
    """Why a running run is taken for dead; None if it is alive."""
    if row.pid is not None and is_here(row) and not is_alive(row.pid):
        return f"its process ({row.pid}) ended without a word: it was killed, or the machine ran out of memory"
    return f"no sign of life for {silent_s(row):.0f} s" if silent_s(row) > SILENCE_S else None


def silent_s(row: RunRow) -> float:
    """Time since a run was last heard of (s)."""
    return (datetime.now(UTC) - (row.heartbeat_at or row.created_at)).total_seconds()


def bury(store: RunStore, output: Path, row: RunRow, how: Ending) -> None:
    """Kill what is left of a run, then record its end: as done, if its process had got as far as publishing it."""
    directory = RunDirectory(Path(os.path.abspath(output)) / RUNS / row.id)
    # without a group to know it by, the number of a process that has long been silent may be another one's by now
    if row.process_group is not None or silent_s(row) <= SILENCE_S:
        kill(row)
        directory.tidy()
    store.finish(row.id, ending(directory.path, None) if is_complete(directory.path) else how)
