"""Figures of the sampler and of the model's fit: traces, ranks, predictive checks."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from compassign.figures import colours
from compassign.figures.base import empty, plain, plain_all, style
from compassign.units import FloatArray, IntArray

UNLIKELY = 0.01  # as in the report: p-values below it, or above 1 minus it, are a misfit
ROW_PX, AROUND_PX = 22, 120
_OBSERVABLES = {"mass": "mass error", "rt": "RT error"}


def draw_trace(values: FloatArray, name: str) -> go.Figure:
    """Draws of one parameter in the order in which they came, one line a chain.

    values : (n_chains, n_draws), in the parameter's own unit, which its name ends with.
    """
    figure = go.Figure()
    for chain, draws in enumerate(values):
        line = {"color": colours.series_colour(chain), "width": 1}
        # its index is enough for x: plotly counts from 0
        figure.add_trace(go.Scattergl(y=draws.astype(np.float32), mode="lines", name=f"chain {chain}", line=line))
    return style(figure, "stored draw", plain(name))


def draw_ranks(counts: IntArray, name: str) -> go.Figure:
    """Rank plot of one parameter, one outline a chain; level where the chains agree.

    counts : (n_chains, n_bins), of `compassign.queries.draws.rank_counts`.
    """
    figure = go.Figure()
    if not counts.size:
        return empty("nothing was sampled")
    edges = np.linspace(0.0, 1.0, counts.shape[1] + 1)
    for chain, row in enumerate(counts):
        line = {"shape": "hv", "color": colours.series_colour(chain)}
        figure.add_trace(go.Scatter(x=edges, y=np.append(row, row[-1]), mode="lines", name=f"chain {chain}", line=line))
    figure.add_hline(y=float(counts.mean()), line={"color": colours.INK, "dash": "dot"})
    style(figure, f"rank of {plain(name)} among all chains, share", "draws")
    return figure.update_yaxes(rangemode="tozero")


def draw_check_histogram(histogram: pd.DataFrame, observable: str) -> go.Figure:
    """Errors of the assigned peaks against what the model makes of them.

    histogram : one of `compassign.queries.run_folder.Run.check_histograms`. observable : `mass` or `rt`.
    """
    x = np.append(histogram["low"].to_numpy(), histogram["high"].to_numpy()[-1:])
    # a step reaches to the next x, so that the last value is drawn twice
    steps = {name: np.append(histogram[name].to_numpy(), histogram[name].to_numpy()[-1:]) for name in histogram}
    figure = go.Figure()
    edge = {"mode": "lines", "line": {"width": 0, "shape": "hv"}, "hoverinfo": "skip"}
    figure.add_trace(go.Scatter(x=x, y=steps["replicated_05"], showlegend=False, **edge))
    band = {"fill": "tonexty", "fillcolor": colours.translucent(colours.PALETTE[4], 0.35), "name": "model, 5 to 95 %"}
    figure.add_trace(go.Scatter(x=x, y=steps["replicated_95"], **band, **edge))
    for column, label, colour in (
        ("replicated_50", "model, median", colours.PALETTE[0]),
        ("observed", "observed", colours.PALETTE[3]),
    ):
        line = {"shape": "hv", "color": colour}
        figure.add_trace(go.Scatter(x=x, y=steps[column], mode="lines", name=label, line=line))
    return style(figure, f"standardised {_OBSERVABLES.get(observable, plain(observable))}, scales", "density")


def draw_checks(checks: pd.DataFrame) -> go.Figure:
    """The p-value of every predictive check, misfits in another colour and shape.

    checks : `compassign.queries.run_folder.Run.checks`, filtered or not.
    """
    if not len(checks):
        return empty("this model has no predictive checks: it does not say how data come about")
    p_value = checks["p_value"].to_numpy(dtype=np.float64)
    is_misfit = (p_value < UNLIKELY) | (p_value > 1.0 - UNLIKELY)
    row = np.arange(len(checks))
    parts = (plain_all(checks[name].astype(str).tolist()) for name in ("observable", "statistic", "group"))
    labels = [", ".join(label) for label in zip(*parts, strict=True)]
    hover = [
        f"{label}<br>observed {observed:.4g}<br>model {low:.4g} to {high:.4g}"
        for label, observed, low, high in zip(
            labels,
            *(checks[name].tolist() for name in ("observed", "replicated_05", "replicated_95")),
            strict=True,
        )
    ]
    figure = go.Figure()
    for is_shown, label, colour, symbol in (
        (~is_misfit, "as the model makes it", colours.PALETTE[0], "circle"),
        (is_misfit, "misfit", colours.PALETTE[3], "diamond"),
    ):
        at = np.flatnonzero(is_shown)
        figure.add_trace(
            go.Scatter(
                x=p_value[at],
                y=row[at],
                mode="markers",
                name=label,
                marker={"color": colour, "symbol": symbol, "size": 8},
                hovertext=[hover[i] for i in at],
                hovertemplate="%{hovertext}<br>p %{x:.3f}<extra></extra>",
            )
        )
    figure.update_layout(height=ROW_PX * len(checks) + AROUND_PX)
    style(figure, "share of replicated data with a larger value (p-value)", "check")
    figure.update_xaxes(range=[-0.02, 1.02])
    return figure.update_yaxes(tickvals=row.tolist(), ticktext=labels, range=[len(checks) - 0.5, -0.5])
