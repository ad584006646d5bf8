"""The Runs page, and what Home says of runs, in each state of a run and with names that try to be more than text."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from output_folders import add_run, edit_json
from streamlit.testing.v1 import AppTest
from test_pages import assert_only_text, open_page, shown

from compassign.config import RunConfig
from compassign.jobs.launcher import enqueue
from compassign.queries import jobs
from compassign.runs import RUNS
from compassign.sampling_progress import ChainProgress, SamplingProgress
from compassign.store.database import URL_VARIABLE
from compassign.store.records import Ending, Process, RunRow, RunState
from compassign.store.runs import RunStore

pytest_plugins = ["example_runs"]

HOSTILE = "<b>run</b> [x](javascript:alert(1)) $x$ :red[y]"
HERE = Process("elsewhere", 1, 1)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An output folder of its own, which the pages show and a watcher watches."""
    monkeypatch.delenv(URL_VARIABLE, raising=False)
    monkeypatch.setenv("COMPASSIGN_OUTPUT", str(tmp_path))
    monkeypatch.setattr("pages.shared.jobs.is_watched", lambda output: True)
    monkeypatch.setattr("pages.shared.run_actions.keep_watched", lambda output: None)
    return tmp_path


@pytest.fixture
def store(folder: Path) -> RunStore:
    return RunStore.open(folder)


def queued(store: RunStore) -> RunRow:
    return enqueue(store, RunConfig(model="lookup"), HOSTILE, owner="<b>ada</b>")


def running(store: RunStore) -> RunRow:
    run_id = queued(store).id
    store.claim(limit=99)
    store.attach(run_id, HERE)
    chains = tuple(ChainProgress(chain, 150 * chain, 500, chain == 0, chain, 0.25) for chain in range(2))
    store.beat(run_id, RunState("fit", 0.5, "", SamplingProgress(chains, 42.0)))
    return store.get(run_id)


def ended(store: RunStore, ending: Ending) -> RunRow:
    run_id = running(store).id
    store.finish(run_id, ending)
    return store.get(run_id)


def failed(store: RunStore) -> RunRow:
    return ended(store, Ending("failed", error=f"{HOSTILE}\nsecond line"))


def cancelled(store: RunStore) -> RunRow:
    return ended(store, Ending("cancelled"))


def labels(app: AppTest) -> list[str]:
    return [button.label for button in app.button]


def links(app: AppTest) -> dict[str, str]:
    return {link.proto.label: link.proto.query_string for link in app.get("page_link")}


def write_log(folder: Path, run_id: str) -> None:
    (folder / RUNS / run_id / "logs").mkdir(parents=True)
    (folder / RUNS / run_id / "logs" / "run.log").write_text("".join(f"line {i} {HOSTILE}\n" for i in range(100)))


def test_without_a_run_the_page_leads_to_a_first_one() -> None:
    app = open_page("runs")
    assert "There is no run yet" in app.info[0].value
    assert links(app) == {"Start a run": ""}


def test_a_database_that_cannot_be_used_is_named(folder: Path) -> None:
    (folder / "compassign.db").mkdir()
    for page in ("runs", "home"):
        app = open_page(page)
        assert app.error[0].value == "The list of runs cannot be read."
        assert "unable to open database file" in shown(app)


@pytest.mark.parametrize("make", [queued, running, failed, cancelled])
def test_every_state_is_shown_as_text(store: RunStore, folder: Path, make: Callable[[RunStore], RunRow]) -> None:
    row = make(store)
    write_log(folder, row.id)
    for page in ("runs", "home"):
        app = open_page(page, run=row.id)
        assert_only_text(app)
    app = open_page("runs", run=row.id)
    assert app.dataframe[0].value[["title", "status"]].to_numpy().tolist() == [[HOSTILE, row.status]]
    assert ("Cancel this run" in labels(app)) == (row.status in {"queued", "running"})
    assert ("Try again" in labels(app)) == (row.status in {"failed", "cancelled"})


def test_a_running_run_shows_each_chain_and_its_log(store: RunStore, folder: Path) -> None:
    row = running(store)
    write_log(folder, row.id)
    app = open_page("runs", run=row.id)
    chains = app.dataframe[1].value
    assert chains[["phase", "draw", "n_divergences"]].to_numpy().tolist() == [["tuning", 0, 0], ["sampling", 150, 1]]
    assert app.get("progress")[0].proto.value == 57
    assert "about 42 s of this stage left" in app.get("progress")[0].proto.text.replace("\\", "")
    assert app.code[0].value.splitlines()[-1] == f"line 99 {HOSTILE}"
    assert len(app.code[0].value.splitlines()) == 60


def test_cancel_asks_the_run_to_stop(store: RunStore) -> None:
    row = running(store)
    app = open_page("runs", run=row.id)
    app.button(key="cancel").click().run()
    assert store.get(row.id).cancel_requested
    assert app.button(key="cancel").disabled
    assert "Stopping" in app.get("progress")[0].proto.text


