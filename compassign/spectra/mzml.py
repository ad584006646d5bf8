"""mzML files: fragment spectra, and chromatograms of single ions; scans are parsed one by one, as they are needed.

Source: mzML 1.1.0 of the HUPO Proteomics Standards Initiative (Martens et al., Mol. Cell. Proteomics 10, 2011) and its
vocabulary PSI-MS. The readers at hand fetch that vocabulary from the network, or expand whatever a file declares; what
is needed of it here are a dozen terms.
"""

from __future__ import annotations

import base64
import binascii
import bisect
import re
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO
from xml.etree.ElementTree import Element, ParseError  # noqa: S405  # types only; defusedxml parses

import numpy as np
from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from compassign.errors import InputError, Place, Problem
from compassign.spectra.spectrum import Spectrum
from compassign.units import FloatArray, IntArray

_MS_LEVEL, _START, _SELECTED_MZ, _TARGET_MZ = "MS:1000511", "MS:1000016", "MS:1000744", "MS:1000827"
_MZ_ARRAY, _INTENSITY_ARRAY = "MS:1000514", "MS:1000515"
_TYPES = {"MS:1000521": "<f4", "MS:1000523": "<f8", "MS:1000519": "<i4", "MS:1000522": "<i8"}
_ZLIB, _PLAIN = "MS:1000574", "MS:1000576"
_SECOND = "UO:0000010"
_SECONDS_PER_MIN = 60.0
_MS1, _MS2 = "1", "2"
_SPECTRUM, _END = re.compile(rb"<spectrum[\s>]"), b"</spectrum>"
_GROUPS = re.compile(rb"<referenceableParamGroupList.*?</referenceableParamGroupList>", re.DOTALL)
_ROOT = re.compile(rb"<(indexed)?mzML[\s>]")
_CHUNK_BYTES = 16_000_000
_OVERLAP_BYTES = 16  # of chunks: a mark may lie across their border
_PROLOG_BYTES = 65_536  # the root comes this soon
_MAX_ARRAY_BYTES = 80_000_000  # ten million numbers of one scan; no detector has more
_MAX_SCAN_BYTES = 4 * _MAX_ARRAY_BYTES

Params = Mapping[str, Mapping[str, str]]
"""Accession of a term -> the attributes that it is given with."""


@dataclass(frozen=True)
class Chromatogram:
    """Intensity of one ion over time; rt_min, intensity : (n_scans,)."""

    rt_min: FloatArray
    intensity: FloatArray


def read_mzml_spectra(path: Path) -> Iterator[Spectrum]:
    """The MS2 spectra of an mzML file, one at a time; raises InputError where it is none or is damaged."""
    with _opened(path) as scans:
        for position in range(len(scans)):
            scan = scans[position]
            if scan.level == _MS2:
                mz, intensity = scan.arrays()
                if mz.size:
                    yield _to_spectrum(scan, mz, intensity)


def extract_chromatogram(
    path: Path, mz: float, tolerance_ppm: float, rt_range_min: tuple[float, float]
) -> Chromatogram:
    """Summed MS1 intensity within a tolerance of an m/z; only the scans of the time range are read.

    Raises InputError where the file is no mzML or is damaged.
    """
    low, high = rt_range_min
    half = mz * tolerance_ppm * 1e-6
    times, found = [], []
    with _opened(path) as scans:
        positions = range(len(scans))
        for position in positions[bisect.bisect_left(positions, low, key=lambda i: scans[i].rt_min) :]:
            scan = scans[position]
            if scan.rt_min > high:
                break
            if scan.level == _MS1:
                at, intensity = scan.arrays()
                times.append(scan.rt_min)
                found.append(float(intensity[np.abs(at - mz) <= half].sum()))
    return Chromatogram(np.array(times, dtype=np.float64), np.array(found, dtype=np.float64))


