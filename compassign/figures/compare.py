"""Figures that set one run against another."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from compassign.figures import colours
from compassign.figures.base import empty, joined_lines, plain, style

_GROUPS = ((False, "same call", colours.INK), (True, "another call", colours.PALETTE[3]))
_POINT_SIZE = 6


def draw_against(peaks: pd.DataFrame, name_a: str, name_b: str) -> go.Figure:
    """Probability of each peak's call in run B against that in run A.

    peaks : of `compassign.queries.compare.Comparison`. Each point carries its peak_id as customdata.
    """
    if not len(peaks):
        return empty("the two runs have no peaks in common")
    figure = go.Figure()
    ends, around = [0.0, 1.0], [-0.02, 1.02]  # a point at 0 or 1 is seen whole
    for is_changed, label, colour in _GROUPS:
        rows = peaks[peaks["is_changed"] == is_changed]
        calls = [f"{name_a}: " + rows["name_a"].where(rows["call_a"] != "", "null")]
        calls += [f"{name_b}: " + rows["name_b"].where(rows["call_b"] != "", "null")]
        figure.add_trace(
            go.Scatter(
                x=rows["probability_a"].to_numpy(dtype=np.float32),
                y=rows["probability_b"].to_numpy(dtype=np.float32),
                mode="markers",
                name=f"{label}, {len(rows)} peaks",
                marker={"color": colour, "size": _POINT_SIZE, "opacity": 0.7},
                customdata=rows["peak_id"].to_numpy(dtype=object),
                hovertext=joined_lines(rows["peak_id"], *calls),
                hovertemplate="%{hovertext}<br>%{x:.3f} against %{y:.3f}<extra></extra>",
            )
        )
    equal = {"mode": "lines", "line": {"color": colours.INK, "dash": "dot"}, "hoverinfo": "skip", "showlegend": False}
    figure.add_trace(go.Scatter(x=ends, y=ends, **equal))
    style(figure, f"probability of the call in {plain(name_a)}", f"probability of the call in {plain(name_b)}")
    figure.update_xaxes(range=around)
    return figure.update_yaxes(range=around)
