"""The report shows every number of a run, says what is missing, and breaks on no text of a user."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from compassign import report
from compassign.config import PRIOR_ONLY
from compassign.errors import InputError
from compassign.posterior import predictive
from compassign.report import WIDTH, render_report

METRICS: dict[str, Any] = {
    "precision": 0.81234567,
    "recall": 0.7,
    "f1": 0.752,
    "top1": 0.66,
    "log_loss": 0.7654321,
    "brier": 0.4,
    "ece": 0.031,
    "n_scored": 123,
    "verdict": "suspect",
    "confusion_matrix": [[71, 0, 30], [11, 7, 4], [19, 15, 6]],
    "fdr": {
        "0.01": {"n_accepted": 0, "expected_false_share": None, "n_scored": 0, "false_share": None},
        "0.05": {
            **{"n_accepted": 565, "expected_false_share": 0.0499, "n_scored": 97, "false_share": 0.046},
            "false_share_interval": [0.031, 0.068],
            "compounds": {"n_accepted": 489, "expected_false_share": 0.05, "n_scored": 480, "false_share": 0.043},
        },
        "0.1": {"n_accepted": 800, "expected_false_share": 0.099, "n_scored": 120, "false_share": 0.088},
    },
    "calibration": {
        "bin_edges": [0.0, 0.5, 1.0],
        "count": [0, 123],
        "mean_probability": [None, 0.77],
        "frequency": [None, 0.741],
        "views": {
            "call": {
                "all": {
                    "n_statements": 123,
                    "miscalibration": {"value": 0.0123, "low": 0.004, "high": 0.03, "if_calibrated": 0.011},
                    "discrimination": {"value": 0.1, "low": None, "high": None, "if_calibrated": None},
                    "is_inside_band": True,
                }
            },
            "pair": None,
            "null": {"all": {"n_statements": 124, "rms_error": {"value": None}, "is_inside_band": False}},
        },
    },
    "sensitivity": {
        "0.05": {"log_loss": 0.776, "accepted_0.05": 709},
        "0.1": {"log_loss": 0.76, "accepted_0.05": 565},
        "0.2": {"log_loss": 0.778, "accepted_0.05": 175},
    },
    "sampler": {
        "verdict": "suspect",
        "reasons": ["R-hat of mass_offset is 1.03"],
        "max_rhat": 1.03,
        "min_ess_bulk": 320.0,
        "min_ess_tail": 290.0,
        "max_rhat_responsibilities": 1.01,
        "n_divergences": 2,
        "share_divergences": 0.0005,
        "not_informed": ["species_sd"],
    },
    "runtime_s": {"load": 1.5, "sampling": 61.25},
}
RECORD: dict[str, Any] = {
    "config": {
        "model": "generative",
        "adducts": ["[M+H]+", "[/bold]"],
        "label_fraction": None,
        "sampler": {"draws": 250, "quick": True},
    },
    "seed": 3,
    "versions": {"compassign": "0.1.0", "pymc": "6.0"},
}


def write_run(folder: Path, metrics: object, record: object) -> Path:
    """A run folder with the two files that a report reads."""
    (folder / "results").mkdir(parents=True)
    (folder / "results" / "assignment_metrics.json").write_text(json.dumps(metrics))
    (folder / "results" / "run.json").write_text(json.dumps(record))
    return folder


def row(text: str, first: str) -> list[str]:
    """Cells of the one table row that begins with a cell."""
    rows = [re.split(r"  +", line.strip()) for line in text.splitlines()]
    (found,) = [cells[1:] for cells in rows if cells[0] == first]
    return found


ANNOTATORS = (
    "annotator,n_peaks,n_shared,reliability,hdi_low,hdi_high,basis\n"
    '[red]Ada[/red],51,14,0.957,0.91,0.98,learned\n"Bo\nb",12,0,1,,,assumed\n,7,3,1,,,assumed\n'
)


def test_annotators_are_told_of_with_their_names_or_without(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run7", METRICS, RECORD)
    assert "Annotators" not in render_report(folder)
    (folder / "results" / "annotators.csv").write_text(ANNOTATORS)
    named, nameless = render_report(folder), render_report(folder, with_people=False)
    assert "[red]Ada[/red]: right with 0.96 (0.91 to 0.98), learned from 51 peaks, 14 of them shared" in named
    assert "Bo b: taken to be right with 1.00 on 12 peaks; nobody else answered any of them" in named
    assert "labels without a name: taken to be right with 1.00 on 7 peaks; this fit learns of nobody" in named
    assert "annotator 1: right with 0.96" in nameless
    assert "Ada" not in nameless


def test_shows_every_number(tmp_path: Path) -> None:
    text = render_report(write_run(tmp_path / "run7", METRICS, RECORD))
    assert "Run run7" in text
    assert "Verdict: suspect" in text
    assert "Quick run" in text
    assert row(text, "precision")[0] == "0.8123"
    assert row(text, "recall")[0] == "0.7"
    assert row(text, "f1")[0] == "0.752"
    assert row(text, "brier")[0] == "0.4"
    assert row(text, "ece")[0] == "0.031"
    assert "Scores on 123 peaks" in text
    assert row(text, "wrong compound") == ["11", "7", "4"]
    assert row(text, "1.0%") == ["0", "-", "0", "-", "-"]
    peaks, compounds = text.split("Accepted peaks")[1].split("Compounds accepted as present")
    assert row(peaks, "5.0%") == ["565", "5.0%", "97", "4.6%", "3.1% to 6.8%"]
    assert row(compounds.split("Calibration")[0], "5.0%") == ["489", "5.0%", "480", "4.3%"]
    assert row(text, "10.0%") == ["800", "9.9%", "120", "8.8%", "-"]
    assert row(text, "0.5 to 1") == ["123", "0.77", "0.741"]
    assert row(text, "statements") == ["123", "-", "124"]
    assert row(text, "miscalibration") == ["0.012 (0.004 to 0.030)", "-", "-"]
    assert row(text, "if calibrated") == ["0.011", "-", "-"]
    assert row(text, "discrimination") == ["0.100", "-", "-"]
    assert row(text, "in its 90 % band") == ["yes", "-", "no"]
    assert row(text, "number") == ["5.0%", "10.0%", "20.0%"]
    assert row(text, "accepted_0.05") == ["709", "565", "175"]
    assert row(text, "largest R-hat of a parameter") == ["1.03"]
    assert row(text, "divergent draws") == ["2"]
    assert "Warning: R-hat of mass_offset is 1.03" in text
    assert "Not informed by these data: species_sd" in text
    assert row(text, "sampling") == ["61.2"]
    assert row(text, "total") == ["62.8"]


def test_settings_are_shown_as_they_are(tmp_path: Path) -> None:
    text = render_report(write_run(tmp_path / "[red]run", METRICS, RECORD))
    assert row(text, "adducts") == ["[M+H]+, [/bold]"]
    assert row(text, "sampler.draws") == ["250"]
    assert row(text, "label_fraction") == ["-"]
    assert "Run [red]run" in text


def test_fits_the_page_without_colour(tmp_path: Path) -> None:
    record = {"config": {"data": "/long" * 60}}
    text = render_report(write_run(tmp_path / "run", METRICS, record))
    assert max(map(len, text.splitlines())) <= WIDTH
    assert "\x1b" not in text


def test_a_run_without_truth_or_sampler(tmp_path: Path) -> None:
    metrics = {
        **dict.fromkeys(("precision", "recall", "f1", "log_loss", "brier", "ece", "verdict", "confusion_matrix")),
        "n_scored": 0,
        "fdr": {"0.05": {"n_accepted": 4, "expected_false_share": 0.02, "n_scored": 0, "false_share": None}},
        "calibration": None,
        "sensitivity": None,
        "sampler": None,
        "runtime_s": {"load": 1, "total": 2},
        "prior_only": True,
    }
    text = render_report(write_run(tmp_path / "run", metrics, {"config": {}}))
    assert "No scores" in text
    assert "nothing was sampled" in text
    assert "Sampler: none, nothing was sampled." in text
    assert PRIOR_ONLY in text
    assert "Calibration" not in text
    assert row(text, "5.0%") == ["4", "2.0%", "0", "-", "-"]
    assert "Compounds accepted" not in text  # written before there were any
    assert row(text, "total") == ["2.0"]


def test_an_incomplete_run_says_where_its_log_is(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "run.log").write_text("killed")
    with pytest.raises(InputError, match=r"no results/assignment_metrics.json and no results/run.json.*logs/run.log"):
        render_report(tmp_path)
    write_run(tmp_path, METRICS, RECORD)
    (tmp_path / "results" / "run.json").unlink()
    with pytest.raises(InputError, match=r"no results/run.json, so"):
        render_report(tmp_path)


def test_not_a_run_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="may not be a run folder"):
        render_report(tmp_path)
    with pytest.raises(InputError, match="no such run folder"):
        render_report(tmp_path / "nowhere")


@pytest.mark.parametrize(("content", "message"), [("{", "not valid JSON"), ("[1]", "expected a JSON object")])
def test_broken_metrics(tmp_path: Path, content: str, message: str) -> None:
    run = write_run(tmp_path / "run", METRICS, RECORD)
    (run / "results" / "assignment_metrics.json").write_text(content)
    with pytest.raises(InputError, match=rf"assignment_metrics\.json.*{message}"):
        render_report(run)


def with_checks(folder: Path, *rows: dict[str, Any]) -> Path:
    """A run with these checks and 48 that pass."""
    run = write_run(folder, METRICS, RECORD)
    fine = {**MASS_CHECK, "p_value": 0.3}
    document = {"n_draws": 200, "checks": [*rows, *[fine] * 48], "histograms": []}
    (run / "results" / "predictive_checks.json").write_text(json.dumps(document))
    return run


MASS_CHECK: dict[str, Any] = {
    "observable": "mass",
    "statistic": "iqr_ppm",
    "group": "all",
    "observed": 3.21987,
    "replicated_05": 2.1,
    "replicated_50": 2.2,
    "replicated_95": 2.3,
    "p_value": 0.0,
}


def test_says_which_predictive_checks_fail_and_how(tmp_path: Path) -> None:
    rt = {
        "observable": "rt",
        "statistic": "share_beyond_2",
        "group": "[b] positive",
        "observed": 0.02,
        "p_value": 0.991,
    }
    text = render_report(with_checks(tmp_path / "run", MASS_CHECK, {**MASS_CHECK, **rt}))
    assert "2 of 50 find the data unlike the model's (up to about 1 by chance)." in text
    flat = " ".join(text.split())
    assert (
        "Misfit: the interquartile range of mass errors, ppm, over all peaks is 3.22, larger than the model makes it "
        "(2.1 to 2.3)" in flat
    )
    assert "Misfit: the share of RT errors beyond 2 SDs of [b] positive is 0.02, smaller than" in flat


@pytest.mark.parametrize(("p_value", "fails"), [(0.0099, True), (0.01, False), (0.99, False), (0.9901, True)])
def test_a_check_fails_at_either_end(tmp_path: Path, p_value: float, fails: bool) -> None:
    text = render_report(with_checks(tmp_path / "run", {**MASS_CHECK, "p_value": p_value}))
    assert ("Misfit:" in text) is fails
    assert ("none of 49 finds the data unlike the model's" in text) is not fails


def test_many_misfits_are_counted(tmp_path: Path) -> None:
    text = render_report(with_checks(tmp_path / "run", *[MASS_CHECK] * 25))
    assert text.count("Misfit:") == 20
    assert "... and 5 more" in text


def test_a_run_without_checks_says_nothing_of_them(tmp_path: Path) -> None:
    assert "redictive" not in render_report(write_run(tmp_path / "run", METRICS, RECORD))


def test_broken_checks(tmp_path: Path) -> None:
    run = with_checks(tmp_path / "run")
    (run / "results" / "predictive_checks.json").write_text("[1]")
    with pytest.raises(InputError, match=r"predictive_checks\.json.*expected a JSON object"):
        render_report(run)


def test_every_statistic_of_the_checks_has_words() -> None:
    named = {name for names in predictive._ERROR_STATISTICS.values() for name in names}
    counted = {f"n_{name}" for name in predictive._OUTCOMES}
    assert set(report._QUANTITIES) == named | counted | {predictive._FAR}
