"""What the answers since a run change: by a refit, or by draws weighed with the answers that they have not seen."""

from __future__ import annotations

import threading
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import h5netcdf
import numpy as np
import pandas as pd

from compassign.data.dataset import Answers
from compassign.decisions.acquisition import MAX_DRAWS, OptionDraws
from compassign.errors import InputError
from compassign.inference.reweighting import MAX_KHAT, provisional, reweight
from compassign.label_events import LabelEvent
from compassign.queries.draws import TRACE_FILE
from compassign.queries.run_folder import Run
from compassign.refits import NamedDraws, Refit, learned_answers
from compassign.units import FloatArray, IntArray, StrArray

MIN_LEAD = 0.05  # of a new call over the run's: another seed alone moves probabilities by up to 0.02
_reading = threading.Lock()  # two screens that need the same draws read them once
COLUMNS = ("peak_id", "before", "probability_before", "now", "probability_now")


@dataclass(frozen=True, eq=False)
class Update:
    """What is known with the answers since a run.

    refit : whose draws these are, None for the run's own. n_learned : answers since the run that the refit has learned
    from. n_weighed : further ones, weighed into the draws. n_waiting : further ones that are in neither. n_left_out :
    of the weighed, those that name no candidate, which only a fit can use. khat : of the weights, None without.
    probability : (n_options,) of `named.option`.
    """

    refit: Refit | None
    n_learned: int
    n_weighed: int
    n_waiting: int
    n_left_out: int
    khat: float | None
    named: NamedDraws
    probability: FloatArray

    def call(self, peak_id: str) -> tuple[str, float] | None:
        """The most probable option of a peak, "" for the null, and its probability; None for an unknown peak."""
        row = self.named.row.get(peak_id)
        if row is None:
            return None
        start, stop = self.named.draws.offsets[row : row + 2]
        best = start + int(np.argmax(self.probability[start:stop]))
        return str(self.named.option[best]), float(self.probability[best])


@dataclass(frozen=True, eq=False)
class _Weighed:
    """khat : of the weights. probability : None where it is too large. n_left_out : answers that name no option."""

    khat: float
    probability: FloatArray | None
    n_left_out: int


def updated(run: Run, refit: Refit | None, events: Sequence[LabelEvent]) -> Update | None:
    """What the answers change; None where none have come since the run.

    refit : the newest one. Raises InputError for a run without draws or readable trace, where only that could tell.
    """
    said = _about(run, learned_answers(events))
    at_run = _about(run, learned_answers([event for event in events if event.id <= run.record.labels_until]))
    if said == at_run:
        return None
    if refit is not None and refit.named is not None:
        at_refit = _about(run, learned_answers([event for event in events if event.id <= refit.last_event]))
        n_learned = len(said.items() - at_run.items())
        if at_refit.items() <= said.items():
            new = said.items() - at_refit.items()
            return _weighed_update(refit.named, frozenset(new), refit, n_learned - len(new))
    named = run_draws(run)
    if at_run.items() <= said.items():
        return _weighed_update(named, frozenset(said.items() - at_run.items()), None, 0)
    return Update(None, 0, 0, len(said.items() ^ at_run.items()), 0, None, named, _mean(named))


def _about(run: Run, answers: Answers) -> dict[str, frozenset[str]]:
    """The answers about peaks of the run that a fit has to infer."""
    known = set(run.peaks["peak_id"][~run.peaks["is_calibrant"]].tolist())
    return {peak_id: said for peak_id, said in answers.items() if peak_id in known}


def _weighed_update(
    named: NamedDraws, new: frozenset[tuple[str, frozenset[str]]], refit: Refit | None, n_learned: int
) -> Update:
    if not new:
        return Update(refit, n_learned, 0, 0, 0, None, named, _mean(named))
    found = _weigh(named, new)
    if found.probability is None:
        return Update(refit, n_learned, 0, len(new), 0, found.khat, named, _mean(named))
    return Update(refit, n_learned, len(new), 0, found.n_left_out, found.khat, named, found.probability)


@lru_cache(maxsize=2)
def _weigh(named: NamedDraws, new: frozenset[tuple[str, frozenset[str]]]) -> _Weighed:
    options = {named.row[peak_id]: _named_options(named, peak_id, said) for peak_id, said in new}
    usable = {row: found for row, found in options.items() if found}
    found = reweight(named.draws.probability, list(usable.values()))
    probability = None
    if found.khat < MAX_KHAT:
        probability = provisional(named.draws.probability, named.draws.offsets, usable, found)
    return _Weighed(found.khat, probability, len(options) - len(usable))


