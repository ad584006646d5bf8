"""The audit at the desk: its draw, and how far it is."""

from __future__ import annotations

import streamlit as st

from compassign.errors import InputError, StoreError
from compassign.label_events import LabelEvent
from compassign.queries.audit_desk import draw_audit, n_open_to_draw, read_audit
from compassign.queries.labels import Desk
from compassign.queries.run_folder import Run
from pages.shared.audit_labels import N_TO_DRAW
from pages.shared.text import complain

AUDIT = "audit"  # the order of asking that is none: the peaks of the audit as they were drawn


def show_audit(run: Run, desk: Desk) -> dict[str, float]:
    """What the audit says so far; before there is one, how to draw it.

    Returns the peaks to be answered in their order: peak_id -> probability of the draw. Raises StoreError if the store
    cannot be used.
    """
    events = desk.events()
    audit = read_audit(run, desk, events)
    if not audit.inclusion_prob:
        _offer_draw(run, desk, events)
        return {}
    st.caption(
        f"An audit of {len(audit.inclusion_prob):,} peaks, half drawn from all, half from what the run accepts. No run "
        "learns from the answers. Those given so far are a random sample too."
    )
    if audit.level is not None:
        with st.expander("What the audit says so far"):
            st.text(audit.level.sentence)
            st.caption("Look when you are done: between two answers it tells whether the run agreed with the last one.")
    return audit.queue


def _offer_draw(run: Run, desk: Desk, events: list[LabelEvent]) -> None:
    n_open, n_asked = n_open_to_draw(run, desk, events)
    st.text("Peaks drawn at random, answered without what the run says, tell how many of its accepted peaks are false.")
    lost = f", {n_asked:,} no more, because somebody was asked about them" if n_asked else ""
    st.caption(f"{n_open:,} peaks can be drawn{lost}.")
    if n_open:
        n = st.number_input(
            "Peaks to draw",
            min_value=1,
            value=N_TO_DRAW,  # the same however many can be drawn, or what is typed is lost when that changes
            width=200,
            help="They are answered in the order of the draw, so that you may stop early; a draw cannot be enlarged.",
        )
        if st.button("Draw the audit", type="primary"):
            _draw(run, desk, n)


def _draw(run: Run, desk: Desk, n: int) -> None:
    try:
        draw_audit(run, desk, n)
    except (InputError, StoreError) as error:
        complain("Nothing was drawn.", str(error))
        return
    st.rerun()  # the whole page: what else it shows is not to tell anything about these peaks
