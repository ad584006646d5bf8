"""The pages in a real browser, each opened by its link on a server that has shown nothing before."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError

import pytest
from output_folders import LOOKUP, PRIOR
from playwright.sync_api import Browser, Page, expect, sync_playwright

pytest_plugins = ["example_runs", "app_outputs"]

ROOT = Path(__file__).parents[2]
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
IDLE = "[data-testid=stApp][data-test-script-state=notRunning]"
START_S, WAIT_MS = 30.0, 20_000
LINKS = {
    "Home": "",
    "Runs": f"runs?run={LOOKUP}",
    "Peaks": f"peaks?run={PRIOR}&peak=p01",
    "Calibration": f"calibration?run={LOOKUP}",
    "Diagnostics": f"diagnostics?run={PRIOR}",
    "Compare": f"compare?run={LOOKUP}&with={PRIOR}",
    "Export": f"export?run={LOOKUP}",
}


def free_port() -> int:
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
    end = time.monotonic() + START_S
    while time.monotonic() < end:
        try:
            with urllib.request.urlopen(url, timeout=1.0):  # noqa: S310 (our own server)
                return
        except (URLError, ConnectionError, TimeoutError):
            time.sleep(0.1)
    raise AssertionError(f"{url} did not answer within {START_S} s")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    chromium = shutil.which("chromium")
    assert chromium, "these tests need chromium: apt-get install chromium"
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
        yield started
        started.close()


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
    page.wait_for_selector(IDLE, timeout=WAIT_MS)
    expect(page.get_by_test_id("stException")).to_have_count(0)


@pytest.mark.slow  # a server of its own for each page
@pytest.mark.parametrize("title", LINKS)
def test_a_link_opens_its_page_on_a_fresh_server(title: str, browser: Browser, output: Path) -> None:
    with serving(output) as address, opened(browser, f"{address}/{LINKS[title]}") as page:
        heading = "CompAssign" if title == "Home" else title
        expect(page.get_by_role("heading", name=heading, exact=True).first).to_be_visible(timeout=WAIT_MS)
        links = page.get_by_test_id("stSidebarNavLink")
        expect(links).to_have_text([*LINKS], timeout=WAIT_MS)
        expect(page).to_have_title(f"{title} \N{MIDDLE DOT} CompAssign")
        if title not in {"Home", "Runs", "Export"}:
            expect(page.locator(".js-plotly-plot").first).to_be_visible(timeout=WAIT_MS)


@pytest.mark.slow  # starts a server and a browser
def test_a_bar_that_is_clicked_and_the_next_peak_follow_in_the_link(browser: Browser, output: Path) -> None:
    with serving(output) as address, opened(browser, f"{address}/peaks?run={PRIOR}") as page:
        bars = page.locator(".js-plotly-plot .barlayer .point path")
        bars.first.click(force=True, timeout=WAIT_MS)  # plotly listens on a sheet above the bars
        expect(page.get_by_role("heading", name="Peak p00", exact=True)).to_be_visible(timeout=WAIT_MS)
        assert "peak=p00" in page.url
        page.get_by_role("button", name="Next").click()
        expect(page.get_by_role("heading", name="Peak p01", exact=True)).to_be_visible(timeout=WAIT_MS)
        settle(page)
        page.get_by_role("link", name="Calibration").click()
        expect(page.get_by_role("heading", name="Reliability", exact=True)).to_be_visible(timeout=WAIT_MS)
        assert f"run={PRIOR}" in page.url
        settle(page)
