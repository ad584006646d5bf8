"""A finished run whose dataset has audit labels, and is as sure as a look-up is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from example_runs import write_dataset, write_run

from compassign.config import RunConfig

N_AUDIT = 60


def write_audited_run(folder: Path) -> Path:
    """Sixty of eighty peaks are of the audit, four of them skipped; twelve others are labelled for the fit."""
    data = write_dataset(folder / "data")
    truth = pd.read_csv(data / "truth.csv", dtype=str, keep_default_na=False)
    rows = truth.iloc[np.random.default_rng(3).permutation(len(truth))[: N_AUDIT + 12]].reset_index(drop=True)
    is_audit = rows.index < N_AUDIT
    is_skipped = is_audit & (rows.index % 15 == 7)
    labels = rows.assign(
        compound_id=rows["compound_id"].where(~is_skipped, ""),
        purpose=np.where(is_audit, "audit", ""),
        inclusion_prob=np.where(is_audit, "0.75", ""),
        skipped=np.where(is_skipped, "yes", ""),
    )
    labels.to_csv(data / "labels.csv", index=False)
    return write_run(folder / "runs" / "audited", RunConfig(model="lookup", data=data))


@pytest.fixture(scope="session")
def audited_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run's folder, in an output folder."""
    return write_audited_run(tmp_path_factory.mktemp("audited"))
