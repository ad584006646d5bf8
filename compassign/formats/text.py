"""Tables of text in parts that fit into memory: separators, byte-order mark, quotes and line ends are found out."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from itertools import islice, pairwise
from pathlib import Path
from typing import Literal

from compassign.data.read import Encoding, find_encoding, nul_problem
from compassign.errors import InputError, Place, Problem
from compassign.formats.layout import Record

_SEPARATORS = ("\t", ";", ",")  # in the order of trust: decimal commas stand in tables with other separators
_MIN_CELLS = 3  # of a row of a table: id, m/z and retention time
_MAX_LINE_CHARACTERS = 8_000_000  # ten thousand samples with 20 characters each are 200,000
_WITH_MARK: Mapping[Encoding, str] = {"utf-8": "utf-8-sig", "utf-16": "utf-16", "cp1252": "cp1252"}
_N_SNIFFED = 40  # lines in which a table must begin


def text_records(path: Path, stated: str | None = None) -> Iterator[Record]:
    """The rows of a text file with their line numbers; rows without any content are passed over.

    stated : the separator, found out unless given.
    Raises InputError for what is no text, lines of more than 8 million characters and quotes that do not close; a cell
    may have 131,072 characters, the limit of Python's csv.
    """
    separator = stated or _find_separator(path)
    lines = text_lines(path)
    # a tab-separated export quotes nothing: there a quote is a part of a name, such as 5"-methyl
    is_plain = separator == "	"
    quoting: Literal[0, 3] = csv.QUOTE_NONE if is_plain else csv.QUOTE_MINIMAL
    reader = csv.reader(lines, delimiter=separator, strict=True, quoting=quoting)
    start = 1
    try:
        for cells in reader:
            if any(cells):
                yield start, cells
            start = reader.line_num + 1
    except csv.Error as error:
        expected = 'cells of at most 131,072 characters, and every quote (") closed'
        raise InputError(
            [Problem.at(Place(path.name, start), f"cannot be split into cells ({error})", expected)]
        ) from error


def written_records(path: Path) -> tuple[str, Iterator[tuple[list[str], str]]]:
    """The separator of a text file, and each row's cells with the text that it was read from, line end included.

    Raises InputError as `text_records` does.
    """
    separator = _find_separator(path)
    return separator, _with_text(path, separator)


def _with_text(path: Path, separator: str) -> Iterator[tuple[list[str], str]]:
    taken: list[str] = []

    def lines() -> Iterator[str]:
        for line in text_lines(path):
            taken.append(line)
            yield line

    quoting: Literal[0, 3] = csv.QUOTE_NONE if separator == "\t" else csv.QUOTE_MINIMAL
    reader = csv.reader(lines(), delimiter=separator, strict=True, quoting=quoting)
    try:
        for cells in reader:
            yield cells, "".join(taken)
            taken.clear()
    except csv.Error as error:
        place = Place(path.name, reader.line_num)
        raise InputError([Problem.at(place, f"cannot be split into cells ({error})", "a table")]) from error


def _find_separator(path: Path) -> str:
    """The separator under which two lines first have the same number of cells, at least three; a comma if none has."""
    lines = [line for line in islice(text_lines(path), _N_SNIFFED) if line.strip()]
    found: list[tuple[int, int]] = []
    for trust, separator in enumerate(_SEPARATORS):
        widths = [_width(line, separator) for line in lines]
        pairs = (at for at, (one, next_one) in enumerate(pairwise(widths)) if one == next_one >= _MIN_CELLS)
        found += [(at, trust) for at in pairs][:1]
    return _SEPARATORS[min(found)[1]] if found else ","


def _width(line: str, separator: str) -> int:
    try:
        return len(next(csv.reader([line], delimiter=separator), []))
    except csv.Error:
        return 0


def text_lines(path: Path) -> Iterator[str]:
    """The lines of a file, decoded as they are read; raises InputError with the line at fault."""
    with path.open("rb") as file:
        encoding = find_encoding(file)
    row = 1
    with path.open(encoding=_WITH_MARK[encoding], newline="") as text:
        while True:
            try:
                line = text.readline(_MAX_LINE_CHARACTERS + 1)
            except UnicodeDecodeError as error:
                found = f"found the byte 0x{error.object[error.start]:02x} in this line or one of the next"
                raise InputError([Problem.at(Place(path.name, row), found, "text; save it as UTF-8")]) from error
            if not line:
                return
            if len(line) > _MAX_LINE_CHARACTERS:
                found = f"found a line of more than {_MAX_LINE_CHARACTERS:,} characters"
                raise InputError([Problem.at(Place(path.name, row), found, "a table, one feature a line")])
            if "\0" in line:
                raise InputError([nul_problem(path.name, row, f"character {line.index(chr(0)) + 1} of the line")])
            yield line
            row += 1
