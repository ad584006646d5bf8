"""The runs that a new workspace begins with."""

from __future__ import annotations

from pathlib import Path

from compassign.jobs.demo import DEMO_RUNS, enqueue_demo
from compassign.store.runs import RunStore


def test_a_new_workspace_gets_them_once(tmp_path: Path) -> None:
    assert enqueue_demo(tmp_path) == 3
    rows = RunStore.open(tmp_path).rows("queued")
    assert {row.title for row in rows} == set(DEMO_RUNS)
    assert enqueue_demo(tmp_path) == 0


def test_a_workspace_with_runs_of_the_command_line_gets_none(tmp_path: Path) -> None:
    (tmp_path / "runs" / "20261124-110247-480610-lookup-2e95").mkdir(parents=True)
    assert enqueue_demo(tmp_path) == 0
