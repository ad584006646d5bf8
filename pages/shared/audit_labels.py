"""What audit labels say about a run: a section of the Calibration page."""

from __future__ import annotations

import streamlit as st

from compassign.errors import InputError
from compassign.queries.audit_labels import audit_command, audit_of_labels
from compassign.queries.run_folder import Run
from pages.shared.text import complain

N_TO_DRAW = 150  # certify 5 % where about 2 % are false
COLUMNS = {
    "limit": st.column_config.TextColumn("Limit", width=60, help="On the expected share of false assignments."),
    "n_accepted": st.column_config.NumberColumn("Accepted", width=80, help="Peaks, without given answers."),
    "n_labels": st.column_config.NumberColumn("Of the audit", width=95, help="Accepted peaks with an audit label."),
    "share": st.column_config.TextColumn("False", width=70, help="Share of those that were answered, weighted."),
    "interval": st.column_config.TextColumn("95 % interval", width=120, help="Skipped ones all right to all wrong."),
    "verdict": st.column_config.TextColumn("The false share is", width=140),
}


def show_audit_labels(run: Run) -> None:
    """Show the false share of the accepted peaks, or how to get labels that tell it."""
    st.subheader(
        "Audit labels", help="Labels of peaks drawn at random, which no fit has seen. No limit is a claim but by them."
    )
    try:
        found = audit_of_labels(run.path, run.metrics)
    except InputError as error:
        complain("The audit by labels cannot be shown.", str(error))
        return
    if found is None:
        st.text("There are no audit labels, so nothing here certifies how many of the accepted peaks are false.")
        at_desk = {"run": run.run_id, "order_of_asking": "audit"}
        st.page_link("pages/label.py", label="Draw them at the desk", icon=":material/casino:", query_params=at_desk)
        st.caption("Or draw a table, put its rows into labels.csv of the dataset, and repeat this without drawing:")
        st.code(audit_command(run.path, N_TO_DRAW), language=None, wrap_lines=True)
        return
    skipped = f", {found.n_skipped:,} of them skipped" if found.n_skipped else ""
    seen = f"; {found.n_seen:,} left out, because the run saw an answer" if found.n_seen else ""
    when = "when it was last audited" if found.is_later else "when it began"
    st.caption(f"The dataset of the run had {found.n_labels:,} audit labels {when}{skipped}{seen}.")
    for sentence in found.sentences:
        st.text(sentence)
    st.dataframe(found.levels, height="content", hide_index=True, column_config=COLUMNS, alt="Audit labels")
    st.caption("After new labels:")
    st.code(audit_command(run.path), language=None, wrap_lines=True)
