"""Rows of a table to peaks: units converted, every cell checked, problems collected with their place in the file."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from compassign.chemistry.adducts import Adduct
from compassign.data.raw import show_value
from compassign.formats.adducts import known_adduct
from compassign.formats.cells import MISSING_TEXTS, DecimalMark, is_formula, numbers
from compassign.formats.layout import Layout, Record, RtUnit, Sample
from compassign.formats.problems import Problems
from compassign.tables import contract_columns
from compassign.units import BoolArray, FloatArray

SECONDS_PER_MIN = 60.0
_CHARGE = re.compile(r"(?P<before>[+-]?)(?P<size>\d{1,3})(?:\.0*)?(?P<after>[+-]?)")
_TEXTS = ("isotope_group", "isotope_index", "ms2_id")  # kept as they are
_ABUNDANCE = "a number, 0 or more, or an empty cell (not detected)"


@dataclass(frozen=True)
class Plan:
    """What is decided before the rows are read.

    header_row : line number of the header. mark : decimal mark. is_unit_stated : the user said the unit.
    polarity, species : of all peaks, "" where each row says its own. alignment : what the peaks' column `injection`
    says. kept : foreign column -> position.
    """

    file: str
    header_row: int
    layout: Layout
    samples: tuple[Sample, ...]
    mark: DecimalMark
    rt_unit: RtUnit
    is_unit_stated: bool
    polarity: str
    species: str
    alignment: str
    kept: dict[str, int]


@dataclass(frozen=True)
class Peaks:
    """Rows as peaks. rows : line numbers. columns : contract and foreign columns as text, but for the numbers.

    mz, rt_min, intensity : (n,). abundances : (n, n_samples), NaN = not detected. span_min : (n,) from start to end of
    a peak, NaN where the table does not say.
    """

    rows: list[int]
    columns: dict[str, list[str]]
    mz: FloatArray
    rt_min: FloatArray
    intensity: FloatArray
    abundances: FloatArray
    span_min: FloatArray


@dataclass
class Seen:
    """What earlier rows had. ids : peak -> line number. n_unknown : upstream adducts by name that we do not know."""

    ids: dict[str, int] = field(default_factory=dict)
    n_unknown: dict[str, int] = field(default_factory=dict)
    n_contradicting: int = 0
    n_nowhere: int = 0


def to_peaks(plan: Plan, records: Sequence[Record], seen: Seen, problems: Problems) -> Peaks:
    """Rows of features as peaks; what is wrong with them goes to `problems`, what is worth saying to `seen`."""
    rows = [row for row, _ in records]
    table = _Cells(plan, rows, [cells for _, cells in records], problems)
    mz = table.numbers("mz", "a number above 0", above=True)
    rt = table.numbers("rt_min", "a number, 0 or more (retention time)")
    abundances = table.abundances()
    intensity = (
        _medians(abundances, plan.samples) if plan.samples else table.numbers("intensity", "a number, 0 or more")
    )
    seen.n_nowhere += int(np.isnan(intensity).sum()) if plan.samples else 0
    per_minute = SECONDS_PER_MIN if plan.rt_unit == "s" else 1.0
    columns = {"peak_id": _peak_ids(table, seen), **_ions(table, seen)}
    columns["species"] = [plan.species] * len(rows) if plan.species else table.texts("species")
    columns |= {name: table.said(name) for name in _TEXTS}
    for name, position in plan.kept.items():
        columns[name] = table.foreign(position)
    return Peaks(rows, columns, mz, rt / per_minute, np.nan_to_num(intensity), abundances, table.spans() / per_minute)


class _Cells:
    """The cells of some rows, all of the header's width, and where to complain about them."""

    def __init__(self, plan: Plan, rows: list[int], cells: list[list[str]], problems: Problems) -> None:
        self.plan, self.rows, self.cells, self.problems = plan, rows, cells, problems

    def column(self, position: int) -> list[str]:
        return [cells[position] for cells in self.cells]

    def texts(self, ours: str) -> list[str]:
        """A contract column as text, "" where the table has none."""
        if ours in self.plan.layout.derived:
            derive = self.plan.layout.derived[ours]
            return [derive(cells) for cells in self.cells]
        position = self.plan.layout.columns.get(ours)
        return [""] * len(self.rows) if position is None else [cell.strip() for cell in self.column(position)]

    def said(self, ours: str) -> list[str]:
        """A contract column as text, "" also where programs write `null` and the like."""
        return ["" if text in MISSING_TEXTS else text for text in self.texts(ours)]

    def foreign(self, position: int) -> list[str]:
        cells = self.column(position)
        for row, cell in zip(self.rows, cells, strict=True):
            if is_formula(cell):
                name = self.plan.layout.names[position]
                self.problems.add("formulas", row, name, f"found {show_value(cell)}", "text or a number, no formula")
        return cells

    def numbers(self, ours: str, expected: str, above: bool = False) -> FloatArray:
        """A contract column of numbers, none of which may be empty or negative; above : nor 0."""
        position = self.plan.layout.columns[ours]
        cells = self.column(position)
        values, bad = numbers(cells, self.plan.mark)
        self._complain(cells, [position], bad | ~(values > 0.0 if above else values >= 0.0), expected)
        return values

    def spans(self) -> FloatArray:
        if self.plan.layout.peak_span is None:
            return np.full(len(self.rows), np.nan)
        start, end = (numbers(self.column(at), self.plan.mark)[0] for at in self.plan.layout.peak_span)
        return np.asarray(end - start, dtype=np.float64)

    def abundances(self) -> FloatArray:
        """Abundances of all samples, (n_rows, n_samples); zeros and blanks are NaN: not detected."""
        positions = [sample.column for sample in self.plan.samples]
        flat = [cells[position] for cells in self.cells for position in positions]
        values, bad = numbers(flat, self.plan.mark)
        self._complain(flat, positions, bad | (values < 0.0), _ABUNDANCE)
        return np.where(values > 0.0, values, np.nan).reshape(len(self.rows), len(positions))

    def _complain(self, cells: Sequence[str], positions: Sequence[int], bad: BoolArray, expected: str) -> None:
        """Report bad cells of some columns, which follow each other row by row."""
        mark = "" if self.plan.mark == "." else ", with a decimal comma as m/z has in this file"
        kind = self.plan.layout.names[positions[0]] if len(positions) == 1 else "abundances"
        for at in np.flatnonzero(bad).tolist():
            row, name = self.rows[at // len(positions)], self.plan.layout.names[positions[at % len(positions)]]
            self.problems.add(f"column {kind}", row, name, f"found {show_value(cells[at])}", expected + mark)


def _medians(abundances: FloatArray, samples: Sequence[Sample]) -> FloatArray:
    """Median of each row where it was detected, (n,): of all but blanks, else of the blanks; NaN if nowhere."""
    is_blank = np.array([sample.role == "blank" for sample in samples], dtype=bool)
    of_samples = _row_medians(abundances[:, ~is_blank])
    return np.where(np.isnan(of_samples), _row_medians(abundances[:, is_blank]), of_samples)


def _row_medians(values: FloatArray) -> FloatArray:
    if values.shape[1] == 0:
        return np.full(len(values), np.nan)
    ordered = np.sort(values, axis=1)  # NaN last
    n_found = np.maximum((~np.isnan(values)).sum(axis=1), 1)
    at = np.arange(len(values))
    return np.asarray((ordered[at, (n_found - 1) // 2] + ordered[at, n_found // 2]) / 2.0, dtype=np.float64)


def _peak_ids(table: _Cells, seen: Seen) -> list[str]:
    position = table.plan.layout.columns.get("peak_id")
    if position is None:
        return [f"row_{row}" for row in table.rows]
    name = table.plan.layout.names[position] or "1"
    ids = [cell.strip() for cell in table.foreign(position)]
    for row, peak_id in zip(table.rows, ids, strict=True):
        if not peak_id:
            table.problems.add("empty ids", row, name, "found an empty cell", "a unique id")
        elif seen.ids.setdefault(peak_id, row) != row:
            expected = f"a unique id (row {seen.ids[peak_id]} has it already)"
            table.problems.add("repeated ids", row, name, f"found {show_value(peak_id)}", expected)
    return ids


def _ions(table: _Cells, seen: Seen) -> dict[str, list[str]]:
    """Polarity, charge and adduct of each row, as far as they agree; unknown adducts stay foreign only."""
    named, charges = table.said("adduct"), table.texts("charge")
    polarities = table.texts("polarity")
    found: dict[str, list[str]] = {"polarity": [], "charge": [], "adduct": []}
    for at, (name, charge) in enumerate(zip(named, charges, strict=True)):
        adduct, size = known_adduct(name), _charge_size(table, at, charge)
        if name and adduct is None:
            seen.n_unknown[name] = seen.n_unknown.get(name, 0) + 1
        said = {table.plan.polarity, polarities[at].lower(), polarity_of(adduct)} - {""}
        if len(said) != 1:
            shown = f"found {show_value(name)}" + (f" and {' and '.join(sorted(said))}" if said else "")
            expected = "one polarity of adduct, column and --polarity" if said else "an adduct, or --polarity"
            table.problems.add("polarities", table.rows[at], "adduct", shown, expected)
        if adduct is not None and size not in (0, abs(adduct.charge)):
            seen.n_contradicting += 1
            adduct = None
        found["polarity"].append(min(said, default=""))
        found["charge"].append(str(-size if said == {"negative"} else size) if size else "")
        found["adduct"].append("" if adduct is None else adduct.name)
    return found


def polarity_of(adduct: Adduct | None) -> str:
    """The polarity in which an adduct is seen, "" without one."""
    if adduct is None:
        return ""
    return "positive" if adduct.charge > 0 else "negative"


def _charge_size(table: _Cells, at: int, cell: str) -> int:
    """Number of charges, without the sign, which many programs leave out; 0 where it is unknown."""
    if cell.lower() in ("", "na", "nan", "null", "none", "unknown", "-"):
        return 0
    match = _CHARGE.fullmatch(cell)
    if match is None:
        name = table.plan.layout.names[table.plan.layout.columns["charge"]]
        table.problems.add(
            "charges", table.rows[at], name, f"found {show_value(cell)}", "a whole number, or an empty cell"
        )
        return 0
    return int(match["size"])


def foreign_columns(layout: Layout, samples: Sequence[Sample], program: str) -> dict[str, int]:
    """Columns that are kept as they are -> position, under names that no column of ours and no other one has.

    program : put behind a name that would mean one of our columns.
    """
    ours = set(contract_columns("peaks"))
    # an adduct is kept as it was written too: ours is spelled anew, and empty where it is unknown
    used = {at for name, at in layout.columns.items() if name != "adduct"} | {sample.column for sample in samples}
    kept: dict[str, int] = {}
    for at, name in enumerate(layout.names):
        if at in used or at in layout.left_out:
            continue
        wanted = name or f"unnamed_{at + 1}"
        wanted = f"{wanted} ({program})" if wanted in ours else wanted
        again = 1
        unique = wanted
        while unique in kept:
            again += 1
            unique = f"{wanted} ({again})"
        kept[unique] = at
    return kept
