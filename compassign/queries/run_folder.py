"""One run's folder as plain tables: what was called, what was possible, what it was scored on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from compassign.config import RunConfig, RunRecord, read_record
from compassign.data.audit_labels import AuditLabels
from compassign.data.bundled import demo_dataset
from compassign.data.dataset import Answers, Dataset
from compassign.data.load import load_dataset
from compassign.errors import InputError
from compassign.units import IntArray

ASSIGNMENTS_FILE = Path("results", "peak_assignments.csv")
CANDIDATES_FILE = Path("results", "candidates.csv")
COMPOUNDS_FILE = Path("results", "compounds.csv")  # runs of earlier versions have none
METRICS_FILE = Path("results", "assignment_metrics.json")
ELPD_FILE = Path("results", "elpd.csv")  # of generative runs that sampled; runs of earlier versions have none
CHECKS_FILE = Path("results", "predictive_checks.json")
SETS_FILE = Path("results", "candidate_sets.csv")  # runs of earlier versions have none
RECALIBRATED_FILE = Path("results", "recalibrated.csv")  # only of a run that was recalibrated
EVIDENCE = "evidence_"  # prefix of the columns of the terms

_TEXT = (
    "peak_id",
    "isotope_of",
    "assigned_compound",
    "compound_id",
    "name",
    "adduct",
    "decision",
    "species",
    "best_peak",
)
_FLAGS = ("is_labelled", "is_calibrant")
_COUNTS = ("n_candidates",)
_ASSIGNMENT_COLUMNS = (
    *("peak_id", "assigned_compound", "probability", "adduct", "pep", "q_value", "decision", "species"),
    *("n_candidates", "is_labelled", "is_calibrant"),
)
_CANDIDATE_COLUMNS = (
    *("peak_id", "compound_id", "adduct", "probability", "hdi_low", "hdi_high", "ppm_error", "rt_z"),
    "probability_unlisted",
)
_FROM_DATASET = ("mz", "rt_min", "intensity", "injection", "polarity", "isotope_group", "isotope_index")
_COMPOUND_COLUMNS = ("name", "formula", "exact_mass", "inchikey", "smiles")
_CHECK_COLUMNS = (
    *("observable", "statistic", "group", "observed"),
    *("replicated_05", "replicated_50", "replicated_95", "p_value"),
)


@dataclass(frozen=True)
class Run:
    """Everything that a screen shows of one complete run.

    record, metrics : `run.json` and `assignment_metrics.json`.
    peaks : one row a peak, index 0..n-1: the columns of `peak_assignments.csv`, then mz, rt_min, intensity (NaN where
        the dataset is gone), injection, polarity, isotope_group (str, "" likewise), isotope_index (int64, 0 likewise).
    candidates : the rows of `candidates.csv`; those of peak i are `offsets[i]:offsets[i + 1]`, its null first.
    offsets : (n_peaks + 1,).
    compounds : index compound_id; name, formula, exact_mass (Da), inchikey, smiles; without rows where the dataset is
        gone.
    audit : labels of the audit as they are now, none where the dataset is gone.
    truth : None where the dataset has none, or is gone. dataset_problem : why the dataset is not used, "" if it is.
    checks : one row a predictive check; may have no rows. check_histograms : observable -> one row a bin: low, high
        (scales), observed, replicated_05, replicated_50, replicated_95 (density).
    """

    path: Path
    record: RunRecord
    metrics: Mapping[str, Any]
    peaks: pd.DataFrame
    candidates: pd.DataFrame
    offsets: IntArray
    compounds: pd.DataFrame
    truth: Answers | None
    dataset_problem: str
    checks: pd.DataFrame
    check_histograms: Mapping[str, pd.DataFrame]
    audit: AuditLabels = field(default_factory=AuditLabels)

    @property
    def run_id(self) -> str:
        """The run's name, as in its record."""
        return self.record.run_id or self.path.name

    @property
    def terms(self) -> tuple[str, ...]:
        """Names of the evidence terms that the candidates list."""
        names = self.candidates.columns.astype(str).tolist()
        return tuple(name.removeprefix(EVIDENCE) for name in names if name.startswith(EVIDENCE))

    def row_of(self, peak_id: str) -> int:
        """Row of a peak in `peaks`; raises InputError for a peak that the run does not have."""
        rows = np.flatnonzero((self.peaks["peak_id"] == peak_id).to_numpy())
        if not rows.size:
            raise InputError(f"peak {peak_id!r}: run {self.run_id} has no such peak")
        return int(rows[0])

    def names(self, compound_ids: pd.Series[str]) -> pd.Series[str]:
        """Name of each compound, its id where the dataset is gone, "" for the null."""
        known = self.compounds["name"].reindex(compound_ids.to_numpy()).set_axis(compound_ids.index)
        return known.fillna(compound_ids)


