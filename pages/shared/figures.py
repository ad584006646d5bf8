"""Figures as a page shows them."""

from __future__ import annotations

import streamlit as st

from compassign.figures.base import Figure, set_ink


def on_paper(figure: Figure) -> Figure:
    """A figure whose text can be read on the light or dark page of whoever looks at it; changes and returns it."""
    return set_ink(figure, is_dark=st.context.theme.type == "dark")
