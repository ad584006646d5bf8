"""What answers change at the Label page: which fit is shown, and whose call moved."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from datetime import datetime
from zoneinfo import ZoneInfo

import streamlit as st

from compassign.errors import InputError, StoreError
from compassign.label_events import LabelEvent, audit_draw
from compassign.queries.labels import Desk
from compassign.queries.provisional import Update, call_now, moved_calls, updated
from compassign.queries.run_folder import Run
from compassign.refits import Refit, can_refit, keep_refitting, read_refit
from pages.shared.current_run import output_folder
from pages.shared.text import COLUMNS, complain, escaped

POLL_S = 1.0
_MOVED = {
    "peak_id": COLUMNS["peak_id"],
    "before": st.column_config.TextColumn("The run said"),
    "probability_before": COLUMNS["probability"],
    "now": st.column_config.TextColumn("Now"),
    "probability_now": COLUMNS["probability"],
}


def newest_refit(run: Run) -> Refit | None:
    """The newest refit of a run with the answers since."""
    return read_refit(output_folder(), run.run_id)


def learn_beside(run: Run, refit: Refit | None, events: list[LabelEvent]) -> None:
    """Let a process of its own fit the run again whenever answers have come; returns at once."""
    is_stuck = refit is not None and refit.problem and refit.last_event == (events[-1].id if events else 0)
    if can_refit(run.record.config) and not is_stuck:
        keep_refitting(output_folder(), run.run_id)


def describe(update: Update | None) -> str:
    """Which numbers are shown, in one or two sentences."""
    if update is None:
        return "No answers since the run yet."
    base = "the run" if update.refit is None else f"the refit of {_clock(update.refit.at)}"
    if update.n_weighed:
        told = (
            f"Provisional, weighed draws: {_answers(update.n_weighed)} weighed into {base} (k-hat {update.khat:.2f})."
        )
    elif update.refit is not None:
        told = f"Refit with {_answers(update.n_learned)} of {_clock(update.refit.at)}."
        if update.refit.n_untaught:
            told += f" Retention times have not learned from {_answers(update.refit.n_untaught)} yet."
    else:
        told = "The run, without the answers since."
    return f"{told} Not in it yet: {_answers(update.n_waiting)}." if update.n_waiting else told


def _answers(n: int) -> str:
    return f"{n} answer{'s' if n != 1 else ''}"


def _clock(at: datetime) -> str:
    """The time of day where the browser is."""
    return f"{at.astimezone(ZoneInfo(st.context.timezone or 'UTC')):%H:%M:%S}"


def show_effect(run: Run, desk: Desk, hidden: Collection[str]) -> None:
    """What the answers since the run change; hidden : peaks about which the run's answer is not to be seen."""
    st.subheader("What your answers change", anchor=False)
    if can_refit(run.record.config):
        _follow_effect(run, desk, hidden)
    else:
        st.caption("Nothing before a new run: a look-up and a prior learn nothing from answers.")


@st.fragment(run_every=POLL_S)  # a refit ends while nobody presses a key
def _follow_effect(run: Run, desk: Desk, hidden: Collection[str]) -> None:
    refit = newest_refit(run)
    if refit is not None and refit.problem:
        complain("The model could not be fitted again.", refit.problem)
    try:
        events = desk.events()
        update = updated(run, refit, events)
    except (InputError, StoreError) as error:
        complain("This run cannot tell what the answers change.", str(error))
        return
    st.text(describe(update))
    if update is not None:
        _show_moved(run, update, events, hidden)
        st.page_link("pages/new_run.py", label="Learn from the labels in a new run", icon=":material/rocket_launch:")


def _show_moved(run: Run, update: Update, events: list[LabelEvent], hidden: Collection[str]) -> None:
    if update.refit is not None and update.refit.verdict not in ("", "converged"):
        st.caption("The refit is a short one and has not converged: read its numbers with that in mind.")
    if update.n_left_out:
        st.caption(f"Only a fit learns from {_answers(update.n_left_out)} that name no candidate.")
    if update.n_waiting and update.khat is not None:
        st.caption(f"The newest say too much that is new to be weighed in (k-hat {update.khat:.2f}).")
    moved = moved_calls(run, update, events, {*hidden, *audit_draw(events)})
    if not len(moved):
        st.text("No other peak has another call now.")
        return
    st.caption(f"{len(moved)} other peaks have another call now. Those that you are to answer blindly are left out.")
    st.dataframe(moved, hide_index=True, column_config=_MOVED, placeholder="null", alt="Peaks whose call moved")


def show_call_now(run: Run, refit: Refit | None, events: list[LabelEvent], peak_id: str) -> None:
    """What the answers so far make of the peak that is asked about; nothing where that cannot be told."""
    call = None
    with suppress(InputError):  # `show_effect` says why
        update = updated(run, refit, events) if can_refit(run.record.config) else None
        call = None if update is None else call_now(run, update, peak_id)
    if call is not None:
        st.caption(f"With the answers so far: {escaped(call[0]) or 'null'}, {call[1]:.3f}. The table is the run's.")
