"""Every file of a finished run keeps the contract: names, columns, keys, dimensions, and sums."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from run_tools import Run, files

pytest_plugins = ["finished_runs"]
pytestmark = pytest.mark.slow  # the four models are compiled and sampled once, for all tests that share them

ASSIGNMENT_COLUMNS = "peak_id assigned_compound probability adduct pep q_value decision species".split()
CANDIDATE_COLUMNS = "peak_id compound_id adduct probability hdi_low hdi_high ppm_error rt_z".split()
PROTON_DA = 1.007276467  # CODATA 2018
METRIC_KEYS = {
    *"precision recall f1 log_loss brier ece n_scored verdict seed dataset_hash scored_peak_ids_hash".split(),
    *"confusion_matrix fdr calibration sensitivity runtime_s versions".split(),
}


def digits(cell: str) -> int:
    """Significant digits of a number as written."""
    mantissa = cell.lower().split("e")[0].lstrip("-").replace(".", "").lstrip("0")
    return len(mantissa)


def test_a_run_ends_well_and_leaves_exactly_its_files(any_run: Run) -> None:
    assert any_run.ended.code == 0, any_run.ended.err
    assert files(any_run.path) == [
        "logs/run.log",
        "models/assignment_trace.nc",
        "models/rt_trace.nc",
        "results/assignment_metrics.json",
        "results/candidate_sets.csv",
        "results/candidates.csv",
        "results/compounds.csv",
        *(["results/elpd.csv"] if any_run.metrics["model"] == "generative" else []),
        "results/peak_assignments.csv",
        *(["results/predictive_checks.json"] if any_run.metrics["model"] == "generative" else []),
        "results/run.json",
    ]
    assert any_run.path.name in any_run.ended.out
    assert "Traceback" not in any_run.ended.err


def test_a_sampled_model_is_checked_against_its_data(generative_run: Run) -> None:
    document = json.loads((generative_run.path / "results" / "predictive_checks.json").read_text())
    assert document["n_draws"] == 200
    assert {row["observable"] for row in document["checks"]} == {"mass", "rt", "assignment"}
    p_values = [row["p_value"] for row in document["checks"]]
    assert all(0.0 <= p <= 1.0 for p in p_values)
    assert sum(0.01 <= p <= 0.99 for p in p_values) > 0.8 * len(p_values)  # simulated much as the model has it


def test_a_sampled_model_says_how_it_predicts_each_peak_from_the_others(generative_run: Run) -> None:
    left_out = pd.read_csv(generative_run.path / "results" / "elpd.csv", dtype={"peak_id": str})
    peaks = pd.read_csv(generative_run.path / "results" / "peak_assignments.csv", dtype={"peak_id": str})
    is_free = (peaks["n_candidates"] > 0) & ~peaks["is_labelled"] & ~peaks["is_calibrant"]
    is_free &= peaks["isotope_of"].isna()
    assert left_out["peak_id"].tolist() == peaks["peak_id"].tolist()
    assert (left_out["elpd"].notna() == is_free).all()
    assert left_out["elpd"].mean() > 0.5  # nats: far better than as if all peaks were background
    assert (left_out["khat"] > 0.7).mean() < 0.02


def test_the_output_shows_the_run(any_run: Run) -> None:
    output = any_run.path.parent.parent
    assert os.readlink(output / "latest") == f"runs/{any_run.path.name}"
    for name in ("models", "results", "logs"):
        assert (output / name).resolve() == (any_run.path / name).resolve()


def test_assignments_have_one_row_a_peak_and_the_columns_of_the_contract(any_run: Run, small_data: Path) -> None:
    table, peaks = any_run.assignments, pd.read_csv(small_data / "peaks.csv", dtype={"peak_id": "str"})
    assert list(table)[: len(ASSIGNMENT_COLUMNS)] == ASSIGNMENT_COLUMNS
    assert table["peak_id"].tolist() == peaks["peak_id"].tolist()
    assert table["species"].tolist() == peaks["species"].tolist()
    assert set(table["decision"]) <= {"accept", "null", "review"}
    is_null = table["assigned_compound"] == ""
    assert is_null.any()
    assert not is_null.all()
    assert (table.loc[is_null, "adduct"] == "").all()
    assert (table.loc[~is_null, "adduct"] != "").all()
    assert table.loc[is_null, ["pep", "q_value"]].isna().all(axis=None)
    assert (table["decision"] == "null").equals(is_null)


def test_candidates_list_every_slot_and_the_null_of_every_peak(any_run: Run) -> None:
    table = any_run.candidates
    evidence = [name for name in table.columns.tolist() if name.startswith("evidence_")]
    assert list(table) == [*CANDIDATE_COLUMNS, *evidence, "probability_unlisted"]
    assert evidence
    is_null = table["compound_id"] == ""
    assert table.loc[is_null, "peak_id"].tolist() == any_run.assignments["peak_id"].tolist()
    first_of_peak = ~table["peak_id"].duplicated()
    assert first_of_peak.equals(is_null)
    n_slots = (~is_null).groupby(table["peak_id"], sort=False).sum()
    assert n_slots.tolist() == any_run.assignments["n_candidates"].tolist()
    assert not table[["peak_id", "compound_id", "adduct"]].duplicated().any()
    assert table.loc[~is_null, ["ppm_error", "rt_z", *evidence]].notna().all(axis=None)
    assert table.loc[is_null, ["ppm_error", "rt_z", *evidence]].isna().all(axis=None)
    assert table["probability_unlisted"].notna().equals(is_null)


def test_listed_candidates_are_matches_by_mass_and_only_retention_times_leave_one_out(
    any_run: Run, small_data: Path
) -> None:
    peaks = pd.read_csv(small_data / "peaks.csv", dtype={"peak_id": "str"})
    library = pd.read_csv(small_data / "compounds.csv")
    mono, neutral = peaks[peaks["isotope_index"] == 0], library[library["charge"] == 0]
    theoretical = neutral["exact_mass"].to_numpy() + PROTON_DA
    ppm = (mono["mz"].to_numpy()[:, np.newaxis] / theoretical - 1) * 1e6  # every peak with every compound
    row, column = np.nonzero(np.abs(ppm) <= 15)
    matches = pd.DataFrame(
        {
            "peak_id": mono["peak_id"].to_numpy()[row],
            "compound_id": neutral["compound_id"].to_numpy()[column],
            "expected_ppm": ppm[row, column],
        }
    )
    table = any_run.candidates
    listed = table[(table["adduct"] == "[M+H]+") & table["peak_id"].isin(mono["peak_id"])]
    both = matches.merge(listed, on=["peak_id", "compound_id"], how="outer", indicator=True)
    assert (both["_merge"] != "right_only").all()
    found = both[both["_merge"] == "both"]
    assert found["ppm_error"].to_numpy() == pytest.approx(found["expected_ppm"].to_numpy(), abs=0.01)
    assert found["rt_z"].abs().max() <= 6.0
    with xr.open_datatree(any_run.path / "models" / "rt_trace.nc") as tree:
        constant = tree["constant_data"]
        mean, sd = constant["rt_pred_min"].to_numpy(), constant["rt_pred_sd_min"].to_numpy()
    left_out = both[both["_merge"] == "left_only"].merge(peaks, on="peak_id")
    species = left_out["species"].map({"S1": 0, "S2": 1}).to_numpy()
    compound = pd.Index(library["compound_id"]).get_indexer(left_out["compound_id"])
    distance = np.abs(left_out["rt_min"].to_numpy() - mean[species, 0, compound])
    assert (distance > 5.9 * sd[species, 0, compound]).all()


def test_probabilities_of_a_peak_sum_to_one(any_run: Run) -> None:
    table = any_run.candidates
    total = table.groupby("peak_id")["probability"].sum()
    assert np.abs(total - 1.0).max() <= 1e-6
    assert table["probability"].between(0.0, 1.0).all()
    assert (table["hdi_low"] <= table["hdi_high"]).all()
    assert table[["hdi_low", "hdi_high"]].notna().all(axis=None)
    is_null = table["compound_id"] == ""
    assert (table.loc[is_null, "probability_unlisted"] <= table.loc[is_null, "probability"] + 1e-9).all()


def test_numbers_have_at_most_nine_significant_digits_and_some_use_them(any_run: Run) -> None:
    text = pd.read_csv(any_run.path / "results" / "candidates.csv", dtype="str", keep_default_na=False)
    cells = [cell for name in text for cell in text[name] if name not in CANDIDATE_COLUMNS[:3] and cell]
    assert max(map(digits, cells)) == 9


def test_the_metrics_have_the_keys_of_the_contract_and_standard_json(any_run: Run) -> None:
    text = (any_run.path / "results" / "assignment_metrics.json").read_text()
    metrics = json.loads(text, parse_constant=lambda word: pytest.fail(f"{word} is not JSON"))
    assert set(metrics) >= METRIC_KEYS
    assert len(metrics["confusion_matrix"]) == 3
    assert all(len(row) == 3 for row in metrics["confusion_matrix"])
    assert metrics["verdict"] in {"converged", "suspect"}
    assert metrics["seed"] == 0
    assert metrics["versions"]["pymc"]
    assert {"dataset", "retention times", "candidates", "fit", "responsibilities"} <= set(metrics["runtime_s"])
    assert set(metrics["sensitivity"]) == ({"0.05", "0.1", "0.2"} if metrics["model"] == "generative" else set())
    assert metrics["prior_only"] is False


def test_precision_and_recall_are_not_zero(any_run: Run) -> None:
    # a call at random among three or four options would get about a quarter of them
    assert any_run.metrics["precision"] > 0.3
    assert any_run.metrics["recall"] > 0.3


def test_the_record_repeats_the_configuration_and_names_what_decides_the_numbers(
    any_run: Run, small_data: Path
) -> None:
    record = any_run.record
    assert record["config"]["data"] == str(small_data)
    assert record["config"]["model"] == any_run.metrics["model"]
    assert record["config"]["label_fraction"] == 0.3
    assert record["config"]["sampler"]["draws"] == 500
    assert record["run_id"] == any_run.path.name
    for name in ("dataset_hash", "labels_hash", "truth_hash", "versions", "seed"):
        assert record[name] == any_run.metrics[name]
    assert record["command"].startswith("compassign run --output ")


def test_the_log_tells_every_stage(any_run: Run) -> None:
    log = (any_run.path / "logs" / "run.log").read_text()
    for stage in ("dataset", "retention times", "candidates", "fit", "responsibilities", "results"):
        assert f"{stage} took " in log


def test_the_trace_holds_the_responsibilities_that_the_tables_summarise(any_run: Run) -> None:
    name = "r" if any_run.metrics["model"] == "generative" else "p"
    with xr.open_datatree(any_run.path / "models" / "assignment_trace.nc") as tree:
        r = tree["posterior"][name]
        assert r.dims == ("chain", "draw", "N", "K_max")
        assert r.dtype == np.float32
        assert r.shape[:2] == ((1, 1) if any_run.metrics["model"] == "lookup" else (2, 500))
        values = r.to_numpy()
        constant = tree["constant_data"]
        mask = constant["slot_mask"].to_numpy().astype(bool)
        compound, adduct = constant["slot_compound"].to_numpy(), constant["slot_adduct"].to_numpy()
        peak_id = constant["peak_id"].to_numpy()
        assert tree.attrs["thin"] == 1
    assert np.abs(values.sum(axis=-1) - 1.0).max() < 1e-5
    assert not values[:, :, ~mask].any()
    assert mask[:, 0].all()  # the null
    table = any_run.candidates
    assert peak_id.tolist() == any_run.assignments["peak_id"].tolist()
    assert compound[mask].tolist() == table["compound_id"].tolist()
    assert adduct[mask].tolist() == table["adduct"].tolist()
    assert values.mean(axis=(0, 1), dtype=np.float64)[mask] == pytest.approx(table["probability"].to_numpy(), abs=1e-6)


def test_the_main_trace_brings_its_hyperparameters(generative_run: Run) -> None:
    with xr.open_datatree(generative_run.path / "models" / "assignment_trace.nc") as tree:
        others = {str(name) for name in tree["posterior"].data_vars} - {"r"}
        assert {"alpha", "mass_offset_ppm"} <= others
        for name in others:
            assert tree["posterior"][name].dims[:2] == ("chain", "draw")


def test_the_retention_trace_opens_and_predicts_every_compound(any_run: Run, small_data: Path) -> None:
    n_compounds = len(pd.read_csv(small_data / "compounds.csv"))
    with xr.open_datatree(any_run.path / "models" / "rt_trace.nc") as tree:
        assert tree["posterior"]["intercept_min"].dims == ("chain", "draw")
        assert tree["constant_data"]["rt_pred_min"].shape == (2, 2, n_compounds)
        assert np.isfinite(tree["constant_data"]["rt_pred_sd_min"].to_numpy()).all()
