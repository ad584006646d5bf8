"""The file of the spectra of a run's peaks and candidates: written by a run, read by its screens."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import h5netcdf
import h5py
import numpy as np

from compassign.errors import InputError
from compassign.files import written_whole
from compassign.spectra.spectrum import Spectrum

SPECTRA_NAME = "spectra.nc"
_PEAK, _COMPOUND = "peak", "compound"  # what the stored spectra are of
_PACKED = {"compression": "gzip", "compression_opts": 1}

Named = Sequence[tuple[str, Spectrum]]


def store_spectra(results: Path, of_peaks: Named, of_compounds: Named) -> None:
    """Write spectra, each with the id of its peak or compound, into the run's folder of results."""
    with written_whole(results / SPECTRA_NAME) as path, h5netcdf.File(path, "w") as file:
        _add(file, _PEAK, of_peaks)
        _add(file, _COMPOUND, of_compounds)


def read_peak_spectra(results: Path, peak_id: str, compound_id: str) -> tuple[list[Spectrum], list[Spectrum]]:
    """The spectrum of a peak, and those of a compound, of any ion; each may be empty.

    results : the run's folder of results. Raises InputError where the file of spectra is damaged.
    """
    file = results / SPECTRA_NAME
    if not file.is_file():
        return [], []
    try:
        with h5netcdf.File(file, "r", decode_vlen_strings=True) as stored:
            return _stored(stored[_PEAK], peak_id), _stored(stored[_COMPOUND], compound_id)
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"{file}: not the spectra that a run writes ({error})") from error


def _add(file: Any, kind: str, spectra: Named) -> None:
    """Add spectra as a group of their kind: names by spectrum, and fragments one spectrum after the other."""
    found = [spectrum for _, spectrum in spectra]
    offsets = np.cumsum([0, *(spectrum.mz.size for spectrum in found)])
    group = file.create_group(kind)
    group.dimensions = {"spectrum": len(found), "fragment": int(offsets[-1]), "edge": offsets.size}
    for name, texts in (("id", [name for name, _ in spectra]), ("name", [spectrum.name for spectrum in found])):
        group.create_variable(name, ("spectrum",), data=np.array(texts, dtype=object), dtype=h5py.string_dtype())
    group.create_variable("precursor_mz", ("spectrum",), data=np.array([spectrum.precursor_mz for spectrum in found]))
    group.create_variable("offsets", ("edge",), data=offsets)
    for name in ("mz", "intensity"):
        flat = np.concatenate([*(getattr(spectrum, name) for spectrum in found), np.zeros(0)])
        group.create_variable(name, ("fragment",), data=flat, **(_PACKED if flat.size else {}))


def _stored(group: Any, name: str) -> list[Spectrum]:
    """The spectra of one name; of the fragments, no others are read."""
    rows = np.flatnonzero(group["id"][:] == name).tolist()
    found = []
    for row in rows:
        own = slice(*group["offsets"][row : row + 2].tolist())
        text, precursor_mz = str(group["name"][row]), float(group["precursor_mz"][row])
        found.append(Spectrum(text, group["mz"][own], group["intensity"][own], precursor_mz))
    return found
