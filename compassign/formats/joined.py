"""New columns at the right end of a user's own table, of which every row and column stays as it was written."""

from __future__ import annotations

import codecs
import csv
import io
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from compassign.data.raw import list_some
from compassign.data.read import find_encoding
from compassign.errors import InputError
from compassign.formats.cells import DecimalMark, decimal_mark
from compassign.formats.text import written_records

Cell = str | float | None
_N_SNIFFED = 200  # rows that show the decimal mark


@dataclass(frozen=True)
class _Shape:
    """Where the ids stand. header : position of its row. id_column : position of the cells. width : cells of it."""

    separator: str
    mark: DecimalMark
    header: int
    id_column: int
    width: int


def append_columns(path: Path, names: Sequence[str], rows: Mapping[str, Sequence[Cell]]) -> bytes:
    """A table of text with more columns, in its own separator, decimal mark and line ends, in UTF-8.

    rows : id -> one cell for each name. Rows whose id is not among them get empty cells, and what stands above the
    header stays as it is. Raises InputError where no column holds all ids, or the header has one of the names.
    """
    shape = _find_shape(path, rows.keys())
    to = io.StringIO(newline="")
    for at, (cells, text) in enumerate(written_records(path)[1]):
        if at < shape.header or not cells:
            to.write(text)
            continue
        if at == shape.header:
            _check_free(path, cells, names)
            added: Sequence[Cell] = names
        else:
            added = rows.get(_cell(cells, shape.id_column), [None] * len(names))
        to.write(_extended(text, len(cells), added, shape))
    # spreadsheets need the mark to see that what was in another encoding is UTF-8 now
    with path.open("rb") as file:
        is_marked = find_encoding(file) != "utf-8"
        file.seek(0)
        is_marked = is_marked or file.read(len(codecs.BOM_UTF8)) == codecs.BOM_UTF8
    return (codecs.BOM_UTF8 if is_marked else b"") + to.getvalue().encode("utf-8")


def _find_shape(path: Path, ids: Collection[str]) -> _Shape:
    """Find the first column that holds all ids; the row above the first of them is the header."""
    separator, records = written_records(path)
    found: defaultdict[int, dict[str, int]] = defaultdict(dict)
    above, last = {0: 0}, 0  # position of a row -> position of the row with content above it
    widths: dict[int, int] = {}
    for at, (cells, _) in enumerate(records):
        for position, cell in enumerate(cells):
            if (name := cell.strip()) in ids:
                found[position].setdefault(name, at)
        if any(cells):
            above[at], last = last, at
            widths[at] = len(cells)
    best = max(sorted(found), key=lambda position: len(found[position]), default=None)
    missing = sorted(set(ids) - (found[best].keys() if best is not None else set()))
    if best is None or missing:
        raise InputError(
            f"{path.name}: no column holds every peak_id of the run (missing: {list_some(missing)}); expected the "
            "table that the dataset was made from"
        )
    first = min(found[best].values())
    header = above[first]
    if header == first:
        raise InputError(f"{path.name}: the first row has a peak_id, expected a header above it")
    return _Shape(separator, _decimal_mark(path, separator), header, best, widths[header])


def _decimal_mark(path: Path, separator: str) -> DecimalMark:
    if separator == ",":
        return "."
    rows = islice(written_records(path)[1], _N_SNIFFED)
    return decimal_mark([cell for cells, _ in rows for cell in cells])


def _cell(cells: Sequence[str], position: int) -> str:
    return cells[position].strip() if position < len(cells) else ""


def _check_free(path: Path, header: Sequence[str], names: Sequence[str]) -> None:
    taken = sorted({cell.strip() for cell in header} & set(names))
    if taken:
        raise InputError(f"{path.name}: has the column {taken[0]} already; expected the table without an export in it")


def _extended(text: str, n_cells: int, added: Sequence[Cell], shape: _Shape) -> str:
    """One row's text with cells after its last, a short row filled up first so that they stand in their columns."""
    body = text.rstrip("\r\n")
    filling = [""] * max(shape.width - n_cells, 0)
    to = io.StringIO()
    if shape.separator == "\t":  # quotes mean nothing there
        to.write("\t".join([*filling, *(" ".join(_text(cell, shape.mark).split()) for cell in added)]))
    else:
        writer = csv.writer(to, delimiter=shape.separator, lineterminator="")
        writer.writerow([*filling, *(_text(cell, shape.mark) for cell in added)])
    return f"{body}{shape.separator}{to.getvalue()}{text[len(body) :]}"


def _text(cell: Cell, mark: DecimalMark) -> str:
    if cell is None:
        return ""
    return cell if isinstance(cell, str) else f"{cell:.9g}".replace(".", mark)
