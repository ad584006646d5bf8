"""Every page in each of its states, with names in the files that try to be more than text."""

from __future__ import annotations

import gc
import re
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from big_run import HOSTILE
from output_folders import GONE, HOSTILE_FOLDER, LOOKUP, PRIOR, SUSPECT, add_run
from streamlit.testing.v1 import AppTest

from compassign.config import RunConfig
from compassign.jobs.recording import adopt, new_run
from compassign.queries import calibration
from compassign.store.records import Ending
from compassign.store.runs import RunStore

pytest_plugins = ["example_runs", "app_outputs"]

ROOT = Path(__file__).parents[2]
PAGES = ("home", "peaks", "calibration", "diagnostics", "compare")
OF_RUN = PAGES[1:]
OF_LABELS = ("label", "review")
RENDERED = ("markdown", "caption", "title", "header", "subheader", "error", "warning", "info", "success")
TIMEOUT_S = 30.0
MARKUP = re.compile(r"<[bia]\b[^>\\]*>|(?<!\\)\]\(\s*javascript|(?<!\\)\$|(?<!\\):red\[")


def open_page(page: str, **query: str) -> AppTest:
    """Run a page as a person who follows a link to it."""
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=TIMEOUT_S)
    for name, value in query.items():
        app.query_params[name] = value
    if page != "home":
        app.switch_page(f"pages/{page}.py")
    app.run()
    assert not app.exception, app.exception[0].stack_trace
    return app


def texts(app: AppTest, *kinds: str) -> list[str]:
    return [str(getattr(element, "value", "")) for kind in kinds for element in app.get(kind)]


def shown(app: AppTest) -> str:
    """All text of the page."""
    return "\n".join(texts(app, *RENDERED, "text", "code"))


def assert_only_text(app: AppTest) -> None:
    assert [text for text in texts(app, *RENDERED) if MARKUP.search(text)] == []


