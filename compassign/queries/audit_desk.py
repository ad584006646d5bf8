"""The audit at the desk: peaks drawn at random, which nothing offers and nothing learns from, and who got how far."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from compassign.config import RunRecord
from compassign.data.answers import combine_labels
from compassign.data.audit_labels import AuditLabels, collect_audit, is_audit
from compassign.data.stored_labels import export_rows
from compassign.decisions.audit_sample import draw_audit_sample
from compassign.errors import InputError
from compassign.evaluation.audit_estimates import AuditedLevel, Called, estimate_audit
from compassign.label_events import DRAWER, LabelEvent, NewLabel, audit_draw
from compassign.queries.labels import Desk
from compassign.queries.run_folder import Run
from compassign.run_labels import current_rows
from compassign.units import BoolArray, FloatArray, IntArray

DRAW_STREAM = 4  # of the run's seed: which peaks are drawn follows from it


@dataclass(frozen=True)
class Audit:
    """The audit of a dataset.

    inclusion_prob : peak_id -> probability that the draw took it, in the order of the draw; empty before a draw.
    queue : of these, what labels.csv has not answered. level : what the answers say at the run's limit; None without.
    """

    inclusion_prob: dict[str, float]
    queue: dict[str, float]
    level: AuditedLevel | None


def read_audit(run: Run, desk: Desk, events: Sequence[LabelEvent]) -> Audit:
    """The audit as it is now: of labels.csv, and as drawn at the desk."""
    file, names = desk.dataset.audit, desk.dataset.peaks["peak_id"].to_numpy()
    of_file = dict(zip(names[file.peak].tolist(), file.inclusion_prob.tolist(), strict=True))
    answered = set(names[file.peak[~file.is_skipped]].tolist())
    drawn = {**of_file, **audit_draw(events)}
    alpha = run.record.config.alpha
    found = estimate_audit(_labels_now(desk, events), called_by_run(run.peaks), [alpha])
    level = None if found is None else found.levels[f"{alpha:g}"]
    queue = {peak_id: probability for peak_id, probability in drawn.items() if peak_id not in answered}
    return Audit(drawn, queue, level)


def n_open_to_draw(run: Run, desk: Desk, events: Sequence[LabelEvent]) -> tuple[int, int]:
    """How many peaks can be drawn, and how many could not because somebody was asked about them."""
    is_new = _never_asked(run, desk, events)
    return int(is_new.sum()), int((_can_be_asked(run.peaks) & ~is_new).sum())


def draw_audit(run: Run, desk: Desk, n: int) -> int:
    """Draw peaks nobody was asked about, half of all and half of the accepted, and store them in their order.

    Returns how many were drawn: n, or as many as there are. Raises InputError where there is an audit already or
    nothing to draw, StoreError as `LabelStore.append_all`, which stores all or none.
    """
    events = desk.events()
    if len(desk.dataset.audit.peak) or audit_draw(events):
        raise InputError("There is an audit already; two draws cannot be weighed together.")
    peak, inclusion_prob = draw_peaks(run.record, run.peaks, _never_asked(run, desk, events), n)
    if not peak.size:
        raise InputError("Every peak that has a candidate was asked about already, so there is nothing to draw.")
    names = run.peaks["peak_id"].to_numpy()[peak].tolist()
    desk.store.append_all([_drawn(desk, *pair) for pair in zip(names, inclusion_prob.tolist(), strict=True)])
    return int(peak.size)


def draw_peaks(record: RunRecord, peaks: pd.DataFrame, is_open: BoolArray, n: int) -> tuple[IntArray, FloatArray]:
    """Rows of a run's peaks in the order of the draw, which follows from the run's seed, and their probabilities.

    is_open : (n_peaks,) which may be drawn.
    """
    is_accepted = (peaks["q_value"] <= record.config.alpha).to_numpy()
    return draw_audit_sample(is_open, is_accepted, n, np.random.default_rng([record.config.seed, DRAW_STREAM]))


def called_by_run(peaks: pd.DataFrame) -> Called:
    """What a run calls each peak; peaks : rows of its assignments."""
    return Called(
        compound=peaks["assigned_compound"].to_numpy(dtype=np.str_),
        pep=peaks["pep"].to_numpy(dtype=np.float64),
        q_value=peaks["q_value"].to_numpy(dtype=np.float64),
        is_seen=is_seen(peaks),
    )


def is_seen(peaks: pd.DataFrame) -> BoolArray:
    """(n_peaks,) peaks whose answer the run was given."""
    return (peaks["is_labelled"] | peaks["is_calibrant"]).to_numpy(dtype=np.bool_)


def _can_be_asked(peaks: pd.DataFrame) -> BoolArray:
    return (peaks["n_candidates"] > 0).to_numpy(dtype=np.bool_) & ~is_seen(peaks)


def _never_asked(run: Run, desk: Desk, events: Sequence[LabelEvent]) -> BoolArray:
    """Peaks that can be asked about, without those that anybody has said a word about or holds now."""
    asked = {event.peak_id for event in events} | set(desk.store.holders(desk.key))
    return _can_be_asked(run.peaks) & ~run.peaks["peak_id"].isin(asked).to_numpy(dtype=np.bool_)


def _drawn(desk: Desk, peak_id: str, inclusion_prob: float) -> NewLabel:
    """The event that draws a peak; two browsers that draw at once store it once."""
    key = hashlib.sha256(f"{DRAWER} {desk.key} {peak_id}".encode()).hexdigest()
    return replace(desk.blank(peak_id, DRAWER, key), purpose="audit", inclusion_prob=inclusion_prob)


def _labels_now(desk: Desk, events: Sequence[LabelEvent]) -> AuditLabels:
    """What the store says of the audit, and labels.csv of its other peaks."""
    rows = export_rows(current_rows(events))
    rows = rows[is_audit(rows)]
    answers, _ = combine_labels("stored labels", rows[rows["skipped"] == ""])
    stored = collect_audit(rows, answers, desk.dataset.peaks["peak_id"].tolist())
    file = desk.dataset.audit.select(~np.isin(desk.dataset.audit.peak, stored.peak))
    return AuditLabels(
        np.concatenate([file.peak, stored.peak]),
        file.options + stored.options,
        np.concatenate([file.inclusion_prob, stored.inclusion_prob]),
        np.concatenate([file.is_skipped, stored.is_skipped]),
    )
