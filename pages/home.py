"""Home: what to do next, what is going on, and the newest results."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import streamlit as st

from compassign.queries.jobs import RunEntry, list_entries
from compassign.queries.overview import RunSummary
from compassign.store.runs import RunStore
from pages.shared.current_run import open_store, output_folder
from pages.shared.guard import begin
from pages.shared.jobs import POLL_S, follow, show_progress, show_status, show_whether_watched
from pages.shared.text import DOT, NOTHING, escaped

N_SHOWN = 10
ABOUT_PX, METRIC_PX = 300, 120  # on a phone a run's name has a line of its own, and below it two numbers share one
N_FAILED = 3
_BADGES: dict[str, tuple[str, str, Literal["blue", "orange", "red", "gray"]]] = {
    "converged": ("Converged", ":material/check:", "blue"),
    "suspect": ("Not converged: suspect", ":material/warning:", "orange"),
    "failed": ("Not converged: do not use", ":material/error:", "red"),
    "not sampled": ("Nothing sampled", ":material/remove:", "gray"),
}
_BEGIN = (
    ("pages/new_run.py", "Start a run", ":material/rocket_launch:", "Choose data, a model and how long it may take."),
    ("pages/data.py", "Bring your data", ":material/upload_file:", "Check tables of peaks and compounds."),
)
_LOOK = (
    ("pages/peaks.py", "Look at the peaks", ":material/scatter_plot:", "What made each peak, how sure, and why."),
    ("pages/calibration.py", "Check calibration", ":material/target:", "Do 90 % calls come true 9 times in 10?"),
    (
        "pages/diagnostics.py",
        "Check the fit",
        ":material/monitor_heart:",
        "Did the sampler converge, does the model fit?",
    ),
    ("pages/compare.py", "Compare runs", ":material/compare_arrows:", "What other settings change, peak by peak."),
)


def _show_next(newest: RunEntry | None) -> None:
    """Where to go: to a run of one's own, and to the newest results if there are any."""
    st.subheader("What to do next", anchor=False)
    _show_cards(_BEGIN)
    if newest:
        _show_cards(_LOOK, newest.run_id)


def _show_cards(cards: Sequence[tuple[str, str, str, str]], run_id: str | None = None) -> None:
    """Links in a row, each with what is behind it; run_id : that they show."""
    query = {"run": run_id} if run_id else None
    row = st.container(horizontal=True)
    for page, label, icon, about in cards:
        with row.container(border=True, height="stretch"):
            st.page_link(page, label=label, icon=icon, query_params=query)
            st.caption(about)


def _put_away(store: RunStore, run_id: str) -> None:
    store.archive(run_id)


def _show_failed(store: RunStore, failed: list[RunEntry]) -> None:
    """Failed runs, each until somebody has put it away."""
    for entry in failed[:N_FAILED]:
        with st.container(border=True):
            with st.container(horizontal=True, vertical_alignment="center"):
                show_status("failed")
                st.markdown(f"**{escaped(entry.title)}**", width="content")
            st.text(((entry.row and entry.row.error) or "No reason was recorded.").splitlines()[0])
            ways = st.container(horizontal=True, vertical_alignment="center")
            ways.page_link(
                "pages/runs.py", label="See why", icon=":material/error:", query_params={"run": entry.run_id}
            )
            ways.button(
                "Put away",
                key=f"put away {entry.run_id}",
                on_click=_put_away,
                args=[store, entry.run_id],
                help="Off this page; the Runs page keeps it under Archived.",
            )
    if len(failed) > N_FAILED:
        st.page_link(
            "pages/runs.py", label=f"And {len(failed) - N_FAILED} more failed runs", query_params={"status": "Failed"}
        )


def _watch(store: RunStore, active: list[RunEntry]) -> None:
    """What is running and waiting, drawn again every second."""
    rows = follow(store, {entry.run_id: entry.status for entry in active})
    for entry in active:
        with st.container(border=True):
            about, bar, link = st.columns([4, 5, 1.5], vertical_alignment="center")
            about.markdown(f"**{escaped(entry.title)}**")
            with bar:
                show_progress(rows[entry.run_id], entry.position)
            link.page_link(
                "pages/runs.py", label="Watch", icon=":material/visibility:", query_params={"run": entry.run_id}
            )


def _share(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.3f}"


def _show_complete(entry: RunEntry, run: RunSummary) -> None:
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        about = st.container(width=ABOUT_PX, gap="xsmall")
        about.markdown(f"**{escaped(entry.title)}**")
        labelled = f"{run.n_labelled} of {run.n_peaks} peaks labelled" if run.n_labelled else "no peak labelled"
        when = f"{run.started} UTC" if run.started else run.run_id
        about.caption(escaped(DOT.join([run.model, run.dataset, when, labelled])))
        label, icon, colour = _BADGES[run.verdict.word]
        with about.container(horizontal=True, vertical_alignment="center"):
            st.badge(label, icon=icon, color=colour)
            if run.verdict.is_quick:
                st.badge("Quick", color="gray", help="Few draws, for a first look.")
            if entry.stale:
                st.badge("Stale", icon=":material/history:", color="orange", help=entry.stale)
        accepted = NOTHING if run.n_accepted is None else f"{run.n_accepted} of {run.n_peaks}"
        limit = f"At a false-discovery rate of {run.alpha:g}, answers that were given included."
        st.metric("Accepted", accepted, help=limit, width=METRIC_PX)
        about_precision = "Share of the compound calls that are right."
        st.metric("Precision", _share(run.precision), help=about_precision, width=METRIC_PX)
        st.metric("Calibration error", _share(run.ece), help="0 is best (expected calibration error).", width=METRIC_PX)
        st.page_link(
            "pages/peaks.py", label="Open peaks", icon=":material/arrow_forward:", query_params={"run": run.run_id}
        )


def show() -> None:
    """Show the page."""
    begin("Home")
    st.title("CompAssign")
    st.caption("Which library compound made each LC-MS peak, with honest probabilities.")
    store = open_store()
    entries = [entry for entry in list_entries(store, output_folder()) if not entry.is_archived]
    _show_failed(store, [entry for entry in entries if entry.status == "failed"])
    active = [entry for entry in entries if entry.is_active]
    complete = [(entry, entry.summary) for entry in entries if entry.summary]
    if active:
        st.subheader("Going on", anchor=False)
        show_whether_watched(entries)
        st.fragment(_watch, run_every=POLL_S)(store, active)
    _show_next(complete[0][0] if complete else None)
    st.subheader("Newest results", anchor=False)
    if not complete:
        st.info("Results appear here as soon as a run is complete.", icon=":material/science:")
    for entry, summary in complete[:N_SHOWN]:
        _show_complete(entry, summary)
    if len(complete) > N_SHOWN:
        st.page_link("pages/runs.py", label=f"All {len(complete)} complete runs")


show()
