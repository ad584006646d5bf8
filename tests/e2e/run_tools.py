"""Start the real command and read what it leaves, as its users do."""

from __future__ import annotations

import io
import json
import os
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from compassign.cli import main


@dataclass(frozen=True)
class Ended:
    """How a command ended and what it said."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Run:
    """A finished run: how it ended, its folder, and its files as they are read by users."""

    ended: Ended
    path: Path

    @cached_property
    def assignments(self) -> pd.DataFrame:
        return read_table(self.path / "results" / "peak_assignments.csv")

    @cached_property
    def candidates(self) -> pd.DataFrame:
        return read_table(self.path / "results" / "candidates.csv")

    @cached_property
    def metrics(self) -> dict[str, Any]:
        return dict(json.loads((self.path / "results" / "assignment_metrics.json").read_text()))

    @cached_property
    def record(self) -> dict[str, Any]:
        return dict(json.loads((self.path / "results" / "run.json").read_text()))

    def content(self, name: str) -> bytes:
        return (self.path / name).read_bytes()


SETTINGS = ("--samples", "500", "--chains", "2", "--label-fraction", "0.3")  # of the runs on the small dataset
TEXTS = frozenset({"peak_id", "compound_id", "assigned_compound", "adduct", "decision", "species", "isotope_of"})


def read_table(path: Path) -> pd.DataFrame:
    """A result table; empty texts stay empty, empty numbers are NaN, flags are bool."""
    table = pd.read_csv(path, dtype="str", keep_default_na=False)
    columns: list[str] = table.columns.tolist()
    flags = {name: table[name] == "True" for name in columns if name.startswith("is_")}
    numbers = {name: table[name].replace("", "nan").map(float) for name in columns if name not in {*TEXTS, *flags}}
    return table.assign(**flags, **numbers)


def command(*words: str) -> Ended:
    """`compassign` in this process, with what it prints."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as stop:
        main(words)
    assert isinstance(stop.value.code, int)
    return Ended(stop.value.code, out.getvalue(), err.getvalue())


def run(output: Path, *words: str) -> Run:
    """`compassign run`; the folder is that of the run that the output shows afterwards."""
    ended = command("run", "--output", str(output), *words)
    latest = output / "latest"
    return Run(ended, output / os.readlink(latest) if latest.is_symlink() else output)


def files(folder: Path) -> list[str]:
    """Every file below a folder."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
