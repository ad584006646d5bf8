"""The spectra of a run's peaks and candidates, written beside its results and read by its screens."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import h5netcdf
import h5py
import numpy as np
import pandas as pd

from compassign.errors import InputError
from compassign.files import written_whole
from compassign.question import Question
from compassign.results import write_csv
from compassign.spectra.matching import Matched
from compassign.spectra.spectrum import Spectrum

TABLE_NAME, SPECTRA_NAME = "spectra.csv", "spectra.nc"
_PEAK, _COMPOUND = "peak", "compound"  # what the stored spectra are of
_HASHED_DECIMALS = 6
_PACKED = {"compression": "gzip", "compression_opts": 1}


def write_peak_spectra(question: Question, folder: Path) -> dict[str, str]:
    """Write which spectrum each peak has, and the spectra of peaks and of their candidates, if there are any.

    Returns `spectra_hash`, the SHA-256 hex digest of what they were found to say, to six decimals; nothing without any.
    """
    if question.spectra is None or not question.spectra.peaks.of_peak:
        return {}
    of_peak = dict(sorted(question.spectra.peaks.of_peak.items()))
    peak_ids = question.dataset.peaks["peak_id"].tolist()
    write_csv(_table({peak_ids[row]: match for row, match in of_peak.items()}), folder / TABLE_NAME)
    slots = np.unique(question.spectra.comparisons.slot)
    compared = np.unique(question.problem.compound[slots]).tolist()
    compound_ids = question.dataset.compounds["compound_id"].tolist()
    library = question.spectra.library.of_compound
    of_compound = [(compound_ids[i], found.spectrum) for i in compared for found in library[i]]
    with written_whole(folder / SPECTRA_NAME) as path, h5netcdf.File(path, "w") as file:
        _add(file, _PEAK, [(peak_ids[row], match.spectrum) for row, match in of_peak.items()])
        _add(file, _COMPOUND, of_compound)
    found = question.spectra.comparisons
    rounded = np.rint(found.similarity * 10.0**_HASHED_DECIMALS)
    content = np.stack([found.slot, rounded, found.n_matched]).astype("<i8").tobytes()
    return {"spectra_hash": hashlib.sha256(content).hexdigest()}


def _table(matches: dict[str, Matched]) -> pd.DataFrame:
    """One row a peak that has a spectrum."""
    spectra = [match.spectrum for match in matches.values()]
    return pd.DataFrame(
        {
            "peak_id": list(matches),
            "spectrum": [spectrum.name for spectrum in spectra],
            "matched_by": [match.by for match in matches.values()],
            "precursor_mz": [spectrum.precursor_mz for spectrum in spectra],
            "rt_min": [spectrum.rt_min for spectrum in spectra],
            "n_fragments": [spectrum.mz.size for spectrum in spectra],
        }
    )


def _add(file: Any, kind: str, spectra: Sequence[tuple[str, Spectrum]]) -> None:
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


def _stored(group: Any, name: str) -> list[Spectrum]:
    """The spectra of one name; of the fragments, no others are read."""
    rows = np.flatnonzero(group["id"][:] == name).tolist()
    found = []
    for row in rows:
        own = slice(*group["offsets"][row : row + 2].tolist())
        text, precursor_mz = str(group["name"][row]), float(group["precursor_mz"][row])
        found.append(Spectrum(text, group["mz"][own], group["intensity"][own], precursor_mz))
    return found
