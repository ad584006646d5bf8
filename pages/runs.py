"""Runs: all of them, how far each is, and what can be done with it."""

from __future__ import annotations

from datetime import UTC
from functools import partial

import streamlit as st

from compassign.queries.jobs import RunEntry, artifact_table, list_entries, live_run, log_tail, run_table
from compassign.store.runs import RunStore
from pages.shared.current_run import open_store, output_folder, show_verdict
from pages.shared.guard import begin
from pages.shared.jobs import (
    POLL_S,
    STATUS,
    cancel_run,
    follow,
    show_progress,
    show_status,
    show_whether_watched,
)
from pages.shared.run_actions import show_actions
from pages.shared.selection import row_ids
from pages.shared.text import DOT, NOTHING, complain, escaped

TABLE_PX, LOG_PX, METRIC_PX = 320, 260, 152  # two numbers beside each other on a phone
N_WHOLE = 8  # rows of a table that is shown without scrolling
LOG_LINES = 60
TABLE = ("status", "verdict", "title", "dataset", "model", "n_accepted", "precision", "duration_s", "started")
LOOK = {
    "title": st.column_config.TextColumn("Run", width="medium"),
    "status": st.column_config.TextColumn("Status", width=80),
    "verdict": st.column_config.TextColumn("Verdict", width=100, help="Whether the sampler converged."),
    "dataset": st.column_config.TextColumn("Dataset"),
    "model": st.column_config.TextColumn("Model", width=90),
    "n_accepted": st.column_config.NumberColumn("Accepted", format="%d", help="Peaks accepted at the run's limit."),
    "precision": st.column_config.NumberColumn(
        "Precision", format="%.3f", help="Share of the compound calls that are right, where answers are known."
    ),
    "duration_s": st.column_config.NumberColumn("Duration, s", format="%.0f"),
    "started": st.column_config.DatetimeColumn("Started, UTC", format="YYYY-MM-DD HH:mm", timezone="UTC"),
    "stale": st.column_config.CheckboxColumn("Stale", help="Its dataset or labels have changed since."),
    "file": st.column_config.TextColumn("File"),
    "about": st.column_config.TextColumn("What it is", width="large"),
    "bytes": st.column_config.NumberColumn("Size", format="bytes"),
    "chain": st.column_config.NumberColumn("Chain", format="%d"),
    "phase": st.column_config.TextColumn("Phase"),
    "draw": st.column_config.NumberColumn("Draw", format="%d", help="Tuning included."),
    "n_draws": st.column_config.NumberColumn("Of", format="%d"),
    "share": st.column_config.ProgressColumn("Done", format="percent", min_value=0.0, max_value=1.0),
    "n_divergences": st.column_config.NumberColumn("Divergences", format="%d", help="After tuning; 0 is best."),
    "step_size": st.column_config.NumberColumn("Step size", format="%.3g"),
}
VIEWS = (
    ("pages/peaks.py", "Peaks"),
    ("pages/calibration.py", "Calibration"),
    ("pages/diagnostics.py", "Diagnostics"),
    ("pages/compare.py", "Compare"),
)


def _chosen(entries: list[RunEntry]) -> list[RunEntry]:
    """The runs that the filter leaves."""
    statuses, archived = st.columns([4, 1], vertical_alignment="bottom")
    wanted = statuses.pills(
        "Status",
        list(STATUS),
        format_func=lambda status: STATUS[status][0],
        selection_mode="multi",
        key="status",
        bind="query-params",
    )
    is_archived = archived.toggle("Archived", key="archived", bind="query-params", help="Runs that were put away.")
    return [entry for entry in entries if entry.is_archived == is_archived and (not wanted or entry.status in wanted)]


def _row_picked(key: str, ids: list[str]) -> None:
    picked = row_ids(st.session_state[key], ids)
    if picked:
        st.query_params["run"] = picked[0]
    else:
        st.query_params.pop("run", None)


def _show_table(entries: list[RunEntry]) -> None:
    ids = [entry.run_id for entry in entries]
    key = f"runs {hash(tuple(ids))}"
    asked = st.query_params.get("run")
    table = run_table(entries)
    st.dataframe(
        table,
        height="content" if len(ids) <= N_WHOLE else TABLE_PX,
        hide_index=True,
        column_order=(*TABLE, *(["stale"] if table["stale"].any() else [])),
        column_config=LOOK,
        placeholder=NOTHING,
        key=key,
        on_select=partial(_row_picked, key, ids),
        selection_mode="single-row",
        selection_default={"selection": {"rows": [ids.index(asked)]}} if asked in ids else None,
        alt="Runs",
    )


