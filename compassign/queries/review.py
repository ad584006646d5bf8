"""What the Review page shows: who disagrees about which peak, how far annotators agree, and how often each is right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import pandas as pd

from compassign.annotator_table import NAMELESS, read_annotators
from compassign.evaluation.agreement import kappa, krippendorff_alpha
from compassign.label_events import LabelEvent, LabelState, fold
from compassign.queries.labels import Desk, answer_text, ratings
from compassign.queries.run_folder import Run

DISAGREEMENT_COLUMNS = ("peak_id", "annotator", "answer", "note", "was_shown")
PAIR_COLUMNS = ("one", "other", "n_both", "share_equal", "kappa")
SETTLED_COLUMNS = ("annotator", "n_settled", "share_upheld")


@dataclass(frozen=True)
class Review:
    """How far people agree.

    disagreements : one row an answer that stands against another, DISAGREEMENT_COLUMNS; peaks in the order of their
    first answer. alpha : Krippendorff's, None where it cannot be told. pairs : PAIR_COLUMNS, kappa is NaN likewise.
    settled : of each annotator, how many peaks somebody has settled, and the share in which that upheld the answer.
    """

    disagreements: pd.DataFrame
    alpha: float | None
    pairs: pd.DataFrame
    settled: pd.DataFrame


def review(events: Sequence[LabelEvent], names: Mapping[str, str]) -> Review:
    """Compare what annotators said; events : of `Desk.events`. names : compound_id -> what people call it."""
    state = fold(events)
    rows = [
        (peak_id, event.annotator, answer_text(event, names), event.note, event.is_prelabel_visible)
        for peak_id in state.disagreements()
        for event in state.answers[peak_id].values()
    ]
    table: dict[str, dict[str, str]] = {}
    for peak_id, annotator, answer, _ in ratings(state).itertuples(index=False):
        table.setdefault(str(peak_id), {})[str(annotator)] = str(answer)
    return Review(
        pd.DataFrame(rows, columns=list(DISAGREEMENT_COLUMNS)),
        krippendorff_alpha(table),
        _pairs(table),
        _settled(state),
    )


def _pairs(table: dict[str, dict[str, str]]) -> pd.DataFrame:
    names = sorted({name for by in table.values() for name in by})
    rows = []
    for one, other in combinations(names, 2):
        both = [by[one] == by[other] for by in table.values() if one in by and other in by]
        if both:
            rows.append((one, other, len(both), sum(both) / len(both), kappa(table, one, other)))
    return pd.DataFrame(rows, columns=list(PAIR_COLUMNS)).astype({"kappa": float})


def _settled(state: LabelState) -> pd.DataFrame:
    upheld: dict[str, list[bool]] = {}
    for peak_id, final in state.adjudicated.items():
        for annotator, event in state.answers.get(peak_id, {}).items():
            upheld.setdefault(annotator, []).append(answer_text(event) == answer_text(final))
    rows = [(name, len(found), sum(found) / len(found)) for name, found in sorted(upheld.items())]
    return pd.DataFrame(rows, columns=list(SETTLED_COLUMNS))


def reliabilities(run: Run) -> pd.DataFrame:
    """How far a run found each annotator to be right, the least reliable first; no rows where it was given no answers.

    Columns of `annotator_table.COLUMNS`. Raises InputError for a broken file.
    """
    table = read_annotators(run.path)
    named = table.assign(annotator=table["annotator"].replace("", NAMELESS))
    return named.sort_values("reliability", kind="stable", ignore_index=True)


def settle(desk: Desk, said: LabelEvent, annotator: tuple[str, bool], client_key: str, note: str = "") -> LabelEvent:
    """Store that one of the answers about a peak is right, whatever else was said; raises as `LabelStore.append`."""
    blank = desk.blank(said.peak_id, annotator[0], client_key)
    label = replace(
        blank,
        kind=said.kind,
        options=said.options,
        adduct=said.adduct,
        is_verified=annotator[1],
        is_adjudication=True,
        note=note,
        purpose="audit" if said.purpose == "audit" else "free",  # what is settled of the audit teaches nothing either
        inclusion_prob=said.inclusion_prob,
    )
    return desk.store.append(label)


def answers_about(events: Sequence[LabelEvent], peak_id: str) -> list[LabelEvent]:
    """The answers about a peak that stand, each said once."""
    found = {answer_text(event): event for event in fold(events).answers.get(peak_id, {}).values()}
    return list(found.values())
