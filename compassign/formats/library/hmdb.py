"""The XML of HMDB (hmdb.ca), one metabolite at a time: the whole file has several gigabytes.

Source: the elements of hmdb_metabolites.xml, version 5; older files spell `monisotopic_moleculate_weight`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO
from xml.etree.ElementTree import Element, ParseError  # noqa: S405  # types only; defusedxml parses

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import iterparse

from compassign.errors import InputError, Place, Problem
from compassign.formats.library.entry import Entry, LibraryFormat

_MAX_BYTES = 64_000_000  # of one metabolite; the largest have a few megabytes
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
    """The metabolites of a file; raises InputError for what is cut off, declares entities or is no XML."""
    try:
        with path.open("rb") as file:
            yield from _entries(_Watched(file, path.name))
    except ParseError as error:
        found = f"is no complete XML ({error})"
        raise InputError([Problem.at(Place(path.name, error.position[0]), found, "a file of HMDB")]) from error
    except DefusedXmlException as error:
        found = f"declares entities or a document type ({type(error).__name__})"
        raise InputError([Problem.at(Place(path.name), found, "plain XML, as HMDB writes it")]) from error


class _Watched:
    """A file that is read no farther than one metabolite may be long."""

    def __init__(self, file: BinaryIO, name: str) -> None:
        self._file, self._name = file, name
        self.n_read = 0  # since the last metabolite

    def read(self, size: int = -1) -> bytes:
        block = self._file.read(size)
        self.n_read += len(block)
        if self.n_read > _MAX_BYTES:
            found = f"found more than {_MAX_BYTES:,} bytes without the end of a metabolite"
            raise InputError([Problem.at(Place(self._name), found, "a file of HMDB")])
        return block


def _entries(file: _Watched) -> Iterator[Entry]:
    root: Element | None = None
    n_found = 0
    for event, element in iterparse(file, events=("start", "end"), forbid_dtd=True):
        if event == "start":
            root = element if root is None else root
        elif _bare(element.tag) == "metabolite":
            n_found += 1
            file.n_read = 0
            yield _entry(n_found, element)
            if root is not None:
                root.clear()  # metabolites would collect in memory


def _entry(row: int, metabolite: Element) -> Entry:
    """An entry of the direct children: names and accessions occur further down too."""
    texts: dict[str, str] = {}
    for child in metabolite:
        texts.setdefault(_bare(child.tag), (child.text or "").strip())
    fields = {ours: next((texts[name] for name in names if texts.get(name)), "") for ours, names in _ELEMENTS.items()}
    return Entry(row, fields, {f"hmdb_{_STATUS}": texts.get(_STATUS, "")})


def _bare(tag: str) -> str:
    """A tag without its namespace."""
    return tag.rpartition("}")[2]


HMDB = LibraryFormat("hmdb", "HMDB (XML)", lambda begin: "<hmdb" in begin, read_hmdb)
