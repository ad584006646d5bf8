"""Figures of what was measured of a peak, as data."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from compassign.figures import colours
from compassign.figures.spectra import MAX_BARS, draw_chromatogram, draw_isotopes, draw_mirror
from compassign.queries.spectra import Eluting, Mirror
from compassign.spectra.mzml import Chromatogram

HOSTILE = "<b>x</b> $y$"


def bars(n: int, is_matched: bool = True) -> pd.DataFrame:
    height = np.linspace(100.0, 1.0, n)
    return pd.DataFrame({"mz": 50.0 + np.arange(n), "height": height, "is_matched": is_matched})


def mirrored(n: int = 3) -> Mirror:
    return Mirror(bars(n), bars(2, is_matched=False), HOSTILE, 0.5, 2, 1)


def test_the_library_hangs_down_and_the_peak_stands_up() -> None:
    up_one, up_both, down_one, down_both = draw_mirror(mirrored()).data
    assert up_both.y.tolist()[:2] == [0.0, 100.0]
    assert np.isnan(up_both.y[2])  # a gap before the next
    assert down_one.y.tolist()[:2] == [0.0, -100.0]
    assert (len(up_one.x), len(down_both.x)) == (0, 0)
    assert up_both.line.color == colours.PALETTE[0] != down_one.line.color


def test_names_are_text_and_axes_count_upwards() -> None:
    figure = draw_mirror(mirrored())
    assert "<b>" not in str([note.text for note in figure.layout.annotations])
    assert "&lt;b&gt;" in str([note.text for note in figure.layout.annotations])
    assert list(figure.layout.yaxis.ticktext) == ["100", "50", "0", "50", "100"]


def test_only_the_strongest_of_very_many_fragments_are_sent() -> None:
    figure = draw_mirror(mirrored(5000))
    assert len(figure.data[1].x) == 3 * MAX_BARS
    assert np.nanmax(figure.data[1].y) == 100.0


def test_without_a_reference_there_is_no_lower_half() -> None:
    figure = draw_mirror(Mirror(bars(3, is_matched=False), bars(0), "", 0.0, 0, 0))
    assert not figure.layout.annotations
    assert figure.layout.yaxis.range is None


@pytest.mark.parametrize(("band", "n_shapes"), [((1.0, 2.0), 2), (None, 1)])
def test_chromatograms_with_the_peak_and_the_band(band: tuple[float, float] | None, n_shapes: int) -> None:
    trace = Chromatogram(np.array([1.0, 1.5, 2.0]), np.array([0.0, 5.0, 0.0]))
    figure = draw_chromatogram(Eluting({HOSTILE: trace, "b": trace}, 1.5, band))
    assert [line.name for line in figure.data] == ["&lt;b&gt;x&lt;/b&gt; &#36;y&#36;", "b"]
    assert len(figure.layout.shapes) == n_shapes
    assert tuple(figure.layout.xaxis.range) == (1.0, 2.0)


def test_isotopes_beside_what_is_expected_where_that_is_known() -> None:
    known = pd.DataFrame({"isotope": [0, 1], "observed": [0.9, 0.1], "expected": [0.88, 0.12]})
    figure = draw_isotopes(known)
    assert [bar.name for bar in figure.data] == ["observed", "expected"]
    assert list(figure.data[0].x) == ["M", "M+1"]
    assert len(draw_isotopes(known.assign(expected=np.nan)).data) == 1
