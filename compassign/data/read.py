"""CSV and Parquet files, and frames in memory, to raw tables; every fault of a file's form is found here."""

from __future__ import annotations

import codecs
import csv
import io
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO, Literal

import numpy as np
import pandas as pd

from compassign.data.raw import FIRST_DATA_ROW, MAX_LISTED, Findings, RawTable, show_value
from compassign.errors import Place, Problem

Encoding = Literal["utf-8", "utf-16", "cp1252"]
"""What text is written in: Windows-1252 is what spreadsheets write that were not asked for UTF-8."""

ENCODING_NAMES: Mapping[Encoding, str] = {"utf-8": "UTF-8", "utf-16": "UTF-16", "cp1252": "Windows-1252"}
_UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_BLOCK_BYTES = 1_000_000
_BYTES_SHOWN = 20  # of an undecodable line, before and after the byte at fault


def find_encoding(file: BinaryIO) -> Encoding:
    """The encoding of a whole file of text, which is read part by part: UTF-16 has its mark, cp1252 is no UTF-8."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    is_first = True
    while block := file.read(_BLOCK_BYTES):
        if is_first and block.startswith(_UTF16_MARKS):
            return "utf-16"
        is_first = False
        try:
            decoder.decode(block)
        except UnicodeDecodeError:
            return "cp1252"
    return "cp1252" if decoder.getstate()[0] else "utf-8"


def read_as(file: str, encoding: Encoding) -> tuple[str, ...]:
    """The warning that text is taken for Windows-1252, which looks like other encodings of one byte a letter."""
    if encoding != "cp1252":
        return ()
    return (
        f"{file}: found text that is not UTF-8, read as Windows-1252; if letters look wrong, save it as 'CSV UTF-8'",
    )


def nul_problem(file: str, row: int, at: str) -> Problem:
    """What is wrong with text that has a NUL byte."""
    return Problem.at(
        Place(file, row), f"found a NUL byte at {at}", "text; the file is damaged or not a text file; export it again"
    )


def decode_text(file: str, content: bytes, stated: Encoding | None = None) -> tuple[str | None, Findings]:
    """The text of a file in UTF-8, UTF-16 or Windows-1252, with or without a byte-order mark.

    None with the byte and row at fault if it is neither. Windows-1252 is a warning. stated : no other is allowed.
    """
    encoding = stated or find_encoding(io.BytesIO(content))
    nul = content.find(b"\0") if encoding != "utf-16" else -1
    if nul >= 0:
        return None, Findings((nul_problem(file, content.count(b"\n", 0, nul) + 1, f"offset {nul}"),))
    try:
        text = content.decode(encoding).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        start = error.start
        row = content.count(b"\n", 0, start) + 1
        near = content[max(0, start - _BYTES_SHOWN) : start + _BYTES_SHOWN].decode("latin-1")
        found = f"found byte 0x{content[start]:02x} at offset {start}, near {show_value(near)}"
        return None, Findings((Problem.at(Place(file, row), found, "text; save it as 'CSV UTF-8'"),))
    if "\0" in text:
        return None, Findings((nul_problem(file, text.count("\n", 0, text.index("\0")) + 1, "a letter's place"),))
    return text, Findings(warnings=read_as(file, encoding))


def read_csv(path: Path) -> tuple[RawTable | None, Findings]:
    """A CSV file as text cells with the line number of every row; None where its form leaves nothing to check."""
    try:
        content = path.read_bytes()
    except OSError as error:
        return None, Findings((Problem.at(Place(path.name), f"cannot be read: {error.strerror}"),))
    text, findings = decode_text(path.name, content)
    if text is None:
        return None, findings
    records, lines, split_findings = _split_records(path.name, text)
    findings += split_findings
    if not records:
        empty = (Problem.at(Place(path.name), "found no line", "a header and rows"),)
        return None, Findings(findings.problems or empty)
    header, body = records[0], records[1:]
    full = np.array([len(record) == len(header) for record in body], dtype=bool)
    findings += _ragged(path.name, body, lines[1:], len(header))
    kept = [record for record, is_full in zip(body, full.tolist(), strict=True) if is_full]
    columns = list(zip(*kept, strict=True)) if kept else [()] * len(header)
    frame = pd.DataFrame({i: pd.Series(cells, dtype="str") for i, cells in enumerate(columns)})
    named, header_findings = _name_columns(path.name, frame, header)
    rows = np.array(lines[1:], dtype=np.int64)[full]
    is_whole = bool(full.all()) and not split_findings.problems
    return RawTable(path.name, named, rows, is_whole), findings + header_findings


def _split_records(file: str, text: str) -> tuple[list[list[str]], list[int], Findings]:
    """Records and the line each starts at; lines without any content (blank, or only commas) are passed over."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    records: list[list[str]] = []
    lines: list[int] = []
    start = 1
    try:
        for record in reader:
            if any(record):
                records.append(record)
                lines.append(start)
            start = reader.line_num + 1
    except csv.Error as error:
        expected = 'fields separated by commas, with every quote (") closed'
        problem = Problem.at(Place(file, start), f"cannot be split into cells ({error})", expected)
        return records, lines, Findings((problem,))
    return records, lines, Findings()


