"""From mass and retention-time windows to the ragged list of candidates of every peak."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from compassign.chemistry.adducts import default_adducts, get_adduct, mz_theoretical, own_ion
from compassign.chemistry.matching import (
    LibraryArrays,
    PeakArrays,
    RtPredictions,
    Slots,
    Windows,
    charge_fits,
    is_formed,
    isotope_shift,
    joined_slots,
    match_windows,
    polarity_fits,
    rt_z,
    sorted_slots,
)
from compassign.data.dataset import Dataset
from compassign.errors import InputError
from compassign.units import FloatArray, IntArray, ppm_error

__all__ = [
    "Candidates",
    "LibraryArrays",
    "Options",
    "PeakArrays",
    "RtPredictions",
    "Windows",
    "add_labelled",
    "build_candidates",
    "candidates_from_arrays",
    "group_by_compound",
    "library_arrays",
    "peak_arrays",
    "peak_of_slot",
    "species_names",
]


@dataclass(frozen=True)
class Candidates:
    """Ragged candidates: the slots of peak i are `offsets[i]:offsets[i + 1]`; the null is implicit, before the first.

    offsets : (n_peaks + 1,). compound, adduct : (n_slots,) indices into the library and `adduct_names`; the slots of a
        peak are sorted by (compound, adduct).
    ppm_error : (n_slots,) signed ppm. rt_z : (n_slots,) predictive SDs, NaN without a prediction.
    mass_window_ppm : half-width of the mass window.
    """

    offsets: IntArray
    compound: IntArray
    adduct: IntArray
    adduct_names: tuple[str, ...]
    ppm_error: FloatArray
    rt_z: FloatArray
    mass_window_ppm: float


@dataclass(frozen=True)
class Options:
    """The distinct compounds of every peak: those of peak i are `offsets[i]:offsets[i + 1]`; the null is implicit.

    offsets : (n_peaks + 1,). compound : (n_options,) ascending within a peak. option_of_slot : (n_slots,) ascending.
    """

    offsets: IntArray
    compound: IntArray
    option_of_slot: IntArray


def build_candidates(dataset: Dataset, predictions: RtPredictions | None, windows: Windows) -> Candidates:
    """Every (compound, adduct) inside the windows of every peak; `match_windows` has the rules and the errors."""
    return candidates_from_arrays(peak_arrays(dataset), library_arrays(dataset), windows, predictions)


def candidates_from_arrays(
    peaks: PeakArrays, library: LibraryArrays, windows: Windows, predictions: RtPredictions | None = None
) -> Candidates:
    """Every (compound, adduct) inside the windows of every peak, from plain arrays."""
    slots, names = match_windows(peaks, library, windows, predictions)
    return _ragged(slots, peaks.mz.size, names, windows.mass_ppm)


def add_labelled(
    candidates: Candidates, dataset: Dataset, predictions: RtPredictions | None
) -> tuple[Candidates, list[str]]:
    """Add a slot for every compound that a label names and the windows left out.

    The slot has the adduct of smallest |ppm_error| among the candidates' adducts that the peak's polarity and charge
    allow. Where they allow none, other adducts, another charge, at last the other polarity are taken: no label is lost.

    Returns the candidates, and one warning for each slot added. Raises InputError for an unknown peak or compound.
    """
    peak, compound = _labelled_pairs(dataset)
    n_compounds = len(dataset.compounds)
    is_slot = np.isin(peak * n_compounds + compound, peak_of_slot(candidates) * n_compounds + candidates.compound)
    if is_slot.all():
        return candidates, []
    peaks, library = peak_arrays(dataset), library_arrays(dataset)
    nearest, names = _nearest_slots(candidates.adduct_names, peaks, library, peak[~is_slot], compound[~is_slot])
    added = replace(nearest, rt_z=rt_z(nearest, peaks, predictions))
    slots = sorted_slots(joined_slots([_loose(candidates), added]))
    return _ragged(slots, peaks.mz.size, names, candidates.mass_window_ppm), _describe(added, names, dataset)


def peak_of_slot(candidates: Candidates) -> IntArray:
    """Index of each slot's peak, (n_slots,) ascending."""
    return np.repeat(np.arange(candidates.offsets.size - 1), np.diff(candidates.offsets))


def group_by_compound(candidates: Candidates) -> Options:
    """The distinct compounds of each peak, whatever their adducts."""
    peak = peak_of_slot(candidates)
    is_first = np.ones(peak.size, dtype=np.bool_)
    is_first[1:] = (np.diff(peak) != 0) | (np.diff(candidates.compound) != 0)
    return Options(
        offsets=_offsets(peak[is_first], candidates.offsets.size - 1),
        compound=candidates.compound[is_first],
        option_of_slot=np.cumsum(is_first, dtype=np.int64) - 1,
    )


def species_names(dataset: Dataset) -> tuple[str, ...]:
    """The species of the peaks, sorted: the row order of `RtPredictions` and of `PeakArrays.species`."""
    return tuple(sorted(set(dataset.peaks["species"])))


