"""A worker records how its run ended."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import sqlalchemy as sa
from standin import BAD_INPUT, DEFECT, QUICK, config, wait_for

from compassign.config import RunRecord
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


def test_an_exact_repetition_of_changed_data_is_refused(store: RunStore, output: Path) -> None:
    earlier = RunRecord(config=config(QUICK), seed=QUICK, dataset_hash="e" * 64, run_id="earlier")
    run_id = enqueue(store, earlier.config, repeats=earlier).id
    start_queued(store, output, limit=1)
    row = wait_for(store, run_id, lambda row: row.has_ended)
    assert row.status == "failed"
    assert f"the run to repeat (earlier) had {'e' * 64}; the dataset has changed" in (row.error or "")


def test_an_exact_repetition_of_the_same_data_is_done(store: RunStore, output: Path) -> None:
    earlier = RunRecord(config=config(QUICK), seed=QUICK, dataset_hash="d" * 64, run_id="earlier")
    run_id = enqueue(store, earlier.config, repeats=earlier).id
    start_queued(store, output, limit=1)
    assert wait_for(store, run_id, lambda row: row.has_ended).status == "done"
    assert "may not be exactly the same" in (output / RUNS / run_id / "logs" / "run.log").read_text()
