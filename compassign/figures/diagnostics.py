"""Figures of the sampler and of the model's fit: traces, ranks, predictive checks."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from compassign.figures import colours
from compassign.figures.base import empty, joined_lines, plain, plain_all, style
from compassign.queries.peaks import thinned
from compassign.units import FloatArray, IntArray

UNLIKELY = 0.01  # as in the report: p-values below it, or above 1 minus it, are a misfit
ROW_PX, AROUND_PX = 36, 110
N_ENERGY_BINS = 40
MAX_POINTS = 1000  # of a colour: more cover each other, and make a browser slow
MIN_REACH_SD, RT_BIN_SD = 4.0, 0.5  # of the predictive density that is drawn, and of the bins on it
_STATISTICS = {
    "median_ppm": "median error, ppm",
    "iqr_ppm": "middle half of errors, ppm",
    "median_sd": "median error, SD",
    "iqr_sd": "middle half of errors, SD",
    "share_beyond_2": "errors beyond 2 SD",
    "n_listed": "peaks of the library",
    "n_unlisted": "peaks of unlisted compounds",
    "n_background": "peaks of the background",
}
_SHORT = {"rt": "RT"}
_OBSERVABLES = {"mass": "mass error", "rt": "RT error"}


def draw_trace(values: FloatArray, name: str) -> go.Figure:
    """Draws of one parameter in the order in which they came, one line a chain.

    values : (n_chains, n_draws), in the parameter's own unit, which its name ends with.
    """
    figure = go.Figure()
    for chain, draws in enumerate(values):
        line = {"color": colours.series_colour(chain), "width": 1}
        # its index is enough for x: plotly counts from 0; a canvas of WebGL takes longer to set up than these to draw
        figure.add_trace(go.Scatter(y=draws.astype(np.float32), mode="lines", name=f"chain {chain}", line=line))
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


def draw_energy(energy: FloatArray) -> go.Figure:
    """How far the energy reaches over all draws, and how far it moves from one draw to the next.

    energy : (n_chains, n_draws), nats. Where the moves are much narrower, the sampler does not reach the tails.
    """
    if not energy.size:
        return empty("the energy of the sampler was not stored with this run")
    figure = go.Figure()
    for values, label, colour in (
        (energy - energy.mean(axis=1, keepdims=True), "all draws", colours.PALETTE[4]),
        (np.diff(energy, axis=1), "from draw to draw", colours.PALETTE[3]),
    ):
        density, edges = np.histogram(values, N_ENERGY_BINS, density=True)
        line = {"shape": "hv", "color": colour}
        fill = {"fill": "tozeroy", "fillcolor": colours.translucent(colour, 0.2)}
        figure.add_trace(
            go.Scatter(x=edges, y=np.append(density, density[-1]), mode="lines", name=label, line=line, **fill)
        )
    return style(figure, "energy about its mean, nats", "density")


def draw_known_rts(known: pd.DataFrame) -> go.Figure:
    """How far RTs of peaks whose compound is known lie from their predictions, on the predictive density.

    known : of `compassign.queries.known_rt.known_rts`. Each peak is a point below the axis, with its peak_id as
    customdata.
    """
    if not len(known):
        return empty("no peak has both a known compound and a predicted RT")
    reach = np.ceil(max(MIN_REACH_SD, float(known["rt_z"].abs().max())))
    grid = np.linspace(-reach, reach, 201)
    figure = go.Figure()
    line = {"color": colours.INK, "dash": "dot"}
    figure.add_trace(go.Scatter(x=grid, y=_normal(grid), mode="lines", name="predicted", line=line, hoverinfo="skip"))
    edges = np.arange(-reach, reach + RT_BIN_SD, RT_BIN_SD)
    for is_given, label, colour, below in (
        (False, "not given to the fit", colours.PALETTE[0], -0.02),
        (True, "learned from", colours.PALETTE[1], -0.05),
    ):
        rows = known[known["is_given"] == is_given]
        if len(rows):
            figure.add_traces([_density(rows, edges, label, colour), _points_below(rows, colour, below)])
    return style(figure, "observed - predicted RT, predictive SDs", "density")


def _density(rows: pd.DataFrame, edges: FloatArray, label: str, colour: str) -> go.Scatter:
    density = np.histogram(rows["rt_z"].to_numpy(dtype=np.float64), edges, density=True)[0]
    line = {"shape": "hv", "color": colour}
    name = f"{label}, {len(rows)}"
    return go.Scatter(x=edges, y=np.append(density, density[-1]), mode="lines", name=name, line=line, hoverinfo="skip")


def _points_below(rows: pd.DataFrame, colour: str, below: float) -> go.Scatter:
    rows = thinned(rows.sort_values("rt_z", kind="stable"), MAX_POINTS)  # with both ends
    return go.Scatter(
        x=rows["rt_z"].to_numpy(dtype=np.float64),
        y=np.full(len(rows), below),
        mode="markers",
        marker={"color": colour, "symbol": "line-ns-open", "size": 8},
        customdata=rows["peak_id"].to_numpy(dtype=object),
        hovertext=joined_lines(rows["peak_id"], rows["name"], rows["adduct"]),
        hovertemplate="%{hovertext}<br>%{x:+.2f} SD<extra></extra>",
        showlegend=False,
    )


def _normal(z: FloatArray) -> FloatArray:
    return np.asarray(np.exp(-0.5 * np.square(z)) / np.sqrt(2.0 * np.pi))


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
    """The p-value of every predictive check, the most extreme on top, misfits in another colour and shape.

    checks : `compassign.queries.run_folder.Run.checks`, filtered or not.
    """
    if not len(checks):
        return empty("this model has no predictive checks: it does not say how data come about")
    checks = checks.sort_values("p_value", key=lambda p: (0.5 - p).abs(), ascending=False, kind="stable")
    p_value = checks["p_value"].to_numpy(dtype=np.float64)
    is_misfit = (p_value < UNLIKELY) | (p_value > 1.0 - UNLIKELY)
    row = np.arange(len(checks))
    labels = _check_labels(checks)
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
    figure.update_layout(height=ROW_PX * len(checks) + AROUND_PX, showlegend=False)
    style(figure, "p-value", "check")
    # on top, where it is seen however long the list is
    figure.update_xaxes(range=[-0.02, 1.02], side="top", title_standoff=4)
    return figure.update_yaxes(title_text="", tickvals=row.tolist(), ticktext=labels, range=[len(checks) - 0.5, -0.5])


def _check_labels(checks: pd.DataFrame) -> list[str]:
    """What each check counts, and of which peaks, on two lines: a phone has no room for one."""
    parts = (plain_all(checks[name].astype(str).tolist()) for name in ("observable", "statistic", "group"))
    return [
        f"{_STATISTICS.get(what, what)}<br>{_SHORT.get(of, of)}, {group}"
        for of, what, group in zip(*parts, strict=True)
    ]
