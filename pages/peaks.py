"""Peaks: what made each, how sure that is, and why."""

from __future__ import annotations

from functools import partial

import pandas as pd
import streamlit as st

from compassign.figures.peaks import ColourBy, draw_bars, draw_map
from compassign.queries.peak_filter import ORDERS, PeakFilter, filter_peaks
from compassign.queries.peaks import bars, page_of, rows_of, thinned
from compassign.queries.run_folder import Run
from pages.shared.compounds import narrow_to_compound
from pages.shared.current_run import choose_run
from pages.shared.figures import on_paper
from pages.shared.guard import begin
from pages.shared.peak import go_to, show_peak
from pages.shared.selection import point_ids, row_ids, rows_selected
from pages.shared.text import COLUMNS

N_BARS = 10  # as many as fit beside the table
PANEL_PX, FIELD_PX = 470, 168  # two fields side by side on a phone
MAX_ROWS = 5000  # rows that can be selected are sent to the browser all at once
MAX_POINTS = 10_000  # without a graphics card, a browser draws more than this too slowly
TABLE = (
    *("peak_id", "name", "probability", "decision", "adduct", "mz", "rt_min", "p_null", "entropy", "species"),
    *("n_candidates", "q_value", "is_labelled"),
)
COLOURS: dict[str, ColourBy] = {"probability": "probability", "entropy": "entropy", "decision": "decision"}
DECISIONS = ("accept", "review", "null")
_SELECTED = "selected"  # of the link: peaks whose rows are selected


def _ask_filter(peaks: pd.DataFrame) -> PeakFilter:
    """The filter, kept in the URL so that a link shows the same peaks."""
    fields = st.container(horizontal=True)  # wraps where the window is narrow
    return PeakFilter(
        text=fields.text_input(
            "Peak or compound", placeholder="Part of a name", key="find", bind="query-params", width=FIELD_PX
        )
        or "",
        decisions=fields.pills("Decision", DECISIONS, selection_mode="multi", key="decision", bind="query-params"),
        species=fields.multiselect(
            "Species",
            sorted(peaks["species"].unique()),
            key="species",
            placeholder="All",
            bind="query-params",
            width=FIELD_PX,
        ),
        probability=fields.slider(
            "Probability", 0.0, 1.0, (0.0, 1.0), 0.01, key="within", bind="query-params", width=FIELD_PX
        ),
        order=fields.selectbox("Order", list(ORDERS), key="order", bind="query-params", width=FIELD_PX) or "",
    )


def _follow(peak_ids: list[str]) -> None:
    """Show the peak that was picked last in detail; none where the last one was taken away."""
    if peak_ids:
        go_to(peak_ids[-1])
    else:
        st.query_params.pop("peak", None)


def _row_picked(key: str, ids: list[str]) -> None:
    if key not in st.session_state:  # another filter or run has taken the table away since it was clicked
        return
    picked = row_ids(st.session_state[key], ids)
    st.query_params[_SELECTED] = picked[:N_BARS]
    _follow(picked)


def _point_picked(key: str) -> None:
    picked = point_ids(st.session_state.get(key, {}))  # the figure may be gone since it was clicked
    if picked:  # a click beside all points takes nothing away
        _follow(picked)


def _select_what_is_shown(key: str, ids: list[str]) -> None:
    """Let the table select the peak in detail, wherever that was picked; ids : of the table's rows."""
    picked = st.query_params.get("peak", "")
    if key in st.session_state and picked in ids and picked not in row_ids(st.session_state[key], ids):
        st.session_state[key] = rows_selected([picked], ids)
        st.query_params[_SELECTED] = [picked]


def _where(shown: pd.DataFrame) -> str:
    """Which row of the table the peak in detail is, because the table does not scroll to it by itself."""
    picked, ids = st.query_params.get("peak", ""), shown["peak_id"].head(MAX_ROWS).tolist()
    return f" Shown in detail: row {ids.index(picked) + 1}." if picked in ids else ""


