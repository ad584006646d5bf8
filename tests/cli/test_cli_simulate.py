"""`compassign simulate` keeps a table of every loop where the Label page finds it, and refuses unknown words."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from compassign.cli import app
from compassign.data.load import load_dataset
from compassign.queries.learning import read_learning

pytest_plugins = ["example_runs"]


def test_loops_are_kept_and_not_repeated(tmp_path: Path, example_data: Path) -> None:
    quick = ["--data", str(example_data), "--model", "lookup", "--batch", "3", "--acquisition", "margin"]
    words = ["simulate", *quick, "--rounds", "2", "--seeds", "2", "--output", str(tmp_path)]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    assert "margin: the answers mended" in done.output
    (found,) = read_learning(tmp_path, load_dataset(example_data).dataset_hash).values()
    loops = found.table.groupby(["acquisition", "seed"])["n_asked"].agg(list)
    assert loops.to_dict() == {(name, seed): [0, 3, 6] for name in ("margin", "random") for seed in (0, 1)}
    assert found.table["log_loss"].notna().all()
    files = {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*.csv")}
    assert CliRunner().invoke(app, words).exit_code == 0
    assert files == {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*.csv")}


@pytest.mark.parametrize(("flag", "expected"), [("--oracle", "isomer-confusing"), ("--acquisition", "entropy")])
def test_an_unknown_word_is_answered_with_the_known_ones(tmp_path: Path, flag: str, expected: str) -> None:
    done = CliRunner().invoke(app, ["simulate", flag, "wizard", "--output", str(tmp_path)])
    assert done.exit_code == 2
    assert expected in done.output
    assert list(tmp_path.iterdir()) == []
