"""What annotators said about peaks where they may be wrong, aligned with the slots of an assignment problem."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from compassign.units import BoolArray, FloatArray, IntArray


@dataclass(frozen=True)
class Statement:
    """One annotator's statement: the compounds (library indices) that may have made a peak; none = the null."""

    peak: int
    compounds: frozenset[int]
    annotator: int


@dataclass(frozen=True)
class Statements:
    """Statements sorted by peak; the options of a peak are its distinct compounds and the null.

    peak, annotator : (n,) indices. names_null : (n,) the statement is "null". odds : (n,) |S| / (n_options - |S|) of a
    statement with |S| options, which makes an option that it does not name (1 - reliability) * odds likely.
    offsets : (n + 1,) into names_slot, which says for each slot of the peak whether it is named.
    annotator_names : of every annotator whose reliability is learned.
    """

    peak: IntArray
    annotator: IntArray
    names_null: BoolArray
    odds: FloatArray
    offsets: IntArray
    names_slot: BoolArray
    annotator_names: tuple[str, ...]


def no_statements() -> Statements:
    """Nobody said anything that could be doubted."""
    return align_statements([], np.zeros(1, dtype=np.int64), np.zeros(0, dtype=np.int64), ())


def align_statements(
    statements: Sequence[Statement],
    offsets: IntArray,
    compound: IntArray,
    annotator_names: tuple[str, ...],
) -> Statements:
    """Align statements with slots.

    offsets (n_peaks + 1,), compound (n_slots,) : the ragged slots. A statement about a peak without slots says nothing
    that could be doubted and is left out, and so is a compound that is not among the peak's slots.
    """
    kept = sorted((s for s in statements if offsets[s.peak] < offsets[s.peak + 1]), key=lambda s: (s.peak, s.annotator))
    slots = [compound[offsets[s.peak] : offsets[s.peak + 1]] for s in kept]
    named = [np.isin(of_peak, list(s.compounds)) for s, of_peak in zip(kept, slots, strict=True)]
    sizes = [np.unique(of_peak[is_named]).size or 1 for of_peak, is_named in zip(slots, named, strict=True)]
    n_options = [np.unique(of_peak).size + 1 for of_peak in slots]
    odds = [size / (n - size) if n > size else 0.0 for size, n in zip(sizes, n_options, strict=True)]
    return Statements(
        peak=np.array([s.peak for s in kept], dtype=np.int64),
        annotator=np.array([s.annotator for s in kept], dtype=np.int64),
        names_null=np.array([not s.compounds for s in kept], dtype=np.bool_),
        odds=np.array(odds, dtype=np.float64),
        offsets=np.concatenate([[0], np.cumsum([of_peak.size for of_peak in slots])]).astype(np.int64),
        names_slot=np.concatenate([*named, np.zeros(0, dtype=np.bool_)]).astype(np.bool_),
        annotator_names=annotator_names,
    )
