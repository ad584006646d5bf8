"""What annotators said about peaks, as events that are only ever added, and what follows from them.

Pure: the store keeps the events, these functions say what counts. The order is that of the events' ids, never that of
their times, so that a clock that goes backwards changes nothing.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Literal, get_args

from compassign.errors import InputError

Kind = Literal["candidate", "several", "null", "library", "adduct", "bad_peak", "unsure", "skip", "undo"]
Purpose = Literal["active", "audit", "free"]

NAMING_ONE: frozenset[Kind] = frozenset(["candidate", "library", "adduct"])
TRAINING: frozenset[Kind] = NAMING_ONE | {"several", "null"}
"""Answers that a fit learns from; `bad_peak`, `unsure` and `skip` say nothing about which compound it is."""
DECIDED: frozenset[Kind] = TRAINING | {"bad_peak"}
"""Answers after which nobody else need look at the peak."""
DRAWER = "(audit draw)"
"""Who stores the draw of an audit: an event for each peak, in the order of the draw, that passes the peak over."""
MAX_NAME, MAX_NOTE = 100, 2000  # characters: a name fits on a line, a note on a screen
LEVELS = range(1, 6)  # Schymanski et al., Environ. Sci. Technol. 48, 2014
HIDDEN_SHARE = 0.15  # of the peaks: enough to see the pull, at little loss of help
_DRAW_BITS = 64


@dataclass(frozen=True, kw_only=True)
class NewLabel:
    """One answer of one annotator about one peak, not yet stored.

    client_key : made when the question was shown, so that answering it twice stores one event.
    is_verified : an account proved the annotator's name. dataset_key : see `data.workspace.dataset_key`.
    injection, mz, rt_min : of the peak as it was shown; they find it again where a new table has other ids.
    options : compounds that the answer names, sorted. adduct : only of kind `adduct`.
    is_adjudication : settles what annotators disagree about. undoes : id of the event that an `undo` takes back.
    run_id, model_version, probability : what was shown, None where nothing was. purpose, inclusion_prob : as in
    labels.csv. seconds : from question to answer. identification_level : 1 to 5, as the laboratory reports it.
    """

    client_key: str
    annotator: str
    dataset_key: str
    dataset_hash: str
    peak_id: str
    injection: str
    mz: float
    rt_min: float
    kind: Kind
    options: tuple[str, ...] = ()
    adduct: str = ""
    is_verified: bool = False
    is_adjudication: bool = False
    undoes: int | None = None
    run_id: str | None = None
    model_version: str = ""
    probability: float | None = None
    is_prelabel_visible: bool = False
    purpose: Purpose = "free"
    inclusion_prob: float | None = None
    seconds: float | None = None
    note: str = ""
    identification_level: int | None = None


@dataclass(frozen=True, kw_only=True)
class LabelEvent(NewLabel):
    """A stored answer; id : ascending in the order of storing. at : UTC, for people."""

    id: int
    at: datetime


@dataclass(frozen=True)
class LabelState:
    """What stands after all undoing: the last answer of each annotator, and the last adjudication of each peak.

    answers : peak_id -> annotator -> event. adjudicated : peak_id -> event. Peaks in the order of their first answer.
    """

    answers: Mapping[str, Mapping[str, LabelEvent]]
    adjudicated: Mapping[str, LabelEvent]

    def of_peak(self, peak_id: str) -> list[LabelEvent]:
        """What counts about a peak: its adjudication, else every annotator's answer."""
        if peak_id in self.adjudicated:
            return [self.adjudicated[peak_id]]
        return list(self.answers.get(peak_id, {}).values())

    def counting(self) -> list[LabelEvent]:
        """What counts about every peak."""
        return [event for peak_id in {**self.answers, **self.adjudicated} for event in self.of_peak(peak_id)]

    def disagreements(self) -> list[str]:
        """Peaks whose annotators gave answers without a common option, and that nobody has settled."""
        return [
            peak_id
            for peak_id, by in self.answers.items()
            if peak_id not in self.adjudicated and _disagree([event for event in by.values() if event.kind in DECIDED])
        ]


