"""Compare: a baseline and other runs side by side, and peak by peak."""

from __future__ import annotations

from functools import partial

import pandas as pd
import streamlit as st
from streamlit.elements.lib.column_types import ColumnConfig

from compassign.errors import InputError
from compassign.figures.calibration import draw_reliability, draw_top_probabilities
from compassign.figures.compare import draw_against
from compassign.queries.calibration import Reliability, reliability
from compassign.queries.compare import (
    Comparison,
    compare,
    describe,
    difference_texts,
    differing_settings,
    metric_texts,
)
from compassign.queries.overview import dataset_name, list_runs, verdict
from compassign.queries.peaks import thinned
from compassign.queries.run_folder import Run
from pages.shared.current_run import choose_run, output_folder, read_run, run_titles, show_verdict
from pages.shared.figures import on_paper
from pages.shared.guard import begin
from pages.shared.peak import NULL_NAME
from pages.shared.selection import point_ids, row_ids
from pages.shared.text import COLUMNS, DOT, NOTHING, complain, metric_label

MAX_OTHERS = 4
FIGURE_PX = 400
_CACHED = 8
MAX_POINTS = 2_000  # as vectors, which without a graphics card appear a second before pixels do
MAX_ROWS = 1000  # rows that can be selected are sent to the browser all at once
_CHANGED = ("peak_id", "name_a", "probability_a", "decision_a", "name_b", "probability_b", "decision_b", "mz", "rt_min")
_SIDE_BY_SIDE = 3  # runs whose two tables fit beside each other


def _difference_columns(other: str) -> dict[str, ColumnConfig]:
    """Columns of the paired differences; other : letter of the run beside A."""
    text = partial(st.column_config.TextColumn, alignment="right")
    return {
        "metric": st.column_config.TextColumn("Metric"),
        "a": text("A"),
        "b": text(other),
        "difference": text(f"{other} - A"),
        "low": text("95 % from"),
        "high": text("95 % to"),
        "better": st.column_config.TextColumn(
            "Better", help="The run that is better by more than matters, or equal; empty where neither is 95 % sure."
        ),
        "p_a_better": text("P(A)", help="Probability that A is better by more than matters."),
        "p_equal": text("P(equal)", help="Probability that the difference is too small to matter."),
        "p_b_better": text(f"P({other})", help=f"Probability that {other} is better by more than matters."),
    }


def _peak_columns(other: str) -> dict[str, ColumnConfig]:
    """Columns of the peaks whose call changed; other : letter of the run beside A."""
    columns = dict(COLUMNS)
    for key, letter in (("a", "A"), ("b", other)):
        columns[f"name_{key}"] = st.column_config.TextColumn(f"Compound in {letter}")
        columns[f"probability_{key}"] = st.column_config.NumberColumn(f"P in {letter}", format="%.3f")
        columns[f"decision_{key}"] = st.column_config.TextColumn(f"Decision in {letter}")
    return columns


