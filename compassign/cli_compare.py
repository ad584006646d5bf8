"""What `compassign compare` prints: each run against the first, as a table and a verdict."""

from __future__ import annotations

import io
from pathlib import Path

from rich import box
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from compassign.errors import InputError
from compassign.evaluation.comparison import METRICS, Paired
from compassign.queries.compare import compare, describe, difference_texts
from compassign.queries.run_folder import Run, load_run
from compassign.report import WIDTH
from compassign.runs import find_run

MAX_RUNS = 26  # as many as the alphabet has letters


def render_comparison(output: Path, names: list[str]) -> str:
    """Compare runs with the first of them.

    output : folder of the runs. names : run ids, their beginnings, or run folders. Raises InputError, naming every run
    that is not there or cannot be read, and where there are fewer than two.
    """
    if not 2 <= len(names) <= MAX_RUNS:  # noqa: PLR2004  a comparison has two sides
        raise InputError(f"name a baseline and at least one other run, at most {MAX_RUNS} in all; found {len(names)}")
    runs = _load_all(output, names)
    letters = [chr(ord("A") + index) for index in range(len(runs))]
    listed = [f"{letter}  {run.run_id}{_caution(run)}" for letter, run in zip(letters, runs, strict=True)]
    parts: list[RenderableType] = [Text("\n".join(listed) + "\n")]
    for letter, run in zip(letters[1:], runs[1:], strict=True):
        parts += _against(runs[0], run, letter)
    console = Console(file=io.StringIO(), width=WIDTH, color_system=None, legacy_windows=False)
    with console.capture() as capture:
        console.print(Group(*parts))
    return "\n".join(line.rstrip() for line in capture.get().splitlines())


def _load_all(output: Path, names: list[str]) -> list[Run]:
    runs: list[Run] = []
    problems: list[str] = []
    for name in names:
        try:
            runs.append(load_run(find_run(output, name)))
        except InputError as error:
            problems.extend(error.problems)
    if problems:
        raise InputError(problems)
    return runs


def _caution(run: Run) -> str:
    """What to know of a run before its scores are read."""
    verdict = run.metrics.get("verdict")
    return f"  ({verdict}: its numbers may not be the model's)" if verdict in {"suspect", "failed"} else ""


def _against(baseline: Run, run: Run, letter: str) -> list[RenderableType]:
    found = compare(baseline, run)
    sentences = Text("\n".join(f"{sentence}." for sentence in describe(found, "A", letter)) + "\n")
    return [sentences] if found.paired is None else [_table(found.paired, letter), sentences]


def _table(paired: Paired, letter: str) -> RenderableType:
    header = ("", "A", letter, f"{letter} - A", "95 % from", "to", "P(A)", "P(equal)", f"P({letter})")
    title = f"{letter} against A on {paired.n_peaks} peaks, {paired.n_clusters - paired.n_null} compounds"
    table = Table(*header, box=box.SIMPLE_HEAD, title=title, title_justify="left", title_style="")
    for name, *cells in difference_texts(paired).itertuples(index=False):
        table.add_row(METRICS[name].label, *map(Text, cells[:-1]))
    return table
