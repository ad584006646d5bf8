"""Raw cells to typed columns, each cell checked against its rule in `compassign.tables`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
import pandera.errors

from compassign.data.raw import Findings, RawTable, cell_messages, duplicate_messages, show_value
from compassign.errors import Place, Problem
from compassign.tables import RULES, SCHEMAS, UNIQUE_IDS, ColumnRule, contract_columns
from compassign.units import BoolArray, FloatArray

_MISSING_NUMBERS = frozenset(
    {"", "na", "n/a", "nan", "null", "none", "<na>"}
)  # as R, Python and spreadsheets write them
_MAX_EXACT_INTEGER = 2.0**53  # beyond it float64 skips integers


def text_cells(column: pd.Series) -> list[str]:
    """Cells as text without surrounding blanks, "" where missing; whole floats as integers (`7`, not `7.0`)."""
    missing = column.isna().tolist()
    if pd.api.types.is_float_dtype(column.dtype):
        column = pd.Series(
            [int(v) if np.isfinite(v) and v == int(v) else v for v in column.fillna(np.nan)], dtype=object
        )
    return ["" if gone else str(cell).strip() for cell, gone in zip(column.tolist(), missing, strict=True)]


def number_cells(column: pd.Series) -> tuple[FloatArray, BoolArray, BoolArray]:
    """Cells as numbers: values (NaN where there is none), which are empty, which are no numbers; each (n_rows,)."""
    if pd.api.types.is_numeric_dtype(column.dtype) and not pd.api.types.is_bool_dtype(column.dtype):
        values = column.to_numpy(dtype=np.float64, na_value=np.nan)
        return values, np.isnan(values), np.zeros(values.size, dtype=bool)
    cells = text_cells(column)
    values = np.fromiter((_parse_number(cell) for cell in cells), dtype=np.float64, count=len(cells))
    unread = np.flatnonzero(np.isnan(values))
    empty = np.zeros(values.size, dtype=bool)
    empty[unread] = [cells[position].lower() in _MISSING_NUMBERS for position in unread.tolist()]
    return values, empty, np.isnan(values) & ~empty


def _parse_number(cell: str) -> float:
    """A decimal number, NaN for anything else; Python's own parser, so that CSV and Parquet agree to the last bit."""
    try:
        value = float(cell)
    except ValueError:
        return np.nan
    return value if cell.isascii() and "_" not in cell else np.nan  # float() would read 1_000 and other digits too


def convert_table(table: str, raw: RawTable) -> tuple[pd.DataFrame | None, Findings]:
    """A raw table with its contract columns typed and checked, foreign columns untouched behind them.

    Cells with problems become empty, so that later checks pass over them; text columns that are not there are filled
    with "". None where a required column is missing.
    """
    present = [rule for rule in RULES[table] if rule.name in raw.frame]
    converted = [_convert_column(raw, rule) for rule in present]
    typed = pd.DataFrame({column.name: column for column, _ in converted}, index=raw.frame.index)
    findings = Findings()
    for _, column_findings in converted:
        findings += column_findings
    typed, range_findings = _check_ranges(table, raw, typed)
    findings += range_findings
    identifier = UNIQUE_IDS.get(table)
    if identifier is not None and identifier in typed:
        findings += Findings(duplicate_messages(raw, identifier, typed[identifier].tolist()))
    missing = _missing_columns(table, raw)
    if missing.problems:
        return None, missing + findings
    foreign = [name for name in raw.frame.columns if name not in contract_columns(table)]
    unwritten = {
        rule.name: pd.Series([""] * len(typed), index=typed.index, dtype="str")
        for rule in RULES[table]
        if rule.kind == "text" and rule.name not in typed
    }
    filled = typed.assign(**unwritten)
    ordered = [name for name in contract_columns(table) if name in filled]
    return pd.concat([filled[ordered], raw.frame[foreign]], axis=1), findings


