"""Label: one peak after the other, answered with one key."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, replace

import streamlit as st

from compassign.errors import StoreError
from compassign.label_events import LabelEvent
from compassign.queries.detail import PeakDetail, peak_detail
from compassign.queries.label_desk import DEFAULT_ORDER, ORDERS, ask, blind_candidates, hidden_peaks, label_queue
from compassign.queries.labels import Desk, history, next_peak, progress
from compassign.queries.run_folder import Run
from compassign.refits import Refit
from pages.shared.answers import ASKED, Pad, ask_about, asked_now, show_pad, show_refusal, undo_last
from pages.shared.audit_desk import AUDIT, show_audit
from pages.shared.current_run import choose_run
from pages.shared.desk import open_run_desk
from pages.shared.effect import learn_beside, newest_refit, show_call_now, show_effect
from pages.shared.guard import NAME_KEY, annotator, ask_name, begin, recall_name
from pages.shared.learning import show_learning
from pages.shared.measured import show_measured
from pages.shared.peak import CANDIDATE, show_evidence
from pages.shared.selection import row_ids
from pages.shared.stopping import show_stopping
from pages.shared.text import COLUMNS, DOT, NOTHING, complain, escaped

N_HISTORY = 8
_S_PER_HOUR = 3600.0
BLIND_COLUMNS = ("name", "adduct", "formula", "ppm_error", "rt_z", "mz_theoretical")
BLIND, BLIND_AUDIT = "to see how much it leads you", "so that the audit is not led by what it is to judge"
WHY = {**ORDERS, AUDIT: "the order of the audit's draw (probability to be drawn)"}
_HISTORY = {
    "peak_id": COLUMNS["peak_id"],
    "answer": st.column_config.TextColumn("Answer"),
    "note": st.column_config.TextColumn("Note"),
    "is_undone": st.column_config.CheckboxColumn("Taken back"),
    "at": st.column_config.DatetimeColumn("Time", format="HH:mm:ss"),
}


@dataclass(frozen=True)
class Asking:
    """What a question is asked from; who : name, and whether an account proves it. refit : the newest one.

    inclusion_prob : of the draw, where the question is one of the audit.
    """

    run: Run
    desk: Desk
    who: tuple[str, bool]
    refit: Refit | None
    events: list[LabelEvent]
    inclusion_prob: float | None


@st.fragment  # a key draws the desk anew, not the page around it
def _show_desk(run: Run, desk: Desk, who: tuple[str, bool], order: str) -> None:
    """The peak that is next, its evidence and the keys, and what was said before."""
    show_refusal()
    refit = newest_refit(run)
    try:
        events = desk.events()
        queue = show_audit(run, desk) if order == AUDIT else label_queue(run, desk, order, refit, events)
        ids = list(queue)
        peak_id = next_peak(desk, ids, who[0])
    except StoreError as error:
        complain("The labels cannot be read now.", str(error))
        st.button("Try again")
        return
    if order == AUDIT and not ids:
        return  # before a draw
    learn_beside(run, refit, events)
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
        why = f"{ids.index(peak_id) + 1} of {len(ids)} by {WHY[order]}: {queue[peak_id]:.2f}"
        inclusion_prob = queue[peak_id] if order == AUDIT else None
        _show_question(Asking(run, desk, who, refit, events, inclusion_prob), peak_id, why)
    said = history(events, who[0], N_HISTORY, desk.names)
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


def _show_question(asking: Asking, peak_id: str, why: str) -> None:
    before = st.session_state.get(ASKED)
    asked = asked_now(asking.who[0], asking.run.run_id, peak_id)
    if asked is not before:
        st.query_params.pop(CANDIDATE, None)  # of the peak before
    detail = peak_detail(asking.run, peak_id)
    question = ask(detail, asking.who[0], asked.client_key, asking.inclusion_prob)
    heading = st.container()
    pad = Pad(asking.desk, asking.run, question, asking.who, asked.since_s)
    show_pad(pad)
    with heading:  # after the keys, so that they answer the peak that is named
        _show_heading(detail, why)
    if question.is_prelabel_visible:
        show_call_now(asking.run, asking.refit, asking.events, peak_id)
        show_evidence(asking.run, peak_id, detail)
    else:
        _show_blind(asking.run, detail, BLIND if asking.inclusion_prob is None else BLIND_AUDIT)
    ask_about(pad)


def _show_heading(detail: PeakDetail, why: str) -> None:
    peak = detail.peak
    st.subheader(f"Peak {escaped(str(peak['peak_id']))}", anchor=False)
    about = [f"m/z {peak['mz']:.4f}", f"{peak['rt_min']:.2f} min", f"intensity {peak['intensity']:.3g}"]
    st.text(DOT.join([*about, f"species {peak['species']}"]))
    st.caption(f"Why this peak: {why}")


def _show_blind(run: Run, detail: PeakDetail, why: str) -> None:
    """The candidates by name, and what was measured of the peak against the one that is selected."""
    st.caption(
        f"What the run says of this peak is hidden, {why}. Candidates by name; select one to compare it with what "
        "was measured beside m/z and RT, if anything was."
    )
    shown = blind_candidates(detail)
    state = st.dataframe(
        shown,
        key=f"blind {detail.peak['peak_id']}",
        on_select="rerun",
        selection_mode="single-row",
        hide_index=True,
        column_order=BLIND_COLUMNS,
        column_config=COLUMNS,
        placeholder=NOTHING,
        alt="Candidates",
    )
    rows = row_ids(state, [str(row) for row in range(len(shown))])
    show_measured(run, replace(detail, candidates=shown), int(rows[0]) if rows else 0)


def show() -> None:
    """Show the page."""
    recall_name()
    begin("Label")
    run, _ = choose_run("Label", "The peaks whose answer would teach most; one key answers and asks the next.")
    who = annotator()
    if not who[0]:
        ask_name("it stands beside every answer")
        return
    if not who[1]:
        st.query_params[NAME_KEY] = who[0]
    order = st.segmented_control(
        "Ask first",
        list(WHY),
        default=DEFAULT_ORDER,
        required=True,
        key="order_of_asking",
        bind="query-params",
        format_func=lambda order: order.replace("_", " "),
    )
    desk = open_run_desk(run)
    _show_desk(run, desk, who, order or DEFAULT_ORDER)
    show_stopping(run, desk, DEFAULT_ORDER if order in (None, AUDIT) else order)
    show_effect(run, desk, hidden_peaks(run, desk, who[0]))
    show_learning(run)


show()
