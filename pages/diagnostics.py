"""Diagnostics: whether the sampler converged, and whether the model makes data like those measured."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import streamlit as st

from compassign.errors import InputError
from compassign.figures.diagnostics import (
    MAX_POINTS,
    draw_check_histogram,
    draw_checks,
    draw_energy,
    draw_known_rts,
    draw_ranks,
    draw_trace,
)
from compassign.queries.draws import Draws, convergence, rank_counts, read_draws, read_energy, read_rt_draws
from compassign.queries.known_rt import known_rts
from compassign.queries.overview import verdict
from compassign.queries.run_folder import Run
from pages.shared.current_run import changed_ns, choose_run
from pages.shared.figures import on_paper
from pages.shared.guard import begin
from pages.shared.selection import row_ids
from pages.shared.text import complain

FIGURE_PX = 280
CHECKS_PX = 460
METRIC_PX = 160  # two beside each other on a phone
STAGES = {"Assignment": read_draws, "Retention times": read_rt_draws}
LOW_BFMI = 0.3  # below it the energy moves too little to reach the tails. Source: Betancourt, arXiv:1604.00695
SAMPLER = (
    ("max_rhat", "Largest R-hat", ".3f", "Chains agree where it is near 1; below 1.01 for a full run."),
    ("min_ess_bulk", "Smallest ESS, bulk", ".0f", "Independent draws that the centre of a parameter is worth."),
    ("min_ess_tail", "Smallest ESS, tail", ".0f", "Independent draws that the ends of its interval are worth."),
    ("n_divergences", "Divergences", ".0f", "Steps that failed; any more than a few leave a part unexplored."),
)
COLUMNS = {
    "name": st.column_config.TextColumn("Parameter", width=150),
    "rhat": st.column_config.NumberColumn("R-hat", format="%.3f", help="Rank-normalised; 1 where chains agree."),
    "ess_bulk": st.column_config.NumberColumn("ESS, bulk", format="%.0f"),
    "ess_tail": st.column_config.NumberColumn("ESS, tail", format="%.0f"),
    **{name: st.column_config.NumberColumn(label, format="%.4g") for name, label in (("mean", "Mean"), ("sd", "SD"))},
    "low": st.column_config.NumberColumn("5 %", format="%.4g"),
    "high": st.column_config.NumberColumn("95 %", format="%.4g"),
}


@st.cache_resource(max_entries=6, show_spinner="Reading the draws")
def _read(_run: Run, path: Path, written_ns: int, stage: str) -> tuple[Draws, pd.DataFrame]:
    """path, written_ns : tell one run from another."""
    del path, written_ns
    draws = STAGES[stage](_run)
    return draws, convergence(draws)


@st.cache_resource(max_entries=6, show_spinner="Finding known retention times")
def _known_rts(_run: Run, path: Path, written_ns: int) -> pd.DataFrame:
    del path, written_ns
    return known_rts(_run)


def _show_sampler(run: Run) -> None:
    sampler = run.metrics.get("sampler") or {}
    row = st.container(horizontal=True)
    for name, label, digits, about in SAMPLER:
        value = sampler.get(name)
        shown = "\N{EN DASH}" if value is None else format(value, digits)
        row.metric(label, shown, help=about, border=True, width=METRIC_PX)
    not_informed = sampler.get("not_informed") or []
    if not_informed:
        st.caption("Parameters that the data say nothing about, so that their prior speaks alone:")
        st.text(", ".join(map(str, not_informed)))


@st.fragment
def _show_parameters(run: Run) -> None:
    st.subheader("Parameters", help="The worst R-hat comes first.")
    stage = st.segmented_control(
        "Of the model of", list(STAGES), default="Assignment", required=True, key="stage", bind="query-params"
    )
    try:
        draws, table = _read(run, run.path, changed_ns(run.path), stage or "Assignment")
    except InputError as error:
        complain("The draws of this run cannot be shown.", str(error))
        return
    if draws.names:
        _show_draws(draws, table, f"{run.run_id} {stage}")
    elif stage == "Assignment":
        st.info("No parameter of the assignment was sampled: the model has none, or it shows its prior.")
    else:
        st.info("Nothing was sampled for retention times: there were no calibrants and no labels to learn them from.")


def _show_draws(draws: Draws, table: pd.DataFrame, key: str) -> None:
    """The table of parameters, and the draws of one."""
    names = table["name"].tolist()
    state = st.dataframe(
        table,
        height=FIGURE_PX,
        hide_index=True,
        column_config=COLUMNS,
        column_order=list(COLUMNS),
        key=f"parameters {key}",
        on_select="rerun",
        selection_mode="single-row",
        alt="Parameters",
    )
    name = next(iter(row_ids(state, names)), names[0])
    st.caption("Select a parameter to see its draws; the one shown first is the worst.")
    trace, ranks = st.columns(2, gap="medium")
    values = draws.of(name)
    trace.plotly_chart(on_paper(draw_trace(values, name)), height=FIGURE_PX, key="trace", alt="Draws in their order")
    ranks.plotly_chart(
        on_paper(draw_ranks(rank_counts(values), name)), height=FIGURE_PX, key="ranks", alt="Ranks of the draws"
    )
    if draws.thin > 1:
        st.caption(f"Every {draws.thin}th draw is stored, so that ESS here is below the run's own.")


def _show_energy(run: Run) -> None:
    """The energy of the assignment's sampler, where there was one."""
    try:
        draws, _ = _read(run, run.path, changed_ns(run.path), "Assignment")
        energy = read_energy(run)
    except InputError:
        return  # the parameters say what is wrong with the file
    if not draws.names:
        return
    st.subheader("Energy", help="Where it moves much less from draw to draw than it varies, tails are not reached.")
    if not energy.values.size:
        st.info("The energy of the sampler was not stored with this run: run it again to see it.")
        return
    st.plotly_chart(on_paper(draw_energy(energy.values)), height=FIGURE_PX, key="energy", alt="Energy of the sampler")
    shares = ", ".join(f"{bfmi:.2f}" for bfmi in energy.bfmi)
    st.caption(f"E-BFMI of the chains: {shares}. Below {LOW_BFMI} the sampler moves too little to reach the tails.")