@dataclass(frozen=True)
class _Scan:
    """One `spectrum` element and the parameter groups that it may refer to."""

    element: Element
    groups: Mapping[str, Element]

    def params(self, element: Element | None) -> Params:
        """Terms that an element is given directly or by a group."""
        if element is None:
            return {}
        refs = [self.groups[ref.get("ref", "")] for ref in element.findall("referenceableParamGroupRef")]
        return {
            found.get("accession", ""): found.attrib
            for parent in (*refs, element)
            for found in parent.findall("cvParam")
        }

    @property
    def level(self) -> str:
        return self.params(self.element).get(_MS_LEVEL, {}).get("value", "")

    @property
    def rt_min(self) -> float:
        """Start in minutes, NaN where it is not said."""
        start = self.params(self.element.find("scanList/scan")).get(_START, {})
        divisor = (
            _SECONDS_PER_MIN if start.get("unitAccession") == _SECOND or start.get("unitName") == "second" else 1.0
        )
        return float(start.get("value", "nan")) / divisor

    @property
    def precursor_mz(self) -> float:
        """The ion that was selected, else the middle of the window; NaN where neither is said."""
        ion = self.params(self.element.find("precursorList/precursor/selectedIonList/selectedIon"))
        window = self.params(self.element.find("precursorList/precursor/isolationWindow"))
        return float((ion.get(_SELECTED_MZ) or window.get(_TARGET_MZ, {})).get("value", "nan"))

    def arrays(self) -> tuple[FloatArray, FloatArray]:
        """m/z, ascending, and intensity."""
        found = {_MZ_ARRAY: np.zeros(0), _INTENSITY_ARRAY: np.zeros(0)}
        for array in self.element.findall("binaryDataArrayList/binaryDataArray"):
            params = self.params(array)
            for kind in found.keys() & params.keys():
                found[kind] = _decoded(array.findtext("binary") or "", params)
        mz, intensity = found[_MZ_ARRAY], found[_INTENSITY_ARRAY]
        if mz.size != intensity.size:
            raise ValueError(f"scan {self.element.get('id')} has {mz.size} m/z and {intensity.size} intensities")
        order = np.argsort(mz, kind="stable")
        return mz[order], intensity[order]


class _Scans:
    """The scans of an open file by position, each parsed when it is asked for."""

    def __init__(self, file: BinaryIO, offsets: IntArray) -> None:
        self._file, self._offsets = file, offsets
        file.seek(0)
        header = _GROUPS.search(file.read(int(min(offsets[0], _MAX_SCAN_BYTES))) if offsets.size > 1 else b"")
        groups = fromstring(header[0], forbid_dtd=True) if header else ()
        self._groups = {group.get("id", ""): group for group in groups}

    def __len__(self) -> int:
        return self._offsets.size - 1

    def __getitem__(self, position: int) -> _Scan:
        start, stop = self._offsets[position : position + 2].tolist()
        self._file.seek(start)
        text, end, _ = self._file.read(min(stop - start, _MAX_SCAN_BYTES)).partition(_END)
        if not end:
            raise ValueError(f"scan {position + 1} does not end")
        return _Scan(fromstring(text + end, forbid_dtd=True), self._groups)


@contextmanager
def _opened(path: Path) -> Iterator[_Scans]:
    place = Place(path.name)
    try:
        about = path.stat()
        with path.open("rb") as file:
            if not _ROOT.search(file.read(_PROLOG_BYTES)):
                raise InputError([Problem.at(place, "has no mzML in it", "an mzML file, such as msconvert writes")])
            yield _Scans(file, _scan_offsets(path, about.st_mtime_ns, about.st_size))
    except OSError as error:
        raise InputError([Problem.at(place, f"cannot be read: {error.strerror or error}")]) from error
    except (ParseError, DefusedXmlException, KeyError, ValueError, zlib.error) as error:
        if isinstance(error, InputError):
            raise
        raise InputError([Problem.at(place, f"cannot be read as mzML ({error})", "a complete file")]) from error


@lru_cache(maxsize=64)
def _scan_offsets(path: Path, mtime_ns: int, size: int) -> IntArray:
    """(n_scans + 1,) where each scan begins, and the end of the file; found by one look through it.

    mtime_ns, size : of the file, whose change makes another answer.
    """
    del mtime_ns
    offsets: list[int] = []
    with path.open("rb") as file:
        kept, start = b"", 0
        while chunk := file.read(_CHUNK_BYTES):
            text = kept + chunk
            offsets += [start + found.start() for found in _SPECTRUM.finditer(text)]
            kept = text[-_OVERLAP_BYTES:]
            start += len(text) - len(kept)
    return np.unique(np.array([*offsets, size], dtype=np.int64))


def _decoded(text: str, params: Params) -> FloatArray:
    """Numbers of an array; raises ValueError for what is packed in another way or too large."""
    kind = next((_TYPES[name] for name in params if name in _TYPES), None)
    if kind is None or not {_ZLIB, _PLAIN} & params.keys():
        raise ValueError("an array is packed in another way than zlib or not at all: convert it again without numpress")
    try:
        packed = base64.b64decode(text)
    except binascii.Error as error:
        raise ValueError(f"an array is no base64: {error}") from error
    if _ZLIB in params and packed:
        unpacker = zlib.decompressobj()
        packed = unpacker.decompress(packed, _MAX_ARRAY_BYTES)
        if unpacker.unconsumed_tail:
            raise ValueError("an array grows beyond what a scan can be")
    return np.frombuffer(packed, dtype=kind).astype(np.float64)


def _to_spectrum(scan: _Scan, mz: FloatArray, intensity: FloatArray) -> Spectrum:
    native = scan.element.get("id", "")
    numbers = {part.partition("=")[2] for part in native.split() if part.startswith("scan=")}
    ids = frozenset({native, *numbers} - {""})
    return Spectrum(native, mz, intensity, scan.precursor_mz, scan.rt_min, ids)