def _show_table(shown: pd.DataFrame, key: str) -> list[str]:
    """The table; returns the ids of the rows that are selected."""
    ids = shown["peak_id"].head(MAX_ROWS).tolist()
    _select_what_is_shown(key, ids)
    state = st.dataframe(
        shown.head(MAX_ROWS),
        height=PANEL_PX,
        hide_index=True,
        column_order=TABLE,
        column_config=COLUMNS,
        key=key,
        on_select=partial(_row_picked, key, ids),
        selection_mode="multi-row",
        selection_default=rows_selected([*st.query_params.get_all(_SELECTED), *st.query_params.get_all("peak")], ids),
        alt="Peaks",
    )
    return row_ids(state, ids)


def _show_panels(run: Run, peaks: pd.DataFrame, shown: pd.DataFrame, selected: list[str]) -> None:
    """Bars and map beside the table, in which the selected rows and the peak in detail stand out."""
    picked = st.query_params.get("peak", "")
    bar_panel, map_panel = st.tabs(
        ["Probabilities", "m/z against retention time"], key="panel", on_change="rerun", bind="query-params"
    )
    if map_panel.open:
        with map_panel:
            _show_map(shown, rows_of(peaks, [*selected, picked]))
        return
    with bar_panel:
        is_choice = len(selected) > 1  # a peak alone is shown among those beside it in the table
        chosen = selected[-N_BARS:] if is_choice else page_of(shown["peak_id"].tolist(), picked, N_BARS)
        what = "The selected peaks" if is_choice else "Peaks in the order of the table; select several to compare them"
        st.caption(f"{what}. One colour is one compound. Click a bar to see why.")
        st.plotly_chart(
            on_paper(draw_bars(bars(run, chosen), picked)),
            key="bars",
            on_select=partial(_point_picked, "bars"),
            selection_mode="points",
            alt="Probabilities of the candidates of each peak",
        )


def _show_map(shown: pd.DataFrame, picked: pd.DataFrame) -> None:
    colour = st.segmented_control(
        "Colour", list(COLOURS), default="probability", required=True, key="colour", bind="query-params"
    )
    if shown["mz"].isna().all():
        st.info("The dataset of this run is gone, and with it the m/z and RT of its peaks.")
        return
    drawn = thinned(shown, MAX_POINTS)
    if len(drawn) < len(shown):
        st.caption(f"{len(drawn)} of {len(shown)} peaks are drawn, evenly from the table; narrow the filter for all.")
    st.plotly_chart(
        on_paper(draw_map(drawn, COLOURS[colour or "probability"], picked)),
        height=PANEL_PX - 90,
        key="map",
        on_select=partial(_point_picked, "map"),
        selection_mode="points",
        alt="Peaks by m/z and retention time",
    )


def _show_peaks(run: Run, peaks: pd.DataFrame, shown: pd.DataFrame, key: str) -> None:
    """The table, and bars or map beside it."""
    if not len(shown):
        st.info("No peak fits this filter. Widen it to see peaks again.", icon=":material/filter_alt_off:")
        return
    table, panels = st.columns([6, 5], gap="medium")
    with table:
        cut = f"; the table has the first {MAX_ROWS}" if len(shown) > MAX_ROWS else ""
        st.caption(f"{len(shown)} of {len(peaks)} peaks{cut}. Select rows to see them beside the table.{_where(shown)}")
        selected = _show_table(shown, key)
    with panels:
        _show_panels(run, peaks, shown, selected)


def show() -> None:
    """Show the page."""
    begin("Peaks")
    run, peaks = choose_run("Peaks", "Every peak of the run, what it probably is, and how sure that is.")
    own = narrow_to_compound(run, peaks)
    wanted = _ask_filter(peaks)
    shown = filter_peaks(own, wanted)
    above = st.container()
    show_peak(run, shown["peak_id"].tolist())  # first: who steps from peak to peak waits for no big figure
    with above:
        _show_peaks(run, peaks, shown, f"table {run.run_id} {wanted}")


show()
