"""Whether more labels are worth it: a sentence on the Label page."""

from __future__ import annotations

from concurrent.futures import wait
from pathlib import Path
from typing import Any

import streamlit as st

from compassign.errors import InputError, StoreError
from compassign.label_events import LabelEvent
from compassign.queries.audit_desk import read_audit
from compassign.queries.label_desk import label_queue
from compassign.queries.labels import Desk
from compassign.queries.run_folder import Run
from compassign.queries.stopping import n_batches_done, outlook_beside, stopping_advice
from compassign.refits import Refit
from pages.shared.current_run import changed_ns
from pages.shared.effect import newest_refit

POLL_S = 5.0
WAIT_S = 0.1  # for what takes no longer, so that few peaks need no second look
_ADVICE = "advice of "  # key of what was said last, by run and order


@st.cache_resource(max_entries=8, show_spinner=False)
def _outlook(
    _run: Run, _refit: Refit | None, _desk: Desk, _events: list[LabelEvent], order: str, of: tuple[Path, int, str, int]
) -> Any:
    """Begun once for each batch; of : the run, when it was written, the dataset, and how many batches are done."""
    del of
    return outlook_beside(_run, _refit, list(label_queue(_run, _desk, order, _refit, _events)), _events)


@st.fragment(run_every=POLL_S)  # answers come while the page around the desk stays as it is
def show_stopping(run: Run, desk: Desk, order: str) -> None:
    """Say how many more batches may be worth it, or that the time to stop has come."""
    said = f"{_ADVICE}{run.run_id} {order}"
    try:
        events = desk.events()
        of = (run.path, changed_ns(run.path), desk.key, n_batches_done(events))
        ahead = _outlook(run, newest_refit(run), desk, events, order, of)
        if wait([ahead], WAIT_S).done:
            st.session_state[said] = stopping_advice(run, ahead.result(), read_audit(run, desk, events), events)
    except (InputError, StoreError):
        return  # without draws or store nobody can tell, and the desk and `show_effect` say why
    advice = st.session_state.get(said)
    if advice is None:
        st.caption("Working out what more labels are worth ...")
        return
    if advice.is_stop:
        st.success(advice.sentence, icon=":material/done_all:")
    else:
        st.text(advice.sentence)
