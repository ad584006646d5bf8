"""The Label page: what it asks, what it stores, and what it says where nothing can be asked."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from output_folders import GONE, LOOKUP, add_run, edit_json
from streamlit.testing.v1 import AppTest
from test_pages import assert_only_text, open_page, shown

from compassign.decisions.acquisition import OptionDraws
from compassign.errors import StoreError
from compassign.label_events import LabelEvent, is_prelabel_hidden
from compassign.queries.label_desk import DEFAULT_ORDER, label_queue, source_of
from compassign.queries.labels import open_desk
from compassign.queries.run_folder import load_run
from compassign.refits import NamedDraws, Refit, write_refit
from compassign.store.database import URL_VARIABLE
from compassign.store.labels import LabelStore
from pages.shared import effect

pytest_plugins = ["example_runs", "app_outputs"]

COUNTS = re.compile(r"(\d+) answered by you . (\d+) decided . (\d+) left")


@pytest.fixture
def labelled_output(tmp_path: Path, lookup_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An output folder of the test's own with one run."""
    monkeypatch.delenv(URL_VARIABLE, raising=False)
    monkeypatch.setenv("COMPASSIGN_OUTPUT", str(tmp_path))
    add_run(tmp_path, LOOKUP, lookup_folder)
    return tmp_path


def press(app: AppTest, label: str) -> AppTest:
    next(button for button in app.button if button.label == label).click().run()
    assert not app.exception
    return app


def asked(app: AppTest) -> str:
    return str(app.subheader[0].value).removeprefix("Peak ").replace("\\", "")


def events(output: Path) -> list[LabelEvent]:
    store = LabelStore.open(output)
    return [event for key in store.last_events() for event in store.events(key)]


def counts(app: AppTest) -> tuple[int, ...]:
    found = next(found for caption in app.caption if (found := COUNTS.search(caption.value)))
    return tuple(map(int, found.groups()))


def until_visible(app: AppTest, name: str) -> str:
    """Skip peaks whose answer is hidden; the id of the first that is not."""
    while is_prelabel_hidden(asked(app), name):
        press(app, "Skip")
    return asked(app)


def test_nobody_is_asked_without_a_name(labelled_output: Path) -> None:
    app = open_page("label")
    assert not app.subheader
    app.text_input(key="name_in_page").set_value("Ada").run()
    assert [field.key for field in app.text_input if str(field.key).startswith(("name", "local"))] == ["local_name"]
    assert app.text_input(key="local_name").value == "Ada"
    assert app.query_params["as"] == "Ada"
    assert app.subheader
    assert_only_text(app)


def test_an_answer_is_stored_and_the_next_peak_asked(labelled_output: Path) -> None:
    app = open_page("label", **{"as": "Ada"})
    peak_id = until_visible(app, "Ada")
    n_before = len(events(labelled_output))
    left = counts(app)[2]
    press(app, "Accept the top")
    assert asked(app) != peak_id
    event = events(labelled_output)[-1]
    assert len(events(labelled_output)) == n_before + 1
    run = load_run(labelled_output / "runs" / LOOKUP)
    called = run.peaks.iloc[run.row_of(peak_id)]["assigned_compound"]
    assert (event.peak_id, event.options) == (peak_id, (called,) if called else ())
    assert (event.annotator, event.is_verified, event.purpose) == ("Ada", False, "active")
    assert event.run_id == LOOKUP
    assert event.is_prelabel_visible
    assert event.seconds is not None
    assert counts(app) == (n_before + 1, 1, left - 1)


@pytest.mark.parametrize(
    ("label", "kind"), [("Null", "null"), ("Unsure", "unsure"), ("Skip", "skip"), ("Bad peak", "bad_peak")]
)
def test_each_word_is_stored_as_what_it_says(labelled_output: Path, label: str, kind: str) -> None:
    app = open_page("label", **{"as": "Ada"})
    peak_id = asked(app)
    press(app, label)
    assert [(event.peak_id, event.kind, event.options) for event in events(labelled_output)] == [(peak_id, kind, ())]
    assert asked(app) != peak_id


def test_undo_asks_the_same_peak_again(labelled_output: Path) -> None:
    app = open_page("label", **{"as": "Ada"})
    press(app, "Undo")
    assert "no answer of yours" in shown(app)
    first = asked(app)
    press(app, "Null")
    press(app, "Undo")
    assert asked(app) == first
    assert [event.kind for event in events(labelled_output)] == ["null", "undo"]
    assert counts(app)[:2] == (0, 0)


