"""What was measured of a peak on the pages: there where the data have it, and nowhere else."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from output_folders import add_run
from streamlit.testing.v1 import AppTest

from compassign.label_events import is_prelabel_hidden
from compassign.queries.label_desk import DEFAULT_ORDER, label_queue, source_of
from compassign.queries.labels import open_desk
from compassign.queries.run_folder import load_run
from compassign.store.labels import LabelStore

pytest_plugins = ["example_runs", "spectra_runs"]

ROOT = Path(__file__).parents[2]
HEADINGS = ("**Fragments**", "**Chromatogram**", "**Isotopes**")


@pytest.fixture
def output(tmp_path: Path, measured_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    add_run(tmp_path, "1-measured", measured_folder)
    monkeypatch.setenv("COMPASSIGN_OUTPUT", str(tmp_path))
    return tmp_path


def open_peak(peak_id: str, **query: str) -> AppTest:
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=30.0)
    app.query_params["peak"] = peak_id
    for name, value in query.items():
        app.query_params[name] = value
    app.switch_page("pages/peaks.py").run()
    assert not app.exception, app.exception[0].stack_trace
    return app


def headings(app: AppTest) -> list[str]:
    return [text.value for text in app.markdown if text.value in HEADINGS]


def said(app: AppTest) -> str:
    return "\n".join(text.value for text in app.text)


@pytest.mark.usefixtures("output")
@pytest.mark.parametrize(
    ("peak_id", "expected"),
    [("P004", ["**Fragments**", "**Chromatogram**"]), ("P001", ["**Chromatogram**", "**Isotopes**"])],
)
def test_each_panel_is_there_where_the_data_have_it(peak_id: str, expected: list[str]) -> None:
    app = open_peak(peak_id)
    assert headings(app) == expected
    assert "the band holds the predicted time with 90 %" in said(app)


@pytest.mark.usefixtures("output")
def test_an_isotope_peak_says_whose_answer_it_has() -> None:
    assert "isotope peak of P001, whose candidates and answer it has" in said(open_peak("P001b"))


@pytest.mark.usefixtures("output")
def test_the_mirror_follows_the_candidate() -> None:
    best, null = open_peak("P004"), open_peak("P004", candidate="2")
    assert "fragments in common" in said(best)
    assert "the library has no spectrum of this ion" in said(null)


def test_what_was_measured_is_there_where_the_call_is_hidden(output: Path) -> None:
    run = load_run(output / "runs" / "1-measured")
    desk = open_desk(LabelStore.open(output), output, source_of(run))
    first = next(iter(label_queue(run, desk, DEFAULT_ORDER)))
    who = next(name for name in map(str, range(1000)) if is_prelabel_hidden(first, name))
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=30.0)
    app.query_params["as"] = who
    app.switch_page("pages/label.py").run()
    assert not app.exception, app.exception[0].stack_trace
    assert "is hidden" in "\n".join(caption.value for caption in app.caption)
    assert headings(app) == ["**Fragments**", "**Chromatogram**"]
    assert "the band holds the predicted time with 90 %" in said(app)


def test_a_run_without_any_shows_nothing(prior_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add_run(tmp_path, "1-prior", prior_folder)
    monkeypatch.setenv("COMPASSIGN_OUTPUT", str(tmp_path))
    assert headings(open_peak("p00")) == []


def test_damaged_files_are_named_and_the_rest_is_shown(output: Path) -> None:
    results = output / "runs" / "1-measured" / "results"
    (results / "spectra.nc").write_bytes(b"no zip")
    app = open_peak("P004")
    assert headings(app) == ["**Chromatogram**"]
    assert "What was measured of this peak cannot be read." in [error.value for error in app.error]
    assert "spectra.nc: not the spectra that a run writes" in said(app)


def test_a_raw_file_that_is_gone_takes_only_its_panel(
    tmp_path: Path, measured_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = add_run(tmp_path, "1-moved", measured_folder)
    record = run / "results" / "run.json"
    data = Path(json.loads(record.read_text())["config"]["data"])
    shutil.copytree(data, tmp_path / "study", ignore=shutil.ignore_patterns("*.mzML"))
    record.write_text(record.read_text().replace(str(data), str(tmp_path / "study")))
    monkeypatch.setenv("COMPASSIGN_OUTPUT", str(tmp_path))
    assert headings(open_peak("P004")) == ["**Fragments**"]
