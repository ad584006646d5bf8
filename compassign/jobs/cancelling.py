"""What follows when a run was asked to stop and goes on: its process is told to, then killed with all of its group."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from compassign.jobs.launcher import SILENCE_S, bury, silent_s
from compassign.jobs.processes import is_here, terminate
from compassign.store.records import Ending, RunRow
from compassign.store.runs import RunStore


@dataclass(frozen=True)
class CancelWaits:
    """How long a run may take to stop when it is asked to, and when it is told to, before it is killed (s)."""

    asked_s: float = 10.0
    told_s: float = 5.0


@dataclass
class CancelLadder:
    """The next step against each run that somebody wants to stop; remembers when it first heard of each.

    A run on another machine is left to that machine's watcher.
    """

    waits: CancelWaits = CancelWaits()
    clock: Callable[[], float] = time.monotonic
    _asked_at: dict[str, float] = field(default_factory=dict)
    _told: set[str] = field(default_factory=set)

    def climb(self, store: RunStore, output: Path) -> list[RunRow]:
        """Take the steps that are due, without waiting for their effect; returns the runs that were ended by force."""
        now, ended = self.clock(), []
        asked = [row for row in store.rows("running") if row.cancel_requested and (row.pid is None or is_here(row))]
        self._asked_at = {row.id: self._asked_at.get(row.id, now) for row in asked}
        self._told &= self._asked_at.keys()
        for row in asked:
            waited_s = now - self._asked_at[row.id]
            if waited_s > self.waits.asked_s + self.waits.told_s:
                bury(store, output, row, Ending("cancelled"))
                ended.append(store.get(row.id))
            # once: a second signal would interrupt the tidying up. The number of a silent process may be another's.
            elif waited_s > self.waits.asked_s and row.id not in self._told and silent_s(row) <= SILENCE_S:
                self._told.add(row.id)
                terminate(row)
        return ended
