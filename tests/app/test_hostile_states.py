"""Names that try to be markup or paths, through a whole run; and workspaces in states that nobody planned."""

from __future__ import annotations

import io
import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qs

import pandas as pd
import pytest
from output_folders import NOTE, PEAK_IDS, add_run, edit_json, spoil
from test_pages import OF_LABELS, OF_RUN, assert_only_text, open_page, shown

from compassign.config import RunConfig
from compassign.jobs.launcher import enqueue
from compassign.queries.export import run_files
from compassign.queries.label_desk import DEFAULT_ORDER, label_queue, source_of
from compassign.queries.labels import open_desk
from compassign.queries.run_folder import load_run
from compassign.store.database import DATABASE_NAME, URL_VARIABLE
from compassign.store.labels import LabelStore
from compassign.store.records import Ending
from compassign.store.runs import RunStore

pytest_plugins = ["example_runs", "app_outputs"]

WITH_RUNS = ("home", "runs", *OF_RUN, *OF_LABELS, "export")
ANNOTATOR = "**Ada** <i>$x$</i> :red[z]"


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An output folder of its own."""
    monkeypatch.delenv(URL_VARIABLE, raising=False)
    monkeypatch.setenv("COMPASSIGN_OUTPUT", str(tmp_path))
    monkeypatch.setattr("pages.shared.jobs.is_watched", lambda output: True)
    return tmp_path


@pytest.mark.parametrize("page", WITH_RUNS)
def test_hostile_names_stay_text_on_every_page(page: str, workspace: Path, hostile_run: Path) -> None:
    add_run(workspace, "1-hostile", hostile_run)
    add_run(workspace, "2-hostile", hostile_run)
    assert_only_text(open_page(page, run="1-hostile"))


def test_hostile_names_stay_text_while_one_labels(workspace: Path, hostile_run: Path) -> None:
    run = load_run(add_run(workspace, "1-hostile", hostile_run))
    desk = open_desk(LabelStore.open(workspace), workspace, source_of(run))
    wanted = [peak_id for peak_id in label_queue(run, desk, DEFAULT_ORDER) if peak_id in PEAK_IDS]
    app = open_page("label", **{"as": ANNOTATOR})
    for peak_id in wanted:
        desk.store.let_go(desk.key, ANNOTATOR)
        desk.store.hold(desk.key, [peak_id], ANNOTATOR)
        app.run()
        assert app.subheader[0].value.replace("\\", "") == f"Peak {peak_id}"
        assert_only_text(app)
    assert wanted


def test_hostile_names_stay_text_while_one_settles(workspace: Path, hostile_run: Path) -> None:
    run = load_run(add_run(workspace, "1-hostile", hostile_run))
    desk = open_desk(LabelStore.open(workspace), workspace, source_of(run))
    for name, options in ((ANNOTATOR, ("leu",)), ("@bob", ("ile",))):
        blank = desk.blank("P <b>9</b>", name, name)
        desk.store.append(replace(blank, kind="candidate", options=options, note=NOTE))
    app = open_page("review", run="1-hostile")
    assert app.dataframe[0].value["annotator"].tolist() == [ANNOTATOR, "@bob"]
    app.text_input(key="local_name").set_value(ANNOTATOR).run()
    assert_only_text(app)


@pytest.mark.parametrize("peak_id", PEAK_IDS)
def test_every_peak_has_a_link(peak_id: str, workspace: Path, hostile_run: Path) -> None:
    add_run(workspace, "1-hostile", hostile_run)
    add_run(workspace, "2-hostile", hostile_run)
    app = open_page("peaks", run="1-hostile", peak=peak_id)
    assert app.subheader[0].value.replace("\\", "") == f"Peak {peak_id}"
    assert_only_text(app)
    app = open_page("compare", run="1-hostile", peak=peak_id)
    assert_only_text(app)
    links = [link.proto.query_string for link in app.get("page_link") if link.proto.label.startswith("Why")]
    assert [parse_qs(link)["peak"] for link in links] == [[peak_id], [peak_id]]


def test_cells_of_notes_and_ids_are_no_formulas(hostile_run: Path) -> None:
    files = {file.name: file.make for file in run_files(load_run(hostile_run))}
    notes = pd.read_csv(io.BytesIO(files["labels.csv"]()), dtype=str)
    assert set(notes["note"]) == {f"'{NOTE}"}
    assert set(notes["annotator"]) == {"'@ada"}
    peaks = pd.read_csv(io.BytesIO(files["peak_assignments.csv"]()), dtype=str)
    assert "'=1+1" in set(peaks["peak_id"])


@pytest.mark.parametrize("page", WITH_RUNS)
def test_a_failed_verdict_stands_above_every_number(page: str, workspace: Path, prior_folder: Path) -> None:
    run = add_run(workspace, "failed", prior_folder)
    for change in (spoil, lambda metrics: metrics.update(verdict="failed")):
        edit_json(run / "results" / "assignment_metrics.json", change)
    app = open_page(page, run="failed")
    assert "do not use" in shown(app)
    assert_only_text(app)


@pytest.mark.parametrize("page", WITH_RUNS)
@pytest.mark.parametrize("file", ["peak_assignments.csv", "candidates.csv", "assignment_metrics.json", "run.json"])
def test_a_run_whose_file_was_cut_short_says_so(page: str, file: str, workspace: Path, lookup_folder: Path) -> None:
    table = add_run(workspace, "cut", lookup_folder) / "results" / file
    table.write_bytes(table.read_bytes()[: table.stat().st_size // 2])
    app = open_page(page, run="cut")
    if page in OF_RUN or page == "export":
        assert app.error or "no complete run" in shown(app)
        assert "This run cannot be shown." in shown(app) or file.endswith(".json")


@pytest.mark.parametrize("page", WITH_RUNS)
def test_a_run_whose_folder_was_deleted_by_hand_is_missed(page: str, workspace: Path, lookup_folder: Path) -> None:
    store = RunStore.open(workspace)
    gone = enqueue(store, RunConfig(model="lookup"), "gone by hand")
    store.claim(limit=1)
    store.finish(gone.id, Ending("done"))
    add_run(workspace, "here", lookup_folder)
    shutil.rmtree(workspace / "runs" / gone.id, ignore_errors=True)
    app = open_page(page, run=gone.id)
    if page == "runs":
        assert "cannot be read" in shown(app)
    elif page != "home":
        assert "There is no such run here" in shown(app)


def of_newer_version(workspace: Path) -> None:
    RunStore.open(workspace)
    with closing(sqlite3.connect(workspace / DATABASE_NAME, isolation_level=None)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = 'r9999'")


@pytest.mark.parametrize("page", ["home", "runs"])
def test_a_list_of_runs_of_a_newer_version_is_said(page: str, workspace: Path) -> None:
    of_newer_version(workspace)
    assert "newer version" in shown(open_page(page))


@pytest.mark.parametrize("page", [*OF_RUN, "export"])
def test_results_are_shown_though_the_list_of_runs_cannot_be_read(
    page: str, workspace: Path, lookup_folder: Path
) -> None:
    add_run(workspace, "only", lookup_folder)
    of_newer_version(workspace)
    app = open_page(page, run="only")
    assert not app.error
    assert app.selectbox[0].label == "Run"
