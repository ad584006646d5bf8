"""Label: one peak after the other, answered with one key."""

from __future__ import annotations

import uuid

import streamlit as st

from compassign.errors import InputError, StoreError
from compassign.queries.detail import PeakDetail, peak_detail
from compassign.queries.label_desk import ORDERS, ask, blind_candidates, label_queue
from compassign.queries.labels import Desk, history, next_peak, progress
from compassign.queries.provisional import provisional_calls
from compassign.queries.run_folder import Run
from pages.shared.answers import ASKED, Pad, ask_about, asked_now, show_pad, show_refusal, undo_last
from pages.shared.current_run import choose_run
from pages.shared.desk import open_run_desk
from pages.shared.guard import annotator, begin, recall_name
from pages.shared.peak import CANDIDATE, show_evidence
from pages.shared.text import COLUMNS, DOT, NOTHING, complain, escaped

_NAME = "as"  # of the link: who labels, so that a page that is loaded anew goes on
N_HISTORY = 8
_S_PER_HOUR = 3600.0
BLIND_COLUMNS = ("name", "adduct", "formula", "ppm_error", "rt_z", "mz_theoretical")
_HISTORY = {
    "peak_id": COLUMNS["peak_id"],
    "answer": st.column_config.TextColumn("Answer"),
    "note": st.column_config.TextColumn("Note"),
    "is_undone": st.column_config.CheckboxColumn("Taken back"),
    "at": st.column_config.DatetimeColumn("Time", format="HH:mm:ss"),
}


@st.fragment  # a key draws the desk anew, not the page around it
def _show_desk(run: Run, desk: Desk, who: tuple[str, bool], order: str) -> None:
    """The peak that is next, its evidence and the keys, and what was said before."""
    show_refusal()
    queue = label_queue(run, desk, order)
    ids = list(queue)
    try:
        peak_id = next_peak(desk, ids, who[0])
        events = desk.events()
    except StoreError as error:
        complain("The labels cannot be read now.", str(error))
        st.button("Try again")
        return
    done = progress(events, ids, who[0])
    pace = f"{done.pace_s:.1f} s a peak, {_S_PER_HOUR / max(done.pace_s, 0.1):.0f} an hour" if done.pace_s else ""
    st.caption(
        DOT.join(
            filter(None, [f"{done.n_own} answered by you", f"{done.n_decided} decided", f"{done.n_left} left", pace])
        )
    )
    if peak_id is None:
        _show_end(desk, who, done.n_left)
    else:
        _show_question(
            run, desk, who, peak_id, f"{ids.index(peak_id) + 1} of {len(ids)} by {ORDERS[order]}: {queue[peak_id]:.2f}"
        )
    said = history(events, who[0], N_HISTORY)
    if len(said):
        st.caption("What you said last, the newest first")
        st.dataframe(
            said, hide_index=True, column_order=list(_HISTORY), column_config=_HISTORY, alt="Your last answers"
        )


def _show_end(desk: Desk, who: tuple[str, bool], n_left: int) -> None:
    if n_left:
        st.info(
            "Others hold the peaks that are left. They are free again within five minutes.", icon=":material/group:"
        )
        st.button("Look again")
    else:
        st.success("There is no peak left to ask you about.", icon=":material/done_all:")
        st.page_link("pages/new_run.py", label="Learn from the labels in a new run", icon=":material/rocket_launch:")
    st.button("Undo", shortcut="Z", on_click=undo_last, args=[desk, who, uuid.uuid4().hex])


def _show_question(run: Run, desk: Desk, who: tuple[str, bool], peak_id: str, why: str) -> None:
    before = st.session_state.get(ASKED)
    asked = asked_now(who[0], run.run_id, peak_id)
    if asked is not before:
        st.query_params.pop(CANDIDATE, None)  # of the peak before
    detail = peak_detail(run, peak_id)
    question = ask(detail, who[0], asked.client_key)
    heading = st.container()
    pad = Pad(desk, run, question, who, asked.since_s)
    show_pad(pad)
    with heading:  # after the keys, so that they answer the peak that is named
        _show_heading(detail, why)
    if question.is_prelabel_visible:
        show_evidence(peak_id, detail)
    else:
        _show_blind(detail)
    ask_about(pad)


def _show_heading(detail: PeakDetail, why: str) -> None:
    peak = detail.peak
    st.subheader(f"Peak {escaped(str(peak['peak_id']))}", anchor=False)
    about = [f"m/z {peak['mz']:.4f}", f"{peak['rt_min']:.2f} min", f"intensity {peak['intensity']:.3g}"]
    st.text(DOT.join([*about, f"species {peak['species']}"]))
    st.caption(f"Why this peak: {why}")


def _show_effect(run: Run, desk: Desk) -> None:
    """What the answers since the run change, as far as its draws can tell; a new run says it in full."""
    try:
        found = provisional_calls(run, desk.events())
    except (InputError, StoreError) as error:
        complain("This run cannot tell what the answers change.", str(error))
        return
    st.caption(f"Provisional: {found.n_labels} answers since the run, weighed into its draws; no new fit.")
    if found.n_left_out:
        st.caption(f"{found.n_left_out} answers name a compound that is no candidate: only a new run learns from them.")
    if found.moved is None:
        st.warning(f"The answers say too much that is new for that (k-hat {found.khat:.2f}, limit 0.7): start a run.")
    elif not len(found.moved):
        st.text("No other peak has another call now.")
    else:
        st.dataframe(found.moved, hide_index=True, column_config=COLUMNS, alt="Peaks whose call moved")
    st.page_link("pages/new_run.py", label="Learn from the labels in a new run", icon=":material/rocket_launch:")


def _show_blind(detail: PeakDetail) -> None:
    st.caption("What the run says of this peak is hidden, to see how much it leads you. Candidates by name.")
    st.dataframe(
        blind_candidates(detail),
        hide_index=True,
        column_order=BLIND_COLUMNS,
        column_config=COLUMNS,
        placeholder=NOTHING,
        alt="Candidates",
    )


def show() -> None:
    """Show the page."""
    if _NAME in st.query_params:
        recall_name(st.query_params[_NAME])
    begin("Label")
    run, _ = choose_run("Label", "The peaks whose answer would teach most; one key answers and asks the next.")
    who = annotator()
    if not who[0]:
        st.info("Type your name in the sidebar first: it stands beside every answer.", icon=":material/badge:")
        return
    if not who[1]:
        st.query_params[_NAME] = who[0]
    order = st.segmented_control(
        "Ask first", list(ORDERS), default="entropy", required=True, key="order_of_asking", bind="query-params"
    )
    desk = open_run_desk(run)
    _show_desk(run, desk, who, order or "entropy")
    with st.expander("What your answers change"):
        if st.button("Work it out"):
            _show_effect(run, desk)


show()
