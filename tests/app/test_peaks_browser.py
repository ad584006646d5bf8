"""What only a browser can do with peaks: click points and rows, and see nothing where a login comes first."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from big_run import write_big_run
from browser_tools import WAIT_MS, opened, serving, settle
from output_folders import LOOKUP, PRIOR
from playwright.sync_api import Browser, Page, Position, expect

pytest_plugins = ["example_runs", "app_outputs", "browser_fixtures"]

N_PEAKS = 50_000
MAP = "panel=m%2Fz+against+retention+time"
FIRST_CELL: Position = {"x": 20, "y": 55}  # the box of the first row of a table, which is drawn and no element
LINKS = ("", f"peaks?run={PRIOR}&peak=p01", f"calibration?run={LOOKUP}", f"diagnostics?run={PRIOR}", "compare", "runs")
SECRETS = """[auth]
redirect_uri = "http://127.0.0.1/oauth2callback"
cookie_secret = "not a secret"
client_id = "compassign"
client_secret = "not a secret"
server_metadata_url = "http://127.0.0.1/nowhere"
"""
# Where the first point of a map is, in pixels of its sheet.
FIRST_POINT = """figure => {
    const layout = figure._fullLayout, points = figure._fullData[0];
    return [layout.xaxis.d2p(points.x[0]), layout.yaxis.d2p(points.y[0])];
}"""


def click_first_point(page: Page) -> None:
    """Click the first point of the page's only figure with points."""
    figure = page.locator(".js-plotly-plot:has(.gl-container canvas)").first
    expect(figure).to_be_visible(timeout=WAIT_MS)
    page.wait_for_timeout(500)  # it is drawn after the script has ended
    x, y = figure.evaluate(FIRST_POINT)
    sheet = figure.locator(".nsewdrag").first
    sheet.hover(position={"x": x, "y": y}, force=True)
    expect(page.locator(".hoverlayer .hovertext").first).to_be_attached(timeout=WAIT_MS)
    sheet.click(position={"x": x, "y": y}, force=True)


@pytest.mark.slow  # starts a server and a browser
def test_a_point_of_the_map_that_is_clicked_is_shown_in_detail(browser: Browser, output: Path) -> None:
    with serving(output) as address, opened(browser, f"{address}/peaks?run={PRIOR}&{MAP}") as page:
        click_first_point(page)
        expect(page.get_by_role("heading", name=re.compile("^Peak "))).to_be_visible(timeout=WAIT_MS)
        assert "peak=" in page.url
        settle(page)


@pytest.mark.slow  # starts a server and a browser
def test_a_changed_peak_leads_to_both_runs(browser: Browser, output: Path) -> None:
    with serving(output) as address, opened(browser, f"{address}/compare?run={LOOKUP}&with={PRIOR}") as page:
        page.get_by_test_id("stDataFrame").last.click(position=FIRST_CELL)
        link_a, link_b = (page.get_by_role("link", name=f"Why, in {letter}") for letter in "AB")
        expect(link_a).to_be_visible(timeout=WAIT_MS)
        assert f"run={LOOKUP}" in str(link_a.get_attribute("href"))
        link_b.click()
        expect(page.get_by_role("heading", name="Peaks", exact=True)).to_be_visible(timeout=WAIT_MS)
        expect(page.get_by_role("heading", name=re.compile("^Peak p"))).to_be_visible(timeout=WAIT_MS)
        assert f"run={PRIOR}" in page.url
        settle(page)


@pytest.mark.slow  # starts a server and a browser, which opens every page
def test_who_is_not_signed_in_sees_nothing_of_a_run(browser: Browser, output: Path, tmp_path: Path) -> None:
    secrets = tmp_path / "secrets.toml"
    secrets.write_text(SECRETS)
    for link in LINKS:
        # a server for each link: the first page of a server is executed without `app.py`
        with serving(output, f"--secrets.files={secrets}") as address, opened(browser, f"{address}/{link}") as page:
            expect(page.get_by_role("button", name="Sign in")).to_be_visible(timeout=WAIT_MS)
            expect(page.get_by_test_id("stMain").get_by_role("button")).to_have_count(1)
            expect(page.get_by_test_id("stDataFrame")).to_have_count(0)
            expect(page.locator(".js-plotly-plot")).to_have_count(0)
            expect(page.get_by_test_id("stMain")).not_to_contain_text("lookup")


@pytest.mark.slow  # reads and draws a big run
def test_a_run_of_fifty_thousand_peaks_is_usable(browser: Browser, tmp_path: Path) -> None:
    run_id = write_big_run(tmp_path, N_PEAKS)
    with serving(tmp_path) as address, opened(browser, f"{address}/peaks?run={run_id}") as page:
        expect(page.get_by_text("50000 of 50000 peaks; the table has the first 5000")).to_be_visible(timeout=WAIT_MS)
        page.locator(".barlayer .point path").nth(2).click(force=True, timeout=WAIT_MS)
        expect(page.get_by_role("heading", name=re.compile("^Peak P0"))).to_be_visible(timeout=WAIT_MS)
        page.get_by_role("tab", name="m/z against retention time").click()
        expect(page.get_by_text("10000 of 50000 peaks are drawn")).to_be_visible(timeout=WAIT_MS)
        page.get_by_label("Peak or compound").fill("P0001")
        page.get_by_label("Peak or compound").press("Enter")
        expect(page.get_by_text("100 of 50000 peaks. Select")).to_be_visible(timeout=WAIT_MS)
        expect(page.get_by_text("peaks are drawn")).to_have_count(0, timeout=WAIT_MS)
        settle(page)
