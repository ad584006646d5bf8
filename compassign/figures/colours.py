"""Colours that say the same on every screen, light or dark, and to people who see fewer of them.

Source of the palette: Okabe & Ito, Color Universal Design, 2008; its black is left out, because it has no contrast on a
dark background.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

PALETTE = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#56B4E9", "#CC79A7", "#F0E442")
NULL = "#9A9A9A"  # whatever the library lacks, and nothing else
INK = "#7A7A7A"  # lines and symbols, which stand out on light and dark paper alike
TEXT, TEXT_ON_DARK = "#5B6670", "#B4BEC8"  # no grey reaches the contrast of 4.5 that text needs on both papers
OUTLINE = "rgba(122,122,122,0.9)"  # keeps pieces of like colour apart, and yellow visible on white
GRID = "rgba(122,122,122,0.25)"
CLEAR = "rgba(0,0,0,0)"
SUPPORTING, OPPOSING = PALETTE[0], PALETTE[3]
DECISIONS = {"accept": PALETTE[0], "review": PALETTE[1], "null": NULL}
SCALE = [(0.0, PALETTE[0]), (0.5, PALETTE[5]), (1.0, PALETTE[1])]  # brightness grows; both ends stand out on any paper
HATCH = "#FFFFFF"
_LIGHT, _DARK = "#FFFFFF", "#14191F"
_WITH_LIGHT_TEXT = frozenset({PALETTE[0]})  # the one colour on which white has more contrast than black


def compound_colour(compound_id: str) -> str:
    """Colour of a compound: the same in every run, process and figure; the null's ("") is grey."""
    if not compound_id:
        return NULL
    # not Python's hash, which differs between processes
    digest = hashlib.blake2b(compound_id.encode("utf-8", errors="surrogatepass"), digest_size=8).digest()
    return PALETTE[int.from_bytes(digest) % len(PALETTE)]


def compound_colours(compound_ids: Iterable[str]) -> list[str]:
    """Colour of each of many compounds; each distinct one is looked up once."""
    ids = list(compound_ids)
    colour = {compound_id: compound_colour(compound_id) for compound_id in set(ids)}
    return [colour[compound_id] for compound_id in ids]


def text_colour(background: str) -> str:
    """Colour of text on a colour of the palette; its contrast is at least 4.5."""
    return _LIGHT if background in _WITH_LIGHT_TEXT else _DARK


def series_colour(index: int) -> str:
    """Colour of a chain or run by its place."""
    return PALETTE[index % len(PALETTE)]


def translucent(colour: str, opacity: float) -> str:
    """A colour of the palette that shows what is under it.

    opacity : 0 to 1.
    """
    red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return f"rgba({red},{green},{blue},{opacity:g})"
