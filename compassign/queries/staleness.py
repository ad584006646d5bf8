"""Whether a run still fits the dataset that it was made from."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from pathlib import Path

from compassign.config import RunRecord
from compassign.data.load import load_dataset
from compassign.errors import InputError
from compassign.repeat import HASHES

GONE = "Its dataset cannot be read any more."
CHANGED = {
    "dataset_hash": "Its peaks or library have changed since.",
    "labels_hash": "Its labels have changed since.",
    "truth_hash": "Its truth has changed since.",
}
_NS_PER_S = 1_000_000_000

Stamps = tuple[tuple[str, int, int], ...]


def stale_reason(record: RunRecord) -> str:
    """Why a run does not fit its dataset any more; "" if it does, or nothing can be said.

    A dataset is read only if a file in its folder is younger than the run, and once for each change.
    """
    folder = record.config.data
    if folder is None or record.dataset_hash is None:
        return ""
    stamps = _stamps(folder)
    if stamps and max(changed_ns for _, changed_ns, _ in stamps) < _started_ns(record):
        return ""
    now = _hashes(folder, stamps)
    if now is None:
        return GONE
    differing = [name for name in HASHES if getattr(record, name) not in (None, now[name])]
    return " ".join(CHANGED[name] for name in differing)


def _stamps(folder: Path) -> Stamps:
    """Name, last change (ns) and size of the folder and each file in it; empty if the folder is gone.

    The change of the inode counts too: an older file that is copied into the place of another keeps its own time.
    """
    try:
        found = [(path.name, path.stat()) for path in (folder, *sorted(folder.iterdir()))]
    except OSError:
        return ()
    return tuple((name, max(about.st_mtime_ns, about.st_ctime_ns), about.st_size) for name, about in found)


def _started_ns(record: RunRecord) -> int:
    try:
        return int(datetime.fromisoformat(record.started).timestamp()) * _NS_PER_S
    except ValueError:
        return 0


@lru_cache(maxsize=64)
def _hashes(folder: Path, stamps: Stamps) -> dict[str, str] | None:
    """The dataset's hashes; None if it cannot be used. stamps : make a folder that was changed another entry."""
    del stamps
    try:
        dataset = load_dataset(folder)
    except InputError:
        return None
    return {name: getattr(dataset, name) for name in HASHES}
