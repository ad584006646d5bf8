"""What audits of a run found: a section of the Calibration page."""

from __future__ import annotations

import streamlit as st

from compassign.errors import InputError
from compassign.queries.audits import Audit, read_audits
from compassign.queries.run_folder import Run
from pages.shared.text import complain

ABOUT = "The run is repeated in a way that shows false acceptances; no audit looks at the truth. Intervals are 95 %."
COLUMNS = {
    "limit": st.column_config.TextColumn("Limit", width=60, help="On the expected share of false assignments."),
    "targets": st.column_config.TextColumn("Compounds", width=90, help="Accepted peaks that a compound explains."),
    "entries": st.column_config.TextColumn("Entries", width=130, help="Accepted as an entry: false for certain."),
    "at_least": st.column_config.TextColumn("False, at least", width=165, help="Share of entries among the accepted."),
    "at_most": st.column_config.TextColumn(
        "False, at most",
        width=165,
        help="As many false compounds counted as there are entries, candidate for candidate.",
    ),
    "finding": st.column_config.TextColumn("The limit is", width=240),
    "accepted": st.column_config.TextColumn("Accepted", width=110, help="Peaks of withheld compounds: all are false."),
    "share": st.column_config.TextColumn("Share", width=165),
    "others": st.column_config.TextColumn("Of all other peaks", width=120, help="To compare with."),
}


def show_audits(run: Run) -> None:
    """Show both audits, or the command that makes them."""
    st.subheader("Audit", help=ABOUT)
    try:
        audits = read_audits(run.path, run.run_id)
    except InputError as error:
        complain("The audits of this run cannot be read.", str(error))
        return
    for audit in audits:
        _show_audit(audit)


def _show_audit(audit: Audit) -> None:
    if not len(audit.table):
        st.caption(f"No {audit.design} audit yet. This command makes it; it takes as long as the run or longer:")
        st.code(audit.command, language=None, wrap_lines=True)
        return
    st.caption(audit.about)
    if audit.caution:
        st.warning(f"Not all fits converged ({audit.caution}): read the numbers with that in mind.")
    st.dataframe(
        audit.table,
        height="content",
        hide_index=True,
        column_config={name: COLUMNS[name] for name in audit.table.columns},
        alt=f"Audit by {audit.design}",
    )
