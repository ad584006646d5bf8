"""The pages in a real browser, each opened by its link on a server that has shown nothing before."""

from __future__ import annotations

from pathlib import Path

import pytest
from browser_tools import WAIT_MS, opened, serving, settle
from output_folders import LOOKUP, PRIOR
from playwright.sync_api import Browser, Locator, Page, expect

pytest_plugins = ["example_runs", "app_outputs", "browser_fixtures"]

LINKS = {
    "Home": "",
    "Data": "data",
    "New run": "new_run",
    "Runs": f"runs?run={LOOKUP}",
    "Peaks": f"peaks?run={PRIOR}&peak=p01",
    "Calibration": f"calibration?run={LOOKUP}",
    "Diagnostics": f"diagnostics?run={PRIOR}",
    "Compare": f"compare?run={LOOKUP}&with={PRIOR}",
    "Label": f"label?run={LOOKUP}",
    "Review": f"review?run={LOOKUP}",
    "Export": f"export?run={LOOKUP}",
}
WITHOUT_FIGURE = ("Home", "Data", "New run", "Runs", "Label", "Review", "Export")


@pytest.mark.slow  # a server of its own for each page
@pytest.mark.parametrize("title", LINKS)
def test_a_link_opens_its_page_on_a_fresh_server(title: str, browser: Browser, output: Path) -> None:
    with serving(output) as address, opened(browser, f"{address}/{LINKS[title]}") as page:
        heading = "CompAssign" if title == "Home" else title
        expect(page.get_by_role("heading", name=heading, exact=True).first).to_be_visible(timeout=WAIT_MS)
        links = page.get_by_test_id("stSidebarNavLink")
        expect(links).to_have_text([*LINKS], timeout=WAIT_MS)
        expect(page).to_have_title(f"{title} \N{MIDDLE DOT} CompAssign")
        if title not in WITHOUT_FIGURE:
            expect(page.locator(".js-plotly-plot").first).to_be_visible(timeout=WAIT_MS)


def selected_row(page: Page, peak_id: str) -> Locator:
    """The row of a peak in the first table, if it is selected; read from what the table tells screen readers."""
    table = page.get_by_test_id("stDataFrame").first.locator("table")
    return table.locator("tr[aria-selected=true]").filter(has_text=peak_id)


@pytest.mark.slow  # starts a server and a browser
def test_a_bar_that_is_clicked_and_the_next_peak_follow_in_the_link(browser: Browser, output: Path) -> None:
    with serving(output) as address, opened(browser, f"{address}/peaks?run={PRIOR}") as page:
        bars = page.locator(".js-plotly-plot .barlayer .point path")
        bars.first.click(force=True, timeout=WAIT_MS)  # plotly listens on a sheet above the bars
        expect(page.get_by_role("heading", name="Peak p00", exact=True)).to_be_visible(timeout=WAIT_MS)
        expect(selected_row(page, "p00")).to_have_count(1, timeout=WAIT_MS)
        assert "peak=p00" in page.url
        page.get_by_role("button", name="Next").click()
        expect(page.get_by_role("heading", name="Peak p01", exact=True)).to_be_visible(timeout=WAIT_MS)
        settle(page)
        expect(selected_row(page, "p01")).to_have_count(1, timeout=WAIT_MS)
        expect(selected_row(page, "p00")).to_have_count(0)
        page.get_by_role("link", name="Calibration").click()
        expect(page.get_by_role("heading", name="Reliability", exact=True)).to_be_visible(timeout=WAIT_MS)
        assert f"run={PRIOR}" in page.url
        settle(page)