def test_a_page_loaded_anew_and_another_order_of_keys_go_on(labelled_output: Path) -> None:
    app = press(open_page("label", **{"as": "Ada"}), "Null")
    again = open_page("label", **{"as": "Ada"})
    assert asked(again) == asked(app)
    assert counts(again) == counts(app)
    other = open_page("label", **{"as": "Bob"})
    assert asked(other) != asked(app)


def test_note_and_level_go_with_the_answer_alone(labelled_output: Path) -> None:
    app = open_page("label", **{"as": "Ada"})
    note = next(field for field in app.text_input if field.label == "Note")
    note.set_value("n 1 <b>bold</b>").run()
    assert events(labelled_output) == []
    next(field for field in app.selectbox if field.label == "Identification level").set_value(2).run()
    press(app, "Null")
    press(app, "Null")
    said = [(event.note, event.identification_level) for event in events(labelled_output)]
    assert said == [("n 1 <b>bold</b>", 2), ("", None)]
    assert_only_text(app)


def test_several_compounds_and_one_of_the_library_are_answers(labelled_output: Path) -> None:
    app = open_page("label", **{"as": "Ada"})
    press(app, "Answer this")
    assert "No compound is chosen" in shown(app)
    next(field for field in app.text_input if field.label == "Search the library").set_value("c8h10").run()
    app.multiselect[0].set_value(["caf"]).run()
    next(field for field in app.text_input if field.label == "Search the library").set_value("leucine").run()
    app.multiselect[0].set_value(["caf", "leu"]).run()
    press(app, "Answer this")
    (event,) = events(labelled_output)
    assert (event.kind, event.options) == ("several", ("caf", "leu"))


def test_a_hidden_answer_is_nowhere_on_the_page(labelled_output: Path) -> None:
    name = "Ada"
    app = open_page("label", **{"as": name})
    while not is_prelabel_hidden(asked(app), name):
        press(app, "Skip")
    accept = next(button for button in app.button if button.label == "Accept the top")
    assert accept.disabled
    assert "is hidden" in shown(app)
    shown_columns = set(app.dataframe[0].value.columns)
    assert not shown_columns & {"probability", "log_odds", "hdi_low", "hdi_high"}
    peak_id = asked(app)
    press(app, "Null")
    event = events(labelled_output)[-1]
    assert (event.peak_id, event.is_prelabel_visible) == (peak_id, False)


def test_the_end_of_the_queue_leads_to_a_new_run(labelled_output: Path) -> None:
    run = load_run(labelled_output / "runs" / LOOKUP)
    desk = open_desk(LabelStore.open(labelled_output), labelled_output, source_of(run))
    queue = list(label_queue(run, desk, DEFAULT_ORDER))
    desk.store.append_all([desk.blank(peak_id, "Ada", f"skip {peak_id}") for peak_id in queue[:-1]])
    app = open_page("label", **{"as": "Ada"})
    assert counts(app)[2] == 1
    press(app, "Skip")
    assert "no peak left" in app.success[0].value
    press(app, "Undo")
    assert asked(app) == queue[-1]


