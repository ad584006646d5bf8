"""The same seed gives the same files to the last byte, another seed does not, and run.json is all that it takes."""

from __future__ import annotations

from pathlib import Path

import pytest
from run_tools import SETTINGS, Run, run

pytest_plugins = ["finished_runs"]
pytestmark = [
    pytest.mark.slow,  # runs of test_run_outputs.py, and four more that sample
    pytest.mark.xdist_group("small runs"),
]

TABLES = ("results/candidates.csv", "results/peak_assignments.csv")


def same_tables(first: Run, second: Run) -> bool:
    return all(first.content(name) == second.content(name) for name in TABLES)


def test_run_json_repeats_a_generative_run_to_the_last_byte(generative_run: Run, tmp_path: Path) -> None:
    again = run(tmp_path, "--config", str(generative_run.path / "results" / "run.json"))
    assert again.ended.code == 0, again.ended.err
    assert "may not be exactly the same" not in again.ended.err
    assert again.path.name != generative_run.path.name
    assert same_tables(again, generative_run)
    assert again.record["config"] == generative_run.record["config"]
    assert again.metrics["scored_peak_ids_hash"] == generative_run.metrics["scored_peak_ids_hash"]
    assert again.metrics["log_loss"] == generative_run.metrics["log_loss"]


def test_the_same_seed_gives_the_same_files_and_another_seed_other_ones(
    lookup_run: Run, small_data: Path, tmp_path: Path
) -> None:
    words = ("--data", str(small_data), *SETTINGS, "--model", "lookup")
    assert same_tables(run(tmp_path, *words), lookup_run)
    other = run(tmp_path, *words, "--seed", "1")
    assert not same_tables(other, lookup_run)
    assert other.metrics["dataset_hash"] == lookup_run.metrics["dataset_hash"]
    # without labels nothing but the sampler depends on the seed
    unlabelled = [run(tmp_path, *words, "--label-fraction", "0", "--seed", seed) for seed in ("1", "2")]
    assert unlabelled[0].metrics["scored_peak_ids_hash"] == unlabelled[1].metrics["scored_peak_ids_hash"]
    assert not same_tables(*unlabelled)
