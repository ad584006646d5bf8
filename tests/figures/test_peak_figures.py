"""Figures of peaks, as data: which traces, in which order and colour, with which text."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest
from big_run import HOSTILE, big_run

from compassign.figures import colours
from compassign.figures.base import plain
from compassign.figures.peaks import BELOW_NAME, draw_bars, draw_evidence, draw_map
from compassign.queries.detail import peak_detail
from compassign.queries.peaks import bars, peak_table, rows_of
from compassign.queries.run_folder import Run

pytest_plugins = ["example_runs"]


def shown_texts(figure: go.Figure) -> str:
    """Everything of a figure that plotly renders as text: all but customdata."""
    spec = json.loads(figure.to_json())
    for trace in spec["data"]:
        trace.pop("customdata", None)
    return json.dumps(spec, ensure_ascii=False)


def test_bars_are_drawn_where_they_begin(prior_run: Run) -> None:
    ids = prior_run.peaks["peak_id"].tolist()[:12]
    pieces = bars(prior_run, ids)
    figure = draw_bars(pieces)
    kinds = dict(zip(("candidate", "other", "background", "unlisted"), figure.data[:4], strict=True))
    for kind, trace in kinds.items():
        rows = pieces[pieces["kind"] == kind]
        assert trace.orientation == "h"
        np.testing.assert_array_equal(trace.x, rows["probability"])
        np.testing.assert_array_equal(trace.base, rows["start"])
        np.testing.assert_array_equal(trace.y, rows["row"])
        assert [tuple(pair) for pair in trace.customdata] == list(
            zip(rows["peak_id"], rows["compound_id"], strict=True)
        )
    ends = (pieces["start"] + pieces["probability"]).groupby(pieces["row"]).max()
    np.testing.assert_allclose(ends, 1.0)
    assert figure.layout.yaxis.autorange == "reversed"  # the first peak is on top
    assert list(figure.layout.yaxis.ticktext) == [plain(peak_id) for peak_id in ids]
    assert figure.layout.xaxis.title.text == "posterior probability"


def test_the_null_is_grey_and_its_unlisted_part_hatched(prior_run: Run) -> None:
    figure = draw_bars(bars(prior_run, ["p00", "p01"]))
    candidates, other, background, unlisted, _ = figure.data
    assert background.marker.color == unlisted.marker.color == colours.NULL
    assert unlisted.marker.pattern.shape == "/"
    assert background.marker.pattern.shape is None
    assert other.marker.color != colours.NULL
    assert list(candidates.marker.color) == colours.compound_colours(pair[1] for pair in candidates.customdata)
    assert unlisted.name == "null: unlisted"


def test_intervals_are_dots_that_start_with_their_piece() -> None:
    pieces = bars(big_run(3), ["P000001"])
    dots = draw_bars(pieces).data[4]
    # candidates of 0.6 and 0.3, each 0.05 either way; the null of 0.1 is too narrow for dots
    assert sorted(dots.x) == pytest.approx([0.55, 0.65, 0.85, 0.95])
    assert set(dots.y) == {BELOW_NAME}  # of the only row
    assert dots.mode == "markers"


def test_hostile_names_are_escaped_everywhere(lookup_run: Run) -> None:
    table = peak_table(lookup_run)
    assert HOSTILE in table["name"].tolist()
    caffeine = table[table["name"] == HOSTILE]["peak_id"].iloc[0]
    detail = peak_detail(lookup_run, caffeine)
    steps = detail.evidence[detail.evidence["candidate"] == 0]
    for figure in (
        draw_bars(bars(lookup_run, [caffeine, "<i>p3</i>"])),
        draw_map(table),
        draw_map(table, "decision"),
        draw_evidence(steps, HOSTILE, "caf"),
    ):
        shown = shown_texts(figure)
        assert "<b>" not in shown
        assert "<i>" not in shown
        assert "$x$" not in shown
        assert "&lt;b&gt;bold" in shown


def test_the_map_is_coloured_by_what_is_asked(lookup_run: Run) -> None:
    table = peak_table(lookup_run)
    points = draw_map(table, "entropy").data[0]
    assert isinstance(points, go.Scattergl)
    np.testing.assert_allclose(points.marker.color, table["entropy"], rtol=1e-6)
    np.testing.assert_allclose(points.x, table["rt_min"], rtol=1e-6)
    assert list(points.customdata) == table["peak_id"].tolist()
    assert points.marker.colorbar.title.text == "entropy, nats"
    figure = draw_map(table, "decision")
    assert {trace.name: len(trace.x) for trace in figure.data} == {
        decision: (table["decision"] == decision).sum() for decision in ("accept", "review", "null")
    }
    assert figure.data[2].marker.color == colours.NULL
    assert (figure.layout.xaxis.title.text, figure.layout.yaxis.title.text) == ("retention time, min", "m/z")


def test_picked_peaks_stand_out_in_map_and_bars(lookup_run: Run) -> None:
    table = peak_table(lookup_run)
    ring = draw_map(table[:20], picked=rows_of(table, ["<i>p3</i>", "p30", ""])).data[-1]
    assert ring.customdata.tolist() == ["<i>p3</i>", "p30"]  # also where it is not among the points
    assert ring.marker.symbol == "circle-open"
    assert len(draw_map(table, picked=table[:0]).data) == 1
    labels = draw_bars(bars(lookup_run, ["<i>p3</i>", "p30"]), picked="<i>p3</i>").layout.yaxis.ticktext
    assert labels == ("<b>&lt;i&gt;p3&lt;/i&gt;</b>", "p30")


def test_the_waterfall_ends_at_the_sum_of_its_steps() -> None:
    steps = pd.DataFrame(
        {"step": ["presence", "mass"], "log_odds": [-2.0, 3.5], "explanation": ["a < b " * 20, "fits"], "candidate": 0}
    )
    trace = draw_evidence(steps, "Leucine", "leu").data[0]
    assert trace.y == (-2.0, 3.5, None)
    assert trace.measure == ("relative", "relative", "total")
    assert trace.x == ("presence", "mass", "log-odds")
    assert trace.totals.marker.color == colours.compound_colour("leu")
    assert trace.increasing.marker.color != trace.decreasing.marker.color
    assert trace.hovertext[0].count("<br>") == 2  # wrapped, and otherwise escaped
    assert "<" not in trace.hovertext[0].replace("<br>", "")


def test_nothing_selected_draws_an_empty_frame(lookup_run: Run) -> None:
    assert len(draw_bars(bars(lookup_run, [])).data[0].x) == 0
    assert len(draw_map(peak_table(lookup_run)[:0], "decision").data) == 3


def test_a_map_of_fifty_thousand_peaks_is_small() -> None:
    assert len(draw_map(peak_table(big_run(50_000))).to_json()) < 5_000_000
