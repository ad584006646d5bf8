"""Compare: a baseline and other runs side by side, and peak by peak."""

from __future__ import annotations

from functools import partial

import pandas as pd
import streamlit as st

from compassign.errors import InputError
from compassign.figures.calibration import draw_reliability, draw_top_probabilities
from compassign.figures.compare import draw_against
from compassign.queries.calibration import reliability
from compassign.queries.compare import Comparison, compare, differing_settings, metric_table
from compassign.queries.overview import list_runs, verdict
from compassign.queries.run_folder import Run
from pages.shared.current_run import choose_run, output_folder, read_run, show_verdict
from pages.shared.guard import begin
from pages.shared.selection import row_ids
from pages.shared.text import COLUMNS, NOTHING, complain, metric_label

MAX_OTHERS = 4
FIGURE_PX = 400
MAX_ROWS = 5000  # rows that can be selected are sent to the browser all at once
_CHANGED = ("peak_id", "name_a", "probability_a", "decision_a", "name_b", "probability_b", "decision_b", "mz", "rt_min")
_DIFFERENCES = {
    "metric": st.column_config.TextColumn("Metric"),
    "a": st.column_config.NumberColumn("A", format="%.4f"),
    "b": st.column_config.NumberColumn("B", format="%.4f"),
    "difference": st.column_config.NumberColumn("B - A", format="%+.4f"),
    "low": st.column_config.NumberColumn("95 % from", format="%+.4f"),
    "high": st.column_config.NumberColumn("95 % to", format="%+.4f"),
}
_PEAKS = {
    **COLUMNS,
    **{f"name_{letter}": st.column_config.TextColumn(f"Compound in {letter.upper()}") for letter in "ab"},
    **{
        f"probability_{letter}": st.column_config.NumberColumn(f"P in {letter.upper()}", format="%.3f")
        for letter in "ab"
    },
    **{f"decision_{letter}": st.column_config.TextColumn(f"Decision in {letter.upper()}") for letter in "ab"},
}


def _choose_others(baseline: Run) -> list[Run]:
    """The runs beside the baseline, kept in the URL; those that cannot be read are named and left out."""
    titles = {run.run_id: run.title for run in list_runs(output_folder()) if run.run_id != baseline.path.name}
    paths = {run.run_id: run.path for run in list_runs(output_folder())}
    if not titles:
        st.info("There is only one complete run; make another to compare it with.", icon=":material/compare_arrows:")
        st.code("compassign run --quick --model softmax", language="bash")
        st.stop()
    unknown = [run_id for run_id in st.query_params.get_all("with") if run_id not in titles]
    if unknown:
        complain("Some of the runs to compare with are not here.", "\n".join(unknown))
    wanted = [run_id for run_id in st.query_params.get_all("with") if run_id in titles][:MAX_OTHERS]
    chosen = st.multiselect(
        "Compare with",
        list(titles),
        default=wanted or list(titles)[:1],
        format_func=titles.__getitem__,
        max_selections=MAX_OTHERS,
        key=f"others {baseline.path.name}",
        help="The run chosen above is the baseline, A.",
    )
    st.query_params["with"] = chosen
    others = []
    for run_id in chosen:
        try:
            others.append(read_run(paths[run_id])[0])
        except InputError as error:
            complain("A run cannot be compared.", str(error))
    return others


def _names(runs: list[Run]) -> list[str]:
    """A for the baseline, B and on for the others: short, and alike on the whole page."""
    return [f"{chr(ord('A') + index)}: {run.record.config.model}" for index, run in enumerate(runs)]


