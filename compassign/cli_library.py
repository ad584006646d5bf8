"""The command `compassign library`: what is wrong with a library, and it with stereoisomers merged."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Protocol

import typer

from compassign.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

    from compassign.queries.library import LibraryReport

_QUERIES, _FILES = (
    "compassign.queries.library",
    "compassign.files",
)  # found when they are needed: `--help` waits for none
_SHOWN = 5  # of a kind
_WIDEST = 48  # characters of a cell
_HINTS = {
    "the same compound": "one InChIKey",
    "stereoisomers": "one first block of the InChIKey; --merge-stereoisomers makes each one compound",
    "one name": "different compounds",
    "isomers": "one formula: a run tells them apart by retention time alone, or not",
}


class Boundary(Protocol):
    """Where a command's errors become messages and an exit code."""

    code: int


def register(app: typer.Typer, boundary: Callable[[], AbstractContextManager[Boundary]], epilog: str) -> None:
    """Add the command to the program; boundary : makes a `Boundary`."""

    @app.command(epilog=epilog)
    def library(
        path: Annotated[
            Path, typer.Argument(metavar="FILE|DIR", help="A library of any format, or a dataset's folder.")
        ],
        problems: Annotated[
            Path | None, typer.Option("--problems", metavar="FILE", help="Write all problems as a new CSV file.")
        ] = None,
        merge: Annotated[
            bool,
            typer.Option(
                "--merge-stereoisomers", help="With --out: one compound for each first block of the InChIKey and mass."
            ),
        ] = False,
        out: Annotated[
            Path | None, typer.Option("--out", metavar="FILE", help="The merged library, a new compounds.csv.")
        ] = None,
    ) -> None:
        """Check that names, formulas, structures and InChIKeys of a library agree; show its isomers and duplicates."""
        with boundary() as said:
            if merge != (out is not None):
                raise InputError("--merge-stereoisomers and --out go together")
            typer.echo("\n".join(_said_of(path, problems, out)))
        raise typer.Exit(said.code)


def _said_of(path: Path, problems: Path | None, out: Path | None) -> Iterator[str]:
    """What was found, and what was written."""
    queries = importlib.import_module(_QUERIES)
    report: LibraryReport = queries.report_on_file(path)
    yield from _report_lines(path, report)
    if problems is not None:
        importlib.import_module(_FILES).write_new_csv(queries.safe_problems(report), problems)
        yield f"{problems}: {len(report.problems):,} problems written"
    if out is not None:
        before, after = queries.merged_library(path, out)
        yield f"{out}: {after:,} compounds written, of {before:,}; ids of merged ones are in the column merged_from"


def _report_lines(path: Path, report: LibraryReport) -> Iterator[str]:
    structures, keys = report.n_with_structure, report.n_with_inchikey
    yield f"{path}: {report.title}, {report.n_entries:,} compounds, {structures:,} with SMILES, {keys:,} with InChIKey"
    counts = report.problem_counts
    n_problems = len(report.problems)
    yield f"{n_problems:,} problem{'s' * (n_problems != 1)}{':' if counts else ''}"
    for kind, count in counts.items():
        yield f"  {kind}: {count:,}"
        rows = report.problems[report.problems["kind"] == kind]
        yield from _table(rows, ["row", "name", "column", "found", "expected"])
    for kind, (n_groups, n_compounds) in report.group_counts.items():
        if n_groups:
            groups = "group" if n_groups == 1 else "groups"
            yield f"{kind} ({_HINTS[kind]}): {n_groups:,} {groups} of {n_compounds:,} compounds"
            yield from _table(report.groups_of(kind), ["n_compounds", "common", "names", "rows"])


def _table(table: pd.DataFrame, columns: list[str]) -> Iterator[str]:
    """The first rows of a table as aligned text, and how many more there are."""
    cells = [columns, *([_short(str(cell)) for cell in row] for row in table[columns].head(_SHOWN).to_numpy().tolist())]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        yield "    " + "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
    if len(table) > _SHOWN:
        yield f"    and {len(table) - _SHOWN:,} more"


def _short(text: str) -> str:
    """A cell as one line that fits."""
    line = "".join(letter if letter.isprintable() else " " for letter in text)
    return line if len(line) <= _WIDEST else f"{line[: _WIDEST - 3]}..."
