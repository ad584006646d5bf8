"""The compounds of a run above its peaks: whoever picks one sees the peaks that may be its."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pandas as pd
import streamlit as st

from compassign.errors import InputError
from compassign.queries.compounds import compound_table, peaks_of, summary
from compassign.queries.run_folder import Run
from pages.shared.current_run import changed_ns
from pages.shared.peak import go_to
from pages.shared.selection import row_ids, rows_selected
from pages.shared.text import COLUMNS, NOTHING, complain, escaped

_COMPOUND = "compound"  # of the link: whose peaks are shown
_CLEARED = "compounds_cleared"  # how often all peaks were asked for again
_TABLE = ("name", "probability", "q_value", "decision", "best_peak", "n_peaks", "species", "compound_id")
_PANEL_PX = 300
_MAX_ROWS = 5000  # rows that can be selected are sent to the browser all at once
_COLUMNS = {
    **COLUMNS,
    "compound_id": st.column_config.TextColumn("Id"),
    "name": st.column_config.TextColumn("Compound", width=200),
    "probability": st.column_config.ProgressColumn(
        "Probability",
        format="%.3f",
        min_value=0.0,
        max_value=1.0,
        help="Of its best peak being its: at most the probability that it is present.",
    ),
    "decision": st.column_config.TextColumn(
        "Decision", help="accept: kept at the run's false-discovery rate; review: likelier than not, not accepted."
    ),
    "q_value": st.column_config.NumberColumn(
        "q", format="%.3f", help="False-discovery rate of the list that ends with this compound; empty if it was given."
    ),
    "best_peak": st.column_config.TextColumn("Best peak"),
    "n_peaks": st.column_config.NumberColumn("Possible peaks", help="Peaks that it is a candidate of."),
    "species": st.column_config.TextColumn("Called in"),
}


@st.cache_resource(max_entries=6, show_spinner="Reading the compounds")
def _compounds(_run: Run, path: Path, written_ns: int) -> pd.DataFrame:
    """path, written_ns : tell one run from another."""
    del path, written_ns
    return compound_table(_run)


def narrow_to_compound(run: Run, peaks: pd.DataFrame) -> pd.DataFrame:
    """Offer the run's compounds; returns the peaks of the one that was picked, all where none was."""
    try:
        compounds = _compounds(run, run.path, changed_ns(run.path))
    except InputError as error:
        complain("The compounds of this run cannot be shown.", str(error))
        return peaks
    if len(compounds):
        panel = st.expander(f"Compounds: {summary(compounds)}", key="compounds", bind="query-params")
        if panel.open:
            with panel:
                _show_compounds(compounds, run.run_id)
    picked = st.query_params.get(_COMPOUND)
    if not picked:
        return peaks
    row = st.container(horizontal=True, vertical_alignment="center")
    known = compounds.loc[compounds["compound_id"] == picked, "name"].tolist()
    row.markdown(f"Peaks that may be **{escaped((known or [picked])[0] or picked)}**", width="content")
    row.button("Show all peaks", icon=":material/close:", on_click=_show_all, type="tertiary")
    return peaks_of(run, peaks, picked)


def _show_compounds(compounds: pd.DataFrame, run_id: str) -> None:
    cut = f" The first {_MAX_ROWS} are listed." if len(compounds) > _MAX_ROWS else ""
    st.caption(f"The surest first. Select one to see the peaks that may be its, below.{cut}")
    listed, key = compounds.head(_MAX_ROWS), f"compounds of {run_id} {st.session_state.get(_CLEARED, 0)}"
    ids = listed["compound_id"].tolist()
    st.dataframe(
        listed,
        height=_PANEL_PX,
        hide_index=True,
        column_order=_TABLE,
        column_config=_COLUMNS,
        key=key,
        placeholder=NOTHING,
        on_select=partial(_picked, key, ids, listed["best_peak"].tolist()),
        selection_mode="single-row",
        selection_default=rows_selected([st.query_params.get(_COMPOUND, "")], ids),
        alt="Compounds",
    )


def _picked(key: str, ids: list[str], best_peaks: list[str]) -> None:
    """Narrow the page to the compound, and show its best peak in detail."""
    found = row_ids(st.session_state[key], ids)
    if not found:
        _forget()
        return
    st.query_params[_COMPOUND] = found[0]
    go_to(best_peaks[ids.index(found[0])])


def _show_all() -> None:
    """Forget the compound; the table gets another key, because the selection under the old one cannot be taken back."""
    st.session_state[_CLEARED] = st.session_state.get(_CLEARED, 0) + 1
    _forget()


def _forget() -> None:
    st.query_params.pop(_COMPOUND, None)