@pytest.fixture(autouse=True)
def shown_output(output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMPASSIGN_OUTPUT", str(output))


def test_without_a_run_home_leads_to_a_first_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMPASSIGN_OUTPUT", str(tmp_path / "<b>none"))
    app = open_page("home")
    assert [link.proto.label for link in app.get("page_link")] == ["Start a run", "Bring your data"]
    assert "Results appear here as soon as a run is complete" in app.info[0].value
    assert not app.code
    assert_only_text(app)


@pytest.mark.parametrize("page", [*OF_RUN, *OF_LABELS])
def test_without_a_run_every_page_says_how_to_make_one(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COMPASSIGN_OUTPUT", str(tmp_path / "<b>none"))
    app = open_page(page)
    assert "There is no complete run yet" in app.info[0].value
    assert "Start a run" in [link.proto.label for link in app.get("page_link")]
    assert_only_text(app)


@pytest.mark.parametrize("page", [*OF_RUN, *OF_LABELS])
@pytest.mark.parametrize("run_id", [LOOKUP, PRIOR, GONE, SUSPECT])
def test_every_page_shows_every_kind_of_run_as_text(page: str, run_id: str) -> None:
    app = open_page(page, run=run_id)
    assert app.query_params["run"] == run_id
    assert_only_text(app)
    assert ("Not converged" in shown(app)) == (run_id == SUSPECT or page == "compare")
    assert ("saw no data" in shown(app)) == (run_id in {PRIOR, SUSPECT} or page == "compare")
    assert ("cannot be read any more" in shown(app)) == (run_id == GONE)


@pytest.mark.parametrize("page", [*OF_RUN, *OF_LABELS])
def test_an_unknown_run_is_named_and_the_newest_offered(page: str) -> None:
    app = open_page(page, run="[x](javascript:alert(1))")
    assert "There is no such run here" in app.error[0].value
    assert_only_text(app)
    app.button[0].click().run()
    assert not app.exception
    assert app.query_params["run"] == SUSPECT


def test_a_run_that_is_deleted_while_it_is_looked_at_is_missed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lookup_folder: Path
) -> None:
    monkeypatch.setenv("COMPASSIGN_OUTPUT", str(tmp_path))
    deleted = add_run(tmp_path, "1-deleted", lookup_folder)
    add_run(tmp_path, "2-kept", lookup_folder)
    app = open_page("peaks", run="1-deleted")
    shutil.rmtree(deleted)
    app.run()
    assert not app.exception
    assert "There is no such run here" in app.error[0].value


def test_a_run_whose_tables_are_broken_says_which(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lookup_folder: Path
) -> None:
    monkeypatch.setenv("COMPASSIGN_OUTPUT", str(tmp_path))
    (add_run(tmp_path, "broken", lookup_folder) / "results" / "candidates.csv").write_text("nonsense\n")
    app = open_page("peaks")
    assert app.error[0].value == "This run cannot be shown."
    assert "candidates.csv" in app.text[0].value


def test_home_lists_each_run_with_its_verdict() -> None:
    app = open_page("home")
    assert_only_text(app)
    text = shown(app)
    assert text.count("Not converged: suspect") == 1
    assert HOSTILE_FOLDER not in text  # it is there, but escaped
    assert [metric.label for metric in app.metric][:3] == ["Accepted", "Precision", "Calibration error"]
    assert len(app.metric) == 3 * 4
    assert text.count("peaks labelled") + text.count("no peak labelled") == 4


def test_a_peak_of_the_url_is_shown_with_its_steps() -> None:
    app = open_page("peaks", run=PRIOR, peak="p01")
    assert app.subheader[0].value == "Peak p01"
    app.button(key="step Next").click().run()
    assert app.query_params["peak"] == "p02"
    app.button(key="step Previous").click().run()
    assert app.query_params["peak"] == "p01"
    assert not app.exception


def test_the_peak_with_markup_in_its_name_is_shown_as_written() -> None:
    app = open_page("peaks", run=PRIOR, peak="<i>p3</i>")
    assert app.subheader[0].value == r"Peak \<i\>p3\<\/i\>"
    assert_only_text(app)


def test_an_unknown_peak_is_named() -> None:
    app = open_page("peaks", run=LOOKUP, peak="<b>nowhere</b>")
    assert "no such peak" in app.error[0].value
    assert "nowhere" in shown(app)
    assert_only_text(app)


def test_the_filter_narrows_the_table_and_an_empty_one_says_so() -> None:
    app = open_page("peaks", run=LOOKUP, peak="p01")
    app.text_input(key="find").set_value(HOSTILE).run()
    names = app.dataframe[0].value["name"]
    assert len(names)
    assert set(names) == {HOSTILE}
    app.text_input(key="find").set_value("no such compound").run()
    assert not app.exception
    assert "No peak fits this filter" in app.info[0].value
    assert app.subheader[0].value == "Peak p01"


@pytest.mark.parametrize("query", [{"peak": "p01", "selected": "p01"}, {"peak": "p01", "selected": "nowhere"}])
def test_a_selection_outlives_every_run_and_filter(query: dict[str, str]) -> None:
    app = open_page("peaks", run=LOOKUP, find="no such compound", **query)
    assert "No peak fits this filter" in app.info[0].value
    for text in ("p01", "p02", ""):
        app.text_input(key="find").set_value(text).run()
        assert not app.exception
        is_there = "p01" in app.dataframe[0].value["peak_id"].tolist()
        assert ("Shown in detail: row " in shown(app)) == is_there
    for run_id in (PRIOR, GONE, SUSPECT, LOOKUP):
        app.selectbox(key="run_choice").set_value(run_id).run()
        assert not app.exception
        assert app.query_params["run"] == run_id


def test_a_run_is_chosen_by_the_title_that_a_person_gave_it(
    tmp_path: Path, lookup_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COMPASSIGN_OUTPUT", str(tmp_path))
    named, plain = (add_run(tmp_path, name, lookup_folder) for name in ("20260102-named", "20260101-plain"))
    store = RunStore.open(tmp_path)
    for path, title in ((named, HOSTILE), (plain, "")):
        started = datetime.now(UTC)
        store.adopt(new_run(RunConfig(model="lookup"), path.name, title), Ending("done"), started)
    for page in ("peaks", "compare"):
        options = open_page(page, run=named.name).selectbox[0].options
        assert options[0].startswith(f"{HOSTILE} \N{MIDDLE DOT} ")
        assert "lookup" in options[1].split(" \N{MIDDLE DOT} ")[1]


def test_calibration_without_a_truth_says_what_is_missing() -> None:
    app = open_page("calibration", run=GONE)
    assert "cannot be scored" in app.info[0].value
    assert "What is missing" in shown(app)
    assert not [metric for metric in app.metric if metric.label == "Brier score"]


def test_the_threshold_moves_the_numbers_beside_it() -> None:
    app = open_page("calibration", run=LOOKUP)
    accepted = {}
    for threshold in (0.0, 1.0):
        app.slider(key="threshold").set_value(threshold).run()
        accepted[threshold] = int(next(m.value for m in app.metric if m.label == "Accepted peaks"))
    assert accepted[0.0] > accepted[1.0]


def test_calibration_shows_each_kind_of_statement_and_its_groups() -> None:
    app = open_page("calibration", run=LOOKUP)
    n_groups = {}
    for statement, n in (("The call", 2), ("Each candidate", 2), ("The null", 2)):
        app.segmented_control(key="of").set_value(statement).run()
        assert not app.exception
        numbers, groups = (frame.value for frame in app.dataframe)
        assert numbers["number"].tolist()[0] == "brier"
        assert numbers["if_calibrated"].ne("").sum() == 3
        assert groups["group"].tolist() == ["liver", "plasma"]
        n_groups[statement] = groups["n"].sum()
        assert len(groups) == n
    assert n_groups["The call"] == n_groups["The null"] < n_groups["Each candidate"]
    kinds = app.segmented_control(key="by null").options
    assert kinds == ["Species", "Number of candidates"]
    app.segmented_control(key="of").set_value("The call").run()
    app.segmented_control(key="by call").set_value("Adduct").run()
    assert "[M+H]+" in app.dataframe[1].value["group"].tolist()
    app.selectbox(key="among").set_value("liver").run()
    assert not app.exception
    assert_only_text(app)


def test_compare_pairs_runs_of_the_same_data_only() -> None:
    app = open_page("compare", run=LOOKUP, **{"with": PRIOR})
    assert "score both runs" in shown(app)
    assert not [error for error in app.error if "Not converged" in str(error.value)]
    app = open_page("compare", run=LOOKUP, **{"with": SUSPECT})
    assert "B\\: generative: **Not converged.**" in shown(app)


def test_compare_alone_says_how_to_make_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lookup_folder: Path
) -> None:
    monkeypatch.setenv("COMPASSIGN_OUTPUT", str(tmp_path))
    add_run(tmp_path, "only", lookup_folder)
    app = open_page("compare")
    assert "only one complete run" in app.info[0].value


@pytest.mark.parametrize("page", [*PAGES, *OF_LABELS])
def test_a_configured_login_comes_before_every_page(page: str) -> None:
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=TIMEOUT_S)
    app.secrets["auth"] = {"client_id": "compassign"}
    if page != "home":
        app.switch_page(f"pages/{page}.py")
    app.run()
    assert not app.exception
    assert [button.label for button in app.button] == ["Sign in"]
    assert not app.dataframe
    assert not app.metric


