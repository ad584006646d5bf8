"""A dashboard of a test's own, and a real browser that opens it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError

from playwright.sync_api import Browser, Page, expect

ROOT = Path(__file__).parents[1]
IDLE = "[data-testid=stApp][data-test-script-state=notRunning]"
START_S, WAIT_MS = 30.0, 20_000


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serving(output: Path) -> Iterator[str]:
    """A fresh server; its address."""
    port = free_port()
    options = ("--server.headless=true", f"--server.port={port}", "--server.fileWatcherType=none")
    command = [sys.executable, "-m", "streamlit", "run", "app.py", *options]
    environment = {**os.environ, "COMPASSIGN_OUTPUT": str(output)}
    server = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}"
    try:
        wait_for(f"{address}/_stcore/health")
        yield address
    finally:
        server.terminate()
        server.wait(START_S)


def wait_for(url: str) -> None:
    """Wait until the address answers."""
    end = time.monotonic() + START_S
    while time.monotonic() < end:
        try:
            with urllib.request.urlopen(url, timeout=1.0):  # noqa: S310 (our own server)
                return
        except (URLError, ConnectionError, TimeoutError):
            time.sleep(0.1)
    raise AssertionError(f"{url} did not answer within {START_S} s")


@contextmanager
def opened(browser: Browser, url: str) -> Iterator[Page]:
    """A page in a new window; fails on an error of a script and on a request that failed."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("requestfailed", lambda request: problems.append(f"{request.url} {request.failure}"))
    page.goto(url)
    settle(page)
    yield page
    assert problems == []
    context.close()


def settle(page: Page) -> None:
    """Wait until the page is drawn; fails if it shows an error of the program."""
    page.wait_for_selector(IDLE, timeout=WAIT_MS)
    expect(page.get_by_test_id("stException")).to_have_count(0)
