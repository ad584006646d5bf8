"""The result files of a run: tables of assignments and candidates, written whole or not at all."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from compassign.candidates import Candidates, group_by_compound, peak_of_slot
from compassign.data.dataset import Dataset
from compassign.decisions.compounds import CompoundDecisions
from compassign.decisions.fdr import Decisions
from compassign.evaluation.elpd import LeftOut
from compassign.evaluation.metrics import Metrics
from compassign.files import written_whole
from compassign.posterior.assignments import SlotProbabilities
from compassign.posterior.joint import JointDraws
from compassign.units import BoolArray, FloatArray, IntArray

FLOAT_FORMAT = "%.9g"  # finer than any Monte-Carlo error, and equal on every machine

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]


def peak_assignments_table(
    dataset: Dataset, candidates: Candidates, decisions: Decisions, is_labelled: BoolArray, is_calibrant: BoolArray
) -> pd.DataFrame:
    """One row a peak: what it was called, how surely, and what to do with it (`peak_assignments.csv`).

    is_labelled : (n_peaks,) the fit saw a label. is_calibrant : (n_peaks,) clamped because it trained the RT stage.
    Null calls have an empty compound and adduct, and NaN `pep` and `q_value`. `n_candidates` counts slots without the
    null.
    """
    return pd.DataFrame(
        {
            "peak_id": dataset.peaks["peak_id"].to_numpy(),
            "assigned_compound": _names(dataset.compounds["compound_id"], decisions.call),
            "probability": decisions.probability,
            "adduct": _names(candidates.adduct_names, decisions.adduct),
            "pep": decisions.pep,
            "q_value": decisions.q_value,
            "decision": decisions.decision,
            "species": dataset.peaks["species"].to_numpy(),
            "n_candidates": np.diff(candidates.offsets),
            "is_labelled": is_labelled,
            "is_calibrant": is_calibrant,
        }
    )


def candidates_table(dataset: Dataset, candidates: Candidates, probabilities: SlotProbabilities) -> pd.DataFrame:
    """One row for the null and each slot of every peak, the null first (`candidates.csv`).

    Null rows have an empty compound and adduct, and NaN errors and evidence; only they have `probability_unlisted`.
    """
    n_peaks = candidates.offsets.size - 1
    peak = peak_of_slot(candidates)
    # Row of the table of each peak's null and of each slot: every earlier peak adds one null row.
    null_row = candidates.offsets[:-1] + np.arange(n_peaks)
    slot_row = np.arange(peak.size) + peak + 1

    def place(slot: FloatArray, null: FloatArray | float = np.nan) -> FloatArray:
        column = np.empty(peak.size + n_peaks)
        column[slot_row] = slot
        column[null_row] = null
        return column

    def index(slot: IntArray) -> IntArray:
        return place(slot.astype(np.float64), -1.0).astype(np.int64)

    columns: dict[str, object] = {
        "peak_id": np.repeat(dataset.peaks["peak_id"].to_numpy(), np.diff(candidates.offsets) + 1),
        "compound_id": _names(dataset.compounds["compound_id"], index(candidates.compound)),
        "adduct": _names(candidates.adduct_names, index(candidates.adduct)),
        "probability": place(probabilities.slot, probabilities.null),
        "hdi_low": place(probabilities.slot_low, probabilities.null_low),
        "hdi_high": place(probabilities.slot_high, probabilities.null_high),
        "ppm_error": place(candidates.ppm_error),
        "rt_z": place(candidates.rt_z),
    }
    columns |= {f"evidence_{term}": place(values) for term, values in probabilities.evidence.items()}
    columns["probability_unlisted"] = place(np.full(peak.size, np.nan), probabilities.unlisted)
    return pd.DataFrame(columns)


def compounds_table(
    dataset: Dataset, candidates: Candidates, joint: JointDraws, decisions: CompoundDecisions
) -> pd.DataFrame:
    """One row for each compound that is a candidate of some peak: is it in the data at all (`compounds.csv`).

    NaN `pep` and `q_value` where the compound is not called, or was given. `n_peaks` counts the peaks that it is a
    candidate of, `probability_any` is that at least one of them is its, by the joint draws.
    """
    library = dataset.compounds.iloc[decisions.compound]
    n_peaks = np.bincount(group_by_compound(candidates).compound, minlength=len(dataset.compounds))
    return pd.DataFrame(
        {
            "compound_id": library["compound_id"].to_numpy(),
            "name": library["name"].to_numpy(),
            "probability": decisions.probability,
            "pep": decisions.pep,
            "q_value": decisions.q_value,
            "decision": decisions.decision,
            "best_peak": dataset.peaks["peak_id"].to_numpy()[decisions.best_peak],
            "n_peaks": n_peaks[decisions.compound],
            "probability_any": 1.0 - joint.absent,
        }
    )


def _names(names: pd.Series[str] | tuple[str, ...], index: IntArray) -> npt.NDArray[np.object_]:
    """Name of each index; "" for -1, which is the last of the extended list."""
    return np.append(np.asarray(names, dtype=object), "")[index]


def elpd_table(dataset: Dataset, is_left_out: BoolArray, found: LeftOut) -> pd.DataFrame:
    """One row a peak: what is expected of it from all others (`elpd.csv`); NaN for a peak that is not left out.

    is_left_out : (n_peaks,). found : of those peaks alone.
    """
    table = pd.DataFrame({"peak_id": dataset.peaks["peak_id"].to_numpy(), "elpd": np.nan, "khat": np.nan})
    table.loc[is_left_out, "elpd"] = found.elpd
    table.loc[is_left_out, "khat"] = found.khat
    return table


def headline(metrics: Metrics) -> dict[str, float | int | None]:
    """Pick the numbers that a user compares between settings.

    Returns the scores, and for each limit `accepted_<limit>` (peaks) and `false_share_<limit>`.
    """
    numbers: dict[str, float | int | None] = {
        name: getattr(metrics, name) for name in ("precision", "recall", "f1", "top1", "log_loss", "brier", "ece")
    }
    for limit, level in metrics.fdr.items():
        numbers[f"accepted_{limit}"] = level.n_accepted
        numbers[f"false_share_{limit}"] = level.false_share
    return numbers


def write_csv(table: pd.DataFrame, path: Path) -> None:
    """Write a table as UTF-8 CSV with 9 significant digits, whole or not at all.

    NaN becomes an empty field.
    """
    with written_whole(path) as temporary:
        table.to_csv(temporary, index=False, float_format=FLOAT_FORMAT, lineterminator="\n", encoding="utf-8")


def write_json(document: object, path: Path) -> None:
    """Write strict JSON, whole or not at all.

    document : as for `to_json_values`.
    """
    text = json.dumps(to_json_values(document), indent=2, ensure_ascii=False, allow_nan=False)
    with written_whole(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")


def to_json_values(value: object) -> Json:
    """Reduce dataclasses, mappings, sequences, sets, arrays and paths to what JSON can say.

    Numbers that are not finite become None, because JSON has no word for them. Raises TypeError for anything else.
    """
    value = _builtin(value)
    if isinstance(value, Mapping):
        return {str(key): to_json_values(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_json_values(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"no JSON form for {type(value).__name__}")


def _builtin(value: object) -> object:
    """Replace the outermost object by its nearest builtin one."""
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, set | frozenset):
        return sorted(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    return value
