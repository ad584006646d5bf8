"""Runs of the real command on a small simulated dataset, each made once and shared by all tests and test processes."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from run_tools import SETTINGS, Ended, Run, run

from compassign.data.simulate import simulate, write_dataset
from compassign.data.simulation_config import Presence, SimulationConfig

MODELS = ("generative", "softmax", "calibrated", "lookup")
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


def once(name: Path, make: Callable[[], None], wait: bool = True) -> bool:
    """Make something once for all test processes: who has the lock makes it, the others find it made.

    Returns whether it is there; without `wait` it is not while another process makes it.
    """
    done = name.with_suffix(".done")
    with name.with_suffix(".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        if not done.exists():
            make()
            done.touch()
    return True


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of this session that its test processes have in common."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "finished_runs"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def small_data(shared: Path) -> Path:
    """About a hundred peaks of two species, with calibrants and a truth."""
    folder = shared / "small"
    once(folder, lambda: write_dataset(simulate(SMALL, np.random.default_rng(SEED)), folder))
    return folder


Finish = Callable[[str, bool], Run | None]


@pytest.fixture(scope="session")
def finish(shared: Path, small_data: Path) -> Finish:
    """Run a model on the small dataset, or find the run that was made; None if another process is at it."""

    def finish_or_find(model: str, wait: bool) -> Run | None:
        output = shared / model
        record = output.with_suffix(".json")

        def make() -> None:
            done = run(output, "--data", str(small_data), *SETTINGS, "--model", model)
            record.write_text(json.dumps({"ended": asdict(done.ended), "path": str(done.path)}))

        if not once(output, make, wait):
            return None
        content = json.loads(record.read_text())
        return Run(Ended(**content["ended"]), Path(content["path"]))

    return finish_or_find


@pytest.fixture(scope="session")
def all_runs(finish: Finish) -> dict[str, Run]:
    """The four models on the same data, seed and settings; two test processes make two of them at a time."""
    for model in MODELS:
        finish(model, False)
    return {model: done for model in MODELS if (done := finish(model, True)) is not None}


@pytest.fixture(scope="session")
def generative_run(finish: Finish) -> Run:
    done = finish("generative", True)
    assert done is not None
    return done


# Named so that `-k generative` selects only the quick tests of the model itself.
@pytest.fixture(params=MODELS, ids=["main", *MODELS[1:]])
def any_run(request: pytest.FixtureRequest, all_runs: dict[str, Run]) -> Run:
    """The run of each model in turn."""
    return all_runs[str(request.param)]
