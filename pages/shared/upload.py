"""Handing a dataset in: an upload or a folder of this machine, and what has to be mended before it can be used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

import streamlit as st

from compassign.data.uploads import (
    ColumnMapping,
    guess_columns,
    is_in_seconds,
    map_columns,
    missing_columns,
)
from compassign.data.workspace import (
    Source,
    Upload,
    admit,
    drop,
    folder_stamp,
    list_uploads,
    register,
    replace_files,
    suggest_name,
)
from compassign.errors import InputError
from compassign.queries.datasets import column_table, example_zip, glance
from compassign.tables import RULES, ColumnRule
from pages.shared.datasets import show_problems
from pages.shared.handed import keep, sort_files, table_file
from pages.shared.text import escaped

CONSTANT = "One value for all rows"
NOT_THERE = "Not in the file"
UNITS = MINUTES, SECONDS = ("minutes", "seconds")
ONE_GROUP = "all"  # species of a dataset that names none
_N_UPLOADS = "n_uploads"  # gives the upload field a new, empty one
_KINDS = ["zip", "csv", "parquet", "toml", "mgf", "msp", "mzml"]
_OTHER_KINDS = ["tsv", "txt", "xlsx", "xml", "consensusxml", "featurexml", "mztab", "sdf"]
_ASKED_FIRST = ("peaks.csv", "compounds.csv")
_IN_A_ROW = 3
FORMAT_PX = 320
_FORMAT = {
    "file": st.column_config.TextColumn("File", width=110),
    "column": st.column_config.TextColumn("Column", width=110),
    "is_needed": st.column_config.CheckboxColumn("Needed", width=60, help="Where there is this file at all."),
    "expected": st.column_config.TextColumn("What it holds", width=330),
}
REWRITTEN = "Tables that were not in the form of this page, with commas and decimal points, were rewritten:"
_MORE = "Empty cells and columns that are not needed may be left out; further columns are kept."


def show_add(output: Path, is_first: bool) -> None:
    """Ask for a dataset; is_first : there is no own one yet."""
    with st.expander("Add a dataset", expanded=is_first, icon=":material/add:"):
        upload, path = st.tabs(["Upload", "Folder on this machine"])
        with upload:
            _ask_upload(output)
        with path:
            _ask_path(output)


def _show_format() -> None:
    """What the tables hold, for a person who has to make them."""
    with st.popover("Which columns?", icon=":material/help:", width="content"):
        st.caption("peaks.csv and compounds.csv are needed, the others make answers better or can be scored.")
        st.dataframe(column_table(), height=FORMAT_PX, hide_index=True, column_config=_FORMAT, alt="Columns")
        st.download_button(
            "Download an example",
            example_zip,
            file_name="example.zip",
            mime="application/zip",
            on_click="ignore",
            icon=":material/download:",
        )


def _ask_upload(output: Path) -> None:
    st.caption(
        "A zip of the folder, or its tables: one of peaks and one of library compounds are needed. Peaks may be "
        "the table of another program, such as mzmine, MS-DIAL or XCMS, with its samples; the library may be one of "
        "HMDB, an SD file, MSP, MGF or a sheet. Files and columns may have other names; you are asked what they are. "
        "Commas, semicolons or tabs between cells, decimal points or commas. Units: m/z as measured, masses in Da, "
        "retention times in minutes or seconds."
    )
    _show_format()
    n_uploads = st.session_state.setdefault(_N_UPLOADS, 0)
    given = st.file_uploader("Files", type=_KINDS + _OTHER_KINDS, accept_multiple_files=True, key=f"files {n_uploads}")
    if not given:
        return
    wanted = Path(given[0].name).stem if len(given) == 1 else "my dataset"
    name = st.text_input("Name", suggest_name(output, wanted), key=f"name {n_uploads} {wanted}", max_chars=60)
    handed = sort_files(given)
    if handed.wrong:
        st.warning(handed.wrong)
    elif st.button("Check and add", type="primary"):
        try:
            kept = keep(output, handed, name)
        except InputError as error:
            st.error("These files cannot be taken.", icon=":material/error:")
            show_problems(error.problems)
            return
        st.session_state[_N_UPLOADS] = n_uploads + 1
        _try_to_admit(output, kept)


def _ask_path(output: Path) -> None:
    st.caption(
        "For large tables, and for those that other programs write: the folder is checked where it is and not copied."
    )
    folder = st.text_input("Folder", placeholder="/data/my_study", key="folder")
    name = st.text_input("Name", suggest_name(output, Path(folder or "").name), key=f"name of {folder}", max_chars=60)
    if st.button("Check and remember", disabled=not folder):
        try:
            source = register(output, name, Path(folder))
        except InputError as error:
            st.error(f"This folder cannot be used: {_problems(len(error.problems))}.", icon=":material/error:")
            show_problems(error.problems)
            return
        _show(source)


def _show(source: Source, rewritten: Sequence[str] = ()) -> None:
    """Show a new dataset; rewritten : what its files had that were in another form."""
    st.query_params["data"] = source.name
    st.toast("The dataset is valid and was added.")
    if rewritten:
        st.toast(escaped(f"{REWRITTEN} {'; '.join(rewritten)}"), icon=":material/info:", duration="long")
    st.rerun()


def _try_to_admit(output: Path, upload: Upload) -> None:
    """Make an upload a dataset if it is one; otherwise it stays, with its problems."""
    try:
        source = admit(output, upload)
    except InputError:
        st.rerun()  # `show_open_uploads` lists the problems
    _show(source, upload.rewritten)


@st.cache_resource(max_entries=16, show_spinner="Checking the upload")
def _problems_of(folder: Path, stamp: tuple[str, ...]) -> tuple[str, ...]:
    """An upload whose files changed has another stamp."""
    del stamp
    try:
        glance(Source(folder.name, "folder", folder))
    except InputError as error:
        return error.problems
    return ()


def show_open_uploads(output: Path) -> None:
    """What was handed in and cannot be used yet: every problem, and the ways to mend it."""
    for upload in list_uploads(output):
        problems = _problems_of(upload.folder, folder_stamp(upload.folder))
        with st.container(border=True):
            if problems:
                st.error(
                    f"**{escaped(upload.name)}** cannot be used yet: {_problems(len(problems))}. "
                    "It is kept here until it is mended or dropped.",
                    icon=":material/error:",
                )
                _ask_columns(output, upload)
                show_problems(problems)
            else:
                st.info(f"**{escaped(upload.name)}** is valid now.", icon=":material/check:")
            for about, lines in (
                ("Files of the zip that are no part of a dataset were left out:", upload.left_out),
                (REWRITTEN, upload.rewritten),
            ):
                if lines:
                    st.caption(about)
                    st.text("\n".join(lines))
            _ask_corrected(output, upload)


def _problems(n_problems: int) -> str:
    return "1 problem" if n_problems == 1 else f"{n_problems} problems"


def _ask_corrected(output: Path, upload: Upload) -> None:
    """Corrected files in place of those that were handed in; check again; drop."""
    key = f"corrected {upload.token} {st.session_state.setdefault(_N_UPLOADS, 0)}"
    given = st.file_uploader("Corrected or missing files", type=_KINDS[1:], accept_multiple_files=True, key=key)
    files: dict[str, BinaryIO] = {table_file(file.name, upload.token): file for file in given}
    with st.container(horizontal=True):
        if st.button("Check again", key=f"check {upload.token}"):
            st.session_state[_N_UPLOADS] += 1
            _replace(output, upload, files)
        if st.button("Drop this upload", key=f"drop {upload.token}"):
            drop(upload)
            st.rerun()


def _replace(output: Path, upload: Upload, files: Mapping[str, BinaryIO]) -> None:
    try:
        changed = replace_files(upload, files)
    except InputError as error:
        st.error("These files cannot be taken.", icon=":material/error:")
        st.text(str(error))
        return
    _try_to_admit(output, changed)


def _place_in_questions(file: str) -> int:
    """Peaks, then compounds, then the others: in the order in which they matter."""
    return _ASKED_FIRST.index(file) if file in _ASKED_FIRST else len(_ASKED_FIRST)


def _ask_columns(output: Path, upload: Upload) -> None:
    """Ask which column of a file is which of ours, where one that is needed is missing; one button for all files."""
    mappings: dict[str, ColumnMapping] = {}
    for file in sorted(upload.files(), key=_place_in_questions):
        columns, missing = missing_columns(upload.folder / file) if file.endswith(".csv") else ([], [])
        if missing:
            with st.expander(f"Which columns of {file} are which?", expanded=True, icon=":material/view_column:"):
                mappings[file] = _ask_mapping(file, columns, f"{upload.token} {file}")
    if mappings and st.button("Use these columns", key=f"map {upload.token}", type="primary"):
        _map(output, upload, mappings)


def _ask_mapping(file: str, columns: list[str], key: str) -> ColumnMapping:
    """Ask for each of our columns of a file; columns : those that the file has."""
    table = Path(file).stem
    guessed = guess_columns(table, columns)
    st.caption(_MORE)
    mapping: dict[str, str] = {}
    constants: dict[str, str] = {}
    seconds: list[str] = []
    places = [place for _ in RULES[table][::_IN_A_ROW] for place in st.columns(_IN_A_ROW)]
    for place, rule in zip(places, RULES[table], strict=False):
        with place:
            chosen = _ask_column(rule, columns, guessed.get(rule.name), f"{key} {rule.name}")
            if chosen == CONSTANT:
                given = ONE_GROUP if rule.name == "species" else ""
                constants[rule.name] = st.text_input(f"Value of {rule.name}", given, key=f"{key} {rule.name} value")
            elif chosen != NOT_THERE:
                mapping[rule.name] = chosen
                if rule.name.endswith("_min") and _is_in_seconds(rule, chosen, f"{key} {rule.name}"):
                    seconds.append(rule.name)
    return ColumnMapping(mapping, constants, frozenset(seconds))


def _ask_column(rule: ColumnRule, columns: list[str], guessed: str | None, key: str) -> str:
    """One of ours: a column of the file, one value for all rows where that makes sense, or none."""
    extra = [CONSTANT] if rule.name in {"species", "polarity"} else []
    options = [NOT_THERE, *extra, *columns]
    needed = " (needed)" if rule.required else ""
    index = options.index(guessed) if guessed in options else 1 if rule.name == "species" else 0
    about = f"Expected: {escaped(rule.expected)}."
    return st.selectbox(f"{rule.name}{needed}", options, index=index, key=key, help=about) or NOT_THERE


def _is_in_seconds(rule: ColumnRule, column: str, key: str) -> bool:
    """The unit of a column, as its name says unless a person knows better."""
    named = SECONDS if is_in_seconds(column) else MINUTES
    label = f"Unit of {rule.name}"
    return st.segmented_control(label, UNITS, default=named, required=True, key=f"{key} unit {column}") == SECONDS


def _map(output: Path, upload: Upload, mappings: Mapping[str, ColumnMapping]) -> None:
    problems: list[str] = []
    for file, mapping in mappings.items():
        try:
            map_columns(upload.folder / file, mapping)
        except InputError as error:
            problems += error.problems
    if problems:
        st.error("The columns cannot be used like this.", icon=":material/error:")
        show_problems(problems)
        return
    _try_to_admit(output, upload)
