"""`compassign simulate` writes one row a round, and refuses words that it does not know."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pandas as pd


def simulate(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "compassign.cli", "simulate", "--to", "rounds.csv", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_the_rounds_are_written(tmp_path: Path) -> None:
    quick = ("--difficulty", "easy", "--model", "lookup", "--rounds", "2", "--batch", "3")
    done = simulate(*quick, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    table = pd.read_csv(tmp_path / "rounds.csv")
    assert table["n_asked"].tolist() == [0, 3, 6]
    assert table["log_loss"].notna().all()
    again = simulate(*quick, folder=tmp_path)
    assert again.returncode == 2
    assert "exists already" in again.stderr


def test_an_unknown_annotator_is_told_the_known_ones(tmp_path: Path) -> None:
    done = simulate("--oracle", "wizard", folder=tmp_path)
    assert done.returncode == 2
    assert "isomer-confusing" in done.stderr
    assert "Traceback" not in done.stderr
