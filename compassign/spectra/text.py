"""MGF and MSP files as spectra, one at a time, with the line of everything that cannot be read.

Sources: the Mascot Generic Format (matrixscience.com/help/data_file_help.html) with the fields that mzmine, MS-DIAL and
GNPS add, and the MSP format of NIST as MS-DIAL, MoNA and GNPS write it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

import numpy as np

from compassign.data.raw import MAX_LISTED, show_value
from compassign.errors import InputError, Place, Problem
from compassign.spectra.spectrum import Spectrum

_BEGIN, _END, _N_PEAKS = "BEGIN IONS", "END IONS", "NUM_PEAKS"
_ID_FIELDS = ("TITLE", "SCANS", "SCAN", "SCAN_NUMBER", "FEATURE_ID", "SPECTRUMID", "SPECTRUM_ID", "ID", "NAME")
_NAME_FIELDS = ("NAME", "TITLE", "FEATURE_ID", "SCANS")
_PRECURSOR_FIELDS = ("PEPMASS", "PRECURSORMZ", "PRECURSOR_MZ")
_MINUTES_FIELDS = ("RETENTIONTIME", "RETENTION_TIME", "RTINMINUTES", "RT")
_SECONDS_FIELD = "RTINSECONDS"
_SECONDS_PER_MIN = 60.0
_FRAGMENT = "the m/z and intensity of a fragment"
_SEPARATORS = re.compile(r"[\s,:()]+")  # between m/z and intensity
_NUMBER = re.compile(r"\d*\.?\d+")
_MAX_LINE_CHARACTERS = 1_000_000  # some MSP files have all fragments of a spectrum in one line


@dataclass
class _Entry:
    """What was read of a spectrum so far. line : at which it begins."""

    line: int
    fields: dict[str, str] = field(default_factory=dict)
    fragments: list[tuple[float, float]] = field(default_factory=list)


def read_text_spectra(path: Path) -> Iterator[Spectrum]:
    """The spectra of an MGF or MSP file; its content says which it is. Those without a fragment are left out.

    Raises InputError after the last one, with each line that could not be read, where there are any.
    """
    problems: list[str] = []
    try:
        with path.open(encoding="utf-8-sig", errors="replace") as file:
            for entry in _entries(file, path.name, problems):
                if entry.fragments:
                    yield _to_spectrum(entry, path.name, problems)
    except OSError as error:
        raise InputError([Problem.at(Place(path.name), f"cannot be read: {error.strerror}")]) from error
    if problems:
        hidden = len(problems) - MAX_LISTED
        more = [Problem.at(Place(path.name), f"and {hidden:,} more lines like these")] if hidden > 0 else []
        raise InputError([*problems[:MAX_LISTED], *more])


def _entries(file: TextIO, name: str, problems: list[str]) -> Iterator[_Entry]:
    """Entries of either format. One of MGF ends with its mark, one of MSP where the next begins or a line is blank."""
    entry: _Entry | None = None
    is_mgf = False
    for line, text in enumerate(map(str.strip, file), start=1):
        if len(text) > _MAX_LINE_CHARACTERS:
            found = f"found a line of more than {_MAX_LINE_CHARACTERS:,} characters"
            raise InputError([Problem.at(Place(name, line), found, "spectra, a field or fragment a line")])
        if entry is not None and text[:1].isdigit():  # nearly every line
            for bad in _take_fragments(entry, text):
                problems.append(Problem.at(Place(name, line), f"found {show_value(bad)}", _FRAGMENT))
            continue
        mark = text.upper()
        is_next = entry is not None and _N_PEAKS in entry.fields and text[:1].isalpha() and ":" in text
        if entry is not None and (is_next or mark in {_BEGIN, _END} or not (text or is_mgf)):
            yield entry
            entry = None
        if mark == _BEGIN:
            entry, is_mgf = _Entry(line), True
        elif text and mark != _END and text[0] != "#" and (entry is not None or not is_mgf):
            entry = entry or _Entry(line)  # between its entries, MGF has parameters of the whole file
            _take_field(entry, text, Place(name, line), problems)
    if entry is not None and entry.fields:
        yield entry


def _take_field(entry: _Entry, text: str, place: Place, problems: list[str]) -> None:
    """Add a line such as `PEPMASS=180.06` or `Name: glucose` to its entry."""
    key, mark, value = text.partition("=" if "=" in text and ":" not in text.partition("=")[0] else ":")
    if mark and text[0].isalpha() and "\0" not in text:
        entry.fields.setdefault(re.sub(r"[ \-]", "_", key.strip().upper()), value.strip())
    else:
        problems.append(Problem.at(place, f"found {show_value(text)}", "a field such as PEPMASS=180.06"))


def _take_fragments(entry: _Entry, text: str) -> list[str]:
    """Add a line of one or, separated by semicolons or as `m/z:intensity`, several fragments; returns what is none."""
    wrong = []
    bare = text.partition('"')[0]
    parts = bare.split(";") if ";" in bare else bare.split() if ":" in bare else [bare]
    for part in filter(None, map(str.strip, parts)):
        cells = _SEPARATORS.split(part, 2) if any(mark in part for mark in ",:(") else part.split(None, 2)
        mz, intensity = (_to_number(cells[0]), _to_number(cells[1])) if len(cells) > 1 else (math.nan, math.nan)
        if 0.0 < mz < math.inf and 0.0 <= intensity < math.inf:
            entry.fragments.append((mz, intensity))
        else:
            wrong.append(part)
    return wrong


def _to_number(text: str) -> float:
    """The number, NaN for anything else."""
    try:
        return float(text)
    except ValueError:
        return math.nan


def _to_spectrum(entry: _Entry, file: str, problems: list[str]) -> Spectrum:
    mz, intensity = np.array(sorted(entry.fragments), dtype=np.float64).T
    named = next((entry.fields[key] for key in _NAME_FIELDS if entry.fields.get(key)), "")
    return Spectrum(
        name=named or f"{file}, line {entry.line}",
        mz=mz,
        intensity=intensity,
        precursor_mz=_precursor_mz(entry, Place(file, entry.line), problems),
        rt_min=_rt_min(entry.fields),
        ids=frozenset(entry.fields[key] for key in _ID_FIELDS if entry.fields.get(key)),
        fields=entry.fields,
    )


def _precursor_mz(entry: _Entry, place: Place, problems: list[str]) -> float:
    """The first number of the field: in MGF, an intensity may follow."""
    text = next((entry.fields[key] for key in _PRECURSOR_FIELDS if entry.fields.get(key)), "")
    value = _to_number(text.split()[0]) if text else math.nan
    if text and not (math.isfinite(value) and value >= 0.0):
        problems.append(Problem.at(place, f"found the precursor {show_value(text)}", "an m/z"))
    return value if value > 0.0 else math.nan  # GNPS writes 0 for unknown


def _rt_min(fields: Mapping[str, str]) -> float:
    """Minutes; of a range its middle, NaN where there is none."""
    text = fields.get(_SECONDS_FIELD, "")
    divisor = _SECONDS_PER_MIN if text else 1.0
    text = text or next((fields[key] for key in _MINUTES_FIELDS if fields.get(key)), "")
    numbers = [float(number) for number in _NUMBER.findall(text)[:2]]
    return sum(numbers) / len(numbers) / divisor if numbers else math.nan
