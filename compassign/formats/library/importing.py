"""A library to compounds.csv of a dataset's folder and, where it has spectra, to library_spectra.mgf."""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from compassign.errors import InputError
from compassign.files import written_whole
from compassign.formats.library.compounds import Collected, Compound, Faults
from compassign.formats.library.entry import Entry, LibraryFormat
from compassign.formats.source import open_source
from compassign.spectra.spectrum import Spectrum
from compassign.tables import LIBRARY_SPECTRA, contract_columns

COMPOUNDS_FILE = "compounds.csv"
SPECTRA_FILE = f"{LIBRARY_SPECTRA}.mgf"
LIBRARY_FILES = (COMPOUNDS_FILE, "compounds.parquet", SPECTRA_FILE, f"{LIBRARY_SPECTRA}.msp")
"""All that a library can be in a dataset's folder."""
_ALWAYS = ("compound_id", "name", "formula")
_KEPT_FIELDS = (
    *("IONMODE", "ION_MODE", "COLLISION_ENERGY", "COLLISIONENERGY", "INSTRUMENT", "INSTRUMENTTYPE"),
    *("INSTRUMENT_TYPE", "SPECTRUMID", "DB#", "LICENSE"),
)


@dataclass(frozen=True)
class ImportedLibrary:
    """What was written. n_entries : rows or records that were read. n_merged : of compounds that were there already."""

    title: str
    n_entries: int
    n_compounds: int
    n_merged: int
    n_spectra: int
    n_with_structure: int
    n_with_rt: int
    kept: tuple[str, ...]
    warnings: tuple[str, ...]


def import_library(path: Path, target: Path, known: LibraryFormat, replace: bool = False) -> ImportedLibrary:
    """Write a library into a dataset's folder, which may be new; replace : what it has as a library may go.

    Raises InputError with every problem, and leaves the folder as it was then.
    """
    folder = Path(os.path.abspath(target))
    is_new = not folder.exists()
    _refuse_existing(folder, replace)
    try:
        with ExitStack() as opened:
            table = opened.enter_context(written_whole(folder / COMPOUNDS_FILE))
            spectra = _SpectraWriter(folder / SPECTRA_FILE, opened)
            collected = collect(path, known, spectra)
            write_compounds(list(collected.compounds.values()), table)
        kept = {COMPOUNDS_FILE, *([SPECTRA_FILE] if spectra.n_written else [])}
        for name in set(LIBRARY_FILES) - kept:
            (folder / name).unlink(missing_ok=True)
    except OSError as error:
        raise InputError(f"{target}: cannot be written ({error.strerror}); is there space?") from error
    finally:
        if is_new and folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
    compounds = collected.compounds.values()
    return ImportedLibrary(
        title=known.title,
        n_entries=collected.n_entries,
        n_compounds=len(compounds),
        n_merged=collected.n_merged,
        n_spectra=spectra.n_written,
        n_with_structure=sum(bool(compound.smiles) for compound in compounds),
        n_with_rt=sum(bool(compound.rt_pred_min) for compound in compounds),
        kept=kept_columns(list(compounds)),
        warnings=(*_encoding_warnings(path, known), *collected.faults.warnings()),
    )


def _refuse_existing(folder: Path, replace: bool) -> None:
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder}: is a file, expected a dataset's folder or a new one")
    there = [name for name in LIBRARY_FILES if (folder / name).exists()]
    if there and not replace:
        raise InputError(f"{folder / there[0]}: exists already; say --replace to put this library in its place")


def _encoding_warnings(path: Path, known: LibraryFormat) -> tuple[str, ...]:
    return open_source(path).warnings() if known.is_own else ()


class _SpectraWriter:
    """Writes spectra as MGF, each with the id of its compound; the file begins with the first of them."""

    def __init__(self, path: Path, opened: ExitStack) -> None:
        self._path, self._opened = path, opened
        self._file: TextIO | None = None
        self.n_written = 0

    def write(self, compound: Compound, entry: Entry, spectrum: Spectrum) -> None:
        if self._file is None:
            temporary = self._opened.enter_context(written_whole(self._path))
            self._file = self._opened.enter_context(temporary.open("w", encoding="utf-8", newline="\n"))
        about = {
            "TITLE": spectrum.name,
            "COMPOUND_ID": compound.compound_id,
            "INCHIKEY": compound.inchikey,
            "PEPMASS": entry.text("mz"),
            "ADDUCT": entry.text("adduct"),
            **{name: spectrum.fields.get(name, "") for name in _KEPT_FIELDS},
        }
        fragments = zip(spectrum.mz.tolist(), spectrum.intensity.tolist(), strict=True)
        lines = [
            "BEGIN IONS",
            *(f"{name}={text}" for name, text in about.items() if text),
            *(f"{mz!r} {intensity!r}" for mz, intensity in fragments),
            "END IONS\n\n",
        ]
        self._file.write("\n".join(lines))
        self.n_written += 1


def collect(path: Path, known: LibraryFormat, spectra: _SpectraWriter | None = None) -> Collected:
    """The compounds of a library; raises InputError with every problem, and where nothing of it can be used.

    spectra : writes those of each compound.
    """
    collected = Collected(Faults(path.name, known.is_own))
    for entry in known.read(path):
        compound = collected.add(entry)
        if compound is not None and entry.spectrum is not None and spectra is not None:
            spectra.write(compound, entry, entry.spectrum)
    collected.faults.problems.raise_any()
    if not collected.compounds:
        why = "; ".join(collected.faults.warnings()) or "it has none"
        hint = "; measured spectra belong into the dataset's folder as spectra.mgf" if known.name == "mgf" else ""
        raise InputError(
            f"{path.name}: found no compound ({why}), expected {known.title} with names and formulas{hint}"
        )
    return collected


def kept_columns(compounds: Sequence[Compound]) -> tuple[str, ...]:
    """Foreign columns that any of the compounds has something in, in the order of the file."""
    return tuple(dict.fromkeys(name for compound in compounds for name, text in compound.kept.items() if text))


def write_compounds(compounds: Sequence[Compound], file: Path) -> None:
    """Write a table of compounds; of the contract's columns those that say something."""
    ours = [
        name
        for name in contract_columns("compounds")
        if name in _ALWAYS or any(getattr(compound, name) for compound in compounds)
    ]
    kept = kept_columns(compounds)
    with file.open("w", encoding="utf-8", newline="") as target:
        writer = csv.writer(target, lineterminator="\n")
        writer.writerow([*ours, *kept])
        for compound in compounds:
            writer.writerow(
                [*(getattr(compound, name) for name in ours), *(compound.kept.get(name, "") for name in kept)]
            )
