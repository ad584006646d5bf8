"""What the command line and the store of runs know of each other."""

from __future__ import annotations

from pathlib import Path

from standin import BAD_INPUT, QUICK, commanded, config

from compassign.config import RunConfig
from compassign.jobs.launcher import enqueue
from compassign.runs import RUNS, is_complete, shown_run
from compassign.store.records import RunRow
from compassign.store.runs import RunStore

pytest_plugins = ["job_fixtures"]


def only(rows: list[RunRow]) -> RunRow:
    assert len(rows) == 1
    return rows[0]


def test_a_run_of_the_command_line_is_in_the_list(store: RunStore, output: Path) -> None:
    ended = commanded(output, "run", "--model", "lookup")
    assert ended.returncode == 0, ended.stderr
    row = only(store.rows())
    assert (row.status, row.verdict, row.process_group) == ("done", "converged", None)
    assert row.config == RunConfig(model="lookup").model_dump(mode="json")
    assert is_complete(output / RUNS / row.id)


def test_a_database_that_cannot_be_used_is_a_warning_and_the_run_goes_on(output: Path) -> None:
    (output / "compassign.db").mkdir(parents=True)
    ended = commanded(output, "run", "--model", "lookup")
    assert ended.returncode == 0, ended.stderr
    assert ended.stderr.count("the list of runs cannot follow this run, which goes on") == 1
    assert "unable to open database file" in ended.stderr
    assert shown_run(output) is not None


def test_the_worker_command_works_the_queue_until_it_is_empty(store: RunStore, output: Path) -> None:
    ids = [enqueue(store, config(seed)).id for seed in (QUICK, BAD_INPUT)]
    ended = commanded(output, "worker")
    assert ended.returncode == 0, ended.stderr
    assert [store.get(run_id).status for run_id in ids] == ["done", "failed"]
    assert f"{ids[0]}: done, verdict converged" in ended.stdout
    assert f"{ids[1]}: failed, peaks.csv row 3: mz = -1" in ended.stdout


def test_the_worker_command_says_why_a_store_cannot_be_used(output: Path) -> None:
    (output / "compassign.db").mkdir(parents=True)
    ended = commanded(output, "worker")
    assert ended.returncode == 2
    assert "unable to open database file" in ended.stderr
    assert "Traceback" not in ended.stderr
