"""The library assistant: what is wrong with a library, which of its compounds go together, and it with them merged."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd

from compassign.data.convert import text_cells
from compassign.data.raw import FIRST_DATA_ROW
from compassign.data.read import read_parquet
from compassign.data.workspace import Source
from compassign.errors import InputError
from compassign.formats.library.checks import GROUP_KINDS, Finding, Group, check_entry, distinct, group_entries
from compassign.formats.library.entry import Entry, LibraryFormat
from compassign.formats.library.importing import COMPOUNDS_FILE, collect, write_compounds
from compassign.formats.library.merging import merge_stereoisomers
from compassign.formats.library.registry import find_library
from compassign.formats.library.sheet import EXPECTED, SHEET
from compassign.queries.export import safe_cell
from compassign.tables import contract_columns

PROBLEM_COLUMNS = ("kind", "row", "compound_id", "name", "column", "found", "expected")
GROUP_COLUMNS = ("kind", "common", "n_compounds", "names", "compound_ids", "rows")
_PARQUET_FILE = "compounds.parquet"
_NAMED = 20  # compounds of a group


@dataclass(frozen=True)
class LibraryReport:
    """What the assistant found.

    n_entries : compounds. n_with_structure, n_with_inchikey : of them. problems : one row each, by kind, under
    `PROBLEM_COLUMNS`. groups : one row each, under `GROUP_COLUMNS`; kind is one of `GROUP_KINDS`.
    """

    title: str
    n_entries: int
    n_with_structure: int
    n_with_inchikey: int
    problems: pd.DataFrame
    groups: pd.DataFrame

    @property
    def problem_counts(self) -> dict[str, int]:
        """Kind of problem -> how many, in the order of the table."""
        return {str(kind): int(n) for kind, n in self.problems.groupby("kind", sort=False).size().items()}

    @property
    def group_counts(self) -> dict[str, tuple[int, int]]:
        """Kind of group -> how many groups, and of how many compounds."""
        sizes = {kind: self.groups.loc[self.groups["kind"] == kind, "n_compounds"] for kind in GROUP_KINDS}
        return {kind: (len(found), int(found.sum())) for kind, found in sizes.items()}

    def groups_of(self, kind: str) -> pd.DataFrame:
        """The groups of a kind, the largest first."""
        return self.groups[self.groups["kind"] == kind]


def report_on_file(path: Path) -> LibraryReport:
    """Check a library: a file of any format, or a dataset's folder; raises InputError for what cannot be read."""
    file, known = _find(path)
    return _report(known.title, distinct(known.read(file)))


def report_on(source: Source) -> LibraryReport:
    """Check the library of a dataset, demonstrations too; raises InputError for what cannot be read."""
    if source.folder is not None:
        return report_on_file(source.folder)
    return _report(SHEET.title, list(_entries_of(source.load().compounds)))


def safe_problems(report: LibraryReport) -> pd.DataFrame:
    """The table of problems for a file, which spreadsheets open: no cell is taken for a formula."""
    return report.problems.map(lambda cell: safe_cell(cell) if isinstance(cell, str) else cell)


def merged_library(path: Path, target: Path) -> tuple[int, int]:
    """Write a library with its stereoisomers merged to a new file; returns how many compounds it had and has.

    Raises InputError for an existing file, and with every problem of a library that cannot be used.
    """
    file, known = _find(path)
    compounds = list(collect(file, known).compounds.values())
    merged = merge_stereoisomers(compounds)
    try:
        with target.open("x"):  # claims the name
            pass
        write_compounds(merged, target)
    except FileExistsError as error:
        raise InputError(f"{target}: exists already; give the name of a new file") from error
    except OSError as error:
        raise InputError(f"{target}: cannot be written ({error.strerror})") from error
    return len(compounds), len(merged)


def merged_bytes(folder: Path) -> bytes:
    """The library of a dataset's folder with its stereoisomers merged, as a CSV file."""
    with TemporaryDirectory() as place:
        merged_library(folder, Path(place) / COMPOUNDS_FILE)
        return (Path(place) / COMPOUNDS_FILE).read_bytes()


def _find(path: Path) -> tuple[Path, LibraryFormat]:
    """The library that a path is, or that the folder of a dataset has."""
    if path.is_dir():
        found = next((path / name for name in (COMPOUNDS_FILE, _PARQUET_FILE) if (path / name).is_file()), None)
        if found is None:
            raise InputError(f"{path}: has no {COMPOUNDS_FILE}")
        path = found
    known = replace(SHEET, read=_parquet_entries) if path.suffix == ".parquet" else find_library(path)
    if known is None:
        raise InputError(f"{path}: is no library that can be read, expected {EXPECTED}")
    return path, known


def _parquet_entries(path: Path) -> Iterator[Entry]:
    raw, findings = read_parquet(path)
    if raw is None or findings.problems:
        raise InputError(findings.problems)
    return _entries_of(raw.frame)


def _entries_of(compounds: pd.DataFrame) -> Iterator[Entry]:
    """Rows of a table in memory as entries; rows count as in its CSV file."""
    ours = contract_columns("compounds")
    texts = pd.DataFrame({str(name): text_cells(compounds[name]) for name in compounds})
    for row, said in enumerate(texts.to_dict("records"), FIRST_DATA_ROW):
        fields = {str(name): text for name, text in said.items() if name in ours}
        yield Entry(row, fields, {str(name): text for name, text in said.items() if name not in ours})


def _report(title: str, entries: Sequence[Entry]) -> LibraryReport:
    findings = [found for entry in entries for found in check_entry(entry)]
    kinds = {kind: at for at, kind in enumerate(dict.fromkeys(found.kind for found in findings))}
    findings.sort(key=lambda found: (kinds[found.kind], found.entry.row))
    groups = group_entries(entries)
    return LibraryReport(
        title=title,
        n_entries=len(entries),
        n_with_structure=sum(bool(entry.text("smiles")) for entry in entries),
        n_with_inchikey=sum(bool(entry.text("inchikey")) for entry in entries),
        problems=pd.DataFrame([_problem_row(found) for found in findings], columns=list(PROBLEM_COLUMNS)),
        groups=pd.DataFrame([_group_row(group) for group in groups], columns=list(GROUP_COLUMNS)),
    )


def _problem_row(found: Finding) -> tuple[str, int, str, str, str, str, str]:
    entry = found.entry
    said = (entry.text("compound_id"), entry.text("name"), found.column, found.found, found.expected)
    return (found.kind, entry.row, *said)


def _group_row(group: Group) -> tuple[str, str, int, str, str, str]:
    shown = group.entries[:_NAMED]
    more = f" and {len(group.entries) - _NAMED} more" if len(group.entries) > _NAMED else ""
    names = "; ".join(dict.fromkeys(entry.text("name") or entry.text("compound_id") for entry in shown)) + more
    ids = "; ".join(entry.text("compound_id") for entry in shown if entry.text("compound_id"))
    return group.kind, group.what, len(group.entries), names, ids, ", ".join(str(entry.row) for entry in shown)
