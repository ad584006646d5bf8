"""`compassign report` on finished runs: what it says agrees with the run's own files."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from run_tools import Run, command, run
from study_files import write_study

pytest_plugins = ["finished_runs"]


def report(done: Run) -> list[str]:
    """The report's lines."""
    ended = command("report", str(done.path))
    assert ended.code == 0, ended.err
    assert ended.err == ""
    return ended.out.splitlines()


def row(lines: list[str], name: str) -> list[str]:
    """The words of the first line that begins with the name, behind it."""
    line = next(line for line in lines if line.strip().startswith(f"{name} "))
    return line.strip().removeprefix(name).split()


def text(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"


@pytest.mark.slow  # shares the runs of test_run_outputs.py
def test_configuration_scores_and_verdict(any_run: Run) -> None:
    done = any_run
    lines = report(done)
    assert lines[0] == f"Run {done.path.name}"
    assert lines[1].startswith(f"Verdict: {done.metrics['verdict']} (")
    assert row(lines, "model") == [done.metrics["model"]]
    assert row(lines, "seed") == ["0"]
    assert row(lines, "label_fraction") == ["0.3"]
    assert row(lines, "sampler.draws") == ["500"]
    assert row(lines, "sampler.chains") == ["2"]
    assert any(f"Scores on {done.metrics['n_scored']} peaks that the fit did not see" in line for line in lines)
    for name in ("precision", "recall", "f1", "log_loss", "brier", "ece"):
        assert row(lines, name)[0] == text(done.metrics[name])


@pytest.mark.slow  # shares the runs of test_run_outputs.py
def test_calls_and_calibration(any_run: Run) -> None:
    done = any_run
    lines = report(done)
    for call, counts in zip(
        ("correct compound", "wrong compound", "null"), done.metrics["confusion_matrix"], strict=True
    ):
        assert row(lines, call) == [str(count) for count in counts]
    calibration = done.metrics["calibration"]
    start = next(position for position, line in enumerate(lines) if "Calibration of the calls" in line)
    rows = [line.split() for line in lines[start:] if re.match(r"\s*[\d.]+ to [\d.]+ ", line)]
    shown = [
        [f"{low:.4g}", "to", f"{low + 0.1:.4g}", str(count), text(mean), text(share)]
        for low, count, mean, share in zip(
            calibration["bin_edges"],
            calibration["count"],
            calibration["mean_probability"],
            calibration["frequency"],
            strict=False,
        )
        if count
    ]
    assert rows == shown


@pytest.mark.slow  # shares the runs of test_run_outputs.py
def test_sampler_and_runtime(any_run: Run) -> None:
    done = any_run
    lines, sampler = report(done), done.metrics["sampler"]
    assert row(lines, "largest R-hat of a parameter") == [text(sampler["max_rhat"])]
    assert row(lines, "smallest bulk effective sample size") == [text(sampler["min_ess_bulk"])]
    assert row(lines, "smallest tail effective sample size") == [text(sampler["min_ess_tail"])]
    assert row(lines, "divergent draws") == [str(sampler["n_divergences"])]
    warnings = [line.removeprefix("Warning: ") for line in lines if line.startswith("Warning: ")]
    assert len(warnings) == len(sampler["reasons"])
    for stage in ("retention times", "fit", "responsibilities"):
        assert row(lines, stage) == [f"{done.metrics['runtime_s'][stage]:.1f}"]
    assert float(row(lines, "total")[0]) == pytest.approx(sum(done.metrics["runtime_s"].values()), abs=0.1)


@pytest.mark.slow  # shares the runs of test_run_outputs.py
def test_only_the_main_model_shows_what_another_unlisted_share_would_change(any_run: Run) -> None:
    title = "If another share of the compounds in the sample were missing from the library"
    lines = report(any_run)
    is_shown = title in " ".join(" ".join(lines).split())  # the title may be wrapped
    assert is_shown == (any_run.metrics["model"] == "generative")
    assert ("Sensitivity to the unlisted share: this model has none." in lines) != is_shown


def test_without_a_name_the_newest_run_is_reported(tmp_path: Path) -> None:
    words = ("--data", str(write_study(tmp_path / "study")), "--model", "lookup")
    older, newer = run(tmp_path / "output", *words), run(tmp_path / "output", *words)
    assert report(older)[0] == f"Run {older.path.name}"
    ended = command("report", "--output", str(tmp_path / "output"))
    assert ended.out.startswith(f"Run {newer.path.name}\n")
    assert command("report", newer.path.name, "--output", str(tmp_path / "output")).out == ended.out


def test_a_run_without_truth_and_without_sampling_is_reported_as_such(tmp_path: Path) -> None:
    done = run(tmp_path / "output", "--data", str(write_study(tmp_path / "study")), "--model", "lookup")
    assert done.metrics["precision"] is done.metrics["recall"] is done.metrics["confusion_matrix"] is None
    lines = report(done)
    assert lines[1] == "Verdict: converged (nothing was sampled, so there is nothing to converge)"
    assert "No scores: the dataset has no truth that the fit did not see." in lines
    assert "Sampler: none, nothing was sampled." in lines
    assert not any("R-hat" in line for line in lines)
    assert not any("nan" in line.split() for line in lines)


def test_an_empty_output_has_nothing_to_report(tmp_path: Path) -> None:
    ended = command("report", "--output", str(tmp_path / "nothing"))
    assert ended.code == 2
    assert "no complete run yet" in ended.err
