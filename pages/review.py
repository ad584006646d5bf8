"""Review: what annotators disagree about, settled by one of them, and how far they agree."""

from __future__ import annotations

import uuid
from functools import partial

import streamlit as st

from compassign.errors import InputError, StoreError
from compassign.label_events import LabelEvent
from compassign.queries.labels import Desk, answer_text
from compassign.queries.review import Review, answers_about, reliabilities, review, settle
from compassign.queries.run_folder import Run
from pages.shared.current_run import choose_run
from pages.shared.desk import open_run_desk
from pages.shared.guard import annotator, ask_name, begin, recall_name
from pages.shared.text import COLUMNS, NOTHING, complain, escaped

_REFUSED = "review_refused"
_COLUMNS = {
    "peak_id": COLUMNS["peak_id"],
    "annotator": st.column_config.TextColumn("Annotator"),
    "answer": st.column_config.TextColumn("Answer"),
    "note": st.column_config.TextColumn("Note"),
    "was_shown": st.column_config.CheckboxColumn("Run was shown", help="Whether the run's answer was on the screen."),
    "one": st.column_config.TextColumn("One"),
    "other": st.column_config.TextColumn("Other"),
    "n_both": st.column_config.NumberColumn("Peaks of both"),
    "share_equal": st.column_config.NumberColumn("Equal answers", format="percent"),
    "kappa": st.column_config.NumberColumn("Kappa", format="%.2f", help="1 = always equal, 0 = as by chance."),
    "n_settled": st.column_config.NumberColumn("Settled peaks"),
    "share_upheld": st.column_config.NumberColumn("Upheld", format="percent"),
    "n_peaks": st.column_config.NumberColumn("Peaks"),
    "n_shared": st.column_config.NumberColumn("Shared", help="Somebody else answered or settled them too."),
    "reliability": st.column_config.NumberColumn("Right with", format="%.2f", help="Probability of a true answer."),
    "hdi_low": st.column_config.NumberColumn("From", format="%.2f", help="Start of the 94 % interval."),
    "hdi_high": st.column_config.NumberColumn("To", format="%.2f", help="End of the 94 % interval."),
    "basis": st.column_config.TextColumn("Basis", help="Learned from shared peaks, or assumed."),
}


def _settle(desk: Desk, said: LabelEvent, who: tuple[str, bool], client_key: str) -> None:
    try:
        settle(desk, said, who, client_key)
    except (InputError, StoreError) as error:
        st.session_state[_REFUSED] = str(error)


def _show_disagreements(
    desk: Desk, run_id: str, events: list[LabelEvent], found: Review, who: tuple[str, bool]
) -> None:
    """Every peak without a common answer, and the keys that settle one."""
    st.subheader("To be settled", anchor=False)
    if not len(found.disagreements):
        st.success("Nobody disagrees about a peak that is not settled.", icon=":material/handshake:")
        return
    st.dataframe(found.disagreements, hide_index=True, column_config=_COLUMNS, alt="Disagreements")
    peak_id = st.selectbox("Peak", found.disagreements["peak_id"].unique().tolist(), key="settled_peak")
    st.page_link(
        "pages/peaks.py",
        label="Look at its evidence",
        icon=":material/query_stats:",
        query_params={"run": run_id, "peak": peak_id},
    )
    if not who[0]:
        ask_name("it stands beside what you settle")
        return
    st.caption("What is right? The answer that you choose counts alone, whatever else was said of the peak.")
    with st.container(horizontal=True):
        for said in answers_about(events, peak_id):
            act = partial(_settle, desk, said, who, uuid.uuid4().hex)
            st.button(escaped(answer_text(said, desk.names)), key=f"settle {said.id}", on_click=act)


def _show_agreement(found: Review) -> None:
    st.subheader("Agreement", anchor=False)
    if not len(found.pairs):
        st.info("No peak has answers of two people yet. A tenth of the peaks goes to a second one by itself.")
        return
    alpha = NOTHING if found.alpha is None else f"{found.alpha:.2f}"
    st.metric("Krippendorff's alpha", alpha, help="1 = all agree, 0 = as by chance; over all who answered.")
    st.dataframe(found.pairs, hide_index=True, column_config=_COLUMNS, placeholder=NOTHING, alt="Agreement of pairs")
    if len(found.settled):
        st.caption("How often what was settled upheld whose answer")
        st.dataframe(found.settled, hide_index=True, column_config=_COLUMNS, alt="Answers upheld")


def _show_reliability(run: Run) -> None:
    st.subheader("Reliability", anchor=False)
    try:
        found = reliabilities(run)
    except InputError as error:
        complain("The reliabilities cannot be read.", str(error))
        return
    if not len(found):
        st.info("This run was given no answers. A new run learns from those that are here now.")
        return
    st.caption("What this run learned from peaks that several answered. Who shares none is taken to be right.")
    st.dataframe(found, hide_index=True, column_config=_COLUMNS, placeholder=NOTHING, alt="Reliability of annotators")


def show() -> None:
    """Show the page."""
    recall_name()
    begin("Review")
    run, _ = choose_run("Review", "What people said differently about the peaks of this run's dataset.")
    desk = open_run_desk(run)
    refused = st.session_state.pop(_REFUSED, None)
    if refused:
        complain("Nothing was stored.", refused)
    try:
        events = desk.events()
    except StoreError as error:
        complain("The labels cannot be read now.", str(error))
        return
    found = review(events, desk.names)
    _show_disagreements(desk, run.run_id, events, found, annotator())
    _show_agreement(found)
    _show_reliability(run)


show()
