"""One process at a time: who holds a lock on a file is the one, and the system gives it up when that process ends."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

LOCK_WAIT_S = 1.0  # longer than `is_taken` holds the lock


@contextmanager
def alone(lock: Path) -> Iterator[bool]:
    """Hold the lock inside the block; gives False, after LOCK_WAIT_S, if another process does."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(lock, timeout=LOCK_WAIT_S):
            yield True
    except Timeout:
        yield False


def is_taken(lock: Path) -> bool:
    """Whether some process holds the lock."""
    probe = FileLock(lock, timeout=0.0)
    try:
        probe.acquire()
    except (Timeout, OSError):
        return lock.parent.is_dir()
    probe.release()
    return False
