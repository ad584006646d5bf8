"""One process for each output folder starts what is queued, stops what was cancelled and notices what has died.

It belongs to no server, browser or terminal; the lock that it holds says that it is there.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from compassign.jobs.alone import alone, is_taken

LOCK_NAME, PID_NAME = ".watcher.lock", ".watcher.pid"
LOG_NAME = "watcher.log"


@contextmanager
def watching(output: Path) -> Iterator[bool]:
    """Be the folder's watcher inside the block; gives False if another process is."""
    with alone(output / LOCK_NAME) as is_alone:
        if is_alone:
            (output / PID_NAME).write_text(str(os.getpid()))
        yield is_alone


def is_watched(output: Path) -> bool:
    """Whether some process watches the output folder."""
    return is_taken(output / LOCK_NAME)


def watcher_pid(output: Path) -> str:
    """Number of the process that watched the output folder last, as text for a person; "" if there was none."""
    try:
        return (output / PID_NAME).read_text()
    except OSError:
        return ""


def keep_watched(output: Path) -> None:
    """Start a watcher unless some process watches the output folder."""
    if not is_watched(output):
        start_watcher(output)


def start_watcher(output: Path) -> None:
    """Start a watcher in a session of its own, so that nobody's end is its end; one too many ends by itself."""
    output.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "compassign.cli", "worker", "--watch", "--output", os.path.abspath(output)]
    with (output / LOG_NAME).open("ab") as log:
        process = subprocess.Popen(  # noqa: S603  # our own module
            command, start_new_session=True, stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
    # waits for it, so that it does not stay as a zombie while this process lives
    threading.Thread(target=process.wait, name="watcher", daemon=True).start()
