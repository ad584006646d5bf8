"""A run of any size, made up in memory, and the sizes of those that `example_runs` makes."""

from __future__ import annotations

import json
from pathlib import Path

import h5netcdf
import numpy as np
import pandas as pd

from compassign.config import RunConfig, RunRecord
from compassign.queries.run_folder import Run

HOSTILE = "<b>bold</b> $x$ & <a href='http://x'>link</a>"
N_PEAKS, N_DRAWS = 80, 50  # of the example runs
TRACE_SHAPE, N_EFFECTS = (4, 1000), 200  # chains and draws of a run of the usual length, and scalars of one parameter
SAMPLER = {"max_rhat": 1.005, "min_ess_bulk": 800.0, "min_ess_tail": 700.0, "n_divergences": 0}
SHARES = (0.1, 0.6, 0.3)  # null and two compounds


def big_run(n_peaks: int) -> Run:
    """Two of a thousand compounds and the null at every peak; the first compound is the truth of every second one."""
    rng = np.random.default_rng(1)
    peak_id = np.array([f"P{i:06d}" for i in range(n_peaks)])
    compound = np.array([f"C{i}" for i in range(1000)])
    first = rng.integers(1000, size=n_peaks)
    slots = np.stack([np.full(n_peaks, ""), compound[first], compound[first - 1]], axis=1).astype(object)
    candidates = pd.DataFrame(
        {
            "peak_id": pd.Series(np.repeat(peak_id, 3), dtype="str"),
            "compound_id": pd.Series(slots.ravel(), dtype="str"),
            "adduct": np.tile(np.array(["", "[M+H]+", "[M+H]+"], dtype=object), n_peaks),
            "probability": np.tile(SHARES, n_peaks),
            "hdi_low": np.tile(SHARES, n_peaks) - 0.05,
            "hdi_high": np.tile(SHARES, n_peaks) + 0.05,
            "ppm_error": np.tile([np.nan, 0.1, 0.2], n_peaks),
            "rt_z": np.tile([np.nan, 1.0, 2.0], n_peaks),
            "evidence_mass": np.tile([np.nan, 1.5, 1.0], n_peaks),
            "probability_unlisted": np.tile([0.05, np.nan, np.nan], n_peaks),
        }
    )
    peaks = pd.DataFrame(
        {
            "peak_id": pd.Series(peak_id, dtype="str"),
            "assigned_compound": pd.Series(compound[first], dtype="str"),
            "probability": rng.uniform(0.2, 1.0, n_peaks),
            "adduct": "[M+H]+",
            "pep": 0.4,
            "q_value": 0.4,
            "decision": np.where(np.arange(n_peaks) % 3, "review", "accept"),
            "species": np.where(np.arange(n_peaks) % 2, "liver", "plasma"),
            "n_candidates": 2,
            "is_labelled": False,
            "is_calibrant": False,
            "isotope_of": "",
            "mz": rng.uniform(100.0, 900.0, n_peaks),
            "rt_min": rng.uniform(1.0, 20.0, n_peaks),
            "intensity": 1e5,
            "injection": "i",
            "isotope_index": 0,
            "polarity": "positive",
        }
    )
    library = {"name": compound, "formula": "C6H12O6", "exact_mass": 180.0634, "inchikey": "", "smiles": ""}
    truth = {
        peak: frozenset({answer}) if i % 2 else frozenset({"C0"})
        for i, (peak, answer) in enumerate(zip(peak_id.tolist(), compound[first].tolist(), strict=True))
    }
    return Run(
        path=Path("big"),
        record=RunRecord(config=RunConfig(), seed=0, run_id="big"),
        metrics={},
        peaks=peaks,
        candidates=candidates,
        offsets=np.arange(0, 3 * n_peaks + 1, 3),
        compounds=pd.DataFrame(library, index=pd.Index(compound, name="compound_id", dtype="str")),
        truth=truth,
        dataset_problem="",
        checks=pd.DataFrame(),
        check_histograms={},
    )


def write_big_run(output: Path, n_peaks: int) -> str:
    """The run of `big_run` in an output folder, beside the dataset that it names, with draws; returns its id."""
    run, data = big_run(n_peaks), output / "data"
    results = output / "runs" / run.run_id / "results"
    for folder in (data, results, results.parent / "models"):
        folder.mkdir(parents=True)
    measured = ["peak_id", "species", "mz", "rt_min", "intensity", "injection", "polarity"]
    run.peaks[measured].to_csv(data / "peaks.csv", index=False)
    run.compounds.reset_index().to_csv(data / "compounds.csv", index=False)
    truth = [(peak_id, compound_id) for peak_id, answer in (run.truth or {}).items() for compound_id in answer]
    pd.DataFrame(truth, columns=["peak_id", "compound_id"]).to_csv(data / "truth.csv", index=False)
    run.peaks.drop(columns=[*measured[2:], "isotope_index"]).to_csv(results / "peak_assignments.csv", index=False)
    run.candidates.to_csv(results / "candidates.csv", index=False)
    (results / "assignment_metrics.json").write_text(json.dumps({"verdict": "converged", "sampler": SAMPLER}))
    _write_draws(results.parent / "models" / "assignment_trace.nc")
    config = RunConfig(data=data).model_dump(mode="json")
    (results / "run.json").write_text(json.dumps({"config": config, "seed": 0, "run_id": run.run_id}))
    return run.run_id


def _write_draws(path: Path) -> None:
    """Draws of a sampler that converged, as a run stores them but for the responsibilities."""
    rng = np.random.default_rng(2)
    with h5netcdf.File(path, "w") as file:
        file.attrs["thin"] = 1
        file.dimensions = {"chain": TRACE_SHAPE[0], "draw": TRACE_SHAPE[1], "effect": N_EFFECTS}
        axes = ("chain", "draw")
        for group, name, dims in (
            ("posterior", "alpha", axes),
            ("posterior", "species_effect", (*axes, "effect")),
            ("sample_stats", "energy", axes),
        ):
            shape = tuple(file.dimensions[dim].size for dim in dims)
            file.create_variable(f"/{group}/{name}", dims, data=rng.normal(size=shape))
