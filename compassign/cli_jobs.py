"""What `compassign worker` and `compassign serve` do: see to queued runs, and open the dashboard beside them."""

from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import typer

import compassign
from compassign.cli_options import OUTPUT_VARIABLE
from compassign.errors import InputError, StoreError
from compassign.jobs.cancelling import CancelLadder
from compassign.jobs.launcher import reap, start_queued
from compassign.jobs.watcher import LOCK_NAME, keep_watched, watcher_pid, watching
from compassign.store.records import RunRow
from compassign.store.runs import RunStore
from compassign.warm import start_beside

POLL_S = 1.0


def work_queue(output: Path) -> None:
    """Start queued runs as places become free, until none is left; raises InputError if the store cannot be used."""
    with _usable_store(output) as store:
        queue = _Queue(store, output)
        while queue.turn() or store.rows("queued"):
            time.sleep(POLL_S)


def watch_queue(output: Path) -> None:
    """See to the folder's runs until this is stopped or the folder removed; does nothing if somebody does already.

    Raises InputError if the store cannot be used at the start; later, it is tried again.
    """
    with watching(output) as is_ours:
        if not is_ours:
            typer.echo(f"{output}: process {watcher_pid(output)} watches this folder already")
            return
        with _usable_store(output) as store:
            queue = _Queue(store, output)
            if any(row.model == "generative" for row in store.rows("queued")):
                start_beside()  # so that it is compiled while shorter runs are computed
        while (output / LOCK_NAME).exists():
            try:
                queue.turn()
            except StoreError as error:
                typer.echo(f"tried again in {POLL_S:g} s: {error}", err=True)
            time.sleep(POLL_S)


def serve_dashboard(output: Path, host: str, port: int) -> NoReturn:
    """Become the dashboard's server, beside a watcher.

    Raises InputError if the store or the address cannot be used, or this installation has no dashboard.
    """
    app = Path(compassign.__file__).parents[1] / "app.py"
    if not app.is_file():
        raise InputError(f"{app}: not found; the dashboard is part of a clone of the repository, so start it in one")
    _check_free(host, port)
    with _usable_store(output):
        keep_watched(output)
    os.environ[OUTPUT_VARIABLE] = os.path.abspath(output)
    os.chdir(app.parent)  # where Streamlit looks for its settings
    options = ("--server.headless=true", f"--server.port={port}", f"--server.address={host}")
    command = [sys.executable, "-m", "streamlit", "run", app.name, *options]
    os.execv(sys.executable, command)  # noqa: S606  # no shell is wanted


def _check_free(host: str, port: int) -> None:
    """Raise InputError unless a server can listen there."""
    try:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a server that has just ended is none
            probe.bind((host, port))
    except OSError as error:
        raise InputError(
            f"{host}:{port}: cannot be listened on ({error.strerror}); if a dashboard is open there, use it, "
            "otherwise choose another --port"
        ) from error


@contextmanager
def _usable_store(output: Path) -> Iterator[RunStore]:
    try:
        yield RunStore.open(output)
    except StoreError as error:
        raise InputError(str(error)) from error


class _Queue:
    """Sees to the runs of one folder, step by step, and says what becomes of them."""

    def __init__(self, store: RunStore, output: Path) -> None:
        self._store = store
        self._output = output
        self._ladder = CancelLadder()
        self._followed: set[str] = set()

    def turn(self) -> bool:
        """Do what is due now; returns whether runs that were started here go on."""
        ended = [*reap(self._store, self._output), *self._ladder.climb(self._store, self._output)]
        started = start_queued(self._store, self._output)
        for row in started:
            typer.echo(f"{row.id}: started ({row.title})")
        self._followed |= {row.id for row in [*ended, *started]}
        for row in map(self._store.get, sorted(self._followed)):
            if row.has_ended:
                typer.echo(_outcome(row))
                self._followed.remove(row.id)
        return bool(self._followed)


def _outcome(row: RunRow) -> str:
    """How a run ended, in a line or more."""
    about = {"done": row.verdict and f"verdict {row.verdict}", "failed": row.error}.get(row.status)
    return f"{row.id}: {row.status}{f', {about}' if about else ''}"
