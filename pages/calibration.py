"""Calibration: how far the probabilities of a run can be trusted."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pandas as pd
import streamlit as st

from compassign.figures.calibration import draw_reliability, draw_thresholds
from compassign.queries.calibration import (
    AtAGlance,
    Reliability,
    Target,
    Thresholds,
    at_a_glance,
    calibration_groups,
    reliability,
    thresholds,
    why_unscored,
)
from compassign.queries.compounds import accepted_compounds
from compassign.queries.run_folder import Run
from pages.shared.audit_labels import show_audit_labels
from pages.shared.audits import show_audits
from pages.shared.current_run import changed_ns, choose_run
from pages.shared.figures import on_paper
from pages.shared.guard import begin
from pages.shared.recalibration import show_recalibration
from pages.shared.text import NOTHING

TARGETS: dict[str, Target] = {"The call": "call", "Each candidate": "pair", "The null": "null"}
GROUPS = {"Species": "species", "Adduct": "adduct", "Number of candidates": "n_candidates"}
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


@st.cache_resource(max_entries=48, show_spinner="Scoring the groups")
def _groups(_run: Run, path: Path, written_ns: int, target: Target, kind: str) -> pd.DataFrame:
    """path, written_ns : tell one run from another."""
    del path, written_ns
    return calibration_groups(_run, target, kind)


@st.cache_resource(max_entries=6, show_spinner="Scoring the probabilities")
def _thresholds(_run: Run, path: Path, written_ns: int) -> tuple[Thresholds, str]:
    """What each threshold accepts, and why the run cannot be scored, "" if it can."""
    del path, written_ns
    return thresholds(_run), why_unscored(_run)


@st.cache_resource(max_entries=6, show_spinner="Scoring the probabilities")
def _at_a_glance(_run: Run, path: Path, written_ns: int) -> AtAGlance:
    """path, written_ns : tell one run from another."""
    return at_a_glance(_run, _reliability(_run, path, written_ns, "call", None))


def _show_metrics(run: Run) -> None:
    row = st.container(horizontal=True)
    for name, label, about in METRICS:
        value = run.metrics.get(name)
        row.metric(label, "\N{EN DASH}" if value is None else f"{value:.3f}", help=about, border=True, width=METRIC_PX)


@st.fragment
def _show_reliability(run: Run, written_ns: int) -> None:
    st.subheader("Reliability", help="Where the line is above the dots, the run is less sure than it could be.")
    of, among = st.columns(2)
    label = of.segmented_control(
        "Probability of",
        list(TARGETS),
        default="The call",
        required=True,
        key="of",
        bind="query-params",
        help="The call: compound or null, one a peak. Each candidate: every candidate compound of every peak, called "
        "or not. The null: that nothing in the library made the peak.",
    )
    target = TARGETS[label or "The call"]
    options = [ALL_SPECIES, *sorted(run.peaks["species"].unique())]
    species = among.selectbox("Among", options, key="among", bind="query-params")
    chosen = None if species in {None, ALL_SPECIES} else species
    found = _reliability(run, run.path, written_ns, target, chosen)
    if found.missing:
        st.info("There is nothing to draw for this choice.")
        st.text(found.missing)
        return
    left, right = st.columns(2, gap="medium")
    figure = draw_reliability({run.record.config.model: found})
    left.plotly_chart(on_paper(figure), height=FIGURE_PX, key="reliability", alt="Reliability")
    verdict = "inside the band" if found.is_inside_band else ":orange-badge[outside the band]"
    left.caption(
        f"The line is {verdict}. If every probability were right, the whole line would lie inside in 90 % of cases."
    )
    with right:
        _show_numbers(found.numbers)
    _show_groups(run, written_ns, target)


def _show_numbers(numbers: pd.DataFrame) -> None:
    meanings = zip(numbers["label"], numbers["meaning"], strict=True)
    st.markdown("**How far off**", help="\n".join(f"- {label}: {meaning}." for label, meaning in meanings))
    text = partial(st.column_config.TextColumn, alignment="right")
    st.dataframe(
        numbers,
        height="content",
        hide_index=True,
        column_order=["label", "value", "interval", "if_calibrated"],
        column_config={
            "label": st.column_config.TextColumn("Number"),
            "value": text("Value", width=60),
            "interval": text("95 % interval", width=105, help="Compounds resampled; with 10 compounds or more."),
            "if_calibrated": text(
                "If right",
                width=65,
                help="What chance alone shows with as many peaks: the mean if every probability were right.",
            ),
        },
        placeholder=NOTHING,
        alt="Calibration errors",
    )


def _show_groups(run: Run, written_ns: int, target: Target) -> None:
    kinds = [label for label, kind in GROUPS.items() if (target, kind) != ("null", "adduct")]
    label = st.segmented_control("All species, by", kinds, default="Species", required=True, key=f"by {target}")
    table = _groups(run, run.path, written_ns, target, GROUPS[label or "Species"])
    if not len(table):
        st.caption("No group has 20 of them or more.")
        return
    share = partial(st.column_config.NumberColumn, format="%.3f")
    st.dataframe(
        table,
        height="content",
        hide_index=True,
        column_config={
            "group": st.column_config.TextColumn("Group", width=90),
            "n": st.column_config.NumberColumn("Number", width=65, help="Peaks, or pairs of peak and compound."),
            "mean_probability": share("Said", width=60, help="Mean probability."),
            "frequency": share("Came true", width=75, help="Share of them that is true."),
            "miscalibration": st.column_config.TextColumn(
                "Miscalibration", width=150, help="What right probabilities would save of the Brier score."
            ),
            "rms_error": st.column_config.TextColumn(
                "Debiased error", width=150, help="Root mean squared gap, without what chance adds."
            ),
            "is_inside_band": st.column_config.CheckboxColumn("In its band", width=75),
        },
        alt="Calibration by group",
    )


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
    figure = on_paper(draw_thresholds(found.table, threshold))
    st.plotly_chart(figure, height=FIGURE_PX - 80, key="thresholds", alt="Thresholds")


def _show_compounds(run: Run) -> None:
    lines = accepted_compounds(run)
    if lines:
        st.subheader(
            "Compounds", help="A compound is accepted as present by its best peak; the page Peaks lists them all."
        )
        st.text(lines)


def _show_checks(run: Run) -> None:
    """Show what needs no truth, one kind at a time: each is a step of its own that few runs have taken."""
    labels, audits, recalibrated = st.tabs(["Audit labels", "Audits", "Recalibration"])
    with labels:
        show_audit_labels(run)
    with audits:
        show_audits(run)
    with recalibrated:
        show_recalibration(run)


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
        _show_compounds(run)
        _show_checks(run)
        return
    st.caption(f"Scored on {run.metrics.get('n_scored', 0)} peaks whose truth is known and was not given to the fit.")
    glance = _at_a_glance(run, run.path, written_ns)
    (st.success if glance.is_trusted else st.warning)(glance.sentence, icon=":material/balance:")
    _show_metrics(run)
    _show_reliability(run, written_ns)
    _show_thresholds(found)
    _show_compounds(run)
    _show_checks(run)


show()
