"""Sheets of compounds: text or xlsx with a row of column names, of mzmine, HMDB, LIPID MAPS, xMSannotator or one's own.

What a column means follows from its name as on the Data page. Retention times are minutes unless the name says seconds;
a negative one means "any" (mzmine) and is left out. The text database of MS-DIAL is known by the place of its columns.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from compassign.data.raw import list_some
from compassign.data.uploads import guess_columns, is_in_seconds
from compassign.errors import InputError, Place, Problem
from compassign.formats.adducts import known_adduct
from compassign.formats.cells import DecimalMark, decimal_mark, is_number
from compassign.formats.layout import Head, find_name
from compassign.formats.library.entry import Entry, LibraryFormat
from compassign.formats.problems import Problems
from compassign.formats.rows import SECONDS_PER_MIN
from compassign.formats.source import open_source

_ANY_NAME = ("compound_id", "name", "inchikey", "smiles")
_ANY_MASS = ("formula", "exact_mass", "smiles")
_FURTHER = {
    "mz": ("mz", "m/z", "precursor_mz", "precursormz"),
    "adduct": ("adduct", "adduct type", "adduct_type", "precursortype"),
    "inchi": ("inchi",),
}
_MSDIAL = ("name", "mz", "rt_pred_min", "adduct", "inchikey", "formula", "smiles")
_NUMBERS = ("exact_mass", "rt_pred_min", "rt_pred_sd_min", "mz")
_RT = ("rt_pred_min", "rt_pred_sd_min")
_IDENTIFIER = re.compile(r"(?:.*(?:pubchem|chebi|kegg|chemspider)|cas\b|cid\b|row\b|index\b|no\b).*", re.IGNORECASE)
_HEADER_ROWS = 50  # among which the column names are
_MOST = 0.9  # of the rows of a table with m/z and retention times that is one of compounds, not of annotated peaks


@dataclass(frozen=True)
class LibraryHeader:
    """Where things stand in a sheet.

    position : of the header in the head. names : of all columns. columns : ours -> position. kept : foreign ones.
    """

    position: int
    names: tuple[str, ...]
    columns: Mapping[str, int]
    kept: Mapping[str, int]


def find_library_header(head: Head) -> LibraryHeader | None:
    """The header of a sheet of compounds; None where the table is none.

    It names compounds and says their formula, mass or structure. With an intensity it is a table of peaks, and so is
    one with m/z and retention times unless nearly every row says what the compound is.
    """
    for position in range(min(len(head.rows), _HEADER_ROWS)):
        names = head.names(position)
        columns = _columns(names)
        if any(name in columns for name in _ANY_NAME) and any(name in columns for name in _ANY_MASS):
            is_peaks = "intensity" in guess_columns("peaks", list(names)) or not _are_compounds(head, position, columns)
            return None if is_peaks else LibraryHeader(position, names, columns, _kept(head, position, columns))
    return _msdial_header(head)


def _columns(names: Sequence[str]) -> dict[str, int]:
    """Our columns -> positions of the names that mean them."""
    guessed = {ours: list(names).index(name) for ours, name in guess_columns("compounds", list(names)).items()}
    further = {ours: at for ours, spelled in _FURTHER.items() if (at := find_name(names, *spelled)) is not None}
    return {**guessed, **further}


def _are_compounds(head: Head, position: int, columns: Mapping[str, int]) -> bool:
    """Whether the rows below a header say what compound they are, as far as they have m/z and retention times."""
    if not {"mz", "rt_pred_min"} <= columns.keys():
        return True
    names = [head.column(position, columns[name]) for name in ("name", "inchikey", "smiles") if name in columns]
    said = [head.column(position, columns[name]) for name in (*_ANY_MASS, "inchi", "adduct") if name in columns]
    n_rows = len(head.rows) - position - 1
    n_said = sum(_any(names, row) and _any(said, row) for row in range(n_rows))
    return n_said >= _MOST * n_rows


def _any(columns: Sequence[Sequence[str]], row: int) -> bool:
    return any(column[row].strip() for column in columns)


def _kept(head: Head, position: int, columns: Mapping[str, int]) -> dict[str, int]:
    """Foreign column -> position; numbers of databases are left out, as numbers they would predict retention times."""
    used, kept = set(columns.values()), dict[str, int]()
    for at, name in enumerate(head.names(position)):
        is_identifier = _IDENTIFIER.fullmatch(name) is not None and head.is_numeric(position, at)
        if name and at not in used and not is_identifier:
            kept.setdefault(name, at)
    return kept


def _msdial_header(head: Head) -> LibraryHeader | None:
    """The header of MS-DIAL's text database, whose names may be any: the rows below have adducts in the fourth cell."""
    rows = [cells for _, cells in head.rows[1:]]
    at = {name: position for position, name in enumerate(_MSDIAL)}
    if not rows or any(len(cells) < len(_MSDIAL) for cells in rows):
        return None
    is_one = all(
        known_adduct(cells[at["adduct"]]) is not None
        and all(is_number(cells[at[name]]) for name in ("mz", "rt_pred_min"))
        for cells in rows
    )
    return LibraryHeader(0, head.names(0), at, {}) if is_one else None


def read_sheet(path: Path) -> Iterator[Entry]:
    """The rows of a sheet; raises InputError where it is none, and at the end for rows of another length."""
    source = open_source(path)
    head = source.head()
    header = find_library_header(head)
    if header is None:
        row, cells = max(head.rows, key=lambda record: len(record[1]), default=(1, []))
        raise InputError([Problem.at(Place(path.name, row), f"found {list_some(cells) or 'no row'}", EXPECTED)])
    problems = Problems(path.name)
    width, header_row = len(header.names), head.rows[header.position][0]
    numbers = {
        name: decimal_mark(head.column(header.position, header.columns[name]))
        for name in _NUMBERS
        if name in header.columns
    }
    for row, found in source.records():
        if row <= header_row:
            continue
        cells = [*found, *[""] * (width - len(found))]
        if any(cells[width:]) or (source.container == "text" and len(found) < width):
            problems.add("rows of another length", row, "", f"found {len(found)} cells", f"{width} as in the header")
            continue
        yield _entry(row, cells, header, numbers)
    problems.raise_any()


EXPECTED = (
    "a library: columns for a name or an id, and for a formula, a mass or SMILES, such as name and formula; or HMDB "
    "(XML), an SD file, MSP or MGF"
)


def _entry(row: int, cells: Sequence[str], header: LibraryHeader, marks: Mapping[str, DecimalMark]) -> Entry:
    fields = {ours: cells[at].strip() for ours, at in header.columns.items()}
    for name, mark in marks.items():
        fields[name] = fields[name].replace(",", ".") if mark == "," else fields[name]
    for name in _RT:
        if name in fields:
            fields[name] = _minutes(fields[name], is_in_seconds(header.names[header.columns[name]]))
    return Entry(row, fields, {name: cells[at].strip() for name, at in header.kept.items()})


def _minutes(text: str, is_seconds: bool) -> str:
    """A retention time in minutes, "" for a negative one; what is no number stays."""
    try:
        value = float(text)
    except ValueError:
        return text
    if value < 0.0:
        return ""
    return repr(value / SECONDS_PER_MIN) if is_seconds else text


SHEET = LibraryFormat("sheet", "a sheet of compounds", lambda begin: False, read_sheet, is_own=True)
