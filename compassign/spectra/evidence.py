"""What the spectra of a dataset say of each candidate of each peak, and why where they say nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from itertools import chain
from pathlib import Path

import numpy as np

from compassign.candidates import Candidates, Windows, build_candidates
from compassign.data.dataset import Dataset
from compassign.data.raw import list_some
from compassign.spectra.files import injection_of, library_files, measured_files, read_spectra
from compassign.spectra.matching import (
    BY_ID,
    RT_TOLERANCE_MIN,
    LibrarySpectra,
    PeakSpectra,
    first_blocks,
    match_to_compounds,
    match_to_peaks,
)
from compassign.spectra.pairs import Compared, Comparisons, labelled_pairs, library_pairs, to_pairs
from compassign.spectra.ratio import MIN_COMPOUNDS, LogRatio, learn_ratio
from compassign.spectra.similarity import TOLERANCE_DA, clean, compare
from compassign.units import FloatArray

_NAMED = 3  # spectra of unknown compounds in a message
_Stamp = tuple[Path, int, int]
"""A file, its time of change in ns and its size in bytes."""


@dataclass(frozen=True)
class SpectralEvidence:
    """What was found in the spectra of a dataset.

    log_ratio : (n_slots,) log-likelihood ratio, nats, 0 where either has no spectrum; None where none can be
    told. n_compounds : from whose spectra the ratio is learned.
    """

    peaks: PeakSpectra
    library: LibrarySpectra
    comparisons: Comparisons
    log_ratio: FloatArray | None
    n_compounds: int

    def found(self) -> list[str]:
        """What was matched and compared, one sentence each."""
        n_slots = np.unique(self.comparisons.slot).size
        is_weighed = self.log_ratio is not None
        learned = f"; how much likeness says is learned from {self.n_compounds:,} compounds" if is_weighed else ""
        return [
            *_about_peaks(self.peaks),
            *_about_library(self.library),
            *([f"{n_slots:,} candidates have a spectrum to compare{learned}"] if self.library.n_spectra else []),
        ]

    def not_used(self) -> list[str]:
        """What could not be matched or weighed, and why, one sentence each."""
        few = (
            f"spectra are shown but not weighed: {self.n_compounds} compounds have two spectra known to be theirs (of "
            f"the library, or one of it and one of a labelled peak), {MIN_COMPOUNDS} are needed"
        )
        is_unweighed = self.log_ratio is None and self.comparisons.slot.size > 0
        return [*_unused_of_peaks(self.peaks), *_unused_of_library(self.library), *([few] if is_unweighed else [])]


def find_spectral_evidence(dataset: Dataset, candidates: Candidates) -> SpectralEvidence | None:
    """Match, compare and weigh the spectra beside a dataset's tables; None where there are none.

    dataset : its labels are those that the fit sees. Raises InputError for files that cannot be read.
    """
    measured, references = measured_files(dataset.folder), library_files(dataset.folder)
    if not (measured or references):
        return None
    read = _read(_Files(_stamps(measured), _stamps(references), dataset.dataset_hash, dataset))
    comparisons = _compare(candidates, _mz_of_slots(dataset, candidates), read.peaks, read.library)
    pairs = to_pairs([*read.pairs, *labelled_pairs(dataset, candidates, comparisons)])
    log_ratio = _log_ratio(comparisons, learn_ratio(pairs), candidates.compound.size)
    return SpectralEvidence(read.peaks, read.library, comparisons, log_ratio, pairs.n_compounds)


@dataclass(frozen=True)
class _Files:
    """What spectra are read from, and for; equal where the same would be found."""

    measured: tuple[_Stamp, ...]
    library: tuple[_Stamp, ...]
    dataset_hash: str
    dataset: Dataset = field(compare=False)


@dataclass(frozen=True)
class _Read:
    """What does not depend on labels."""

    peaks: PeakSpectra
    library: LibrarySpectra
    pairs: tuple[Compared, ...]


def _stamps(paths: list[Path]) -> tuple[_Stamp, ...]:
    return tuple((path, (about := path.stat()).st_mtime_ns, about.st_size) for path in paths)


@lru_cache(maxsize=2)
def _read(files: _Files) -> _Read:
    """Read and match once what a process that fits again and again would read anew with every label."""
    dataset = files.dataset
    injections = frozenset(dataset.peaks["injection"].tolist())
    of_peaks = (read_spectra(path, injection_of(path, injections)) for path, *_ in files.measured)
    peaks = match_to_peaks(chain.from_iterable(of_peaks), dataset.peaks)
    of_library = (read_spectra(path) for path, *_ in files.library)
    library = match_to_compounds(chain.from_iterable(of_library), dataset.compounds)
    return _Read(peaks, library, tuple(library_pairs(library, first_blocks(dataset.compounds))))


def describe_spectra(dataset: Dataset) -> list[str]:
    """What a run would find in the spectra of a dataset, one sentence a line; none where there are no spectra.

    Raises InputError for files that cannot be read.
    """
    found = find_spectral_evidence(dataset, build_candidates(dataset, None, Windows()))
    if found is None:
        return []
    return [*(f"  {line}" for line in found.found()), *(f"warning: {line}" for line in found.not_used())]


def _mz_of_slots(dataset: Dataset, candidates: Candidates) -> FloatArray:
    """(n_slots,) theoretical m/z of each candidate ion."""
    observed = np.repeat(dataset.peaks["mz"].to_numpy(dtype=np.float64), np.diff(candidates.offsets))
    return np.asarray(observed / (1.0 + candidates.ppm_error * 1e-6))


def _compare(candidates: Candidates, mz: FloatArray, peaks: PeakSpectra, library: LibrarySpectra) -> Comparisons:
    """Compare each peak's spectrum with all of the same ion of its candidates; mz : (n_slots,)."""
    found: list[tuple[int, float, int]] = []
    for row in sorted(peaks.of_peak):
        query = clean(peaks.of_peak[row].spectrum)
        for slot in range(candidates.offsets[row], candidates.offsets[row + 1]) if query.mz.size else ():
            for reference in library.of_ion(int(candidates.compound[slot]), float(mz[slot])):
                alike = compare(query, reference.fragments)
                found.append((slot, alike.similarity, alike.n_matched))
    columns = np.array(found, dtype=np.float64).reshape(-1, 3)
    return Comparisons(columns[:, 0].astype(np.int64), columns[:, 1], columns[:, 2].astype(np.int64))


