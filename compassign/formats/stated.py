"""What a table and its samples say of themselves: polarity and species."""

from __future__ import annotations

from compassign.formats.adducts import known_adduct
from compassign.formats.layout import Head, Layout, Sample
from compassign.formats.rows import polarity_of

BY_ROW = ""  # each row says its own


def stated_polarity(head: Head, layout: Layout, samples: tuple[Sample, ...]) -> str | None:
    """The polarity of all peaks, `BY_ROW`, or None where nothing says it."""
    said = {sample.polarity for sample in samples}
    for column in ("polarity", "adduct"):
        if said - {""}:
            break
        cells = head.column(layout.header, layout.columns[column]) if column in layout.columns else []
        said = {cell.strip().lower() if column == "polarity" else polarity_of(known_adduct(cell)) for cell in cells}
    said -= {""}
    if not said:
        return None
    return said.pop() if len(said) == 1 else BY_ROW


def stated_species(layout: Layout, samples: tuple[Sample, ...]) -> str | None:
    """The species of all peaks, `BY_ROW`, or None where nothing says it."""
    if "species" in layout.columns:
        return BY_ROW
    said = {sample.species for sample in samples if sample.role != "blank"} - {""}
    return said.pop() if len(said) == 1 else None
