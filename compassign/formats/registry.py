"""Which formats there are, and which of them a file has; found by its content, never by its name."""

from __future__ import annotations

from compassign.data.raw import list_some
from compassign.errors import InputError, Place, Problem
from compassign.formats.asari import ASARI
from compassign.formats.compound_discoverer import COMPOUND_DISCOVERER
from compassign.formats.generic import GENERIC
from compassign.formats.layout import Format, Head
from compassign.formats.msdial import MSDIAL
from compassign.formats.mzmine import MZMINE
from compassign.formats.mztab_table import MZTAB
from compassign.formats.openms import OPENMS
from compassign.formats.progenesis import PROGENESIS
from compassign.formats.xcms import XCMS

FORMATS = (MZTAB, MZMINE, MSDIAL, XCMS, OPENMS, COMPOUND_DISCOVERER, PROGENESIS, ASARI, GENERIC)
"""In the order of trial: the one that takes any table is the last."""

FORMAT_NAMES = tuple(known.name for known in FORMATS)


def is_peak_table(head: Head) -> bool:
    """Whether the first rows of a file are those of a program's peak table; `generic`, which takes any, not counted."""
    return any(known.find_header(head) is not None for known in FORMATS if known is not GENERIC)


def recognise(head: Head, name: str | None = None) -> tuple[Format, int]:
    """The format of a file and the position of its header; name : the format that it is said to have.

    Raises InputError with the widest row that was found where it has none, and for a name that is none.
    """
    if name not in (None, *FORMAT_NAMES):
        raise InputError(f"--format {name}: expected one of {', '.join(FORMAT_NAMES)}")
    for known in FORMATS:
        header = known.find_header(head) if name in (None, known.name) else None
        if header is not None:
            return known, header
    row, cells = max(head.rows, key=lambda record: len(record[1]), default=(1, []))
    expected = (
        "columns for m/z and retention time, such as mz and rt, or a peak table of mzmine, MS-DIAL, XCMS, OpenMS, "
        "Compound Discoverer, Progenesis QI or asari, or mzTab-M"
        if name is None
        else f"a peak table of the format {name}; without --format the content decides"
    )
    found = f"found {list_some(cells)}" if cells else "found no row"
    raise InputError([Problem.at(Place(head.file, row), found, expected)])
