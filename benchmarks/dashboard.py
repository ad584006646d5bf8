"""Seconds of each interaction with 50,000 peaks in a browser, and the server's memory after 20 and 200 page changes."""

from __future__ import annotations

import argparse
import json
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from browsing import ROOT, WAIT_MS, Server, browsing, serving, settle, window
from playwright.sync_api import Page, expect

sys.path += [str(ROOT / "tests"), str(ROOT / "tests" / "app")]  # the tests look at the same made-up run
from big_run import write_big_run
from output_folders import add_run

N_PEAKS, FAST_PEAKS = 50_000, 5_000
SMALL_PEAKS = 1_000  # memory that is not given back is seen soonest beside little
CHANGES, FAST_CHANGES = (20, 200), (10, 30)
MAX_S, MAX_GROWTH = 2.0, 1.2
PAGES = ("Peaks", "Calibration", "Diagnostics", "Compare")
FIRST = "open for the first time"
DRAW_MS = 500  # figures are drawn after the script has ended; that is no part of what is done next
TABLE_ROW_PX = (20, 90)  # the box of the second row of a table


def wait_for_peak(page: Page, before: str) -> None:
    """Wait until another peak is shown in detail, with its evidence."""
    expect(page).not_to_have_url(before, timeout=WAIT_MS)
    page.wait_for_function("!document.querySelector('[data-stale=true]')", timeout=WAIT_MS)
    settle(page)


def click_row(page: Page) -> None:
    """Select the second row of the table, which is drawn and no element."""
    before = page.url
    column, row = TABLE_ROW_PX
    page.get_by_test_id("stDataFrame").first.click(position={"x": column, "y": row})
    wait_for_peak(page, before)


def click_bar(page: Page) -> None:
    """Click the third bar; plotly listens on a sheet above the bars."""
    before = page.url
    page.locator(".barlayer .point path").nth(2).click(force=True)
    wait_for_peak(page, before)


def open_map(page: Page) -> None:
    """Show the map in place of the bars."""
    page.get_by_role("tab", name="m/z against retention time").click()
    page.locator(".gl-canvas-focus").first.wait_for(state="attached")
    page.wait_for_function("!document.querySelector('[data-stale=true]')", timeout=WAIT_MS)
    settle(page)


def click_point(page: Page) -> None:
    """Click the middle of the map, which has a peak under every pixel when there are many."""
    before = page.url
    sheet = page.locator(".js-plotly-plot:has(.gl-container canvas) .nsewdrag").first
    sheet.hover()
    page.locator(".hoverlayer .hovertext").first.wait_for(state="attached")
    sheet.click()
    wait_for_peak(page, before)


def search(page: Page) -> None:
    """Look for a peak by a part of its id."""
    page.get_by_label("Peak or compound").fill("P0001")
    page.get_by_label("Peak or compound").press("Enter")
    expect(page.get_by_text(re.compile(r"^100 of "))).to_be_visible(timeout=WAIT_MS)
    settle(page)


def step(page: Page) -> None:
    """Go to the next peak."""
    before = page.url
    page.get_by_role("button", name="Next").click()
    wait_for_peak(page, before)


def move_threshold(page: Page) -> None:
    """Move the slider of Calibration by one step."""
    accepted = page.get_by_test_id("stMetricValue").filter(has_text=re.compile(r"^\d+$"))
    before = accepted.inner_text()
    page.get_by_role("slider").press("ArrowLeft")
    expect(accepted).not_to_have_text(before, timeout=WAIT_MS)
    settle(page)


def choose_null(page: Page) -> None:
    """Show the reliability of the null in place of that of the calls."""
    page.get_by_test_id("stButtonGroup").get_by_text("The null").click()
    expect(page).to_have_url(re.compile("of=The"), timeout=WAIT_MS)
    page.wait_for_function("!document.querySelector('[data-stale=true]')", timeout=WAIT_MS)
    settle(page)


def choose_parameter(page: Page) -> None:
    """Show the draws of the parameter in the second row."""
    name = page.locator(".js-plotly-plot .ytitle").first
    before = name.text_content() or ""
    column, row = TABLE_ROW_PX
    page.get_by_test_id("stDataFrame").first.click(position={"x": column, "y": row})
    expect(name).not_to_have_text(before, timeout=WAIT_MS)
    settle(page)


