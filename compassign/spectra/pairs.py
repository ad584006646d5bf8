"""Pairs of spectra whose compounds are known: true ones of one compound, decoys of two with the same mass.

Isomers share fragments, so what is not isobaric is less alike than the candidates of a peak are; it serves as decoy
only where a library has hardly any isobars.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from compassign.candidates import Candidates, peak_of_slot
from compassign.data.dataset import Dataset
from compassign.spectra.matching import LibrarySpectra, Reference, first_blocks
from compassign.spectra.ratio import MIN_COMPOUNDS, Pairs
from compassign.spectra.similarity import TOLERANCE_DA, Alike, Fragments, compare
from compassign.units import FloatArray, IntArray

MAX_QUERIES = 2000  # of a library, evenly from all precursors; they take some seconds
N_DECOYS = 5  # other compounds that a query is compared with: its isobars, or else the nearest in mass


@dataclass(frozen=True)
class Comparisons:
    """A peak's spectrum with one of a candidate's; slot (ascending), similarity, n_matched : (n_comparisons,)."""

    slot: IntArray
    similarity: FloatArray
    n_matched: IntArray


@dataclass(frozen=True)
class Compared:
    """A query and what it was compared with.

    compound : its own. true : with spectra of that, decoys : with those of others. is_isobaric : these have its mass.
    """

    compound: int
    true: tuple[Alike, ...]
    decoys: tuple[Alike, ...]
    is_isobaric: bool = True


@dataclass(frozen=True)
class _Entry:
    compound: int
    reference: Reference

    @property
    def mz(self) -> float:
        return self.reference.spectrum.precursor_mz


def library_pairs(library: LibrarySpectra, blocks: Sequence[str]) -> Iterator[Compared]:
    """Compare spectra of the library as if each were a peak's: with the other ones of its compound, and with others'.

    blocks : the first ones of each compound's InChIKey; stereoisomers are no decoys of each other.
    """
    entries = sorted(
        (_Entry(compound, reference) for compound, found in library.of_compound.items() for reference in found),
        key=lambda entry: (entry.mz, entry.compound),
    )
    mz = np.array([entry.mz for entry in entries])
    chosen = np.unique(np.linspace(0, len(entries) - 1, min(len(entries), MAX_QUERIES)).astype(np.int64))
    for at in chosen.tolist():
        yield _compare(at, entries, mz, blocks)


def _compare(at: int, entries: list[_Entry], mz: FloatArray, blocks: Sequence[str]) -> Compared:
    query = entries[at]
    low, high = np.searchsorted(mz, [mz[at] - TOLERANCE_DA, mz[at] + TOLERANCE_DA])
    own = [
        entry.reference.fragments
        for entry in entries[low:high]
        if entry.compound == query.compound and entry.reference is not query.reference
    ]
    others, is_isobaric = _decoys(at, entries, mz, blocks)
    true, decoys = (tuple(compare(query.reference.fragments, other) for other in found) for found in (own, others))
    return Compared(query.compound, true, decoys, is_isobaric)


def _decoys(at: int, entries: list[_Entry], mz: FloatArray, blocks: Sequence[str]) -> tuple[list[Fragments], bool]:
    """Clean spectra of up to N_DECOYS other compounds, the nearest in precursor m/z, and whether they are isobars."""
    query, found = entries[at], []
    compounds: set[int] = set()
    is_isobaric = False
    for other in _nearest(at, mz):
        entry, is_far = entries[other], abs(mz[other] - mz[at]) > TOLERANCE_DA
        if is_far and (is_isobaric or len(compounds) >= N_DECOYS):
            break
        is_wanted = entry.compound in compounds or len(compounds) < N_DECOYS
        if is_wanted and _is_other(entry.compound, query.compound, blocks):
            compounds.add(entry.compound)
            found.append(entry.reference.fragments)
            is_isobaric |= not is_far
    return found, is_isobaric


def _nearest(at: int, mz: FloatArray) -> Iterator[int]:
    """All other positions of an ascending axis, the nearest first."""
    low, high = at - 1, at + 1
    while low >= 0 or high < mz.size:
        if high >= mz.size or (low >= 0 and mz[at] - mz[low] <= mz[high] - mz[at]):
            yield low
            low -= 1
        else:
            yield high
            high += 1


def _is_other(compound: int, own: int, blocks: Sequence[str]) -> bool:
    return compound != own and (not blocks[own] or blocks[own] != blocks[compound])


def labelled_pairs(dataset: Dataset, candidates: Candidates, comparisons: Comparisons) -> Iterator[Compared]:
    """The peaks whose label leaves one option: true pairs with spectra of its compound, decoys with others'.

    Stereoisomers of the labelled compound are neither.
    """
    ids, blocks = dataset.compounds["compound_id"].tolist(), first_blocks(dataset.compounds)
    peak = peak_of_slot(candidates)[comparisons.slot]
    for row, peak_id in enumerate(dataset.peaks["peak_id"].tolist()):
        answer = dataset.labels.get(peak_id)
        own = slice(*np.searchsorted(peak, [row, row + 1]))
        if answer is None or len(answer) > 1 or own.start == own.stop:
            continue
        compound = candidates.compound[comparisons.slot[own]]
        is_true = np.array([ids[other] in answer for other in compound.tolist()])
        labelled = int(compound[is_true][0]) if is_true.any() else -1
        is_decoy = np.array([labelled < 0 or _is_other(other, labelled, blocks) for other in compound.tolist()])
        alike = list(map(Alike, comparisons.similarity[own].tolist(), comparisons.n_matched[own].tolist()))
        yield Compared(
            compound=labelled,
            true=tuple(alike[i] for i in np.flatnonzero(is_true)),
            decoys=tuple(alike[i] for i in np.flatnonzero(is_decoy)),
        )


def to_pairs(compared: Iterable[Compared]) -> Pairs:
    """All pairs in arrays; each compound, however many spectra it has, weighs 1, and so do its decoys."""
    found = list(compared)
    with_isobars = {query.compound for query in found if query.decoys and query.is_isobaric}
    is_enough = len(with_isobars) >= MIN_COMPOUNDS
    rows = [(query.compound, alike, 1.0) for query in found for alike in query.true]
    rows += [
        (query.compound, alike, 0.0) for query in found if query.is_isobaric or not is_enough for alike in query.decoys
    ]
    compound = np.array([row[0] for row in rows], dtype=np.int64)
    is_true = np.array([row[2] for row in rows])
    _, group, count = np.unique(
        np.stack([compound, is_true.astype(np.int64)]), axis=1, return_inverse=True, return_counts=True
    )
    return Pairs(
        similarity=np.array([row[1].similarity for row in rows]),
        n_matched=np.array([row[1].n_matched for row in rows], dtype=np.float64),
        weight=1.0 / count[group],
        is_true=is_true,
        n_compounds=int(np.unique(compound[is_true > 0.0]).size),
    )
