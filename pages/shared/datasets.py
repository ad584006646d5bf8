"""What the screens about data share: reading a dataset once, and its problems in a table."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from compassign.data.workspace import Source
from compassign.queries.datasets import Glance, glance, problem_table
from pages.shared.text import NOTHING

_CACHED = 8
_ROW_PX, _MOST_PX = 35, 420
_PROBLEMS = {
    "file": st.column_config.TextColumn("File", width=130),
    "row": st.column_config.NumberColumn("Row", width=60, format="%d", help="Line of the file; the header is row 1."),
    "column": st.column_config.TextColumn("Column", width=110),
    "found": st.column_config.TextColumn("What is wrong", width=330),
    "expected": st.column_config.TextColumn("What is expected", width=420),
}


def read_glance(source: Source) -> Glance:
    """A dataset at a glance, read once as long as its files stay; raises InputError with every problem."""
    return _read(source, source.stamp())


@st.cache_resource(max_entries=_CACHED, show_spinner="Reading the dataset")
def _read(source: Source, stamp: tuple[str, ...]) -> Glance:
    """A dataset whose files changed has another stamp."""
    del stamp
    return glance(source)


def show_problems(problems: Sequence[str]) -> None:
    """Every problem in a table that can be sorted, searched and downloaded."""
    table = problem_table(problems)
    st.dataframe(
        table,
        height=min(_ROW_PX * (len(table) + 1) + 2, _MOST_PX),
        hide_index=True,
        column_config=_PROBLEMS,
        placeholder=NOTHING,
        alt="Problems of the dataset",
    )
