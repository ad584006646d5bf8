"""Text of users' files that stays text, and how numbers of a column are written."""

from __future__ import annotations

import string
from collections.abc import Callable

import streamlit as st
from streamlit.elements.lib.column_types import ColumnConfig

NOTHING = "\N{EN DASH}"  # where there is no number
DOT = " \N{MIDDLE DOT} "
_ESCAPES = str.maketrans({letter: f"\\{letter}" for letter in string.punctuation})
_Number = Callable[[str, str, str], ColumnConfig]


def escaped(text: str) -> str:
    """Text as one line that shows itself where Streamlit reads Markdown."""
    return "".join(letter if letter.isprintable() else " " for letter in text).translate(_ESCAPES)


def complain(headline: str, message: str) -> None:
    """Show an error in our own words above a message that may quote users' files."""
    st.error(headline, icon=":material/error:")
    st.text(message)


def _number(label: str, pattern: str, about: str = "") -> ColumnConfig:
    return st.column_config.NumberColumn(label, format=pattern, help=about or None)


def _share(label: str, about: str) -> ColumnConfig:
    return st.column_config.ProgressColumn(label, width=112, format="%.3f", min_value=0.0, max_value=1.0, help=about)


# One look for a column on all screens: name, digits that are known, and what it means.
COLUMNS: dict[str, ColumnConfig] = {
    "peak_id": st.column_config.TextColumn("Peak", width=72),
    "species": st.column_config.TextColumn("Species"),
    "mz": _number("m/z", "%.4f"),
    "rt_min": _number("RT, min", "%.2f"),
    "intensity": _number("Intensity", "%.3e"),
    "name": st.column_config.TextColumn(
        "Compound", width=140, help="The most probable explanation; empty for the null."
    ),
    "adduct": st.column_config.TextColumn("Adduct", width=90),
    "probability": _share("Probability", "Posterior probability (0 to 1)."),
    "p_null": _number("P(null)", "%.3f", "Probability that no compound of the library made this peak."),
    "entropy": _number("Entropy, nats", "%.2f", "How undecided the answer is; 0 where it is certain."),
    "decision": st.column_config.TextColumn(
        "Decision",
        width=70,
        help="accept: kept at the run's false-discovery rate; review: a person should look; null: none.",
    ),
    "q_value": _number("q", "%.3f", "False-discovery rate of the list that ends with this peak."),
    "n_candidates": _number("Candidates", "%d"),
    "is_labelled": st.column_config.CheckboxColumn("Labelled", help="Its answer was given to the fit."),
    "formula": st.column_config.TextColumn("Formula"),
    "mz_theoretical": _number("m/z, theoretical", "%.4f"),
    "ppm_error": _number("Mass error, ppm", "%+.2f", "(observed - theoretical) / theoretical."),
    "rt_z": _number("RT error, SD", "%+.2f", "(observed - predicted) / predictive standard deviation."),
    "hdi_low": _number("94 % from", "%.3f", "Lower end of the 94 % interval of the probability."),
    "hdi_high": _number("94 % to", "%.3f", "Upper end of the 94 % interval of the probability."),
    "log_odds": _number("Log-odds, nats", "%+.2f", "Against the null; above 0 the candidate is likelier."),
    "n_shared": _number("Shared candidates", "%d"),
}

METRIC_LABELS = {
    "precision": "Precision",
    "recall": "Recall",
    "f1": "F1",
    "top1": "Calls right",
    "log_loss": "Log loss, nats",
    "brier": "Brier score",
    "ece": "Calibration error",
    "n_scored": "Scored peaks",
    "runtime_s": "Runtime, s",
}


def metric_label(name: str) -> str:
    """What a person calls a metric of `compassign.queries.compare`."""
    for prefix, label in (("accepted_", "Accepted at FDR "), ("false_share_", "False share at FDR ")):
        if name.startswith(prefix):
            return label + name.removeprefix(prefix)
    return METRIC_LABELS.get(name, name)
