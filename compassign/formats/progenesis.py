"""Progenesis QI: three header rows; above samples stand `Raw abundance` or `Normalised abundance`, and conditions.

Source: Progenesis QI's "export compound measurements". Retention times are in minutes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from compassign.formats.layout import Format, Head, Layout, Sample, find_columns

_RAW, _NORMALISED = re.compile("raw abundance", re.IGNORECASE), re.compile("normali[sz]ed abundance", re.IGNORECASE)
_HEADER_ROWS = 3
_AFTER = ("accepted compound id", "accepted description", "adducts", "formula", "score", "link", "description")


def _find_header(head: Head) -> int | None:
    return head.find("Compound", "m/z", "Retention time (min)")


def _lay_out(head: Head, header: int) -> Layout:
    names = head.names(header)
    blocks, conditions = _rows_above(head, header, len(names))
    columns = find_columns(
        names, peak_id="Compound", mz="m/z", rt_min="Retention time (min)", charge="Charge", adduct="Adducts"
    )
    all_blocks = [_block(blocks, names, title) for title in (_RAW, _NORMALISED)]
    samples = next((block for block in all_blocks if block), range(0))
    in_blocks = {at for block in all_blocks for at in block}
    return Layout(
        header=header,
        names=names,
        columns=columns,
        samples=tuple(Sample(at, names[at], species=_condition(conditions, at, samples.start)) for at in samples),
        rt_unit="min",
        left_out=frozenset(in_blocks - set(samples)),
    )


def _rows_above(head: Head, header: int, width: int) -> tuple[list[str], list[str]]:
    """The rows of blocks and conditions, as wide as the table; empty where they were cut off."""
    above = [[cell.strip() for cell in cells] + [""] * width for _, cells in head.rows[:header]]
    blocks, conditions = ([[""] * width] * _HEADER_ROWS + above)[-2:]
    return blocks, conditions


def _block(blocks: Sequence[str], names: Sequence[str], title: re.Pattern[str]) -> range:
    """Columns of a block: until the next one, or until what stands behind the last."""
    first = next((at for at, cell in enumerate(blocks) if title.fullmatch(cell)), None)
    if first is None:
        return range(0)
    ends = [at for at in range(first + 1, len(names)) if blocks[at] or names[at].lower() in _AFTER]
    return range(first, min(ends, default=len(names)))


def _condition(conditions: Sequence[str], at: int, first: int) -> str:
    """The condition above a sample; it stands only above the first sample of each."""
    return next((conditions[i] for i in range(at, first - 1, -1) if conditions[i]), "")


PROGENESIS = Format("progenesis", "Progenesis QI", _find_header, _lay_out)
