"""What the Label page says of more labels: whether the next batches are worth it, or the audit says to stop."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np

from compassign.decisions.acquisition import OptionDraws
from compassign.decisions.stopping import (
    BATCH_SIZE,
    MAX_AHEAD,
    Advice,
    AuditState,
    Outlook,
    advise,
    look_ahead,
    own_doubts,
)
from compassign.label_events import DECIDED, LabelEvent, fold, standing
from compassign.queries.audit_desk import Audit
from compassign.queries.label_desk import mean_options
from compassign.queries.provisional import run_draws
from compassign.queries.run_folder import Run
from compassign.refits import NamedDraws, Refit, can_refit

MAX_DRAWS = 500  # of those that are looked at: more change the first decimal of no sentence
_beside = ThreadPoolExecutor(max_workers=1, thread_name_prefix="outlook")


def n_batches_done(events: Sequence[LabelEvent]) -> int:
    """Whole batches that were answered at the desk; what more are worth is worked out anew after each."""
    return len(_asked_probabilities(events)) // BATCH_SIZE


def outlook(run: Run, refit: Refit | None, queue: Sequence[str], events: Sequence[LabelEvent]) -> Outlook:
    """What the next batches of a queue are expected to mend, by the newest fit.

    queue : peak ids, the best first. Raises InputError for a run whose draws cannot be read.
    """
    answers = fold(events).answers
    settled = {peak_id for peak_id, by in answers.items() if any(event.kind in DECIDED for event in by.values())}
    settled |= set(run.peaks["peak_id"][run.peaks["is_labelled"] | run.peaks["is_calibrant"]].tolist())
    ahead = [peak_id for peak_id in queue if peak_id not in settled][: MAX_AHEAD * BATCH_SIZE]
    named = _named_draws(run, refit)
    rows = np.array([named.row[peak_id] for peak_id in ahead], dtype=np.int64)
    batches = [rows[start : start + BATCH_SIZE] for start in range(0, rows.size, BATCH_SIZE)]
    step = -(-len(named.draws.probability) // MAX_DRAWS)
    thinned = OptionDraws(named.draws.offsets, named.draws.probability[::step])
    return look_ahead(thinned, ~np.isin(named.peak_id, list(settled)), batches)


def outlook_beside(
    run: Run, refit: Refit | None, queue: Sequence[str], events: Sequence[LabelEvent]
) -> Future[Outlook]:
    """`outlook` in a thread of its own: where peaks are many it takes seconds, which no key is to wait for.

    It also reads the draws that the first answer is weighed into.
    """
    return _beside.submit(outlook, run, refit, queue, events)


def stopping_advice(run: Run, ahead: Outlook, audit: Audit, events: Sequence[LabelEvent]) -> Advice:
    """Whether to go on; ahead : of `outlook`. audit : of `read_audit`."""
    return advise(ahead, own_doubts(_asked_probabilities(events)), _audit_state(run, audit))


def _asked_probabilities(events: Sequence[LabelEvent]) -> list[float]:
    """What the call of each peak that the queue offered was given when it was first decided, in that order."""
    decided = [event for event in standing(events) if event.purpose == "active" and event.kind in DECIDED]
    first = {event.peak_id: event.probability for event in reversed(decided)}
    in_order = dict.fromkeys(event.peak_id for event in decided)
    return [found for peak_id in in_order if (found := first[peak_id]) is not None]


def _audit_state(run: Run, audit: Audit) -> AuditState:
    limit, level = run.record.config.alpha, audit.level
    if level is None:
        return AuditState(limit, is_certified=False, is_exceeded=False, n_labels=0)
    return AuditState(limit, level.is_certified, level.low is not None and level.low > limit, level.n_labels)


def _named_draws(run: Run, refit: Refit | None) -> NamedDraws:
    """The draws of the newest fit; of a model without draws its probabilities, as a single one."""
    if refit is not None and refit.named is not None:
        return refit.named
    if can_refit(run.record.config):
        return run_draws(run)
    return NamedDraws(run.peaks["peak_id"].to_numpy(dtype=np.str_), np.empty(0, dtype=np.str_), mean_options(run))
