"""The page Export in each of its states."""

from __future__ import annotations

from pathlib import Path

import pytest
from output_folders import GONE, LOOKUP, PRIOR, SUSPECT, add_run
from streamlit.testing.v1 import AppTest
from test_pages import assert_only_text, open_page, shown

from compassign.queries.export import ExportFile, run_files
from compassign.queries.run_folder import Run
from compassign.runs import is_complete
from compassign.workspace_backup import list_backups

pytest_plugins = ["example_runs", "app_outputs"]


@pytest.fixture(autouse=True)
def shown_output(output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMPASSIGN_OUTPUT", str(output))


@pytest.fixture
def own_output(output: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace that a test may fill with backups."""
    folder = tmp_path / "own"
    add_run(folder, LOOKUP, output / "runs" / LOOKUP)
    monkeypatch.setenv("COMPASSIGN_OUTPUT", str(folder))
    return folder


def downloads(app: AppTest) -> list[str]:
    """Names of the files that are offered, as they are written beside their buttons."""
    return [text.value.split("**")[1].replace("\\", "") for text in app.markdown if text.value.startswith("**")]


@pytest.mark.parametrize(("run_id", "n_figures"), [(LOOKUP, 4), (PRIOR, 4), (GONE, 2), (SUSPECT, 4)])
def test_every_kind_of_run_can_be_taken_away(run_id: str, n_figures: int) -> None:
    app = open_page("export", run=run_id)
    assert_only_text(app)
    names = downloads(app)
    assert len([name for name in names if name.endswith(".html")]) == n_figures
    # the user's table and those for SIRIUS and GNPS need the dataset
    assert len([name for name in names if name.endswith(".csv")]) == (4 if run_id == GONE else 7)
    assert len([name for name in names if name.endswith(".mztab")]) == (run_id != GONE)
    assert len(app.get("download_button")) == len(names)
    files = [name for name in names if "." in name]
    assert all(("_suspect." in name) == (run_id == SUSPECT) for name in files)
    assert ("Not converged" in shown(app)) == (run_id == SUSPECT)


def test_without_a_run_the_workspace_can_still_be_restored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMPASSIGN_OUTPUT", str(tmp_path / "<b>none"))
    app = open_page("export")
    assert "There is no complete run yet" in app.info[0].value
    assert "Start a run" in [link.proto.label for link in app.get("page_link")]
    assert app.button(key="back up").disabled
    assert "There is no backup yet" in shown(app)
    assert_only_text(app)


def test_an_unknown_run_is_named_and_the_workspace_is_there() -> None:
    app = open_page("export", run="[x](javascript:alert(1))")
    assert "There is no such run here" in app.error[0].value
    assert not app.button(key="back up").disabled
    assert_only_text(app)


def test_a_backup_is_made_listed_and_restored(own_output: Path, tmp_path: Path) -> None:
    app = open_page("export")
    app.button(key="back up").click().run()
    assert not app.exception
    (made,) = list_backups(own_output)
    assert "Written" in app.success[0].value
    assert made.name in downloads(app)
    assert app.button(key="restore").disabled
    app.text_input(key="restore to").set_value("../elsewhere").run()
    assert app.button(key="restore").disabled
    app.text_input(key="restore to").set_value("again").run()
    app.button(key="restore").click().run()
    assert not app.exception
    assert "Restored" in app.success[0].value
    assert is_complete(tmp_path / "again" / "runs" / LOOKUP)
    app.button(key="restore").click().run()
    assert "could not be restored" in app.error[0].value
    assert "not empty" in shown(app)


def test_names_of_people_can_be_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bool] = []

    def recorded(run: Run, with_people: bool) -> list[ExportFile]:
        asked.append(with_people)
        return run_files(run, with_people)

    monkeypatch.setattr("compassign.queries.export.run_files", recorded)
    app = open_page("export", run=LOOKUP)
    app.toggle(key="people").set_value(False).run()
    assert not app.exception
    assert asked == [True, False]
