"""What a library's file says of one compound, whatever the format, and what an importer of such a file is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from compassign.data.raw import show_value
from compassign.spectra.spectrum import Spectrum

_MISSING = frozenset({"", "na", "n/a", "nan", "none", "null", "-", "unknown"})
FIELDS = (
    *("compound_id", "name", "formula", "exact_mass", "charge", "inchikey", "smiles"),
    *("rt_pred_min", "rt_pred_sd_min", "known_in", "inchi", "mz", "adduct"),
)
"""What an entry can say: columns of compounds.csv, and three from which they follow where they are absent."""


@dataclass(frozen=True)
class Entry:
    """One row of a sheet, or one record of a database.

    row : line of a sheet, number of the record elsewhere (the first is 1). fields : of `FIELDS`, as text.
    kept : foreign column -> text. spectrum : a fragment spectrum of the compound, None without.
    """

    row: int
    fields: Mapping[str, str]
    kept: Mapping[str, str] = field(default_factory=dict)
    spectrum: Spectrum | None = None

    def text(self, name: str) -> str:
        """A field as text, "" where the file says nothing or `N/A`."""
        text = self.fields.get(name, "").strip()
        return "" if name != "name" and text.lower() in _MISSING else text

    @property
    def title(self) -> str:
        """What messages call it."""
        return show_value(self.text("compound_id") or self.text("name") or self.text("inchikey"))


@dataclass(frozen=True)
class LibraryFormat:
    """A kind of library and how to read it.

    name : for `--format`. is_begin : whether the first bytes of a file are those of one, as text. read : its entries,
    one at a time; raises InputError for what is broken. is_own : a person wrote it and can mend it, so that every
    fault is a problem; in a public database entries with faults are counted and left out.
    """

    name: str
    title: str
    is_begin: Callable[[str], bool]
    read: Callable[[Path], Iterator[Entry]]
    is_own: bool = False
