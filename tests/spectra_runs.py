"""A finished run of a study that has everything: fragments, an mzML file, isotope peaks, predicted times."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from example_runs import write_run
from mzml_files import Scan, write_mzml
from spectra_world import write_study

from compassign.config import RunConfig
from compassign.queries.run_folder import Run, load_run

WIDTH_MIN = 0.04
RATIO = 0.12  # of the first isotope peak to the monoisotopic one
FORMULA, MASS_DA = "C10H20O5", 220.131074
PROTON_DA = 1.007276


def write_measured_study(folder: Path) -> Path:
    """`write_study`, in which P001 is C10H20O5 with an isotope peak P001b, and no other has a formula."""
    rng = np.random.default_rng(8)
    write_study(folder, rng, 12)
    peaks, compounds = pd.read_csv(folder / "peaks.csv"), pd.read_csv(folder / "compounds.csv")
    compounds["formula"] = ["", FORMULA, *[""] * (len(compounds) - 2)]
    compounds.loc[1, "name"], compounds.loc[1, "exact_mass"] = "<b>glycol</b>", MASS_DA
    compounds["rt_pred_min"], compounds["rt_pred_sd_min"] = peaks["rt_min"] + 0.1, 0.2
    peaks.loc[1, "mz"] = MASS_DA + PROTON_DA
    isotope = peaks.iloc[[1]].assign(peak_id="P001b", mz=MASS_DA + PROTON_DA + 1.00335)
    isotope["intensity"] *= RATIO
    peaks = pd.concat([peaks, isotope], ignore_index=True)
    peaks["isotope_group"] = np.where(peaks["peak_id"].str.startswith("P001"), "g1", "")
    peaks["isotope_index"] = (peaks["peak_id"] == "P001b").astype(int)
    peaks.to_csv(folder / "peaks.csv", index=False)
    compounds.to_csv(folder / "compounds.csv", index=False)
    write_mzml(folder / "spectra.mzML", [_scan(peaks, rt) for rt in np.arange(0.5, 4.0, 0.02)])
    return folder


def _scan(peaks: pd.DataFrame, rt_min: float) -> Scan:
    height = peaks["intensity"] * np.exp(-0.5 * ((peaks["rt_min"] - rt_min) / WIDTH_MIN) ** 2)
    return Scan(1, round(rt_min, 4), peaks["mz"].tolist(), height.tolist())


@pytest.fixture(scope="session")
def measured_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run's folder."""
    data = write_measured_study(tmp_path_factory.mktemp("data") / "measured")
    config = RunConfig(data=data, mode="prior", label_fraction=0.0)
    return write_run(tmp_path_factory.mktemp("runs") / "measured", config)


@pytest.fixture(scope="session")
def measured_run(measured_folder: Path) -> Run:
    return load_run(measured_folder)
