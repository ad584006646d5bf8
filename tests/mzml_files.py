"""mzML files written by hand, after the schema mzML 1.1.0 of the PSI."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

_ARRAYS = (("MS:1000514", "m/z array"), ("MS:1000515", "intensity array"))


@dataclass(frozen=True)
class Scan:
    """level : 1 or 2. rt : in `unit`."""

    level: int
    rt: float
    mz: Sequence[float]
    intensity: Sequence[float]
    precursor_mz: float | None = None
    unit: str = "minute"


def encoded(values: Sequence[float]) -> str:
    """64-bit floats, zlib, base64."""
    return base64.b64encode(zlib.compress(np.array(values, dtype="<f8").tobytes())).decode()


def _array(accession: str, name: str, data: str) -> str:
    return (
        f'<binaryDataArray encodedLength="{len(data)}">'
        '<cvParam cvRef="MS" accession="MS:1000523" name="64-bit float"/>'
        '<cvParam cvRef="MS" accession="MS:1000574" name="zlib compression"/>'
        f'<cvParam cvRef="MS" accession="{accession}" name="{name}"/><binary>{data}</binary></binaryDataArray>'
    )


def _spectrum(number: int, scan: Scan) -> str:
    precursor = (
        ""
        if scan.precursor_mz is None
        else '<precursorList count="1"><precursor><selectedIonList count="1"><selectedIon><cvParam cvRef="MS" '
        f'accession="MS:1000744" name="selected ion m/z" value="{scan.precursor_mz}"/></selectedIon></selectedIonList>'
        "</precursor></precursorList>"
    )
    arrays = "".join(
        _array(*named, encoded(values)) for named, values in zip(_ARRAYS, (scan.mz, scan.intensity), strict=True)
    )
    return (
        f'<spectrum index="{number - 1}" id="controllerType=0 controllerNumber=1 scan={number}" '
        f'defaultArrayLength="{len(scan.mz)}">'
        f'<cvParam cvRef="MS" accession="MS:1000511" name="ms level" value="{scan.level}"/>'
        f'<scanList count="1"><scan><cvParam cvRef="MS" accession="MS:1000016" name="scan start time" '
        f'value="{scan.rt}" unitCvRef="UO" unitName="{scan.unit}"/></scan></scanList>'
        f'{precursor}<binaryDataArrayList count="2">{arrays}</binaryDataArrayList></spectrum>'
    )


def mzml(scans: Sequence[Scan]) -> str:
    """A file without an index."""
    body = "\n".join(_spectrum(number, scan) for number, scan in enumerate(scans, start=1))
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n<mzML xmlns="http://psi.hupo.org/ms/mzml" version="1.1.0">\n'
        f'<run id="r"><spectrumList count="{len(scans)}">\n{body}\n</spectrumList></run>\n</mzML>\n'
    )


def write_mzml(path: Path, scans: Sequence[Scan]) -> Path:
    """Write a file without an index."""
    path.write_text(mzml(scans), encoding="utf-8")
    return path
