"""Files of a run to take away: tables that a spreadsheet can open safely, and never without the run's warning."""

from __future__ import annotations

import csv
import io
import json
import re
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from compassign.annotator_table import ANNOTATORS_FILE
from compassign.config import PRIOR_ONLY
from compassign.errors import InputError
from compassign.queries.overview import dataset_name, verdict
from compassign.queries.run_folder import (
    ASSIGNMENTS_FILE,
    CANDIDATES_FILE,
    CHECKS_FILE,
    COMPOUNDS_FILE,
    ELPD_FILE,
    METRICS_FILE,
    RECALIBRATED_FILE,
    SETS_FILE,
    Run,
)
from compassign.report import RECORD_FILE, render_report
from compassign.report_trust import RECALIBRATION_FILE

LABELS_NAME = "labels.csv"
README_NAME = "README.txt"
PEOPLE = frozenset({"annotator", "owner"})
"""Columns and keys that name people."""
_FORMULA = frozenset("=+-@\t\r")  # what a spreadsheet may take for a formula. Source: OWASP, CSV injection
_NUMBER = re.compile(r"[+-]?((\d+\.?\d*|\.\d+)(e[+-]?\d+)?|inf)", re.IGNORECASE)
_NOT_CONVERGED = frozenset({"suspect", "failed"})
_MEANINGS = {
    "suspect": "NOT CONVERGED: the sampler may have missed a part of the posterior: mind that at every number.",
    "failed": "NOT CONVERGED: the sampler did not find the posterior. Do not use these numbers.",
    "converged": "The sampler explored the posterior.",
    "not sampled": "Nothing was sampled in this run, so there is nothing to converge.",
}


@dataclass(frozen=True)
class ExportFile:
    """One file to take away; make : gives its content, raises InputError where the run lacks what it needs."""

    name: str
    about: str
    make: Callable[[], bytes]


def safe_cell(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula: text that begins like one gets an apostrophe, numbers stay."""
    return f"'{cell}" if cell[:1] in _FORMULA and not _NUMBER.fullmatch(cell) else cell


def safe_table(path: Path, without: frozenset[str] = frozenset()) -> bytes:
    """The content of a CSV file with safe cells; the file stays as it is.

    without : columns that are left out. Raises InputError if the file cannot be read.
    """
    to = io.StringIO()
    writer = csv.writer(to, lineterminator="\n")
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows: Iterator[list[str]] = csv.reader(file)
            header = next(rows, [])
            kept = [at for at, name in enumerate(header) if name.strip().lower() not in without]
            writer.writerow([safe_cell(header[at]) for at in kept])
            if len(kept) < len(header):
                rows = ([row[at] for at in kept if at < len(row)] for row in rows)
            # most cells need no call, which saves half of the time of a large table
            writer.writerows([safe_cell(cell) if cell[:1] in _FORMULA else cell for cell in row] for row in rows)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: cannot be exported ({error})") from error
    return to.getvalue().encode("utf-8")


def mark(run: Run) -> str:
    """What the name of an exported file ends with: the verdict, where the run did not converge."""
    word = verdict(run.metrics).word
    return f"_{word}" if word in _NOT_CONVERGED else ""


def warning(run: Run) -> str:
    """One line that goes with the numbers of a run that did not converge, else ""."""
    word = verdict(run.metrics).word
    return _MEANINGS[word] if word in _NOT_CONVERGED else ""


def run_files(run: Run, with_people: bool = True) -> list[ExportFile]:
    """The tables and documents of a run; with_people : whether annotators and owners are named in them."""
    without = frozenset() if with_people else PEOPLE
    end = mark(run)

    def table(name: str, about: str, path: Path) -> ExportFile:
        return ExportFile(f"{name}{end}.csv", about, lambda: safe_table(path, without))

    def document(name: str, about: str, path: Path) -> ExportFile:
        return ExportFile(f"{name}{end}.json", about, lambda: _safe_document(path, without))

    checks = document("predictive_checks", "Whether the data are like the fitted model's.", run.path / CHECKS_FILE)
    compounds = table("compounds", "Which compounds are in the data, by their best peak.", run.path / COMPOUNDS_FILE)
    elpd = table("elpd", "How well each peak is predicted from all others.", run.path / ELPD_FILE)
    sets = table("candidate_sets", "Which options hold the truth of each peak with 90 %.", run.path / SETS_FILE)
    annotators = table("annotators", "How far each annotator is right.", run.path / ANNOTATORS_FILE)
    recalibrated = table("recalibrated", "Raw and recalibrated probabilities.", run.path / RECALIBRATED_FILE)
    recalibration = document(
        "recalibration", "What audit labels say of the probabilities.", run.path / RECALIBRATION_FILE
    )
    files = [
        table(
            "peak_assignments", "What each peak was called, how surely, and the decision.", run.path / ASSIGNMENTS_FILE
        ),
        table("candidates", "Every candidate of every peak, with its evidence.", run.path / CANDIDATES_FILE),
        *([compounds] if (run.path / COMPOUNDS_FILE).is_file() else []),
        *([elpd] if (run.path / ELPD_FILE).is_file() else []),
        *([annotators] if (run.path / ANNOTATORS_FILE).is_file() else []),
        *([sets] if (run.path / SETS_FILE).is_file() else []),
        *([recalibrated, recalibration] if (run.path / RECALIBRATION_FILE).is_file() else []),
        document("assignment_metrics", "Verdict, scores and sampler statistics.", run.path / METRICS_FILE),
        *([checks] if (run.path / CHECKS_FILE).is_file() else []),
        document("run", "The settings that repeat the run.", run.path / RECORD_FILE),
        ExportFile(
            f"report{end}.txt", "The report, as text.", lambda: render_report(run.path, with_people).encode("utf-8")
        ),
    ]
    data = run.record.config.data
    if data is not None and not run.dataset_problem and (data / LABELS_NAME).is_file():
        files.append(table("labels", "The labels of the dataset, as they are now.", data / LABELS_NAME))
    return files


def _safe_document(path: Path, without: frozenset[str]) -> bytes:
    """A JSON file, without the keys that are left out."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be exported ({error})") from error
    return json.dumps(_pruned(document, without), indent=2, ensure_ascii=False).encode("utf-8")


