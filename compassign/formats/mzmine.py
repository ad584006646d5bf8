"""mzmine: the legacy / GNPS quantification table (`row ID`) and the modular one (`datafile:NAME:area`).

Source: mzmine's CSV exports; column names as in FeatureListExport of mzmine 2 to 4. Retention times are in minutes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from compassign.formats.layout import Format, Head, Layout, Sample, find_columns, find_name

# legacy: `<file> Peak area`; modular: `datafile:<file>:area`. Areas where both were exported.
_MEASURES = (("Peak area", "area"), ("Peak height", "height"))
_LEGACY = re.compile(r"(?P<file>.+) (?:Peak|Feature) (?P<what>.+)")
_MODULAR = re.compile(r"datafile:(?P<file>.+):(?P<what>[^:]+(?::(?:min|max))?)")


def _find_header(head: Head) -> int | None:
    legacy = head.find("row ID", "row m/z", "row retention time")
    if legacy is not None:
        return legacy
    modular = head.find("id", "mz", "rt")
    if modular is None:
        return None
    names = [cell.strip() for cell in head.rows[modular][1]]
    return modular if any(_MODULAR.fullmatch(name) for name in names) or "rt_range:min" in names else None


def _lay_out(head: Head, header: int) -> Layout:
    names = head.names(header)
    columns = find_columns(
        names,
        peak_id=("row ID", "id"),
        mz=("row m/z", "mz"),
        rt_min=("row retention time", "rt"),
        intensity=("area", "height"),
        charge="charge",
        adduct=("best ion", "ion_identities:ion_identities"),
    )
    start, end = find_name(names, "rt_range:min"), find_name(names, "rt_range:max")
    samples = _samples(names)
    files = {sample.name for sample in samples}
    return Layout(
        header=header,
        names=names,
        columns=columns,
        samples=samples,
        rt_unit="min",
        # the spectra that mzmine writes beside the table have the rows' numbers
        derived={"ms2_id": lambda cells: cells[columns["peak_id"]].strip()},
        left_out=frozenset(at for at, name in enumerate(names) if _file(name) in files),
        peak_span=None if start is None or end is None else (start, end),
    )


def _samples(names: Sequence[str]) -> tuple[Sample, ...]:
    for legacy, modular in _MEASURES:
        found = [
            Sample(at, _file(name))
            for at, name in enumerate(names)
            if name.endswith(f" {legacy}") or (name.startswith("datafile:") and name.endswith(f":{modular}"))
        ]
        if found:
            return tuple(found)
    return ()


def _file(name: str) -> str:
    """The data file that a column measures, "" for one of all files."""
    match = _MODULAR.fullmatch(name) or _LEGACY.fullmatch(name)
    return match["file"] if match else ""


MZMINE = Format("mzmine", "mzmine", _find_header, _lay_out)
