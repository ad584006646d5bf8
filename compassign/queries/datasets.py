"""A dataset at a glance before any run: what it holds, and how well its masses fit the library."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from compassign.candidates import Windows, build_candidates, group_by_compound
from compassign.data.bundled import demo_tables
from compassign.data.dataset import Dataset
from compassign.data.workspace import Source
from compassign.errors import Place, Problem
from compassign.tables import RULES
from compassign.units import FloatArray

GLANCE_WINDOW_PPM = Windows().mass_ppm


@dataclass(frozen=True)
class Glance:
    """What a screen shows of a dataset.

    counts : what there is -> how many. polarity : polarity -> number of peaks. species : names, sorted.
    peaks : one row a peak, file order: peak_id, species, polarity, mz, rt_min (min), n_candidates (compounds inside the
        mass window, whatever their retention time), ppm_error (of the nearest of them, signed; NaN without one).
    warnings : what the loader had to assume. about : single values of dataset.toml.
    """

    counts: Mapping[str, int]
    polarity: Mapping[str, int]
    species: tuple[str, ...]
    peaks: pd.DataFrame
    warnings: tuple[str, ...]
    about: Mapping[str, str]

    @property
    def n_with_candidates(self) -> int:
        """Number of peaks with a compound inside the mass window."""
        return int((self.peaks["n_candidates"] > 0).sum())


def glance(source: Source) -> Glance:
    """Read a dataset and match its masses; raises InputError with every problem if it is not valid."""
    dataset = source.load()
    return Glance(
        counts=_counts(dataset),
        polarity={str(name): int(n) for name, n in dataset.peaks["polarity"].value_counts().items()},
        species=tuple(sorted(set(dataset.peaks["species"]))),
        peaks=_matched(dataset),
        warnings=dataset.warnings,
        about=dataset.meta,
    )


def _counts(dataset: Dataset) -> dict[str, int]:
    return {
        "Peaks": len(dataset.peaks),
        "Compounds": len(dataset.compounds),
        "Species": dataset.peaks["species"].nunique(),
        "Injections": dataset.peaks["injection"].nunique(),
        "Calibrants": len(dataset.calibrants),
        **({"Other systems": dataset.retention["system"].nunique()} if len(dataset.retention) else {}),
        "Labelled": len(dataset.labels),
        "In the audit": dataset.audit.peak.size,
        "With truth": len(dataset.truth or {}),
    }


def _matched(dataset: Dataset) -> pd.DataFrame:
    """Peaks with their number of candidates and the error of the nearest, by mass alone: nothing is fitted yet."""
    candidates = build_candidates(dataset, None, Windows(mass_ppm=GLANCE_WINDOW_PPM))
    return dataset.peaks[["peak_id", "species", "polarity", "mz", "rt_min"]].assign(
        n_candidates=np.diff(group_by_compound(candidates).offsets),
        ppm_error=_nearest(candidates.ppm_error, candidates.offsets),
    )


def _nearest(ppm_error: FloatArray, offsets: np.ndarray) -> FloatArray:
    """(n_peaks,) the error of smallest size among each peak's slots, NaN where it has none."""
    peak = np.repeat(np.arange(offsets.size - 1), np.diff(offsets))
    order = np.lexsort((np.abs(ppm_error), peak))
    nearest = np.full(offsets.size - 1, np.nan)
    filled = np.flatnonzero(np.diff(offsets))
    nearest[filled] = ppm_error[order][offsets[filled]]
    return nearest


def column_table() -> pd.DataFrame:
    """Every column that a dataset can have, one a row: file, column, is_needed (where there is the file), expected."""
    rows = [(f"{table}.csv", rule.name, rule.required, rule.expected) for table in RULES for rule in RULES[table]]
    return pd.DataFrame(rows, columns=["file", "column", "is_needed", "expected"])


def example_zip() -> bytes:
    """A small dataset as a person hands it in: the tables of a demonstration."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, table in demo_tables("easy").items():
            archive.writestr(f"example/{name}.csv", table.to_csv(index=False))
    return packed.getvalue()


def problem_table(problems: Sequence[str]) -> pd.DataFrame:
    """Every problem of an InputError, one a row: file, row (<NA> = the whole file), column, found, expected."""
    known = [problem if isinstance(problem, Problem) else Problem(problem, Place("")) for problem in problems]
    return pd.DataFrame(
        {
            "file": [problem.place.file for problem in known],
            "row": pd.array([problem.place.row for problem in known], dtype="Int64"),
            "column": [problem.place.column for problem in known],
            "found": [problem.found for problem in known],
            "expected": [problem.expected for problem in known],
        }
    )