def peak_arrays(dataset: Dataset) -> PeakArrays:
    """The arrays that matching reads of a dataset's peaks."""
    peaks = dataset.peaks
    return PeakArrays(
        mz=peaks["mz"].to_numpy(dtype=np.float64),
        rt_min=peaks["rt_min"].to_numpy(dtype=np.float64),
        species=pd.Index(species_names(dataset)).get_indexer(pd.Index(peaks["species"])).astype(np.int64),
        polarity_sign=np.where(peaks["polarity"] == "negative", -1, 1).astype(np.int64),
        charge=peaks["charge"].fillna(0).to_numpy(dtype=np.int64),
        isotope_index=peaks["isotope_index"].to_numpy(dtype=np.int64),
    )


def library_arrays(dataset: Dataset) -> LibraryArrays:
    """The arrays that matching reads of a dataset's library."""
    return LibraryArrays(
        exact_mass_da=dataset.compounds["exact_mass"].to_numpy(dtype=np.float64),
        charge=dataset.compounds["charge"].to_numpy(dtype=np.int64),
    )


def _offsets(peak: IntArray, n_peaks: int) -> IntArray:
    """(n_peaks + 1,) bounds of each peak's run in an ascending list of peak indices."""
    return np.concatenate([[0], np.cumsum(np.bincount(peak, minlength=n_peaks))]).astype(np.int64)


def _ragged(slots: Slots, n_peaks: int, adduct_names: tuple[str, ...], mass_window_ppm: float) -> Candidates:
    """Candidates from sorted slots."""
    return Candidates(
        offsets=_offsets(slots.peak, n_peaks),
        compound=slots.compound,
        adduct=slots.adduct,
        adduct_names=adduct_names,
        ppm_error=slots.ppm_error,
        rt_z=slots.rt_z,
        mass_window_ppm=mass_window_ppm,
    )


def _loose(candidates: Candidates) -> Slots:
    """The slots of candidates as a flat list."""
    return Slots(
        peak_of_slot(candidates), candidates.compound, candidates.adduct, candidates.ppm_error, candidates.rt_z
    )


def _labelled_pairs(dataset: Dataset) -> tuple[IntArray, IntArray]:
    """Indices of the (peak, compound) pairs that labels name, by peak, then compound."""
    named = [(peak_id, compound_id) for peak_id, answer in dataset.labels.items() for compound_id in sorted(answer)]
    peak = pd.Index(dataset.peaks["peak_id"]).get_indexer(pd.Index([pair[0] for pair in named], dtype="str"))
    compound = pd.Index(dataset.compounds["compound_id"]).get_indexer(
        pd.Index([pair[1] for pair in named], dtype="str")
    )
    problems = [
        f"labels: peak {named[row][0]!r}, compound {named[row][1]!r}: expected ids of the dataset's peaks and compounds"
        for row in np.flatnonzero((peak < 0) | (compound < 0))
    ]
    if problems:
        raise InputError(problems)
    order = np.lexsort((compound, peak))
    return peak[order].astype(np.int64), compound[order].astype(np.int64)


def _nearest_slots(
    adduct_names: tuple[str, ...], peaks: PeakArrays, library: LibraryArrays, peak: IntArray, compound: IntArray
) -> tuple[Slots, tuple[str, ...]]:
    """One slot for each (peak, compound) pair, rt_z still NaN, and the names with the adducts that had to be added."""
    charges = np.unique(library.charge[compound])
    spare = [*default_adducts("positive"), *default_adducts("negative"), *(own_ion(int(c)) for c in charges if c != 0)]
    adducts = [get_adduct(name) for name in dict.fromkeys([*adduct_names, *(adduct.name for adduct in spare)])]
    # (n_adducts, n_pairs): what an adduct violates, the worst in the highest digit, then its distance
    violation = np.empty((len(adducts), peak.size), dtype=np.int64)
    error = np.empty((len(adducts), peak.size))
    for row, adduct in enumerate(adducts):
        theoretical = mz_theoretical(library.exact_mass_da[compound], adduct) + isotope_shift(peaks, peak, adduct)
        error[row] = ppm_error(peaks.mz[peak], theoretical)
        violation[row] = (
            8 * ~is_formed(library, adduct)[compound]
            + 4 * ~polarity_fits(peaks, adduct)[peak]
            + 2 * ~charge_fits(peaks, adduct)[peak]
            + (row >= len(adduct_names))
        )
    best = np.lexsort((np.abs(error), violation), axis=0)[0]
    n_listed = len(adduct_names)
    new = np.unique(best[best >= n_listed])
    names = adduct_names + tuple(adducts[row].name for row in new)
    adduct_index = np.where(best < n_listed, best, n_listed + np.searchsorted(new, best)).astype(np.int64)
    ppm = error[best, np.arange(peak.size)]
    return Slots(peak, compound, adduct_index, ppm, np.full(peak.size, np.nan)), names


def _describe(added: Slots, adduct_names: tuple[str, ...], dataset: Dataset) -> list[str]:
    """One warning for each slot that a label added."""
    peak_ids = dataset.peaks["peak_id"].to_numpy()[added.peak]
    compound_ids = dataset.compounds["compound_id"].to_numpy()[added.compound]
    return [
        f"labels: peak {peak_ids[row]!r} is labelled {compound_ids[row]!r}, which is outside its windows; added as "
        f"{adduct_names[added.adduct[row]]} ({added.ppm_error[row]:+.1f} ppm"
        + (")" if np.isnan(added.rt_z[row]) else f", {added.rt_z[row]:+.1f} SD of RT)")
        for row in range(added.peak.size)
    ]
