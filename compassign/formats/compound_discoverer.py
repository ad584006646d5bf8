"""Compound Discoverer: the Compounds table as xlsx or csv, one column `Area: FILE (F1)` for each file.

Source: Compound Discoverer's "Export to Excel" of the Compounds table. Retention times are in minutes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from compassign.errors import InputError, Place, Problem
from compassign.formats.layout import Format, Head, Layout, Sample, find_columns, find_name

_AREA = re.compile(r"Area: (?P<file>.+?)(?: \(F\d+\))?")
_OF_A_FILE = re.compile(r".+: .+ \(F\d+\)")
_NO_SPECTRUM = ("", "no ms2")


def _find_header(head: Head) -> int | None:
    new = head.find("Calc. MW", "RT [min]")
    return new if new is not None else head.find("Molecular Weight", "RT [min]")


def _lay_out(head: Head, header: int) -> Layout:
    names = head.names(header)
    columns = find_columns(
        names, peak_id="Compounds ID", mz="m/z", rt_min="RT [min]", intensity="Area (Max.)", adduct="Reference Ion"
    )
    if "mz" not in columns:
        place = Place(head.file, head.rows[header][0], "m/z")
        hint = "show it in the Compounds table (Column chooser) and export again"
        raise InputError([Problem.at(place, "the column m/z is missing", hint)])
    spectrum = find_name(names, "MS2")
    areas = {at: match["file"] for at, name in enumerate(names) if (match := _AREA.fullmatch(name))}
    derived: dict[str, Callable[[Sequence[str]], str]] = {}
    if spectrum is not None:
        derived["ms2_id"] = lambda cells: "" if cells[spectrum].strip().lower() in _NO_SPECTRUM else cells[spectrum]
    return Layout(
        header=header,
        names=names,
        columns=columns,
        samples=tuple(Sample(at, file) for at, file in areas.items()),
        rt_unit="min",
        left_out=frozenset(at for at, name in enumerate(names) if _OF_A_FILE.fullmatch(name)),
    )


COMPOUND_DISCOVERER = Format("compound-discoverer", "Compound Discoverer", _find_header, _lay_out)
