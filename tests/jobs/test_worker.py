"""A worker records how its run ended."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import sqlalchemy as sa
from standin import BAD_INPUT, DEFECT, QUICK, config, wait_for

from compassign.jobs.launcher import enqueue, start_queued
from compassign.runs import RUNS
from compassign.store.runs import RunStore
from compassign.store.schema import runs

pytest_plugins = ["job_fixtures"]


@pytest.mark.parametrize(
    ("seed", "error"),
    [
        (BAD_INPUT, "peaks.csv row 3: mz = -1\ncompounds.csv: missing"),
        (DEFECT, "ValueError: a defect in two lines"),
    ],
)
def test_what_stops_a_run_is_in_its_row(store: RunStore, output: Path, seed: int, error: str) -> None:
    run_id = enqueue(store, config(seed)).id
    start_queued(store, output, limit=1)
    row = wait_for(store, run_id, lambda row: row.has_ended)
    assert (row.status, row.error) == ("failed", error)
    log = output / RUNS / run_id / "logs" / "run.log"
    assert ("Traceback" in log.read_text()) if seed == DEFECT else not log.exists()


def test_settings_that_this_version_does_not_know_are_named_in_the_row(store: RunStore, output: Path) -> None:
    run_id = enqueue(store, config(QUICK)).id
    with store.engine.begin() as connection:
        connection.execute(sa.update(runs).values(config={"model": "crystal ball"}))
    start_queued(store, output, limit=1)
    row = wait_for(store, run_id, lambda row: row.has_ended)
    assert row.status == "failed"
    assert re.match("model = 'crystal ball': input should be 'generative'", row.error or "")
