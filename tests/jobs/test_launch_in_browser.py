"""Own data handed in and runs launched in a real browser, by people who click twice and by two at once."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from browser_tools import WAIT_MS, opened, serving, settle
from playwright.sync_api import Browser, Page, expect
from standin import wait_for

from compassign.data.bundled import demo_tables
from compassign.store.runs import RunStore

pytest_plugins = ["job_fixtures", "browser_fixtures"]


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """A simulated dataset as a zip of its folder."""
    packed = tmp_path / "simulated.zip"
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for table, frame in demo_tables("easy").items():
            archive.writestr(f"study/{table}.csv", frame.to_csv(index=False))
    return packed


def choose_lookup(page: Page) -> None:
    """Exchange the main model, which is chosen at first, for the look-up."""
    for label in ("generative", "lookup"):
        page.get_by_test_id("stButtonGroup").get_by_text(label).first.click()
        settle(page)
    expect(page.get_by_role("button", name="Launch", exact=True)).to_be_enabled(timeout=WAIT_MS)


@pytest.mark.slow  # starts a server, a browser and runs
def test_own_data_are_handed_in_and_runs_launched(browser: Browser, store: RunStore, output: Path, study: Path) -> None:
    with serving(output) as address, opened(browser, f"{address}/data") as page:
        page.locator("input[type=file]").first.set_input_files(study)
        page.get_by_role("button", name="Check and add").click(timeout=WAIT_MS)
        expect(page).to_have_url(f"{address}/data?data=simulated", timeout=WAIT_MS)
        expect(page.get_by_text("Delete this dataset")).to_be_visible(timeout=WAIT_MS)  # not the demonstration's page
        settle(page)
        expect(page.locator(".js-plotly-plot")).to_have_count(3, timeout=WAIT_MS)
        page.get_by_role("link", name="New run on this dataset").click()
        expect(page.get_by_text("What it takes")).to_be_visible(timeout=WAIT_MS)
        settle(page)
        choose_lookup(page)
        page.get_by_role("button", name="Launch", exact=True).dblclick()
        expect(page.get_by_role("heading", name="Runs", exact=True)).to_be_visible(timeout=WAIT_MS)
        settle(page)
        (row,) = store.rows()
        assert f"run={row.id}" in page.url
        assert (row.model, row.dataset) == ("lookup", "simulated")
        assert wait_for(store, row.id, lambda now: now.has_ended).status == "done"
        with (
            opened(browser, f"{address}/new_run?data=simulated") as first,
            opened(browser, f"{address}/new_run?data=simulated") as second,
        ):
            for other in (first, second):
                choose_lookup(other)
            for other in (first, second):
                other.get_by_role("button", name="Launch", exact=True).click(no_wait_after=True)
            for other in (first, second):
                expect(other.get_by_role("heading", name="Runs", exact=True)).to_be_visible(timeout=WAIT_MS)
                settle(other)
            assert len(store.rows()) == 3
            assert first.url != second.url
        # one waits until the other is over, and nobody clicks again
        assert {wait_for(store, row.id, lambda now: now.has_ended).status for row in store.rows()} == {"done"}
