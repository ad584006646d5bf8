"""The audit at the desk: drawn once, asked blindly in its order, and the sentence on whether to go on."""

from __future__ import annotations

import re
from concurrent.futures import Future
from pathlib import Path

import numpy as np
import pytest
from output_folders import LOOKUP, add_run
from streamlit.testing.v1 import AppTest
from test_label_page import asked, events, press
from test_pages import assert_only_text, open_page, shown

from compassign.decisions.stopping import Advice, Outlook
from compassign.errors import StoreError
from compassign.label_events import DRAWER, audit_draw
from compassign.store.database import URL_VARIABLE
from compassign.store.labels import LabelStore

pytest_plugins = ["example_runs"]


@pytest.fixture
def output(tmp_path: Path, lookup_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv(URL_VARIABLE, raising=False)
    monkeypatch.setenv("COMPASSIGN_OUTPUT", str(tmp_path))
    add_run(tmp_path, LOOKUP, lookup_folder)
    return tmp_path


def open_audit() -> AppTest:
    return open_page("label", order_of_asking="audit", **{"as": "Ada"})


def draw(app: AppTest, n: int) -> AppTest:
    next(field for field in app.number_input if field.label == "Peaks to draw").set_value(n).run()
    return press(app, "Draw the audit")


def test_the_audit_is_drawn_and_asked_in_its_order(output: Path) -> None:
    app = open_audit()
    assert not any(button.label == "Null" for button in app.button)  # nothing is asked before the draw
    assert not events(output)
    draw(app, 12)
    drawn = audit_draw(events(output))
    assert len(drawn) == 12
    assert asked(app) == next(iter(drawn))
    assert "1 of 12 by the order of the audit's draw" in shown(app)
    assert_only_text(app)
    for peak_id, inclusion_prob in list(drawn.items())[:3]:
        assert asked(app) == peak_id
        assert next(button for button in app.button if button.label == "Accept the top").disabled
        assert not {"probability", "log_odds", "hdi_low"} & set(app.dataframe[0].value.columns)
        press(app, "Null")
        said = events(output)[-1]
        assert (said.peak_id, said.purpose, said.inclusion_prob) == (peak_id, "audit", inclusion_prob)
        assert (said.annotator, said.is_prelabel_visible) == ("Ada", False)


def test_undo_asks_the_same_peak_of_the_audit_again(output: Path) -> None:
    app = draw(open_audit(), 5)
    first = asked(app)
    press(app, "Null")
    press(app, "Undo")
    assert asked(app) == first
    press(app, "Undo")
    assert "no answer of yours" in shown(app)  # the draw is nobody's to take back
    assert [event.annotator for event in events(output)].count(DRAWER) == 5


def test_the_queue_leaves_the_audit_alone_and_a_second_draw_is_not_offered(output: Path) -> None:
    app = open_page("label", **{"as": "Ada"})
    n_left = int(re.search(r"(\d+) left", shown(app)).group(1))  # type: ignore[union-attr]
    draw(open_audit(), 5)
    other = open_page("label", **{"as": "Bob"})
    assert f"{n_left - 5} left" in shown(other)
    assert not any(button.label == "Draw the audit" for button in open_audit().button)


def test_peaks_that_were_asked_about_are_counted_as_lost_to_the_audit(output: Path) -> None:
    press(open_page("label", **{"as": "Ada"}), "Skip")
    assert "can be drawn, 2 no more" in shown(open_audit())  # the one that Ada holds is the second


def test_a_broken_store_draws_nothing(output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = open_audit()

    def full(self: LabelStore, labels: object) -> None:
        raise StoreError("disk full")

    with monkeypatch.context() as broken:
        broken.setattr(LabelStore, "append_all", full)
        press(app, "Draw the audit")
        assert "Nothing was drawn" in app.error[0].value
    assert not events(output)


def test_the_page_says_whether_more_labels_are_worth_it(output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pages.shared.stopping.WAIT_S", 20.0)
    assert "may be worth it: they are expected to mend" in shown(open_page("label", **{"as": "Ada"}))
    stop = Advice(True, 0, "Stop: enough.")
    monkeypatch.setattr("pages.shared.stopping.stopping_advice", lambda *_: stop)
    assert [found.value for found in open_page("label", **{"as": "Ada"}).success] == ["Stop: enough."]


def test_no_key_waits_for_what_more_labels_are_worth(output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ahead: Future[Outlook] = Future()
    monkeypatch.setattr("pages.shared.stopping.outlook_beside", lambda *_: ahead)
    app = open_page("label", order_of_asking="margin", **{"as": "Ada"})
    assert "Working out what more labels are worth" in shown(app)
    press(app, "Null")
    assert len(events(output)) == 1
    ahead.set_result(Outlook(3.0, np.array([2.0]), np.array([0.0])))
    assert "1 more batch of 10 may be worth it" in shown(app.run())
