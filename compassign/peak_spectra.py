"""The spectra of a run's peaks and candidates, written beside its results and read by its screens."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from compassign.errors import InputError
from compassign.files import written_whole
from compassign.question import Question
from compassign.results import write_csv
from compassign.spectra.matching import Matched
from compassign.spectra.spectrum import Spectrum

TABLE_NAME, SPECTRA_NAME = "spectra.csv", "spectra.npz"
_PEAK, _COMPOUND = "peak", "compound"  # what the stored spectra are of
_HASHED_DECIMALS = 6


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
    compared = np.unique(question.candidates.compound[slots]).tolist()
    compound_ids = question.dataset.compounds["compound_id"].tolist()
    library = question.spectra.library.of_compound
    of_compound = [(compound_ids[i], found.spectrum) for i in compared for found in library[i]]
    columns = _columns(_PEAK, [(peak_ids[row], match.spectrum) for row, match in of_peak.items()])
    with written_whole(folder / SPECTRA_NAME) as path, path.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **columns, **_columns(_COMPOUND, of_compound))
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


def _columns(kind: str, spectra: Sequence[tuple[str, Spectrum]]) -> dict[str, np.ndarray]:
    """Spectra as flat arrays whose names begin with their kind."""
    found = [spectrum for _, spectrum in spectra]
    nothing = [np.zeros(0)]
    return {
        f"{kind}_id": np.array([name for name, _ in spectra], dtype=np.str_),
        f"{kind}_name": np.array([spectrum.name for spectrum in found], dtype=np.str_),
        f"{kind}_precursor_mz": np.array([spectrum.precursor_mz for spectrum in found], dtype=np.float64),
        f"{kind}_offsets": np.cumsum([0, *(spectrum.mz.size for spectrum in found)]),
        f"{kind}_mz": np.concatenate([*(spectrum.mz for spectrum in found), *nothing]),
        f"{kind}_intensity": np.concatenate([*(spectrum.intensity for spectrum in found), *nothing]),
    }


def read_peak_spectra(results: Path, peak_id: str, compound_id: str) -> tuple[list[Spectrum], list[Spectrum]]:
    """The spectrum of a peak, and those of a compound, of any ion; each may be empty.

    results : the run's folder of results. Raises InputError where the file of spectra is damaged.
    """
    file = results / SPECTRA_NAME
    if not file.is_file():
        return [], []
    try:
        with np.load(file, allow_pickle=False) as stored:
            return _stored(stored, _PEAK, peak_id), _stored(stored, _COMPOUND, compound_id)
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"{file}: not the spectra that a run writes ({error})") from error


def _stored(stored: np.lib.npyio.NpzFile, kind: str, name: str) -> list[Spectrum]:
    offsets = stored[f"{kind}_offsets"]
    return [
        Spectrum(
            name=str(stored[f"{kind}_name"][i]),
            mz=stored[f"{kind}_mz"][offsets[i] : offsets[i + 1]],
            intensity=stored[f"{kind}_intensity"][offsets[i] : offsets[i + 1]],
            precursor_mz=float(stored[f"{kind}_precursor_mz"][i]),
        )
        for i in np.flatnonzero(stored[f"{kind}_id"] == name)
    ]