def test_a_queued_run_says_its_place_and_that_nothing_computes_it(
    store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    queued(store)
    row = queued(store)
    app = open_page("runs", run=row.id)
    assert app.get("progress")[0].proto.text == "Queued: place 2"
    assert not app.warning
    started: list[Path] = []
    monkeypatch.setattr("pages.shared.jobs.is_watched", lambda output: False)
    monkeypatch.setattr("pages.shared.jobs.start_watcher", started.append)
    app.run()
    assert "queued ones do not start" in app.warning[0].value
    next(button for button in app.button if button.label == "Start computing").click().run()
    assert len(started) == 1


def test_a_failed_run_says_why_and_is_tried_again_with_its_settings(store: RunStore) -> None:
    row = failed(store)
    app = open_page("runs", run=row.id)
    assert f"{HOSTILE}\nsecond line" in [text.value for text in app.text]
    next(button for button in app.button if button.label == "Try again").click().run()
    again = store.rows("queued")[0]
    assert (again.config, again.title, again.repeats) == (row.config, row.title, None)
    assert app.query_params["run"] == again.id


def test_a_run_that_only_its_folder_tells_of_leads_on_and_is_repeated_exactly(
    store: RunStore, folder: Path, lookup_folder: Path
) -> None:
    add_run(folder, "1-unknown", lookup_folder)
    app = open_page("runs", run="1-unknown")
    assert not app.exception
    found = links(app)
    assert {found[name] for name in ("Peaks", "Calibration", "Diagnostics", "Compare")} == {"run=1-unknown"}
    assert found["Change and run"] == "from=1-unknown"
    assert "results/run.json" in app.dataframe[1].value["file"].tolist()
    next(button for button in app.button if button.label == "Run again exactly").click().run()
    again = store.rows("queued")[0]
    assert again.repeats is not None
    assert again.repeats["run_id"] == "1-unknown"


def test_archive_and_delete(store: RunStore, folder: Path, lookup_folder: Path) -> None:
    path = add_run(folder, "1-run", lookup_folder)
    app = open_page("runs", run="1-run")
    next(button for button in app.button if button.label == "Archive").click().run()
    assert [row.id for row in store.rows(archived=True)] == ["1-run"]
    assert "No run is as the filter above asks for" in app.info[0].value
    app.toggle(key="archived").set_value(True).run()
    assert app.dataframe[0].value["run_id"].tolist() == ["1-run"]
    next(button for button in app.button if button.label == "Bring back").click().run()
    assert store.rows(archived=True) == []
    next(button for button in app.button if button.label == "Delete").click().run()
    assert path.is_dir()
    next(button for button in app.button if button.label == "Delete for good").click().run()
    assert not app.exception
    assert not path.exists()
    assert "run" not in app.query_params
    assert store.rows(archived=None) == []


def test_the_filter_keeps_the_states_that_are_asked_for(store: RunStore) -> None:
    row = failed(store)
    queued(store)
    app = open_page("runs", status="Failed")
    assert app.dataframe[0].value["run_id"].tolist() == [row.id]


def test_an_unknown_run_is_named(store: RunStore) -> None:
    queued(store)
    app = open_page("runs", run=HOSTILE)
    assert "There is no such run here" in app.error[0].value
    assert_only_text(app)


def test_a_run_whose_labels_have_changed_is_stale(
    folder: Path, lookup_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = add_run(folder, "1-run", lookup_folder)
    edit_json(run / "results" / "run.json", lambda record: record.update(labels_hash="0" * 64, started="2020-01-01"))
    for page in ("runs", "home"):
        assert "labels have changed" in shown(open_page(page, run="1-run")) or page == "home"
    assert ":material/history: Stale" in shown(open_page("home"))
    later = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    edit_json(run / "results" / "run.json", lambda record: record.update(started=later))
    assert "Stale" not in shown(open_page("runs", run="1-run"))


def test_a_failed_run_is_on_home_until_it_is_put_away(store: RunStore) -> None:
    row = failed(store)
    app = open_page("home")
    assert "Failed" in shown(app)
    assert "second line" not in shown(app)
    app.button(key=f"put away {row.id}").click().run()
    assert store.get(row.id).archived
    assert "Failed" not in shown(app)


def test_the_zip_holds_the_files_of_the_run_only(lookup_folder: Path, tmp_path: Path) -> None:
    run = add_run(tmp_path, "1-run", lookup_folder)
    (run / ".staging" / "results").mkdir(parents=True)
    (run / ".staging" / "results" / "half.csv").write_text("x")
    names = zipfile.ZipFile(io.BytesIO(jobs.zip_run(run))).namelist()
    assert "1-run/results/run.json" in names
    assert not [name for name in names if "half" in name]
