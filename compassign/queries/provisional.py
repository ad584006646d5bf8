"""What the answers since a run change in it, before a new run has learned from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import h5netcdf
import numpy as np
import pandas as pd

from compassign.errors import InputError
from compassign.inference.reweighting import MAX_KHAT, provisional, reweight
from compassign.label_events import TRAINING, LabelEvent, fold
from compassign.queries.draws import TRACE_FILE
from compassign.queries.run_folder import Run
from compassign.units import FloatArray, StrArray

MIN_CHANGE = 1e-6  # of a probability; smaller ones are rounding
COLUMNS = ("peak_id", "before", "probability_before", "now", "probability_now")


@dataclass(frozen=True)
class Provisional:
    """What the answers change.

    n_labels : answers that count. n_left_out : those that name a compound that is no candidate, which only a new run
    can use. khat : of the weights. moved : unanswered peaks whose most probable option is another now, COLUMNS
    ("" = null); None where khat is too large for the numbers to be shown.
    """

    n_labels: int
    n_left_out: int
    khat: float
    moved: pd.DataFrame | None


def provisional_calls(run: Run, events: Sequence[LabelEvent]) -> Provisional:
    """Weigh the draws of a run by the answers since; raises InputError for a run without draws or readable trace."""
    peak_ids, compound, responsibility = _read(run)
    if responsibility.shape[0] <= 1:
        raise InputError(f"{run.run_id}: this model has no draws, so that only a new run learns from answers")
    rows = {peak_id: row for row, peak_id in enumerate(peak_ids)}
    seen = set(run.peaks.loc[run.peaks["is_labelled"] | run.peaks["is_calibrant"], "peak_id"].tolist())
    said = [event for event in fold(events).counting() if event.kind in TRAINING and event.purpose != "audit"]
    said = [event for event in said if event.peak_id in rows and event.peak_id not in seen]
    wanted: dict[int, set[str]] = {}
    for event in said:
        wanted.setdefault(rows[event.peak_id], set()).update(event.options or [""])
    slots = {row: _slots(compound[row], names) for row, names in wanted.items()}
    labels = {row: found for row, found in slots.items() if found}
    found = reweight(responsibility, labels)
    moved = None
    if found.khat < MAX_KHAT:
        after = provisional(responsibility, labels, found)
        moved = _moved(peak_ids, compound, responsibility.mean(axis=0), after, set(slots))
    return Provisional(len(labels), len(slots) - len(labels), found.khat, moved)


def _read(run: Run) -> tuple[StrArray, StrArray, FloatArray]:
    """Ids (n_peaks,), compounds (n_peaks, n_slots; "" = null, "-" = no slot) and draws (n_draws, n_peaks, n_slots)."""
    try:
        with h5netcdf.File(run.path / TRACE_FILE, "r", decode_vlen_strings=True) as file:
            constant, posterior = file["constant_data"], file["posterior"]
            values = np.asarray(posterior["r" if "r" in posterior.variables else "p"][...])
            compound = np.asarray(constant["slot_compound"][...], dtype=np.str_)
            compound = np.where(np.asarray(constant["slot_mask"][...]) > 0, compound, "-")
            compound[:, 0] = ""
            peak_ids = np.asarray(constant["peak_id"][...], dtype=np.str_)
    except (OSError, KeyError) as error:
        raise InputError(f"{run.path / TRACE_FILE}: not a trace that a run writes ({error})") from error
    return peak_ids, compound, values.reshape(-1, *values.shape[2:])


def _slots(compound: StrArray, names: set[str]) -> list[int]:
    """Slots of the named compounds; none where one of the names has none."""
    found = np.flatnonzero(np.isin(compound, list(names)))
    return found.tolist() if names <= set(compound.tolist()) else []


def _moved(
    peak_ids: StrArray, compound: StrArray, before: FloatArray, after: FloatArray, answered: set[int]
) -> pd.DataFrame:
    rows = []
    for row in np.flatnonzero(np.any(np.abs(after - before) > MIN_CHANGE, axis=1)).tolist():
        (was, p_was), (now, p_now) = _top(compound[row], before[row]), _top(compound[row], after[row])
        if was != now and row not in answered:
            rows.append((str(peak_ids[row]), was, p_was, now, p_now))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _top(compound: StrArray, probability: FloatArray) -> tuple[str, float]:
    """The most probable option and its probability, a compound's adducts together."""
    options, of = np.unique(compound, return_inverse=True)
    total = np.bincount(of, weights=probability)
    return str(options[total.argmax()]), float(total.max())