def choose_run(page: Page) -> None:
    """Show what there is of the run in the second row."""
    column, row = TABLE_ROW_PX
    page.get_by_test_id("stDataFrame").first.click(position={"x": column, "y": row})
    expect(page.get_by_role("button", name="Run again exactly")).to_be_visible(timeout=WAIT_MS)
    settle(page)


class Visit(NamedTuple):
    """A page that is opened, what it has when it is drawn, and what is done on it."""

    link: str
    drawn: str
    steps: Mapping[str, Callable[[Page], None]]


VISITS = {
    "Peaks": Visit(
        "peaks?run=big",
        ".barlayer .point path",
        {
            "click a bar": click_bar,
            "next peak": step,
            "select a row": click_row,
            "open the map": open_map,
            "click a point": click_point,
            "next peak, map open": step,
            "search": search,
        },
    ),
    "Calibration": Visit(
        "calibration?run=big",
        ".js-plotly-plot .main-svg",
        {"move the threshold": move_threshold, "again": move_threshold, "the null": choose_null},
    ),
    "Diagnostics": Visit("diagnostics?run=big", ".js-plotly-plot .ytitle", {"choose a parameter": choose_parameter}),
    "Compare": Visit("compare?run=big&with=other", ".js-plotly-plot .main-svg", {}),
    "Home": Visit("", "[data-testid=stMetric]", {}),
    "Runs": Visit("runs", "[data-testid=stDataFrame]", {"choose a run": choose_run}),
}


def times(page: Page, address: str) -> Iterator[tuple[str, str, float]]:
    """Page, what is done there and its seconds; the first opening of each page among them."""
    for title, visit in VISITS.items():
        for what in (FIRST, "open"):
            started = time.perf_counter()
            page.goto(f"{address}/{visit.link}")
            page.locator(visit.drawn).first.wait_for(state="attached", timeout=3 * WAIT_MS)
            settle(page)
            yield title, what, time.perf_counter() - started
            page.wait_for_timeout(DRAW_MS)
        for what, act in visit.steps.items():
            started = time.perf_counter()
            act(page)
            yield title, what, time.perf_counter() - started
            page.wait_for_timeout(DRAW_MS)


def memory_mb(server: Server) -> float:
    """Resident memory of the server."""
    status = Path(f"/proc/{server.pid}/status").read_text(encoding="utf-8")
    return float(re.findall(r"VmRSS:\s+(\d+) kB", status)[0]) / 1024


def memory(page: Page, server: Server, changes: tuple[int, int]) -> list[float]:
    """MB after each number of page changes."""
    found = []
    for change in range(1, changes[-1] + 1):
        page.get_by_test_id("stSidebarNav").get_by_role("link", name=PAGES[change % len(PAGES)], exact=True).click()
        expect(page.get_by_role("heading", level=1, name=PAGES[change % len(PAGES)])).to_be_visible(timeout=WAIT_MS)
        settle(page)
        if change in changes:
            found.append(memory_mb(server))
            print(f"{found[-1]:8.0f} MB  after {change} page changes", flush=True)
    return found


def main() -> None:
    """Print the figures, then one JSON object; ends with 1 where a limit is not kept."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fast", action="store_true", help="fewer peaks and page changes")
    options = parser.parse_args()
    n_peaks, changes = (FAST_PEAKS, FAST_CHANGES) if options.fast else (N_PEAKS, CHANGES)
    with tempfile.TemporaryDirectory() as folder, browsing() as browser:
        output = Path(folder, "big")
        add_run(output, "other", output / "runs" / write_big_run(output, n_peaks))
        with serving(output) as server, window(browser) as (page, problems):
            seconds = {}
            for title, what, spent in times(page, server.address):
                seconds[f"{title}: {what}"] = round(spent, 2)
                print(f"{spent:8.2f} s   {title}: {what}", flush=True)
        write_big_run(Path(folder, "small"), SMALL_PEAKS)
        with serving(Path(folder, "small")) as server, window(browser) as (page, others):
            page.goto(server.address)
            first, last = memory(page, server, changes)
            problems += others
    slowest = max(spent for what, spent in seconds.items() if not what.endswith(FIRST))
    figures = {"n_peaks": n_peaks, "seconds": seconds, "slowest_s": slowest, "memory_mb": [round(first), round(last)]}
    print(json.dumps({**figures, "memory_growth": round(last / first, 3), "problems": problems}))
    raise SystemExit(int(slowest > MAX_S or last > first * MAX_GROWTH or bool(problems)))


if __name__ == "__main__":
    main()
