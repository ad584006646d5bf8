"""Answers for tests of the label store."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from compassign.label_events import LabelEvent, NewLabel

DATASET = "datasets/my study"
BASE = NewLabel(
    client_key="k",
    annotator="ada",
    dataset_key=DATASET,
    dataset_hash="d" * 64,
    peak_id="P1",
    injection="inj",
    mz=195.0877,
    rt_min=4.123,
    kind="candidate",
    options=("C1",),
)


def label(client_key: str, **changes: Any) -> NewLabel:
    """An answer under a key of its own."""
    return replace(BASE, client_key=client_key, **changes)


def event(number: int, **changes: Any) -> LabelEvent:
    """A stored answer; later numbers have earlier times, as after a clock that goes backwards."""
    stored = label(f"k{number}", **changes)
    return LabelEvent(**vars(stored), id=number, at=datetime(2026, 1, 1, 12, 60 - number, tzinfo=UTC))
