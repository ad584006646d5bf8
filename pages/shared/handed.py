"""Files that are handed in: which table of a dataset each is, or the table of which program."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from compassign.data.uploads import KNOWN_FILES, guess_table
from compassign.data.workspace import Upload, receive
from compassign.queries.imports import WRITTEN, imported_files, imported_library
from compassign.tables import TABLE_NAMES
from pages.shared.table_import import Asked, ask_table, find_file_library, inspect_file
from pages.shared.text import escaped

_LIBRARY = ("compounds.csv", "compounds.parquet")
_TWICE = "Two of these files are for the same table; only one can be."


@dataclass
class Handed:
    """Files under the names of the contract, a table and a library of other programs, and why they cannot be taken."""

    files: dict[str, BinaryIO]
    table: Asked | None = None
    library: UploadedFile | None = None
    wrong: str = ""


def sort_files(given: Sequence[UploadedFile]) -> Handed:
    """What each file is; asked for where neither its name nor its content says it."""
    handed = Handed({})
    for file in given:
        is_zip = len(given) == 1 and file.name.lower().endswith(".zip")
        place = file.name if is_zip else _place(file)
        if place is None:
            handed.wrong = f"{escaped(file.name)} is no table that is known here; is it the table of peaks?"
        elif isinstance(place, UploadedFile):
            handed.wrong = _TWICE if handed.library else handed.wrong
            handed.library = place
        elif isinstance(place, str):
            handed.wrong = _TWICE if place in handed.files else handed.wrong
            handed.files[place] = file
        else:
            handed.wrong = _TWICE if handed.table else place.missing or handed.wrong
            handed.table = place
    written = (*(WRITTEN if handed.table else ()), *(_LIBRARY if handed.library else ()))
    if set(written) & handed.files.keys():
        handed.wrong = _TWICE
    return handed


def _place(file: UploadedFile) -> str | Asked | UploadedFile | None:
    """The contract's name of a file, or it as a table of another program, or as a library; None for what is neither."""
    ending = Path(file.name).suffix.lower()
    if file.name in KNOWN_FILES or ending in {".parquet", ".toml", ".zip"}:
        return table_file(file.name, "new")
    library = find_file_library(file)
    if library and ending != ".csv":  # in a CSV file of other names the columns are asked for
        st.markdown(f"**{escaped(file.name)}** is {library}. It becomes the library of the dataset.")
        return file
    found = None if library else inspect_file(file)
    if found is None:
        return table_file(file.name, "new", "compounds" if library else "") if ending == ".csv" else None
    if ending == ".csv":
        names = [foreign := f"peaks with samples, {found.title}", *TABLE_NAMES]
        index = 0 if found.has_samples else names.index(guess_table(file.name))
        table = st.selectbox(f"Table in {escaped(file.name)}", names, index=index, key=f"table of {file.name} new")
        if table != foreign:
            return f"{table}.csv"
    return ask_table(file, found)


def keep(output: Path, handed: Handed, name: str) -> Upload:
    """Keep the files, those of other programs as what they become; raises InputError."""
    with ExitStack() as opened:
        files: dict[str, BinaryIO] = {}
        notes: list[str] = []
        if handed.table is not None:
            made, said = opened.enter_context(imported_files(handed.table.table, handed.table.options))
            files, notes = {**files, **made}, [*notes, *said]
        if handed.library is not None:
            made, said = opened.enter_context(imported_library(handed.library.name, handed.library))
            files, notes = {**files, **made}, [*notes, *said]
        return receive(output, {**files, **handed.files}, name, notes)


def table_file(file: str, key: str, likely: str = "") -> str:
    """The contract's name of an uploaded file, asked for where it has another; a zip among tables stays one.

    likely : the table that its content suggests, "" where its name has to.
    """
    if file in KNOWN_FILES or not file.lower().endswith((".csv", ".parquet")):
        return file
    table = st.selectbox(
        f"Table in {escaped(file)}",
        TABLE_NAMES,
        index=TABLE_NAMES.index(likely or guess_table(file)),
        key=f"table of {file} {key}",
    )
    return f"{table}.{'parquet' if file.lower().endswith('.parquet') else 'csv'}"