def _ragged(file: str, body: list[list[str]], lines: list[int], n_columns: int) -> Findings:
    wrong = [(line, len(record)) for line, record in zip(lines, body, strict=True) if len(record) != n_columns]
    expected = f"{n_columns} as in the header; a comma inside a cell needs quotes around the cell"
    messages = [Problem.at(Place(file, line), f"found {n} cells", expected) for line, n in wrong[:MAX_LISTED]]
    if len(wrong) > MAX_LISTED:
        more = f"and {len(wrong) - MAX_LISTED:,} more rows with another number of cells"
        messages.append(Problem.at(Place(file), more))
    return Findings(tuple(messages))


def _name_columns(file: str, frame: pd.DataFrame, header: list[str]) -> tuple[pd.DataFrame, Findings]:
    """The frame under its header; of columns with one name only the first stays, and the name is reported."""
    # an empty name is what spreadsheets and data frames write above their row numbers
    names = pd.Series([name.strip() or f"unnamed_{i + 1}" for i, name in enumerate(header)], dtype=object)
    repeated = names.duplicated().to_numpy()
    messages = tuple(
        Problem.at(Place(file, 1), f"found the column {show_value(name)} {int((names == name).sum())} times", "it once")
        for name in dict.fromkeys(names[repeated])
    )
    kept = frame.loc[:, ~repeated]
    return kept.set_axis(pd.Index(names[~repeated].tolist(), dtype=object), axis=1), Findings(messages)


def read_parquet(path: Path) -> tuple[RawTable | None, Findings]:
    """A Parquet file as a raw table; rows count as in a CSV file of the same content."""
    try:
        frame = pd.read_parquet(path)
    except (OSError, ValueError) as error:  # pyarrow's errors are subclasses of these
        return None, Findings((Problem.at(Place(path.name), f"cannot be read as Parquet: {error}"),))
    return from_frame(path.name, frame)


def from_frame(file: str, frame: pd.DataFrame) -> tuple[RawTable, Findings]:
    """A frame in memory as a raw table; a named index becomes a column."""
    flat = frame.reset_index(drop=frame.index.names == [None])
    positional = flat.set_axis(range(flat.shape[1]), axis=1)
    named, findings = _name_columns(file, positional, [str(name) for name in flat.columns])
    return RawTable(file, named, np.arange(len(flat), dtype=np.int64) + FIRST_DATA_ROW), findings


def read_toml(path: Path) -> tuple[Mapping[str, Any], Findings]:
    """The content of dataset.toml, empty where it cannot be parsed."""
    try:
        content = path.read_bytes()
    except OSError as error:
        return {}, Findings((Problem.at(Place(path.name), f"cannot be read: {error.strerror}"),))
    text, findings = decode_text(path.name, content, "utf-8")  # as TOML demands
    if text is None:
        return {}, findings
    try:
        return tomllib.loads(text), findings
    except tomllib.TOMLDecodeError as error:
        hint = 'expected lines such as name = "my dataset"'
        return {}, Findings((Problem.at(Place(path.name), f"not valid TOML: {error}; {hint}"),))
