"""Runs of the real command on a small simulated dataset, each made once and shared by the tests that name it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from run_tools import SETTINGS, Run, run

from compassign.data.simulate import simulate, write_dataset
from compassign.data.simulation_config import Presence, SimulationConfig

SMALL = SimulationConfig(
    name="small",
    families=("methylxanthine", "nucleobase", "benzoate", "quaternary_amine"),
    n_species=2,
    n_clusters=1,
    n_injections=1,
    n_calibrants=12,
    presence=Presence(log_odds_mean=0.0),
)
SEED = 3


@pytest.fixture(scope="session")
def small_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """About a hundred peaks of two species, with calibrants and a truth."""
    folder = tmp_path_factory.mktemp("small")
    write_dataset(simulate(SMALL, np.random.default_rng(SEED)), folder)
    return folder


@pytest.fixture(scope="session")
def small_output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The output folder of the runs below."""
    return tmp_path_factory.mktemp("output")


@pytest.fixture(scope="session")
def generative_run(small_data: Path, small_output: Path) -> Run:
    return run(small_output, "--data", str(small_data), *SETTINGS)


@pytest.fixture(scope="session")
def softmax_run(small_data: Path, small_output: Path) -> Run:
    return run(small_output, "--data", str(small_data), *SETTINGS, "--model", "softmax")


@pytest.fixture(scope="session")
def calibrated_run(small_data: Path, small_output: Path) -> Run:
    return run(small_output, "--data", str(small_data), *SETTINGS, "--model", "calibrated")


@pytest.fixture(scope="session")
def lookup_run(small_data: Path, small_output: Path) -> Run:
    return run(small_output, "--data", str(small_data), *SETTINGS, "--model", "lookup")


@pytest.fixture(scope="session")
def all_runs(generative_run: Run, softmax_run: Run, calibrated_run: Run, lookup_run: Run) -> dict[str, Run]:
    """The four models on the same data, seed and settings."""
    return {
        "generative": generative_run,
        "softmax": softmax_run,
        "calibrated": calibrated_run,
        "lookup": lookup_run,
    }