def _show_overview(runs: list[Run], names: list[str]) -> None:
    settings, numbers = st.columns(2, gap="medium")
    headers = {str(index): name for index, name in enumerate(names)}
    with settings:
        st.subheader("Settings that differ")
        table = differing_settings(runs).rename(columns=str)
        if len(table):
            st.dataframe(table, hide_index=True, column_config={"setting": "Setting", **headers}, alt="Settings")
        else:
            st.caption("None: the runs were set up alike.")
    with numbers:
        st.subheader("Numbers of each run", help="Each on its own scored peaks; runtime in seconds.")
        columns = {key: st.column_config.NumberColumn(name, format="%.4g") for key, name in headers.items()}
        table = metric_table(runs).rename(columns=str)
        table["metric"] = table["metric"].map(metric_label)
        st.dataframe(
            table, hide_index=True, column_config={"metric": "Metric", **columns}, placeholder=NOTHING, alt="Metrics"
        )
    left, right = st.columns(2, gap="medium")
    curves = {name: reliability(run) for name, run in zip(names, runs, strict=True)}
    tops = {name: run.peaks["probability"].to_numpy(dtype=float) for name, run in zip(names, runs, strict=True)}
    left.plotly_chart(draw_reliability(curves), height=FIGURE_PX, key="curves", alt="Reliability of each run")
    right.plotly_chart(draw_top_probabilities(tops), height=FIGURE_PX, key="tops", alt="Top probabilities")


def _open_peak(key: str, ids: list[str], run_id: str) -> None:
    for peak_id in row_ids(st.session_state[key], ids):
        st.session_state["open_peak"] = {"run": run_id, "peak": peak_id}


def _show_changed(found: Comparison, run_a: Run) -> None:
    changed = found.changed
    st.subheader(f"Peaks whose call changed: {len(changed)}")
    if not len(changed):
        st.caption("Both runs call every peak alike.")
        return
    cut = f" The first {MAX_ROWS} are listed." if len(changed) > MAX_ROWS else ""
    st.caption(f"Select one to see it in A.{cut}")
    key = f"changed {run_a.path.name}"
    st.dataframe(
        changed.head(MAX_ROWS),
        hide_index=True,
        column_order=_CHANGED,
        column_config=_PEAKS,
        key=key,
        on_select=partial(_open_peak, key, changed["peak_id"].head(MAX_ROWS).tolist(), run_a.path.name),
        selection_mode="single-row",
        alt="Changed peaks",
    )
    target = st.session_state.pop("open_peak", None)
    if target:
        st.switch_page("pages/peaks.py", query_params=target)


def _show_pair(run_a: Run, run_b: Run, names: tuple[str, str]) -> None:
    found = compare(run_a, run_b)
    if found.unpaired:
        st.warning("These two are not compared peak by peak.", icon=":material/link_off:")
        st.text(f"Why: {found.unpaired}.")
    metrics, agreement = st.columns([3, 2], gap="medium")
    with metrics:
        if found.n_paired:
            st.caption(
                f"On the {found.n_paired} peaks that score both runs. Where the interval of a difference leaves out 0, "
                "it is beyond chance."
            )
        else:
            st.caption("Each run on its own scored peaks, so that there are no differences.")
        table = found.metrics.assign(metric=found.metrics["metric"].map(metric_label))
        st.dataframe(table, hide_index=True, column_config=_DIFFERENCES, placeholder=NOTHING, alt="Paired differences")
    if found.unpaired:
        return
    with agreement:
        _show_agreement("Decisions: A in rows, B in columns", found.decisions, "Decision in A")
        _show_agreement("Calls: A in rows, B in columns", found.calls, "Call in A")
    st.plotly_chart(draw_against(found.peaks, *names), height=FIGURE_PX, key="against", alt="Probabilities A against B")
    _show_changed(found, run_a)


def _show_agreement(title: str, table: pd.DataFrame, rows: str) -> None:
    st.caption(title)
    st.dataframe(table.rename_axis(index=rows), alt=title)


def show() -> None:
    """Show the page."""
    begin("Compare")
    baseline, _ = choose_run("Compare", "What other settings change. The run chosen here is the baseline, A.")
    others = _choose_others(baseline)
    if not others:
        st.info("Choose a run to compare with.")
        return
    runs = [baseline, *others]
    names = _names(runs)
    for run, name in zip(others, names[1:], strict=True):
        show_verdict(verdict(run.metrics), name)
    _show_overview(runs, names)
    st.subheader("Peak by peak")
    options = list(range(1, len(runs)))
    against = st.selectbox("Baseline against", options, format_func=names.__getitem__) if len(options) > 1 else 1
    other = int(against or 1)
    _show_pair(baseline, runs[other], (names[0], names[other]))


show()
