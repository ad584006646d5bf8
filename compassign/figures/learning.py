"""Figure of learning: how good the probabilities are after so many questions."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from compassign.figures import colours
from compassign.figures.base import plain, style
from compassign.queries.learning import MEASURES, RANDOM


def draw_learning(curves: pd.DataFrame, measure: str) -> go.Figure:
    """One curve for each acquisition, the mean over loops, with the band from the lowest to the highest of them.

    curves : of `learning_curves`. measure : in MEASURES. What is asked at random is grey and dashed.
    """
    figure = go.Figure()
    others = [name for name in curves["acquisition"].unique().tolist() if name != RANDOM]
    colour = {name: colours.series_colour(index) for index, name in enumerate(others)}
    for name in [RANDOM, *others]:
        curve = curves[curves["acquisition"] == name]
        if len(curve):
            _add_curve(figure, curve, plain(name), colour.get(name, colours.INK), dash="dash" if name == RANDOM else "")
    figure.update_layout(hovermode="x unified")
    style(figure, "peaks asked about", MEASURES[measure])
    return figure


def _add_curve(figure: go.Figure, curve: pd.DataFrame, name: str, colour: str, dash: str) -> None:
    x = curve["n_asked"].to_numpy()
    n_seeds = int(curve["n_seeds"].iloc[0])
    if n_seeds > 1:  # of one loop the band has no width
        edge = {"mode": "lines", "line": {"width": 0}, "hoverinfo": "skip", "showlegend": False, "legendgroup": name}
        fill = {"fill": "tonexty", "fillcolor": colours.translucent(colour, 0.15)}
        figure.add_trace(go.Scatter(x=x, y=curve["low"].to_numpy(), **edge))
        figure.add_trace(go.Scatter(x=x, y=curve["high"].to_numpy(), **fill, **edge))
    line = {"color": colour, "dash": dash or "solid"}
    loops = f"{n_seeds} {'loop' if n_seeds == 1 else 'loops'}"
    figure.add_trace(
        go.Scatter(
            x=x,
            y=curve["mean"].to_numpy(),
            mode="lines+markers",
            line=line,
            name=f"{name}, {loops}",
            legendgroup=name,
            hovertemplate="%{y:.3g}",
        )
    )
