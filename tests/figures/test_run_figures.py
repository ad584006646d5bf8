"""Figures of calibration, comparison and diagnostics, as data."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest
from big_run import HOSTILE

from compassign.figures import colours
from compassign.figures.base import plain
from compassign.figures.calibration import draw_reliability, draw_thresholds, draw_top_probabilities
from compassign.figures.compare import draw_against
from compassign.figures.diagnostics import (
    MAX_POINTS,
    draw_check_histogram,
    draw_checks,
    draw_energy,
    draw_known_rts,
    draw_ranks,
    draw_trace,
)
from compassign.queries.calibration import reliability, thresholds
from compassign.queries.compare import compare
from compassign.queries.draws import rank_counts, read_draws
from compassign.queries.known_rt import known_rts
from compassign.queries.run_folder import Run

pytest_plugins = ["example_runs"]


def trace_named(figure: go.Figure, name: str) -> go.Scatter:
    (found,) = [trace for trace in figure.data if trace.name == name]
    return found


def test_reliability_is_a_band_a_curve_and_a_histogram(lookup_run: Run, prior_run: Run) -> None:
    found = {HOSTILE: reliability(lookup_run), "prior": reliability(prior_run)}
    figure = draw_reliability(found)
    assert len(figure.data) == 1 + 4 * len(found)
    for index, (name, curve) in enumerate(found.items()):
        low, high, line, histogram = figure.data[1 + 4 * index : 5 + 4 * index]
        np.testing.assert_array_equal(low.y, curve.curve["low"])
        np.testing.assert_array_equal(high.y, curve.curve["high"])
        np.testing.assert_array_equal(line.y, curve.curve["frequency"])
        np.testing.assert_array_equal(histogram.y, curve.bins["count"])
        assert high.fill == "tonexty"
        assert line.name == f"{plain(name)}, {curve.n_scored} peaks"
        assert line.line.color == histogram.marker.color == colours.series_colour(index)
        assert histogram.yaxis == "y2"
    assert figure.layout.xaxis2.title.text == "probability"
    assert (figure.layout.yaxis.title.text, figure.layout.yaxis2.title.text) == ("how often it came true", "peaks")


def test_reliability_without_truth_says_what_is_missing(lookup_run: Run) -> None:
    figure = draw_reliability({"run": reliability(replace(lookup_run, truth=None))})
    assert not figure.data
    assert "add truth.csv" in figure.layout.annotations[0].text.replace("<br>", " ")
    assert draw_reliability({}).layout.annotations[0].text == "no run is chosen"


def test_thresholds_mark_the_chosen_one(lookup_run: Run) -> None:
    table = thresholds(lookup_run).table
    figure = draw_thresholds(table, 0.8)
    for column, name in (("precision", "precision"), ("recall", "recall"), ("n_accepted", "accepted peaks")):
        np.testing.assert_array_equal(trace_named(figure, name).y, table[column].astype(float))
    assert {line.x0 for line in figure.layout.shapes} == {0.8}
    assert figure.layout.xaxis2.title.text == "threshold on the probability"
    untold = draw_thresholds(thresholds(replace(lookup_run, truth=None)).table, 0.8)
    assert [trace.name for trace in untold.data] == ["expected false share", "accepted peaks"]


def test_top_probabilities_are_shares() -> None:
    figure = draw_top_probabilities({"<b>": np.array([0.01, 0.02, 1.0, 0.51]), "none": np.empty(0)})
    assert figure.data[0].y[:2] == pytest.approx((0.5, 0.0))
    assert figure.data[0].y[-1] == figure.data[0].y[-2] == 0.25
    assert figure.data[0].name == "&lt;b&gt;, 4 peaks"
    assert not np.any(figure.data[1].y)


def test_runs_against_each_other(lookup_run: Run, prior_run: Run) -> None:
    found = compare(lookup_run, prior_run)
    figure = draw_against(found.peaks, "look<b>up", "prior")
    same, changed, diagonal = figure.data
    assert len(changed.x) == len(found.changed) > 0
    assert len(same.x) + len(changed.x) == len(found.peaks)
    assert set(changed.customdata) == set(found.changed["peak_id"])
    assert "<b>" not in "".join(changed.hovertext) + figure.layout.xaxis.title.text
    first = found.changed.set_index("peak_id")["name_a"]
    call = plain(first[changed.customdata[0]]) or "null"
    assert f"<br>look&lt;b&gt;up: {call}<br>prior: " in changed.hovertext[0]
    assert figure.layout.yaxis.title.text == "probability of the call in prior"
    assert diagonal.x == (0.0, 1.0)
    assert draw_against(found.peaks[:0], "a", "b").layout.annotations


def test_each_chain_has_a_trace_and_ranks(prior_run: Run) -> None:
    values = read_draws(prior_run).of("alpha")
    figure = draw_trace(values, "alpha")
    for chain, trace in enumerate(figure.data):
        np.testing.assert_allclose(trace.y, values[chain], rtol=1e-6)
        assert trace.line.color == colours.series_colour(chain)
    assert figure.layout.yaxis.title.text == "alpha"
    counts = rank_counts(values)
    ranks = draw_ranks(counts, "alpha")
    assert len(ranks.data) == len(figure.data) == 2
    assert list(ranks.data[1].y) == [*counts[1], counts[1][-1]]
    assert ranks.layout.shapes[0].y0 == counts.mean()
    assert draw_ranks(counts[:0], "alpha").layout.annotations[0].text == "nothing was sampled"


def test_checks_show_misfits_apart(prior_run: Run, lookup_run: Run) -> None:
    figure = draw_checks(prior_run.checks)
    assert list(trace_named(figure, "as the model makes it").x) == [0.3]
    assert list(trace_named(figure, "misfit").x) == [0.001]
    assert list(trace_named(figure, "misfit").y) == [0]  # the most extreme on top
    assert figure.layout.yaxis.ticktext[0] == "median error, ppm<br>mass, &lt;b&gt;run 1&lt;/b&gt;"
    assert "no predictive checks" in draw_checks(lookup_run.checks).layout.annotations[0].text


def test_errors_are_drawn_on_the_band_of_the_model(prior_run: Run) -> None:
    figure = draw_check_histogram(prior_run.check_histograms["mass"], "mass")
    assert list(figure.data[0].x) == [-1.0, 0.0, 1.0]
    assert list(figure.data[0].y) == [0.1, 0.5, 0.5]
    assert list(figure.data[1].y) == [0.3, 0.8, 0.8]
    assert list(trace_named(figure, "observed").y) == [0.2, 0.6, 0.6]
    assert figure.layout.xaxis.title.text == "standardised mass error, scales"


def test_energy_is_drawn_beside_its_moves(rng: np.random.Generator) -> None:
    figure = draw_energy(np.cumsum(rng.normal(size=(2, 500)), axis=1))
    widths = {trace.name: np.ptp(trace.x) for trace in figure.data}
    assert widths["all draws"] > 3 * widths["from draw to draw"]
    assert "not stored" in draw_energy(np.empty((0, 0))).layout.annotations[0].text


def test_known_rts_lie_on_the_predicted_density(lookup_run: Run) -> None:
    known = known_rts(lookup_run)
    known["name"] = HOSTILE
    curve, others, _, given, points = draw_known_rts(known).data
    n_given = int(known["is_given"].sum())
    assert (given.name, others.name) == (f"learned from, {n_given}", f"not given to the fit, {len(known) - n_given}")
    assert sorted(points.customdata) == known.loc[known["is_given"], "peak_id"].tolist()
    assert plain(HOSTILE) in points.hovertext[0]
    assert max(curve.y) == pytest.approx(0.3989, abs=1e-4)
    for histogram in (others, given):  # a density, as the curve is
        assert np.sum(np.diff(histogram.x) * histogram.y[:-1]) == pytest.approx(1.0)
    assert "no peak" in draw_known_rts(known.head(0)).layout.annotations[0].text


def test_of_many_known_rts_the_density_has_all_and_the_points_have_both_ends(rng: np.random.Generator) -> None:
    z = rng.normal(size=5 * MAX_POINTS)
    names = [f"P{i}" for i in range(z.size)]
    known = pd.DataFrame({"peak_id": names, "name": "x", "adduct": "[M+H]+", "rt_z": z, "is_given": False})
    _, density, points = draw_known_rts(known).data
    assert density.name == f"not given to the fit, {z.size}"
    assert len(points.x) == len(points.hovertext) == MAX_POINTS
    assert (min(points.x), max(points.x)) == (z.min(), z.max())
    at = np.asarray(points.customdata).tolist().index(f"P{z.argmax()}")
    assert points.x[at] == z.max()
