"""OpenMS: the text export of consensus maps (TextExporter), consensusXML and featureXML.

Source: OpenMS's documentation of TextExporter and GNPSExport. Retention times are in seconds.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath, PureWindowsPath

from compassign.formats.layout import Format, Head, Layout, Sample, find_columns
from compassign.formats.openms_xml import FEATURE_COLUMNS, SAMPLE_PREFIX

_FEATURE = "CONSENSUS"
_INTENSITY = re.compile(r"intensity_(?P<map>\d+)")


def _find_header(head: Head) -> int | None:
    return head.find(*FEATURE_COLUMNS) if head.container == "xml" else head.find("#CONSENSUS", "rt_cf", "mz_cf")


def _lay_out(head: Head, header: int) -> Layout:
    return _xml_layout(head, header) if head.container == "xml" else _text_layout(head, header)


def _xml_layout(head: Head, header: int) -> Layout:
    names = head.names(header)
    columns = find_columns(
        names, peak_id="id", mz="mz", rt_min="rt", intensity="intensity", charge="charge", adduct="adduct"
    )
    samples = [Sample(at, _stem(name.removeprefix(SAMPLE_PREFIX))) for at, name in enumerate(names)]
    return Layout(header, names, columns, tuple(samples[len(FEATURE_COLUMNS) :]), "s")


def _text_layout(head: Head, header: int) -> Layout:
    names = head.names(header)
    columns = find_columns(
        names,
        peak_id="row ID",
        mz="mz_cf",
        rt_min="rt_cf",
        intensity="intensity_cf",
        charge="charge_cf",
        adduct="best ion",
    )
    files = {
        cells[1]: cells[2] for _, cells in head.rows[:header] if cells[0] == "MAP" and len(cells) > len(["id", "file"])
    }
    maps = {at: match["map"] for at, name in enumerate(names) if (match := _INTENSITY.fullmatch(name))}
    per_file = re.compile(r"(?:rt|mz|intensity|charge|width)_\d+")
    return Layout(
        header=header,
        names=names,
        columns=columns,
        samples=tuple(Sample(at, _stem(files.get(key, f"map {key}"))) for at, key in maps.items()),
        rt_unit="s",
        left_out=frozenset(at for at, name in enumerate(names) if at == 0 or per_file.fullmatch(name)),
        row_type=_FEATURE,
    )


def _stem(file: str) -> str:
    """The name of a file without the folders of the machine that measured it."""
    return PureWindowsPath(PurePosixPath(file).name).name or file


OPENMS = Format("openms", "OpenMS", _find_header, _lay_out)
