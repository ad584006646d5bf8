"""CSV and Parquet files, and frames in memory, to raw tables; every fault of a file's form is found here."""

from __future__ import annotations

import csv
import io
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from compassign.data.raw import FIRST_DATA_ROW, MAX_LISTED, Findings, RawTable, show_value
from compassign.errors import Place, Problem

_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_BYTES_SHOWN = 20  # of an undecodable line, before and after the byte at fault


def decode_text(file: str, content: bytes, first_row: int = 1, first_byte: int = 0) -> tuple[str | None, Findings]:
    """The text of a UTF-8 file, with or without a byte-order mark; None with the byte and row at fault if it is not.

    first_row, first_byte : line number and offset at which the content begins, where it is a part of the file.
    """
    if first_byte == 0 and content.startswith(_UTF16_MARKS):
        hint = f"save it as 'CSV UTF-8', or convert it: iconv -f utf-16 -t utf-8 {file}"
        return None, Findings((Problem.at(Place(file, 1), "found UTF-16 text", f"UTF-8; {hint}"),))
    nul = content.find(b"\0")
    if nul >= 0:
        row = content.count(b"\n", 0, nul) + first_row
        hint = "the file is damaged or not a text file; export it again"
        found = f"found a NUL byte at offset {first_byte + nul}"
        return None, Findings((Problem.at(Place(file, row), found, f"text; {hint}"),))
    try:
        return content.decode("utf-8").removeprefix("\ufeff"), Findings()
    except UnicodeDecodeError as error:
        start = error.start
        row = content.count(b"\n", 0, start) + first_row
        near = content[max(0, start - _BYTES_SHOWN) : start + _BYTES_SHOWN].decode("latin-1")
        hint = f"save it as 'CSV UTF-8', or convert it: iconv -f cp1252 -t utf-8 {file}"
        found = f"found byte 0x{content[start]:02x} at offset {first_byte + start}, near {show_value(near)}"
        return None, Findings((Problem.at(Place(file, row), found, f"UTF-8 text; {hint}"),))


def read_csv(path: Path) -> tuple[RawTable | None, Findings]:
    """A CSV file as text cells with the line number of every row; None where its form leaves nothing to check."""
    try:
        content = path.read_bytes()
    except OSError as error:
        return None, Findings((Problem.at(Place(path.name), f"cannot be read: {error.strerror}"),))
    text, findings = decode_text(path.name, content)
    if text is None:
        return None, findings
    records, lines, findings = _split_records(path.name, text)
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
    return RawTable(path.name, named, rows), findings + header_findings


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
    text, findings = decode_text(path.name, content)
    if text is None:
        return {}, findings
    try:
        return tomllib.loads(text), findings
    except tomllib.TOMLDecodeError as error:
        hint = 'expected lines such as name = "my dataset"'
        return {}, Findings((Problem.at(Place(path.name), f"not valid TOML: {error}; {hint}"),))
