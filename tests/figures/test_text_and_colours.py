"""Names of users' files stay text, and colours say the same everywhere."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import plotly.graph_objects as go
import pytest
from big_run import HOSTILE

from compassign.figures import colours
from compassign.figures.base import MAX_LENGTH, empty, plain, plain_all, set_ink, style

ROOT = Path(__file__).parents[2]
DARK, WHITE = "#0E1117", "#FFFFFF"  # papers of Streamlit's themes


def luminance(colour: str) -> float:
    """Relative luminance, as WCAG 2 defines it."""
    shares = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    bright, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


def test_no_markup_of_a_name_is_left() -> None:
    shown = plain(HOSTILE)
    assert not set(shown) & set("<>$")
    assert shown.startswith("&lt;b&gt;bold&lt;/b&gt; &#36;x&#36; &amp; ")
    assert plain("&lt;") == "&amp;lt;"
    assert plain("two\nlines\t\x00") == "two lines  "
    assert plain("[M+H]+ β-Ala") == "[M+H]+ β-Ala"


def test_a_long_name_is_cut_before_it_is_escaped() -> None:
    assert plain("<" * 200) == "&lt;" * (MAX_LENGTH - 1) + "…"
    assert plain("x" * MAX_LENGTH) == "x" * MAX_LENGTH


def test_many_names_keep_their_order() -> None:
    assert plain_all(["b", "<", "b", ""]) == ["b", "&lt;", "b", ""]


def test_a_compound_has_the_same_colour_in_every_process() -> None:
    code = "from compassign.figures.colours import compound_colour; print(compound_colour('M0425'))"
    shown = {
        subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONHASHSEED": str(seed), "PATH": ""},
        ).stdout.strip()
        for seed in (1, 2)
    }
    assert shown == {colours.compound_colour("M0425")}


def test_the_null_is_grey_and_no_compound_is() -> None:
    ids = [f"M{i}" for i in range(500)]
    assert colours.compound_colour("") == colours.NULL == colours.DECISIONS["null"]
    assert set(colours.compound_colours(ids)) == set(colours.PALETTE)
    assert colours.compound_colours(["", "M1", ""])[::2] == [colours.NULL] * 2
    assert colours.NULL not in colours.PALETTE


def test_colours_stand_out_on_light_and_dark_paper() -> None:
    for paper in (DARK, WHITE):
        assert contrast(colours.INK, paper) > 4.2  # lines need 3
        assert contrast(colours.NULL, paper) > 2.5
        assert all(contrast(colour, paper) > 2.0 for _, colour in colours.SCALE)


def test_text_of_a_figure_can_be_read_on_its_paper() -> None:
    theme = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text(encoding="utf-8"))["theme"]
    for kind, is_dark in (("light", False), ("dark", True)):
        layout = set_ink(style(go.Figure(), "x", "y"), is_dark).layout
        inks = {layout.font.color, layout.legend.font.color}
        inks |= {ink for axis in (layout.xaxis, layout.yaxis) for ink in (axis.tickfont.color, axis.title.font.color)}
        papers = (theme[kind]["backgroundColor"], theme[kind]["secondaryBackgroundColor"])
        assert all(contrast(ink, paper) >= 4.5 for ink in inks for paper in papers)
    assert style(go.Figure(), "x", "y").layout.xaxis.title.font.color == colours.TEXT  # of a file, on white


def test_translucent() -> None:
    assert colours.translucent("#0072B2", 0.25) == "rgba(0,114,178,0.25)"


def test_every_figure_is_transparent_and_titled() -> None:
    figure = style(go.Figure(), "time, min", "m/z")
    assert figure.layout.paper_bgcolor == figure.layout.plot_bgcolor == colours.CLEAR
    assert (figure.layout.xaxis.title.text, figure.layout.yaxis.title.text) == ("time, min", "m/z")


@pytest.mark.parametrize("message", ["nothing <b>here</b>", ""])
def test_an_empty_figure_says_why(message: str) -> None:
    figure = empty(message)
    assert figure.layout.annotations[0].text == plain(message)
    assert figure.layout.xaxis.visible is False


@pytest.mark.parametrize("colour", [*colours.PALETTE, colours.NULL])
def test_text_on_a_colour_can_be_read(colour: str) -> None:
    assert contrast(colours.text_colour(colour), colour) > 4.5
