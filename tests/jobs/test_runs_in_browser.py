"""Runs that are started, watched and stopped in a real browser, and what is left when a process is killed."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from browser_tools import START_S, WAIT_MS, free_port, opened, settle, wait_for
from playwright.sync_api import Browser, Position, expect
from standin import DEAF, ENDLESS, SLOW, config, is_fitting, wait_until_gone
from standin import wait_for as wait_for_run

from compassign.jobs.launcher import enqueue
from compassign.jobs.watcher import is_watched
from compassign.store.runs import RunStore

pytest_plugins = ["job_fixtures", "browser_fixtures"]

SECOND_ROW: Position = {"x": 18, "y": 88}  # where its box is in a table, below the header and the first row


@contextmanager
def serving(output: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """The dashboard as a person starts it, from another folder; its address and the process that serves it."""
    port = free_port()
    command = [sys.executable, "-m", "compassign.cli", "serve", "--output", str(output), "--port", str(port)]
    server = subprocess.Popen(command, cwd=output.parent, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}"
    try:
        wait_for(f"{address}/_stcore/health")
        yield address, server
    finally:
        server.terminate()
        server.wait(START_S)


@pytest.mark.slow  # starts a server, a browser and runs
def test_a_run_is_watched_and_cancelled_and_a_killed_one_says_why(
    browser: Browser, store: RunStore, output: Path
) -> None:
    with serving(output) as (address, _), opened(browser, f"{address}/runs") as page:
        expect(page.get_by_text("There is no run yet")).to_be_visible(timeout=WAIT_MS)
        run_id = enqueue(store, config(ENDLESS), "An endless run").id
        page.goto(f"{address}/runs?run={run_id}")
        expect(page.get_by_text("Fit", exact=False).first).to_be_visible(timeout=WAIT_MS)
        page.get_by_role("button", name="Cancel this run").click()
        expect(page.get_by_text("This run was cancelled")).to_be_visible(timeout=WAIT_MS)
        assert store.get(run_id).status == "cancelled"
        deaf = wait_for_run(store, enqueue(store, config(DEAF)).id, is_fitting)
        page.goto(f"{address}/runs?run={deaf.id}")
        expect(page.get_by_role("button", name="Cancel this run")).to_be_visible(timeout=WAIT_MS)
        assert deaf.pid is not None
        os.kill(deaf.pid, signal.SIGKILL)
        expect(page.get_by_text("ended without a word")).to_be_visible(timeout=30_000)
        assert store.get(deaf.id).status == "failed"
        wait_until_gone(deaf.process_group)
        page.goto(f"{address}/runs")
        heading = page.get_by_role("heading", name="An endless run", exact=True)
        for n_shown in (1, 0):  # a row that is picked, and left again
            page.get_by_test_id("stDataFrame").first.click(position=SECOND_ROW, timeout=WAIT_MS)
            expect(heading).to_have_count(n_shown, timeout=WAIT_MS)
            settle(page)
            expect(page).to_have_url(re.compile(rf"run={run_id}$" if n_shown else "runs$"))


@pytest.mark.slow  # starts two servers and a browser
def test_a_run_goes_on_when_its_server_is_killed_and_the_next_server_finds_it(
    browser: Browser, store: RunStore, output: Path
) -> None:
    with serving(output) as (address, server):
        run_id = enqueue(store, config(SLOW), "A slow run").id
        wait_for_run(store, run_id, is_fitting)
        server.send_signal(signal.SIGKILL)
        server.wait(START_S)
    assert is_watched(output)
    with serving(output) as (address, _), opened(browser, f"{address}/") as page:
        page.get_by_role("link", name="Watch").click(timeout=WAIT_MS)
        expect(page.get_by_role("heading", name="A slow run")).to_be_visible(timeout=WAIT_MS)
        (output / "go on").touch()
        expect(page.get_by_role("button", name="Run again exactly")).to_be_visible(timeout=WAIT_MS)
        assert store.get(run_id).status == "done"
        settle(page)
