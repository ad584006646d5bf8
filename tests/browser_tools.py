"""A dashboard of a test's own, and a real browser that opens it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, expect

from benchmarks import browsing
from benchmarks.browsing import ROOT, START_S, WAIT_MS, free_port, wait_for, window

__all__ = ["ROOT", "START_S", "WAIT_MS", "free_port", "opened", "serving", "settle", "wait_for"]


@contextmanager
def serving(output: Path, *options: str) -> Iterator[str]:
    """A fresh server; its address."""
    with browsing.serving(output, *options) as server:
        yield server.address


@contextmanager
def opened(browser: Browser, url: str) -> Iterator[Page]:
    """A page in a new window; fails on an error of a script or in the console, and on a request that failed."""
    with window(browser) as (page, problems):
        page.goto(url)
        settle(page)
        yield page
        assert not problems, "\n".join(problems)


def settle(page: Page) -> None:
    """Wait until the page is drawn; fails if it shows an error of the program."""
    browsing.settle(page)
    expect(page.get_by_test_id("stException")).to_have_count(0)
