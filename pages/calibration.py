"""Calibration: how far the probabilities of a run can be trusted."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from compassign.figures.calibration import draw_reliability, draw_thresholds
from compassign.queries.calibration import Reliability, Target, Thresholds, reliability, thresholds, why_unscored
from compassign.queries.run_folder import Run
from pages.shared.current_run import changed_ns, choose_run
from pages.shared.guard import begin

TARGETS: dict[str, Target] = {"The call": "call", "The null": "null"}
ALL_SPECIES = "All species"
FIGURE_PX = 470
METRIC_PX = 152  # two beside each other on a phone
METRICS = (
    ("precision", "Precision", "Share of the compound calls that are right."),
    ("recall", "Recall", "Share of the peaks with a library compound that are called right."),
    ("top1", "Calls right", "Share of all calls, nulls included, that are right."),
    ("log_loss", "Log loss, nats", "Penalty for unlikely truths; lower is better."),
    ("brier", "Brier score", "Mean squared error of the probabilities; lower is better."),
    ("ece", "Calibration error", "Expected calibration error, 0 to 1; lower is better."),
)


@st.cache_resource(max_entries=48, show_spinner="Scoring the probabilities")
def _reliability(_run: Run, path: Path, written_ns: int, target: Target, species: str | None) -> Reliability:
    """path, written_ns : tell one run from another."""
    del path, written_ns
    return reliability(_run, target, species)


@st.cache_resource(max_entries=6, show_spinner="Scoring the probabilities")
def _thresholds(_run: Run, path: Path, written_ns: int) -> tuple[Thresholds, str]:
    """What each threshold accepts, and why the run cannot be scored, "" if it can."""
    del path, written_ns
    return thresholds(_run), why_unscored(_run)


def _show_metrics(run: Run) -> None:
    row = st.container(horizontal=True)
    for name, label, about in METRICS:
        value = run.metrics.get(name)
        row.metric(label, "\N{EN DASH}" if value is None else f"{value:.3f}", help=about, border=True, width=METRIC_PX)


@st.fragment
def _show_reliability(run: Run, written_ns: int) -> None:
    st.subheader("Reliability", help="Where the line is above the dots, the run is less sure than it could be.")
    of, among = st.columns(2)
    target = of.segmented_control(
        "Probability of", list(TARGETS), default="The call", required=True, key="of", bind="query-params"
    )
    options = [ALL_SPECIES, *sorted(run.peaks["species"].unique())]
    species = among.selectbox("Among", options, key="among", bind="query-params")
    chosen = None if species in {None, ALL_SPECIES} else species
    curve = _reliability(run, run.path, written_ns, TARGETS[target or "The call"], chosen)
    if curve.missing:
        st.info("There is nothing to draw for this choice.")
        st.text(curve.missing)
        return
    st.plotly_chart(
        draw_reliability({run.record.config.model: curve}), height=FIGURE_PX, key="reliability", alt="Reliability"
    )
    st.caption("The band is where the line would lie in 90 % of cases if every probability were right.")


@st.fragment
def _show_thresholds(found: Thresholds) -> None:
    st.subheader("Threshold explorer", help="Accept every compound call at or above this probability.")
    threshold = st.slider("Accept from probability", 0.0, 1.0, 0.9, 0.01, key="threshold", bind="query-params")
    row = found.at(threshold)
    shown = (
        ("n_accepted", "Accepted peaks", ".0f"),
        ("expected_false_share", "Expected false", ".3f"),
        ("precision", "Precision", ".3f"),
        ("recall", "Recall", ".3f"),
    )
    numbers = st.container(horizontal=True)
    for name, label, digits in shown:
        value = "\N{EN DASH}" if row[name] != row[name] else format(row[name], digits)
        numbers.metric(label, value)
    st.plotly_chart(draw_thresholds(found.table, threshold), height=FIGURE_PX - 80, key="thresholds", alt="Thresholds")


def show() -> None:
    """Show the page."""
    begin("Calibration")
    run, _ = choose_run("Calibration", "Do probabilities come true as often as they say? On peaks the fit did not see.")
    written_ns = changed_ns(run.path)
    found, missing = _thresholds(run, run.path, written_ns)
    if missing:
        st.info("This run cannot be scored, so only what it expects of itself is shown.", icon=":material/help:")
        st.text(f"What is missing: {missing}.")
        _show_thresholds(found)
        return
    st.caption(f"Scored on {run.metrics.get('n_scored', 0)} peaks whose truth is known and was not given to the fit.")
    _show_metrics(run)
    left, right = st.columns(2, gap="medium")
    with left:
        _show_reliability(run, written_ns)
    with right:
        _show_thresholds(found)


show()