def _choose_others(baseline: Run) -> list[Run]:
    """The runs beside the baseline, kept in the URL; those that cannot be read are named and left out."""
    runs = [run for run in list_runs(output_folder()) if run.run_id != baseline.path.name]
    alike = [run.run_id for run in runs if run.dataset == dataset_name(baseline.record)]
    titles, paths = run_titles(runs), {run.run_id: run.path for run in runs}
    if not titles:
        st.info("There is only one complete run; make another to compare it with.", icon=":material/compare_arrows:")
        st.page_link(
            "pages/new_run.py",
            label="Run it with other settings",
            icon=":material/edit:",
            query_params={"from": baseline.path.name},
        )
        st.stop()
    unknown = [run_id for run_id in st.query_params.get_all("with") if run_id not in titles]
    if unknown:
        complain("Some of the runs to compare with are not here.", "\n".join(unknown))
    wanted = [run_id for run_id in st.query_params.get_all("with") if run_id in titles][:MAX_OTHERS]
    chosen = st.multiselect(
        "Compare with",
        list(titles),
        default=wanted or (alike or list(titles))[:1],
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


def _identity(run: Run) -> tuple[str, str]:
    """What tells a run from others, also from one that replaced it in its folder."""
    return str(run.path), run.record.model_dump_json()


@st.cache_resource(max_entries=_CACHED, show_spinner="Comparing", hash_funcs={Run: _identity})
def _compare(run_a: Run, run_b: Run) -> Comparison:
    return compare(run_a, run_b)


@st.cache_resource(max_entries=_CACHED, show_spinner=False, hash_funcs={Run: _identity})
def _reliability(run: Run) -> Reliability:
    return reliability(run)


def _names(runs: list[Run]) -> list[str]:
    """A for the baseline, B and on for the others: short, and alike on the whole page."""
    return [f"{chr(ord('A') + index)}: {run.record.config.model}" for index, run in enumerate(runs)]


def _show_overview(runs: list[Run], names: list[str]) -> None:
    beside = len(runs) <= _SIDE_BY_SIDE
    settings, numbers = st.columns(2, gap="medium") if beside else (st.container(), st.container())
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
        columns = {key: st.column_config.TextColumn(name, alignment="right") for key, name in headers.items()}
        table = metric_texts(runs).rename(columns=str)
        st.dataframe(
            table.assign(metric=table["metric"].map(metric_label)),
            height="content",
            hide_index=True,
            column_order=["metric", *headers],
            column_config={"metric": "Metric", **columns},
            placeholder=NOTHING,
            alt="Metrics",
        )
    left, right = st.columns(2, gap="medium")
    curves = {name: _reliability(run) for name, run in zip(names, runs, strict=True)}
    tops = {name: run.peaks["probability"].to_numpy(dtype=float) for name, run in zip(names, runs, strict=True)}
    left.plotly_chart(on_paper(draw_reliability(curves)), height=FIGURE_PX, key="curves", alt="Reliability of each run")
    right.plotly_chart(on_paper(draw_top_probabilities(tops)), height=FIGURE_PX, key="tops", alt="Top probabilities")


def _pick(peak_ids: list[str]) -> None:
    """Keep the peak that was picked last in the URL."""
    if peak_ids:
        st.query_params["peak"] = peak_ids[-1]


def _row_picked(key: str, ids: list[str]) -> None:
    _pick(row_ids(st.session_state[key], ids))


def _point_picked(key: str) -> None:
    _pick(point_ids(st.session_state[key]))


def _show_changed(found: Comparison, key: str, other: str) -> None:
    changed = found.changed
    st.subheader(f"Peaks whose call changed: {len(changed)}")
    if not len(changed):
        st.caption("Both runs call every peak alike.")
        return
    cut = f" The first {MAX_ROWS} are listed." if len(changed) > MAX_ROWS else ""
    st.caption(f"The surest first. Select one, or a point above, to see it in both runs.{cut}")
    st.dataframe(
        changed.head(MAX_ROWS),
        hide_index=True,
        column_order=_CHANGED,
        column_config=_peak_columns(other),
        key=key,
        on_select=partial(_row_picked, key, changed["peak_id"].head(MAX_ROWS).tolist()),
        selection_mode="single-row",
        alt="Changed peaks",
    )


def _show_picked(found: Comparison, runs: tuple[Run, Run], names: tuple[str, str]) -> None:
    """What both runs say of the peak of the URL, each with a link to its evidence."""
    picked = found.peaks[found.peaks["peak_id"] == st.query_params.get("peak")]
    if not len(picked):
        return
    peak = picked.iloc[0]
    for column, key, run, name in zip(st.columns(2), "ab", runs, names, strict=True):
        with column.container(border=True):
            st.text(f"Peak {peak['peak_id']} in {name}")
            call = peak[f"name_{key}"] if peak[f"call_{key}"] else NULL_NAME
            st.text(DOT.join([call, f"probability {peak[f'probability_{key}']:.3f}", peak[f"decision_{key}"]]))
            st.page_link(
                "pages/peaks.py",
                label=f"Why, in {name[0]}",
                icon=":material/arrow_forward:",
                query_params={"run": run.path.name, "peak": peak["peak_id"]},
            )


def _show_pair(run_a: Run, run_b: Run, names: tuple[str, str]) -> None:
    other = names[1][0]
    try:
        found = _compare(run_a, run_b)
    except InputError as error:
        complain("These two cannot be compared peak by peak.", str(error))
        return
    if found.unpaired:
        st.warning("These two are not compared peak by peak.", icon=":material/link_off:")
        st.text(f"Why: {found.unpaired}.")
        st.caption("Each run's own numbers are above; their differences would mix what was scored with how well.")
        return
    for sentence in describe(found, "A", other):
        st.text(sentence)
    if found.paired is not None:
        st.caption(
            f"On the {found.n_paired} peaks that score both runs. Intervals come from a bootstrap over compounds, "
            "because the peaks of a compound err together."
        )
        texts = difference_texts(found.paired)
        table = texts.assign(metric=texts["metric"].map(metric_label), better=texts["better"].replace("B", other))
        st.dataframe(
            table,
            height="content",
            hide_index=True,
            column_order=list(_difference_columns(other)),
            column_config=_difference_columns(other),
            alt="Paired differences",
        )
    for column, (title, agreement) in zip(
        st.columns(2, gap="medium"), (("Decision", found.decisions), ("Call", found.calls)), strict=True
    ):
        with column:
            _show_agreement(f"{title}s: A in rows, {other} in columns", agreement, f"{title} in A")
    pair = f"{run_a.path.name} {run_b.path.name}"
    st.plotly_chart(
        on_paper(draw_against(thinned(found.peaks, MAX_POINTS), *names)),
        height=FIGURE_PX,
        key=f"against {pair}",
        on_select=partial(_point_picked, f"against {pair}"),
        selection_mode="points",
        alt="Probabilities A against B",
    )
    if len(found.peaks) > MAX_POINTS:
        st.caption(f"{MAX_POINTS} of {len(found.peaks)} peaks are drawn, evenly from the first to the last.")
    _show_changed(found, f"changed {pair}", other)
    _show_picked(found, (run_a, run_b), names)


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
