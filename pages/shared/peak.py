"""One peak in detail: its candidates, why each is likely or not, and its neighbours."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import streamlit as st

from compassign.errors import InputError
from compassign.figures.peaks import draw_evidence
from compassign.figures.structure import draw_structure
from compassign.queries.detail import PeakDetail, peak_detail
from compassign.queries.run_folder import Run
from pages.shared.figures import on_paper
from pages.shared.measured import show_measured
from pages.shared.selection import row_ids, rows_selected
from pages.shared.text import COLUMNS, DOT, NOTHING, complain, escaped

CANDIDATE_COLUMNS = (
    *("name", "probability", "hdi_low", "hdi_high", "adduct", "formula", "ppm_error", "rt_z", "log_odds"),
    "mz_theoretical",
)
NEIGHBOUR_COLUMNS = ("peak_id", "name", "probability", "decision", "mz", "rt_min", "n_shared", "species")
EVIDENCE_PX, NEIGHBOURS_PX = 330, 280
N_WHOLE = 7  # neighbours that are shown without scrolling
CANDIDATE = "candidate"  # of the link: row of the candidate that is explained
NULL_NAME = "null (no compound)"


def show_peak(run: Run, order: Sequence[str]) -> None:
    """Show the peak of the URL; order : ids that previous and next step through."""
    st.divider()
    peak_id = st.query_params.get("peak")
    if not peak_id:
        st.info(
            "Select a row, a bar or a point above to see why a peak was called as it was.", icon=":material/ads_click:"
        )
        return
    try:
        detail = peak_detail(run, peak_id, order)
    except InputError as error:
        complain("This run has no such peak; pick one above.", str(error))
        return
    _show_heading(peak_id, detail)
    show_evidence(run, peak_id, detail)
    _show_neighbours(peak_id, detail)


@st.fragment  # another candidate leaves table and figures above as they are
def show_evidence(run: Run, peak_id: str, detail: PeakDetail) -> None:
    """The candidates, what speaks for the one that is selected, and what was measured beside it."""
    chosen = _show_candidates(peak_id, detail)
    why, structure = st.columns([3, 2], gap="medium")
    with why:
        _show_why(detail, chosen)
    with structure:
        _show_structure(detail, chosen)
    show_measured(run, detail, chosen)


def go_to(peak_id: str) -> None:
    """Let the link, and with it the page, show a peak; the most probable of its candidates is explained."""
    st.query_params["peak"] = peak_id
    st.query_params.pop(CANDIDATE, None)


def _show_heading(peak_id: str, detail: PeakDetail) -> None:
    peak = detail.peak
    row = st.container(horizontal=True, vertical_alignment="center")
    row.subheader(f"Peak {escaped(peak_id)}", anchor=False)
    for label, key, to in (("Previous", "Left", detail.previous_id), ("Next", "Right", detail.next_id)):
        row.button(
            label,
            key=f"step {label}",
            shortcut=key,
            disabled=to is None,
            on_click=go_to,
            args=[to],
            help="The order and the filter are those of the table above.",
        )
    measured = [f"m/z {peak['mz']:.4f}", f"{peak['rt_min']:.2f} min", f"intensity {peak['intensity']:.3g}"]
    about = [
        *(measured if peak["mz"] == peak["mz"] else []),
        f"species {peak['species']}",
        f"decision {peak['decision']}",
    ]
    given = "its answer was given to the fit, so that it scores nothing" if peak["is_labelled"] else ""
    isotope = f"isotope peak of {peak['isotope_of']}, whose candidates and answer it has" if peak["isotope_of"] else ""
    st.text(DOT.join([*about, *(text for text in (given, isotope) if text)]))


def _show_candidates(peak_id: str, detail: PeakDetail) -> int:
    """The candidates; returns the row of the one that is explained."""
    table = detail.candidates.assign(
        name=detail.candidates["name"].where(detail.candidates["compound_id"] != "", NULL_NAME)
    )
    st.caption("Candidates, the most probable first. Select one to see its evidence.")
    ids = [str(row) for row in range(len(table))]
    key = f"candidates {peak_id}"
    state = st.dataframe(
        table,
        hide_index=True,
        column_order=CANDIDATE_COLUMNS,
        column_config=COLUMNS,
        placeholder=NOTHING,
        key=key,
        on_select=partial(_candidate_picked, key, ids),
        selection_mode="single-row",
        selection_default=rows_selected(st.query_params.get_all(CANDIDATE), ids),
        alt="Candidates",
    )
    unlisted = detail.probability_unlisted
    st.text(detail.sets)
    if unlisted > 0.0:
        st.caption(f"Of the null, {unlisted:.3f} is a compound that the library lacks; the rest is background.")
    rows = row_ids(state, ids)
    return int(rows[0]) if rows else 0


def _candidate_picked(key: str, ids: list[str]) -> None:
    st.query_params[CANDIDATE] = row_ids(st.session_state.get(key, {}), ids)


def _show_structure(detail: PeakDetail, chosen: int) -> None:
    """The candidate's structure, where the library has one."""
    table = detail.candidates
    svg = draw_structure(str(table["smiles"].iloc[chosen]), is_dark=st.context.theme.type == "dark")
    if svg:
        st.image(svg)
        st.text(DOT.join(str(table[name].iloc[chosen]) for name in ("name", "formula", "inchikey")))
    elif table["compound_id"].iloc[chosen]:
        st.caption("The library has no structure of this compound.")


def _show_why(detail: PeakDetail, chosen: int) -> None:
    """The evidence of one candidate, step by step."""
    candidate = detail.candidates.iloc[chosen]
    if not candidate["compound_id"]:
        if len(detail.candidates) == 1:
            st.info("No library compound is within the mass and retention-time windows of this peak.")
        else:
            st.info("The null is what candidates are measured against. Select a candidate to see its evidence.")
        return
    st.caption("Why: each step adds to the log-odds against the null. Hover over a step to read what it says.")
    steps = detail.evidence[detail.evidence["candidate"] == chosen]
    if steps["log_odds"].isna().all():
        st.info("Nothing to weigh: the answer of this peak was given, or the null is excluded.")
        return
    if steps["log_odds"].isna().any():
        st.caption("The answer of this peak was given, so its probability is not the sum of what the evidence says.")
    st.plotly_chart(
        on_paper(draw_evidence(steps, str(candidate["name"]), str(candidate["compound_id"]))),
        height=EVIDENCE_PX,
        key="evidence",
        alt="Contribution of each kind of evidence",
    )


def _neighbour_picked(key: str, ids: list[str]) -> None:
    for peak_id in row_ids(st.session_state.get(key, {}), ids):
        go_to(peak_id)


def _show_neighbours(peak_id: str, detail: PeakDetail) -> None:
    st.markdown("**Neighbours:** peaks with the same candidates")
    if not len(detail.neighbours):
        st.caption("No other peak shares a candidate with this one.")
        return
    key = f"neighbours {peak_id}"
    st.dataframe(
        detail.neighbours,
        height="content" if len(detail.neighbours) <= N_WHOLE else NEIGHBOURS_PX,
        hide_index=True,
        column_order=NEIGHBOUR_COLUMNS,
        column_config=COLUMNS,
        key=key,
        on_select=partial(_neighbour_picked, key, detail.neighbours["peak_id"].tolist()),
        selection_mode="single-row",
        alt="Neighbours",
    )
