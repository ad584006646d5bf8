"""Small finished runs without sampling, made once a session, for the tests of what screens show."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import h5netcdf
import numpy as np
import pandas as pd
import pytest
from big_run import HOSTILE, N_DRAWS, N_PEAKS

from compassign.config import RunConfig
from compassign.pipeline import execute
from compassign.progress import SilentProgress
from compassign.queries.run_folder import Run, load_run

_COMPOUNDS = pd.DataFrame(
    {
        "compound_id": ["leu", "ile", "caf", "NA", "glc", "gal", "theo", "para"],
        "name": ["Leucine", "Isoleucine", HOSTILE, "", "Glucose", "Galactose", "Theophylline", "Paraxanthine"],
        "formula": [
            *("C6H13NO2", "C6H13NO2", "C8H10N4O2", "C5H5N5", "C6H12O6", "C6H12O6"),
            *("C7H8N4O2", "C7H8N4O2"),
        ],
        "smiles": ["CC(C)CC(N)C(=O)O", "", "", "", "", "", "", ""],
        "rt_pred_min": [2.0, 2.3, 4.0, 1.5, np.nan, 1.0, 3.0, 3.2],
        "rt_pred_sd_min": 0.3,
    }
)
_MASS_DA = [131.094629, 131.094629, 194.080376, 135.054495, 180.063388, 180.063388, 180.064726, 180.064726]
_PROTON_DA = 1.007276


def write_dataset(folder: Path) -> Path:
    """Eighty peaks of two species, every fifth of them nothing in the library."""
    rng = np.random.default_rng(5)
    folder.mkdir(parents=True)
    compound = rng.integers(len(_COMPOUNDS), size=N_PEAKS)
    is_null = np.arange(N_PEAKS) % 5 == 4
    mz = np.array(_MASS_DA)[compound] + _PROTON_DA
    rt = _COMPOUNDS["rt_pred_min"].fillna(1.2).to_numpy()[compound] + rng.normal(0.0, 0.2, N_PEAKS)
    peak_id = [f"p{i:02d}" for i in range(N_PEAKS)]
    peak_id[3] = "<i>p3</i>"
    peaks = pd.DataFrame(
        {
            "peak_id": peak_id,
            "species": np.where(np.arange(N_PEAKS) % 2, "liver", "plasma"),
            "mz": mz * (1.0 + rng.normal(0.0, 2e-6, N_PEAKS)) + np.where(np.arange(N_PEAKS) % 10 == 4, 0.5, 0.0),
            "rt_min": np.where(is_null, rng.uniform(1.0, 5.0, N_PEAKS), rt),
            "intensity": 1000.0,
            "polarity": "positive",
        }
    )
    answers = np.where(is_null, "", _COMPOUNDS["compound_id"].to_numpy()[compound])
    peaks.to_csv(folder / "peaks.csv", index=False)
    _COMPOUNDS.to_csv(folder / "compounds.csv", index=False)
    pd.DataFrame({"peak_id": peak_id, "compound_id": answers}).to_csv(folder / "truth.csv", index=False)
    return folder


def write_run(folder: Path, config: RunConfig) -> Path:
    """A run as the command leaves it."""
    execute(config, folder, SilentProgress())
    hashes = json.loads((folder / "results" / "run.json").read_text())
    record = {"config": config.model_dump(mode="json"), "seed": config.seed, "run_id": folder.name, **hashes}
    (folder / "results" / "run.json").write_text(json.dumps(record))
    return folder


@pytest.fixture(scope="session")
def example_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_dataset(tmp_path_factory.mktemp("data") / "example")


@pytest.fixture(scope="session")
def lookup_folder(tmp_path_factory: pytest.TempPathFactory, example_data: Path) -> Path:
    return write_run(tmp_path_factory.mktemp("runs") / "lookup", RunConfig(model="lookup", data=example_data))


@pytest.fixture(scope="session")
def prior_folder(tmp_path_factory: pytest.TempPathFactory, example_data: Path) -> Path:
    """The main model at its prior's location, with made-up draws of two parameters and made-up checks."""
    config = RunConfig(model="generative", mode="prior", data=example_data, unlisted_share=0.2)
    folder = write_run(tmp_path_factory.mktemp("runs") / "prior", config)
    rng = np.random.default_rng(0)
    with h5netcdf.File(folder / "models" / "assignment_trace.nc", "w") as file:
        file.attrs["thin"] = 2
        group = file.create_group("posterior")
        group.dimensions = {"chain": 2, "draw": N_DRAWS, "shift_ppm_dim_0": 3}
        group.create_variable("alpha", ("chain", "draw"), data=rng.normal(size=(2, N_DRAWS)))
        shift = rng.normal(size=(2, N_DRAWS, 3)) + np.array([[[0.0, 0.0, 0.0]], [[0.0, 5.0, 0.0]]])
        group.create_variable("shift_ppm", ("chain", "draw", "shift_ppm_dim_0"), data=shift)
    check = {"observable": "mass", "statistic": "median_ppm", "observed": 0.5, "replicated_50": 0.0}
    band = {"replicated_05": -1.0, "replicated_95": 1.0}
    density = {"observed": [0.2, 0.6], "replicated_05": [0.1, 0.5], "replicated_50": [0.2, 0.7]}
    checks = {
        "n_draws": 10,
        "checks": [
            {**check, **band, "group": "all", "p_value": 0.3},
            {**check, **band, "group": "<b>run 1</b>", "p_value": 0.001},
        ],
        "histograms": [
            {"observable": "mass", "bin_edges": [-1.0, 0.0, 1.0], "replicated_95": [0.3, 0.8], **density},
        ],
    }
    (folder / "results" / "predictive_checks.json").write_text(json.dumps(checks))
    return folder


@pytest.fixture(scope="session")
def lookup_run(lookup_folder: Path) -> Run:
    return load_run(lookup_folder)


@pytest.fixture(scope="session")
def prior_run(prior_folder: Path) -> Run:
    return load_run(prior_folder)


@pytest.fixture
def copied_folder(lookup_folder: Path, tmp_path: Path) -> Path:
    """A run folder that a test may break."""
    return Path(shutil.copytree(lookup_folder, tmp_path / "copied"))
