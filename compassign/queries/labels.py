"""What the labelling desk asks of the label store: the next peak, what was said, how far one is, who disagrees."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from statistics import median
from types import MappingProxyType

import numpy as np
import pandas as pd

from compassign.candidates import Windows, build_candidates
from compassign.data.answers import format_options
from compassign.data.dataset import Dataset
from compassign.data.stored_labels import LabelMatch, match_labels, stored_rows
from compassign.data.workspace import Source, dataset_key
from compassign.errors import InputError
from compassign.label_events import (
    DECIDED,
    NAMING_ONE,
    Kind,
    LabelEvent,
    LabelState,
    NewLabel,
    fold,
    is_open,
    needs_second,
    standing,
)
from compassign.store.labels import LabelStore

OVERLAP_SHARE = 0.1  # of the peaks go to two annotators: enough to see who agrees, at a tenth more work
OVERLAP_SEED = 0
N_FOR_PACE = 20  # answers that one's pace is the median of
HISTORY_COLUMNS = ("event", "at", "peak_id", "answer", "note", "is_undone")
RATING_COLUMNS = ("peak_id", "annotator", "answer", "is_prelabel_visible")


@dataclass
class EventLog:
    """The events of one dataset: only ever added to, so that what was read once need not be read again."""

    store: LabelStore
    key: str
    _read: tuple[LabelEvent, ...] = ()
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def all(self) -> tuple[LabelEvent, ...]:
        """Every event until now, in their order; may be called from any thread."""
        with self._lock:
            known = self._read[-1:]
            found = self.store.events(self.key, first=known[0].id if known else 0)
            if tuple(found[:1]) != known:  # nothing was known, or another database is in the place of the one that was
                self._read = tuple(self.store.events(self.key)) if known else tuple(found)
            else:
                self._read += tuple(found[1:])
            return self._read


@dataclass(frozen=True)
class Desk:
    """The labels of one dataset, about its peaks as they are now."""

    store: LabelStore
    key: str
    dataset: Dataset
    log: EventLog

    @cached_property
    def names(self) -> dict[str, str]:
        """What people call each compound: its name, with the id where several have it."""
        library = self.dataset.compounds
        name = library["name"].where(library["name"] != "", library["compound_id"])
        with_id = name.str.cat(" (" + library["compound_id"] + ")")
        told = name.where(~name.duplicated(keep=False), with_id)
        return dict(zip(library["compound_id"].tolist(), told.tolist(), strict=True))

    def events(self) -> list[LabelEvent]:
        """Everything that was said, under the ids that the peaks have now; what is about no peak of now is left out.

        Undone answers and all undos are included: what was taken back must not come back.
        """
        events = list(self.log.all())
        moved = [event for event in events if event.dataset_hash != self.dataset.dataset_hash and event.kind != "undo"]
        if not moved:
            return events
        found = dict(zip([event.id for event in moved], self._match(moved).peak_id, strict=True))
        places = [(event, found.get(event.id, event.peak_id)) for event in events]
        return [replace(event, peak_id=place) for event, place in places if place is not None]

    def match(self) -> LabelMatch:
        """Where the labels belong in the table as it is now; `LabelMatch.report` says what did not stay in place."""
        return self._match(fold(self.store.events(self.key)).counting())

    def _match(self, events: Sequence[LabelEvent]) -> LabelMatch:
        return match_labels(stored_rows(events), self.dataset.peaks)

    def blank(self, peak_id: str, annotator: str, client_key: str) -> NewLabel:
        """An answer about a peak that says `skip`, to be replaced by what is said; raises InputError for no peak."""
        found = np.flatnonzero((self.dataset.peaks["peak_id"] == peak_id).to_numpy())
        if not found.size:
            raise InputError(f"peak {peak_id!r}: not a peak_id of {self.dataset.name}")
        peak = self.dataset.peaks.iloc[int(found[0])]
        return NewLabel(
            client_key=client_key,
            annotator=annotator,
            dataset_key=self.key,
            dataset_hash=self.dataset.dataset_hash,
            peak_id=peak_id,
            injection=str(peak["injection"]),
            mz=float(peak["mz"]),
            rt_min=float(peak["rt_min"]),
            kind="skip",
        )


@dataclass(frozen=True)
class Progress:
    """How far the labelling is.

    n_own : peaks that this annotator has answered or passed over. n_decided : peaks that anybody has decided. n_left :
    of those in the queue, what this annotator will still be asked. n_disagreements : to be settled.
    pace_s : median time of the last own answers (s), None without any.
    """

    n_own: int
    n_decided: int
    n_left: int
    n_disagreements: int
    pace_s: float | None


def open_desk(store: LabelStore, output: Path, source: Source) -> Desk:
    """The desk of a dataset; raises InputError if its tables cannot be used."""
    key = dataset_key(output, source.folder, source.difficulty or "")
    return Desk(store, key, source.load(), EventLog(store, key))


def next_peak(desk: Desk, queue: Sequence[str], annotator: str, share: float = OVERLAP_SHARE) -> str | None:
    """Hold the best peak that this annotator should be asked about; None if there is none left or all are held.

    queue : peak ids, the best first. share : of the peaks are asked of two annotators, who do not see each other's
    answers. The peak is held until it is answered, another is asked for, or the lease is over; who comes back is asked
    about the one held last, though the queue may have another order by now.
    """
    last = desk.store.last_held(desk.key, annotator)
    wanted = queue if last is None or last not in queue else [last, *queue]
    while True:
        state = fold(desk.events())
        held = desk.store.hold(desk.key, _open_in(state, wanted, annotator, share), annotator)
        # somebody may have answered it since the state was read; now that it is held, nobody else is asked
        if held is None or _is_open(fold(desk.events()), held, annotator, share):
            return held


def open_peaks(state: LabelState, queue: Iterable[str], annotator: str, share: float = OVERLAP_SHARE) -> list[str]:
    """The peaks of a queue that an annotator should still be asked about, in its order."""
    return list(_open_in(state, queue, annotator, share))


def _open_in(state: LabelState, queue: Iterable[str], annotator: str, share: float) -> Iterator[str]:
    return (peak_id for peak_id in queue if _is_open(state, peak_id, annotator, share))


def _is_open(state: LabelState, peak_id: str, annotator: str, share: float) -> bool:
    if peak_id not in state.answers and peak_id not in state.adjudicated:
        return True  # as nearly all are: a screen waits for this
    return is_open(state, peak_id, annotator, needs_second(peak_id, share, OVERLAP_SEED))


def answer_kind(dataset: Dataset, peak_id: str, options: frozenset[str]) -> Kind:
    """How an answer that names compounds is stored: by whether the one it names is inside the peak's mass window.

    Raises InputError for compounds that the library lacks.
    """
    unknown = options - frozenset(dataset.compounds["compound_id"].tolist())
    if unknown:
        raise InputError(f"{format_options(unknown)!r}: not a compound_id of {dataset.name}")
    if len(options) != 1:
        return "several" if options else "null"
    alone = replace(dataset, peaks=dataset.peaks[dataset.peaks["peak_id"] == peak_id].reset_index(drop=True))
    compounds = dataset.compounds["compound_id"].to_numpy()[build_candidates(alone, None, Windows()).compound]
    return "candidate" if options <= set(compounds.tolist()) else "library"


def answer_text(event: NewLabel, names: Mapping[str, str] = MappingProxyType({})) -> str:
    """An answer in few words; the same for answers that say the same.

    names : compound_id -> what people call it; the id itself unless given.
    """
    if event.kind in NAMING_ONE or event.kind == "several":
        return format_options(names.get(option, option) for option in event.options)
    return {"null": "nothing in the library", "bad_peak": "two peaks or a bad one"}.get(event.kind, event.kind)


def history(
    events: Sequence[LabelEvent], annotator: str, n: int, names: Mapping[str, str] = MappingProxyType({})
) -> pd.DataFrame:
    """One's own last n answers, newest first, HISTORY_COLUMNS; nobody else's, so that a second answer stays blind.

    names : as in `answer_text`.
    """
    kept = {event.id for event in standing(events)}
    own = [event for event in events if event.annotator == annotator and event.kind != "undo"]
    rows = [
        (event.id, event.at, event.peak_id, answer_text(event, names), event.note, event.id not in kept)
        for event in sorted(own, key=lambda event: event.id, reverse=True)[:n]
    ]
    return pd.DataFrame(rows, columns=list(HISTORY_COLUMNS))


def progress(
    events: Sequence[LabelEvent], queue: Sequence[str], annotator: str, share: float = OVERLAP_SHARE
) -> Progress:
    """How far the labelling of a queue is; events : of `Desk.events`."""
    state = fold(events)
    times = [event.seconds for event in standing(events) if event.annotator == annotator and event.seconds is not None]
    return Progress(
        n_own=sum(annotator in by for by in state.answers.values()),
        n_decided=len({event.peak_id for event in state.counting() if event.kind in DECIDED}),
        n_left=len(open_peaks(state, queue, annotator, share)),
        n_disagreements=len(state.disagreements()),
        pace_s=median(times[-N_FOR_PACE:]) if times else None,
    )


def ratings(state: LabelState) -> pd.DataFrame:
    """Every annotator's decided answer about every peak that two or more decided, for measures of agreement.

    One row a peak and annotator, RATING_COLUMNS; adjudications are no ratings.
    """
    decided = {
        peak_id: [event for event in by.values() if event.kind in DECIDED] for peak_id, by in state.answers.items()
    }
    rows = [
        (peak_id, event.annotator, answer_text(event), event.is_prelabel_visible)
        for peak_id, events in decided.items()
        if len(events) > 1
        for event in events
    ]
    return pd.DataFrame(rows, columns=list(RATING_COLUMNS))
