"""Labels and truth: tables of statements to one set of possible compounds per peak."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from compassign.data.dataset import Answers
from compassign.data.raw import Findings, RawTable, cell_messages, list_some
from compassign.tables import OPTION_SEPARATOR

NULL: frozenset[str] = frozenset()  # nothing in the library
_UNLESS = ", unless the model learns who is right"


def parse_options(cell: str) -> frozenset[str]:
    """The compounds that a cell names: `A;B` is either of both, an empty cell is the null."""
    return frozenset(part.strip() for part in cell.split(OPTION_SEPARATOR) if part.strip())


def format_options(options: Iterable[str]) -> str:
    """The cell that `parse_options` reads back, compounds in alphabetical order."""
    return OPTION_SEPARATOR.join(sorted(options))


def parse_cells(cells: Sequence[str]) -> list[frozenset[str]]:
    """Options of many cells, each distinct one parsed once."""
    parsed = {cell: parse_options(cell) for cell in set(cells)}
    return [parsed[cell] for cell in cells]


def stated_answers(frame: pd.DataFrame) -> dict[str, frozenset[str]]:
    """peak_id -> options as written, of the last row where a peak has several."""
    return dict(zip(frame["peak_id"].tolist(), parse_cells(frame["compound_id"].tolist()), strict=True))


def unknown_peaks(raw: RawTable, frame: pd.DataFrame, peak_ids: frozenset[str] | None) -> Findings:
    """Rows about peaks that the peak table lacks; no check where the peak table itself is broken (None)."""
    if peak_ids is None:
        return Findings()
    bad = np.array([bool(cell) and cell not in peak_ids for cell in frame["peak_id"].tolist()], dtype=bool)
    return Findings(cell_messages(raw, "peak_id", bad, "a peak_id of the peaks table"))


def unknown_compounds(raw: RawTable, frame: pd.DataFrame, compound_ids: frozenset[str] | None) -> Findings:
    """Rows that name compounds which the library lacks; no check where the library itself is broken (None)."""
    if compound_ids is None:
        return Findings()
    found = [format_options(options - compound_ids) for options in parse_cells(frame["compound_id"].tolist())]
    bad = np.array([bool(names) for names in found], dtype=bool)
    return Findings(cell_messages(raw, "compound_id", bad, "a compound_id of the compounds table", found))


def nameless_answers(raw: RawTable, frame: pd.DataFrame) -> Findings:
    """Rows whose cell is not empty and names no compound, such as `;` alone: not a null that somebody meant."""
    cells = frame["compound_id"].tolist()
    bad = [bool(cell.strip()) and not options for cell, options in zip(cells, parse_cells(cells), strict=True)]
    return Findings(cell_messages(raw, "compound_id", np.array(bad, dtype=bool), "compounds, or an empty cell: null"))


def combine_labels(file: str, frame: pd.DataFrame) -> tuple[Answers, Findings]:
    """One set for each labelled peak: what all its rows have in common, else all that they name, with a warning.

    A peak that one row calls null and another a compound has no common set that could be written down: it is left
    unlabelled, with a warning.
    """
    combined = stated_answers(frame)
    repeated = frame[frame["peak_id"].duplicated(keep=False)]
    statements: dict[str, set[frozenset[str]]] = {}
    for peak_id, options in zip(
        repeated["peak_id"].tolist(), parse_cells(repeated["compound_id"].tolist()), strict=True
    ):
        statements.setdefault(peak_id, set()).add(options)
    widened, dropped = [], []
    for peak_id, sets in statements.items():
        common = frozenset.intersection(*sets)
        if len(sets) == 1 or common:
            combined[peak_id] = common
        elif NULL in sets:
            del combined[peak_id]
            dropped.append(peak_id)
        else:
            combined[peak_id] = frozenset.union(*sets)
            widened.append(peak_id)
    warnings = []
    if widened:
        warnings.append(
            f"{file}: the rows of {list_some(widened)} disagree; any of the compounds named is allowed{_UNLESS}"
        )
    if dropped:
        warnings.append(
            f"{file}: the rows of {list_some(dropped)} disagree on null or compound; not used as labels{_UNLESS}"
        )
    return combined, Findings(warnings=tuple(warnings))


def resolve_truth(raw: RawTable, frame: pd.DataFrame, compound_ids: frozenset[str]) -> tuple[Answers, Findings]:
    """Truth in terms of the library: compounds that it lacks are left out, and nothing left means null."""
    stated = stated_answers(frame)
    resolved = {peak_id: options & compound_ids for peak_id, options in stated.items()}
    to_null = [peak_id for peak_id, options in stated.items() if options and not resolved[peak_id]]
    narrowed = [peak_id for peak_id, options in stated.items() if resolved[peak_id] and resolved[peak_id] != options]
    warnings = []
    if to_null:
        peaks = f"the compounds of {len(to_null):,} peaks ({list_some(to_null)})"
        warnings.append(f"{raw.file}: {peaks} are not in the library; their truth is null")
    if narrowed:
        peaks = f"some compounds of {len(narrowed):,} peaks ({list_some(narrowed)})"
        warnings.append(f"{raw.file}: {peaks} are not in the library; the others stay")
    return resolved, Findings(warnings=tuple(warnings))