def _pruned(value: Any, without: frozenset[str]) -> Any:
    if isinstance(value, dict):
        return {key: _pruned(of, without) for key, of in value.items() if key not in without}
    return [_pruned(of, without) for of in value] if isinstance(value, list) else value


def readme(run: Run, files: Sequence[ExportFile], with_people: bool = True) -> ExportFile:
    """The note that goes with the files: the run, its verdict with the reasons, and what each file is."""
    given = verdict(run.metrics)
    record = run.record
    lines = [
        f"CompAssign run {run.run_id}",
        f"Model {record.config.model}, dataset {dataset_name(record)}, started {record.started or 'unknown'}",
        "",
        f"VERDICT: {given.word}. {_MEANINGS[given.word]}",
        *(f"  - {reason}" for reason in given.reasons),
        *(["  - Quick run: few draws, for a first look."] if given.is_quick else []),
        *([f"  - {PRIOR_ONLY}"] if given.is_prior else []),
        "",
        "Files:",
        *(f"  {file.name}: {file.about}" for file in files),
        "",
        "Cells of text that a spreadsheet could take for a formula begin with an apostrophe; numbers are unchanged.",
        *([] if with_people else ["The names of annotators and owners were left out."]),
    ]
    # names and reasons may come from users' files: a line stays a line
    text = "\n".join("".join(letter if letter.isprintable() else " " for letter in line) for line in lines)
    return ExportFile(README_NAME, "What this is and how far it can be trusted.", f"{text}\n".encode)


def write_zip(files: Iterable[ExportFile], target: IO[bytes]) -> None:
    """Write the files into one zip, each made when its turn comes."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for file in files:
            archive.writestr(file.name, file.make())


def zipped(files: Iterable[ExportFile]) -> bytes:
    """The zip of the files, as a browser downloads it."""
    target = io.BytesIO()
    write_zip(files, target)
    return target.getvalue()
