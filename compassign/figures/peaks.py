"""Figures of peaks: responsibility bars, the m/z-RT map, and why a candidate is likely."""

from __future__ import annotations

from collections.abc import Mapping
from textwrap import wrap
from typing import Literal

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from compassign.figures import colours
from compassign.figures.base import joined_lines, plain, plain_all, plain_lines, style

ColourBy = Literal["probability", "entropy", "decision"]

ROW_PX, AROUND_PX = 29, 90  # height of a bar, and of axis and legend
DOT_SIZE, POINT_SIZE, RING_SIZE = 6, 5, 14
BELOW_NAME = 0.25  # of a bar's row: dots on its middle line would cover the names
MIN_DOTTED = 0.1  # probability; dots of narrower pieces cannot be told apart, their intervals are in the hover text
MIN_FONT_PX = 10  # a name that would have to be smaller is only in the hover text
LABEL_LENGTH = 14  # characters of a line below a column
_LEGEND = {
    "other": "others",
    "background": "null",
    "unlisted": "null: unlisted",
}
_NULL_HOVER = {"background": "null: background", "unlisted": "null: a compound that the library lacks"}
_HATCH = "/"
_COLOUR_TITLES = {"probability": "probability", "entropy": "entropy, nats"}


def draw_bars(pieces: pd.DataFrame, picked: str = "") -> go.Figure:
    """Responsibilities of some peaks: one horizontal bar a peak, the first on top.

    pieces : of `compassign.queries.peaks.bars`. Each piece carries its peak_id and compound_id as customdata. The ends
    of a 94 % interval are dots, measured from where the piece begins. picked : id of the peak whose label is bold.
    """
    figure = go.Figure()
    figure.add_trace(_candidates(pieces[pieces["kind"] == "candidate"]))
    for kind, label in _LEGEND.items():
        rows = pieces[pieces["kind"] == kind]
        hover = [f"{n} other candidates" if n else _NULL_HOVER[kind] for n in rows["n_merged"].tolist()]
        colour = colours.CLEAR if kind == "other" else colours.NULL
        pattern = (
            {"shape": _HATCH, "fgcolor": colours.HATCH, "bgcolor": colours.NULL, "size": 6}
            if kind == "unlisted"
            else {}
        )
        figure.add_trace(_pieces(rows, label, hover, {"color": colour, "pattern": pattern}))
    figure.add_trace(_interval_ends(pieces))
    names = pieces.drop_duplicates("row")
    figure.update_layout(barmode="overlay", height=ROW_PX * len(names) + AROUND_PX, bargap=0.15)
    figure.update_layout(uniformtext={"mode": "hide", "minsize": MIN_FONT_PX})
    style(figure, "posterior probability", "")
    figure.update_xaxes(range=[0.0, 1.0])
    labels = [f"<b>{plain(peak)}</b>" if peak == picked else plain(peak) for peak in names["peak_id"].tolist()]
    return figure.update_yaxes(tickvals=names["row"].tolist(), ticktext=labels, autorange="reversed")


def _candidates(rows: pd.DataFrame) -> go.Bar:
    names, adducts = plain_all(rows["name"].tolist()), plain_all(rows["adduct"].tolist())
    hover = [f"{name} {adduct}" for name, adduct in zip(names, adducts, strict=True)]
    fill = colours.compound_colours(rows["compound_id"].tolist())
    bar = _pieces(rows, "candidates", hover, {"color": fill})
    bar.update(insidetextfont={"color": [colours.text_colour(colour) for colour in fill]})
    # a legend cannot show that each compound has a colour of its own
    return bar.update(text=names, textposition="inside", insidetextanchor="start", showlegend=False)


def _pieces(rows: pd.DataFrame, label: str, hover: list[str], marker: Mapping[str, object]) -> go.Bar:
    """Pieces of one kind, each at its own place: traces of different kinds need no stacking."""
    spans = _span_texts(rows["hdi_low"], rows["hdi_high"])
    return go.Bar(
        x=rows["probability"].to_numpy(),
        y=rows["row"].to_numpy(),
        base=rows["start"].to_numpy(),
        orientation="h",
        name=label,
        marker={**marker, "line": {"color": colours.OUTLINE, "width": 1}},
        customdata=rows[["peak_id", "compound_id"]].to_numpy(dtype=object),
        hovertext=[
            f"{plain(peak)}<br>{what}<br>probability {probability:.3f}{span}"
            for peak, what, probability, span in zip(
                rows["peak_id"].tolist(), hover, rows["probability"].tolist(), spans, strict=True
            )
        ],
        hoverinfo="text",
    )


