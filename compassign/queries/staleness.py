"""Whether a run still fits the dataset that it was made from."""

from __future__ import annotations

import sys
from datetime import datetime
from functools import lru_cache
from pathlib import Path

from compassign.config import Difficulty, RunConfig, RunRecord
from compassign.errors import InputError, StoreError
from compassign.repeat import HASHES
from compassign.run_labels import StoredNow, load_with, rows_now

GONE = "Its dataset cannot be read any more."
CHANGED = {
    "dataset_hash": "Its peaks or library have changed since.",
    "labels_hash": "Its labels have changed since.",
    "truth_hash": "Its truth has changed since.",
}
NOTHING_STORED = StoredNow()
_NS_PER_S = 1_000_000_000

Stamps = tuple[tuple[str, int, int], ...]


def stale_reason(record: RunRecord, stored: StoredNow = NOTHING_STORED) -> str:
    """Why a run does not fit its dataset any more; "" if it does, or nothing can be said.

    stored : how far the label store is. A dataset is read only if a file in its folder or an event in the store is
    younger than the run, and once for each change.
    """
    folder, newest = record.config.data, stored.last(record.config)
    if record.dataset_hash is None:
        return ""
    stamps = () if folder is None else _stamps(folder)
    changed_ns = max((changed_ns for _, changed_ns, _ in stamps), default=0 if folder is None else sys.maxsize)
    if changed_ns < _started_ns(record) and newest <= record.labels_until:
        return ""
    now = _hashes(folder, record.config.difficulty, stamps, stored.output if newest else None, newest)
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
def _hashes(
    folder: Path | None, difficulty: Difficulty, stamps: Stamps, output: Path | None, newest: int
) -> dict[str, str] | None:
    """The hashes of a dataset with the stored labels of an output folder; None if it cannot be used.

    output : None where there are no labels. stamps, newest : make what was changed another entry.
    """
    del stamps, newest
    try:
        config = RunConfig(data=folder, difficulty=difficulty)
        dataset = load_with(config, None if output is None else rows_now(output, config))
    except (InputError, StoreError):
        return None
    return {name: getattr(dataset, name) for name in HASHES}
