"""What only a browser shows of the Label page: its keys, and what becomes of answers when the server is killed."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from browser_tools import WAIT_MS, opened, serving, settle
from output_folders import LOOKUP, add_run
from playwright.sync_api import Browser, Page, expect

from benchmarks import browsing
from compassign.label_events import LabelEvent
from compassign.store.database import URL_VARIABLE
from compassign.store.labels import LabelStore

pytest_plugins = ["example_runs", "app_outputs", "browser_fixtures"]

KEYS = "n1suzn1nbs1nunz1nsnn"  # skips and undos among them
MEANINGS = {"n": "null", "1": "candidate", "s": "skip", "u": "unsure", "b": "bad_peak", "z": "undo"}


@pytest.fixture
def labelled_output(tmp_path: Path, lookup_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv(URL_VARIABLE, raising=False)
    add_run(tmp_path, LOOKUP, lookup_folder)
    return tmp_path


def events(output: Path) -> list[LabelEvent]:
    store = LabelStore.open(output)
    return [event for key in store.last_events() for event in store.events(key)]


def asked(page: Page) -> str:
    """The peak in question, once its keys are there: one pressed while the page is drawn answers nothing."""
    settle(page)
    heading = page.get_by_role("heading", name="Peak ")
    expect(heading).to_be_visible(timeout=WAIT_MS)
    page.evaluate("() => new Promise(drawn => requestIdleCallback(() => requestAnimationFrame(drawn)))")
    settle(page)
    return heading.inner_text()


def press(page: Page, key: str) -> None:
    """Press a key, and wait for the next peak."""
    before = asked(page)
    page.keyboard.press(key)
    expect(page.get_by_role("heading", name="Peak ")).not_to_have_text(before, timeout=WAIT_MS)


def answer_all(page: Page) -> str:
    """Twenty answers by keyboard, and a note whose letters answer nothing; the peak that is asked about then."""
    for key in KEYS:
        press(page, key)
    last = asked(page)
    note = page.get_by_label("Note")
    note.press_sequentially("n1suz?")
    note.press("Tab")
    expect(note).to_have_value("n1suz?")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.locator("body").press("?")
    expect(page.get_by_role("dialog").get_by_text("take the last answer back")).to_be_visible(timeout=WAIT_MS)
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    return last


@pytest.mark.slow  # starts two servers and a browser
def test_a_name_and_twenty_answers_by_keyboard_outlive_a_killed_server(browser: Browser, labelled_output: Path) -> None:
    with browsing.serving(labelled_output) as server, browsing.window(browser) as (page, problems):
        page.goto(f"{server.address}/label")
        name = page.get_by_label("Your name: it stands beside every answer")
        name.fill("Ada")
        name.press("Enter")  # and the field is gone, so that the next key answers
        expect(page.get_by_role("heading", name="Peak ")).to_be_visible(timeout=WAIT_MS)
        last = answer_all(page)
        assert problems == []
        os.kill(server.pid, signal.SIGKILL)
    assert [event.kind for event in events(labelled_output)] == [MEANINGS[key] for key in KEYS]
    with serving(labelled_output) as address, opened(browser, f"{address}/label?as=Ada") as page:
        assert asked(page) == last
        page.keyboard.press("n")
        page.keyboard.press("n")  # before the next peak is there
        expect(page.get_by_role("heading", name="Peak ")).not_to_have_text(last, timeout=WAIT_MS)
        mine = asked(page)
        page.reload()
        assert asked(page) == mine
        with opened(browser, f"{address}/label?as=Bob") as other:
            assert asked(other) != mine
            press(page, "s")
            assert asked(page) != asked(other)
            press(other, "s")
            assert asked(page) != asked(other)
    said = events(labelled_output)[len(KEYS) :]
    assert [event.kind for event in said] == ["null", "skip", "skip"]
    assert said[0].peak_id == last.removeprefix("Peak ")
