"""SD files, as LIPID MAPS, HMDB and ChEBI hand out and chemists' programs write: a structure and named fields each.

Source: CTfile formats (Biovia), chapter SDfiles: a record ends with `$$$$`, a field begins with `> <NAME>`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from compassign.chemistry.structures import smiles_of_molblock
from compassign.errors import InputError, Place, Problem
from compassign.formats.library.entry import Entry, LibraryFormat
from compassign.formats.text import text_lines

_END = "$$$$"
_MAX_CHARACTERS = 20_000_000  # of a record; a molecule of 1,000 atoms has 200,000
_COUNTS = re.compile(r".{30,}V[23]000\s*$")  # the fourth line of a record
_COUNTS_LINE = 4
_FIELD = re.compile(r">.*?<([^>]+)>")
_NAMES = {
    "compound_id": ("lm_id", "hmdb_id", "chebi_id", "database_id", "compound_id", "id"),
    "name": ("name", "common_name", "generic_name", "chebi_name", "systematic_name", "abbreviation"),
    "formula": ("formula", "formulae", "molecular_formula", "jchem_formula"),
    "exact_mass": ("exact_mass", "monoisotopic_mass"),
    "smiles": ("smiles",),
    "inchikey": ("inchi_key", "inchikey"),
    "inchi": ("inchi",),
}


def read_sdf(path: Path) -> Iterator[Entry]:
    """The records of a file; raises InputError where one is longer than it may be or the last has no end."""
    row, line, record = 1, 0, list[str]()
    start, n_characters = 1, 0
    for line, text in enumerate(text_lines(path), start=1):
        if text.startswith(_END):
            yield _entry(row, record)
            row, start, record, n_characters = row + 1, line + 1, [], 0
            continue
        record.append(text.rstrip("\r\n"))
        n_characters += len(text)
        if n_characters > _MAX_CHARACTERS:
            found = f"found {_MAX_CHARACTERS:,} characters without the {_END} that ends a structure"
            raise InputError([Problem.at(Place(path.name, start), found, "an SD file")])
    if any(text.strip() for text in record):
        expected = f"{_END} after every structure; was the file cut off?"
        raise InputError([Problem.at(Place(path.name, line), "found the end of the file", expected)])


def _entry(row: int, record: list[str]) -> Entry:
    texts = _fields(record)
    fields = {ours: next((texts[name] for name in names if texts.get(name)), "") for ours, names in _NAMES.items()}
    fields["name"] = fields["name"] or (record[0].strip() if record else "")
    if not (fields["smiles"] or fields["inchi"]):
        end = next((at for at, text in enumerate(record) if text.startswith("M  END")), len(record))
        fields["smiles"] = smiles_of_molblock("\n".join(record[: end + 1]))
    return Entry(row, fields)


def _fields(record: list[str]) -> Mapping[str, str]:
    """Field -> its first line; names in lower case with `_` for blanks."""
    texts: dict[str, str] = {}
    for at, text in enumerate(record[:-1]):
        if found := _FIELD.match(text):
            texts.setdefault(re.sub(r"\W", "_", found[1].strip().lower()), record[at + 1].strip())
    return texts


def _is_begin(begin: str) -> bool:
    lines = begin.splitlines()
    return len(lines) >= _COUNTS_LINE and _COUNTS.match(lines[_COUNTS_LINE - 1]) is not None


SDF = LibraryFormat("sdf", "an SD file", _is_begin, read_sdf)
