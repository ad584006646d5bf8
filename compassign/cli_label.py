"""What `compassign label` does: store one answer, or take the labels of a dataset in and out as a table."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from compassign.chemistry.adducts import default_adducts, get_adduct
from compassign.data.answers import nameless_answers, parse_options, unknown_compounds, unknown_peaks
from compassign.data.audit_labels import complete_labels
from compassign.data.convert import convert_table
from compassign.data.dataset import Dataset
from compassign.data.read import read_csv
from compassign.data.stored_labels import export_rows
from compassign.data.workspace import Source, list_sources
from compassign.errors import InputError, StoreError
from compassign.files import write_new_csv
from compassign.label_events import Kind, LabelEvent, NewLabel, Purpose, audit_draw, fold, last_undoable
from compassign.queries.labels import Desk, answer_kind, answer_text, open_desk
from compassign.run_labels import current_rows
from compassign.store.labels import LabelStore
from compassign.tables import OPTION_SEPARATOR, SKIPPED

WORDS: dict[str, Kind] = {"null": "null", "bad": "bad_peak", "unsure": "unsure", "skip": "skip"}
"""Answers that name no compound; a compound of such a name is written with the separator behind it."""
UNDO = "undo"
_PURPOSES: dict[str, Purpose] = {"audit": "audit", "active": "active"}


@dataclass(frozen=True)
class Answer:
    """What was typed: text is a compound_id, several with ; between them, one of WORDS, or `undo`."""

    text: str
    annotator: str
    note: str = ""
    adduct: str = ""
    level: int | None = None


def add_label(output: Path, dataset: str, peak_id: str, answer: Answer) -> str:
    """Store an answer about a peak; returns a sentence about it.

    dataset : name in the workspace, a demonstration, or a folder. Raises InputError where it, the peak or the compounds
    are not known, or the answer breaks its rules.
    """
    with _opened(output, dataset) as desk:
        label = _taken_back(desk, peak_id, answer) if answer.text == UNDO else _said(desk, peak_id, answer)
        event = desk.store.append(label)
        what = "took back the last answer about" if event.kind == "undo" else f"said {answer_text(event)!r} of"
        return f"{event.annotator} {what} peak {peak_id} of {desk.dataset.name} (event {event.id})."


def export_labels(output: Path, dataset: str, file: Path) -> str:
    """Write what the store says of a dataset as a labels.csv; raises InputError where the file exists already."""
    with _opened(output, dataset) as desk:
        stored = current_rows(desk.events())
        rows = export_rows(stored)
        write_new_csv(rows, file)
        told = [f"{len(rows)} labels of {desk.dataset.name}: {file}"]
        if len(stored) > len(rows):
            told.append(
                f"{len(stored) - len(rows)} more answers teach nothing (bad peak, unsure, skip, overruled): left out"
            )
        return "\n".join([*told, *desk.match().report()])


def import_labels(output: Path, dataset: str, file: Path, annotator: str | None) -> str:
    """Store the rows of a labels.csv, all or none; what was imported before is passed over.

    annotator : of rows that name none. Raises InputError with every row that cannot be used.
    """
    with _opened(output, dataset) as desk:
        rows = _read_rows(file, desk.dataset)
        if annotator is None and (rows["annotator"] == "").any():
            raise InputError(f"{file}: has rows without annotator; give one with --annotator")
        rows = rows.assign(annotator=rows["annotator"].where(rows["annotator"] != "", annotator or ""))
        state = fold(desk.events())
        labels = [_label_of(desk, row) for row in _records(rows)]
        new = [label for label in labels if not _says(state.answers.get(label.peak_id, {}).get(label.annotator), label)]
        before = desk.store.last_events().get(desk.key, 0)
        n_added = sum(event.id > before for event in {event.id: event for event in desk.store.append_all(new)}.values())
        return f"{n_added} labels stored of {len(rows)} rows of {file}; the others were stored already."


@contextmanager
def _opened(output: Path, dataset: str) -> Iterator[Desk]:
    try:
        yield open_desk(LabelStore.open(output), output, _source(output, dataset))
    except StoreError as error:
        raise InputError(str(error)) from error


def _source(output: Path, name: str) -> Source:
    """The dataset that a person means: one of the list by its name, else a folder."""
    sources = list_sources(output)
    found = next((source for source in sources if source.name == name), None)
    if found is not None:
        return found
    if not Path(name).is_dir():
        known = ", ".join(source.name for source in sources)
        raise InputError(f"{name}: neither a dataset of {output} ({known}) nor a folder")
    return Source(Path(name).name, "path", Path(name))


def _said(desk: Desk, peak_id: str, answer: Answer) -> NewLabel:
    blank = desk.blank(peak_id, answer.annotator, uuid.uuid4().hex)
    drawn = audit_draw(desk.events()).get(peak_id)
    purpose: Purpose = "free" if drawn is None else "audit"
    about = replace(blank, note=answer.note, adduct=answer.adduct, identification_level=answer.level)
    about = replace(about, purpose=purpose, inclusion_prob=drawn)
    if answer.adduct:
        _check_adduct(desk.dataset, peak_id, answer.adduct)
    if answer.text in WORDS:
        return replace(about, kind=WORDS[answer.text])
    options = parse_options(answer.text)
    if not options:
        raise InputError(
            f"answer {answer.text!r}: expected a compound_id, A{OPTION_SEPARATOR}B, {', '.join(WORDS)}, undo"
        )
    kind = "adduct" if answer.adduct else answer_kind(desk.dataset, peak_id, options)
    return replace(about, kind=kind, options=tuple(sorted(options)))


def _check_adduct(dataset: Dataset, peak_id: str, name: str) -> None:
    polarity = dataset.peaks.loc[dataset.peaks["peak_id"] == peak_id, "polarity"].iloc[0]
    if (get_adduct(name).charge > 0) != (polarity == "positive"):
        known = ", ".join(adduct.name for adduct in default_adducts(polarity))
        raise InputError(f"adduct {name!r}: peak {peak_id} is {polarity}, expected one of {known}, or its own ion")


def _taken_back(desk: Desk, peak_id: str, answer: Answer) -> NewLabel:
    about = [event for event in desk.events() if event.peak_id == peak_id]
    last = last_undoable(about, answer.annotator)
    if last is None:
        raise InputError(f"peak {peak_id}: {answer.annotator} has said nothing about it that could be taken back")
    blank = desk.blank(peak_id, answer.annotator, uuid.uuid4().hex)
    return replace(blank, kind="undo", undoes=last.id, note=answer.note)


def _read_rows(file: Path, dataset: Dataset) -> pd.DataFrame:
    """A checked labels.csv about a dataset; raises InputError with every problem."""
    raw, findings = read_csv(file)
    rows = None
    if raw is not None:
        rows, found = convert_table("labels", raw)
        findings += found
        if rows is not None:
            rows, found = complete_labels(raw, rows)
            peaks, compounds = (
                frozenset(of.tolist()) for of in (dataset.peaks["peak_id"], dataset.compounds["compound_id"])
            )
            findings += found + unknown_peaks(raw, rows, peaks) + unknown_compounds(raw, rows, compounds)
            findings += nameless_answers(raw, rows)
    if findings.problems or rows is None:
        raise InputError(findings.problems or f"{file}: cannot be read")
    return rows


def _records(rows: pd.DataFrame) -> list[dict[str, object]]:
    return [{str(name): cell for name, cell in row.items()} for row in rows.to_dict("records")]


def _label_of(desk: Desk, row: dict[str, object]) -> NewLabel:
    """A row of labels.csv as an answer; equal rows have equal keys, so that a second import adds nothing."""
    options = parse_options(str(row["compound_id"]))
    content = [desk.key, *(str(row.get(name, "")) for name in sorted(row))]
    key = hashlib.sha256(json.dumps(content).encode()).hexdigest()
    blank = desk.blank(str(row["peak_id"]), str(row["annotator"]), key)
    purpose = _PURPOSES.get(str(row["purpose"]), "free")
    is_skipped = row["skipped"] == SKIPPED
    return replace(
        blank,
        kind="skip" if is_skipped else answer_kind(desk.dataset, blank.peak_id, options),
        options=tuple(sorted(options)),
        purpose=purpose,
        inclusion_prob=float(str(row["inclusion_prob"])) if purpose == "audit" else None,
        note=str(row.get("note") or ""),
        identification_level=_level(str(row.get("identification_level") or "")),
    )


def _level(cell: str) -> int | None:
    if cell.isascii() and cell.isdigit():
        return int(cell)
    if cell:
        raise InputError(f"identification_level = {cell!r}, expected 1 to 5 or an empty cell")
    return None


def _says(event: LabelEvent | None, label: NewLabel) -> bool:
    """Whether what stands says the same as an answer."""
    about = ("options", "purpose", "inclusion_prob")
    return (
        event is not None
        and (event.kind == "null") == (label.kind == "null")
        and (event.kind == "skip") == (label.kind == "skip")
        and all(getattr(event, name) == getattr(label, name) for name in about)
    )
