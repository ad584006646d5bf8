"""Data: the datasets that can be run, what is in them, and how to add one."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from compassign.data.workspace import Source, list_sources, remove
from compassign.errors import InputError
from compassign.figures.dataset import draw_candidate_counts, draw_mass_errors, draw_peak_map
from compassign.queries.datasets import GLANCE_WINDOW_PPM, Glance
from pages.shared.current_run import output_folder
from pages.shared.datasets import read_glance, show_problems
from pages.shared.figures import on_paper
from pages.shared.guard import begin
from pages.shared.library import show_library
from pages.shared.text import DOT, complain
from pages.shared.upload import show_add, show_open_uploads

MAX_NAMES = 20  # species that are named
MAP_PX, HISTOGRAM_PX, METRIC_PX = 560, 270, 130
_CHOICE = "data_choice"
_PROBLEM = "data_problem"  # why a dataset could not be removed, for the next time the page is drawn
_KINDS = {"demo": "demonstration", "folder": "in this workspace", "path": "folder on this machine"}
_SHOWN_ELSEWHERE = frozenset({"name", "polarity"})  # of dataset.toml: the choice, and the count of peaks
_HELP = {
    "Injections": "Instrument runs; mass offset and drift are learned for each.",
    "Calibrants": "Known retention times, which train the retention-time model.",
    "Other systems": "Chromatographic systems on which compounds of the library were measured.",
    "Labelled": "Peaks that people said something about; a fit learns from them.",
    "In the audit": "Peaks drawn at random whose labels no fit sees; what is claimed about errors rests on them.",
    "With truth": "Peaks with a known answer, which score a run.",
}


def _title(source: Source) -> str:
    return f"{source.name}{DOT}{_KINDS[source.kind]}"


def _choose(sources: list[Source]) -> Source | None:
    """The dataset of the URL, else the first; None where the URL names one that is not there."""
    titles = {source.name: _title(source) for source in sources}
    asked = st.query_params.get("data") or sources[0].name
    is_known = asked in titles
    st.session_state[_CHOICE] = asked if is_known else None
    st.selectbox(
        "Dataset",
        list(titles),
        format_func=titles.__getitem__,
        key=_CHOICE,
        on_change=_switch,
        placeholder="Choose a dataset",
    )
    if not is_known:
        complain("There is no such dataset here: it was removed, or belongs to another workspace.", asked)
        return None
    st.query_params["data"] = asked
    return next(source for source in sources if source.name == asked)


def _switch() -> None:
    if st.session_state[_CHOICE]:
        st.query_params["data"] = st.session_state[_CHOICE]


def _show_actions(source: Source, output: Path, is_valid: bool) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        if is_valid:
            st.page_link(
                "pages/new_run.py",
                label="New run on this dataset",
                icon=":material/play_arrow:",
                query_params={"data": source.name},
            )
        if source.kind == "demo":
            return
        verb = "Delete" if source.kind == "folder" else "Forget"
        with st.popover(f"{verb} this dataset", icon=":material/delete:"):
            if source.kind == "folder":
                st.write("Its files are deleted. Finished runs on it stay, without names, m/z and truth.")
            else:
                st.write("The folder stays where it is; it is only taken off this list.")
            st.button(verb, type="primary", on_click=_remove, args=[output, source])


def _remove(output: Path, source: Source) -> None:
    try:
        remove(output, source)
    except InputError as error:
        st.session_state[_PROBLEM] = str(error)
        return
    st.query_params.pop("data", None)


def _show_counts(found: Glance) -> None:
    with st.container(horizontal=True):  # two a row on a phone
        for name, count in found.counts.items():
            st.metric(name, f"{count:,}", help=_HELP.get(name), border=True, width=METRIC_PX)
    polarity = DOT.join(f"{count:,} {name}" for name, count in found.polarity.items())
    more = f" and {len(found.species) - MAX_NAMES} more" if len(found.species) > MAX_NAMES else ""
    about = [f"{name}: {value}" for name, value in found.about.items() if name not in _SHOWN_ELSEWHERE]
    st.text("\n".join([f"polarity: {polarity}", f"species: {', '.join(found.species[:MAX_NAMES])}{more}", *about]))
    if found.warnings:
        st.warning("Something had to be assumed:", icon=":material/warning:")
        st.text("\n".join(found.warnings))


def _show_figures(found: Glance) -> None:
    n_peaks = len(found.peaks)
    st.caption(
        f"{found.n_with_candidates:,} of {n_peaks:,} peaks have a compound within {GLANCE_WINDOW_PPM:g} ppm, by mass "
        "alone and with the common adducts. Retention times narrow that down in a run."
    )
    left, right = st.columns([3, 2], gap="medium")
    left.plotly_chart(
        on_paper(draw_peak_map(found.peaks)), height=MAP_PX, key="map", alt="Peaks by m/z and retention time"
    )
    right.plotly_chart(
        on_paper(draw_candidate_counts(found.peaks)), height=HISTOGRAM_PX, key="counts", alt="Candidates of each peak"
    )
    right.plotly_chart(
        on_paper(draw_mass_errors(found.peaks, GLANCE_WINDOW_PPM)), height=HISTOGRAM_PX, key="errors", alt="Mass errors"
    )
    right.caption("A hill near 0 is a calibrated instrument; a hill elsewhere an offset; no hill, matches by chance.")


def show() -> None:
    """Show the page."""
    begin("Data")
    output = output_folder()
    st.title("Data", help="A dataset is a table of peaks and a library of compounds; more tables are optional.")
    sources = list_sources(output)
    if problem := st.session_state.pop(_PROBLEM, None):
        complain("The dataset could not be removed.", problem)
    show_open_uploads(output)
    show_add(output, is_first=all(source.kind == "demo" for source in sources))
    source = _choose(sources)
    if source is None:
        return
    try:
        found = read_glance(source)
    except InputError as error:
        st.error("This dataset cannot be used any more.", icon=":material/error:")
        show_problems(error.problems)
        _show_actions(source, output, is_valid=False)
        return
    _show_actions(source, output, is_valid=True)
    _show_counts(found)
    _show_figures(found)
    show_library(source)


show()
