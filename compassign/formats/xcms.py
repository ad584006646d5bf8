"""XCMS: `peakTable` and `featureDefinitions` with `featureValues`, as R's write.csv and write.table write them.

Source: the manuals of xcms (groups, featureDefinitions) and CAMERA (isotopes, adduct). Retention times are in seconds.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from compassign.formats.layout import R_ROW_NAMES, Format, Head, Layout, Sample, find_columns, find_name

_LEADING = ("mzmed", "mzmin", "mzmax", "rtmed", "rtmin", "rtmax", "mz", "rt", "npeaks", "peakidx", "ms_level")
_TRAILING = ("isotopes", "adduct", "pcgroup")
_ISOTOPE = re.compile(r"\[(?P<group>\d+)\]\[\d?M(?:\+(?P<index>\d+))?\]")  # CAMERA: [12][M+1]+


def _find_header(head: Head) -> int | None:
    features = head.find("mzmed", "rtmed")
    return features if features is not None else head.find("mz", "mzmin", "mzmax", "rt", "rtmin", "rtmax")


def _lay_out(head: Head, header: int) -> Layout:
    names = head.names(header)
    columns = find_columns(
        names,
        peak_id=(R_ROW_NAMES, "feature_id", "name", ""),
        mz=("mzmed", "mz"),
        rt_min=("rtmed", "rt"),
        adduct="adduct",
    )
    isotopes = find_name(names, "isotopes")
    derived: dict[str, Callable[[Sequence[str]], str]] = {}
    if isotopes is not None:
        derived["isotope_group"] = lambda cells: _isotope(cells[isotopes], "group")
        derived["isotope_index"] = lambda cells: _isotope(cells[isotopes], "index")
    return Layout(
        header=header,
        names=names,
        columns=columns,
        samples=_samples(head, header, names),
        rt_unit="s",
        derived=derived,
    )


def _samples(head: Head, header: int, names: Sequence[str]) -> tuple[Sample, ...]:
    """The columns of numbers behind those of the feature; counts of peaks by class, which come before, are none."""
    lowered = [name.lower() for name in names]
    first = 1 + max(lowered.index(name) for name in _LEADING if name in lowered)
    n_peaks = find_name(names, "npeaks")
    if n_peaks is not None:
        found = head.column(header, n_peaks)
        while first < len(names) and _are_counts(head.column(header, first), found):
            first += 1
    return tuple(
        Sample(at, names[at])
        for at in range(first, len(names))
        if lowered[at] not in _TRAILING and head.is_numeric(header, at)
    )


def _are_counts(cells: Sequence[str], n_peaks: Sequence[str]) -> bool:
    """Whether a column counts samples that have a peak: whole, and never more than there are peaks."""
    pairs = list(zip(cells, n_peaks, strict=True))
    if not all(cell.isdecimal() and of.isdecimal() and len(cell) + len(of) < 20 for cell, of in pairs):  # noqa: PLR2004
        return False
    return bool(pairs) and all(int(cell) <= int(of) for cell, of in pairs) and any(int(cell) for cell, _ in pairs)


def _isotope(cell: str, part: str) -> str:
    """Group or number of an isotope as CAMERA writes it; the monoisotopic peak is 0."""
    match = _ISOTOPE.match(cell.strip())
    if match is None:
        return ""
    return match["group"] if part == "group" else match["index"] or "0"


XCMS = Format("xcms", "XCMS", _find_header, _lay_out)
