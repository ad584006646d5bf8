"""Figures of calibration: reliability, thresholds, and how sure runs are."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from compassign.figures import colours
from compassign.figures.base import empty, plain, style
from compassign.queries.calibration import Reliability
from compassign.units import FloatArray

N_BINS = 20
_PANELS = {"rows": 2, "cols": 1, "shared_xaxes": True, "vertical_spacing": 0.06, "row_heights": [0.75, 0.25]}
_SHARE_RANGE = [-0.02, 1.02]  # a line at 0 or 1 is seen whole
_SHARES = {"precision": "precision", "recall": "recall", "false_share": "false share"}


def draw_reliability(curves: Mapping[str, Reliability]) -> go.Figure:
    """How often the probabilities came true, one curve a run, above the histogram of the probabilities.

    curves : name of the run, shown in the legend -> its reliability, all of one kind of statement. The band is where
    the whole curve of right probabilities would lie. Curves of runs that are not scored are left out; without any, the
    figure says what is missing.
    """
    scored = {name: curve for name, curve in curves.items() if curve.n_scored}
    if not scored:
        return empty(next((curve.missing for curve in curves.values()), "no run is chosen"))
    figure = make_subplots(**_PANELS)
    ends = [0.0, 1.0]
    diagonal = go.Scatter(x=ends, y=ends, mode="lines", line={"color": colours.INK, "dash": "dot"}, name="calibrated")
    figure.add_trace(diagonal, row=1, col=1)
    for index, (name, reliability) in enumerate(scored.items()):
        _add_curve(figure, reliability, plain(name), colours.series_colour(index))
    figure.update_layout(barmode="group", bargap=0.05)
    style(figure, "probability", "how often it came true")
    figure.update_xaxes(range=ends)
    figure.update_yaxes(range=_SHARE_RANGE, row=1, col=1)
    figure.update_yaxes(title_text=next(iter(scored.values())).counted, row=2, col=1)
    return figure


def _add_curve(figure: go.Figure, reliability: Reliability, name: str, colour: str) -> None:
    curve, bins = reliability.curve, reliability.bins
    probability = curve["probability"].to_numpy()
    edge = {"mode": "lines", "line": {"width": 0}, "hoverinfo": "skip", "showlegend": False, "legendgroup": name}
    figure.add_trace(go.Scatter(x=probability, y=curve["low"].to_numpy(), **edge), row=1, col=1)
    band = go.Scatter(
        x=probability, y=curve["high"].to_numpy(), fill="tonexty", fillcolor=colours.translucent(colour, 0.2), **edge
    )
    figure.add_trace(band, row=1, col=1)
    line = go.Scatter(
        x=probability,
        y=curve["frequency"].to_numpy(),
        mode="lines",
        line={"color": colour, "shape": "hv"},
        name=f"{name}, {reliability.n_scored} {reliability.counted}",
        legendgroup=name,
        hovertemplate="probability %{x:.2f}<br>came true %{y:.2f}<extra></extra>",
    )
    figure.add_trace(line, row=1, col=1)
    middle, width = (bins["low"] + bins["high"]) / 2, bins["high"] - bins["low"]
    histogram = go.Bar(
        x=middle.to_numpy(),
        y=bins["count"].to_numpy(),
        marker={"color": colour},
        showlegend=False,
        legendgroup=name,
        customdata=width.to_numpy(),
        hovertemplate=f"around %{{x:.2f}}: %{{y}} {reliability.counted}<extra></extra>",
    )
    figure.add_trace(histogram, row=2, col=1)


def draw_thresholds(table: pd.DataFrame, threshold: float) -> go.Figure:
    """What a threshold on the probability would accept, and how much of it would be right.

    table : of `compassign.queries.calibration.Thresholds`; shares that are all missing are left out. threshold : the
    one that is chosen, 0 to 1, marked by a line.
    """
    figure = make_subplots(**_PANELS)
    x = table["threshold"].to_numpy()
    for index, (column, label) in enumerate(_SHARES.items()):
        if table[column].notna().any():
            figure.add_trace(_line(x, table[column], label, colours.series_colour(index)), row=1, col=1)
    expected = _line(x, table["expected_false_share"], "expected false share", colours.PALETTE[3])
    figure.add_trace(expected.update(line={"dash": "dot"}), row=1, col=1)
    accepted = _line(x, table["n_accepted"], "accepted peaks", colours.INK)
    figure.add_trace(accepted.update(line={"shape": "hv"}, showlegend=False), row=2, col=1)
    figure.add_vline(x=threshold, line={"color": colours.INK, "dash": "dash"})
    figure.update_layout(hovermode="x unified")
    style(figure, "threshold on the probability", "share")
    figure.update_xaxes(range=[0.0, 1.0])
    figure.update_yaxes(range=_SHARE_RANGE, row=1, col=1)
    figure.update_yaxes(title_text="accepted", rangemode="tozero", row=2, col=1)
    return figure


def _line(x: FloatArray, values: pd.Series[float], label: str, colour: str) -> go.Scatter:
    return go.Scatter(x=x, y=values.to_numpy(dtype=np.float64), mode="lines", name=label, line={"color": colour})


def draw_top_probabilities(probabilities: Mapping[str, FloatArray]) -> go.Figure:
    """How sure runs are of their calls: the distributions of the top probability, overlaid.

    probabilities : name of the run, shown in the legend -> (n_peaks,) probability of each call.
    """
    figure = go.Figure()
    edges = np.linspace(0.0, 1.0, N_BINS + 1)
    for index, (name, values) in enumerate(probabilities.items()):
        share = np.histogram(values, edges)[0] / max(values.size, 1)
        step = go.Scatter(
            x=edges,
            y=np.append(share, share[-1]),
            mode="lines",
            line={"shape": "hv", "color": colours.series_colour(index)},
            name=f"{plain(name)}, {values.size} peaks",
            hovertemplate="from %{x:.2f}: %{y:.1%}<extra></extra>",
        )
        figure.add_trace(step)
    style(figure, "probability of the call", "share of peaks")
    figure.update_yaxes(tickformat=".0%", rangemode="tozero")
    return figure.update_xaxes(range=[0.0, 1.0])