def _missing_columns(table: str, raw: RawTable) -> Findings:
    found = [str(name) for name in raw.frame.columns]
    if len(found) == 1 and any(separator in found[0] for separator in ";\t"):
        expected = "columns separated by commas; is this a file with semicolons or tabs? Export it with commas"
        return Findings((Problem.at(Place(raw.file, 1), f"found one column {show_value(found[0])}", expected),))
    messages = []
    for rule in RULES[table]:
        if rule.required and rule.name not in raw.frame:
            similar = [name for name in found if name.lower().replace(" ", "_") == rule.name]
            hint = f"; rename {show_value(similar[0])}?" if similar else ""
            columns = ", ".join(found) or "none"
            missing = f"the column {rule.name} is missing, found {columns}{hint}"
            place = Place(raw.file, 1, rule.name)
            messages.append(Problem(f"{Place(raw.file, 1)}: {missing}", place, missing, rule.expected))
    return Findings(tuple(messages))


def _convert_column(raw: RawTable, rule: ColumnRule) -> tuple[pd.Series, Findings]:
    column = raw.frame[rule.name]
    if rule.kind == "text":
        cells = text_cells(column)
        damaged = np.array(["\0" in cell for cell in cells], dtype=bool)
        messages = cell_messages(raw, rule.name, damaged, "text without NUL bytes")
        return pd.Series(cells, index=column.index, dtype="str", name=rule.name), Findings(messages)
    values, empty, bad = number_cells(column)
    if rule.kind == "integer":
        finite = np.nan_to_num(values, nan=0.0, posinf=np.inf, neginf=-np.inf)
        bad = bad | (np.abs(finite) > _MAX_EXACT_INTEGER) | (finite != np.floor(finite))
    if not rule.may_be_empty:
        bad = bad | empty
    messages = cell_messages(raw, rule.name, bad, rule.expected)
    kept = pd.Series(np.where(bad, np.nan, values), index=column.index, name=rule.name)
    return (kept.astype("Int64") if rule.kind == "integer" else kept), Findings(messages)


def _check_ranges(table: str, raw: RawTable, typed: pd.DataFrame) -> tuple[pd.DataFrame, Findings]:
    """Hold the typed columns against the pandera schema; cells outside their range are reported and emptied."""
    schema = SCHEMAS[table]
    schema = schema.remove_columns([name for name in schema.columns if name not in typed])
    try:
        schema.validate(typed, lazy=True)
    except pandera.errors.SchemaErrors as error:
        cases = error.failure_cases
    else:
        return typed, Findings()
    checked = typed.copy()
    messages: tuple[str, ...] = ()
    for (name, expected), failed in cases.groupby(["column", "check"], sort=False):
        bad = np.zeros(len(typed), dtype=bool)
        bad[failed["index"].to_numpy(dtype=np.int64)] = True
        messages += cell_messages(raw, name, bad, expected)
        emptied = "" if pd.api.types.is_string_dtype(typed[name].dtype) else pd.NA
        checked[name] = typed[name].mask(bad, emptied)
    return checked, Findings(messages)


def numeric_where_possible(frame: pd.DataFrame, columns: Iterable[str]) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """The frame with those of the columns as float64 that hold numbers only, and which of these had infinities.

    Infinities become NaN: a descriptor that overflowed says nothing.
    """
    converted = frame.copy()
    infinite = []
    for name in columns:
        values, empty, bad = number_cells(frame[name])
        if bad.any() or empty.all():
            continue
        if np.isinf(values).any():
            infinite.append(name)
        converted[name] = np.where(np.isinf(values), np.nan, values)
    return converted, tuple(infinite)


def convert_abundances(
    raw: RawTable, frame: pd.DataFrame, injection_columns: Sequence[str]
) -> tuple[pd.DataFrame, Findings]:
    """The abundances with their injection columns as float64, NaN = not detected."""
    expected = "a finite number, 0 or more, or an empty cell (not detected)"
    columns: dict[str, FloatArray] = {}
    messages: tuple[str, ...] = ()
    for name in injection_columns:
        values, _, bad = number_cells(raw.frame[name])
        bad = bad | (values < 0.0) | np.isinf(values)
        messages += cell_messages(raw, name, bad, expected)
        columns[name] = values
    # one assignment for all columns: one at a time fragments the frame
    typed = pd.DataFrame(columns, index=frame.index)
    others = [name for name in frame.columns if name not in columns]
    return pd.concat([frame[others], typed], axis=1), Findings(messages)
