"""Figures of a dataset before any run: where its peaks are, and how its masses fit the library."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from compassign.figures import colours
from compassign.figures.base import empty, plain_all, style

POINT_SIZE = 5
MOST_COUNTED = 20  # candidates a peak that have a bar of their own; all above share the last
BIN_PPM = 0.5


def draw_peak_map(peaks: pd.DataFrame) -> go.Figure:
    """Every peak at its m/z and RT, those without a compound of their mass in the null's grey.

    peaks : of `compassign.queries.datasets.Glance`.
    """
    figure = go.Figure()
    has_candidates = peaks["n_candidates"] > 0
    for rows, label, colour in (
        (peaks[~has_candidates], "no compound of this mass", colours.NULL),
        (peaks[has_candidates], "with candidates", colours.PALETTE[0]),
    ):
        figure.add_trace(
            go.Scattergl(
                # half the bytes to the browser, and finer than a pixel
                x=rows["rt_min"].to_numpy(dtype=np.float32),
                y=rows["mz"].to_numpy(dtype=np.float32),
                mode="markers",
                name=label,
                marker={"color": colour, "size": POINT_SIZE, "opacity": 0.7},
                hovertext=plain_all(rows["peak_id"].tolist()),
                customdata=rows["n_candidates"].to_numpy(),
                hovertemplate="%{hovertext}<br>m/z %{y:.4f}<br>%{x:.2f} min<br>%{customdata} candidates<extra></extra>",
            )
        )
    return style(figure, "retention time, min", "m/z")


def draw_candidate_counts(peaks: pd.DataFrame) -> go.Figure:
    """How many peaks have how many candidates; the last bar has all with MOST_COUNTED and more."""
    counted = np.bincount(np.minimum(peaks["n_candidates"].to_numpy(), MOST_COUNTED), minlength=1)
    numbers = np.arange(counted.size)
    labels = [f"{n} or more" if n == MOST_COUNTED else str(n) for n in numbers.tolist()]
    figure = go.Figure(
        go.Bar(
            x=numbers,
            y=counted,
            marker={"color": [colours.NULL, *[colours.PALETTE[0]] * (counted.size - 1)]},
            hovertext=labels,
            hovertemplate="%{y} peaks with %{hovertext}<extra></extra>",
        )
    )
    figure.update_layout(bargap=0.15)
    return style(figure, "candidates of a peak, by mass alone", "peaks")


def draw_mass_errors(peaks: pd.DataFrame, window_ppm: float) -> go.Figure:
    """Mass error of each peak's nearest candidate; flat where all matches are by chance.

    window_ppm : half-width of the mass window.
    """
    errors = peaks["ppm_error"].dropna().to_numpy(dtype=np.float64)
    if not errors.size:
        return empty("No peak has a compound of its mass: do polarity, adducts and units fit?")
    edges = np.arange(-window_ppm, window_ppm + BIN_PPM, BIN_PPM)
    counted, _ = np.histogram(errors, edges)
    figure = go.Figure(
        go.Bar(
            x=edges[:-1] + BIN_PPM / 2,
            y=counted,
            width=BIN_PPM,
            marker={"color": colours.PALETTE[0]},
            hovertemplate="%{y} peaks at %{x:+.2f} ppm<extra></extra>",
        )
    )
    figure.add_vline(x=0.0, line={"color": colours.INK, "width": 1})
    figure.update_layout(bargap=0.0)
    return style(figure, "mass error of the nearest candidate, ppm", "peaks")
