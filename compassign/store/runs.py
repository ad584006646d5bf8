"""The table of runs; every change of state is one conditional update, so that no process can undo another's.

queued -> running -> done, failed or cancelled; a queued run can be cancelled too. What has ended stays as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import sqlalchemy as sa

from compassign.errors import StoreError
from compassign.sampling_progress import ChainProgress, SamplingProgress
from compassign.store.database import connect, migrate, pass_alone, transaction
from compassign.store.records import ENDED, Ending, NewRun, Process, RunRow, RunState, Status
from compassign.store.schema import runs


@dataclass(frozen=True)
class RunStore:
    """The runs of one database; every method raises StoreError if the database cannot be used."""

    engine: sa.Engine

    @classmethod
    def open(cls, output: Path) -> Self:
        """Open the database of an output folder and bring its schema up to date."""
        engine = connect(output)
        migrate(engine)
        return cls(engine)

    def add(self, run: NewRun, process: Process | None = None) -> RunRow:
        """Add a run: to the queue, or as running if it is already computed by `process`."""
        now = datetime.now(UTC)
        started = {"started_at": now, "heartbeat_at": now, **asdict(process)} if process else {}
        values = {
            **asdict(run),
            "status": "running" if process else "queued",
            "created_at": now,
            **{"stage": "", "fraction": 0.0, "detail": ""},
            **{"cancel_requested": False, "archived": False, "deleted": False},
            **started,
        }
        with transaction(self.engine) as connection:
            return _row(connection.execute(sa.insert(runs).values(values).returning(runs)).one())

    def get(self, run_id: str) -> RunRow:
        """Look one run up, a deleted one too; raises StoreError if there is none of this id."""
        with transaction(self.engine) as connection:
            found = connection.execute(sa.select(runs).where(runs.c.id == run_id)).one_or_none()
        if found is None:
            raise StoreError(f"{run_id}: no such run")
        return _row(found)

    def adopt(self, run: NewRun, ending: Ending, started_at: datetime) -> RunRow:
        """Add a run that ended without the store's knowledge; one that is known, or was deleted, is only listed again.

        started_at : UTC; when it ended is not known.
        """
        values = {
            **asdict(run),
            **{"status": ending.status, "verdict": ending.verdict, "error": ending.error, **ending.hashes},
            **{"created_at": started_at, "started_at": started_at, "stage": "", "fraction": 1.0, "detail": ""},
            **{"cancel_requested": False, "archived": False, "deleted": False},
        }
        with transaction(self.engine.execution_options(immediate=True)) as connection:
            pass_alone(connection)
            known = sa.select(sa.func.count()).where(runs.c.id == run.id)
            if not connection.scalar(known):
                connection.execute(sa.insert(runs).values(values))
        self._change(run.id, (runs.c.deleted == sa.true(),), {"deleted": False})
        return self.get(run.id)

    def rows(self, status: Status | None = None, archived: bool | None = False) -> list[RunRow]:
        """List the runs, newest first; those of one status if it is given.

        archived : those put away instead; None for both.
        """
        query = sa.select(runs).where(runs.c.deleted == sa.false())
        if archived is not None:
            query = query.where(runs.c.archived == archived)
        if status is not None:
            query = query.where(runs.c.status == status)
        with transaction(self.engine) as connection:
            return [_row(found) for found in connection.execute(query.order_by(runs.c.created_at.desc(), runs.c.id))]

    def claim(self, limit: int) -> RunRow | None:
        """Make the oldest queued run the caller's to start; None if none is queued or `limit` are running."""
        others, now = runs.alias(), datetime.now(UTC)
        oldest = sa.select(others.c.id).where(others.c.status == "queued").order_by(others.c.created_at, others.c.id)
        n_running = sa.select(sa.func.count()).select_from(others).where(others.c.status == "running")
        change = sa.update(runs).where(
            runs.c.id == oldest.limit(1).scalar_subquery(),
            runs.c.status == "queued",
            n_running.scalar_subquery() < limit,
        )
        values = {"status": "running", "started_at": now, "heartbeat_at": now}
        with transaction(self.engine) as connection:
            pass_alone(connection)
            claimed = connection.execute(change.values(values).returning(runs)).one_or_none()
        return None if claimed is None else _row(claimed)

    def attach(self, run_id: str, process: Process) -> bool:
        """Say which process computes a claimed run; False if another does or the run has ended meanwhile."""
        free = (runs.c.status == "running", runs.c.pid.is_(None))
        return self._change(run_id, free, {**asdict(process), "heartbeat_at": datetime.now(UTC)})

    def beat(self, run_id: str, state: RunState) -> bool:
        """Say that a run is alive and how far it is; returns whether it is to stop."""
        change = sa.update(runs).where(runs.c.id == run_id, runs.c.status == "running")
        values = {
            "heartbeat_at": datetime.now(UTC),
            "stage": state.stage,
            "fraction": state.fraction,
            "detail": state.detail,
            "progress": None if state.sampling is None else asdict(state.sampling),
        }
        with transaction(self.engine) as connection:
            asked: bool | None = connection.scalar(change.values(values).returning(runs.c.cancel_requested))
        return asked is not False  # None: the store has given the run up

    def finish(self, run_id: str, ending: Ending) -> bool:
        """Record how a running run ended; False if it was not running, and nothing is changed."""
        values = {"status": ending.status, "verdict": ending.verdict, "error": ending.error, **ending.hashes}
        return self._change(run_id, (runs.c.status == "running",), {**values, "finished_at": datetime.now(UTC)})

    def request_cancel(self, run_id: str, reason: str | None = None) -> RunRow:
        """Cancel a queued run; ask a running one to stop; leave one that has ended as it is.

        reason : of a queued run, for a person; None where somebody asked for it.
        """
        ended = {"status": "cancelled", "finished_at": datetime.now(UTC), "cancel_requested": True, "error": reason}
        if not self._change(run_id, (runs.c.status == "queued",), ended):
            self._change(run_id, (runs.c.status == "running",), {"cancel_requested": True})
        return self.get(run_id)

    def archive(self, run_id: str, archived: bool = True) -> bool:
        """Put a run that has ended away, or bring it back; False if it has not ended."""
        return self._change(run_id, (runs.c.status.in_(ENDED),), {"archived": archived})

    def delete(self, run_id: str) -> bool:
        """Take a run that has ended off every list; False if it has not ended.

        Its row stays, so that whatever refers to the run can still say which model and settings that was.
        """
        return self._change(run_id, (runs.c.status.in_(ENDED),), {"deleted": True})

    def _change(self, run_id: str, only_if: tuple[sa.ColumnElement[bool], ...], values: Mapping[str, Any]) -> bool:
        change = sa.update(runs).where(runs.c.id == run_id, *only_if).values(dict(values))
        with transaction(self.engine) as connection:
            return connection.execute(change).rowcount == 1


def _row(found: sa.Row[Any]) -> RunRow:
    values = dict(found._mapping)
    progress = values["progress"]
    if progress is not None:
        chains = tuple(ChainProgress(**chain) for chain in progress["chains"])
        values["progress"] = SamplingProgress(chains, progress["eta_s"])
    return RunRow(**values)