def _log_ratio(comparisons: Comparisons, ratio: LogRatio | None, n_slots: int) -> FloatArray | None:
    """(n_slots,) log of the mean ratio over a candidate's spectra; None where nothing is learned or compared.

    The peak's spectrum was taken like one of them, nobody knows which. A mean of ratios is 1 on average for any other
    compound, however many spectra it has; the largest would favour those with many.
    """
    if ratio is None or not comparisons.slot.size:
        return None
    each = np.exp(ratio.at(comparisons.similarity, comparisons.n_matched.astype(np.float64)))
    count = np.bincount(comparisons.slot, minlength=n_slots)
    total = np.bincount(comparisons.slot, weights=each, minlength=n_slots)
    return np.log(np.where(count > 0, total, 1.0) / np.maximum(count, 1))


def _about_peaks(peaks: PeakSpectra) -> list[str]:
    if not peaks.n_spectra:
        return []
    n_by_id = sum(match.by == BY_ID for match in peaks.of_peak.values())
    return [
        f"{peaks.n_used:,} of {peaks.n_spectra:,} spectra belong to {len(peaks.of_peak):,} peaks: {n_by_id:,} by "
        f"ms2_id, {len(peaks.of_peak) - n_by_id:,} by m/z and RT"
    ]


def _about_library(library: LibrarySpectra) -> list[str]:
    if not library.n_spectra:
        return []
    n_compounds = len(library.of_compound)
    return [f"{library.n_used:,} of {library.n_spectra:,} library spectra belong to {n_compounds:,} compounds"]


def _unused_of_peaks(peaks: PeakSpectra) -> list[str]:
    reasons = {
        f"are named by a peak whose m/z is more than {TOLERANCE_DA} away": peaks.n_other_mz,
        "are named by no peak and say no precursor m/z or no RT": peaks.n_unplaced,
        f"have no peak within {TOLERANCE_DA} of their m/z and {RT_TOLERANCE_MIN} min": peaks.n_far,
    }
    return [f"not used: {n:,} spectra that {reason}" for reason, n in reasons.items() if n]


def _unused_of_library(library: LibrarySpectra) -> list[str]:
    names = list_some(list(dict.fromkeys(library.unknown))[:_NAMED])
    reasons = {
        "say no precursor m/z": library.n_without_precursor,
        "have no fragment below the precursor": library.n_without_fragments,
        f"are of no compound of the library, such as {names}": len(library.unknown),
    }
    return [f"not used: {n:,} library spectra that {reason}" for reason, n in reasons.items() if n]
