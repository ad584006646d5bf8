"""The Calibration page says what audit labels tell of a run, or how to get them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from output_folders import LOOKUP, add_run, edit_json
from test_pages import open_page, shown

pytest_plugins = ["example_runs"]

SENTENCE = "The false share at 5 % is 3.1 % (1.2 to 6.4 %) from 140 audit labels."
LEVEL: dict[str, Any] = {
    **{"n_accepted": 400, "n_labels": 140, "share": 0.031, "low": 0.012, "high": 0.064},
    **{"is_certified": False, "sentence": SENTENCE},
}
NOTHING_ACCEPTED: dict[str, Any] = {
    **{"n_accepted": 0, "n_labels": 0, "share": None, "low": None, "high": None},
    **{"is_certified": False, "sentence": "Nothing is accepted at 1 %."},
}
ABOVE = {**LEVEL, "low": 0.11, "high": 0.2, "share": 0.15}
FOUND = {
    **{"n_labels": 200, "n_skipped": 3, "n_seen": 1},
    "levels": {"0.01": NOTHING_ACCEPTED, "0.05": LEVEL, "0.1": ABOVE},
}


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lookup_folder: Path) -> Path:
    monkeypatch.setenv("COMPASSIGN_OUTPUT", str(tmp_path))
    return add_run(tmp_path, LOOKUP, lookup_folder)


@pytest.mark.usefixtures("run")
def test_without_audit_labels_the_page_says_how_to_get_them() -> None:
    app = open_page("calibration")
    assert "There are no audit labels" in shown(app)
    assert any(f"audit {LOOKUP} --design labels --draw 150 --to" in code.value for code in app.code)
    assert "Draw them at the desk" in [link.proto.label for link in app.get("page_link")]


def test_what_the_run_found_is_shown(run: Path) -> None:
    edit_json(run / "results" / "assignment_metrics.json", lambda metrics: metrics.update(audit=FOUND))
    app = open_page("calibration")
    assert SENTENCE in shown(app)
    assert "200 audit labels when it began, 3 of them skipped; 1 left out" in shown(app)
    (table,) = [frame.value for frame in app.dataframe if "verdict" in frame.value]
    assert table["verdict"].tolist() == ["of nothing", "cannot be told", "above the limit"]
    assert table["interval"].tolist() == ["", "1.2 to 6.4 %", "11.0 to 20.0 %"]


def test_a_later_audit_replaces_it(run: Path) -> None:
    edit_json(run / "results" / "assignment_metrics.json", lambda metrics: metrics.update(audit=FOUND))
    later = {**FOUND, "n_labels": 300, "levels": {"0.05": {**LEVEL, "is_certified": True}}}
    (run / "results" / "audit_labels.json").write_text(json.dumps(later))
    app = open_page("calibration")
    assert "300 audit labels when it was last audited" in shown(app)
    (table,) = [frame.value for frame in app.dataframe if "verdict" in frame.value]
    assert table["verdict"].tolist() == ["within the limit"]


@pytest.mark.parametrize("content", ["{", '{"levels": {}}', '{"levels": 3}'])
def test_a_broken_audit_is_named_and_the_rest_stays(run: Path, content: str) -> None:
    (run / "results" / "audit_labels.json").write_text(content)
    app = open_page("calibration")
    assert "The audit by labels cannot be shown." in app.error[0].value
    assert app.subheader[0].value == "Reliability"
    assert not app.exception
