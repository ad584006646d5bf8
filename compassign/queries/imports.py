"""A table of another program on a screen: what it is, what has to be said of it, and the files that it becomes."""

from __future__ import annotations

import csv
import io
import re
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

import pandas as pd

from compassign.errors import InputError, Problem
from compassign.formats.importing import Imported, ImportOptions, import_table
from compassign.formats.inspecting import Inspection, inspect_table
from compassign.formats.layout import Sample
from compassign.formats.library.entry import LibraryFormat
from compassign.formats.library.importing import import_library
from compassign.formats.library.registry import find_library

SHEET_COLUMNS = ("injection", "species", "order", "role", "polarity")
WRITTEN = ("peaks.csv", "injections.csv", "abundances.csv")
"""The tables that an import can write."""
_WORDS = (
    (re.compile(r"--rt-unit (?:min or --rt-unit s|min|s)"), "Unit of retention times"),
    (re.compile(r"--samples(?: FILE)?"), "Sheet of samples"),
    (re.compile(r"--species(?: NAME)?"), "Species"),
    (re.compile(r"--polarity"), "Polarity"),
)


@dataclass(frozen=True)
class ForeignTable:
    """A table that was handed in; name : of its file. sheet, sheet_name : of its samples, None and "" without."""

    name: str
    content: BinaryIO
    sheet: BinaryIO | None = None
    sheet_name: str = ""


def inspect_upload(name: str, content: BinaryIO) -> Inspection | None:
    """What a file that was handed in says of itself; None where it is no peak table."""
    with TemporaryDirectory() as folder:
        return inspect_table(_kept(Path(folder), name, content))


def library_upload(name: str, content: BinaryIO) -> LibraryFormat | None:
    """The kind of library that a file that was handed in is; None where it is none."""
    with TemporaryDirectory() as folder:
        try:
            return find_library(_kept(Path(folder), name, content))
        except InputError:
            return None


def sample_table(inspection: Inspection) -> pd.DataFrame:
    """The samples as far as the table tells, under the columns of a sheet."""
    return pd.DataFrame([_row(sample) for sample in inspection.samples], columns=list(SHEET_COLUMNS))


def sheet_template(inspection: Inspection) -> bytes:
    """A sheet to fill in, with the samples of the table."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerows([SHEET_COLUMNS, *(_row(sample) for sample in inspection.samples)])
    return text.getvalue().encode("utf-8-sig")  # spreadsheets need the mark


def _row(sample: Sample) -> tuple[str, ...]:
    return (sample.name, sample.species, str(sample.order or ""), sample.role, sample.polarity)


@contextmanager
def imported_files(table: ForeignTable, options: ImportOptions) -> Iterator[tuple[dict[str, BinaryIO], list[str]]]:
    """The files of the dataset that a table becomes, open for reading, and what is worth saying of them.

    Raises InputError with every problem, in the words of a screen.
    """
    with TemporaryDirectory() as place, ExitStack() as opened:
        folder = Path(place)
        path = _kept(folder, table.name, table.content)
        if table.sheet is not None:
            sheet = _kept(folder / "sheet", table.sheet_name, table.sheet)
            options = replace(options, samples=str(sheet))
        try:
            found = import_table(path, folder / "dataset", options)
            if not found.is_polarity_known:  # a person can be asked
                raise InputError(f"{path.name}: nothing says the polarity: say --polarity")
        except InputError as error:
            raise InputError([_in_words(problem) for problem in error.problems]) from error
        files = sorted((folder / "dataset").iterdir())
        yield {file.name: opened.enter_context(file.open("rb")) for file in files}, _notes(path.name, found)


@contextmanager
def imported_library(name: str, content: BinaryIO) -> Iterator[tuple[dict[str, BinaryIO], list[str]]]:
    """The files that a library becomes, open for reading, and what is worth saying of them.

    Raises InputError with every problem, and where the file is no library.
    """
    with TemporaryDirectory() as place, ExitStack() as opened:
        path = _kept(Path(place), name, content)
        known = find_library(path)
        if known is None:
            raise InputError(f"{path.name}: is no library")
        found = import_library(path, Path(place) / "dataset", known)
        about = f"{path.name}: {found.title}, {found.n_compounds:,} compounds of {found.n_entries:,} entries"
        files = sorted((Path(place) / "dataset").iterdir())
        notes = [about, *(f"{path.name}: {warning}" for warning in found.warnings)]
        yield {file.name: opened.enter_context(file.open("rb")) for file in files}, notes


def _kept(folder: Path, name: str, content: BinaryIO) -> Path:
    """The content as a file; of its name, which messages quote, only harmless letters."""
    folder.mkdir(exist_ok=True)
    path = folder / (re.sub(r"[^\w.()-]", "_", Path(name).name, flags=re.ASCII)[-100:].lstrip(".") or "table")
    content.seek(0)
    with path.open("xb") as file:
        shutil.copyfileobj(content, file)
    return path


def _notes(name: str, found: Imported) -> list[str]:
    """What was made of a table, and what had to be assumed."""
    about = f"{name}: {found.title}, {found.n_peaks:,} peaks and {len(found.samples):,} samples"
    return [about, *(f"{name}: {warning}" for warning in found.warnings)]


def _in_words(problem: str) -> str:
    """A message that names options of the command line, for a person who has a form instead."""
    if isinstance(problem, Problem) and problem.place.file:
        return Problem.at(problem.place, _named(problem.found), _named(problem.expected))
    return _named(problem)


def _named(text: str) -> str:
    for pattern, field in _WORDS:
        text = pattern.sub(f"\N{LEFT DOUBLE QUOTATION MARK}{field}\N{RIGHT DOUBLE QUOTATION MARK}", text)
    return text
