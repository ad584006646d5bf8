"""The table of label events, which is only ever added to, and who holds which peak."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

import sqlalchemy as sa

from compassign.errors import InputError
from compassign.label_events import LabelEvent, NewLabel, check_label
from compassign.store.database import connect, migrate, pass_alone, transaction
from compassign.store.schema import label_events, leases

LEASE = timedelta(minutes=5)  # longer than a peak takes, short enough not to wait for who went home


@dataclass(frozen=True)
class LabelStore:
    """The labels of one database; every method raises StoreError if the database cannot be used.

    A method that returns has changed everything it should; one that raises has changed nothing.
    """

    engine: sa.Engine

    @classmethod
    def open(cls, output: Path) -> Self:
        """Open the database of an output folder and bring its schema up to date."""
        engine = connect(output)
        migrate(engine)
        return cls(engine)

    def append(self, label: NewLabel) -> LabelEvent:
        """Store an answer and give its peak free; one whose client key is stored already is returned as it was stored.

        So of two answers to the same question, such as of two keys pressed at once, the first counts.
        Raises InputError for an answer that breaks its own rules, a key of another question, or an undo of what is not
        the annotator's.
        """
        return self.append_all([label])[0]

    def append_all(self, labels: Sequence[NewLabel]) -> list[LabelEvent]:
        """Store many answers or, if one of them cannot be, none; see `append`."""
        for label in labels:
            check_label(label)
        with transaction(self.engine.execution_options(immediate=True, durable=True)) as connection:
            pass_alone(connection)  # ids are seen in their order, so no snapshot can miss an older one
            return [_append(connection, label) for label in labels]

    def events(self, dataset_key: str, last: int | None = None, first: int = 0) -> list[LabelEvent]:
        """List a dataset's events in their order; first, last : none before and after these ids."""
        about = (label_events.c.dataset_key == dataset_key, label_events.c.id >= first)
        query = sa.select(label_events).where(*about).order_by(label_events.c.id)
        if last is not None:
            query = query.where(label_events.c.id <= last)
        with transaction(self.engine) as connection:
            return [_event(found) for found in connection.execute(query)]

    def last_events(self) -> dict[str, int]:
        """Look up the id of the newest event of every dataset that has any."""
        query = sa.select(label_events.c.dataset_key, sa.func.max(label_events.c.id))
        with transaction(self.engine) as connection:
            found = connection.execute(query.group_by(label_events.c.dataset_key)).all()
        return {str(key): int(newest) for key, newest in found}

    def hold(
        self, dataset_key: str, peak_ids: Iterable[str], annotator: str, now: datetime | None = None
    ) -> str | None:
        """Hold the first of the peaks that nobody else holds, and let go of any other; None if all are held.

        peak_ids : the best first. now : of the clock unless given. A peak is held for `LEASE`, by one annotator.
        """
        now = now or datetime.now(UTC)
        with transaction(self.engine.execution_options(immediate=True)) as connection:
            pass_alone(connection)
            taken = _holders(connection, dataset_key, now)
            free = next((peak_id for peak_id in peak_ids if taken.get(peak_id, annotator) == annotator), None)
            connection.execute(sa.delete(leases).where(_of(dataset_key), leases.c.annotator == annotator))
            if free is not None:
                connection.execute(sa.delete(leases).where(_of(dataset_key), leases.c.peak_id == free))
                values = {"dataset_key": dataset_key, "peak_id": free, "annotator": annotator}
                connection.execute(sa.insert(leases).values(**values, expires_at=now + LEASE))
        return free

    def last_held(self, dataset_key: str, annotator: str) -> str | None:
        """Look up the peak that an annotator held last, if it was neither answered nor given to another since."""
        query = sa.select(leases.c.peak_id).where(_of(dataset_key), leases.c.annotator == annotator)
        with transaction(self.engine) as connection:
            found = connection.execute(query).scalars().first()
        return None if found is None else str(found)

    def let_go(self, dataset_key: str, annotator: str) -> None:
        """Hold no peak of a dataset any more."""
        with transaction(self.engine) as connection:
            connection.execute(sa.delete(leases).where(_of(dataset_key), leases.c.annotator == annotator))

    def holders(self, dataset_key: str, now: datetime | None = None) -> dict[str, str]:
        """Look up who holds which peak: peak_id -> annotator."""
        with transaction(self.engine) as connection:
            return _holders(connection, dataset_key, now or datetime.now(UTC))


def _append(connection: sa.Connection, label: NewLabel) -> LabelEvent:
    stored = connection.execute(
        sa.select(label_events).where(label_events.c.client_key == label.client_key)
    ).one_or_none()
    if stored is not None:
        return _same_question(_event(stored), label)
    if label.undoes is not None:
        _check_undo(connection, label)
    values = {**asdict(label), "options": list(label.options), "at": datetime.now(UTC)}
    added = connection.execute(sa.insert(label_events).values(values).returning(label_events)).one()
    held = (_of(label.dataset_key), leases.c.peak_id == label.peak_id, leases.c.annotator == label.annotator)
    connection.execute(sa.delete(leases).where(*held))
    return _event(added)


def _same_question(stored: LabelEvent, label: NewLabel) -> LabelEvent:
    asked = ("annotator", "dataset_key", "peak_id")
    if any(getattr(stored, name) != getattr(label, name) for name in asked):
        raise InputError(
            f"label of peak {label.peak_id!r}: client_key {label.client_key!r} belongs to another question"
        )
    return stored


def _check_undo(connection: sa.Connection, label: NewLabel) -> None:
    taken_back = connection.execute(sa.select(label_events).where(label_events.c.id == label.undoes)).one_or_none()
    own = (label.annotator, label.dataset_key)  # not the peak: it may have another id by now
    if taken_back is None or own != (taken_back.annotator, taken_back.dataset_key):
        raise InputError(f"undo of event {label.undoes}: {label.annotator} stored no such event about this dataset")


def _of(dataset_key: str) -> sa.ColumnElement[bool]:
    return leases.c.dataset_key == dataset_key


def _holders(connection: sa.Connection, dataset_key: str, now: datetime) -> dict[str, str]:
    """Leases that hold; one that ends later than any could was made before the clock went back, and holds no more."""
    holding = (leases.c.expires_at > now, leases.c.expires_at <= now + 2 * LEASE)
    found = connection.execute(sa.select(leases.c.peak_id, leases.c.annotator).where(_of(dataset_key), *holding))
    return {str(peak_id): str(annotator) for peak_id, annotator in found}


def _event(found: sa.Row[Any]) -> LabelEvent:
    values = dict(found._mapping)
    return LabelEvent(**{**values, "options": tuple(values["options"])})
