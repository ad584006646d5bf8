"""The same seed gives the same files to the last byte, another seed does not, and run.json is all that it takes."""

from __future__ import annotations

from pathlib import Path

import pytest
from run_tools import Run, run
from study_files import CALIBRANTS, write_study

pytest_plugins = ["finished_runs"]
pytestmark = pytest.mark.slow  # the run of test_run_outputs.py once more, and three small RT stages

TABLES = ("results/candidates.csv", "results/peak_assignments.csv")


def same_tables(first: Run, second: Run) -> bool:
    return all(first.content(name) == second.content(name) for name in TABLES)


def test_run_json_repeats_a_sampled_run_to_the_last_byte(generative_run: Run, tmp_path: Path) -> None:
    again = run(tmp_path, "--config", str(generative_run.path / "results" / "run.json"))
    assert again.ended.code == 0, again.ended.err
    assert "may not be exactly the same" not in again.ended.err
    assert again.path.name != generative_run.path.name
    assert same_tables(again, generative_run)
    assert again.record["config"] == generative_run.record["config"]
    assert again.metrics["scored_peak_ids_hash"] == generative_run.metrics["scored_peak_ids_hash"]
    assert again.metrics["log_loss"] == generative_run.metrics["log_loss"]


def test_the_same_seed_gives_the_same_files_and_another_seed_other_ones(tmp_path: Path) -> None:
    folder = write_study(tmp_path / "study", calibrants=CALIBRANTS)
    words = ("--data", str(folder), "--model", "lookup", "--chains", "2", "--seed")
    first, again, other = (run(tmp_path / "output", *words, seed) for seed in ("1", "1", "2"))
    assert len({first.path, again.path, other.path}) == 3
    assert same_tables(first, again)
    # without labels to draw, nothing but the sampler depends on the seed
    assert not same_tables(first, other)
    assert first.assignments["assigned_compound"].equals(other.assignments["assigned_compound"])
    assert first.metrics["dataset_hash"] == other.metrics["dataset_hash"]


def test_a_changed_dataset_is_not_repeated(tmp_path: Path) -> None:
    folder = write_study(tmp_path / "study")
    done = run(tmp_path / "output", "--data", str(folder), "--model", "lookup")
    record = str(done.path / "results" / "run.json")
    assert same_tables(run(tmp_path / "output", "--config", record), done)
    peaks = folder / "peaks.csv"
    peaks.write_text(peaks.read_text().replace("195.0877", "195.0878"))
    refused = run(tmp_path / "output", "--config", record).ended
    assert refused.code == 2
    assert "the dataset has changed" in refused.err