def load_run(path: Path) -> Run:
    """Read a complete run, and the dataset that it was fitted to where that is still the same.

    path : the run's folder, or an output folder, whose links show its newest run. Raises InputError if a result file is
    missing or is not what a run writes; a dataset that is gone or has changed is no error, see `Run.dataset_problem`.
    """
    record = read_record(path / "results" / "run.json")
    peaks = read_table(path / ASSIGNMENTS_FILE, _ASSIGNMENT_COLUMNS)
    if "isotope_of" not in peaks:  # a run of an earlier version
        peaks = peaks.assign(isotope_of="")
    candidates = read_table(path / CANDIDATES_FILE, _CANDIDATE_COLUMNS)
    metrics = _read_object(path / METRICS_FILE)
    checks = _read_object(path / CHECKS_FILE) if (path / CHECKS_FILE).is_file() else {}
    dataset, problem = _find_dataset(record)
    try:
        check_table, histograms = _check_frames(checks)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path / CHECKS_FILE}: not the checks that a run writes ({error})") from error
    return Run(
        path=path,
        record=record,
        metrics=metrics,
        peaks=_joined(peaks, dataset),
        candidates=candidates,
        offsets=_offsets(peaks, candidates, path),
        compounds=_compounds(dataset),
        truth=dataset.truth if dataset is not None else None,
        dataset_problem=problem,
        checks=check_table,
        check_histograms=histograms,
        audit=dataset.audit if dataset is not None else AuditLabels(),
    )


def read_table(path: Path, columns: tuple[str, ...]) -> pd.DataFrame:
    """A result table: ids and names are text as written, empty numbers are NaN.

    Raises InputError where it is missing, is no table or lacks one of `columns`.
    """
    try:
        header = pd.read_csv(path, nrows=0).columns
        missing = [name for name in columns if name not in header]
        if missing:
            raise InputError(f"{path}: no column {', '.join(missing)}; was it written by another version?")
        numbers = [name for name in header if name not in _TEXT + _FLAGS + _COUNTS]
        kinds = {
            **{name: str for name in header if name in _TEXT},
            **{name: bool for name in header if name in _FLAGS},
            **{name: np.int64 for name in header if name in _COUNTS},
            **{name: np.float64 for name in numbers},
        }
        return pd.read_csv(path, dtype=kinds, keep_default_na=False, na_values={name: [""] for name in numbers})
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); is the run complete?") from error
    except InputError:
        raise
    except ValueError as error:  # of pandas: not a table, or text where a number belongs
        raise InputError(f"{path}: not a table that a run writes ({error})") from error


def _read_object(path: Path) -> Mapping[str, Any]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); is the run complete?") from error
    except ValueError as error:
        raise InputError(f"{path}: not valid JSON ({error})") from error
    if not isinstance(document, dict):
        raise InputError(f"{path}: expected a JSON object, found {type(document).__name__}")
    return document


def _find_dataset(record: RunRecord) -> tuple[Dataset | None, str]:
    """The dataset of a run, or why it cannot be shown beside the results."""
    try:
        dataset = _load(record.config)
    except InputError as error:
        return None, f"the dataset of this run cannot be read any more: {error.problems[0]}"
    if record.dataset_hash not in (None, dataset.dataset_hash):
        return None, f"the dataset {dataset.name} has changed since this run, so it is not shown beside its results"
    if record.truth_hash not in (None, dataset.truth_hash):
        return None, f"the truth of the dataset {dataset.name} has changed since this run: run it again"
    return dataset, ""


def _load(config: RunConfig) -> Dataset:
    return demo_dataset(config.difficulty) if config.data is None else load_dataset(config.data)


def _joined(peaks: pd.DataFrame, dataset: Dataset | None) -> pd.DataFrame:
    """Assignments with what the dataset says of each peak, in the order of the assignments."""
    if dataset is None:
        nothing: dict[str, float | str] = dict.fromkeys(_FROM_DATASET, "")
        return peaks.assign(**{**nothing, "mz": np.nan, "rt_min": np.nan, "intensity": np.nan, "isotope_index": 0})
    measured = dataset.peaks.set_index("peak_id")[list(_FROM_DATASET)]
    return peaks.join(measured, on="peak_id")


def _offsets(peaks: pd.DataFrame, candidates: pd.DataFrame, path: Path) -> IntArray:
    """First row of each peak's candidates, and the end; raises InputError where the two files do not fit together."""
    nulls = np.flatnonzero((candidates["compound_id"] == "").to_numpy())
    offsets = np.append(nulls, len(candidates)).astype(np.int64)
    of_null = candidates["peak_id"].to_numpy()[nulls]
    fits = of_null.size == len(peaks) and bool((of_null == peaks["peak_id"].to_numpy()).all())
    # the rows from one null to the next must all be of the null's peak
    if not fits or (np.repeat(of_null, np.diff(offsets)) != candidates["peak_id"].to_numpy()).any():
        raise InputError(f"{path / CANDIDATES_FILE}: does not list the peaks of {ASSIGNMENTS_FILE.name}, null first")
    return offsets


def _compounds(dataset: Dataset | None) -> pd.DataFrame:
    if dataset is None:
        kinds = {name: np.float64 if name == "exact_mass" else str for name in _COMPOUND_COLUMNS}
        index = pd.Index([], name="compound_id", dtype="str")
        return pd.DataFrame({name: pd.Series([], dtype=kind) for name, kind in kinds.items()}).set_index(index)
    return dataset.compounds.set_index("compound_id")[list(_COMPOUND_COLUMNS)]


def _check_frames(document: Mapping[str, Any]) -> tuple[pd.DataFrame, dict[str, pd.DataFrame]]:
    """The document of `compassign.posterior.predictive.PredictiveChecks` as tables."""
    table = pd.DataFrame(list(document.get("checks", [])), columns=[*_CHECK_COLUMNS])
    densities = ("observed", "replicated_05", "replicated_50", "replicated_95")
    histograms = {
        str(row["observable"]): pd.DataFrame(
            {"low": row["bin_edges"][:-1], "high": row["bin_edges"][1:], **{name: row[name] for name in densities}}
        )
        for row in document.get("histograms", [])
    }
    return table, histograms
