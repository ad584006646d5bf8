"""Whose spectrum it is: of a peak of the dataset, or of a compound of the library."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from compassign.spectra.similarity import TOLERANCE_DA, Fragments, clean
from compassign.spectra.spectrum import Spectrum

RT_TOLERANCE_MIN = 0.2  # fragments are taken anywhere within a chromatographic peak
BY_ID, BY_MZ_AND_RT = "ms2_id", "m/z and RT"
_FIRST_BLOCK = 14  # letters of an InChIKey that say the skeleton, without stereochemistry


@dataclass(frozen=True)
class Matched:
    """A peak's spectrum; by : BY_ID or BY_MZ_AND_RT."""

    spectrum: Spectrum
    by: str

    @property
    def rank(self) -> tuple[bool, float]:
        """Of a peak's spectra the one that its id names counts, then the one with most ions."""
        return self.by == BY_ID, float(self.spectrum.intensity.sum())


@dataclass
class PeakSpectra:
    """of_peak : row of a peak -> its one spectrum. The rest counts spectra that are nobody's, by the reason."""

    of_peak: dict[int, Matched] = field(default_factory=dict)
    n_spectra: int = 0
    n_used: int = 0
    n_other_mz: int = 0
    n_unplaced: int = 0
    n_far: int = 0


def match_to_peaks(spectra: Iterable[Spectrum], peaks: pd.DataFrame) -> PeakSpectra:
    """Give each peak at most one spectrum.

    A spectrum is of the peaks whose `ms2_id` is one of its ids, if its precursor is within TOLERANCE_DA of their m/z.
    Where no peak names it, it is of the peak that is nearest in RT among those within TOLERANCE_DA and
    RT_TOLERANCE_MIN, of its injection where it has one.
    """
    found, index = PeakSpectra(), _PeakIndex(peaks)
    for spectrum in spectra:
        found.n_spectra += 1
        named = index.named(spectrum)
        fitting = [row for row in named if not abs(index.mz[row] - spectrum.precursor_mz) > TOLERANCE_DA]
        if named:
            found.n_other_mz += not fitting
        elif math.isnan(spectrum.precursor_mz) or math.isnan(spectrum.rt_min):
            found.n_unplaced += 1
        else:
            fitting = index.nearest(spectrum)
            found.n_far += not fitting
        found.n_used += bool(fitting)
        for row in fitting:
            match = Matched(spectrum, BY_ID if named else BY_MZ_AND_RT)
            if row not in found.of_peak or match.rank > found.of_peak[row].rank:
                found.of_peak[row] = match
    return found


class _PeakIndex:
    """Peaks by what their `ms2_id` names, and in the order of m/z."""

    def __init__(self, peaks: pd.DataFrame) -> None:
        self.mz = peaks["mz"].to_numpy(dtype=np.float64)
        self.rt_min = peaks["rt_min"].to_numpy(dtype=np.float64)
        self.injection: list[str] = peaks["injection"].tolist()
        self._order = np.argsort(self.mz, kind="stable")
        self._sorted = self.mz[self._order]
        self._by_id: dict[str, list[int]] = {}
        for row, ms2_id in enumerate(peaks["ms2_id"].tolist()):
            if ms2_id:
                self._by_id.setdefault(ms2_id, []).append(row)

    def named(self, spectrum: Spectrum) -> list[int]:
        """Rows of the peaks that name a spectrum."""
        rows = sorted({row for name in spectrum.ids for row in self._by_id.get(name, ())})
        return [row for row in rows if self._may_be_of(spectrum, row)]

    def nearest(self, spectrum: Spectrum) -> list[int]:
        """The row of the nearest peak in RT, if one is near."""
        low, high = np.searchsorted(
            self._sorted, [spectrum.precursor_mz - TOLERANCE_DA, spectrum.precursor_mz + TOLERANCE_DA]
        )
        rows = [row for row in self._order[low:high].tolist() if self._may_be_of(spectrum, row)]
        far = {row: abs(self.rt_min[row] - spectrum.rt_min) for row in rows}
        near = [row for row in rows if far[row] <= RT_TOLERANCE_MIN]
        return [min(near, key=lambda row: (far[row], row))] if near else []

    def _may_be_of(self, spectrum: Spectrum, row: int) -> bool:
        return spectrum.injection in {"", self.injection[row]}


@dataclass(frozen=True)
class Reference:
    """A spectrum of a compound. fragments : clean."""

    spectrum: Spectrum
    fragments: Fragments


@dataclass
class LibrarySpectra:
    """of_compound : library index -> its spectra. The rest counts what cannot be used; unknown : names of spectra."""

    of_compound: dict[int, list[Reference]] = field(default_factory=dict)
    n_spectra: int = 0
    n_used: int = 0
    n_without_precursor: int = 0
    n_without_fragments: int = 0
    unknown: list[str] = field(default_factory=list)

    def of_ion(self, compound: int, mz: float) -> list[Reference]:
        """A compound's spectra whose precursor has an m/z, so that they are of the same ion."""
        references = self.of_compound.get(compound, ())
        return [found for found in references if abs(found.spectrum.precursor_mz - mz) <= TOLERANCE_DA]


def match_to_compounds(spectra: Iterable[Spectrum], compounds: pd.DataFrame) -> LibrarySpectra:
    """Give each compound its spectra.

    The first of its fields `compound_id`, InChIKey (the first block, so that stereoisomers share their spectra) and
    name (but for capitals) that is a compound's decides.
    """
    found, index = LibrarySpectra(), _compound_index(compounds)
    for spectrum in spectra:
        found.n_spectra += 1
        rows = _compounds_of(spectrum, index)
        fragments = clean(spectrum)
        if not rows:
            found.unknown.append(spectrum.name)
        elif math.isnan(spectrum.precursor_mz):
            found.n_without_precursor += 1
        elif not fragments.mz.size:
            found.n_without_fragments += 1
        else:
            found.n_used += 1
            for row in rows:
                found.of_compound.setdefault(row, []).append(Reference(spectrum, fragments))
    return found


_Index = Mapping[str, Mapping[str, list[int]]]


def _compound_index(compounds: pd.DataFrame) -> _Index:
    """Field of a spectrum -> text -> rows of the compounds that have it."""
    texts = {
        "COMPOUND_ID": compounds["compound_id"].tolist(),
        "INCHIKEY": first_blocks(compounds),
        "NAME": compounds["name"].str.casefold().tolist(),
    }
    index: dict[str, dict[str, list[int]]] = {key: {} for key in texts}
    for key, values in texts.items():
        for row, text in enumerate(values):
            if text:
                index[key].setdefault(text, []).append(row)
    return index


def first_blocks(compounds: pd.DataFrame) -> list[str]:
    """The first block of each compound's InChIKey, "" where it has none."""
    return [str(key).strip()[:_FIRST_BLOCK].upper() for key in compounds["inchikey"].tolist()]


def _compounds_of(spectrum: Spectrum, index: _Index) -> list[int]:
    fields = spectrum.fields
    given = {
        "COMPOUND_ID": fields.get("COMPOUND_ID", ""),
        "INCHIKEY": fields.get("INCHIKEY", "")[:_FIRST_BLOCK].upper(),
        "NAME": (fields.get("NAME") or fields.get("COMPOUND_NAME", "")).casefold(),
    }
    return next((rows for key, text in given.items() if (rows := index[key].get(text, []))), [])
