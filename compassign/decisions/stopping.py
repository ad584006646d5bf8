"""When to stop asking: how many expected errors the next batches mend, and whether an audit certifies the rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from compassign.decisions.acquisition import OptionDraws
from compassign.posterior.assignments import peak_of_entry
from compassign.units import BoolArray, FloatArray, IntArray

BATCH_SIZE = 10  # answers between two looks at what they are worth, as in the loops that measured the acquisitions
MIN_MENDED = 0.5  # expected errors in a batch: with fewer, twenty answers and more go into mending one
PATIENCE = 3  # batches in a row: one alone may have met easy peaks
MAX_AHEAD = 20  # batches that are looked at; of those beyond, today's probabilities say little


@dataclass(frozen=True)
class Outlook:
    """What more answers are expected to mend.

    n_errors : expected errors among the calls of the peaks that have no answer. mended : (n_batches,) how many of them
    each of the next batches mends, in its own peaks and in those that depend on them.
    """

    n_errors: float
    mended: FloatArray


@dataclass(frozen=True)
class Advice:
    """Whether to go on. n_batches : that are worth it. sentence : what to do and why."""

    is_stop: bool
    n_batches: int
    sentence: str


@dataclass(frozen=True)
class AuditState:
    """What an audit says of the accepted peaks; sentence : "" without audit labels."""

    limit: float
    is_certified: bool
    sentence: str


def look_ahead(draws: OptionDraws, is_counted: BoolArray, batches: Sequence[IntArray]) -> Outlook:
    """How many expected errors the answers to each of several batches mend, if they are right.

    is_counted : (n_peaks,) peaks without an answer, whose most probable option is their call. batches : peak indices,
    those asked first in front. The expected errors are the sum of 1 - probability of the call; asked peaks have none
    left. What their answers say of others is added up peak by peak, at most what is left of a peak's doubt. Source: the
    expected error of Roy and McCallum 2001, ICML.
    """
    doubt = np.where(is_counted, _doubt(draws), 0.0)
    open_draws, open_peaks = _of_peaks(draws, np.flatnonzero(doubt > 0.0))
    left = doubt.copy()
    mended = np.zeros(len(batches))
    for number, batch in enumerate(batches):
        mended[number] = left[batch].sum()
        left[batch] = 0.0
        others = np.zeros(left.size)
        others[open_peaks] = sum(_effect(draws, open_draws, peak) for peak in batch.tolist())
        others = np.where(left > 0.0, np.minimum(others, left), 0.0)
        if others.sum() > 0.0:  # else they depend on nothing but noise
            mended[number] += others.sum()
            left -= others
    return Outlook(float(doubt.sum()), mended)


def own_doubts(probabilities: Sequence[float]) -> list[float]:
    """Expected errors that answers mended in their own peaks, in whole batches, the newest batch last.

    probabilities : of the call that each asked peak had when it was asked, in that order.
    """
    first = len(probabilities) % BATCH_SIZE
    doubts = [1.0 - probability for probability in probabilities]
    return [sum(doubts[start : start + BATCH_SIZE]) for start in range(first, len(doubts), BATCH_SIZE)]


def advise(outlook: Outlook, asked: Sequence[float], audit: AuditState) -> Advice:
    """Stop where the last batches and the next one mend too little, and the audit certifies its limit.

    asked : of `own_doubts`. PATIENCE batches in a row, the next one among them, have to be below MIN_MENDED. Sources: a
    predicted change under a threshold, Vlachos 2008, Computer Speech & Language 22:295; several rounds in a row,
    Bloodgood and Vijay-Shanker 2009, CoNLL.
    """
    is_worth = outlook.mended >= MIN_MENDED
    n_worth = int(is_worth.size if is_worth.all() else is_worth.argmin())
    if n_worth:
        return Advice(False, n_worth, _go_on(outlook, n_worth))
    n_patient = next((i for i, mended in enumerate(reversed(asked)) if mended >= MIN_MENDED), len(asked))
    n_missing = PATIENCE - 1 - n_patient if outlook.mended.size else 0
    of = f"{float(outlook.mended[:1].sum()):.1f} of {outlook.n_errors:.1f} expected errors"
    if n_missing > 0:
        batches = f"{n_missing} more {'batch' if n_missing == 1 else 'batches'} of {BATCH_SIZE}"
        return Advice(False, 0, f"The next batch is expected to mend only {of}; if that is so after {batches}, stop.")
    found = f"the next batch is expected to mend {of}, and those before it mended as little"
    if not outlook.mended.size:
        found = "there is no peak left to ask about"
    if audit.is_certified:
        return Advice(True, 0, f"Stop: {found}; the audit certifies {audit.limit:.0%}.")
    missing = audit.sentence or f"nothing certifies {audit.limit:.0%} yet, because there are no audit labels."
    return Advice(False, 0, f"Label the audit now: {found}; {_lowered(missing)}")


def _go_on(outlook: Outlook, n_worth: int) -> str:
    mended = float(outlook.mended[:n_worth].sum())
    number = f"{n_worth} more {'batch' if n_worth == 1 else 'batches'} of {BATCH_SIZE}"
    number += " or more" if n_worth == MAX_AHEAD else ""
    who = "it is" if n_worth == 1 else "they are"
    of = f"{mended:.1f} of {outlook.n_errors:.1f} expected errors"
    return f"{number} may be worth it: {who} expected to mend {of}, if the answers are right."


def _lowered(sentence: str) -> str:
    """A sentence as it goes on after a semicolon."""
    return sentence[:1].lower() + sentence[1:]


def _doubt(draws: OptionDraws) -> FloatArray:
    """Probability that the most probable option is wrong, (n_peaks,)."""
    mean = draws.probability.mean(axis=0, dtype=np.float64)
    return np.clip(1.0 - np.maximum.reduceat(mean, draws.offsets[:-1]), 0.0, 1.0)


def _of_peaks(draws: OptionDraws, peaks: IntArray) -> tuple[OptionDraws, IntArray]:
    """The draws of some peaks alone, and these peaks."""
    sizes = np.diff(draws.offsets)
    is_kept = np.isin(peak_of_entry(draws.offsets), peaks)
    return OptionDraws(np.concatenate([[0], np.cumsum(sizes[peaks])]), draws.probability[:, is_kept]), peaks


def _effect(draws: OptionDraws, others: OptionDraws, peak: int) -> FloatArray:
    """How much an answer about a peak is expected to raise the probability of others' calls, (n_others,).

    The calls with and without the answer are chosen by one half of the draws, which are those of different chains, and
    judged by the other half, in turn: judged by its own half, a choice gains from noise alone. 0 with one draw.
    """
    half = draws.probability.shape[0] // 2
    if not half or not others.probability.shape[1]:
        return np.zeros(others.offsets.size - 1)
    own = draws.probability[:, draws.offsets[peak] : draws.offsets[peak + 1]]
    parts = (slice(0, half), slice(half, 2 * half))
    means = [others.probability[part].mean(axis=0)[None] for part in parts]
    joints = [own[part].T @ others.probability[part] / half for part in parts]  # (n_own_options, n_options)
    gains = [
        _judged(joints[choosing], joints[judging], others.offsets)
        - _judged(means[choosing], means[judging], others.offsets)
        for choosing, judging in ((0, 1), (1, 0))
    ]
    return np.asarray(sum(gains) / len(gains), dtype=np.float64)


def _judged(choosing: FloatArray, judging: FloatArray, offsets: IntArray) -> FloatArray:
    """Probability of the calls of every case, summed over cases; (n_cases, n_options) -> (n_peaks,).

    Equal options share a call.
    """
    best = np.maximum.reduceat(choosing, offsets[:-1], axis=1)
    is_call = choosing == np.repeat(best, np.diff(offsets), axis=1)
    of_calls = np.add.reduceat(np.where(is_call, judging, 0.0), offsets[:-1], axis=1)
    return np.asarray((of_calls / np.add.reduceat(is_call, offsets[:-1], axis=1, dtype=np.int64)).sum(axis=0))
