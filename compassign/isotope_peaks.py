"""Isotope peaks that the peak table names: the ion is fitted once, as its monoisotopic peak, whose answer all have."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from compassign.candidates import Candidates, peak_of_slot
from compassign.chemistry.families import MAX_APART_MIN
from compassign.inference.draws import ModelFit
from compassign.models.draws import Block, DrawSource
from compassign.units import BoolArray, IntArray

NUCLEON_DA = (0.99, 1.01)  # what a nucleon adds: 0.996 (boron) to 1.006 (hydrogen), and the error of two m/z
USUAL_CHARGES = (1, 2, 3)  # of ions whose charge nobody says
MAX_GAP = 16  # peaks between two of a block that cost less than to compute two blocks
_ION = ["isotope_group", "species", "injection", "polarity"]  # columns that peaks of one ion share


@dataclass(frozen=True)
class IsotopePeaks:
    """Which peaks are the same ion as another.

    base : (n_peaks,) the monoisotopic peak whose answer a peak has, its own index for all others. n_single : isotope
    peaks without a label that have no such peak.
    """

    base: IntArray
    n_single: int

    @property
    def is_isotope(self) -> BoolArray:
        """(n_peaks,) whether a peak has the answer of another."""
        return np.asarray(self.base != np.arange(self.base.size))

    def fitted(self, candidates: Candidates) -> Candidates:
        """The candidates without those of isotope peaks, which the likelihood is not to count again."""
        is_kept = ~self.is_isotope
        size = np.where(is_kept, np.diff(candidates.offsets), 0)
        return _with_slots(candidates, size, np.flatnonzero(is_kept[peak_of_slot(candidates)]))

    def answered(self, fitted: Candidates) -> Candidates:
        """The candidates of a fit, isotope peaks with those of their monoisotopic peak, its errors included."""
        return _with_slots(fitted, np.diff(fitted.offsets)[self.base], _slots_of(fitted.offsets, self.base))

    def scored(self, peak_ids: Sequence[str], scored: frozenset[str]) -> frozenset[str]:
        """Those of the scored peaks whose answer is not that of a peak which does not score, as it may be labelled."""
        pairs = zip(peak_ids, self.base.tolist(), strict=True)
        return frozenset(peak_id for peak_id, base in pairs if {peak_id, peak_ids[base]} <= scored)

    def spread(self, fit: ModelFit) -> ModelFit:
        """The fit with draws for isotope peaks too: those of their monoisotopic peak."""
        if not self.is_isotope.any():
            return fit
        at_share = fit.unlisted
        unlisted = None if at_share is None else lambda share: self._spread(at_share(share))
        return replace(fit, source=self._spread(fit.source), unlisted=unlisted)

    def _spread(self, source: DrawSource) -> DrawSource:
        size = np.diff(source.offsets)[self.base]

        def block(peaks: slice) -> Block:
            base = self.base[peaks]
            elsewhere = np.unique(base[(base < peaks.start) | (base >= peaks.stop)])
            runs = np.split(elsewhere, np.flatnonzero(np.diff(elsewhere) > MAX_GAP) + 1) if elsewhere.size else []
            asked_for = [peaks, *(slice(int(run[0]), int(run[-1]) + 1) for run in runs)]
            parts = [source.block(some) for some in asked_for]
            asked = np.concatenate([np.arange(some.start, some.stop) for some in asked_for])
            at = np.where(
                (base >= peaks.start) & (base < peaks.stop),
                base - peaks.start,
                base.size + np.searchsorted(asked[base.size :], base),
            )
            slots = _slots_of(_offsets(np.diff(source.offsets)[asked]), at)
            return Block(
                slot=np.concatenate([part.slot for part in parts], axis=1)[:, slots],
                null=np.concatenate([part.null for part in parts], axis=1)[:, at],
                unlisted=np.concatenate([part.unlisted for part in parts], axis=1)[:, at],
                evidence={
                    name: np.concatenate([part.evidence[name] for part in parts])[slots] for name in parts[0].evidence
                },
            )

        return DrawSource(_offsets(size), source.n_chains, source.n_draws, block)


def find_isotope_peaks(peaks: pd.DataFrame, answered: Collection[str]) -> IsotopePeaks:
    """The isotope peaks that are the same ion as the one monoisotopic peak of their `isotope_group`.

    It has to be of their species, injection and polarity, elute within MAX_APART_MIN and be lighter by NUCLEON_DA for
    each of `isotope_index`. peaks : of a dataset. answered : peaks that somebody said something of; they speak for
    themselves.
    """
    index = peaks["isotope_index"].to_numpy(dtype=np.int64)
    in_group = (peaks["isotope_group"] != "").to_numpy(dtype=np.bool_)
    is_isotope = (index > 0) & ~peaks["peak_id"].isin(list(answered)).to_numpy(dtype=np.bool_)
    own = np.arange(len(peaks))
    ion = pd.MultiIndex.from_frame(peaks[_ION])
    first = pd.Series(own, index=ion)[in_group & (index == 0)]
    first = first[~first.index.duplicated(keep=False)]
    base = first.reindex(ion).fillna(-1).to_numpy(dtype=np.int64)
    has_base = is_isotope & in_group & (base >= 0)
    has_base[has_base] = _is_same_ion(peaks, own[has_base], base[has_base])
    return IsotopePeaks(np.where(has_base, base, own), int((is_isotope & ~has_base).sum()))


def _is_same_ion(peaks: pd.DataFrame, isotope: IntArray, base: IntArray) -> BoolArray:
    """(n,) whether m/z and RT of isotope peaks are what their monoisotopic peaks let expect."""
    mz, rt_min = (peaks[name].to_numpy(dtype=np.float64) for name in ("mz", "rt_min"))
    index, charge = (peaks[name].fillna(0).to_numpy(dtype=np.int64) for name in ("isotope_index", "charge"))
    stated = np.abs(np.where(charge[isotope] != 0, charge[isotope], charge[base]))[:, None]
    nucleon_da = (mz[isotope] - mz[base])[:, None] * np.where(stated > 0, stated, USUAL_CHARGES) / index[isotope, None]
    fits = ((nucleon_da >= NUCLEON_DA[0]) & (nucleon_da <= NUCLEON_DA[1])).any(axis=1)
    return np.asarray(fits & (np.abs(rt_min[isotope] - rt_min[base]) <= MAX_APART_MIN))


def _with_slots(candidates: Candidates, size: IntArray, slots: IntArray) -> Candidates:
    """Candidates of the same peaks with other slots; size : (n_peaks,) of each. slots : rows of the old ones."""
    columns = {name: getattr(candidates, name)[slots] for name in ("compound", "adduct", "ppm_error", "rt_z")}
    return replace(candidates, offsets=_offsets(size), **columns)


def _slots_of(offsets: IntArray, peak: IntArray) -> IntArray:
    """Indices of the slots of some peaks, in the order asked for; offsets : (n_peaks + 1,)."""
    size = np.diff(offsets)[peak]
    start = np.cumsum(size) - size
    return np.arange(size.sum()) - np.repeat(start - offsets[peak], size)


def _offsets(size: IntArray) -> IntArray:
    return np.concatenate([[0], np.cumsum(size)]).astype(np.int64)
