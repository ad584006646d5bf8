"""Libraries of spectra as text: MSP (NIST, MoNA, MassBank, MS-DIAL) and MGF (GNPS), often several of a compound.

Source: the fields that MoNA, MassBank, MS-DIAL, NIST and GNPS write; those of a spectrum's `Comments` count too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from compassign.formats.adducts import known_adduct
from compassign.formats.library.entry import Entry, LibraryFormat
from compassign.spectra.spectrum import Spectrum
from compassign.spectra.text import read_text_spectra

_BEGIN_MSP = re.compile(r"\s*(?:#.*\n\s*)*name\s*:", re.IGNORECASE)
_BEGIN_MGF = re.compile(r"^BEGIN IONS\s*$", re.MULTILINE)
_COMMENT = re.compile(r'"([^"=]+)=([^"]*)"')
_COLLISION = re.compile(r"\s+-\s+[\d.]+\s*eV$", re.IGNORECASE)  # what GNPS and MassBank write behind names
_MS1 = frozenset({"MS", "MS1"})
_NAMES: Mapping[str, tuple[str, ...]] = {
    "compound_id": ("COMPOUND_ID",),
    "name": ("NAME", "COMPOUND_NAME"),
    "formula": ("FORMULA", "MOLECULAR_FORMULA"),
    "exact_mass": ("EXACTMASS", "EXACT_MASS", "PARENT_MASS", "MONOISOTOPIC_MASS"),
    "inchikey": ("INCHIKEY", "INCHI_KEY", "INCHIAUX"),
    "smiles": ("SMILES",),
    "inchi": ("INCHI",),
    "adduct": ("ADDUCT", "PRECURSORTYPE", "PRECURSOR_TYPE", "ADDUCTIONNAME"),
}


def read_spectral(path: Path) -> Iterator[Entry]:
    """One entry for each spectrum, of MS1 without it; raises InputError with every line that cannot be read."""
    for row, spectrum in enumerate(read_text_spectra(path), start=1):
        yield _entry(row, spectrum)


def _entry(row: int, spectrum: Spectrum) -> Entry:
    comments = {
        key.strip().upper().replace(" ", "_"): text for key, text in _COMMENT.findall(_said(spectrum, "COMMENTS"))
    }
    said = {**comments, **{key: text for key, text in spectrum.fields.items() if text}}
    fields = {ours: next((said[name] for name in names if said.get(name)), "") for ours, names in _NAMES.items()}
    fields["name"], adduct = _split_name(fields["name"])
    fields["adduct"] = fields["adduct"] or adduct
    if spectrum.precursor_mz > 0.0:  # NaN where the file does not say
        fields["mz"] = repr(spectrum.precursor_mz)
    level = (said.get("SPECTRUM_TYPE") or said.get("MSLEVEL") or "").upper()
    is_ms1 = level in _MS1 or level == "1"
    return Entry(row, fields, spectrum=None if is_ms1 else spectrum)


def _said(spectrum: Spectrum, name: str) -> str:
    return spectrum.fields.get(name, "") or spectrum.fields.get(name.removesuffix("S"), "")


def _split_name(name: str) -> tuple[str, str]:
    """A name without collision energy and adduct, and the adduct: GNPS has `Caffeine - 40.0 eV` and `Caffeine M+H`."""
    bare = _COLLISION.sub("", name).strip()
    head, _, last = bare.rpartition(" ")
    adduct = f"[M]{last[1]}" if last in {"M+", "M-"} else last
    return (head, adduct) if head and "M" in last and known_adduct(adduct) is not None else (bare, "")


MSP = LibraryFormat(
    "msp", "an MSP library of spectra", lambda begin: _BEGIN_MSP.match(begin) is not None, read_spectral
)
MGF = LibraryFormat(
    "mgf", "an MGF library of spectra", lambda begin: _BEGIN_MGF.search(begin) is not None, read_spectral
)
