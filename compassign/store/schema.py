"""The tables of the database, as the newest migration leaves them."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
)
from sqlalchemy.types import TypeDecorator


class UtcDateTime(TypeDecorator[datetime]):
    """A moment: time-zone-aware in Python, UTC without a zone in the database, so that every database sorts it."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Convert to UTC and drop the zone."""
        return None if value is None else value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Say that it is UTC."""
        return None if value is None else value.replace(tzinfo=UTC)


metadata = MetaData()

runs = Table(
    "runs",
    metadata,
    Column("id", String(100), primary_key=True),
    Column("title", Text, nullable=False),
    Column("status", String(10), nullable=False),
    Column("verdict", String(20)),
    Column("model", String(20), nullable=False),
    Column("dataset", Text, nullable=False),
    Column("config", JSON, nullable=False),
    Column("dataset_hash", String(64)),
    Column("labels_hash", String(64)),
    Column("truth_hash", String(64)),
    Column("owner", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("started_at", UtcDateTime),
    Column("finished_at", UtcDateTime),
    Column("heartbeat_at", UtcDateTime),
    Column("host", Text),
    Column("pid", Integer),
    Column("process_group", Integer),
    Column("stage", Text, nullable=False),
    Column("fraction", Float, nullable=False),
    Column("detail", Text, nullable=False),
    Column("progress", JSON),
    Column("error", Text),
    Column("cancel_requested", Boolean, nullable=False),
    Column("archived", Boolean, nullable=False),
    Column("deleted", Boolean, nullable=False),
    Column("repeats", JSON),
    Index("runs_by_status", "status", "created_at"),
)

DOUBLE = Float(53)  # as precise as in Python on every database: labels come back as they were shown

label_events = Table(
    "label_events",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("client_key", String(100), nullable=False, unique=True),
    Column("annotator", String(100), nullable=False),
    Column("is_verified", Boolean, nullable=False),
    Column("dataset_key", Text, nullable=False),
    Column("dataset_hash", String(64), nullable=False),
    Column("peak_id", Text, nullable=False),
    Column("injection", Text, nullable=False),
    Column("mz", DOUBLE, nullable=False),
    Column("rt_min", DOUBLE, nullable=False),
    Column("kind", String(10), nullable=False),
    Column("options", JSON, nullable=False),
    Column("adduct", Text, nullable=False),
    Column("is_adjudication", Boolean, nullable=False),
    Column("undoes", Integer, ForeignKey("label_events.id")),
    Column("run_id", String(100)),
    Column("model_version", Text, nullable=False),
    Column("probability", DOUBLE),
    Column("is_prelabel_visible", Boolean, nullable=False),
    Column("purpose", String(10), nullable=False),
    Column("inclusion_prob", DOUBLE),
    Column("seconds", DOUBLE),
    Column("note", Text, nullable=False),
    Column("identification_level", Integer),
    Index("label_events_by_dataset", "dataset_key", "id"),
    sqlite_autoincrement=True,
)
"""Only ever added to: triggers refuse every change, and ids are never used again."""

leases = Table(
    "leases",
    metadata,
    Column("dataset_key", Text, primary_key=True),
    Column("peak_id", Text, primary_key=True),
    Column("annotator", String(100), nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
)
