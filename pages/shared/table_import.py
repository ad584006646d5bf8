"""A table of another program: what it says of itself, and the questions that it leaves open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from compassign.formats.importing import ImportOptions
from compassign.formats.inspecting import Inspection
from compassign.formats.layout import RtUnit
from compassign.queries.imports import ForeignTable, inspect_upload, library_upload, sample_table, sheet_template
from compassign.tables import POLARITIES
from pages.shared.text import escaped

_UNITS: dict[str, RtUnit] = {"minutes": "min", "seconds": "s"}
_SHEETS = ["csv", "tsv", "txt", "xlsx"]
_SAMPLES_PX = 240
_CACHED = 16


@dataclass(frozen=True)
class Asked:
    """A table to import and what was said of it; missing : what still has to be said, "" = nothing."""

    table: ForeignTable
    options: ImportOptions
    missing: str


def inspect_file(file: UploadedFile) -> Inspection | None:
    """What an uploaded file says of itself, read once; None where it is no peak table."""
    return _inspected(file.file_id, file)


@st.cache_data(max_entries=_CACHED, show_spinner="Looking at the file")
def _inspected(file_id: str, _file: UploadedFile) -> Inspection | None:
    del file_id  # names the content
    return inspect_upload(_file.name, _file)


def find_file_library(file: UploadedFile) -> str:
    """What library an uploaded file is, in words, found once; "" where it is none."""
    return _library(file.file_id, file)


@st.cache_data(max_entries=_CACHED, show_spinner="Looking at the file")
def _library(file_id: str, _file: UploadedFile) -> str:
    del file_id  # names the content
    found = library_upload(_file.name, _file)
    return "" if found is None else found.title


def ask_table(file: UploadedFile, found: Inspection) -> Asked:
    """Ask what a table does not say."""
    key = f"import {file.file_id}"
    with st.container(border=True):
        st.markdown(f"**{escaped(file.name)}** is {_article(found.title)}. It becomes the peaks of the dataset.")
        sheet = _ask_sheet(found, key)
        species, unit, polarity = st.columns(3)
        with species:
            said = _ask_species(found, key, has_sheet=sheet is not None)
        with unit:
            rt_unit = _ask_unit(found, key)
        with polarity:
            sign = _ask_polarity(found, key, has_sheet=sheet is not None)
    options = ImportOptions(format=found.format, rt_unit=rt_unit, polarity=sign, species=said or None)
    open_questions = [
        *(["the species"] if not said and found.species is None and sheet is None else []),
        *(["the unit of retention times"] if rt_unit is None and found.rt_unit is None else []),
        *(["the polarity"] if sign is None and found.polarity is None and sheet is None else []),
    ]
    table = ForeignTable(file.name, file, sheet, "" if sheet is None else sheet.name)
    return Asked(table, options, _missing(open_questions))


def _article(title: str) -> str:
    return title if title.startswith("a ") else f"a table of {title}"


def _missing(questions: Sequence[str]) -> str:
    return f"Say {' and '.join(questions)} of the table first." if questions else ""


def _ask_sheet(found: Inspection, key: str) -> UploadedFile | None:
    """What the samples are: as the table tells, unless there is a sheet."""
    if not found.samples:
        return None
    n = len(found.samples)
    named = f"{n} sample columns" if found.has_samples else f"{n} columns of numbers that may be samples"
    with st.expander(f"{named}: species, order and role", icon=":material/view_column:"):
        st.caption(
            "Roles come from the table or the names. A sheet with the columns injection, species, order, role (sample, "
            "pool or blank) and polarity says more; all but the first may be absent."
            + ("" if found.has_samples else " Without a sheet none of them is a sample.")
        )
        st.dataframe(sample_table(found), height=_SAMPLES_PX, hide_index=True, alt="Samples of the table")
        st.download_button(
            "Download as a sheet to fill in",
            sheet_template(found),
            file_name="samples.csv",
            mime="text/csv",
            on_click="ignore",
            icon=":material/download:",
        )
        return st.file_uploader("Sheet of samples", type=_SHEETS, key=f"{key} sheet")


def _ask_species(found: Inspection, key: str, has_sheet: bool) -> str:
    about = "The biological or matrix group of peaks and samples, such as plasma, where nothing else says it."
    known = "as the table says" if found.species is not None else "as the sheet says" if has_sheet else "needed"
    return st.text_input("Species", key=f"{key} species", help=about, placeholder=known).strip()


def _ask_unit(found: Inspection, key: str) -> RtUnit | None:
    """The unit that a person says, or None for that of the table."""
    names = {unit: name for name, unit in _UNITS.items()}
    about = "Retention times that look like the other unit are refused until it is said here."
    if found.rt_unit is not None:
        about += f" The table has {names[found.rt_unit]} as far as is known."
    chosen = st.segmented_control("Unit of retention times", list(_UNITS), key=f"{key} unit", help=about)
    return None if chosen is None else _UNITS[chosen]


def _ask_polarity(found: Inspection, key: str, has_sheet: bool) -> str | None:
    """The polarity that a person says, or None for that of the table."""
    about = "Of all peaks."
    if found.polarity is not None:
        about += f" The table says: {found.polarity or 'each row its own'}."
    elif has_sheet:
        about += " Needed where the sheet does not say it."
    return st.segmented_control("Polarity", POLARITIES, key=f"{key} polarity", help=about)
