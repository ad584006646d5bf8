"""Responsibilities from posterior draws, streamed peak block by peak block: summaries, convergence, trace file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from compassign.inference.diagnostics import MAX_RHAT_RESPONSIBILITIES, ResponsibilityCheck, split_rhat
from compassign.models.draws import Block, DrawSource
from compassign.posterior.assignments import SlotProbabilities
from compassign.units import FloatArray, IntArray, StrArray

HDI_PROBABILITY = 0.94  # ArviZ's long-standing default
UNCERTAIN = (0.05, 0.95)  # mean responsibilities in between are judged for convergence
MIN_DRAWS_FOR_RHAT = 4  # R-hat splits a chain and needs two draws in each half
BLOCK_CELLS = 500_000  # draws x slots in memory at once: 4 MB an array, a few of which fit the cache


class BlockSink(Protocol):
    """Whatever takes the responsibilities of a run of peaks, all draws of them."""

    def write(self, peaks: slice, offsets: IntArray, slot: FloatArray, null: FloatArray) -> None:
        """Take slot (n_draws, n_slots) and null (n_draws, n_peaks) of `peaks`; offsets : (n_all_peaks + 1,)."""


def summarise(
    source: DrawSource,
    peak_ids: StrArray,
    slot_compounds: StrArray,
    writer: BlockSink,
    on_progress: Callable[[float], None],
) -> tuple[SlotProbabilities, ResponsibilityCheck]:
    """Means, intervals and Monte-Carlo errors of every responsibility, handed on to `writer` on the way.

    peak_ids, slot_compounds : the name of each peak and of each slot's compound. writer : the trace, or more sinks.
    Memory is bounded by the block size and the result, whatever the number of draws.
    """
    parts: list[_Part] = []
    for peaks in peak_blocks(source.offsets, source.n_chains * source.n_draws):
        block = source.block(peaks)
        writer.write(peaks, source.offsets, block.slot, block.null)
        parts.append(_summarise_block(source, block, peaks))
        on_progress(peaks.stop / len(peak_ids))
    slot, null = _join([part.slot for part in parts]), _join([part.null for part in parts])
    probabilities = SlotProbabilities(
        slot=slot[0],
        slot_low=slot[1],
        slot_high=slot[2],
        slot_mcse=slot[3],
        null=null[0],
        null_low=null[1],
        null_high=null[2],
        null_mcse=null[3],
        unlisted=np.concatenate([part.unlisted for part in parts]),
        evidence={name: np.concatenate([part.evidence[name] for part in parts]) for name in parts[0].evidence},
    )
    return probabilities, _check(source, slot, null, peak_ids, slot_compounds)


def mean_probabilities(source: DrawSource) -> SlotProbabilities:
    """Posterior means alone, without intervals (NaN) and evidence; for quick comparisons between settings."""
    blocks = [source.block(peaks) for peaks in peak_blocks(source.offsets, source.n_chains * source.n_draws)]
    slot = np.concatenate([block.slot.mean(axis=0) for block in blocks])
    null = np.concatenate([block.null.mean(axis=0) for block in blocks])
    no_slot, no_null = np.full(slot.size, np.nan), np.full(null.size, np.nan)
    return SlotProbabilities(
        slot=slot,
        slot_low=no_slot,
        slot_high=no_slot,
        slot_mcse=no_slot,
        null=null,
        null_low=no_null,
        null_high=no_null,
        null_mcse=no_null,
        unlisted=np.concatenate([block.unlisted.mean(axis=0) for block in blocks]),
    )


@dataclass(frozen=True)
class _Part:
    """Summaries of one block; slot and null are (5, n): mean, low, high, Monte-Carlo error, split R-hat."""

    slot: FloatArray
    null: FloatArray
    unlisted: FloatArray
    evidence: Mapping[str, FloatArray]


def _summarise_block(source: DrawSource, block: Block, peaks: slice) -> _Part:
    return _Part(
        slot=_statistics(block.slot, source.n_chains),
        null=_statistics(block.null, source.n_chains),
        unlisted=block.unlisted.mean(axis=0),
        evidence=block.evidence,
    )


def _statistics(draws: FloatArray, n_chains: int) -> FloatArray:
    """(n_draws, n) -> (5, n)."""
    low, high = highest_density_interval(draws, HDI_PROBABILITY)
    # all sizes are given, because a block may be without slots: -1 cannot be worked out from nothing
    by_chain = draws.reshape(n_chains, draws.shape[0] // n_chains, draws.shape[1])
    rhat = split_rhat(by_chain) if by_chain.shape[1] >= MIN_DRAWS_FOR_RHAT else np.ones(draws.shape[1])
    return np.stack([draws.mean(axis=0), low, high, batch_means_error(by_chain), rhat])


def highest_density_interval(draws: FloatArray, probability: float) -> tuple[FloatArray, FloatArray]:
    """Narrowest interval that holds a share of the draws: (n_draws, n) -> low and high, (n,) each.

    Source: Chen & Shao, J. Comput. Graph. Stat. 8(1), 1999.
    """
    ordered = np.sort(draws, axis=0)
    n_inside = min(int(np.ceil(probability * draws.shape[0])), draws.shape[0])
    width = ordered[n_inside - 1 :] - ordered[: draws.shape[0] - n_inside + 1]
    start = np.argmin(width, axis=0)
    column = np.arange(draws.shape[1])
    return ordered[start, column], ordered[start + n_inside - 1, column]


def batch_means_error(draws: FloatArray) -> FloatArray:
    """Monte-Carlo standard error of the mean, (n_chains, n_draws, n) -> (n,); 0 for a single draw.

    Batches of about sqrt(n_draws) within each chain. Source: Flegal & Jones, Annals of Statistics 38(2), 2010.
    """
    n_chains, n_draws, n = draws.shape
    size = max(int(np.sqrt(n_draws)), 1)
    n_batches = n_draws // size
    if n_chains * n_batches == 1:
        return np.zeros(n)
    batches = draws[:, : size * n_batches].reshape(n_chains, n_batches, size, n).mean(axis=2)
    return np.asarray(batches.reshape(n_chains * n_batches, n).std(axis=0, ddof=1) / np.sqrt(n_chains * n_batches))


def peak_blocks(offsets: IntArray, n_draws: int) -> Iterator[slice]:
    """Runs of whole peaks with at most BLOCK_CELLS draws x slots, and draws x peaks (one peak at least).

    offsets : (n_peaks + 1,) ragged slots. n_draws : of all chains.
    """
    n_peaks = offsets.size - 1
    budget = max(BLOCK_CELLS // n_draws, 1)
    start = 0
    while start < n_peaks:
        limit = max(start + 1, int(np.searchsorted(offsets, offsets[start] + budget, side="right")) - 1)
        stop = min(limit, start + budget, n_peaks)
        yield slice(start, stop)
        start = stop


def _join(parts: list[FloatArray]) -> FloatArray:
    return np.concatenate(parts, axis=1)


def _check(
    source: DrawSource, slot: FloatArray, null: FloatArray, peak_ids: StrArray, slot_compounds: StrArray
) -> ResponsibilityCheck:
    """Largest R-hat of each peak over its uncertain options, and which peaks are over the limit."""
    peak_of_slot = np.repeat(np.arange(len(peak_ids)), np.diff(source.offsets))
    of_slot, worst = _uncertain_rhat(slot), _uncertain_rhat(null)
    np.maximum.at(worst, peak_of_slot, of_slot)
    over = [int(row) for row in np.argsort(-worst) if worst[row] > MAX_RHAT_RESPONSIBILITIES]

    def named(row: int) -> str:
        slots = range(source.offsets[row], source.offsets[row + 1])
        swapped = {slot_compounds[at]: None for at in slots if of_slot[at] > MAX_RHAT_RESPONSIBILITIES}
        return f"{peak_ids[row]} ({' or '.join(swapped)})" if swapped else str(peak_ids[row])

    return ResponsibilityCheck(
        max_rhat=float(worst.max(initial=1.0)),
        worst_peaks=tuple(named(row) for row in over),
        all_finite=bool(np.isfinite(slot[0]).all() and np.isfinite(null[0]).all()),
    )


def _uncertain_rhat(statistics: FloatArray) -> FloatArray:
    """R-hat where the mean is uncertain, 1 elsewhere."""
    is_uncertain = (statistics[0] > UNCERTAIN[0]) & (statistics[0] < UNCERTAIN[1])
    return np.where(is_uncertain, statistics[4], 1.0)
