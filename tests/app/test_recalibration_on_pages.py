"""The Calibration page shows raw and recalibrated probabilities beside each other."""

from __future__ import annotations

from pathlib import Path

import pytest
from output_folders import add_run
from test_pages import open_page, shown

from compassign.recalibrate import recalibrate
from compassign.report_trust import RECALIBRATION_FILE

pytest_plugins = ["example_runs", "audited_run"]

NAME = "1-audited"


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, audited_folder: Path) -> Path:
    monkeypatch.setenv("COMPASSIGN_OUTPUT", str(tmp_path))
    return add_run(tmp_path, NAME, audited_folder)


@pytest.mark.usefixtures("run")
def test_before_it_the_page_names_the_command() -> None:
    app = open_page("calibration")
    assert any(f"compassign recalibrate {NAME}" in code.value for code in app.code)
    assert not app.exception


def test_after_it_the_scores_stand_beside_each_other(run: Path, tmp_path: Path) -> None:
    recalibrate(tmp_path, run.name, "temperature")
    app = open_page("calibration")
    assert "Temperature " in shown(app)
    (scores,) = [frame.value for frame in app.dataframe if "recalibrated" in frame.value]
    assert scores.columns.tolist() == ["score", "raw", "recalibrated"]
    assert len(scores) == 3
    assert not any("compassign recalibrate" in code.value for code in app.code)


def test_a_broken_file_is_named_and_the_rest_stays(run: Path) -> None:
    (run / RECALIBRATION_FILE).write_text('{"raw": 3}')
    app = open_page("calibration")
    assert any("The recalibration of this run cannot be read." in error.value for error in app.error)
    assert app.subheader[0].value == "Reliability"
    assert not app.exception
