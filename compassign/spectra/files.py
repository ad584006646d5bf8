"""Which files of a dataset's folder hold spectra."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from compassign.spectra.mzml import read_mzml_spectra
from compassign.spectra.spectrum import Spectrum
from compassign.spectra.text import read_text_spectra
from compassign.tables import LIBRARY_SPECTRA, SPECTRA, SPECTRA_ENDINGS

MZML = ".mzml"
_ENDINGS = tuple(ending.lower() for ending in SPECTRA_ENDINGS)


def measured_files(folder: Path | None) -> list[Path]:
    """Files with spectra of the peaks: `spectra.mgf`, `.msp` or `.mzML`, and all such files of the folder `spectra`."""
    if folder is None:
        return []
    inside = sorted((folder / SPECTRA).iterdir()) if (folder / SPECTRA).is_dir() else []
    beside = sorted(folder.glob(f"{SPECTRA}.*"))
    return [path for path in (*beside, *inside) if path.suffix.lower() in _ENDINGS and path.is_file()]


def library_files(folder: Path | None) -> list[Path]:
    """Files with spectra of the library's compounds: `library_spectra.msp` or `.mgf`."""
    if folder is None:
        return []
    found = sorted(folder.glob(f"{LIBRARY_SPECTRA}.*"))
    return [path for path in found if path.suffix.lower() in _ENDINGS[:2] and path.is_file()]


def injection_of(path: Path, injections: frozenset[str]) -> str:
    """The injection that a file is of: the one that has its name, "" where none has."""
    return path.stem if path.stem in injections else ""


def read_spectra(path: Path, injection: str = "") -> Iterator[Spectrum]:
    """The fragment spectra of a file; injection : whose they are. Raises InputError for what cannot be read."""
    read = read_mzml_spectra if path.suffix.lower() == MZML else read_text_spectra
    for spectrum in read(path):
        yield replace(spectrum, injection=injection) if injection else spectrum
