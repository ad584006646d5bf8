"""MS-DIAL 4 and 5: the tab-separated alignment result, with lines about the samples above its header.

Those lines (Class, File type, Injection order, Batch ID) have their names in one column; the samples are to the right
of it, and behind them are averages and SDs of the classes, whose file type is `NA`. Source: MS-DIAL's alignment export.
Retention times are in minutes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from compassign.formats.layout import Format, Head, Layout, Sample, find_columns, find_name

_ROLES: Mapping[str, str] = {"sample": "sample", "standard": "sample", "qc": "pool", "blank": "blank"}
_ABOUT = ("class", "file type", "injection order")


def _find_header(head: Head) -> int | None:
    return head.find("Alignment ID", "Average Mz", "Average Rt(min)")


def _lay_out(head: Head, header: int) -> Layout:
    names = head.names(header)
    columns = find_columns(
        names,
        peak_id="Alignment ID",
        mz="Average Mz",
        rt_min="Average Rt(min)",
        adduct=("Adduct type", "Adduct ion name"),
    )
    samples = _samples(head, header, names)
    of_samples = {sample.column for sample in samples}
    spectrum, first = find_name(names, "MS/MS assigned", "MS/MS included"), min(of_samples, default=len(names))
    derived = _isotopes(names, columns["peak_id"])
    if spectrum is not None:
        derived["ms2_id"] = lambda cells: (
            cells[columns["peak_id"]].strip() if cells[spectrum].strip().lower() == "true" else ""
        )
    return Layout(
        header=header,
        names=names,
        columns=columns,
        samples=samples,
        rt_unit="min",
        derived=derived,
        # statistics of classes can be computed from the samples, and have the classes' names only
        left_out=frozenset(at for at in range(first, len(names)) if at not in of_samples) if samples else frozenset(),
    )


def _isotopes(names: Sequence[str], peak_id: int) -> dict[str, Callable[[Sequence[str]], str]]:
    """Group and number of isotope peaks; a peak without a parent is its own, so that its isotopes are with it."""
    parent, weight = find_name(names, "Isotope tracking parent ID"), find_name(names, "Isotope tracking weight number")
    if parent is None or weight is None:
        return {}
    return {
        "isotope_group": lambda cells: (cells[parent] if cells[parent].isdecimal() else cells[peak_id]).strip(),
        "isotope_index": lambda cells: cells[weight] if cells[weight].isdecimal() else "",
    }


def _samples(head: Head, header: int, names: Sequence[str]) -> tuple[Sample, ...]:
    """The columns with a file type, with what the lines above the header say of them."""
    about: dict[str, list[str]] = {}
    for _, cells in head.rows[:header]:
        lowered = [cell.strip().lower() for cell in cells]
        label = next((text for text in lowered if text in _ABOUT), None)
        if label is not None:
            padded = [cell.strip() for cell in cells] + [""] * len(names)
            about[label] = [""] * (lowered.index(label) + 1) + padded[lowered.index(label) + 1 :]
    types = about.get("file type", [])
    found = [at for at in range(min(len(types), len(names))) if types[at].lower() in _ROLES]
    orders = about.get("injection order", [""] * len(types))
    classes = about.get("class", [""] * len(types))
    return tuple(
        Sample(
            at,
            names[at],
            species=classes[at],
            order=int(orders[at]) if orders[at].isascii() and orders[at].isdigit() else None,
            role=_ROLES[types[at].lower()],
        )
        for at in found
    )


MSDIAL = Format("msdial", "MS-DIAL", _find_header, _lay_out)
