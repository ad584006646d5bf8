"""Home: what to do next, and the newest runs."""

from __future__ import annotations

from typing import Literal

import streamlit as st

from compassign.queries.overview import RunSummary, list_runs
from pages.shared.current_run import output_folder, show_no_runs
from pages.shared.guard import begin
from pages.shared.text import DOT, escaped

N_SHOWN = 10
_BADGES: dict[str, tuple[str, str, Literal["blue", "orange", "red", "gray"]]] = {
    "converged": ("Converged", ":material/check:", "blue"),
    "suspect": ("Not converged: suspect", ":material/warning:", "orange"),
    "failed": ("Not converged: do not use", ":material/error:", "red"),
    "not sampled": ("Nothing sampled", ":material/remove:", "gray"),
}
_NEXT = (
    ("pages/peaks.py", "Look at the peaks", ":material/scatter_plot:", "What made each peak, how sure, and why."),
    ("pages/calibration.py", "Check the probabilities", ":material/target:", "Do 90 % calls come true 9 times in 10?"),
    (
        "pages/diagnostics.py",
        "Check the fit",
        ":material/monitor_heart:",
        "Did the sampler converge, does the model fit?",
    ),
    ("pages/compare.py", "Compare runs", ":material/compare_arrows:", "What other settings change, peak by peak."),
)


def _show_next(newest: RunSummary) -> None:
    st.subheader("What to do next")
    for column, (page, label, icon, about) in zip(st.columns(len(_NEXT)), _NEXT, strict=True):
        with column.container(border=True, height="stretch"):
            st.page_link(page, label=label, icon=icon, query_params={"run": newest.run_id})
            st.caption(about)


def _share(value: float | None) -> str:
    return "\N{EN DASH}" if value is None else f"{value:.3f}"


def _show_run(run: RunSummary) -> None:
    with st.container(border=True):
        about, *numbers, link = st.columns([4, 1.3, 1.3, 1.3, 1.5], vertical_alignment="center")
        about.markdown(f"**{escaped(run.model)}**{DOT}{escaped(run.dataset)}")
        label, icon, colour = _BADGES[run.verdict.word]
        with about.container(horizontal=True, vertical_alignment="center"):
            st.badge(label, icon=icon, color=colour)
            if run.verdict.is_quick:
                st.badge("Quick", color="gray", help="Few draws, for a first look.")
            st.caption(escaped(f"{run.started} UTC" if run.started else run.run_id))
        accepted = "\N{EN DASH}" if run.n_accepted is None else f"{run.n_accepted} of {run.n_peaks}"
        limit = f"At a false-discovery rate of {run.alpha:g}, answers that were given included."
        numbers[0].metric("Accepted", accepted, help=limit)
        numbers[1].metric("Precision", _share(run.precision), help="Share of the compound calls that are right.")
        numbers[2].metric("Calibration error", _share(run.ece), help="0 is best (expected calibration error).")
        link.page_link(
            "pages/peaks.py", label="Open peaks", icon=":material/arrow_forward:", query_params={"run": run.run_id}
        )


def show() -> None:
    """Show the page."""
    begin("Home")
    st.title("CompAssign")
    st.caption("Which library compound made each LC-MS peak, with honest probabilities.")
    runs = list_runs(output_folder(), N_SHOWN)
    if not runs:
        show_no_runs()
        return
    _show_next(runs[0])
    st.subheader("Newest runs")
    for run in runs:
        _show_run(run)
    st.caption(f"At most {N_SHOWN} are listed; the choice of the run on the other pages has all of them.")


show()
