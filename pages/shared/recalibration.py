"""Raw and recalibrated probabilities: a section of the Calibration page."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from compassign.errors import InputError
from compassign.figures.calibration import draw_reliability
from compassign.queries.recalibration import RecalibrationView, how_to_recalibrate, recalibration
from compassign.queries.run_folder import Run
from pages.shared.current_run import changed_ns
from pages.shared.figures import on_paper
from pages.shared.text import complain

ABOUT = (
    "What labels of a random sample, which no fit saw, say of the probabilities, and what mends them. The run's own "
    "results stay as they are."
)
FIGURE_PX = 420


@st.cache_resource(max_entries=12, show_spinner="Reading the recalibration")
def _recalibration(_run: Run, path: Path, written_ns: int) -> RecalibrationView | None:
    """path, written_ns : tell one state of a run from another."""
    del path, written_ns
    return recalibration(_run)


def show_recalibration(run: Run) -> None:
    """Show the curves and scores before and after, or the command that makes them."""
    st.subheader("Recalibration", help=ABOUT)
    try:
        found = _recalibration(run, run.path, changed_ns(run.path))
    except InputError as error:
        complain("The recalibration of this run cannot be read.", str(error))
        return
    if found is None:
        st.caption("This run was not recalibrated. These commands do it, in this order:")
        st.code("\n".join(how_to_recalibrate(run)), language=None, wrap_lines=True)
        return
    st.text(found.sentence)
    left, right = st.columns(2, gap="medium")
    figure = on_paper(draw_reliability(found.curves))
    left.plotly_chart(figure, height=FIGURE_PX, key="recalibrated", alt="Reliability, raw and recalibrated")
    with right:
        if not len(found.scores):
            st.caption("Too few compounds are labelled to say what recalibration gains.")
            return
        st.caption(
            f"Scores of {found.n_labels} labelled peaks, by {found.method}; every peak is recalibrated by labels of "
            "other compounds."
        )
        st.dataframe(
            found.scores,
            height="content",
            hide_index=True,
            column_config={
                "score": st.column_config.TextColumn("Lower is better"),
                "raw": st.column_config.TextColumn("Raw", width=80, alignment="right"),
                "recalibrated": st.column_config.TextColumn("Recalibrated", width=100, alignment="right"),
            },
            alt="Scores, raw and recalibrated",
        )
