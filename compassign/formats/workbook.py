"""Excel workbooks (xlsx) row by row, after their zip was looked at with distrust."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path
from xml.etree.ElementTree import ParseError  # noqa: S405  # the exception only; openpyxl parses with defusedxml

import openpyxl
from openpyxl.utils.exceptions import InvalidFileException

from compassign.data.raw import show_value
from compassign.data.uploads import refuse_hostile
from compassign.errors import InputError, Place, Problem
from compassign.formats.layout import Record

_MAX_BYTES = 2_000_000_000  # of all parts unpacked: 20 million cells; they are read one row at a time
_MAX_CELLS = 50_000_000  # with those that are empty: a few kB can place a cell in every last column of a million rows
MAX_CELL_CHARACTERS = 131_072  # as in text; Excel itself stops at 32,767


def workbook_records(path: Path) -> Iterator[Record]:
    """The rows of the first sheet with their numbers, cells as text, formulas as they were typed (`=A1`).

    Raises InputError for what is no workbook, unpacks to more than it may, has too many cells, or holds entities.
    """
    n_cells = 0
    try:
        with zipfile.ZipFile(path) as archive:
            refuse_hostile(archive.infolist(), _MAX_BYTES, "export the table as text (csv) instead")
        with path.open("rb") as file:
            book = openpyxl.load_workbook(file, read_only=True, keep_links=False)
            sheet = book.worksheets[0]
            sheet.reset_dimensions()  # what a file says of its own size may be a lie
            for row, values in enumerate(sheet.iter_rows(values_only=True), start=1):
                n_cells += len(values)
                if n_cells > _MAX_CELLS:
                    found = f"found more than {_MAX_CELLS:,} cells, empty ones included"
                    raise InputError([Problem.at(Place(path.name, row), found, "a smaller table, or text (csv)")])
                cells = ["" if value is None else str(value) for value in values]
                if any(cells):
                    yield row, _checked(path.name, row, cells)
    # a damaged workbook shows as any of these; those of hostile XML (defusedxml) are values
    except (zipfile.BadZipFile, InvalidFileException, ParseError, KeyError, IndexError, EOFError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        found = f"cannot be read as an Excel workbook ({type(error).__name__}: {error})"
        raise InputError([Problem.at(Place(path.name), found, "an xlsx file; open it and save it again")]) from error


def _checked(file: str, row: int, cells: list[str]) -> list[str]:
    for cell in cells:
        if len(cell) > MAX_CELL_CHARACTERS:
            expected = f"at most {MAX_CELL_CHARACTERS:,} characters"
            raise InputError(
                [Problem.at(Place(file, row), f"found a cell of {len(cell):,}, {show_value(cell)}", expected)]
            )
    return cells
