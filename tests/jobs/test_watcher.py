"""One process sees to the runs of an output folder, whoever started it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from standin import BAD_INPUT, DEADLINE_S, DEAF, QUICK, commanded, config, is_fitting, wait_for, wait_until_gone
from typer.testing import CliRunner

import compassign
from compassign import cli_jobs
from compassign.cli import app
from compassign.errors import StoreError
from compassign.jobs.launcher import enqueue
from compassign.jobs.processes import is_alive
from compassign.jobs.watcher import LOCK_NAME, is_watched, keep_watched, start_watcher, watcher_pid, watching
from compassign.store.runs import RunStore

pytest_plugins = ["job_fixtures"]


def wait_until_watched(output: Path) -> int:
    """The watcher's number, once it is there."""
    until = time.monotonic() + DEADLINE_S
    while not (is_watched(output) and watcher_pid(output)):
        assert time.monotonic() < until
        time.sleep(0.05)
    return int(watcher_pid(output))


def wait_until_ended(pid: int) -> None:
    until = time.monotonic() + DEADLINE_S
    while is_alive(pid):
        assert time.monotonic() < until
        time.sleep(0.05)


def test_a_second_watcher_says_so_and_leaves(output: Path) -> None:
    with watching(output) as is_ours:
        assert is_ours
        assert is_watched(output)
        ended = commanded(output, "worker", "--watch")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert f"process {os.getpid()} watches this folder already" in ended.stdout
    assert not is_watched(output)


def test_a_folder_that_is_not_there_is_not_watched(tmp_path: Path) -> None:
    assert not is_watched(tmp_path / "none")
    assert watcher_pid(tmp_path / "none") == ""


def test_only_a_folder_that_nobody_watches_gets_a_watcher(output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[Path] = []
    monkeypatch.setattr("compassign.jobs.watcher.start_watcher", started.append)
    with watching(output):
        keep_watched(output)
    assert not started
    keep_watched(output)
    assert started == [output]


def test_a_watcher_starts_runs_buries_a_killed_one_and_ends_with_its_folder(store: RunStore, output: Path) -> None:
    start_watcher(output)
    watcher = wait_until_watched(output)
    deaf = wait_for(store, enqueue(store, config(DEAF)).id, is_fitting)
    assert deaf.pid is not None
    os.kill(deaf.pid, signal.SIGKILL)
    failed = wait_for(store, deaf.id, lambda row: row.has_ended)
    assert failed.status == "failed"
    assert "ended without a word" in (failed.error or "")
    wait_until_gone(deaf.process_group)
    assert wait_for(store, enqueue(store, config(QUICK)).id, lambda row: row.has_ended).status == "done"
    (output / LOCK_NAME).unlink()
    wait_until_ended(watcher)


def test_a_watcher_outlives_the_process_that_started_it(store: RunStore, output: Path) -> None:
    program = (
        "import os, sys, signal; from pathlib import Path; from compassign.jobs.watcher import start_watcher\n"
        "start_watcher(Path(sys.argv[1])); os.killpg(0, signal.SIGKILL)\n"
    )
    server = subprocess.run([sys.executable, "-c", program, str(output)], start_new_session=True, check=False)
    assert server.returncode == -signal.SIGKILL
    wait_until_watched(output)
    assert wait_for(store, enqueue(store, config(BAD_INPUT)).id, lambda row: row.has_ended).status == "failed"


def test_a_busy_database_is_tried_again(
    store: RunStore, output: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    turns: list[int] = []

    def turn(queue: object) -> bool:
        turns.append(len(turns))
        if len(turns) == 1:
            raise StoreError("database is locked")
        (output / LOCK_NAME).unlink()
        return False

    monkeypatch.setattr(cli_jobs._Queue, "turn", turn)
    monkeypatch.setattr(cli_jobs, "POLL_S", 0.01)
    cli_jobs.watch_queue(output)
    assert turns == [0, 1]
    assert "database is locked" in capsys.readouterr().err


def test_an_installation_without_a_dashboard_says_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compassign, "__file__", str(tmp_path / "site-packages" / "compassign" / "__init__.py"))
    result = CliRunner().invoke(app, ["serve", "--output", str(tmp_path / "output")])
    assert result.exit_code == 2
    assert "app.py: not found; the dashboard is part of a clone" in result.stderr
    assert not (tmp_path / "output").exists()


def test_an_address_that_is_taken_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        result = CliRunner().invoke(app, ["serve", "--output", str(tmp_path / "output"), "--port", port])
    assert result.exit_code == 2
    assert f"127.0.0.1:{port}: cannot be listened on (Address already in use); if a dashboard is open" in result.stderr
    assert not (tmp_path / "output").exists()
