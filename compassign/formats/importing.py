"""A peak table of another program to a dataset's folder, read in parts, written whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from compassign.data.raw import list_some
from compassign.errors import InputError
from compassign.formats.cells import decimal_mark, is_formula
from compassign.formats.layout import Format, Head, Layout, Record, RtUnit, Sample
from compassign.formats.problems import Problems
from compassign.formats.registry import recognise
from compassign.formats.rows import Plan, Seen, foreign_columns, to_peaks
from compassign.formats.rt_unit import Times, check_rt_unit
from compassign.formats.samples import check_samples, map_samples
from compassign.formats.source import Source, open_source
from compassign.formats.stated import stated_polarity, stated_species
from compassign.formats.written import PeakWriter, refuse_existing, write_about, written_folder

_CELLS_AT_ONCE = 500_000  # of a part of the table; about 50 MB as text
_NAMED = 10  # unknown adducts in a warning
_ASSUMED = "nothing says the polarity: taken as positive; say --polarity if it is negative"


@dataclass(frozen=True)
class ImportOptions:
    """What the user says of a table; None = the file says it, or it follows from the names.

    format : a name of `registry.FORMAT_NAMES`. samples : a sheet's file, or a regular expression of sample names.
    species : of peaks and injections where nothing else says it.
    """

    format: str | None = None
    samples: str | None = None
    rt_unit: RtUnit | None = None
    polarity: str | None = None
    species: str | None = None


@dataclass(frozen=True)
class Imported:
    """What was written.

    rt_range_min : earliest and latest retention time. kept : foreign columns. is_polarity_known : something said it.
    """

    title: str
    n_peaks: int
    samples: tuple[Sample, ...]
    rt_unit: RtUnit
    rt_range_min: tuple[float, float]
    kept: tuple[str, ...]
    is_polarity_known: bool
    warnings: tuple[str, ...]


def import_table(path: Path, target: Path, options: ImportOptions) -> Imported:
    """Write peaks.csv, injections.csv, abundances.csv and dataset.toml of a table into a new or empty folder.

    Raises InputError with every problem of the table, and leaves nothing behind then.
    """
    folder = Path(os.path.abspath(target))
    refuse_existing(folder)
    source = open_source(path)
    head = source.head()
    program, header = recognise(head, options.format)
    layout = program.lay_out(head, header)
    samples = map_samples(head, layout, options.samples, options.species)
    check_samples(head.file, samples)
    plan, is_polarity_known = _plan(_Table(head, program, layout, samples), options, folder.name)
    seen = Seen()
    try:
        with written_folder(folder) as temporary:
            times = _write_rows(source, plan, seen, temporary)
            write_about(temporary, plan, f"{program.title}, {path.name}")
    except OSError as error:
        raise InputError(f"{target}: cannot be written ({error.strerror}); is there space?") from error
    return Imported(
        title=program.title,
        n_peaks=times.rt_min.size,
        samples=samples,
        rt_unit=plan.rt_unit,
        rt_range_min=(float(times.rt_min.min()), float(times.rt_min.max())),
        kept=tuple(plan.kept),
        is_polarity_known=is_polarity_known,
        warnings=(*source.warnings(), *([] if is_polarity_known else [_ASSUMED]), *_remarks(seen)),
    )


@dataclass(frozen=True)
class _Table:
    """What was found out from the head of a file."""

    head: Head
    program: Format
    layout: Layout
    samples: tuple[Sample, ...]


def _plan(table: _Table, options: ImportOptions, alignment: str) -> tuple[Plan, bool]:
    """Everything that the rows need, and whether the polarity is known; raises InputError with what nothing says."""
    head, layout, samples = table.head, table.layout, table.samples
    unit = options.rt_unit or layout.rt_unit
    said = options.polarity or stated_polarity(head, layout, samples)
    polarity = "positive" if said is None else said
    species = options.species or stated_species(layout, samples)
    problems = [f"{head.file}: {problem}" for problem in _unsaid(table, unit, polarity, species)]
    if problems or unit is None or species is None:
        raise InputError(problems)
    plan = Plan(
        file=head.file,
        header_row=head.rows[layout.header][0],
        layout=layout,
        samples=samples,
        mark=decimal_mark(head.column(layout.header, layout.columns["mz"])),
        rt_unit=unit,
        is_unit_stated=options.rt_unit is not None,
        polarity=polarity,
        species=species,
        alignment=alignment,
        kept=foreign_columns(layout, samples, table.program.title),
    )
    return plan, said is not None


def _unsaid(table: _Table, unit: RtUnit | None, polarity: str, species: str | None) -> Iterator[str]:
    """What neither the file nor the user says, and how to say it; and what no column may be called."""
    layout, samples = table.layout, table.samples
    if formulas := [name for name in layout.names if is_formula(name)]:
        yield f"columns are called {list_some(formulas)}, expected no formula"
    if unit is None:
        column = layout.names[layout.columns["rt_min"]]
        yield f"the column {column} does not say its unit: give --rt-unit min or --rt-unit s"
    if not samples and "intensity" not in layout.columns:
        there = list_some([name for name in layout.names if name])
        yield (
            "found no sample columns and no intensity: name the samples by --samples, a sheet or a regular expression; "
            f"there are {there}"
        )
    if species is None:
        yield (
            "nothing says one species for the peaks: give --species NAME, the biological or matrix group that all of "
            "them belong to"
        )
    if not polarity and any(not sample.polarity for sample in samples):
        yield (
            "holds ions of both polarities: give --samples with a sheet that has a column polarity, or split the table "
            "and say --polarity"
        )


def _write_rows(source: Source, plan: Plan, seen: Seen, folder: Path) -> Times:
    """Write peaks and abundances part by part; raises InputError with every problem of every row at the end."""
    problems = Problems(plan.file)
    times = Times()
    with PeakWriter(folder, plan) as writer:
        for records in _parts(source, plan, problems):
            peaks = to_peaks(plan, records, seen, problems)
            times.add(peaks.rows, peaks.rt_min, peaks.span_min)
            writer.write(peaks)
    if not times.rt_min.size:
        problems.add("rows", plan.header_row, "", "found a header and no rows", "at least one feature")
    check_rt_unit(times, plan, problems)
    problems.raise_any()
    return times


def _parts(source: Source, plan: Plan, problems: Problems) -> Iterator[list[Record]]:
    """The rows of features below the header, all of its width, as many at once as fit."""
    width, kind = len(plan.layout.names), plan.layout.row_type
    part: list[Record] = []
    for row, found in source.records():
        if row <= plan.header_row or (kind and found[0] != kind):
            continue
        # workbooks leave out empty cells at the end
        missing = max(width - len(found), 0) if source.container == "workbook" else 0
        cells = [*found, *[""] * missing] if missing else found
        if len(cells) < width or any(cells[width:]):
            expected = f"{width} as in the header; a separator inside a cell needs quotes around the cell"
            problems.add("rows of another length", row, "", f"found {len(cells)} cells", expected)
            continue
        part.append((row, cells[:width]))
        if len(part) * width >= _CELLS_AT_ONCE:
            yield part
            part = []
    if part:
        yield part


def _remarks(seen: Seen) -> list[str]:
    """What is worth knowing about the rows that were taken."""
    remarks = []
    if seen.n_unknown:
        names = list(seen.n_unknown)
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        remarks.append(
            f"{sum(seen.n_unknown.values()):,} peaks have adducts that CompAssign does not know "
            f"({list_some(names[:_NAMED])}{more}): kept as a column, not used"
        )
    if seen.n_contradicting:
        remarks.append(f"{seen.n_contradicting:,} adducts contradict the charge: kept as a column, not used")
    if seen.n_nowhere:
        remarks.append(f"{seen.n_nowhere:,} peaks are detected in no sample: their intensity is 0")
    return remarks
