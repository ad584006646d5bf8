"""The spectra of a run's peaks and candidates, written beside its results."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd

from compassign.question import Question
from compassign.results import write_csv
from compassign.spectra.matching import Matched
from compassign.spectra.stored import store_spectra

TABLE_NAME = "spectra.csv"
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
    compared = np.unique(question.problem.compound[slots]).tolist()
    compound_ids = question.dataset.compounds["compound_id"].tolist()
    library = question.spectra.library.of_compound
    of_compound = [(compound_ids[i], found.spectrum) for i in compared for found in library[i]]
    store_spectra(folder, [(peak_ids[row], match.spectrum) for row, match in of_peak.items()], of_compound)
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
