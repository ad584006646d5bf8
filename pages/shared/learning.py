"""How much labels teach, as loops with simulated annotators have shown: a section of the Label page."""

from __future__ import annotations

import streamlit as st

from compassign.errors import InputError
from compassign.figures.learning import draw_learning
from compassign.queries.learning import (
    MEASURES,
    Learning,
    learning_curves,
    mended_by,
    read_learning,
    simulate_command,
    worth_of_asking,
)
from compassign.queries.run_folder import Run
from pages.shared.current_run import output_folder
from pages.shared.figures import on_paper
from pages.shared.text import complain

FIGURE_PX = 380
TABLE = {
    "acquisition": st.column_config.TextColumn("Asked by"),
    "n_asked": st.column_config.NumberColumn("Asked"),
    "mean": st.column_config.NumberColumn("Mean", format="%.3f"),
    "low": st.column_config.NumberColumn("Lowest", format="%.3f"),
    "high": st.column_config.NumberColumn("Highest", format="%.3f"),
    "n_seeds": st.column_config.NumberColumn("Loops"),
}


@st.fragment
def show_learning(run: Run) -> None:
    """The curves of the loops on the run's dataset, or of others in the workspace, or how to make them."""
    with st.expander("How much labels teach"):
        try:
            found = read_learning(output_folder(), run.record.dataset_hash or "")
        except InputError as error:
            complain("The loops of simulated annotators cannot be read.", str(error))
            return
        if found:
            name = st.selectbox("Loops", list(found), key="learning_loops") or next(iter(found))
            _show_loops(found[name])
        is_own = any(learning.dataset_hash == run.record.dataset_hash for learning in found.values())
        if not is_own:
            _show_how(run)


def _show_loops(learning: Learning) -> None:
    measure = st.selectbox("Measure", list(MEASURES), format_func=MEASURES.__getitem__, key="learning_measure")
    curves = learning_curves(learning.table, measure)
    st.plotly_chart(
        on_paper(draw_learning(curves, measure)),
        height=FIGURE_PX,
        key="learning",
        alt=f"{MEASURES[measure]} against the number of peaks asked about, one curve for each way of asking",
    )
    for sentence in [*worth_of_asking(learning, measure), *mended_by(learning)]:
        st.text(sentence)
    st.caption(
        "Simulated annotators, on peaks whose truth is known: half of them are never asked about and score the model. "
        "The bands go from the lowest to the highest of the loops."
    )
    with st.expander("The numbers"):
        st.dataframe(curves, hide_index=True, column_config=TABLE, alt="Mean and range of the loops")


def _show_how(run: Run) -> None:
    if run.truth is None:
        st.text("This run's dataset has no truth, so nobody can say what labels of it teach. On a demonstration:")
    else:
        st.text("No loops were replayed on this run's dataset yet. This makes them; it takes minutes:")
    config = None if run.truth is None else run.record.config
    st.code(simulate_command(output_folder(), config), language=None, wrap_lines=True)
