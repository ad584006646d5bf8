"""The XML of HMDB (hmdb.ca), one metabolite at a time: the whole file has several gigabytes.

Expat is used by itself: to make a tree of each metabolite, of which most is not needed, takes twice the time.
Source: the elements of hmdb_metabolites.xml, version 5; older files spell `monisotopic_moleculate_weight`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO
from xml.parsers import expat  # noqa: S407  # document types, and with them all entities, are refused below

from compassign.errors import InputError, Place, Problem
from compassign.formats.library.entry import Entry, LibraryFormat

_MAX_BYTES = 64_000_000  # of one metabolite; the largest have a few megabytes
_BLOCK_BYTES = 1_000_000
_METABOLITE, _CHILD = 2, 3  # depth of a metabolite and of what is said of it
_ELEMENTS = {
    "compound_id": ("accession",),
    "name": ("name",),
    "formula": ("chemical_formula",),
    "exact_mass": (
        *("monisotopic_molecular_weight", "monoisotopic_molecular_weight"),
        *("monisotopic_moleculate_weight", "monoisotopic_moleculate_weight"),
    ),
    "smiles": ("smiles",),
    "inchikey": ("inchikey",),
}
_STATUS = "status"  # quantified, detected, expected or predicted


def read_hmdb(path: Path) -> Iterator[Entry]:
    """The metabolites of a file; raises InputError for what is cut off, has a document type or is no XML."""
    try:
        with path.open("rb") as file:
            for row, texts in enumerate(_metabolites(file, path.name), start=1):
                yield _entry(row, texts)
    except expat.ExpatError as error:
        found = f"is no complete XML ({error})"
        raise InputError([Problem.at(Place(path.name, error.lineno), found, "a file of HMDB")]) from error


class _Reading:
    """What was met of a file so far; metabolites : child -> text, of those that ended."""

    def __init__(self, file: str) -> None:
        self.metabolites: list[Mapping[str, str]] = []
        self._file = file
        self._depth = 0
        self._texts: dict[str, str] = {}
        self._parts: list[str] = []
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.StartDoctypeDeclHandler = self._refuse

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        del tag, attributes
        self._depth += 1
        if self._depth == _CHILD:
            self.parser.CharacterDataHandler = self._parts.append
        elif self._depth > _CHILD:  # names and accessions occur further down too
            self.parser.CharacterDataHandler = None

    def _end(self, tag: str) -> None:
        if self._depth == _CHILD:
            self._texts.setdefault(tag.rpartition(":")[2], "".join(self._parts).strip())
            self._parts.clear()
            self.parser.CharacterDataHandler = None
        elif self._depth == _METABOLITE:
            self.metabolites.append(self._texts)
            self._texts = {}
        self._depth -= 1

    def _refuse(self, *declared: object) -> None:
        del declared
        found = "declares a document type, and entities perhaps"
        raise InputError([Problem.at(Place(self._file), found, "plain XML, as HMDB writes it")])


def _metabolites(file: BinaryIO, name: str) -> Iterator[Mapping[str, str]]:
    """Child -> text of each metabolite."""
    reading = _Reading(name)
    n_read = 0  # since a metabolite ended
    while block := file.read(_BLOCK_BYTES):
        reading.parser.Parse(block, False)
        n_read = 0 if reading.metabolites else n_read + len(block)
        yield from reading.metabolites
        reading.metabolites.clear()
        if n_read > _MAX_BYTES:
            found = f"found more than {_MAX_BYTES:,} bytes without the end of a metabolite"
            raise InputError([Problem.at(Place(name), found, "a file of HMDB")])
    reading.parser.Parse(b"", True)


def _entry(row: int, texts: Mapping[str, str]) -> Entry:
    fields = {ours: next((texts[name] for name in names if texts.get(name)), "") for ours, names in _ELEMENTS.items()}
    return Entry(row, fields, {f"hmdb_{_STATUS}": texts.get(_STATUS, "")})


HMDB = LibraryFormat("hmdb", "HMDB (XML)", lambda begin: "<hmdb" in begin, read_hmdb)
