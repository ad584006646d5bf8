"""What the screen of peaks shows: the table that it filters, and the bars of the peaks selected."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from compassign.errors import InputError
from compassign.queries.run_folder import Run
from compassign.units import FloatArray, IntArray

MIN_SHOWN = 0.02  # a narrower piece of a bar can be neither seen nor clicked
KINDS = ("candidate", "other", "background", "unlisted")  # in the order of a bar
_CANDIDATE, _OTHER, _BACKGROUND, _UNLISTED = range(4)


def peak_table(run: Run) -> pd.DataFrame:
    """One row a peak, index as in `run.peaks`, with what a person filters and sorts by.

    Columns: peak_id, species, mz, rt_min, intensity, assigned_compound, name, adduct, probability, p_null, entropy
    (nats, over compounds and null), decision, pep, q_value, n_candidates, is_labelled, is_calibrant, isotope_of.
    """
    peaks = run.peaks
    shown = peaks.assign(
        name=run.names(peaks["assigned_compound"]), p_null=null_probability(run), entropy=peak_entropy(run)
    )
    order = (
        *("peak_id", "species", "mz", "rt_min", "intensity", "assigned_compound", "name", "adduct", "probability"),
        *("p_null", "entropy", "decision", "pep", "q_value", "n_candidates", "is_labelled", "is_calibrant"),
        "isotope_of",
    )
    return shown[list(order)]


def rows_of(table: pd.DataFrame, peak_ids: Sequence[str]) -> pd.DataFrame:
    """The rows of some peaks, in the order of the table; ids that it lacks are left out."""
    return table[table["peak_id"].isin(list(peak_ids))]


def page_of(peak_ids: Sequence[str], picked: str, size: int) -> list[str]:
    """The `size` ids among which one is found when ids are leafed through; the first ones if it is not there."""
    ids = list(peak_ids)
    start = ids.index(picked) // size * size if picked in ids else 0
    return ids[start : start + size]


def thinned(table: pd.DataFrame, n_rows: int) -> pd.DataFrame:
    """At most `n_rows` rows of a table, evenly from its first to its last."""
    if len(table) <= n_rows:
        return table
    return table.iloc[np.linspace(0, len(table) - 1, n_rows).astype(np.int64)]


def null_probability(run: Run) -> FloatArray:
    """(n_peaks,) probability of the null, both of its parts together."""
    return run.candidates["probability"].to_numpy(dtype=np.float64)[run.offsets[:-1]]


def option_starts(run: Run) -> IntArray:
    """(n_options,) first row in `run.candidates` of every option: the null of a peak, or one of its compounds.

    The rows of an option, its adducts, follow each other.
    """
    compound = run.candidates["compound_id"].to_numpy()
    is_first = np.ones(compound.size, dtype=np.bool_)
    is_first[1:] = compound[1:] != compound[:-1]
    is_first[run.offsets[:-1]] = True
    return np.flatnonzero(is_first)


def peak_entropy(run: Run) -> FloatArray:
    """(n_peaks,) entropy of the probabilities of compounds and null, nats; 0 where the answer is certain."""
    starts = option_starts(run)
    probability = np.add.reduceat(run.candidates["probability"].to_numpy(dtype=np.float64), starts)
    positive = np.where(probability > 0.0, probability, 1.0)  # p log p goes to 0 with p
    first_option = np.searchsorted(starts, run.offsets[:-1])
    return np.asarray(np.maximum(np.add.reduceat(-probability * np.log(positive), first_option), 0.0))


def bars(run: Run, peak_ids: Sequence[str]) -> pd.DataFrame:
    """The pieces of each peak's bar from left to right, peaks in the order given.

    Columns: peak_id, row (place of the peak in the order), kind (see KINDS), compound_id, name, adduct, probability,
    start (where the piece begins, 0 to 1), hdi_low, hdi_high, n_merged (candidates in the piece). Candidates come in
    falling order, those below MIN_SHOWN merged into `other` (without interval); then the null in two pieces, of which
    `background` carries the interval of both together. Raises InputError for a peak that the run does not have.
    """
    chosen = _rows_of(run, peak_ids)
    size = np.diff(run.offsets)[chosen]
    row = np.repeat(np.arange(chosen.size), size)
    within = np.arange(row.size) - np.repeat(np.cumsum(size) - size, size)
    slots = run.candidates.iloc[np.repeat(run.offsets[chosen], size) + within].reset_index(drop=True)
    is_null = (slots["compound_id"] == "").to_numpy()
    probability = slots["probability"].to_numpy(dtype=np.float64)
    unlisted = slots["probability_unlisted"].to_numpy(dtype=np.float64)
    kind = np.where(is_null, _BACKGROUND, np.where(probability < MIN_SHOWN, _OTHER, _CANDIDATE))
    pieces = slots.assign(row=row, kind=kind, n_merged=np.where(is_null, 0, 1))
    pieces["probability"] = np.where(is_null, np.maximum(probability - unlisted, 0.0), probability)
    null = pieces[is_null].assign(
        kind=_UNLISTED, probability=unlisted[is_null], hdi_low=np.nan, hdi_high=np.nan, n_merged=0
    )
    merged = _merged(pieces[kind == _OTHER])
    ordered = pd.concat([pieces[kind != _OTHER], merged, null])
    ordered = ordered.sort_values(["row", "kind", "probability"], ascending=[True, True, False], kind="stable")
    end = ordered.groupby("row")["probability"].cumsum()
    return pd.DataFrame(
        {
            "peak_id": np.asarray(peak_ids, dtype=object)[ordered["row"].to_numpy(dtype=np.int64)],
            "row": ordered["row"].to_numpy(dtype=np.int64),
            "kind": np.array(KINDS, dtype=object)[ordered["kind"].to_numpy(dtype=np.int64)],
            "compound_id": ordered["compound_id"].to_numpy(),
            "name": run.names(ordered["compound_id"]).to_numpy(),
            "adduct": ordered["adduct"].to_numpy(),
            "probability": ordered["probability"].to_numpy(),
            "start": (end - ordered["probability"]).to_numpy(),
            "hdi_low": ordered["hdi_low"].to_numpy(),
            "hdi_high": ordered["hdi_high"].to_numpy(),
            "n_merged": ordered["n_merged"].to_numpy(),
        }
    )


def _rows_of(run: Run, peak_ids: Sequence[str]) -> IntArray:
    """Rows of peaks in `run.peaks`."""
    rows = pd.Index(run.peaks["peak_id"]).get_indexer(pd.Index(list(peak_ids), dtype="str"))
    unknown = [peak_ids[at] for at in np.flatnonzero(rows < 0).tolist()]
    if unknown:
        raise InputError(f"run {run.run_id} has no peak {', '.join(map(repr, unknown[:5]))}")
    return np.asarray(rows, dtype=np.int64)


def _merged(small: pd.DataFrame) -> pd.DataFrame:
    """One piece of a bar for all small candidates of each peak."""
    summed = small.groupby("row", as_index=False)[["probability", "n_merged"]].sum()
    return summed.assign(kind=_OTHER, compound_id="", adduct="", hdi_low=np.nan, hdi_high=np.nan)
