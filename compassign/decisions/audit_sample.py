"""Which peaks a person should label so that the labels say how many of the accepted ones are false."""

from __future__ import annotations

import numpy as np

from compassign.errors import InputError
from compassign.units import BoolArray, FloatArray, IntArray


def draw_audit_sample(
    has_candidates: BoolArray, is_accepted: BoolArray, m: int, rng: np.random.Generator
) -> tuple[IntArray, FloatArray]:
    """Draw peaks, half of them from all that have candidates and half from those that are accepted.

    has_candidates, is_accepted : (n_peaks,); none accepted, as before the first run, draws all uniformly. m : how many,
    1 or more; fewer where there are not so many. Returns (m,) peak indices in order and (m,) inclusion probabilities.

    Two permutations, of all and of the accepted, are read in turn until there are m different peaks. With t and s read
    of N and A, a peak is taken with probability 1 - (1 - t/N)(1 - s/A) if it is accepted and t/N if not. That t and s
    depend on which peaks were in both is neglected.

    Order: a larger m from the same seed begins with the same peaks, so the first k are what a draw of k would be. Their
    weights against each other differ from that draw's by a factor of at most 1 - t/N while accepted peaks last, and
    accepted peaks have equal weights in either. Source: Horvitz and Thompson 1952, JASA 47:663.
    """
    if m < 1:
        raise InputError(f"number of peaks to draw: found {m}, expected 1 or more")
    everyone = rng.permutation(np.flatnonzero(has_candidates))
    accepted = rng.permutation(np.flatnonzero(has_candidates & is_accepted))
    order, is_second = _interleave(everyone, accepted)
    _, first = np.unique(order, return_index=True)
    taken = np.sort(first)[:m]  # where each peak appears first
    read = order[: taken[-1] + 1] if m < first.size else order
    n_second = int(is_second[: read.size].sum())
    p_uniform = (read.size - n_second) / max(everyone.size, 1)
    p_accepted = n_second / max(accepted.size, 1)
    peak = order[taken]
    either = 1.0 - (1.0 - p_uniform) * (1.0 - p_accepted)
    return peak, np.where(np.isin(peak, accepted), either, p_uniform)


def _interleave(first: IntArray, second: IntArray) -> tuple[IntArray, BoolArray]:
    """One of each in turn, then what is left of the longer; and which are of the second."""
    place = np.concatenate([2 * np.arange(first.size), 2 * np.arange(second.size) + 1])
    is_second = np.repeat([False, True], [first.size, second.size])
    by_place = np.argsort(place)
    return np.concatenate([first, second])[by_place], is_second[by_place]
