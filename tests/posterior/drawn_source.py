"""Made-up draws of responsibilities, as a source and as whole arrays."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from compassign.models.draws import Block, DrawSource
from compassign.posterior.trace import TraceLayout
from compassign.units import FloatArray, IntArray, StrArray


@dataclass(frozen=True)
class Drawn:
    """slot (n_chains * n_draws, n_slots), null and unlisted (n_chains * n_draws, n_peaks), summing to 1 a peak."""

    source: DrawSource
    slot: FloatArray
    null: FloatArray
    unlisted: FloatArray
    evidence: FloatArray

    @property
    def peak_ids(self) -> StrArray:
        """P0, P1, ..."""
        return np.array([f"P{peak}" for peak in range(self.source.offsets.size - 1)], dtype=np.str_)

    @property
    def slot_compounds(self) -> StrArray:
        """C0, C1, ..., one of each slot."""
        return np.array([f"C{slot}" for slot in range(int(self.source.offsets[-1]))], dtype=np.str_)

    @property
    def peak_of_slot(self) -> IntArray:
        """(n_slots,)."""
        return np.repeat(np.arange(self.source.offsets.size - 1), np.diff(self.source.offsets))

    def layout(self, max_r_mb: int = 256) -> TraceLayout:
        """The trace's layout: slot k is compound `C<k>`, as one of three adducts."""
        return TraceLayout(
            variable="r",
            n_chains=self.source.n_chains,
            n_draws=self.source.n_draws,
            offsets=self.source.offsets,
            peak_id=self.peak_ids,
            slot_compound=self.slot_compounds,
            slot_adduct=np.array(["[M+H]+", "[M+Na]+", "[M+K]+"], dtype=np.str_)[
                np.arange(self.slot_compounds.size) % 3
            ],
            max_r_mb=max_r_mb,
        )


def draw_source(rng: np.random.Generator, sizes: list[int], n_chains: int = 2, n_draws: int = 40) -> Drawn:
    """Dirichlet draws for peaks with the given numbers of slots; half of each null is unlisted."""
    offsets = np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)]).astype(np.int64)
    slots, nulls = [], []
    for size in sizes:
        shares = rng.dirichlet(np.concatenate([[1.0], rng.uniform(0.2, 3.0, size)]), n_chains * n_draws)
        nulls.append(shares[:, :1])
        slots.append(shares[:, 1:])
    slot, null = np.concatenate(slots, axis=1), np.concatenate(nulls, axis=1)
    evidence = rng.normal(size=int(offsets[-1]))

    def block(peaks: slice) -> Block:
        own = slice(int(offsets[peaks.start]), int(offsets[peaks.stop]))
        return Block(slot[:, own], null[:, peaks], null[:, peaks] / 2, {"mass": evidence[own]})

    return Drawn(DrawSource(offsets, n_chains, n_draws, block), slot, null, null / 2, evidence)


class NoWriter:
    """Counts the blocks that would be written."""

    def __init__(self) -> None:
        self.peaks: list[slice] = []

    def write(self, peaks: slice, offsets: IntArray, slot: FloatArray, null: FloatArray) -> None:
        """Remember which peaks came."""
        if slot.shape[1] != offsets[peaks.stop] - offsets[peaks.start] or null.shape[1] != peaks.stop - peaks.start:
            raise ValueError("a block holds the slots of other peaks")
        self.peaks.append(peaks)


def trace_path(folder: Path) -> Path:
    """Where a test writes its trace."""
    return folder / "assignment_trace.nc"
