"""Running `compassign audit` in a test."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from compassign.cli import main
from compassign.config import RunConfig
from compassign.data.dataset import Dataset
from compassign.inference.rt_stage import RtStage
from compassign.models.retention import untrained_predictions
from compassign.models.retention_design import build_design
from compassign.pipeline import execute
from compassign.progress import SilentProgress


def untrained_stage(dataset: Dataset, *rest: object) -> RtStage:
    """Take retention times as the library has them: sampling them for every fit would be most of the time here."""
    own, sd = (dataset.compounds[name].to_numpy(dtype=np.float64) for name in ("rt_pred_min", "rt_pred_sd_min"))
    design = build_design(dataset)
    sd = np.where(np.isfinite(sd), sd, design.error_sd_min)
    return RtStage(untrained_predictions(replace(design, base_min=np.nan_to_num(own), error_sd_min=sd)))


def write_run(folder: Path, tables: dict[str, pd.DataFrame]) -> Path:
    """A finished look-up in an output folder."""
    (folder / "data").mkdir(parents=True)
    for name, table in tables.items():
        table.to_csv(folder / "data" / f"{name}.csv", index=False)
    config = RunConfig(model="lookup", data=folder / "data", label_fraction=0.0)
    run = folder / "runs" / "1-lookup"
    execute(config, run, SilentProgress())
    record = run / "results" / "run.json"
    hashes = json.loads(record.read_text())
    record.write_text(json.dumps({"config": config.model_dump(mode="json"), "seed": 0, "run_id": "1-lookup", **hashes}))
    (run / "logs").mkdir()
    return run


def run_main(*words: str) -> int:
    """The exit code of `compassign audit`."""
    with pytest.raises(SystemExit) as stop:
        main(["audit", *words])
    assert isinstance(stop.value.code, int)
    return stop.value.code
