"""What can be done with a run that has ended: repeat it, take it along, put it away, delete it."""

from __future__ import annotations

from functools import partial

import streamlit as st

from compassign.config import make_config
from compassign.errors import InputError, StoreError
from compassign.jobs.launcher import delete, enqueue
from compassign.jobs.recording import adopt
from compassign.jobs.watcher import keep_watched
from compassign.queries.jobs import RunEntry, zip_run
from compassign.store.runs import RunStore
from pages.shared.current_run import forget_run, output_folder
from pages.shared.guard import person
from pages.shared.text import complain

_PROBLEM = "problem of a run"  # what a button could not do, for the next time the page is drawn


def _make_known(store: RunStore, entry: RunEntry) -> None:
    """Let the store know of a run that only its folder tells of."""
    if entry.row is None:
        adopt(store, entry.path)


def _put_away(store: RunStore, entry: RunEntry, archived: bool) -> None:
    _make_known(store, entry)
    store.archive(entry.run_id, archived)
    forget_run(entry.run_id)


def _run_again(store: RunStore, entry: RunEntry) -> None:
    """Queue the run once more: exactly, if its record is there, else with its settings."""
    record = entry.summary.record if entry.summary else None
    try:
        config = record.config if record else make_config(entry.row.config if entry.row else {})
    except InputError as error:
        st.session_state[_PROBLEM] = ("Its settings cannot be used any more.", str(error))
        return
    again = enqueue(store, config, entry.title, person(), repeats=record)
    keep_watched(output_folder())
    st.query_params["run"] = again.id


def _delete(store: RunStore, entry: RunEntry) -> None:
    try:
        _make_known(store, entry)
        delete(store, output_folder(), entry.run_id)
        forget_run(entry.run_id)
    except (InputError, StoreError) as error:
        st.session_state[_PROBLEM] = ("It could not be deleted.", str(error))
        return
    st.query_params.pop("run", None)


@st.dialog("Delete this run?")
def _confirm_delete(store: RunStore, entry: RunEntry) -> None:
    st.text(entry.title)
    st.write("Its files are removed for good.")
    delete_it = partial(_delete, store, entry)
    if st.button("Delete for good", type="primary", icon=":material/delete:", on_click=delete_it):
        st.rerun()


def show_actions(store: RunStore, entry: RunEntry) -> None:
    """Buttons for everything that can be done with a run that has ended, and what one of them could not do."""
    with st.container(horizontal=True, vertical_alignment="center"):
        label = "Run again exactly" if entry.summary else "Try again"
        about = "The same settings, seed and data; refused if the data have changed." if entry.summary else None
        st.button(label, icon=":material/replay:", on_click=_run_again, args=[store, entry], help=about)
        st.page_link(
            "pages/new_run.py", label="Change and run", icon=":material/edit:", query_params={"from": entry.run_id}
        )
        if entry.summary:
            st.download_button(
                "Download as zip",
                partial(zip_run, entry.path),
                file_name=f"{entry.run_id}.zip",
                mime="application/zip",
                on_click="ignore",
                icon=":material/download:",
                help="All files of this run.",
            )
        archive = "Bring back" if entry.is_archived else "Archive"
        st.button(archive, icon=":material/archive:", on_click=_put_away, args=[store, entry, not entry.is_archived])
        if st.button("Delete", icon=":material/delete:"):
            _confirm_delete(store, entry)
    if problem := st.session_state.pop(_PROBLEM, None):
        complain(*problem)
