"""Tables as spreadsheets of many countries write them: other encodings, semicolons or tabs, and commas in numbers.

What is handed in is rewritten once, so that all that reads a dataset knows one form only.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path

import pandas as pd

from compassign.data.convert import number_cells
from compassign.data.read import ENCODING_NAMES, decode_text, find_encoding
from compassign.files import written_whole

_SEPARATORS = {";": "semicolons between cells", "\t": "tabs between cells"}
_WITH_POINT = re.compile(r"[+-]?\d*\.\d+(?:[eE][+-]?\d+)?")


def rewrite_regional(file: Path) -> str:
    """Rewrite a CSV file as UTF-8 with commas and decimal points; returns what it had, "" if it is untouched.

    Commas are taken for decimal ones in columns of nothing else but numbers, and only where no cell of the file has a
    decimal point: in `1,234` beside `5.6` the comma means thousands, which the checks of a dataset then complain of.
    Left as it is: what is UTF-8 with commas between the cells of its header, is no text or has an unclosed quote.
    """
    content = file.read_bytes()
    text, _ = decode_text(file.name, content)
    if text is None:
        return ""
    encoding = find_encoding(io.BytesIO(content))
    encoded = [] if encoding == "utf-8" else [f"{ENCODING_NAMES[encoding]} text"]
    header = text.lstrip().partition("\n")[0]
    separator = max((",", *_SEPARATORS), key=header.count)  # the comma where there is none
    if separator not in _SEPARATORS:
        if encoded:
            with written_whole(file) as temporary:
                temporary.write_text(text, encoding="utf-8", newline="")
        return "".join(encoded)
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True))
    except csv.Error:
        return ""
    decimal = _decimal_columns(rows)
    with written_whole(file) as temporary, temporary.open("w", encoding="utf-8", newline="") as target:
        csv.writer(target).writerows(
            [cell.replace(",", ".") if at in decimal else cell for at, cell in enumerate(row)] for row in rows
        )
    return " and ".join([*encoded, _SEPARATORS[separator], *(["decimal commas"] if decimal else [])])


def _decimal_columns(rows: Sequence[Sequence[str]]) -> frozenset[int]:
    """Positions of the columns whose numbers have decimal commas."""
    body = rows[1:]
    if any(_WITH_POINT.fullmatch(cell.strip()) for row in body for cell in row):
        return frozenset()
    columns = enumerate(zip_longest(*body, fillvalue=""))
    return frozenset(at for at, cells in columns if any("," in cell for cell in cells) and _are_numbers(cells))


def _are_numbers(cells: Sequence[str]) -> bool:
    """Whether cells hold nothing but numbers once their commas are points."""
    _, _, unread = number_cells(pd.Series(cells, dtype="str").str.replace(",", "."))
    return not unread.any()
