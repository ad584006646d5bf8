"""Whether more labels are worth it: a sentence on the Label page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import streamlit as st

from compassign.errors import InputError, StoreError
from compassign.label_events import LabelEvent, audit_draw
from compassign.queries.audit_desk import read_audit
from compassign.queries.label_desk import label_queue
from compassign.queries.labels import Desk
from compassign.queries.run_folder import Run
from compassign.queries.stopping import n_batches_done, outlook, stopping_advice
from compassign.refits import Refit
from pages.shared.current_run import changed_ns
from pages.shared.effect import newest_refit

POLL_S = 5.0


@st.cache_resource(max_entries=8, show_spinner=False)
def _outlook(
    _run: Run, _refit: Refit | None, _desk: Desk, _events: list[LabelEvent], order: str, of: tuple[Path, int, str, int]
) -> Any:
    """Worked out once for each batch; of : the run, when it was written, the dataset, and how many batches are done."""
    del of
    return outlook(_run, _refit, list(label_queue(_run, _desk, order, _refit, audit_draw(_events))), _events)


@st.fragment(run_every=POLL_S)  # answers come while the page around the desk stays as it is
def show_stopping(run: Run, desk: Desk, order: str) -> None:
    """Say how many more batches may be worth it, or that the time to stop has come."""
    try:
        events = desk.events()
        of = (run.path, changed_ns(run.path), desk.key, n_batches_done(events))
        advice = stopping_advice(
            run, _outlook(run, newest_refit(run), desk, events, order, of), read_audit(run, desk, events), events
        )
    except (InputError, StoreError):
        return  # without draws or store nobody can tell, and the desk and `show_effect` say why
    if advice.is_stop:
        st.success(advice.sentence, icon=":material/done_all:")
    else:
        st.text(advice.sentence)
