"""A table as it was read, before any conversion, and the messages that point into it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from compassign.errors import Place, Problem
from compassign.units import BoolArray, IntArray

MAX_LISTED = 20  # rows listed of one kind of problem: enough to see the pattern, few enough to read
MAX_SHOWN_CHARACTERS = 60  # of a cell in a message
FIRST_DATA_ROW = 2  # the header is row 1


@dataclass(frozen=True)
class RawTable:
    """One table, cells as found.

    file : as messages name it. frame : unconverted cells, index 0..n-1, unique column names.
    rows : (n_rows,) line number of each row in the file; for a table in memory, what it would be in a CSV file.
    is_whole : no row is missing because it could not be read.
    """

    file: str
    frame: pd.DataFrame
    rows: IntArray
    is_whole: bool = True


@dataclass(frozen=True)
class Findings:
    """What a check found: `problems` stop the loading, `warnings` say what was assumed."""

    problems: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    def __add__(self, other: Findings) -> Findings:
        """Both findings, in order."""
        return Findings(self.problems + other.problems, self.warnings + other.warnings)


def show_value(value: object) -> str:
    """A cell as messages show it: quoted, one line, shortened."""
    text = "" if value is None or value is pd.NA else str(value)
    if not text.strip():
        return "an empty cell"
    return repr(text if len(text) <= MAX_SHOWN_CHARACTERS else text[: MAX_SHOWN_CHARACTERS - 3] + "...")


def cell_messages(
    raw: RawTable,
    column: str,
    bad: BoolArray,
    expected: str | Callable[[int], str],
    found: Sequence[object] | None = None,
) -> tuple[str, ...]:
    """One message for each bad cell of a column, the first `MAX_LISTED` and then their number.

    bad : (n_rows,) True where the cell is wrong. expected : what should stand there, or a function of the row position.
    found : (n_rows,) what to show instead of the cell.
    """
    positions = np.flatnonzero(bad)
    cells = raw.frame[column] if found is None and column in raw.frame else found
    messages = []
    for position in positions[:MAX_LISTED].tolist():
        cell = "" if cells is None else cells[position]
        wanted = expected if isinstance(expected, str) else expected(position)
        place = Place(raw.file, int(raw.rows[position]), column)
        messages.append(Problem.at(place, f"found {show_value(cell)}", wanted))
    if positions.size > MAX_LISTED:
        place = Place(raw.file, column=column)
        messages.append(Problem.at(place, f"and {positions.size - MAX_LISTED:,} more rows like these"))
    return tuple(messages)


def duplicate_messages(raw: RawTable, column: str, cells: Sequence[str]) -> tuple[str, ...]:
    """One message for each repeated non-empty id, naming the row that had it first."""
    ids = pd.Series(list(cells), dtype="str")
    repeated = (ids.duplicated() & (ids != "")).to_numpy()
    first = ids.drop_duplicates()
    first_row = dict(zip(first, raw.rows[first.index.to_numpy()].tolist(), strict=True)) if repeated.any() else {}
    return cell_messages(
        raw, column, repeated, lambda position: f"a unique {column} (row {first_row[ids[position]]} has it already)"
    )


def list_some(values: Sequence[str]) -> str:
    """The first `MAX_LISTED` values in quotes, then how many more there are."""
    shown = ", ".join(show_value(value) for value in values[:MAX_LISTED])
    return shown if len(values) <= MAX_LISTED else f"{shown} and {len(values) - MAX_LISTED:,} more"
