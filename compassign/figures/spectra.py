"""Figures of what was measured of a peak: its fragments, its ion over time, its isotopes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from compassign.figures import colours
from compassign.figures.base import plain, style
from compassign.queries.spectra import Eluting, Mirror
from compassign.units import FloatArray

MAX_BARS = 300  # fragments of a spectrum; smaller ones cannot be seen
_MATCHED, _OTHER = colours.PALETTE[0], colours.INK
_TICKS = (-100, -50, 0, 50, 100)
_TALLEST, _BESIDE_MZ = 128.0, 5.0  # room for the names, and for the outermost fragments


def draw_mirror(found: Mirror) -> go.Figure:
    """The peak's fragments upwards, those of the library's spectrum downwards; those that both have stand out."""
    figure = go.Figure()
    for bars, sign in ((found.peak, 1.0), (found.reference, -1.0)):
        strongest = bars.nlargest(MAX_BARS, "height")
        for is_matched, colour in ((False, _OTHER), (True, _MATCHED)):
            rows = strongest[strongest["is_matched"] == is_matched]
            label = "in both" if is_matched else "in one"
            figure.add_trace(_sticks(rows, sign, label, colour, is_shown=sign > 0.0))
    figure.add_hline(y=0.0, line={"color": colours.INK, "width": 1})
    figure.update_layout(showlegend=bool(len(found.reference)))
    style(figure, "m/z", "intensity, % of the highest")
    every = pd.concat([found.peak["mz"], found.reference["mz"]])
    figure.update_xaxes(range=[float(every.min()) - _BESIDE_MZ, float(every.max()) + _BESIDE_MZ])
    if not len(found.reference):
        return figure
    for text, y, anchor in (("this peak", 1.0, "top"), (f"library: {plain(found.reference_name)}", 0.0, "bottom")):
        figure.add_annotation(text=text, x=1.0, y=y, xref="paper", yref="paper", xanchor="right", yanchor=anchor)
        figure.layout.annotations[-1].update(showarrow=False)
    return figure.update_yaxes(
        tickvals=_TICKS, ticktext=[str(abs(tick)) for tick in _TICKS], range=[-_TALLEST, _TALLEST]
    )


def _sticks(rows: pd.DataFrame, sign: float, label: str, colour: str, is_shown: bool) -> go.Scatter:
    """One line from 0 to each height; breaks between them are gaps."""
    mz, height = rows["mz"].to_numpy(), sign * rows["height"].to_numpy()
    return go.Scatter(
        x=_three(mz, mz, np.nan),
        y=_three(0.0 * height, height, np.nan),
        mode="lines",
        name=label,
        legendgroup=label,
        showlegend=is_shown,
        line={"color": colour, "width": 1.5},
        hovertemplate="m/z %{x:.4f}<br>%{y:.1f} %<extra></extra>",
    )


def _three(first: FloatArray, second: FloatArray, third: float) -> FloatArray:
    """Values in turns: (n,), (n,) and a constant -> (3 n,)."""
    return np.stack([first, second, np.full(first.size, third)], axis=1).ravel()


def draw_chromatogram(found: Eluting) -> go.Figure:
    """The ion over time in each file, where the peak is, and where the candidate was predicted."""
    figure = go.Figure()
    for index, (name, trace) in enumerate(found.traces.items()):
        figure.add_trace(
            go.Scatter(
                x=trace.rt_min,
                y=trace.intensity,
                mode="lines",
                name=plain(name),
                line={"color": colours.series_colour(index), "width": 1.5},
                hovertemplate="%{x:.2f} min<br>%{y:.3g}<extra></extra>",
            )
        )
    if found.predicted_min is not None:
        low, high = found.predicted_min
        figure.add_vrect(x0=low, x1=high, fillcolor=colours.translucent(colours.PALETTE[2], 0.18), line_width=0)
    figure.add_vline(x=found.rt_min, line={"color": colours.INK, "dash": "dot", "width": 1})
    figure.update_layout(showlegend=len(found.traces) > 1)
    times = np.concatenate([trace.rt_min for trace in found.traces.values()])
    style(figure, "retention time, min", "intensity")
    return figure.update_xaxes(range=[float(times.min()), float(times.max())]).update_yaxes(rangemode="tozero")


def draw_isotopes(found: pd.DataFrame) -> go.Figure:
    """Isotope peaks beside what the candidate should show; found : of `compassign.queries.spectra.isotopes`."""
    figure = go.Figure()
    names = [f"M+{number}" if number else "M" for number in found["isotope"].tolist()]
    for column, label, colour in (("observed", "observed", colours.PALETTE[0]), ("expected", "expected", colours.NULL)):
        if found[column].notna().all():
            figure.add_trace(
                go.Bar(
                    x=names,
                    y=found[column].to_numpy(),
                    name=label,
                    marker={"color": colour},
                    hovertemplate="%{x}<br>%{y:.3f}<extra></extra>",
                )
            )
    figure.update_layout(barmode="group", showlegend=True)
    return style(figure, "", "share of the observed isotopes")
