"""Runs as processes of their own: their whole life in the store."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
import sqlalchemy as sa
from standin import (
    DEADLINE_S,
    DEAF,
    ENDLESS,
    QUICK,
    config,
    fall_silent,
    start,
    wait_for,
    wait_until_gone,
)

from compassign.errors import InputError
from compassign.jobs.launcher import default_limit, delete, enqueue, reap, start_queued
from compassign.jobs.processes import RUN_ID_VARIABLE, is_alive, kill
from compassign.runs import RUNS, is_complete, shown_run
from compassign.store.runs import RunStore
from compassign.store.schema import runs

pytest_plugins = ["job_fixtures"]


def test_a_run_goes_from_the_queue_to_its_results(store: RunStore, output: Path) -> None:
    queued = enqueue(store, config(QUICK), owner="ada")
    assert (queued.status, queued.title, queued.dataset) == ("queued", "lookup on demo (medium)", "demo (medium)")
    second = enqueue(store, config(QUICK))
    assert [row.id for row in start_queued(store, output, limit=1)] == [queued.id]
    row = wait_for(store, queued.id, lambda row: row.has_ended)
    assert (row.status, row.verdict, row.dataset_hash, row.error) == ("done", "converged", "d" * 64, None)
    assert (row.stage, row.fraction, row.detail) == ("fit", 0.5, "half of it")
    assert row.process_group == row.pid
    assert is_complete(output / RUNS / row.id)
    assert shown_run(output) == output / RUNS / row.id
    assert store.get(second.id).status == "queued"
    assert reap(store, output) == []
    delete(store, output, row.id)
    assert not (output / RUNS / row.id).exists()
    assert [left.id for left in store.rows()] == [second.id]


def test_a_killed_worker_is_found_and_leaves_no_orphan(store: RunStore, output: Path) -> None:
    run_id = enqueue(store, config(DEAF)).id
    running = start(store, output, run_id)
    assert running.pid is not None
    assert reap(store, output) == []
    os.kill(running.pid, signal.SIGKILL)
    until = time.monotonic() + DEADLINE_S
    while is_alive(running.pid):
        assert time.monotonic() < until
        time.sleep(0.02)
    assert [row.id for row in reap(store, output)] == [run_id]
    row = store.get(run_id)
    assert row.status == "failed"
    assert re.match(rf"its process \({running.pid}\) ended without a word", row.error or "")
    assert [path.name for path in (output / RUNS / run_id).iterdir()] == ["logs"]
    wait_until_gone(running.process_group)


def test_a_silent_worker_is_killed(store: RunStore, output: Path) -> None:
    run_id = enqueue(store, config(DEAF)).id
    running = start(store, output, run_id)
    assert running.pid is not None
    os.kill(running.pid, signal.SIGSTOP)
    fall_silent(store, run_id, 19)
    assert reap(store, output) == []
    fall_silent(store, run_id, 21)
    assert [row.error for row in reap(store, output)] == ["no sign of life for 21 s"]
    wait_until_gone(running.process_group)


def test_a_worker_outlives_the_process_that_started_it(store: RunStore, output: Path) -> None:
    run_id = enqueue(store, config(ENDLESS)).id
    program = (
        "import os, sys, signal; from pathlib import Path; from compassign.jobs.launcher import start_queued\n"
        "from compassign.store.runs import RunStore\n"
        "output = Path(sys.argv[1]); start_queued(RunStore.open(output), output, 1); os.killpg(0, signal.SIGKILL)\n"
    )
    server = subprocess.run([sys.executable, "-c", program, str(output)], start_new_session=True, check=False)
    assert server.returncode == -signal.SIGKILL
    wait_for(store, run_id, lambda row: row.stage == "fit")
    store.request_cancel(run_id)
    assert wait_for(store, run_id, lambda row: row.has_ended).status == "cancelled"


def test_a_group_whose_number_is_another_ones_is_left_alone(store: RunStore, output: Path) -> None:
    bystander = subprocess.Popen(["sleep", "60"], start_new_session=True, env={**os.environ, RUN_ID_VARIABLE: "other"})
    try:
        run_id = enqueue(store, config(QUICK)).id
        claimed = store.claim(limit=1)
        assert claimed is not None
        with store.engine.begin() as connection:
            numbers = {"pid": bystander.pid, "process_group": bystander.pid, "host": os.uname().nodename}
            connection.execute(sa.update(runs).where(runs.c.id == run_id).values(numbers))
        kill(store.get(run_id))
        with suppress(subprocess.TimeoutExpired):
            bystander.wait(0.2)
        assert bystander.returncode is None
    finally:
        bystander.kill()
        bystander.wait()


def test_a_claimed_run_whose_process_never_came_is_reaped(store: RunStore, output: Path) -> None:
    run_id = enqueue(store, config(QUICK)).id
    store.claim(limit=1)
    assert reap(store, output) == []
    fall_silent(store, run_id, 30)
    assert [row.error for row in reap(store, output)] == ["no sign of life for 30 s"]


def test_a_run_that_died_after_it_was_published_is_done(store: RunStore, output: Path) -> None:
    run_id = enqueue(store, config(QUICK)).id
    store.claim(limit=1)
    for folder in ("models", "results"):
        (output / RUNS / run_id / folder).mkdir(parents=True)
    (output / RUNS / run_id / "results" / "run.json").write_text("{}")
    fall_silent(store, run_id, 30)
    assert [row.status for row in reap(store, output)] == ["done"]


def test_a_run_that_is_not_over_is_not_deleted(store: RunStore, output: Path) -> None:
    run_id = enqueue(store, config(QUICK)).id
    with pytest.raises(InputError, match="the run is not over; cancel it"):
        delete(store, output, run_id)


def test_the_limit_leaves_each_run_its_cores() -> None:
    assert 1 <= default_limit() <= max(1, (os.cpu_count() or 1) // 4)
