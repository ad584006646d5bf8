"""A server of the dashboard and a browser that looks at it, for benchmarks and tests."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.error import URLError

from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
IDLE = "[data-testid=stApp][data-test-script-state=notRunning]"
START_S, WAIT_MS = 30.0, 20_000
DESKTOP, PHONE = (1440, 900), (390, 844)  # CSS pixels
Scheme = Literal["light", "dark"]
# Streamlit's script finds its server by asking below the page's own path first; there is no option that stops it.
_PROBE = re.compile(r"http://[^/]+/[^/]+/_stcore/(health|host-config)")


@dataclass(frozen=True)
class Server:
    """A running server; address : without a slash at its end."""

    address: str
    pid: int


@contextmanager
def serving(output: Path, *options: str) -> Iterator[Server]:
    """A fresh server of an output folder, stopped at the end; raises TimeoutError where it does not start.

    options : further ones of `streamlit run`.
    """
    port = free_port()
    usual = ("--server.headless=true", f"--server.port={port}", "--server.fileWatcherType=none")
    server = subprocess.Popen(
        [sys.executable, "-m", "streamlit", "run", "app.py", *usual, *options],
        cwd=ROOT,
        env={**os.environ, "COMPASSIGN_OUTPUT": str(output)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    address = f"http://127.0.0.1:{port}"
    try:
        wait_for(f"{address}/_stcore/health")
        yield Server(address, server.pid)
    finally:
        server.terminate()
        server.wait(START_S)


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(url: str) -> None:
    """Wait until an address answers; raises TimeoutError if it does not."""
    end = time.monotonic() + START_S
    while time.monotonic() < end:
        try:
            with urllib.request.urlopen(url, timeout=1.0):  # noqa: S310 (our own server)
                return
        except (URLError, ConnectionError, TimeoutError):
            time.sleep(0.1)
    raise TimeoutError(f"{url} did not answer within {START_S} s")


@contextmanager
def browsing() -> Iterator[Browser]:
    """Chromium without a window; raises FileNotFoundError if there is none."""
    chromium = shutil.which("chromium")
    if not chromium:
        raise FileNotFoundError("chromium, which this needs: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
        yield browser
        browser.close()


@contextmanager
def window(
    browser: Browser, size: tuple[int, int] = DESKTOP, scheme: Scheme = "light"
) -> Iterator[tuple[Page, list[str]]]:
    """An empty page of its own, and the list of all that goes wrong in it: scripts, the console, requests, answers."""
    width, height = size
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
    page = context.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda said: _note(problems, said.location["url"], said.text) if said.type == "error" else None)
    page.on("requestfailed", lambda request: problems.append(f"{request.url} {request.failure}"))
    page.on("response", lambda got: _note(problems, got.url, str(got.status)) if got.status >= 400 else None)
    yield page, problems
    context.close()


def _note(problems: list[str], url: str, what: str) -> None:
    """Add a problem, unless it is the answer to a probe of Streamlit's own."""
    if not _PROBE.fullmatch(url):
        problems.append(f"{url} {what}")


def settle(page: Page) -> None:
    """Wait until the script of a page has run."""
    page.wait_for_selector(IDLE, timeout=WAIT_MS)
