"""Cells of other programs' tables to numbers, with the decimal mark that the table uses."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from compassign.data.convert import number_cells
from compassign.units import BoolArray, FloatArray

DecimalMark = Literal[".", ","]

_DECIMAL_COMMA = re.compile(r"\s*[+-]?\d+,\d+(?:[eE][+-]?\d+)?\s*")
_MISSING = pa.array(["", "NA", "N/A", "NaN", "nan", "n/a", "na", "null", "NULL", "None", "-"])
_FORMULA = ("=", "@")  # what begins no number and no name, but a formula of a spreadsheet


def is_number(cell: str) -> bool:
    """Whether a cell is a number with either decimal mark, or empty."""
    text = cell.strip()
    if text in MISSING_TEXTS:
        return True
    try:
        float(text.replace(",", ".", 1))
    except ValueError:
        return False
    return True


MISSING_TEXTS = frozenset(_MISSING.to_pylist())


def decimal_mark(cells: Sequence[str]) -> DecimalMark:
    """The decimal mark of a column that has decimals, such as m/z."""
    return "," if any(_DECIMAL_COMMA.fullmatch(cell) for cell in cells) else "."


def numbers(cells: Sequence[str], mark: DecimalMark) -> tuple[FloatArray, BoolArray]:
    """Cells as numbers, NaN where they are empty, and which cells are no finite number; each (n_cells,)."""
    texts = pc.utf8_trim_whitespace(pa.array(cells, pa.string()))
    grouped = pc.match_substring(texts, ".") if mark == "," else None  # 1.234 is a thousand and more there
    if mark == ",":
        texts = pc.replace_substring(texts, ",", ".")
    filled = pc.if_else(pc.is_in(texts, _MISSING), pa.scalar(None, pa.string()), texts)
    try:
        values = np.array(filled.cast(pa.float64()).to_numpy(zero_copy_only=False), dtype=np.float64)
        bad = np.isinf(values)
    except pa.ArrowInvalid:  # says neither which cells nor how many
        values, _, bad = number_cells(pd.Series(filled.to_pylist(), dtype="str"))
        bad = bad | np.isinf(values)
    if grouped is not None:
        bad = bad | grouped.to_numpy(zero_copy_only=False)
    return np.where(bad, np.nan, values), bad


def is_formula(cell: str) -> bool:
    """Whether a spreadsheet would compute a cell of text instead of showing it."""
    return cell.startswith(_FORMULA)
