"""The Calibration page shows the audits of a run, or how to make them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from output_folders import LOOKUP, add_run
from test_pages import open_page, shown

pytest_plugins = ["example_runs"]

SHARE = {"share": 0.05, "low": 0.01, "high": 0.1}
LEVEL = {
    "n_targets": 95,
    "n_entries": 5,
    "n_entry_compounds": 4,
    "lower": SHARE,
    "upper": SHARE,
    "finding": "controlled",
}
FOUND = {"rho": 0.2, "verdict": "suspect", "levels": {"0.05": LEVEL}}


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lookup_folder: Path) -> Path:
    monkeypatch.setenv("COMPASSIGN_OUTPUT", str(tmp_path))
    return add_run(tmp_path, LOOKUP, lookup_folder)


@pytest.mark.usefixtures("run")
def test_without_audits_the_page_says_how_to_make_them() -> None:
    app = open_page("calibration")
    commands = [code.value.split(" --output")[0] for code in app.code]
    for design in ("entrapment", "withholding"):
        assert f"compassign audit {LOOKUP} --design {design}" in commands


def test_an_audit_is_shown_with_its_caution(run: Path) -> None:
    (run / "results" / "audit_entrapment.json").write_text(json.dumps(FOUND))
    app = open_page("calibration")
    assert app.dataframe[-1].value["finding"].tolist() == ["controlled"]
    assert "Not all fits converged (suspect)" in app.warning[-1].value
    assert "0.20 candidates for each of a compound" in shown(app)
    assert not any("--design entrapment" in code.value for code in app.code)


def test_a_broken_audit_is_named_and_the_rest_stays(run: Path) -> None:
    (run / "results" / "audit_withholding.json").write_text("{}")
    app = open_page("calibration")
    assert "The audits of this run cannot be read." in app.error[0].value
    assert "audit_withholding.json" in shown(app)
    assert app.subheader[0].value == "Reliability"
