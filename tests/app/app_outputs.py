"""An output folder with a run of every kind, made once a session."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from example_runs import write_dataset, write_run
from output_folders import (
    GONE,
    LOOKUP,
    NAMES,
    NOTE,
    PEAK_IDS,
    PRIOR,
    SPECIES,
    SUSPECT,
    add_run,
    edit_json,
    forget_dataset,
    spoil,
)

from compassign.config import RunConfig


@pytest.fixture(scope="session")
def output(tmp_path_factory: pytest.TempPathFactory, lookup_folder: Path, prior_folder: Path) -> Path:
    """Four runs: scored, of the prior, with its dataset gone, and one that did not converge (the newest)."""
    folder = tmp_path_factory.mktemp("output")
    add_run(folder, LOOKUP, lookup_folder)
    add_run(folder, PRIOR, prior_folder)
    edit_json(add_run(folder, GONE, lookup_folder) / "results" / "run.json", forget_dataset)
    edit_json(add_run(folder, SUSPECT, prior_folder) / "results" / "assignment_metrics.json", spoil)
    return folder


@pytest.fixture(scope="session")
def hostile_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on data whose every name is hostile."""
    folder = write_dataset(tmp_path_factory.mktemp("data") / "**study** [x](y)")
    compounds, peaks, truth = (
        pd.read_csv(folder / f"{name}.csv", dtype=str, keep_default_na=False)
        for name in ("compounds", "peaks", "truth")
    )
    compounds["name"] = NAMES
    new_ids = dict(zip(peaks["peak_id"], PEAK_IDS, strict=False))
    peaks["peak_id"], truth["peak_id"] = (table["peak_id"].replace(new_ids) for table in (peaks, truth))
    peaks["species"] = peaks["species"].replace({"liver": SPECIES})
    for name, table in (("compounds", compounds), ("peaks", peaks), ("truth", truth)):
        table.to_csv(folder / f"{name}.csv", index=False)
    labels = truth[truth["compound_id"] != ""].head(3).assign(annotator="@ada", note=NOTE)
    labels.to_csv(folder / "labels.csv", index=False)
    return write_run(tmp_path_factory.mktemp("runs") / "hostile", RunConfig(model="lookup", data=folder))
