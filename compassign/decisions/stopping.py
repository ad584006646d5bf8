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
N_FAR = PATIENCE  # batches whose effect on other peaks is worked out: of later ones it takes long and is small
MIN_DOUBT = 0.01  # of another peak: one that is surer has nothing to be mended


@dataclass(frozen=True)
class Outlook:
    """What more answers are expected to mend.

    n_errors : expected errors among the calls of the peaks that have no answer. own, others : (n_batches,) how many of
    them each of the next batches mends, in the peaks that are asked about and in others that depend on them; the latter
    of the first N_FAR batches, 0 of the rest.
    """

    n_errors: float
    own: FloatArray
    others: FloatArray

    @property
    def mended(self) -> FloatArray:
        """Expected errors that each batch mends, (n_batches,)."""
        return np.asarray(self.own + self.others)


@dataclass(frozen=True)
class Advice:
    """Whether to go on. n_batches : that are worth it. sentence : what to do and why."""

    is_stop: bool
    n_batches: int
    sentence: str


@dataclass(frozen=True)
class AuditState:
    """What an audit says of the accepted peaks; not its share, which would tell whoever answers if the run agreed.

    limit : on the false share. is_certified, is_exceeded : the share is within it, or above. n_labels : of accepted
    peaks.
    """

    limit: float
    is_certified: bool
    is_exceeded: bool
    n_labels: int


def look_ahead(draws: OptionDraws, is_counted: BoolArray, batches: Sequence[IntArray]) -> Outlook:
    """How many expected errors the answers to each of several batches mend, if they are right.

    is_counted : (n_peaks,) peaks without an answer, whose most probable option is their call. batches : peak indices,
    those asked first in front. The expected errors are the sum of 1 - probability of the call; asked peaks have none
    left. What their answers say of others is added up peak by peak, at most what is left of a peak's doubt. Source: the
    expected error of Roy and McCallum 2001, ICML.
    """
    doubt = np.where(is_counted, _doubt(draws), 0.0)
    far = _Far.of(draws, np.flatnonzero(doubt > MIN_DOUBT))
    left = doubt.copy()
    own, others = np.zeros(len(batches)), np.zeros(len(batches))
    for number, batch in enumerate(batches):
        own[number] = left[batch].sum()
        left[batch] = 0.0
        if number >= N_FAR:
            continue
        effects = np.where(left > 0.0, np.minimum(far.effects(draws, batch), left), 0.0)
        effect = effects[np.argmin(effects.sum(axis=1))]  # the smaller: over many peaks, noise adds up
        if effect.sum() > 0.0:
            others[number] = effect.sum()
            left -= effect
    return Outlook(float(doubt.sum()), own, others)


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
        return Advice(True, 0, f"Stop: {found}; the audit certifies {100 * audit.limit:g} %.")
    if audit.is_exceeded:
        return Advice(
            False, 0, f"Start a new run: {found}, but the audit finds more than {100 * audit.limit:g} % false."
        )
    labels = f"{audit.n_labels} audit label{'' if audit.n_labels == 1 else 's'} of accepted peaks"
    return Advice(False, 0, f"Label the audit now: {found}, but {labels} cannot certify {100 * audit.limit:g} %.")


def _go_on(outlook: Outlook, n_worth: int) -> str:
    mended = float(outlook.mended[:n_worth].sum())
    number = f"{n_worth} more {'batch' if n_worth == 1 else 'batches'} of {BATCH_SIZE}"
    number = f"At least {number}" if n_worth == MAX_AHEAD else number
    who = "it is" if n_worth == 1 else "they are"
    of = f"{mended:.1f} of {outlook.n_errors:.1f} expected errors"
    others = f"{float(outlook.others[:n_worth].sum()):.1f}"
    far = f"about {others} of these in other peaks, " if others != "0.0" else ""
    return f"{number} may be worth it: {who} expected to mend {of}, {far}if the answers are right."


def _doubt(draws: OptionDraws) -> FloatArray:
    """Probability that the most probable option is wrong, (n_peaks,)."""
    mean = draws.probability.mean(axis=0, dtype=np.float64)
    return np.clip(1.0 - np.maximum.reduceat(mean, draws.offsets[:-1]), 0.0, 1.0)


@dataclass(frozen=True)
class _Far:
    """The peaks that answers about others may mend, in two halves of the draws.

    peaks : (n,). offsets : of their options. halves : (n_draws / 2, n_options) each. now : (n,) probability of the call
    that one half chose and the other judged, of both ways; without halves where there is one draw.
    """

    peaks: IntArray
    offsets: IntArray
    halves: tuple[FloatArray, ...]
    now: tuple[FloatArray, ...]

    @classmethod
    def of(cls, draws: OptionDraws, peaks: IntArray) -> _Far:
        """The draws of some peaks alone."""
        offsets = np.concatenate([[0], np.cumsum(np.diff(draws.offsets)[peaks])])
        kept = draws.probability[:, np.isin(peak_of_entry(draws.offsets), peaks)]
        half = kept.shape[0] // 2
        if not half or not peaks.size:
            return cls(peaks, offsets, (), ())
        halves = (kept[:half], kept[half : 2 * half])
        means = [part.mean(axis=0)[None] for part in halves]
        now = tuple(_judged(means[choosing], means[1 - choosing], offsets) for choosing in (0, 1))
        return cls(peaks, offsets, halves, now)

    def effects(self, draws: OptionDraws, asked: IntArray) -> FloatArray:
        """How much the answers are expected to raise the probability of every peak's call, added up, (2, n_peaks).

        The calls with and without an answer are chosen by one half of the draws, which are those of different chains,
        and judged by the other half, in both ways: judged by its own half, a choice gains from noise alone.
        """
        effects = np.zeros((2, draws.offsets.size - 1))
        if not self.halves:
            return effects
        half = self.halves[0].shape[0]
        for peak in asked.tolist():
            own = draws.probability[:, draws.offsets[peak] : draws.offsets[peak + 1]]
            parts = (own[:half], own[half : 2 * half])
            # (n_own_options, n_options)
            joint = [part.T @ others / half for part, others in zip(parts, self.halves, strict=True)]
            for choosing, now in enumerate(self.now):
                effects[choosing, self.peaks] += _judged(joint[choosing], joint[1 - choosing], self.offsets) - now
        return effects


def _judged(choosing: FloatArray, judging: FloatArray, offsets: IntArray) -> FloatArray:
    """Probability of the calls of every case, summed over cases; (n_cases, n_options) -> (n_peaks,).

    Equal options share a call.
    """
    best = np.maximum.reduceat(choosing, offsets[:-1], axis=1)
    is_call = choosing == np.repeat(best, np.diff(offsets), axis=1)
    of_calls = np.add.reduceat(np.where(is_call, judging, 0.0), offsets[:-1], axis=1)
    return np.asarray((of_calls / np.add.reduceat(is_call, offsets[:-1], axis=1, dtype=np.int64)).sum(axis=0))
