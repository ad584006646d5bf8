"""Which peaks a person wants to see, and in which order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

# What a person picks -> column, and whether small values come first.
ORDERS = {
    "As measured": ("", True),
    "Most undecided first": ("entropy", False),
    "Most probable first": ("probability", False),
    "m/z": ("mz", True),
    "Retention time": ("rt_min", True),
}


@dataclass(frozen=True)
class PeakFilter:
    """Conditions that all have to hold; an empty one lets everything through.

    text : part of the peak's id, or of the compound's id or name, in any case. probability : lowest and highest one.
    order : a key of ORDERS.
    """

    text: str = ""
    species: Sequence[str] = ()
    decisions: Sequence[str] = ()
    probability: tuple[float, float] = (0.0, 1.0)
    order: str = "As measured"


def filter_peaks(table: pd.DataFrame, wanted: PeakFilter) -> pd.DataFrame:
    """The rows of `compassign.queries.peaks.peak_table` that fit, in the order asked for."""
    low, high = wanted.probability
    # what is written as 1.000 must not be lost to the last bit
    keep = table["probability"].round(6).between(low, high)
    if wanted.species:
        keep &= table["species"].isin(list(wanted.species))
    if wanted.decisions:
        keep &= table["decision"].isin(list(wanted.decisions))
    if wanted.text.strip():
        columns = [table[name] for name in ("peak_id", "assigned_compound", "name")]
        found = [column.str.contains(wanted.text.strip(), case=False, regex=False) for column in columns]
        keep &= found[0] | found[1] | found[2]
    column, is_ascending = ORDERS.get(wanted.order, ("", True))
    kept = table[keep]
    return kept.sort_values(column, ascending=is_ascending, kind="stable") if column else kept
