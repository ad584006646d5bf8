"""What an importer says of a table: where its header is, and which column means what."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from compassign.formats.cells import is_number

RtUnit = Literal["min", "s"]
Container = Literal["text", "workbook", "xml", "mztab"]
Record = tuple[int, list[str]]
"""Line number of a row in its file (the first is 1) and its cells."""

R_ROW_NAMES = "Row.names"  # as R's merge() calls them


@dataclass(frozen=True)
class Head:
    """The first rows of a file, of which importers say whether they know it."""

    file: str
    container: Container
    rows: Sequence[Record]

    def find(self, *names: str) -> int | None:
        """Position of the first row that has all these names, in any case; None where none has."""
        wanted = {name.lower() for name in names}
        rows = enumerate(self.rows)
        return next((at for at, (_, cells) in rows if wanted <= {cell.strip().lower() for cell in cells}), None)

    def names(self, header: int) -> tuple[str, ...]:
        """Column names of the header at a position, completed where R or a trailing separator left one out."""
        names = tuple(cell.strip() for cell in self.rows[header][1])
        if header + 1 < len(self.rows) and len(first := self.rows[header + 1][1]) == len(names) + 1:
            return (*names, "") if first[-1] == "" else (R_ROW_NAMES, *names)
        return names

    def column(self, header: int, position: int) -> list[str]:
        """Cells of a column below the header; "" where a row is short."""
        return [cells[position] if position < len(cells) else "" for _, cells in self.rows[header + 1 :]]

    def is_numeric(self, header: int, position: int) -> bool:
        """Whether a column holds nothing but numbers and empty cells, as far as the head reaches."""
        return all(is_number(cell) for cell in self.column(header, position))


@dataclass(frozen=True)
class Sample:
    """One column of abundances; what the file says of its injection, "" and None where it says nothing."""

    column: int
    name: str
    species: str = ""
    order: int | None = None
    role: str = ""
    polarity: str = ""


@dataclass(frozen=True)
class Layout:
    """Where things stand in a table.

    header : position of the header in the head. names : of all columns, as the file writes them.
    columns : our column -> position; `mz` and `rt_min` always, in any unit. rt_unit : None = the file does not say.
    derived : our column -> its text from the cells of a row. left_out : positions that are not kept as foreign columns.
    row_type : first cell of the rows that are features, "" = all rows are. peak_span : positions of a peak's start and
    end in time.
    """

    header: int
    names: tuple[str, ...]
    columns: Mapping[str, int]
    samples: tuple[Sample, ...] = ()
    rt_unit: RtUnit | None = None
    derived: Mapping[str, Callable[[Sequence[str]], str]] = field(default_factory=dict)
    left_out: frozenset[int] = frozenset()
    row_type: str = ""
    peak_span: tuple[int, int] | None = None


@dataclass(frozen=True)
class Format:
    """One program's table: how to know it, and how to read it.

    name : for `--format`. find_header : position of the header in the head, None where the file is no such table.
    lay_out : the layout of a table with its header at that position; raises InputError for what it lacks.
    """

    name: str
    title: str
    find_header: Callable[[Head], int | None]
    lay_out: Callable[[Head, int], Layout]


def find_name(names: Sequence[str], *wanted: str) -> int | None:
    """Position of the first of the wanted names that a header has, in any case."""
    lowered = [name.lower() for name in names]
    return next((lowered.index(name.lower()) for name in wanted if name.lower() in lowered), None)


def find_columns(names: Sequence[str], **wanted: str | tuple[str, ...]) -> dict[str, int]:
    """Our column -> position of the name that means it, where the header has one."""
    found = {ours: find_name(names, *([name] if isinstance(name, str) else name)) for ours, name in wanted.items()}
    return {ours: position for ours, position in found.items() if position is not None}
