"""Any other table: a header with names for m/z and retention time that the upload page would recognise too.

The unit of retention times follows from the column's name (`rt_min`, `RT [s]`) or has to be said; sample columns have
to be named.
"""

from __future__ import annotations

import re

from compassign.data.uploads import guess_columns, is_in_seconds
from compassign.formats.layout import Format, Head, Layout, RtUnit

_GUESSED = frozenset({"peak_id", "mz", "rt_min", "intensity"})  # others have to have our name: `class` may be anything
_MINUTES = re.compile(r"(?<![a-z])min(?:utes?)?(?![a-z])")


def _find_header(head: Head) -> int | None:
    rows = enumerate(head.rows)
    return next((at for at, (_, cells) in rows if {"mz", "rt_min"} <= guess_columns("peaks", cells).keys()), None)


def _lay_out(head: Head, header: int) -> Layout:
    names = head.names(header)
    guessed = guess_columns("peaks", list(names))
    columns = {ours: names.index(name) for ours, name in guessed.items() if ours in _GUESSED or ours == name.lower()}
    return Layout(header, names, columns, rt_unit=_unit(names[columns["rt_min"]]))


def _unit(name: str) -> RtUnit | None:
    if is_in_seconds(name):
        return "s"
    return "min" if _MINUTES.search(name.lower()) else None


GENERIC = Format("generic", "a table", _find_header, _lay_out)
