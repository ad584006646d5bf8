"""What the Label page asks: which peak is next and why, what it may be, and the answer as an event."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import pandas as pd

from compassign.chemistry.adducts import default_adducts
from compassign.data.workspace import Source
from compassign.decisions.acquisition import (
    ACQUISITIONS,
    DEFAULT_ACQUISITION,
    OptionDraws,
    compound_groups,
    diverse_batch,
)
from compassign.decisions.stopping import BATCH_SIZE
from compassign.errors import InputError
from compassign.label_events import Kind, LabelEvent, NewLabel, audit_draw, is_prelabel_hidden, last_undoable
from compassign.queries.detail import PeakDetail
from compassign.queries.labels import Desk, answer_kind
from compassign.queries.peaks import option_starts
from compassign.queries.run_folder import Run
from compassign.refits import NamedDraws, Refit, learned_answers
from compassign.units import FloatArray, IntArray

ORDERS: Mapping[str, str] = {
    "least_confidence": "how probably its best answer is wrong",
    "margin": "how close its two best answers are (1 = equal)",
    "entropy": "how undecided its probabilities are (entropy, nats)",
}
"""Why a peak is asked about -> what its score says."""
DEFAULT_ORDER = DEFAULT_ACQUISITION
MAX_KEYS = 9  # candidates that have a key
MAX_FOUND = 20  # compounds that a search offers
BLIND_COLUMNS = ("compound_id", "name", "formula", "adduct", "mz_theoretical", "ppm_error", "rt_z")


@dataclass(frozen=True)
class Answer:
    """What a person says. options : compounds named, sorted; kind : as in the store; adduct : with kind `adduct`."""

    kind: Kind
    options: tuple[str, ...] = ()
    adduct: str = ""
    note: str = ""
    level: int | None = None
    seconds: float | None = None


@dataclass(frozen=True)
class Question:
    """One peak as it is asked.

    client_key : of its answer, which is stored once. choices : compound_id -> name of the candidates that have a key,
    in their order. top : what the run calls it. probability : of that call. is_prelabel_visible : whether it was shown.
    inclusion_prob : of the draw, where the question is one of the audit.
    """

    peak_id: str
    client_key: str
    choices: Mapping[str, str]
    top: Answer
    probability: float
    is_prelabel_visible: bool
    inclusion_prob: float | None = None


def source_of(run: Run) -> Source:
    """The dataset that a run was made from."""
    config = run.record.config
    if config.data is None:
        return Source(config.difficulty, "demo", difficulty=config.difficulty)
    return Source(config.data.name, "path", config.data)


def label_queue(
    run: Run,
    desk: Desk,
    order: str,
    refit: Refit | None = None,
    events: Sequence[LabelEvent] = (),
) -> dict[str, float]:
    """The peaks to be asked about, the best first: peak_id -> score (see ORDERS).

    The first batch has peaks of different compound groups, as far as there are: one answer says much of its group.
    refit : the newest one, whose probabilities take the place of the run's, but for peaks whose answer was taken back
    since. events : of the desk. Left out: peaks without candidates, calibrants, those whose answer the run was given,
    isotope peaks that have another peak's answer, and those of either audit, which are to stay a random sample. Raises
    InputError for an unknown order.
    """
    if order not in ORDERS:
        raise InputError(f"order = {order!r}, expected one of {', '.join(ORDERS)}")
    named = None if refit is None else refit.named
    score = ACQUISITIONS[order](mean_options(run))
    if refit is not None and named is not None:
        is_taken_back = run.peaks["peak_id"].isin(_taken_back(refit, events)).to_numpy(dtype=np.bool_)
        score = np.where(is_taken_back, score, _scores(named, order))
    audit = [*desk.dataset.peaks["peak_id"].to_numpy()[desk.dataset.audit.peak].tolist(), *audit_draw(events)]
    peaks = run.peaks
    is_open = (peaks["n_candidates"] > 0) & ~peaks["is_labelled"] & ~peaks["is_calibrant"] & (peaks["isotope_of"] == "")
    is_open &= ~peaks["peak_id"].isin(audit)
    batch = diverse_batch(score, _compound_groups(run), is_open.to_numpy(dtype=np.bool_), BATCH_SIZE)
    table = pd.DataFrame({"peak_id": peaks["peak_id"], "score": score})
    later = table[is_open & ~table.index.isin(batch)].sort_values("score", ascending=False, kind="stable")
    ranked = pd.concat([table.iloc[batch], later])
    return dict(zip(ranked["peak_id"].tolist(), ranked["score"].tolist(), strict=True))


def _taken_back(refit: Refit, events: Sequence[LabelEvent]) -> set[str]:
    """The peaks of which a refit had learned an answer that does not count any more."""
    learned = learned_answers([event for event in events if event.id <= refit.last_event])
    return learned.keys() - learned_answers(events).keys()


def _compound_groups(run: Run) -> IntArray:
    """(n_peaks,) as `compound_groups`; every peak has one null among its candidates."""
    compound = run.candidates["compound_id"].to_numpy()
    return compound_groups(run.offsets - np.arange(run.offsets.size), pd.factorize(compound[compound != ""])[0])


@lru_cache(maxsize=2)  # every key asks again, and a refit has hundreds of draws
def _scores(named: NamedDraws, order: str) -> FloatArray:
    return ACQUISITIONS[order](named.draws)


def hidden_peaks(run: Run, desk: Desk, annotator: str) -> frozenset[str]:
    """The peaks about which an annotator is not to see what the run says: the audit of labels.csv and blind ones."""
    audit = desk.dataset.peaks["peak_id"].iloc[desk.dataset.audit.peak].tolist()
    blind = [peak_id for peak_id in run.peaks["peak_id"].tolist() if is_prelabel_hidden(peak_id, annotator)]
    return frozenset([*audit, *blind])


def mean_options(run: Run) -> OptionDraws:
    """The run's mean probabilities of every peak's options, as a single draw."""
    starts = option_starts(run)
    probability = np.add.reduceat(run.candidates["probability"].to_numpy(dtype=np.float64), starts)
    peak = np.searchsorted(run.offsets, starts, side="right") - 1
    return OptionDraws(np.searchsorted(peak, np.arange(len(run.peaks) + 1)), probability[None])


def ask(detail: PeakDetail, annotator: str, client_key: str, inclusion_prob: float | None = None) -> Question:
    """The question about a peak; on some peaks, always the same ones of an annotator, the run's answer is hidden.

    inclusion_prob : of a peak of the audit, on which it always is.
    """
    peak_id = str(detail.peak["peak_id"])
    is_visible = inclusion_prob is None and not is_prelabel_hidden(peak_id, annotator)
    shown = detail.candidates if is_visible else blind_candidates(detail)
    named = shown[shown["compound_id"] != ""].drop_duplicates("compound_id").head(MAX_KEYS)
    called = str(detail.peak["assigned_compound"])
    return Question(
        peak_id=peak_id,
        client_key=client_key,
        choices=dict(zip(named["compound_id"].tolist(), named["name"].tolist(), strict=True)),
        top=Answer("candidate", (called,)) if called else Answer("null"),
        probability=float(str(detail.peak["probability"])),
        is_prelabel_visible=is_visible,
        inclusion_prob=inclusion_prob,
    )


def blind_candidates(detail: PeakDetail) -> pd.DataFrame:
    """The candidates in the order of their names, BLIND_COLUMNS: nothing that tells what the run thinks of them."""
    found = detail.candidates[detail.candidates["compound_id"] != ""]
    return found.sort_values(["name", "adduct"], kind="stable", ignore_index=True)[list(BLIND_COLUMNS)]


def named_answer(desk: Desk, peak_id: str, options: list[str], adduct: str) -> Answer:
    """An answer that names compounds; raises InputError where it names none, or an adduct of several."""
    if not options:
        raise InputError("No compound is chosen: choose one, or several of which one made the peak.")
    if adduct and len(options) > 1:
        raise InputError("An adduct belongs to one compound: choose one, or no adduct.")
    kind: Kind = "adduct" if adduct else answer_kind(desk.dataset, peak_id, frozenset(options))
    return Answer(kind, tuple(sorted(options)), adduct)


def store_answer(desk: Desk, run: Run, question: Question, annotator: tuple[str, bool], answer: Answer) -> LabelEvent:
    """Store an answer; annotator : name, and whether an account proves it. Raises as `LabelStore.append`."""
    blank = desk.blank(question.peak_id, annotator[0], question.client_key)
    label = replace(
        blank,
        kind=answer.kind,
        options=answer.options,
        adduct=answer.adduct,
        note=answer.note,
        identification_level=answer.level,
        seconds=answer.seconds,
        is_verified=annotator[1],
        purpose="active" if question.inclusion_prob is None else "audit",
        inclusion_prob=question.inclusion_prob,
        run_id=run.run_id,
        model_version=f"{run.record.config.model} {run.record.versions.get('compassign', '')}".strip(),
        probability=min(question.probability, 1.0),
        is_prelabel_visible=question.is_prelabel_visible,
    )
    return desk.store.append(label)


def take_back(desk: Desk, annotator: tuple[str, bool], client_key: str) -> LabelEvent | None:
    """Take the annotator's last answer back; None where there is none. client_key : of the undoing.

    Its peak is held, so that it is the next to be asked about.
    """
    last = last_undoable(desk.log.all(), annotator[0])
    if last is None:
        return None
    about = {name: getattr(last, name) for name in ("dataset_key", "dataset_hash", "peak_id", "injection", "mz")}
    undo = NewLabel(
        **about,
        client_key=client_key,
        annotator=annotator[0],
        is_verified=annotator[1],
        rt_min=last.rt_min,
        kind="undo",
        undoes=last.id,
    )
    stored = desk.store.append(undo)
    desk.store.hold(desk.key, [event.peak_id for event in desk.events() if event.id == last.id], annotator[0])
    return stored


def find_compounds(desk: Desk, text: str) -> dict[str, str]:
    """Compounds of the library whose name, id or formula has a text in it: compound_id -> name; MAX_FOUND at most."""
    wanted = text.strip().lower()
    if not wanted:
        return {}
    library = desk.dataset.compounds
    has = [library[name].str.lower().str.contains(wanted, regex=False) for name in ("name", "compound_id", "formula")]
    found = library[has[0] | has[1] | has[2]].head(MAX_FOUND)
    return {
        str(compound_id): str(name) or str(compound_id)
        for compound_id, name in zip(found["compound_id"], found["name"], strict=True)
    }


def other_adducts(desk: Desk, peak_id: str) -> list[str]:
    """The usual adducts of a peak's polarity."""
    peaks = desk.dataset.peaks
    polarity = str(peaks.loc[peaks["peak_id"] == peak_id, "polarity"].iloc[0])
    return [adduct.name for adduct in default_adducts(polarity)]