@dataclass(frozen=True)
class Snapshot:
    """The labels of a dataset as they were after one event; last_event : 0 if there was none. hash : of all events."""

    last_event: int
    hash: str


def check_label(label: NewLabel) -> None:
    """Raise InputError with everything that is wrong with an answer."""
    problems = [
        *_check_texts(label),
        *_check_answer(label),
        *_check_sampling(label),
        *_check_numbers(label),
    ]
    if problems:
        raise InputError([f"label of peak {label.peak_id!r}: {problem}" for problem in problems])


def _check_texts(label: NewLabel) -> list[str]:
    texts = {"annotator": label.annotator, "client_key": label.client_key, "peak_id": label.peak_id}
    problems = [f"{name} is empty" for name, text in texts.items() if not text.strip()]
    limits = {"annotator": MAX_NAME, "client_key": MAX_NAME, "note": MAX_NOTE}
    lengths = {name: len(str(getattr(label, name))) for name in limits}
    return problems + [
        f"{name} has {lengths[name]} characters, expected at most {most}"
        for name, most in limits.items()
        if lengths[name] > most
    ]


def _check_answer(label: NewLabel) -> list[str]:
    if label.kind not in get_args(Kind):
        return [f"answer = {label.kind!r}, expected one of {', '.join(get_args(Kind))}"]
    n_options = len(set(label.options))
    wanted = {"several": n_options > 1}.get(label.kind, n_options == (label.kind in NAMING_ONE))
    problems = [] if wanted else [f"answer {label.kind} names {n_options} compounds"]
    if label.options != tuple(sorted(set(label.options))):
        problems.append(f"options {label.options} are not sorted, each once")
    if bool(label.adduct) != (label.kind == "adduct"):
        problems.append(f"adduct = {label.adduct!r} with answer {label.kind}; expected one with answer adduct alone")
    if (label.undoes is not None) != (label.kind == "undo"):
        problems.append(f"undoes = {label.undoes} with answer {label.kind}; expected an event with undo alone")
    return problems


def _check_sampling(label: NewLabel) -> list[str]:
    if label.purpose not in get_args(Purpose):
        return [f"purpose = {label.purpose!r}, expected one of {', '.join(get_args(Purpose))}"]
    given = label.inclusion_prob
    if (given is not None) != (label.purpose == "audit"):
        return [f"inclusion_prob = {given} with purpose {label.purpose}; expected with purpose audit alone"]
    if given is not None and not 0.0 < given <= 1.0:
        return [f"inclusion_prob = {given}, expected above 0, at most 1"]
    return []


def _check_numbers(label: NewLabel) -> list[str]:
    problems = []
    if not (math.isfinite(label.mz) and math.isfinite(label.rt_min)):
        problems.append(f"mz = {label.mz}, rt_min = {label.rt_min}, expected finite numbers")
    if label.probability is not None and not 0.0 <= label.probability <= 1.0:
        problems.append(f"probability = {label.probability}, expected 0 to 1")
    if label.seconds is not None and not (math.isfinite(label.seconds) and label.seconds >= 0.0):
        problems.append(f"seconds = {label.seconds}, expected 0 or more")
    if label.identification_level is not None and label.identification_level not in LEVELS:
        problems.append(f"identification_level = {label.identification_level}, expected 1 to 5")
    return problems


def fold(events: Iterable[LabelEvent]) -> LabelState:
    """What stands after a dataset's events, in any order; an undo that was undone itself takes nothing back."""
    answers: dict[str, dict[str, LabelEvent]] = {}
    adjudicated: dict[str, LabelEvent] = {}
    audited: set[str] = set()
    for event in standing(events):
        if event.is_adjudication:
            adjudicated[event.peak_id] = event
        else:
            answers.setdefault(event.peak_id, {})[event.annotator] = event
        if event.purpose == "audit" and event.annotator != DRAWER:
            audited.add(event.peak_id)
    return LabelState(_as_far_as_audited(answers, audited), adjudicated)


