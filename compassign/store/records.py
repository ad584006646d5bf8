"""What the store knows about a run, for those who need not open it: importing this is cheap."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from compassign.sampling_progress import SamplingProgress

Status = Literal["queued", "running", "done", "failed", "cancelled"]
EndStatus = Literal["done", "failed", "cancelled"]
ENDED: tuple[EndStatus, ...] = ("done", "failed", "cancelled")


@dataclass(frozen=True)
class NewRun:
    """A run that is asked for; config : `RunConfig.model_dump(mode="json")`, id : also the name of its folder.

    repeats : the record of the run that this one repeats, as JSON; None if it repeats none.
    """

    id: str
    title: str
    model: str
    dataset: str
    config: Mapping[str, Any]
    owner: str
    repeats: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Process:
    """Where a run is computed; process_group : None if the group is not the run's own, so must not be killed."""

    host: str
    pid: int
    process_group: int | None


@dataclass(frozen=True)
class RunState:
    """How far a run is; fraction : of the current stage, 0 to 1. sampling : None while nothing is sampled."""

    stage: str = ""
    fraction: float = 0.0
    detail: str = ""
    sampling: SamplingProgress | None = None


@dataclass(frozen=True)
class Ending:
    """How a run ended; error : why it did not succeed, for a person. Hashes : None where they are not known."""

    status: EndStatus
    verdict: str | None = None
    error: str | None = None
    hashes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class RunRow:
    """One run as the store knows it; times are UTC, None for what has not happened yet."""

    id: str
    title: str
    status: Status
    verdict: str | None
    model: str
    dataset: str
    config: Mapping[str, Any]
    dataset_hash: str | None
    labels_hash: str | None
    truth_hash: str | None
    owner: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    heartbeat_at: datetime | None
    host: str | None
    pid: int | None
    process_group: int | None
    stage: str
    fraction: float
    detail: str
    progress: SamplingProgress | None
    error: str | None
    cancel_requested: bool
    archived: bool
    deleted: bool
    repeats: Mapping[str, Any] | None

    @property
    def has_ended(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.status in ENDED
