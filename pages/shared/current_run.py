"""The run that a page shows: found by the URL, read once, never without its warning."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import streamlit as st

from compassign.cli_options import DEFAULT_OUTPUT, OUTPUT_VARIABLE
from compassign.config import PRIOR_ONLY
from compassign.errors import InputError, StoreError
from compassign.queries.overview import RunSummary, Verdict, list_runs, verdict
from compassign.queries.peaks import peak_table
from compassign.queries.run_folder import Run, load_run
from compassign.queries.run_settings import in_words_of_the_form
from compassign.store.records import RunRow
from compassign.store.runs import RunStore
from pages.shared.text import DOT, complain, escaped

_LAST, _CHOICE = "last_run", "run_choice"
_CACHED_RUNS = 6
_MEANINGS = {
    "suspect": "The sampler may have missed a part of the posterior: read every number here with that in mind.",
    "failed": "The sampler did not find the posterior: do not use the numbers on this page.",
}


def output_folder() -> Path:
    """The folder whose runs are shown."""
    return Path(os.environ.get(OUTPUT_VARIABLE) or DEFAULT_OUTPUT)


def open_store() -> RunStore:
    """The list of runs; a page that cannot have it says why and stops."""
    try:
        return RunStore.open(output_folder())
    except StoreError as error:
        complain("The list of runs cannot be read.", str(error))
        st.caption("It needs a folder that can be written, and the newest version of CompAssign that was used on it.")
        st.page_link("pages/peaks.py", label="Look at finished results", icon=":material/arrow_forward:")
        st.stop()


def show_no_runs() -> None:
    """Say how to get a first run, and where to see whether one is on its way."""
    st.info("There is no complete run yet.", icon=":material/science:")
    with st.container(horizontal=True):
        st.page_link("pages/new_run.py", label="Start a run", icon=":material/rocket_launch:")
        st.page_link("pages/runs.py", label="See what is computed now", icon=":material/visibility:")
    st.text(f"Runs are looked for in {output_folder().absolute()}")
    st.caption(f"Another folder is shown where the environment variable `{OUTPUT_VARIABLE}` names it.")


def choose_run(title: str, about: str) -> tuple[Run, pd.DataFrame]:
    """Show the page's title beside the choice of the run, and the run's warning.

    Returns the run of the URL, else the last one looked at, else the newest, and its table of peaks; a page without one
    says so and stops.
    """
    heading, choice = st.columns([3, 2], vertical_alignment="bottom")
    heading.title(title, help=about)
    runs = list_runs(output_folder())
    if not runs:
        show_no_runs()
        st.stop()
    chosen, titles = _offer(runs)
    st.query_params["run"] = st.session_state[_LAST] = st.session_state[_CHOICE] = chosen.run_id
    choice.selectbox("Run", list(titles), format_func=titles.__getitem__, key=_CHOICE, on_change=_switch_run)
    try:
        run, peaks = read_run(chosen.path)
    except InputError as error:
        complain("This run cannot be shown.", str(error))
        st.stop()
    show_verdict(verdict(run.metrics))
    if run.dataset_problem:
        st.warning("Only what the run itself has stored is shown here, without names, m/z and truth.")
        st.text(run.dataset_problem)
    return run, peaks


def _offer(runs: list[RunSummary]) -> tuple[RunSummary, dict[str, str]]:
    """The run to show, and the title of each run to choose from: of those put away, only the one that is shown."""
    known = _known()
    offered = [run for run in runs if run.run_id not in known or not known[run.run_id].archived]
    asked = st.query_params.get("run") or st.session_state.get(_LAST)
    if not asked and not offered:
        _show_all_archived()
        st.stop()
    run_id = _named(asked, runs, (offered or runs)[0].run_id) if asked else offered[0].run_id
    chosen = next(run for run in runs if run.run_id == run_id)
    titles = run_titles([*offered, chosen])
    if chosen not in offered:
        titles = {run_id: f"{titles[run_id]}{DOT}archived", **{run.run_id: titles[run.run_id] for run in offered}}
    return chosen, titles


def run_titles(runs: Sequence[RunSummary]) -> dict[str, str]:
    """Run id -> a line that tells the run from others; begins with the title that a person gave it."""
    known = _known()
    own = {row.id: row.title for row in known.values() if row.title != f"{row.model} on {row.dataset}"}
    return {run.run_id: DOT.join([*([own[run.run_id]] if run.run_id in own else []), run.title]) for run in runs}


def _known() -> dict[str, RunRow]:
    """What the list of runs says of each; nothing where that list cannot be read: results still can."""
    try:
        return {row.id: row for row in RunStore.open(output_folder()).rows(archived=None)}
    except StoreError:
        return {}


def _show_all_archived() -> None:
    """Say where the runs are that nothing offers any more."""
    st.info("Every complete run is archived.", icon=":material/archive:")
    with st.container(horizontal=True):
        st.page_link("pages/new_run.py", label="Start a run", icon=":material/rocket_launch:")
        st.page_link(
            "pages/runs.py", label="Look at archived runs", icon=":material/archive:", query_params={"archived": "true"}
        )


def forget_run(run_id: str) -> None:
    """Let no page go back to a run that was put away or deleted, unless its link asks for it."""
    if st.session_state.get(_LAST) == run_id:
        del st.session_state[_LAST]


def _named(asked: str, runs: list[RunSummary], newest: str) -> str:
    """The id that an id or the beginning of one means; a page that was asked for an unknown run says so and stops."""
    found = [run.run_id for run in runs if run.run_id.startswith(asked)]
    if asked in found or len(found) == 1:
        return asked if asked in found else found[0]
    st.session_state.pop(_LAST, None)
    # not `find_run`, which would tell whoever edits a link which folders this machine has
    complain("There is no such run here: it was deleted, is not complete, or belongs to another folder.", asked)
    st.button("Show the newest run", on_click=_show_run, args=[newest])
    st.stop()


def _show_run(run_id: str) -> None:
    st.query_params.from_dict({"run": run_id})


def _switch_run() -> None:
    _show_run(str(st.session_state[_CHOICE]))


def read_run(path: Path) -> tuple[Run, pd.DataFrame]:
    """A run and its table of peaks, read once; raises InputError if it cannot be read. Neither may be changed."""
    return _read(path, changed_ns(path))


def changed_ns(path: Path) -> int:
    """When a run's folder was written (ns), which tells it from one in its place; raises InputError if it is gone."""
    try:
        return (path / "results" / "run.json").stat().st_mtime_ns
    except OSError as error:
        raise InputError(f"{path}: the run was deleted") from error


@st.cache_resource(max_entries=_CACHED_RUNS, show_spinner="Reading the run")
def _read(path: Path, written_ns: int) -> tuple[Run, pd.DataFrame]:
    """written_ns : makes a folder that was replaced another entry."""
    del written_ns
    run = load_run(path)
    return run, peak_table(run)


def show_verdict(given: Verdict, name: str = "") -> None:
    """Warn above a run's numbers where they are not to be trusted; name : of the run where a page shows several."""
    of = f"{escaped(name)}: " if name else ""
    if given.word in _MEANINGS:
        show = st.error if given.word == "failed" else st.warning
        show(f"{of}**Not converged.** {_MEANINGS[given.word]}", icon=":material/warning:")
        reasons = [f"\N{BULLET} {in_words_of_the_form(reason)}" for reason in given.reasons]
        st.text("\n".join(reasons) or "No reason was recorded.")
    if given.is_prior:
        st.warning(f"{of}{PRIOR_ONLY}")
    elif given.is_quick:
        st.caption(
            f"{of}Quick run: few draws, for a first look. Its probabilities are noisier than those of a full run."
        )
