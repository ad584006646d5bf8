"""The standard figures of a run as HTML files that need neither a server nor a network."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from compassign.figures import colours
from compassign.figures.base import plain_lines
from compassign.figures.calibration import draw_reliability, draw_top_probabilities
from compassign.figures.peaks import draw_bars, draw_map
from compassign.queries.calibration import reliability, why_unscored
from compassign.queries.export import ExportFile, mark, warning
from compassign.queries.peaks import bars
from compassign.queries.run_folder import Run

N_BARS = 20  # as many as fit on a page
PAPER = "#FFFFFF"
TITLE_PX = 130  # room for four lines above the legend


def figure_files(run: Run, peaks: pd.DataFrame) -> list[ExportFile]:
    """The figures that a run has data for; peaks : its `compassign.queries.peaks.peak_table`."""
    drawn: list[tuple[str, str, Callable[[], go.Figure]]] = []
    if len(peaks):
        unsure = peaks.nlargest(N_BARS, "entropy")["peak_id"].tolist()
        drawn.append(
            ("uncertain_peaks", "Candidates of the most uncertain peaks", lambda: draw_bars(bars(run, unsure)))
        )
    if peaks["mz"].notna().any():
        drawn.append(("map", "Peaks by m/z and retention time", lambda: draw_map(peaks)))
    name = run.record.config.model
    if not why_unscored(run):
        drawn.append(
            ("reliability", "How often the probabilities came true", lambda: draw_reliability({name: reliability(run)}))
        )
    if len(peaks):
        top = peaks["probability"].to_numpy(dtype=np.float64)
        drawn.append(("top_probabilities", "How sure the calls are", lambda: draw_top_probabilities({name: top})))
    return [_file(run, stem, title, draw) for stem, title, draw in drawn]


def _file(run: Run, stem: str, title: str, draw: Callable[[], go.Figure]) -> ExportFile:
    lines = [title, f"run {run.run_id}", *([warning(run)] if warning(run) else [])]
    return ExportFile(f"{stem}{mark(run)}.html", f"{title}.", lambda: to_page(draw(), lines, bool(warning(run))))


def to_page(figure: go.Figure, lines: Sequence[str], is_warned: bool) -> bytes:
    """A figure as a page of its own, under lines of text; is_warned : whether these say not to trust it."""
    colour = colours.PALETTE[3] if is_warned else colours.INK
    title = "<br>".join(map(plain_lines, lines))
    figure.update_layout(
        title={"text": title, "font": {"size": 15, "color": colour}, "yref": "container"},
        paper_bgcolor=PAPER,
        plot_bgcolor=PAPER,
        margin={"t": TITLE_PX},
    )
    return str(figure.to_html(include_plotlyjs=True, include_mathjax=False, full_html=True)).encode("utf-8")
