"""What all figures share: axes with units, transparent paper, and text of users that stays text."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable

import pandas as pd
import plotly.graph_objects as go

from compassign.figures import colours

Figure = go.Figure  # pages know it by this name alone
LINE_LENGTH = 50  # characters of a sentence in a figure
MAX_LENGTH = 60  # characters of a name; more does not fit beside a bar
# plotly renders tags, decodes entities, and gives text between dollars to MathJax where that is loaded
_ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "$": "&#36;"})
_MARGIN = {"l": 10, "r": 10, "t": 30, "b": 10}


def plain(text: str) -> str:
    """Text as plotly shows it without rendering any of it: markup escaped, one line, at most MAX_LENGTH characters."""
    line = "".join(letter if letter.isprintable() else " " for letter in text)
    short = line if len(line) <= MAX_LENGTH else line[: MAX_LENGTH - 1] + "\N{HORIZONTAL ELLIPSIS}"
    return short.translate(_ENTITIES)


def plain_all(texts: Iterable[str]) -> list[str]:
    """`plain` of many texts; each distinct one is escaped once."""
    given = list(texts)
    escaped = {text: plain(text) for text in set(given)}
    return [escaped[text] for text in given]


def plain_lines(text: str) -> str:
    """A sentence of any length as `plain` text in lines of LINE_LENGTH characters."""
    return "<br>".join(plain(line) for line in textwrap.wrap(text, LINE_LENGTH))


def joined_lines(first: pd.Series[str], *others: pd.Series[str]) -> list[str]:
    """Texts side by side as one `plain` text a row, each on its own line."""
    lines = pd.Series(plain_all(first.tolist()), dtype="str")
    for column in others:
        lines = lines.str.cat(pd.Series(plain_all(column.tolist()), dtype="str"), sep="<br>")
    return lines.tolist()


def style(figure: go.Figure, x_title: str, y_title: str) -> go.Figure:
    """Give a figure its titles, with units, and the look that all share; returns the same figure."""
    figure.update_layout(
        paper_bgcolor=colours.CLEAR,
        plot_bgcolor=colours.CLEAR,
        margin=_MARGIN,
        modebar={"bgcolor": colours.CLEAR, "color": colours.INK, "activecolor": colours.PALETTE[0]},
        legend={"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 0.0},
    )
    figure.update_xaxes(gridcolor=colours.GRID, zeroline=False, linecolor=colours.OUTLINE, automargin=True)
    figure.update_yaxes(gridcolor=colours.GRID, zeroline=False, linecolor=colours.OUTLINE, automargin=True)
    set_ink(figure, is_dark=False)
    # of two panels above each other, the lower carries the title of the shared axis
    n_rows = sum(1 for _ in figure.select_yaxes())
    last = {"row": n_rows, "col": 1} if n_rows > 1 else {}
    first = {"row": 1, "col": 1} if n_rows > 1 else {}
    figure.update_xaxes(title_text=x_title, **last)
    figure.update_yaxes(title_text=y_title, **first)
    return figure


def set_ink(figure: go.Figure, is_dark: bool) -> go.Figure:
    """Give the text of a figure the ink of its paper; returns the same figure.

    The axes name theirs too, because Streamlit's template has a grey for them whose contrast on white is 3.7.
    """
    ink = colours.TEXT_ON_DARK if is_dark else colours.TEXT
    axis = {"tickfont_color": ink, "title_font_color": ink}
    return figure.update_layout(font_color=ink, legend_font_color=ink).update_xaxes(**axis).update_yaxes(**axis)


def empty(message: str) -> go.Figure:
    """A figure that only says why there is nothing to draw."""
    figure = style(go.Figure(), "", "")
    figure.update_xaxes(visible=False)
    figure.update_yaxes(visible=False)
    figure.add_annotation(text=plain_lines(message), showarrow=False, x=0.5, y=0.5, xref="paper", yref="paper")
    return figure
