"""The text of an mzTab-M 2.0.0 file: metadata and its three tables.

Source: Hoffmann et al. 2019, Anal. Chem. 91, 3302, and the specification 2.0.0-M of HUPO-PSI.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

Cell = str | float | int | None
NULL = "null"
LIST = "|"  # between the values of one cell


@dataclass(frozen=True)
class Table:
    """One of the tables. header : its rows' first cell in the header line. prefix : that of the other rows."""

    header: str
    prefix: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]


def param(name: str, value: str = "", label: str = "", accession: str = "") -> str:
    """A parameter: of a vocabulary, or without label and accession our own.

    Commas and brackets would end a part of it, so text gets spaces in their place.
    """
    plain = (" ".join("".join(" " if letter in ",[]" else letter for letter in of).split()) for of in (name, value))
    return f"[{label}, {accession}, {', '.join(plain)}]"


def mztab_text(comments: Sequence[str], metadata: Sequence[tuple[str, Cell]], tables: Sequence[Table]) -> Iterator[str]:
    """The lines of a file, each with its end; an empty line parts the sections."""
    yield from (f"COM\t{_clean(comment)}\n" for comment in comments)
    yield from (f"MTD\t{key}\t{cell_text(value)}\n" for key, value in metadata)
    for table in tables:
        yield "\n"
        yield "\t".join([table.header, *table.columns]) + "\n"
        yield from ("\t".join([table.prefix, *map(cell_text, row)]) + "\n" for row in table.rows)


def cell_text(value: Cell) -> str:
    """A cell: `null` for what is missing, because no cell may be empty."""
    if isinstance(value, str):
        return _clean(value) or NULL
    if value is None or not math.isfinite(value):
        return NULL
    return str(value) if isinstance(value, int) else f"{value:.9g}"


def _clean(text: str) -> str:
    """One line without tabs."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