def _as_far_as_audited(
    answers: dict[str, dict[str, LabelEvent]], audited: set[str]
) -> dict[str, dict[str, LabelEvent]]:
    """The answers, with those of the draw alone where a peak was passed over on the way to the last audited one.

    The first peaks of a draw are a random sample too, so that an audit which ends early is one of the peaks up to
    there. A drawn peak that was answered for another purpose stays one of the audit, which nothing learns from.
    """
    drawn = sorted((by[DRAWER].id, peak_id) for peak_id, by in answers.items() if DRAWER in by)
    last = max((number for number, peak_id in drawn if peak_id in audited), default=0)
    is_over = {
        peak_id
        for number, peak_id in drawn
        if peak_id in audited or (number > last and answers[peak_id].keys() == {DRAWER})
    }
    kept = {
        peak_id: {name: event for name, event in by.items() if name != DRAWER or peak_id not in is_over}
        for peak_id, by in answers.items()
    }
    return {peak_id: by for peak_id, by in kept.items() if by}


def audit_draw(events: Iterable[LabelEvent]) -> dict[str, float]:
    """The peaks of the audit in the order of their draw, whether anybody has got to them: peak_id -> inclusion_prob."""
    drawn = [event for event in standing(events) if event.purpose == "audit"]
    return {event.peak_id: event.inclusion_prob for event in drawn if event.inclusion_prob is not None}


def standing(events: Iterable[LabelEvent]) -> list[LabelEvent]:
    """The answers that were not taken back, the oldest first."""
    undone: set[int] = set()
    kept: list[LabelEvent] = []
    # from the last: whether an undo counts is known once all after it have been seen
    for event in sorted(events, key=lambda event: event.id, reverse=True):
        if event.id in undone:
            continue
        if event.undoes is not None:
            undone.add(event.undoes)
        else:
            kept.append(event)
    return kept[::-1]


def last_undoable(events: Iterable[LabelEvent], annotator: str) -> LabelEvent | None:
    """The newest answer of an annotator that still stands; None if there is none."""
    own = [event for event in standing(events) if event.annotator == annotator]
    return own[-1] if own else None


def snapshot(events: Sequence[LabelEvent]) -> Snapshot:
    """Name the events of a dataset, so that a fit can say which it saw; equal events, equal names."""
    ordered = sorted(events, key=lambda event: event.id)
    text = json.dumps([asdict(event) for event in ordered], default=str, sort_keys=True, separators=(",", ":"))
    return Snapshot(ordered[-1].id if ordered else 0, hashlib.sha256(text.encode()).hexdigest())


def needs_second(peak_id: str, share: float, seed: int) -> bool:
    """Whether a peak is of the share that two annotators answer, each without the other's answer.

    share : 0 to 1. It follows from seed and peak alone, so that it is the same on every screen and in every session.
    """
    return _is_drawn(f"{seed} {peak_id}", share)


def is_prelabel_hidden(peak_id: str, annotator: str) -> bool:
    """Whether an annotator answers a peak without what the run says of it, so that the pull of that can be measured."""
    return _is_drawn(f"hidden {annotator} {peak_id}", HIDDEN_SHARE)


def _is_drawn(text: str, share: float) -> bool:
    """Whether a text is of a share of all texts, the same ones always."""
    digest = hashlib.sha256(text.encode()).digest()
    return int.from_bytes(digest[: _DRAW_BITS // 8]) < share * 2.0**_DRAW_BITS


def is_open(state: LabelState, peak_id: str, annotator: str, is_double: bool) -> bool:
    """Whether an annotator should be asked about a peak.

    is_double : two annotators answer it. Who has answered it, or passed it over, is not asked again.
    """
    by = state.answers.get(peak_id, {})
    n_decided = sum(event.kind in DECIDED for event in by.values())
    return annotator not in by and peak_id not in state.adjudicated and n_decided < 1 + is_double


def _disagree(events: Sequence[LabelEvent]) -> bool:
    """Whether no option is in all answers; "null" and "bad peak" are options of their own."""
    sets = [set(event.options) or {f"\0{event.kind}"} for event in events]
    return len(sets) > 1 and not set.intersection(*sets)
