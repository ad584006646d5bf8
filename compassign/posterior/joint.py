"""Joint draws of what made every peak: which compounds are present at all, and how many calls are false together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from compassign.posterior.responsibilities import BlockSink, peak_blocks
from compassign.units import BoolArray, FloatArray, IntArray

N_JOINT = 1000  # the ends of a 95 % interval to about 2 % of its width
CHUNK_PEAKS = 1000  # counted at once, 8 MB an array


@dataclass(frozen=True)
class Sinks:
    """Hands each block on to several."""

    sinks: tuple[BlockSink, ...]

    def write(self, peaks: slice, offsets: IntArray, slot: FloatArray, null: FloatArray) -> None:
        """Hand a block on."""
        for sink in self.sinks:
            sink.write(peaks, offsets, slot, null)


@dataclass(frozen=True)
class JointDraws:
    """N_JOINT draws of the sources of all peaks, those of a draw under the same parameters and by the same chance.

    offsets, slot_compound : the ragged slots and the library index of each slot's compound.
    rank : (N_JOINT, n_peaks) which of its slots made the peak; the number of its slots where none did.
    compound : (n,) library indices of all candidates, ascending. absent : (n,) probability that no peak is the
        compound's, the mean over draws of prod(1 - r): peaks are taken as independent given the parameters.
    """

    offsets: IntArray
    slot_compound: IntArray
    rank: npt.NDArray[np.uint16]
    compound: IntArray
    absent: FloatArray

    def n_false(self, peaks: IntArray, call: IntArray) -> IntArray:
        """Count the calls that are false in each draw, (N_JOINT,).

        peaks : indices. call : library index of the compound that each of them is called.
        """
        sources = np.append(self.slot_compound, -1)
        total = np.zeros(N_JOINT, dtype=np.int64)
        for start in range(0, peaks.size, CHUNK_PEAKS):
            own, called = peaks[start : start + CHUNK_PEAKS], call[start : start + CHUNK_PEAKS]
            rank = self.rank[:, own].astype(np.int64)
            is_listed = rank < np.diff(self.offsets)[own]
            # the slot after a peak's last is another peak's: it is looked up, but not used
            total += (~is_listed | (sources[self.offsets[own] + rank] != called)).sum(axis=1)
        return total


class JointSampler:
    """Draws the source of every peak while responsibilities are streamed.

    A peak's source is drawn by its responsibilities. Peaks whose most probable compound is the same share one chance,
    so that as many of them as their probabilities allow are another's together: what made one in its stead, such as an
    isomer that the library lacks, made the others too. Draws are thinned evenly to N_JOINT; a model with fewer, or with
    none, has them repeated, so that what remains is the chance that its probabilities speak of.
    """

    def __init__(
        self, offsets: IntArray, slot_compound: IntArray, rng: np.random.Generator, base: IntArray | None = None
    ) -> None:
        """Begin without peaks.

        offsets, slot_compound : the ragged slots and the library index of each. rng : what the chances follow from.
        base : (n_peaks,) the peak whose source a peak has, None where each has its own.
        """
        own = np.arange(offsets.size - 1)
        self._base = own if base is None else base
        self._is_source = self._base == own
        self._offsets, self._slot_compound = offsets, slot_compound
        self._key = int(rng.integers(2**63))
        self._compound, self._column = np.unique(slot_compound, return_inverse=True)
        self._rank = np.zeros((N_JOINT, offsets.size - 1), dtype=np.uint16)
        self._absent = np.ones((N_JOINT, self._compound.size), dtype=np.float32)

    def write(self, peaks: slice, offsets: IntArray, slot: FloatArray, null: FloatArray) -> None:
        """Draw the sources of a run of peaks."""
        kept = np.arange(N_JOINT) * null.shape[0] // N_JOINT
        start = int(offsets[peaks.start])
        for part in _parts(peaks, offsets):
            own = slice(int(offsets[part.start]) - start, int(offsets[part.stop]) - start)
            self._draw(part, slot[kept, own])

    def _draw(self, peaks: slice, slot: FloatArray) -> None:
        """Draw the sources of peaks that are few enough; slot : (N_JOINT, n_slots)."""
        offsets = self._offsets
        first = offsets[peaks.start : peaks.stop] - offsets[peaks.start]
        n_slots = np.diff(offsets[peaks.start : peaks.stop + 1])
        column = self._column[offsets[peaks.start] : offsets[peaks.stop]]
        peak = np.repeat(np.arange(n_slots.size), n_slots)
        cumulated = np.concatenate([np.zeros((N_JOINT, 1)), np.cumsum(slot, axis=1)], axis=1)
        first_of, top = first[n_slots > 0], _largest(slot.mean(axis=0), peak)
        begin = cumulated[:, first]
        chance = np.zeros_like(begin)
        # the chances below its probability are those of the most probable slot, whatever comes before it
        chance[:, n_slots > 0] = (self._chance(column[top]) + cumulated[:, top] - cumulated[:, first_of]) % 1.0
        is_passed = cumulated[:, 1:] <= np.repeat(begin + chance, n_slots, axis=1)
        n_passed = np.concatenate([np.zeros((N_JOINT, 1), dtype=np.int64), np.cumsum(is_passed, axis=1)], axis=1)
        self._rank[:, peaks] = n_passed[:, first + n_slots] - n_passed[:, first]
        is_source = np.repeat(self._is_source[peaks], n_slots)
        self._multiply_absent(slot[:, is_source], peak[is_source], column[is_source])

    def _chance(self, column: IntArray) -> FloatArray:
        """(N_JOINT, n) uniform numbers, those of a compound always the same."""
        columns, which = np.unique(column, return_inverse=True)
        of_compound = np.empty((N_JOINT, columns.size))
        for index, compound in enumerate(columns.tolist()):
            of_compound[:, index] = np.random.Generator(np.random.Philox(key=[self._key, compound])).random(N_JOINT)
        return of_compound[:, which]

    def _multiply_absent(self, slot: FloatArray, peak: IntArray, column: IntArray) -> None:
        """Take in that a peak is not a compound's, whatever its adduct: 1 - the sum of the compound's slots."""
        if not slot.shape[1]:
            return
        by_option = np.lexsort((peak, column))
        is_first = _is_first(column[by_option], peak[by_option])
        of_option = np.add.reduceat(slot[:, by_option], np.flatnonzero(is_first), axis=1)
        option_column = column[by_option][is_first]
        starts = np.flatnonzero(_is_first(option_column))
        product = np.multiply.reduceat(np.maximum(1.0 - of_option, 0.0), starts, axis=1)
        self._absent[:, option_column[starts]] *= product.astype(np.float32)

    def draws(self) -> JointDraws:
        """All of them; after every peak was written."""
        return JointDraws(
            offsets=self._offsets,
            slot_compound=self._slot_compound,
            rank=self._rank[:, self._base],
            compound=self._compound,
            absent=self._absent.mean(axis=0, dtype=np.float64),
        )


def _parts(peaks: slice, offsets: IntArray) -> Iterable[slice]:
    """Runs of whole peaks for which N_JOINT draws are few enough to hold."""
    for part in peak_blocks(offsets[peaks.start : peaks.stop + 1], N_JOINT):
        yield slice(peaks.start + part.start, peaks.start + part.stop)


def _largest(value: FloatArray, peak: IntArray) -> IntArray:
    """The index of each peak's largest value; peak : (n,) ascending."""
    return np.lexsort((-value, peak))[_is_first(peak)]


def _is_first(*keys: IntArray) -> BoolArray:
    """(n,) whether an entry of sorted keys differs from the one before."""
    result = np.ones(keys[0].size, dtype=np.bool_)
    result[1:] = np.any([np.diff(key) != 0 for key in keys], axis=0)
    return result