@pytest.mark.parametrize("is_installed", [False, True])
def test_a_login_that_is_not_installed_says_how_to_install_it(
    is_installed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pages.shared.guard.find_spec", lambda package: object() if is_installed else None)
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=TIMEOUT_S)
    app.secrets["auth"] = {"client_id": "compassign"}
    app.run()
    assert app.button[0].disabled != is_installed
    assert [code.value for code in app.code] == ([] if is_installed else ["pip install -e '.[login]'"])
    assert len(app.error) == (0 if is_installed else 1)


def test_an_archived_run_is_offered_only_where_the_link_asks_for_it(
    output: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(output, folder)
    monkeypatch.setenv("COMPASSIGN_OUTPUT", str(folder))
    store = RunStore.open(folder)
    for run_id in (SUSPECT, GONE):
        adopt(store, folder / "runs" / run_id)
        store.archive(run_id)
    app = open_page("calibration")
    assert app.query_params["run"] == PRIOR
    assert len(app.selectbox(key="run_choice").options) == 2
    assert "archived" not in " ".join(app.selectbox(key="run_choice").options)
    app = open_page("calibration", run=SUSPECT)
    assert app.query_params["run"] == SUSPECT
    assert [title.endswith("archived") for title in app.selectbox(key="run_choice").options] == [True, False, False]
    app.selectbox(key="run_choice").set_value(LOOKUP).run()
    assert len(app.selectbox(key="run_choice").options) == 2
    for run_id in (LOOKUP, PRIOR):
        adopt(store, folder / "runs" / run_id)
        store.archive(run_id)
    assert "Every complete run is archived" in open_page("peaks").info[0].value


def n_accepted(app: AppTest) -> int:
    return int(next(metric.value for metric in app.metric if metric.label == "Accepted peaks"))


def noted(calls: list[str], name: str) -> Callable[..., object]:
    """A query of calibration that writes down each of its calls."""
    real: Callable[..., object] = getattr(calibration, name)

    def query(*given: object) -> object:
        calls.append(name)
        return real(*given)

    return query


def test_moving_the_threshold_scores_nothing_again(monkeypatch: pytest.MonkeyPatch) -> None:
    scored: list[str] = []
    for name in ("reliability", "thresholds"):
        monkeypatch.setattr(calibration, name, noted(scored, name))
    app = open_page("calibration", run=LOOKUP)
    first = list(scored)
    n_before = n_accepted(app)
    app.slider(key="threshold").set_value(0.1).run()
    assert scored == first
    assert n_accepted(app) > n_before
    app.button_group(key="of").set_value("The null").run()
    assert set(scored[len(first) :]) <= {"reliability"}


def test_what_pages_import_is_no_part_of_the_collections_after_each_key() -> None:
    open_page("home")
    n_spared = gc.get_freeze_count()
    assert n_spared > 0
    open_page("home")
    assert gc.get_freeze_count() <= n_spared  # once a page