def _named_options(named: NamedDraws, peak_id: str, said: frozenset[str]) -> list[int]:
    """The options that an answer names; none where one of its compounds is no option."""
    start, stop = named.draws.offsets[named.row[peak_id] : named.row[peak_id] + 2]
    names = said or {""}
    options = named.option[start:stop]
    found = start + np.flatnonzero(np.isin(options, list(names)))
    return found.tolist() if names <= set(options.tolist()) else []


@lru_cache(maxsize=2)
def _mean(named: NamedDraws) -> FloatArray:
    return np.asarray(named.draws.probability.mean(axis=0, dtype=np.float64))


def moved_calls(run: Run, update: Update, events: Sequence[LabelEvent], hidden: Collection[str]) -> pd.DataFrame:
    """Unanswered peaks whose most probable option is clearly another now, COLUMNS, by name; "" is the null.

    hidden : peaks about which the run's answer is not to be seen.
    """
    offsets, option = update.named.draws.offsets, update.named.option
    peaks = run.peaks.set_index("peak_id").loc[update.named.peak_id.tolist()]
    before = peaks["assigned_compound"].to_numpy(dtype=np.str_)
    top = np.maximum.reduceat(update.probability, offsets[:-1])
    kept = np.where(option == np.repeat(before, np.diff(offsets)), update.probability, 0.0)
    still = np.add.reduceat(kept, offsets[:-1])
    left_out = {*hidden, *learned_answers(events), *peaks.index[peaks["is_labelled"] | peaks["is_calibrant"]]}
    rows = [row for row in np.flatnonzero(top - still > MIN_LEAD) if update.named.peak_id[row] not in left_out]
    calls = [update.call(str(update.named.peak_id[row])) or ("", 0.0) for row in rows]
    table = pd.DataFrame(
        {
            "peak_id": update.named.peak_id[rows],
            "before": run.names(pd.Series(before[rows], dtype="str")).to_numpy(),
            "probability_before": peaks["probability"].to_numpy(dtype=np.float64)[rows],
            "now": run.names(pd.Series([name for name, _ in calls], dtype="str")).to_numpy(),
            "probability_now": [probability for _, probability in calls],
        },
        columns=list(COLUMNS),
    )
    return table.sort_values("probability_now", ascending=False, kind="stable", ignore_index=True)


def call_now(run: Run, update: Update, peak_id: str) -> tuple[str, float] | None:
    """Name of the most probable option of a peak, "" for the null, and its probability; None if nobody can tell."""
    call = update.call(peak_id)
    if call is None or not update.n_learned + update.n_weighed:
        return None
    return str(run.names(pd.Series([call[0]], dtype="str")).iloc[0]), call[1]


def run_draws(run: Run) -> NamedDraws:
    """The draws of a run's options, read once; raises InputError for a run without draws or readable trace."""
    file = run.path / TRACE_FILE
    try:
        with _reading:
            named = _read_trace(file, file.stat().st_mtime_ns)
    except (OSError, KeyError) as error:
        raise InputError(f"{file}: not a trace that a run writes ({error})") from error
    if named.draws.n_draws <= 1:
        raise InputError(f"{run.run_id}: this model has no draws, so that only a new run learns from answers")
    return named


@lru_cache(maxsize=2)
def _read_trace(path: Path, changed_ns: int) -> NamedDraws:
    """changed_ns : makes a file that was replaced another entry."""
    del changed_ns
    with h5netcdf.File(path, "r", decode_vlen_strings=True) as file:
        constant, posterior = file["constant_data"], file["posterior"]
        variable = posterior["r" if "r" in posterior.variables else "p"]
        step = -(-variable.shape[0] * variable.shape[1] // MAX_DRAWS)
        values = np.asarray(variable[:, ::step])
        is_slot = np.asarray(constant["slot_mask"][...]) > 0
        compound = np.asarray(constant["slot_compound"][...], dtype=np.str_)[is_slot]
        peak_id = np.asarray(constant["peak_id"][...], dtype=np.str_)
    entry = values.reshape(-1, *is_slot.shape)[:, is_slot]  # (n_draws, n_slots and nulls)
    return _by_option(peak_id, np.nonzero(is_slot)[0], compound, entry)


def _by_option(peak_id: StrArray, peak: IntArray, compound: StrArray, entry: FloatArray) -> NamedDraws:
    """Sum the slots of a compound, which are side by side."""
    is_first = np.ones(peak.size, dtype=np.bool_)
    is_first[1:] = (np.diff(peak) != 0) | (compound[1:] != compound[:-1])
    offsets = np.searchsorted(peak[is_first], np.arange(peak_id.size + 1))
    draws = OptionDraws(offsets, np.add.reduceat(entry, np.flatnonzero(is_first), axis=1))
    return NamedDraws(peak_id, compound[is_first], draws)
