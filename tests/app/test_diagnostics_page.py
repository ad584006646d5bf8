"""The pages Diagnostics and Calibration in states that `test_pages` does not have."""

from __future__ import annotations

from pathlib import Path

import h5netcdf
import numpy as np
import pytest
from output_folders import GONE, LOOKUP, PRIOR, SUSPECT, add_run, edit_json
from test_pages import assert_only_text, open_page, shown

from compassign.queries.draws import RT_TRACE_FILE, TRACE_FILE

pytest_plugins = ["example_runs", "app_outputs"]
N_DRAWS = 50


@pytest.fixture(autouse=True)
def shown_output(output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMPASSIGN_OUTPUT", str(output))


@pytest.fixture
def own_run(tmp_path: Path, prior_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run that was sampled and that a test may change."""
    monkeypatch.setenv("COMPASSIGN_OUTPUT", str(tmp_path))
    run = add_run(tmp_path, "own", prior_folder)
    sampler = {"verdict": "converged", "max_rhat": 1.0, "reasons": []}
    edit_json(run / "results" / "assignment_metrics.json", lambda m: m.update(verdict="converged", sampler=sampler))
    return run


def test_a_sampled_run_shows_its_energy(own_run: Path) -> None:
    assert "energy of the sampler was not stored" in shown(open_page("diagnostics"))
    with h5netcdf.File(own_run / TRACE_FILE, "a") as file:
        group = file.create_group("sample_stats")
        group.dimensions = {"chain": 2, "draw": N_DRAWS}
        energy = np.random.default_rng(0).normal(size=(2, N_DRAWS))
        group.create_variable("energy", ("chain", "draw"), data=energy)
    app = open_page("diagnostics")
    assert "E-BFMI of the chains: 2." in shown(app) or "E-BFMI of the chains: 1." in shown(app)
    assert "not stored" not in shown(app)


def test_a_run_without_sampling_says_so_and_shows_no_energy(own_run: Path, tmp_path: Path, lookup_folder: Path) -> None:
    run = add_run(tmp_path, "unsampled", lookup_folder)
    edit_json(run / "results" / "assignment_metrics.json", lambda m: m.update(verdict="converged", sampler={}))
    app = open_page("diagnostics", run="unsampled")
    assert "Nothing was sampled in this run" in app.info[0].value
    assert "No parameter of the assignment was sampled" in shown(app)
    assert "Energy" not in [heading.value for heading in app.subheader]
    assert not app.metric


def test_a_model_whose_rt_stage_alone_was_sampled_has_no_energy() -> None:
    app = open_page("diagnostics", run=LOOKUP)
    assert "No parameter of the assignment was sampled" in shown(app)
    assert app.metric
    assert "Energy" not in [heading.value for heading in app.subheader]


def test_the_rt_stage_is_shown_on_request_and_said_to_be_missing(own_run: Path) -> None:
    app = open_page("diagnostics")
    app.segmented_control(key="stage").set_value("Retention times").run()
    assert not app.exception
    assert app.dataframe[0].value["name"].tolist()[0] not in {"alpha"}
    with h5netcdf.File(own_run / RT_TRACE_FILE, "w") as file:
        file.attrs["n_chains"] = 0
    own = own_run.rename(own_run.with_name("without"))
    edit_json(own / "results" / "run.json", lambda record: record.update(run_id="without"))
    app = open_page("diagnostics")
    app.segmented_control(key="stage").set_value("Retention times").run()
    assert "no calibrants and no labels" in shown(app)


@pytest.mark.parametrize("file", [TRACE_FILE, RT_TRACE_FILE])
def test_a_broken_trace_leaves_the_rest_of_the_page(file: Path, own_run: Path) -> None:
    (own_run / file).write_bytes(b"not a trace")
    app = open_page("diagnostics")
    app.segmented_control(key="stage").set_value("Assignment" if file == TRACE_FILE else "Retention times").run()
    assert not app.exception
    assert "The draws of this run cannot be shown" in app.error[0].value
    assert "Predictive checks" in [heading.value for heading in app.subheader]


@pytest.mark.parametrize("run_id", [LOOKUP, PRIOR, GONE, SUSPECT])
def test_known_retention_times_are_text_in_every_kind_of_run(run_id: str) -> None:
    app = open_page("diagnostics", run=run_id)
    assert "Known retention times" in [heading.value for heading in app.subheader]
    assert_only_text(app)


def test_calibration_of_a_single_species_and_of_the_null() -> None:
    app = open_page("calibration", run=LOOKUP)
    app.segmented_control(key="of").set_value("The null").run()
    app.selectbox(key="among").set_value("liver").run()
    assert not app.exception
    assert len([metric for metric in app.metric if metric.label == "Brier score"]) == 1
