"""Seconds that a curator waits at the label desk, in a browser: for the next peak, and for what an answer changes.

For each size a run is computed as `compassign run --quick` does and served. The page starts the process that refits;
one answer waits for it, then 20 are given at a curator's pace, and one more once all of them are learned from. Without
`--fast` the larger size takes some minutes.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from browsing import IDLE, ROOT, Server, browsing, serving, window
from playwright.sync_api import Page
from sampler import first_peaks

from compassign.data.simulate import write_dataset

SIZES, FAST_SIZES = (2_000, 10_000), (2_000,)
N_ANSWERS = 20
PACE_S = 2.0  # that a curator looks at a peak at least
MAX_NEXT_S, MAX_PROVISIONAL_S, MAX_REFIT_S = 0.6, 1.0, 10.0
REFITTED_SIZE = 2_000  # that the limit on refits is about
KEY = "1"  # the first candidate made the peak
READY_MS = 600_000  # for what is waited for beside the desk, on a busy machine
PEAK = "() => document.querySelector('h3')?.textContent ?? ''"
OTHER_PEAK = f"before => {{ const now = ({PEAK})(); return now.startsWith('Peak ') && now !== before }}"
SAID = "text => [...document.querySelectorAll('[data-testid=stText]')].some(found => found.textContent.includes(text))"


@dataclass(frozen=True)
class Waits:
    """Seconds at one size: from a key to the next peak, and to the numbers that an answer changes.

    next_median_s, next_max_s : over N_ANSWERS. first_refit_s : with the start of the process that refits.
    """

    n_peaks: int
    next_median_s: float
    next_max_s: float
    provisional_s: float
    first_refit_s: float
    refit_s: float


def write_run(folder: Path, n_peaks: int) -> Path:
    """Compute a run of simulated peaks; the output folder that it is in."""
    data, output = folder / "data", folder / "output"
    write_dataset(first_peaks(n_peaks), data)
    command = [sys.executable, str(ROOT / "scripts" / "train.py"), "--quick", "--data", str(data)]
    ended = subprocess.run(
        [*command, "--output", str(output)], check=False, env={"OMP_NUM_THREADS": "1", **os.environ}, text=True
    )
    if ended.returncode not in (0, 3):
        raise SystemExit("the run did not complete")
    return output


def answer(page: Page) -> tuple[float, float]:
    """Press a key and wait for the next peak; when it was pressed, and the seconds."""
    page.wait_for_selector(IDLE, timeout=READY_MS)
    before = page.evaluate(PEAK)
    pressed = time.perf_counter()
    page.keyboard.press(KEY)
    page.wait_for_function(OTHER_PEAK, arg=before, timeout=READY_MS)
    return pressed, time.perf_counter() - pressed


def until_said(page: Page, text: str, since: float) -> float:
    """Seconds from a time until the page says a text."""
    page.wait_for_function(SAID, arg=text, timeout=READY_MS)
    return time.perf_counter() - since


def measure(page: Page, server: Server, n_peaks: int) -> Waits:
    """Answer on the Label page of the only run there is."""
    page.goto(f"{server.address}/label?as=Ada")
    page.wait_for_function(OTHER_PEAK, arg="", timeout=READY_MS)
    page.wait_for_timeout(1000 * PACE_S)
    pressed, _ = answer(page)
    first_refit_s = until_said(page, "Refit with 1 answer ", pressed)
    waits = []
    for _ in range(N_ANSWERS):
        waits.append(answer(page)[1])
        page.wait_for_timeout(1000 * PACE_S)
    until_said(page, f"Refit with {N_ANSWERS + 1} answers ", pressed)
    pressed, _ = answer(page)
    provisional_s = until_said(page, "Provisional, weighed draws: 1 answer ", pressed)
    refit_s = until_said(page, f"Refit with {N_ANSWERS + 2} answers ", pressed)
    found = (median(waits), max(waits), provisional_s, first_refit_s, refit_s)
    return Waits(n_peaks, *(round(seconds, 2) for seconds in found))


def missed(row: Waits) -> list[str]:
    """The limits that are not kept at one size."""
    limits = {"next_median_s": MAX_NEXT_S, "provisional_s": MAX_PROVISIONAL_S}
    if row.n_peaks == REFITTED_SIZE:
        limits["refit_s"] = MAX_REFIT_S
    return [f"{row.n_peaks:,} peaks: {name} above {limit}" for name, limit in limits.items() if vars(row)[name] > limit]


def main() -> None:
    """Print the seconds of each size, then one JSON object; ends with 1 where a limit is not kept."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fast", action="store_true", help="2,000 peaks only")
    options = parser.parse_args()
    rows: list[Waits] = []
    problems: list[str] = []
    for n_peaks in FAST_SIZES if options.fast else SIZES:
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:  # the process that refits writes there
            output = write_run(Path(folder), n_peaks)
            with browsing() as browser, serving(output) as server, window(browser) as (page, found):
                rows.append(measure(page, server, n_peaks))
                problems += found
    print("  peaks  next peak: median     max  provisional  first refit   refit")
    for row in rows:
        next_peak = f"{row.n_peaks:>7,}  {row.next_median_s:17.2f}  {row.next_max_s:6.2f}"
        print(f"{next_peak}  {row.provisional_s:11.2f}  {row.first_refit_s:11.2f}  {row.refit_s:6.2f}")
    for message in (over := [message for row in rows for message in missed(row)]):
        print(f"missed: {message}")
    print(json.dumps({"benchmark": "desk", "rows": [asdict(row) for row in rows], "problems": problems}))
    raise SystemExit(int(bool(over or problems)))


if __name__ == "__main__":
    main()
