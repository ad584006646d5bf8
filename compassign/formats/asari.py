"""asari: `Feature_table.tsv`, whose samples follow the column `detection_counts`.

Source: asari's documentation of its feature tables. Retention times are in seconds.
"""

from __future__ import annotations

from compassign.formats.layout import Format, Head, Layout, Sample, find_columns, find_name


def _find_header(head: Head) -> int | None:
    return head.find("id_number", "mz", "rtime", "detection_counts")


def _lay_out(head: Head, header: int) -> Layout:
    names = head.names(header)
    columns = find_columns(names, peak_id="id_number", mz="mz", rt_min="rtime", intensity="peak_area", adduct="adduct")
    first = 1 + names.index("detection_counts")
    start, end = find_name(names, "rtime_left_base"), find_name(names, "rtime_right_base")
    samples = tuple(Sample(at, names[at]) for at in range(first, len(names)) if head.is_numeric(header, at))
    return Layout(
        header=header,
        names=names,
        columns=columns,
        samples=samples,
        rt_unit="s",
        peak_span=None if start is None or end is None else (start, end),
    )


ASARI = Format("asari", "asari", _find_header, _lay_out)
