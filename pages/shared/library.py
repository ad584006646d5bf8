"""The library of a dataset: whether it agrees with itself, and which of its compounds go together."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from compassign.data.workspace import Source
from compassign.errors import InputError
from compassign.queries.library import LibraryReport, merged_bytes, report_on
from pages.shared.datasets import show_problems
from pages.shared.text import NOTHING

_CACHED = 4
_ROW_PX, _MOST_PX = 35, 320
_PROBLEMS = {
    "kind": st.column_config.TextColumn("Problem", width=200),
    "row": st.column_config.NumberColumn(
        "Row", width=60, format="%d", help="Line of compounds.csv; the header is row 1."
    ),
    "name": st.column_config.TextColumn("Name", width=170),
    "found": st.column_config.TextColumn("Found", width=220),
    "expected": st.column_config.TextColumn("Expected", width=420),
}
_GROUPS = {
    "names": st.column_config.TextColumn("Names", width=420),
    "n_compounds": st.column_config.NumberColumn("Compounds", width=90, format="%d"),
    "common": st.column_config.TextColumn("In common", width=220),
    "compound_ids": st.column_config.TextColumn("Ids", width=220),
    "rows": st.column_config.TextColumn("Rows", width=140),
}
_ABOUT = {
    "the same compound": "Equal InChIKey: one of them is enough, or a name is wrong.",
    "stereoisomers": "Equal first block of the InChIKey, equal mass: LC-MS can rarely tell them apart.",
    "one name": "Different compounds under one name: which is meant?",
    "isomers": "Equal formula, so equal m/z: only retention times or spectra tell them apart.",
}


def show_library(source: Source) -> None:
    """Show the check of a library once it is asked for: it reads every structure."""
    with st.expander("Library", icon=":material/science:"):
        st.caption(
            "Do names, formulas, masses, SMILES and InChIKeys of the library agree? Which compounds are there twice, "
            "and which can a run hardly tell apart?"
        )
        if not st.toggle("Check the library", key=f"check library of {source.name}"):
            return
        try:
            report = _read(source, source.stamp())
        except InputError as error:
            st.error("The library cannot be checked.", icon=":material/error:")
            show_problems(error.problems)
            return
        _show_problems(report)
        _show_groups(report)
        if source.folder is not None and report.group_counts["stereoisomers"][0]:
            _offer_merged(source, source.folder)


@st.cache_resource(max_entries=_CACHED, show_spinner="Checking the library")
def _read(source: Source, stamp: tuple[str, ...]) -> LibraryReport:
    """A library whose file changed has another stamp."""
    del stamp
    return report_on(source)


def _show_problems(report: LibraryReport) -> None:
    of_them = f"{report.n_with_structure:,} with SMILES, {report.n_with_inchikey:,} with InChIKey"
    about = f"{report.n_entries:,} compounds, {of_them}"
    n_problems = len(report.problems)
    if not n_problems:
        st.success(f"{about}: nothing contradicts itself.", icon=":material/check:")
        return
    noun = "problem" if n_problems == 1 else "problems"
    st.warning(f"{about}: {n_problems:,} {noun}. A run uses the formula, else the mass.", icon=":material/warning:")
    st.dataframe(
        report.problems,
        height=_height(n_problems),
        hide_index=True,
        column_order=list(_PROBLEMS),
        column_config=_PROBLEMS,
        placeholder=NOTHING,
        alt="Problems of the library",
    )


def _show_groups(report: LibraryReport) -> None:
    there = {kind: counts for kind, counts in report.group_counts.items() if counts[0]}
    if not there:
        st.caption("No compound is there twice, and none has an isomer here.")
        return
    kind = st.segmented_control(
        "Compounds that go together",
        list(there),
        format_func=lambda name: f"{name} ({there[name][0]:,})",
        default=next(iter(there)),
        required=True,
        key="library_groups",
    )
    n_groups, n_compounds = there[kind]
    noun = "group" if n_groups == 1 else "groups"
    st.caption(f"{_ABOUT[kind]} {n_groups:,} {noun} of {n_compounds:,} compounds.")
    st.dataframe(
        report.groups_of(kind),
        height=_height(n_groups),
        hide_index=True,
        column_order=list(_GROUPS),
        column_config=_GROUPS,
        alt="Compounds that go together",
    )


def _height(n_rows: int) -> int:
    return min(_ROW_PX * (n_rows + 1) + 2, _MOST_PX)


@st.cache_resource(max_entries=_CACHED, show_spinner="Merging stereoisomers")
def _merged(folder: Path, stamp: tuple[str, ...]) -> bytes:
    """A library whose file changed has another stamp."""
    del stamp
    return merged_bytes(folder)


def _offer_merged(source: Source, folder: Path) -> None:
    try:
        content = _merged(folder, source.stamp())
    except InputError as error:
        st.caption("Stereoisomers cannot be merged before these are mended:")
        show_problems(error.problems)
        return
    st.download_button(
        "Download with stereoisomers merged",
        content,
        file_name="compounds.csv",
        mime="text/csv",
        on_click="ignore",
        icon=":material/download:",
        help="One compound for each first block of the InChIKey and mass; merged_from has the ids that became one.",
    )
