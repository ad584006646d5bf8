"""Compare with two, three and five runs, and with runs that must not be paired."""

from __future__ import annotations

from pathlib import Path

import pytest
from output_folders import GONE, LOOKUP, PRIOR, SUSPECT, add_run, edit_json
from streamlit.testing.v1 import AppTest

from compassign.queries.run_folder import ELPD_FILE

pytest_plugins = ["example_runs", "app_outputs"]

ROOT = Path(__file__).parents[2]
TIMEOUT_S = 30.0
FIFTH = "0-fifth"


@pytest.fixture
def five_runs(tmp_path: Path, lookup_folder: Path, prior_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in (FIFTH, LOOKUP, GONE):
        add_run(tmp_path, name, lookup_folder)
    for name in (PRIOR, SUSPECT):
        add_run(tmp_path, name, prior_folder)
    monkeypatch.setenv("COMPASSIGN_OUTPUT", str(tmp_path))
    return tmp_path


def compare(*others: str, peak: str = "", run: str = LOOKUP) -> AppTest:
    """The page of a link that compares a run, a look-up unless named, with other runs."""
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=TIMEOUT_S)
    app.query_params["run"], app.query_params["with"] = run, list(others)
    if peak:
        app.query_params["peak"] = peak
    app.switch_page("pages/compare.py")
    app.run()
    assert not app.exception, app.exception[0].stack_trace
    return app


@pytest.mark.parametrize("others", [[PRIOR], [PRIOR, GONE], [PRIOR, GONE, SUSPECT, FIFTH]])
def test_every_part_is_there_for_some_runs(others: list[str], five_runs: Path) -> None:
    assert five_runs.is_dir()
    app = compare(*others)
    settings, numbers, differences, decisions, calls, changed = (frame.value for frame in app.dataframe)
    n_runs = 1 + len(others)
    assert len(settings.columns) == 1 + n_runs
    assert {*map(str, range(n_runs)), "metric"} == set(numbers.columns)
    assert "Runtime, s" in set(numbers["metric"])
    missing = differences.loc[differences["difference"] == "-", "metric"]
    assert missing.tolist() == ["False share at FDR 0.05"]  # the look-up accepts nothing at 5 %
    assert any(text.value.startswith("A and B ") or "better: log loss" in text.value for text in app.text)
    assert any("exact McNemar test" in text.value for text in app.text)
    assert decisions.to_numpy().sum() == calls.to_numpy().sum() > len(changed) > 0
    assert len(app.get("plotly_chart")) == 3  # reliability, top probabilities, one run against the other
    assert len(app.selectbox) == (1 if n_runs == 2 else 2)  # the run, and what it is set against


def test_the_other_run_keeps_its_letter(five_runs: Path) -> None:
    assert five_runs.is_dir()
    app = compare(GONE, PRIOR, peak="p00")
    app.selectbox[-1].select(2).run()
    assert not app.exception
    captions = [caption.value for caption in app.caption]
    assert "Decisions: A in rows, C in columns" in captions
    assert [text.value for text in app.text if text.value.startswith("Peak")] == [
        "Peak p00 in A: lookup",
        "Peak p00 in C: generative",
    ]


@pytest.mark.parametrize(
    ("key", "reason"), [("dataset_hash", "different datasets"), ("truth_hash", "the truth changed")]
)
def test_runs_on_other_data_or_truth_are_not_paired_and_it_says_why(key: str, reason: str, five_runs: Path) -> None:
    edit_json(five_runs / "runs" / PRIOR / "results" / "run.json", lambda record: record.update({key: "0" * 64}))
    app = compare(PRIOR, peak="p00")
    assert any(reason in text.value for text in app.text)
    assert len(app.dataframe) == 2  # settings and each run's own numbers
    assert len(app.get("plotly_chart")) == 2


def test_a_broken_leave_one_out_table_is_named_and_the_rest_stays(five_runs: Path) -> None:
    for name in (PRIOR, SUSPECT):
        run = five_runs / "runs" / name
        edit_json(run / "results" / "run.json", lambda record: record["config"].update(mode="posterior"))
        (run / ELPD_FILE).write_text("peak_id\np00\n")
    app = compare(SUSPECT, run=PRIOR)
    assert any("cannot be compared peak by peak" in error.value for error in app.error)
    assert any(ELPD_FILE.name in text.value for text in app.text)
    assert len(app.dataframe) > 0
