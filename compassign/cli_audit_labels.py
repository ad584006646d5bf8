"""What `compassign audit --design labels` does: draw the peaks to label, and say what their labels say about a run."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import pandas as pd

from compassign.config import RunRecord, read_record
from compassign.data.answers import format_options
from compassign.data.dataset import Dataset
from compassign.data.raw import list_some
from compassign.errors import InputError, StoreError
from compassign.evaluation.audit_estimates import AuditEstimate, estimate_audit
from compassign.files import write_new_csv
from compassign.queries.audit_desk import called_by_run, draw_peaks, is_seen
from compassign.queries.run_folder import ASSIGNMENTS_FILE, read_table
from compassign.repeat import check_dataset
from compassign.report import AUDIT_LABELS_FILE
from compassign.results import write_json
from compassign.run_labels import load_with, rows_now
from compassign.runs import RunDirectory, find_run
from compassign.tables import AUDIT, SKIPPED

_HOW_TO = """For each, write its compound_id (empty = nothing in the library, A;B = one of these) and clear `skipped`;
leave `yes` where you cannot say. Begin at the top; if you stop early, delete the rows that you did not get to.
Then put the rows into labels.csv of the dataset, and repeat this command without --draw and --to."""
_COLUMNS = ("peak_id", "assigned_compound", "pep", "q_value", "n_candidates", "is_labelled", "is_calibrant")


def audit_by_labels(output: Path, name: str) -> str:
    """Audit a run by the audit labels that its dataset has now.

    name : run id, its beginning, or a run folder. Writes AUDIT_LABELS_FILE into it, and returns a text. Raises
    InputError where the run, its dataset or audit labels are not there.
    """
    path = find_run(output, name)
    record = read_record(path)
    dataset = _dataset_now(path, record)
    peaks = _peaks_of(path, dataset)
    found = estimate_audit(dataset.audit, called_by_run(peaks))
    if found is None:
        raise InputError(
            f"{dataset.name} has no audit labels: draw peaks with `compassign audit {path.name} --design labels "
            "--draw 150 --to labels.csv`, label them, and put the file into the dataset's folder"
        )
    about = {"run_id": path.name, "design": "labels", "labels_hash": dataset.labels_hash}
    write_json({**about, **asdict(found)}, path / AUDIT_LABELS_FILE)
    return "\n".join([*_lines(found), f"File: {path / AUDIT_LABELS_FILE}"])


def draw_labels(output: Path, name: str, n: int, file: Path) -> str:
    """Write a label table to fill in: peaks drawn for an audit, in order, without what the run says of them.

    What the dataset's audit labels say of them already is kept. Raises InputError where the file exists or cannot be
    written, and where the dataset has audit labels of peaks that this draw does not have.
    """
    path = find_run(output, name)
    record = read_record(path)
    dataset = _dataset_now(path, record)
    peaks = _peaks_of(path, dataset)
    is_open = (peaks["n_candidates"] > 0).to_numpy() & ~is_seen(peaks)
    peak, inclusion_prob = draw_peaks(record, peaks, is_open, n)
    if not peak.size:
        raise InputError(f"run {path.name}: no peak without a label has a candidate, so there is nothing to draw")
    known = _known_answers(dataset)
    drawn = peaks["peak_id"].to_numpy()[peak].tolist()
    others = sorted(set(known) - set(drawn))
    if others:
        raise InputError(
            f"{dataset.name} has audit labels of peaks that this draw lacks ({list_some(others)}): draw as many or "
            "more from the run of the first draw, because two draws cannot be weighed together"
        )
    answers, skipped = zip(*(known.get(peak_id, ("", SKIPPED)) for peak_id in drawn), strict=True)
    columns = {"peak_id": drawn, "compound_id": answers, "purpose": AUDIT, "inclusion_prob": inclusion_prob}
    write_new_csv(pd.DataFrame({**columns, "skipped": skipped}), file)
    n_accepted = int((peaks["q_value"].iloc[peak] <= record.config.alpha).sum())
    return f"{peak.size} peaks, {n_accepted} of them accepted at {record.config.alpha:.0%}: {file}\n{_HOW_TO}"


def _dataset_now(path: Path, record: RunRecord) -> Dataset:
    """The dataset of a run with the labels of labels.csv and store as they are now.

    Raises InputError if its peaks or library have changed.
    """
    try:
        dataset = load_with(record.config, rows_now(RunDirectory(path).output, record.config))
    except StoreError as error:
        raise InputError(str(error)) from error
    check_dataset(record, dataset.dataset_hash)
    return dataset


def _peaks_of(path: Path, dataset: Dataset) -> pd.DataFrame:
    """What the run says of each peak, one row a peak of the dataset, in its order."""
    table = read_table(path / ASSIGNMENTS_FILE, _COLUMNS)
    if table["peak_id"].tolist() != dataset.peaks["peak_id"].tolist():
        table = table.set_index("peak_id").reindex(dataset.peaks["peak_id"]).reset_index()  # rows may be reordered
    return table


def _known_answers(dataset: Dataset) -> dict[str, tuple[str, str]]:
    """peak_id -> cells `compound_id` and `skipped` of what is labelled already."""
    audit = dataset.audit
    names = dataset.peaks["peak_id"].to_numpy()[audit.peak].tolist()
    entries = zip(names, audit.options, audit.is_skipped.tolist(), strict=True)
    return {name: ("", SKIPPED) if skipped else (format_options(options), "") for name, options, skipped in entries}


def _lines(found: AuditEstimate) -> list[str]:
    seen = f"; left out, because the run saw an answer: {found.n_seen}" if found.n_seen else ""
    head = f"{found.n_labels} audit labels, of which {found.n_skipped} are skipped{seen}."
    return [head, *(f"  {level.sentence}" for level in found.levels.values())]
