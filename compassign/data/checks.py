"""Checks that need more than one table: references between them, and retention times that were exported in seconds."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from compassign.data.answers import nameless_answers, unknown_compounds, unknown_peaks
from compassign.data.raw import Findings, RawTable, cell_messages, list_some
from compassign.errors import Place, Problem
from compassign.units import FloatArray

MAX_RUN_MIN = 200.0  # no LC-MS run is longer; in seconds it is a run of 3.3 minutes
_SECONDS_RATIO = (
    30.0,
    120.0,
)  # around 60, wide enough for runs and libraries that cover different parts of the gradient
_MIN_SUSPICIOUS_MIN = 60.0  # a ratio alone proves nothing while both scales would be ordinary minutes
_MIN_COMPARED = 5  # retention times needed on each side of a comparison
_TYPICAL_LATE = 0.95  # quantile that stands for the end of the run: the maximum may be a single wild value

_RT_COLUMNS: Mapping[str, str] = {"peaks": "rt_min", "calibrants": "rt_min", "compounds": "rt_pred_min"}

_COMPOUND = "a compound_id of the compounds table"

Raws = Mapping[str, RawTable]
Frames = Mapping[str, pd.DataFrame]


def check_references(raws: Raws, frames: Frames) -> Findings:
    """Every id that one table takes from another; tables that are absent or broken are passed over.

    Compounds of the truth may be missing from the library: that is what a true null is.
    """
    peak_ids = _ids(raws, frames, "peaks", "peak_id")
    compound_ids = _ids(raws, frames, "compounds", "compound_id")
    findings = Findings()
    for table in ("labels", "truth", "abundances"):
        if table in frames:
            findings += unknown_peaks(raws[table], frames[table], peak_ids)
    for table in ("labels", "truth"):
        if table in frames:
            findings += nameless_answers(raws[table], frames[table])
    if "labels" in frames:
        findings += unknown_compounds(raws["labels"], frames["labels"], compound_ids)
    if "calibrants" in frames:
        findings += _check_calibrants(raws, frames, compound_ids)
    if "retention" in frames and compound_ids is not None:
        named = frames["retention"]["compound_id"].tolist()
        bad = np.array([bool(cell) and cell not in compound_ids for cell in named], dtype=bool)
        findings += Findings(cell_messages(raws["retention"], "compound_id", bad, _COMPOUND))
    return findings


def _ids(raws: Raws, frames: Frames, table: str, column: str) -> frozenset[str] | None:
    """The non-empty cells of a column, None where the table is absent or broken, if only in a row."""
    if table not in frames or column not in frames[table] or not raws[table].is_whole:
        return None
    return frozenset(frames[table][column].tolist()) - {""}


def _check_calibrants(raws: Raws, frames: Frames, compound_ids: frozenset[str] | None) -> Findings:
    calibrants = frames["calibrants"]
    species, injections = (_ids(raws, frames, "peaks", column) for column in ("species", "injection"))
    known = {
        "compound_id": (compound_ids, _COMPOUND),
        "species": (species, "a species of the peaks or injections table"),
        "injection": (injections, "an injection of the peaks or injections table, or an empty cell"),
    }
    findings = Findings()
    for column, (ids, expected) in known.items():
        if ids is None or column not in calibrants:
            continue
        all_ids = ids | (
            frozenset() if column == "compound_id" else _ids(raws, frames, "injections", column) or frozenset()
        )
        bad = np.array([bool(cell) and cell not in all_ids for cell in calibrants[column].tolist()], dtype=bool)
        findings += Findings(cell_messages(raws["calibrants"], column, bad, expected))
    return findings


def check_rt_units(raws: Raws, frames: Frames) -> Findings:
    """Retention times that look like seconds: longer than any run, or about 60 times those of another table."""
    times = {table: _finite_times(frames, table) for table in _RT_COLUMNS}
    findings = Findings()
    late = {table: _late(values) for table, values in times.items() if np.isfinite(values).sum() >= _MIN_COMPARED}
    for table, values in times.items():
        if not np.isfinite(values).any():
            continue
        # predictions are extrapolated by regressions: only their bulk is held against the length of a run
        end = _late(values) if table == "compounds" else float(np.nanmax(values))
        others = {name: value for name, value in late.items() if name != table and table in late}
        slower = [
            name
            for name, other in others.items()
            if late[table] > _MIN_SUSPICIOUS_MIN and other > 0 and _looks_like_60(late[table] / other)
        ]
        if end > MAX_RUN_MIN:
            findings += _seconds_message(raws[table], table, values, f"at most {MAX_RUN_MIN:g}")
        elif slower:
            scale = f"the scale of {raws[slower[0]].file} (95 % of its times are below {late[slower[0]]:.4g})"
            findings += _seconds_message(raws[table], table, values, scale)
    return findings


def _looks_like_60(ratio: float) -> bool:
    return _SECONDS_RATIO[0] <= ratio <= _SECONDS_RATIO[1]


def _finite_times(frames: Frames, table: str) -> FloatArray:
    column = _RT_COLUMNS[table]
    if table not in frames or column not in frames[table]:
        return np.empty(0, dtype=np.float64)
    return frames[table][column].to_numpy(dtype=np.float64)


def _late(values: FloatArray) -> float:
    return float(np.nanquantile(values, _TYPICAL_LATE))


def _seconds_message(raw: RawTable, table: str, values: FloatArray, expected: str) -> Findings:
    position = int(np.nanargmax(values))
    place = Place(raw.file, int(raw.rows[position]), _RT_COLUMNS[table])
    found = f"found {values[position]:g}, the largest of {int(np.isfinite(values).sum()):,}"
    return Findings((Problem.at(place, found, f"minutes, {expected}; were seconds exported? Divide by 60"),))


def check_abundance_columns(raws: Raws, frames: Frames) -> tuple[tuple[str, ...], Findings]:
    """Which abundance columns are injections (all, without an injections table); warns where the tables differ."""
    if "abundances" not in frames:
        return (), Findings()
    columns = tuple(name for name in frames["abundances"].columns if name != "peak_id")
    injections = _ids(raws, frames, "injections", "injection")
    if injections is None:
        return columns, Findings()
    file = raws["abundances"].file
    foreign = [name for name in columns if name not in injections]
    absent = sorted(injections - frozenset(columns))
    warnings = []
    if foreign:
        warnings.append(
            f"{file}: the columns {list_some(foreign)} are no injections of the injections table; passed through"
        )
    if absent:
        warnings.append(f"{file}: the injections {list_some(absent)} have no column; nothing counts as measured there")
    return tuple(name for name in columns if name in injections), Findings(warnings=tuple(warnings))
