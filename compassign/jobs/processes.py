"""The processes that compute runs: whether one is alive, and how to end it with everything that it started."""

from __future__ import annotations

import os
import platform
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from compassign.store.records import Process, RunRow

RUN_ID_VARIABLE = "COMPASSIGN_RUN_ID"
"""Set for a worker and inherited by what it starts, so that a process can be told from one with a reused number."""

_PROC = Path("/proc")  # Linux; elsewhere a process number is believed


def this_process() -> Process:
    """The current process; its group is its own only if it leads it, as a worker does."""
    pid = os.getpid()
    return Process(platform.node(), pid, pid if os.getpgrp() == pid and RUN_ID_VARIABLE in os.environ else None)


def is_here(row: RunRow) -> bool:
    """Whether the run is computed on this machine, by a process that has said so."""
    return row.pid is not None and row.host == platform.node()


def is_alive(pid: int) -> bool:
    """Whether the process runs; one that has ended but is not waited for does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return not _PROC.is_dir() or _stat(pid)[0] not in {"Z", "X"}


def terminate(row: RunRow) -> None:
    """Ask the run's process, if it is on this machine, to stop."""
    if row.pid is not None and is_here(row):
        with suppress(ProcessLookupError, PermissionError):
            os.kill(row.pid, signal.SIGTERM)


def kill(row: RunRow) -> None:
    """End the run's process, if it is on this machine, with its chains: its whole group, if the group is its own."""
    if row.pid is None or not is_here(row):
        return
    with suppress(ProcessLookupError, PermissionError):
        if row.process_group is None:
            os.kill(row.pid, signal.SIGKILL)
        elif _is_of(row.id, row.process_group):
            os.killpg(row.process_group, signal.SIGKILL)


def _is_of(run_id: str, group: int) -> bool:
    """Whether the group still is the run's: some process in it was started for the run."""
    if not _PROC.is_dir():
        return True
    mark = f"{RUN_ID_VARIABLE}={run_id}".encode()
    return any(mark in _environment(pid) for pid in _members(group))


def _members(group: int) -> Iterator[int]:
    for entry in _PROC.iterdir():
        if entry.name.isdigit() and _stat(int(entry.name))[1] == group:
            yield int(entry.name)


def _stat(pid: int) -> tuple[str, int]:
    """State and group of a process; those of one that has ended if there is none."""
    try:
        # the name, in parentheses, may hold anything
        state, _, group = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()[:3]
    except (OSError, ValueError):
        return "X", -1
    return state, int(group)


def _environment(pid: int) -> list[bytes]:
    try:
        return (_PROC / str(pid) / "environ").read_bytes().split(b"\0")
    except OSError:
        return []