def _watch(store: RunStore, entries: list[RunEntry], chosen: RunEntry | None) -> None:
    """What is not over, drawn again every second."""
    active = {entry.run_id: entry for entry in entries if entry.is_active}
    rows = follow(store, {run_id: entry.status for run_id, entry in active.items()})
    if chosen is None or chosen.run_id not in rows:
        for run_id, row in rows.items():
            st.text(row.title)
            show_progress(row, active[run_id].position)
        return
    row = rows[chosen.run_id]
    show_progress(row, chosen.position)
    chains = live_run(row).chains
    if len(chains):
        st.dataframe(chains, hide_index=True, column_config=LOOK, alt="Chains")
    st.button(
        "Cancel this run",
        icon=":material/cancel:",
        on_click=cancel_run,
        args=[row.id],
        disabled=row.cancel_requested,
        key="cancel",
    )
    _show_log(chosen)


def _show_log(entry: RunEntry) -> None:
    log = log_tail(entry.path, LOG_LINES)
    if log:
        st.caption("The last lines of its log")
        st.code(log, language=None, height=LOG_PX)


def _show_run(store: RunStore, entry: RunEntry) -> None:
    """One run: what it is, what became of it, and what can be done with it."""
    st.subheader(escaped(entry.title), anchor=False)
    with st.container(horizontal=True, vertical_alignment="center"):
        show_status(entry.status)
        when = f"started {entry.started.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if entry.started else ""
        took = f"{entry.duration_s:.0f} s" if entry.duration_s is not None else ""
        owner = f"asked for by {entry.row.owner}" if entry.row and entry.row.owner else ""
        st.caption(escaped(DOT.join(filter(None, [entry.model, entry.dataset, when, took, owner]))))
    st.caption(escaped(entry.run_id))
    if entry.status == "failed":
        complain("This run failed.", (entry.row and entry.row.error) or "No reason was recorded.")
        _show_log(entry)
    elif entry.status == "cancelled":
        st.info("This run was cancelled; nothing of it is kept but its log.")
        if entry.row and entry.row.error:
            st.text(f"Why: {entry.row.error}.")
    elif entry.status == "done":
        _show_results(entry)
    if not entry.is_active:
        show_actions(store, entry)
        _show_files(entry)


def _show_results(entry: RunEntry) -> None:
    """The headline of a complete run, and the ways on."""
    summary = entry.summary
    if summary is None:
        complain("The results of this run cannot be read.", "Its files were moved, deleted or changed.")
        return
    if entry.stale:
        st.warning(f"**Stale.** {entry.stale} A new run would take that in.", icon=":material/history:")
    show_verdict(summary.verdict)
    shares = {"Precision": summary.precision, "Recall": summary.recall, "Calibration error": summary.ece}
    accepted = NOTHING if summary.n_accepted is None else f"{summary.n_accepted} of {summary.n_peaks}"
    with st.container(horizontal=True):
        st.metric("Accepted", accepted, help=f"At a false-discovery rate of {summary.alpha:g}.", width=METRIC_PX)
        for label, value in shares.items():
            st.metric(label, NOTHING if value is None else f"{value:.3f}", width=METRIC_PX)
    with st.container(horizontal=True):
        for page, label in VIEWS:
            st.page_link(page, label=label, icon=":material/arrow_forward:", query_params={"run": entry.run_id})


def _show_files(entry: RunEntry) -> None:
    files = artifact_table(entry.path)
    if len(files):
        with st.expander(f"Files ({len(files)})"):
            st.dataframe(files, hide_index=True, column_config=LOOK, alt="Files")
            st.text(str(entry.path.absolute()))


def show() -> None:
    """Show the page."""
    begin("Runs")
    st.title("Runs")
    store = open_store()
    entries = list_entries(store, output_folder())
    if not entries:
        st.info("There is no run yet.", icon=":material/science:")
        st.page_link("pages/new_run.py", label="Start a run", icon=":material/rocket_launch:")
        return
    show_whether_watched(entries)
    left = _chosen(entries)
    if left:
        st.caption("Select a row to see a run, what it found and what can be done with it.")
        _show_table(left)
    else:
        st.info("No run is as the filter above asks for.")
    asked = st.query_params.get("run")
    chosen = next((entry for entry in entries if entry.run_id == asked), None)
    if asked and chosen is None:
        complain("There is no such run here: it was deleted, or belongs to another folder.", asked)
    if chosen is not None:
        _show_run(store, chosen)
    if any(entry.is_active for entry in entries):
        st.fragment(_watch, run_every=POLL_S)(store, entries, chosen)


show()