def _show_known_rts(run: Run) -> None:
    st.subheader(
        "Known retention times",
        help="Peaks whose compound is known, from the truth or a label, on the predicted density.",
    )
    known = _known_rts(run, run.path, changed_ns(run.path))
    if not len(known):
        st.info("No peak of this run has both a known compound and a predicted retention time.")
        return
    st.plotly_chart(on_paper(draw_known_rts(known)), height=FIGURE_PX, key="known rts", alt="Known retention times")
    st.caption(
        "Where predictions are honest, about 1 in 20 of those not given lies beyond 2 SDs; those that the predictions "
        "learned from tend to lie nearer. Drift between injections is not taken off."
    )
    if len(known) > MAX_POINTS:
        st.caption(f"Lines are of all {len(known):,} peaks; of their points at most {MAX_POINTS:,} of each colour.")


def _show_checks(run: Run) -> None:
    st.subheader("Predictive checks", help="Data made by the fitted model beside the data measured.")
    if not len(run.checks):
        st.info("This model has no predictive checks: it does not say how data come about.")
        return
    for column, (observable, histogram) in zip(st.columns(2, gap="medium"), run.check_histograms.items(), strict=False):
        column.plotly_chart(
            on_paper(draw_check_histogram(histogram, observable)),
            height=FIGURE_PX,
            key=f"histogram {observable}",
            alt=observable,
        )
    st.caption(
        "Each check by its p-value, the share of replicated data with a larger value; diamonds are misfits, below 0.01 "
        "or above 0.99."
    )
    with st.container(height=CHECKS_PX):
        st.plotly_chart(on_paper(draw_checks(run.checks)), key="checks", alt="P-values of the checks")


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
    if word != "not sampled":
        _show_energy(run)
    _show_known_rts(run)
    _show_checks(run)


show()