def _span_texts(low: pd.Series[float], high: pd.Series[float]) -> list[str]:
    return [
        f"<br>94 % interval {a:.3f} to {b:.3f}" if np.isfinite(a) and np.isfinite(b) else ""
        for a, b in zip(low.tolist(), high.tolist(), strict=True)
    ]


def _interval_ends(pieces: pd.DataFrame) -> go.Scatter:
    """Dots where a piece would end at the lower and the upper end of its interval; none for a certain or narrow one."""
    known = pieces[(pieces["hdi_high"] > pieces["hdi_low"]) & (pieces["probability"] >= MIN_DOTTED)]
    ends = pd.concat([known["start"] + known["hdi_low"], known["start"] + known["hdi_high"]])
    return go.Scatter(
        x=ends.clip(0.0, 1.0).to_numpy(),
        y=np.tile(known["row"].to_numpy() + BELOW_NAME, 2),
        mode="markers",
        name="94 % interval",
        marker={"size": DOT_SIZE, "color": colours.INK, "line": {"color": "white", "width": 1}},
        hoverinfo="skip",
    )


def draw_map(table: pd.DataFrame, colour_by: ColourBy = "probability", picked: pd.DataFrame | None = None) -> go.Figure:
    """Every peak at its m/z and RT.

    table : of `compassign.queries.peaks.peak_table`, filtered or not. Each point carries its peak_id as customdata.
    picked : rows of the same table that get a ring.
    """
    figure = go.Figure()
    if colour_by == "decision":
        for decision, colour in colours.DECISIONS.items():
            rows = table[table["decision"] == decision]
            figure.add_trace(_points(rows, decision, {"color": colour, "size": POINT_SIZE}))
    else:
        marker = {
            "color": table[colour_by].to_numpy(dtype=np.float32),
            "colorscale": colours.SCALE,
            "colorbar": {"title": {"text": _COLOUR_TITLES[colour_by]}},
            "cmin": 0.0,  # plotly heeds it only beside a largest value
            "cmax": max(1.0, float(table[colour_by].max())) if len(table) else 1.0,
            "size": POINT_SIZE,
        }
        figure.add_trace(_points(table, "peaks", marker).update(showlegend=False))
    if picked is not None and len(picked):
        ring = {"symbol": "circle-open", "color": colours.INK, "size": RING_SIZE, "line": {"width": 2}}
        figure.add_trace(_points(picked, "selected", ring))
    return style(figure, "retention time, min", "m/z")


def _points(rows: pd.DataFrame, label: str, marker: Mapping[str, object]) -> go.Scattergl:
    return go.Scattergl(
        # half the bytes to the browser, and finer than a pixel
        x=rows["rt_min"].to_numpy(dtype=np.float32),
        y=rows["mz"].to_numpy(dtype=np.float32),
        mode="markers",
        name=label,
        marker=marker,
        customdata=rows["peak_id"].to_numpy(dtype=object),
        hovertext=joined_lines(rows["peak_id"], rows["name"].where(rows["name"] != "", "null")),
        hovertemplate="%{hovertext}<br>m/z %{y:.4f}<br>%{x:.2f} min<extra></extra>",
    )


def draw_evidence(steps: pd.DataFrame, name: str, compound_id: str) -> go.Figure:
    """Why a candidate is likely or not: the steps from even odds to its log-odds against the null.

    steps : the rows of one candidate in `compassign.queries.detail.PeakDetail.evidence`. name : the compound's.
    """
    values = steps["log_odds"].to_numpy(dtype=np.float64)
    labels = ["<br>".join(plain_all(wrap(step, LABEL_LENGTH))) for step in [*steps["step"].tolist(), "log-odds"]]
    notes = [
        *map(plain_lines, steps["explanation"].tolist()),
        "The sum: above 0 the candidate is likelier than the null.",
    ]
    figure = go.Figure(
        go.Waterfall(
            x=labels,
            y=[*values.tolist(), None],
            measure=["relative"] * values.size + ["total"],
            name=plain(name),
            hovertext=notes,
            hovertemplate="%{x}: %{delta:+.2f} nats<br>%{hovertext}<extra></extra>",
            texttemplate="%{delta:+.2f}",
            cliponaxis=False,  # the number of a small step at the top is above the axes
            increasing={"marker": {"color": colours.SUPPORTING}},
            decreasing={"marker": {"color": colours.OPPOSING}},
            totals={"marker": {"color": colours.compound_colour(compound_id)}},
            connector={"line": {"color": colours.INK, "width": 1}},
        )
    )
    figure.add_hline(y=0.0, line={"color": colours.INK, "width": 1})
    figure.update_layout(showlegend=False, title={"text": plain(name), "font": {"size": 14}})
    return style(figure, "", "log-odds against the null, nats")
