"""Content hashes: equal for equal content, whatever the order of rows and columns or the format of the file."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

from compassign.data.answers import parse_cells
from compassign.tables import FREE, UNIQUE_IDS, contract_columns

MZ_DECIMALS = 5
RT_DECIMALS = 4
INTENSITY_DIGITS = 6

Cells = Sequence[str | int | None]
_VERSION = "compassign-content-1"  # part of the hashed text: change it when the canonical form changes


def _at_decimals(column: pd.Series, decimals: int) -> Cells:
    """Multiples of 10**-decimals as integers, so that no text of a float is hashed."""
    scaled = np.rint(column.to_numpy(dtype=np.float64, na_value=np.nan) * 10.0**decimals)
    return [None if math.isnan(value) else int(value) for value in scaled.tolist()]


def _mz(column: pd.Series) -> Cells:
    return _at_decimals(column, MZ_DECIMALS)


def _rt(column: pd.Series) -> Cells:
    return _at_decimals(column, RT_DECIMALS)


def _intensity(column: pd.Series) -> Cells:
    values = (column.to_numpy(dtype=np.float64, na_value=np.nan) + 0.0).tolist()  # + 0.0 makes -0.0 a 0.0
    return [None if math.isnan(value) else f"{value:.{INTENSITY_DIGITS - 1}e}" for value in values]


def _integer(column: pd.Series) -> Cells:
    return [None if missing else int(value) for value, missing in zip(column.tolist(), column.isna(), strict=True)]


def _text(column: pd.Series) -> Cells:
    return [str(value) for value in column.tolist()]


_CANONICAL: Mapping[str, Callable[[pd.Series], Cells]] = {
    "mz": _mz,
    "exact_mass": _mz,
    "rt_min": _rt,
    "rt_pred_min": _rt,
    "rt_pred_sd_min": _rt,
    "intensity": _intensity,
    "charge": _integer,
    "isotope_index": _integer,
    "order": _integer,
}


def _digest(tables: Mapping[str, object]) -> str:
    # JSON with escapes: no two different contents give the same text
    text = json.dumps([_VERSION, dict(tables)], ensure_ascii=True, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def _canonical_rows(table: str, frame: pd.DataFrame) -> list[tuple[str | int | None, ...]]:
    """Rows of canonical contract cells, sorted by id, or by all cells where the table has no unique id."""
    cells = [_CANONICAL.get(name, _text)(frame[name]) for name in contract_columns(table)]
    rows = zip(*cells, strict=True)
    if table in UNIQUE_IDS:
        return sorted(rows, key=lambda row: str(row[0]))  # the id is the first contract column
    return sorted(rows, key=lambda row: [str(cell) for cell in row])


def dataset_hash(frames: Mapping[str, pd.DataFrame], injection_columns: Sequence[str]) -> str:
    """SHA-256 hex digest of the canonical rows of peaks, compounds, calibrants, retention, injections and abundances.

    frames : completed tables by name. m/z and masses count to 1e-5, RT to 1e-4 min, intensities to 6 digits; foreign
    columns do not count, nor does a table of retention without rows. injection_columns : those of the abundances.
    """
    tables: dict[str, object] = {
        table: _canonical_rows(table, frames[table]) for table in ("peaks", "compounds", "calibrants", "injections")
    }
    if len(frames["retention"]):
        tables["retention"] = _canonical_rows("retention", frames["retention"])
    abundances = frames["abundances"]
    ordered = sorted(injection_columns)
    cells = [_text(abundances["peak_id"]), *(_intensity(abundances[name]) for name in ordered)]
    tables["abundances"] = [ordered, sorted(zip(*cells, strict=True), key=lambda row: str(row[0]))]
    return _digest(tables)


def hash_label_rows(rows: pd.DataFrame) -> str:
    """SHA-256 hex digest of labels: every row's peak_id, compound_id (`A;B` in any order), annotator, confidence.

    Purposes and what goes with them count only where a row has another than `free`, which is what labels without a
    purpose are, and how rows stand only where some were settled.
    """
    options = [sorted(named) for named in parse_cells(rows["compound_id"].tolist())]
    confidence = [_confidence(cell) for cell in rows["confidence"].tolist()]
    columns: list[Sequence[object]] = [rows["peak_id"].tolist(), options, rows["annotator"].tolist(), confidence]
    purposes = [purpose or FREE for purpose in rows["purpose"].tolist()]
    if any(purpose != FREE for purpose in purposes):
        probability = [None if math.isnan(value) else f"{value:.9e}" for value in rows["inclusion_prob"].tolist()]
        columns += [purposes, probability, rows["skipped"].tolist()]
    if "standing" in rows and rows["standing"].any():
        columns.append(rows["standing"].tolist())
    return _digest({"labels": sorted(zip(*columns, strict=True), key=lambda row: [str(cell) for cell in row])})


def _confidence(cell: str) -> str:
    """Confidence is free text; where it is a number, its spelling does not count."""
    try:
        return f"{float(cell):.{INTENSITY_DIGITS - 1}e}"
    except ValueError:
        return cell


def hash_answers(answers: Mapping[str, Iterable[str]]) -> str:
    """SHA-256 hex digest of labels or truth, whatever the order of peaks and of the compounds of a peak."""
    return _digest({"answers": {peak_id: sorted(options) for peak_id, options in answers.items()}})


def hash_ids(ids: Iterable[str]) -> str:
    """SHA-256 hex digest of a set of ids, such as the scored peaks': sorted, one a line, so that any tool can repeat
    it.
    """
    return hashlib.sha256("\n".join(sorted(set(ids))).encode()).hexdigest()
