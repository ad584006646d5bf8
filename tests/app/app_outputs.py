"""An output folder with a run of every kind, made once a session."""

from __future__ import annotations

from pathlib import Path

import pytest
from output_folders import GONE, LOOKUP, PRIOR, SUSPECT, add_run, edit_json, forget_dataset, spoil


@pytest.fixture(scope="session")
def output(tmp_path_factory: pytest.TempPathFactory, lookup_folder: Path, prior_folder: Path) -> Path:
    """Four runs: scored, of the prior, with its dataset gone, and one that did not converge (the newest)."""
    folder = tmp_path_factory.mktemp("output")
    add_run(folder, LOOKUP, lookup_folder)
    add_run(folder, PRIOR, prior_folder)
    edit_json(add_run(folder, GONE, lookup_folder) / "results" / "run.json", forget_dataset)
    edit_json(add_run(folder, SUSPECT, prior_folder) / "results" / "assignment_metrics.json", spoil)
    return folder
