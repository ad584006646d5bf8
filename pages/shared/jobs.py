"""Runs that are not over: the list that knows them, how far they are, and whether anybody computes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import streamlit as st

from compassign.jobs.watcher import is_watched, start_watcher
from compassign.queries.jobs import LiveRun, RunEntry, live_run
from compassign.store.records import RunRow, Status
from compassign.store.runs import RunStore
from pages.shared.current_run import open_store, output_folder
from pages.shared.text import DOT, escaped

POLL_S = 1.0
SILENT_S = 5.0  # a run tells where it is once a second
_Colour = Literal["blue", "green", "orange", "red", "gray"]
STATUS: Mapping[Status, tuple[str, str, _Colour]] = {
    "queued": ("Queued", ":material/schedule:", "gray"),
    "running": ("Running", ":material/play_arrow:", "blue"),
    "done": ("Done", ":material/check:", "green"),
    "failed": ("Failed", ":material/error:", "red"),
    "cancelled": ("Cancelled", ":material/block:", "gray"),
}


def show_status(status: Status) -> None:
    """A badge for where a run is in its life."""
    label, icon, colour = STATUS[status]
    st.badge(label, icon=icon, color=colour)


def cancel_run(run_id: str) -> None:
    """Ask a run to stop; the folder's watcher sees to it that it does."""
    open_store().request_cancel(run_id)


def follow(store: RunStore, drawn: Mapping[str, Status]) -> dict[str, RunRow]:
    """The runs that the page was drawn with, as they are now; draws the whole page again if one has moved on."""
    rows = {run_id: store.get(run_id) for run_id in drawn}
    if any(row.status != drawn[run_id] for run_id, row in rows.items()):
        st.rerun()
    return rows


def show_progress(row: RunRow, position: int | None) -> None:
    """How far one run is, in one bar; position : in the queue."""
    if row.status == "queued":
        st.progress(0.0, f"Queued: place {position or 1}")
        return
    live = live_run(row)
    st.progress(live.share, escaped(_where(live)))


def _where(live: LiveRun) -> str:
    """What a run is doing, in a line."""
    if live.is_cancelling:
        return "Stopping: it is asked to; if it does not listen, its process is ended within seconds"
    eta = "" if live.eta_s is None else f"about {live.eta_s:.0f} s of this stage left"
    silent = f"no sign of life for {live.silent_s:.0f} s" if live.silent_s > SILENT_S else ""
    return DOT.join(filter(None, [live.stage or "starting", eta or live.detail, silent])).capitalize()


def show_whether_watched(entries: list[RunEntry]) -> None:
    """Where runs wait and nothing computes them, say so and offer to change that."""
    if any(entry.is_active for entry in entries) and not is_watched(output_folder()):
        st.warning(
            "Nothing watches these runs: queued ones do not start, and one that dies is not noticed.",
            icon=":material/pause_circle:",
        )
        st.button("Start computing", on_click=start_watcher, args=[output_folder()], type="primary")
