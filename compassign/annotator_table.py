"""What a run says of its annotators: a table in its results, read back, and in words."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from compassign.errors import InputError

ANNOTATORS_FILE = Path("results", "annotators.csv")  # of runs that were given labels; earlier versions wrote none
LEARNED, ASSUMED = "learned", "assumed"
COLUMNS = ("annotator", "n_peaks", "n_shared", "reliability", "hdi_low", "hdi_high", "basis")
NAMELESS = "labels without a name"
_TEXTS = frozenset({"annotator", "basis"})


def read_annotators(run_dir: Path) -> pd.DataFrame:
    """One row an annotator, COLUMNS, NaN where there is no interval; no rows where nobody labelled.

    Raises InputError for a file that no run writes.
    """
    file = run_dir / ANNOTATORS_FILE
    if not file.is_file():
        return pd.DataFrame(columns=list(COLUMNS))
    try:
        texts = pd.read_csv(file, dtype=str, keep_default_na=False)[list(COLUMNS)]
        return texts.assign(**{name: pd.to_numeric(texts[name]) for name in COLUMNS if name not in _TEXTS})
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"{file}: not the table that a run writes ({error})") from error


def without_names(table: pd.DataFrame) -> pd.DataFrame:
    """The same table with numbers in the place of names."""
    return table.assign(annotator=[f"annotator {number}" for number in range(1, len(table) + 1)])


def describe(table: pd.DataFrame) -> list[str]:
    """One sentence an annotator."""
    return [_sentence(row) for row in table.to_dict("records")]


def _sentence(row: Mapping[Hashable, Any]) -> str:
    # a name may come from a user's file: a line stays a line
    name = "".join(letter if letter.isprintable() else " " for letter in row["annotator"]) or NAMELESS
    reliability, n_peaks, n_shared = row["reliability"], _peaks(row["n_peaks"]), row["n_shared"]
    if row["basis"] == LEARNED:
        interval = f"{row['hdi_low']:.2f} to {row['hdi_high']:.2f}"
        return f"{name}: right with {reliability:.2f} ({interval}), learned from {n_peaks}, {n_shared} of them shared"
    why = "this fit learns of nobody" if n_shared else "nobody else answered any of them"
    return f"{name}: taken to be right with {reliability:.2f} on {n_peaks}; {why}"


def _peaks(n: int) -> str:
    return "1 peak" if n == 1 else f"{n} peaks"
