"""Which library a file is; found by its content, never by its name."""

from __future__ import annotations

import codecs
from pathlib import Path

from compassign.errors import InputError
from compassign.formats.library.entry import LibraryFormat
from compassign.formats.library.hmdb import HMDB
from compassign.formats.library.sdf import SDF
from compassign.formats.library.sheet import SHEET, find_library_header
from compassign.formats.library.spectral import MGF, MSP
from compassign.formats.registry import is_peak_table
from compassign.formats.source import open_source

LIBRARIES = (HMDB, SDF, MGF, MSP, SHEET)
LIBRARY_NAMES = tuple(known.name for known in LIBRARIES)
_SNIFFED_BYTES = 16_384


def find_library(path: Path, name: str | None = None) -> LibraryFormat | None:
    """The kind of library that a file is, None where it is none: then it may be a table of peaks.

    name : the format that it is said to have. Raises InputError for what cannot be read.
    """
    if name is not None:
        return next((known for known in LIBRARIES if known.name == name), None)
    begin = _begin(path)
    found = next((known for known in LIBRARIES if known.is_begin(begin)), None)
    if found is not None:
        return found
    head = open_source(path).head()
    return None if is_peak_table(head) or find_library_header(head) is None else SHEET


def _begin(path: Path) -> str:
    try:
        with path.open("rb") as file:
            begin = file.read(_SNIFFED_BYTES)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    is_utf16 = begin.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    text = begin.decode("utf-16" if is_utf16 else "utf-8", errors="replace").removeprefix("\ufeff")
    return text.replace("\r\n", "\n")
