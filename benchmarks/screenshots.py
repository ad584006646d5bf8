"""Pictures of every page of the navigation: on a desk and on a phone, light and dark, each as long as the page is."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from browsing import DESKTOP, PHONE, Scheme, browsing, serving, settle, window
from playwright.sync_api import Browser, Page

from compassign.queries.overview import list_runs
from compassign.queries.peaks import peak_table
from compassign.queries.run_folder import load_run

SIZES = {"desk": DESKTOP, "phone": PHONE}
SCHEMES: tuple[Scheme, ...] = ("light", "dark")
DRAW_MS = 800  # figures are drawn after the script has ended
MAX_PX = 8000  # of a page's length
# Streamlit scrolls a part of the page, and not the page.
LENGTH = "[...document.querySelectorAll('[data-testid=stMainBlockContainer]')].map(e => e.scrollHeight)[0] || 0"


@contextmanager
def workspace(given: Path | None) -> Iterator[Path]:
    """The folder given, else a new one with the demonstration's runs."""
    if given is not None:
        yield given
        return
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-m", "compassign.jobs.demo", folder], check=True)
        subprocess.run([Path(sys.executable).with_name("compassign"), "worker", "--output", folder], check=True)
        yield Path(folder)


def newest(output: Path) -> str:
    """What a link adds to show the newest run, and of its peaks the most undecided one."""
    runs = list_runs(output, 1)
    if not runs:
        raise SystemExit(f"{output}: no complete run")
    peaks = peak_table(load_run(runs[0].path))
    return f"run={runs[0].run_id}&peak={peaks.sort_values('entropy')['peak_id'].iloc[-1]}"


def navigation(browser: Browser, address: str) -> list[str]:
    """Path of every page, "" for the first: what the navigation links to."""
    with window(browser) as (page, _):
        page.goto(address)
        settle(page)
        page.get_by_test_id("stSidebarNavLink").first.wait_for()
        links = page.get_by_test_id("stSidebarNavLink").evaluate_all("links => links.map(link => link.href)")
    return [urlsplit(link).path.strip("/") for link in links]


def lengthen(page: Page, size: tuple[int, int]) -> None:
    """Make the window as long as its page; twice, because figures and tables fill what they get."""
    for _ in range(2):
        page.wait_for_timeout(DRAW_MS)
        height = min(max(int(page.evaluate(LENGTH)), size[1]), MAX_PX)
        page.set_viewport_size({"width": size[0], "height": height})
    page.wait_for_timeout(DRAW_MS)


def take(page: Page, url: str, size: tuple[int, int], file: Path) -> float:
    """Seconds until a page is there; its picture is written to `file`."""
    started = time.perf_counter()
    page.goto(url)
    settle(page)
    seconds = time.perf_counter() - started
    lengthen(page, size)
    page.screenshot(path=file)
    return seconds


def main() -> None:
    """Print a line for each picture, then one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where the pictures go; not into the repository")
    parser.add_argument("--output", type=Path, help="the runs to show; unless given, the demonstration's are computed")
    parser.add_argument("--pages", help="paths of some pages alone, such as peaks,compare")
    parser.add_argument("--fast", action="store_true", help="light alone")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    schemes = SCHEMES[:1] if options.fast else SCHEMES
    slowest, n_pictures, problems = 0.0, 0, []
    with workspace(options.output) as output, serving(output) as server, browsing() as browser:
        query = newest(output)
        paths = options.pages.split(",") if options.pages else navigation(browser, server.address)
        for path in paths:
            for name, size in SIZES.items():
                for scheme in schemes:
                    file = options.folder / f"{path or 'home'}-{name}-{scheme}.png"
                    with window(browser, size, scheme) as (page, found):
                        seconds = take(page, f"{server.address}/{path}?{query}", size, file)
                        problems += found
                    print(f"{seconds:6.2f} s  {file.stat().st_size / 1000:7.0f} kB  {file}", *found, flush=True)
                    slowest, n_pictures = max(slowest, seconds), n_pictures + 1
    print(json.dumps({"n_pictures": n_pictures, "slowest_s": round(slowest, 2), "n_problems": len(problems)}))


if __name__ == "__main__":
    main()