def test_a_dataset_that_is_gone_cannot_be_labelled(output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMPASSIGN_OUTPUT", str(output))
    app = open_page("label", run=GONE, **{"as": "Ada"})
    assert "gone" in app.info[0].value
    assert not app.subheader


def test_a_full_or_broken_store_loses_no_answer_silently(
    labelled_output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = open_page("label", **{"as": "Ada"})
    peak_id = asked(app)

    def full(self: LabelStore, label: object) -> LabelEvent:
        raise StoreError("disk full")

    with monkeypatch.context() as broken:
        broken.setattr(LabelStore, "append", full)
        press(app, "Null")
        assert "Nothing was stored" in app.error[0].value
        assert "disk full" in shown(app)
        assert asked(app) == peak_id
    press(app, "Null")
    assert [event.peak_id for event in events(labelled_output)] == [peak_id]


def test_the_dataset_of_a_run_is_found(labelled_output: Path, example_data: Path) -> None:
    assert source_of(load_run(labelled_output / "runs" / LOOKUP)).folder == example_data


def test_a_lookup_learns_nothing_from_answers(labelled_output: Path) -> None:
    app = press(open_page("label", **{"as": "Ada"}), "Null")
    assert "a look-up and a prior learn nothing" in shown(app)
    assert not (labelled_output / "refits").exists()


@pytest.fixture
def refitted_output(labelled_output: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same with a run that can be refitted; no process does, unless the test says so."""
    edit_json(
        labelled_output / "runs" / LOOKUP / "results" / "run.json",
        lambda record: record["config"].update(model="generative"),
    )
    monkeypatch.setattr(effect, "keep_refitting", lambda output, run_id: None)
    return labelled_output


def refit_from(output: Path, certain: str, problem: str = "", n_untaught: int = 0) -> None:
    """A refit with all answers so far, in which one peak is certainly null and all others are undecided."""
    run = load_run(output / "runs" / LOOKUP)
    offsets, option = run.offsets, run.candidates["compound_id"].to_numpy(dtype=np.str_)
    n_options = np.diff(offsets)
    probability = np.repeat(1.0 / n_options, n_options)
    own = slice(offsets[run.row_of(certain)], offsets[run.row_of(certain) + 1])
    probability[own] = option[own] == ""
    draws = OptionDraws(offsets, np.tile(probability, (2, 1)))
    named = NamedDraws(run.peaks["peak_id"].to_numpy(dtype=np.str_), option, draws)
    last = max((event.id for event in events(output)), default=0)
    at = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    write_refit(output, LOOKUP, Refit(last, at, 1.0, "suspect", problem, None if problem else named, n_untaught))


def test_the_page_says_which_numbers_it_shows_and_the_queue_follows_the_refit(refitted_output: Path) -> None:
    app = open_page("label", **{"as": "Ada", "order_of_asking": "entropy"})
    assert "No answers since the run yet" in shown(app)
    first = until_visible(app, "Ada")
    press(app, "Null")
    assert "cannot tell what the answers change" in app.error[0].value  # the stand-in has neither draws nor refit
    peak_id = until_visible(app, "Ada")
    refit_from(refitted_output, certain=peak_id)
    app.run()
    assert asked(app) == peak_id  # whatever its place in the queue is now
    assert "Refit with 1 answer of 03:04:05" in shown(app)
    assert "Retention times have not" not in shown(app)
    refit_from(refitted_output, certain=peak_id, n_untaught=1)
    app.run()
    assert "Retention times have not learned from 1 answer yet." in shown(app)
    assert "has not converged" in shown(app)
    assert "With the answers so far: null, 1.000" in shown(app)
    press(app, "Skip")
    run = load_run(refitted_output / "runs" / LOOKUP)
    widest = run.peaks["n_candidates"][run.peaks["peak_id"] == asked(app)].iloc[0]
    assert widest == run.peaks["n_candidates"].max()  # by entropy
    moved = app.dataframe[-1].value
    assert peak_id in moved["peak_id"].tolist()
    assert not [name for name in moved["peak_id"] if is_prelabel_hidden(name, "Ada")]
    assert first not in moved["peak_id"].tolist()
    assert_only_text(app)


def test_newer_answers_are_weighed_in_and_a_failed_refit_is_said(refitted_output: Path) -> None:
    app = press(open_page("label", **{"as": "Ada"}), "Null")
    refit_from(refitted_output, certain=asked(app))
    press(app, "Null")
    assert "Provisional, weighed draws: 1 answer weighed into the refit of 03:04:05" in shown(app)
    refit_from(refitted_output, certain=asked(app), problem="<b>no chain</b> could start")
    app.run()
    assert "could not be fitted again" in shown(app)
    assert "no chain" in shown(app)
    assert_only_text(app)


def test_a_refit_is_asked_for_unless_the_last_one_failed_with_the_same_answers(
    refitted_output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[str] = []
    monkeypatch.setattr(effect, "keep_refitting", lambda output, run_id: kept.append(run_id))
    app = open_page("label", **{"as": "Ada"})
    assert set(kept) == {LOOKUP}
    press(app, "Null")
    refit_from(refitted_output, certain=asked(app), problem="no chain could start")
    kept.clear()
    app.run()
    assert kept == []
    press(app, "Null")
    assert set(kept) == {LOOKUP}
