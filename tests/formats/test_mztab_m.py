"""No text of a user breaks a line, a cell or a parameter of mzTab-M."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compassign.formats.mztab_m import Cell, Table, cell_text, mztab_text, param


@pytest.mark.parametrize(
    ("value", "cell"),
    [("a\tb\nc", "a b c"), ("", "null"), (" ", "null"), (None, "null"), (float("nan"), "null"), (0.0, "0"), (3, "3")],
)
def test_what_is_missing_is_null_and_text_stays_in_its_cell(value: Cell, cell: str) -> None:
    assert cell_text(value) == cell


def test_a_mass_keeps_its_last_digit() -> None:
    assert cell_text(1234.56789) == "1234.56789"


@given(st.text())
def test_any_text_stays_one_cell_and_one_parameter(text: str) -> None:
    table = Table("SMH", "SML", ["SML_ID", "opt_global_a"], [(1, text)])
    lines = "".join(mztab_text([text], [("title", text)], [table])).split("\n")
    assert [line.count("\t") for line in lines] == [1, 2, 0, 2, 2, 0]
    assert re.fullmatch(r"\[, , [^,\[\]]*, [^,\[\]]*\]", param(text, text))
