"""Diagnostics: whether the sampler converged, and whether the model makes data like those measured."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import streamlit as st

from compassign.errors import InputError
from compassign.figures.diagnostics import draw_check_histogram, draw_checks, draw_ranks, draw_trace
from compassign.queries.draws import Draws, convergence, rank_counts, read_draws
from compassign.queries.overview import verdict
from compassign.queries.run_folder import Run
from pages.shared.current_run import choose_run
from pages.shared.guard import begin
from pages.shared.selection import row_ids
from pages.shared.text import complain

FIGURE_PX = 280
CHECKS_PX = 460
SAMPLER = (
    ("max_rhat", "Largest R-hat", ".3f", "Chains agree where it is near 1; below 1.01 for a full run."),
    ("min_ess_bulk", "Smallest ESS, bulk", ".0f", "Independent draws that the centre of a parameter is worth."),
    ("min_ess_tail", "Smallest ESS, tail", ".0f", "Independent draws that the ends of its interval are worth."),
    ("n_divergences", "Divergences", ".0f", "Steps that failed; any more than a few leave a part unexplored."),
)
COLUMNS = {
    "name": st.column_config.TextColumn("Parameter"),
    **{name: st.column_config.NumberColumn(label, format="%.4g") for name, label in (("mean", "Mean"), ("sd", "SD"))},
    "low": st.column_config.NumberColumn("5 %", format="%.4g"),
    "high": st.column_config.NumberColumn("95 %", format="%.4g"),
    "rhat": st.column_config.NumberColumn("R-hat", format="%.3f", help="Rank-normalised; 1 where chains agree."),
    "ess_bulk": st.column_config.NumberColumn("ESS, bulk", format="%.0f"),
    "ess_tail": st.column_config.NumberColumn("ESS, tail", format="%.0f"),
}


@st.cache_resource(max_entries=6, show_spinner="Reading the draws")
def _read(_run: Run, path: Path, started: str) -> tuple[Draws, pd.DataFrame]:
    """path, started : tell one run from another."""
    del path, started
    draws = read_draws(_run)
    return draws, convergence(draws)


def _show_sampler(run: Run) -> None:
    sampler = run.metrics.get("sampler") or {}
    for column, (name, label, digits, about) in zip(st.columns(len(SAMPLER)), SAMPLER, strict=True):
        value = sampler.get(name)
        column.metric(label, "\N{EN DASH}" if value is None else format(value, digits), help=about, border=True)
    not_informed = sampler.get("not_informed") or []
    if not_informed:
        st.caption("Parameters that the data say nothing about, so that their prior speaks alone:")
        st.text(", ".join(map(str, not_informed)))


def _show_parameters(run: Run) -> None:
    st.subheader("Parameters", help="The worst R-hat comes first.")
    try:
        draws, table = _read(run, run.path, run.record.started)
    except InputError as error:
        complain("The draws of this run cannot be shown.", str(error))
        return
    if not draws.names:
        st.info("This model has no sampled parameters.")
        return
    names = table["name"].tolist()
    state = st.dataframe(
        table,
        height=FIGURE_PX,
        hide_index=True,
        column_config=COLUMNS,
        key=f"parameters {run.run_id}",
        on_select="rerun",
        selection_mode="single-row",
        alt="Parameters",
    )
    name = next(iter(row_ids(state, names)), names[0])
    st.caption("Select a parameter to see its draws; the one shown first is the worst.")
    trace, ranks = st.columns(2, gap="medium")
    values = draws.of(name)
    trace.plotly_chart(draw_trace(values, name), height=FIGURE_PX, key="trace", alt="Draws in their order")
    ranks.plotly_chart(draw_ranks(rank_counts(values), name), height=FIGURE_PX, key="ranks", alt="Ranks of the draws")
    if draws.thin > 1:
        st.caption(f"Every {draws.thin}th draw is stored, so that ESS here is below the run's own.")


def _show_checks(run: Run) -> None:
    st.subheader("Predictive checks", help="Data made by the fitted model beside the data measured.")
    if not len(run.checks):
        st.info("This model has no predictive checks: it does not say how data come about.")
        return
    for column, (observable, histogram) in zip(st.columns(2, gap="medium"), run.check_histograms.items(), strict=False):
        column.plotly_chart(
            draw_check_histogram(histogram, observable), height=FIGURE_PX, key=f"histogram {observable}", alt=observable
        )
    with st.container(height=CHECKS_PX):
        st.plotly_chart(draw_checks(run.checks), key="checks", alt="P-values of the checks")


def show() -> None:
    """Show the page."""
    begin("Diagnostics")
    run, _ = choose_run("Diagnostics", "Did the sampler find the posterior, and does the model fit the data?")
    word = verdict(run.metrics).word
    if word == "converged":
        st.success("Converged: the sampler explored the posterior.", icon=":material/check:")
    elif word == "not sampled":
        st.info("Nothing was sampled in this run, so there is nothing to converge.", icon=":material/info:")
    if word != "not sampled":
        _show_sampler(run)
    _show_parameters(run)
    _show_checks(run)


show()
