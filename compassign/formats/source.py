"""A file of any kind as rows: what it is, is decided by its first bytes."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from compassign.data.read import find_encoding, read_as
from compassign.errors import InputError, Place, Problem
from compassign.formats.layout import Container, Head, Record
from compassign.formats.mztab_table import mztab_records
from compassign.formats.openms_xml import ROOTS, openms_records
from compassign.formats.text import text_records
from compassign.formats.workbook import workbook_records

_SNIFFED_BYTES = 4096
_ZIP, _GZIP, _OLD_EXCEL = b"PK\x03\x04", b"\x1f\x8b", b"\xd0\xcf\x11\xe0"
_MZTAB = (b"MTD\t", b"COM\t")
_HEAD_ROWS, _HEAD_CELLS = 2000, 400_000
_READERS: Mapping[Container, Callable[[Path], Iterator[Record]]] = {
    "text": text_records,
    "workbook": workbook_records,
    "xml": openms_records,
    "mztab": mztab_records,
}


@dataclass(frozen=True)
class Source:
    """A file and the kind that it is."""

    path: Path
    container: Container

    def records(self) -> Iterator[Record]:
        """All its rows, from the first."""
        return _READERS[self.container](self.path)

    def warnings(self) -> tuple[str, ...]:
        """What had to be assumed to read it."""
        if self.container not in ("text", "mztab"):
            return ()
        with self.path.open("rb") as file:
            return read_as(self.path.name, find_encoding(file))

    def head(self) -> Head:
        """Its first rows."""
        rows: list[Record] = []
        n_cells = 0
        for record in self.records():
            rows.append(record)
            n_cells += len(record[1])
            if len(rows) >= _HEAD_ROWS or n_cells > _HEAD_CELLS:
                break
        return Head(self.path.name, self.container, rows)


def open_source(path: Path) -> Source:
    """The file as a source of rows; raises InputError where it cannot be one."""
    try:
        with path.open("rb") as file:
            begin = file.read(_SNIFFED_BYTES)
    except OSError as error:
        raise InputError([Problem.at(Place(str(path)), f"cannot be read: {error.strerror}")]) from error
    if begin.startswith((_GZIP, _OLD_EXCEL)):
        kind = "a gzip file" if begin.startswith(_GZIP) else "an old Excel file (xls)"
        raise InputError([Problem.at(Place(path.name), f"found {kind}", "text, xlsx or XML; unpack or save it anew")])
    if begin.startswith(_ZIP):
        return Source(path, "workbook")
    if begin.removeprefix(codecs.BOM_UTF8).lstrip().startswith(b"<"):
        if not any(root in begin for root in ROOTS):
            expected = "featureXML or consensusXML of OpenMS, or a table"
            raise InputError([Problem.at(Place(path.name), "found XML of another kind", expected)])
        return Source(path, "xml")
    return Source(path, "mztab" if begin.removeprefix(codecs.BOM_UTF8).startswith(_MZTAB) else "text")
