"""What `compassign worker` does: start what is queued, say what became of it."""

from __future__ import annotations

import time
from pathlib import Path

import typer

from compassign.errors import InputError, StoreError
from compassign.jobs.launcher import reap, start_queued
from compassign.store.records import RunRow
from compassign.store.runs import RunStore

POLL_S = 1.0


def work_queue(output: Path, watch: bool) -> None:
    """Start queued runs as places become free, until none is left; with `watch`, until it is stopped.

    Raises InputError if the store cannot be used.
    """
    try:
        _work(RunStore.open(output), output, watch)
    except StoreError as error:
        raise InputError(str(error)) from error


def _work(store: RunStore, output: Path, watch: bool) -> None:
    """Reap, start and report once a second."""
    followed: set[str] = set()
    while True:
        dead = reap(store, output)
        started = start_queued(store, output)
        for row in started:
            typer.echo(f"{row.id}: started ({row.title})")
        followed |= {row.id for row in [*dead, *started]}
        ended = [row for run_id in sorted(followed) if (row := store.get(run_id)).has_ended]
        for row in ended:
            typer.echo(_outcome(row))
        followed -= {row.id for row in ended}
        if not (watch or followed or store.rows("queued")):
            return
        time.sleep(POLL_S)


def _outcome(row: RunRow) -> str:
    """How a run ended, in a line or more."""
    about = {"done": row.verdict and f"verdict {row.verdict}", "failed": row.error}.get(row.status)
    return f"{row.id}: {row.status}{f', {about}' if about else ''}"
