"""Which peaks a person picked in a table or a figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from streamlit.elements.arrow import DataframeStateInput


def row_ids(state: Mapping[str, Any], ids: Sequence[str]) -> list[str]:
    """Ids of the selected rows of a table, in the order in which they were picked.

    ids : of the rows as shown. Rows that a shorter table no longer has are left out.
    """
    rows = state.get("selection", {}).get("rows", [])
    return [ids[row] for row in rows if row < len(ids)]


def rows_selected(picked: Sequence[str], ids: Sequence[str]) -> DataframeStateInput | None:
    """What a table begins with where some of its rows are selected already; ids : of the rows as shown."""
    rows = [ids.index(each) for each in dict.fromkeys(picked) if each in ids]
    return {"selection": {"rows": rows}} if rows else None


def point_ids(state: Mapping[str, Any]) -> list[str]:
    """Peak ids of the selected points of a figure; our figures carry them as customdata, alone or first of several."""
    found = [point.get("customdata") for point in state.get("selection", {}).get("points", [])]
    first = [data if isinstance(data, str) else next(iter(_values(data)), None) for data in found]
    return [peak_id for peak_id in first if isinstance(peak_id, str)]


def _values(data: object) -> Sequence[object]:
    """Customdata of a point; the browser sends arrays as lists, or as objects keyed by position."""
    if isinstance(data, Mapping):
        return [data[key] for key in sorted(data)]
    return data if isinstance(data, list | tuple) else ()
