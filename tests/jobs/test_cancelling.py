"""A run that is to stop is asked, told and killed, by a watcher that waits for nobody."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from standin import (
    DEADLINE_S,
    DEAF,
    ENDLESS,
    config,
    group_members,
    start,
    wait_for,
    wait_until_gone,
)

from compassign.jobs.cancelling import CancelLadder, CancelWaits
from compassign.jobs.launcher import enqueue, start_queued
from compassign.runs import RUNS
from compassign.store.runs import RunStore

pytest_plugins = ["job_fixtures"]


class Clock:
    """Seconds that pass when the test says so."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_queued_run_is_cancelled_at_once(store: RunStore, output: Path) -> None:
    run_id = enqueue(store, config(ENDLESS)).id
    assert store.request_cancel(run_id).status == "cancelled"
    assert start_queued(store, output, limit=1) == []


def test_a_running_run_stops_when_it_is_asked_to(store: RunStore, output: Path) -> None:
    running = start(store, output, enqueue(store, config(ENDLESS)).id)
    store.request_cancel(running.id)
    row = wait_for(store, running.id, lambda row: row.has_ended)
    assert (row.status, row.verdict, row.error) == ("cancelled", None, None)
    assert [path.name for path in (output / RUNS / row.id).iterdir()] == ["logs"]
    wait_until_gone(running.process_group)


def test_a_deaf_run_is_told_once_and_then_killed_with_its_children(
    store: RunStore, output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = start(store, output, enqueue(store, config(DEAF)).id)
    assert running.process_group is not None
    until = time.monotonic() + DEADLINE_S
    while len(group_members(running.process_group)) < 2:
        assert time.monotonic() < until
        time.sleep(0.05)
    told: list[str] = []
    monkeypatch.setattr("compassign.jobs.cancelling.terminate", lambda row: told.append(row.id))
    clock = Clock()
    ladder = CancelLadder(CancelWaits(asked_s=10.0, told_s=5.0), clock)
    assert ladder.climb(store, output) == []
    store.request_cancel(running.id)
    for clock.now, n_told in ((20.0, 0), (29.9, 0), (30.1, 1), (34.9, 1)):
        assert ladder.climb(store, output) == []
        assert len(told) == n_told
    clock.now = 35.1
    assert [row.status for row in ladder.climb(store, output)] == ["cancelled"]
    wait_until_gone(running.process_group)


def test_a_silent_run_is_not_told_because_its_number_may_be_reused(
    store: RunStore, output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = start(store, output, enqueue(store, config(ENDLESS)).id)
    told: list[str] = []
    monkeypatch.setattr("compassign.jobs.cancelling.terminate", lambda row: told.append(row.id))
    monkeypatch.setattr("compassign.jobs.cancelling.silent_s", lambda row: 21.0)
    ladder = CancelLadder(CancelWaits(asked_s=-1.0, told_s=99.0))
    store.request_cancel(running.id)
    ladder.climb(store, output)
    assert told == []
