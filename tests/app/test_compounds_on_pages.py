"""Peaks can be narrowed to those of a compound, and Calibration says how many compounds are accepted."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from output_folders import LOOKUP, add_run
from streamlit.testing.v1 import AppTest

pytest_plugins = ["example_runs", "app_outputs"]

ROOT = Path(__file__).parents[2]


@pytest.fixture
def shown_output(output: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("COMPASSIGN_OUTPUT", str(output))
    return output


def open_page(page: str, **query: str) -> AppTest:
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=30.0)
    for name, value in query.items():
        app.query_params[name] = value
    app.switch_page(f"pages/{page}.py")
    app.run()
    assert not app.exception, app.exception[0].stack_trace
    return app


def test_the_link_of_a_compound_shows_its_peaks_only(shown_output: Path) -> None:
    assert shown_output.is_dir()
    app = open_page("peaks", run=LOOKUP, compounds="true", compound="leu")
    compounds, peaks = app.dataframe[0].value, app.dataframe[1].value
    row = compounds[compounds["compound_id"] == "leu"].iloc[0]
    assert len(peaks) == row["n_peaks"] < 80
    assert any("Leucine" in text.value for text in app.markdown)
    next(button for button in app.button if button.label == "Show all peaks").click().run()
    assert not app.exception
    assert len(app.dataframe[1].value) == 80
    assert "compound" not in app.query_params


def test_closed_compounds_are_counted_and_not_sent(shown_output: Path) -> None:
    assert shown_output.is_dir()
    app = open_page("peaks", run=LOOKUP)
    assert [panel.label.split(":")[0] for panel in app.expander] == ["Compounds"]
    assert len(app.dataframe[0].value) == 80


def test_a_compound_without_peaks_is_shown_as_written(shown_output: Path) -> None:
    assert shown_output.is_dir()
    app = open_page("peaks", run=LOOKUP, compound="<b>x</b>")
    assert any(r"\<b\>x\<\/b\>" in text.value for text in app.markdown)
    assert any("No peak fits" in info.value for info in app.info)


def test_a_broken_or_missing_table_leaves_the_peaks(
    tmp_path: Path, lookup_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COMPASSIGN_OUTPUT", str(tmp_path))
    broken = add_run(tmp_path, "1-broken", lookup_folder) / "results" / "compounds.csv"
    broken.write_text("nonsense\n")
    app = open_page("peaks", run="1-broken")
    assert app.error[0].value == "The compounds of this run cannot be shown."
    assert len(app.dataframe[0].value) == 80
    shutil.copytree(broken.parents[1], tmp_path / "runs" / "2-old")
    (tmp_path / "runs" / "2-old" / "results" / "compounds.csv").unlink()
    app = open_page("peaks", run="2-old")
    assert not app.expander
    assert not app.error


def test_calibration_counts_accepted_compounds(shown_output: Path) -> None:
    assert shown_output.is_dir()
    app = open_page("calibration", run=LOOKUP)
    assert "Compounds" in [header.value for header in app.subheader]
    assert any(text.value.startswith("At 1 %: ") and "At 10 %: " in text.value for text in app.text)
