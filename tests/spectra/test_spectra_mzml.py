"""mzML: fragment spectra with their precursors and times, single ions over time, and files that are refused."""

from __future__ import annotations

import base64
import re
import zlib
from pathlib import Path

import defusedxml.ElementTree
import numpy as np
import pytest
from mzml_files import Scan, mzml, write_mzml

from compassign.errors import InputError
from compassign.spectra import mzml as mzml_module
from compassign.spectra.mzml import extract_chromatogram, read_mzml_spectra

MZ = 180.0634
SCANS = (
    Scan(1, 1.0, [MZ, 300.0], [10.0, 99.0]),
    Scan(2, 1.01, [60.0, 50.0], [7.0, 5.0], precursor_mz=MZ),
    Scan(1, 1.1, [MZ * (1 + 4e-6), MZ * (1 - 4e-6), MZ * (1 + 30e-6)], [20.0, 3.0, 500.0]),
    Scan(1, 1.2, [100.0], [8.0]),
    Scan(1, 2.0, [MZ], [77.0]),
)


def test_only_ms2_scans_are_spectra_with_ascending_fragments(tmp_path: Path) -> None:
    (found,) = read_mzml_spectra(write_mzml(tmp_path / "a.mzML", SCANS))
    assert found.mz.tolist() == [50.0, 60.0]
    assert found.intensity.tolist() == [5.0, 7.0]
    assert found.precursor_mz == MZ
    assert found.rt_min == pytest.approx(1.01)
    assert "2" in found.ids  # a table may name the scan by its number alone


def test_times_in_seconds_become_minutes(tmp_path: Path) -> None:
    scans = [Scan(2, 90.0, [50.0], [5.0], precursor_mz=MZ, unit="second")]
    (found,) = read_mzml_spectra(write_mzml(tmp_path / "a.mzML", scans))
    assert found.rt_min == pytest.approx(1.5)


def test_chromatogram_sums_what_is_within_the_tolerance_and_zero_where_nothing_is(tmp_path: Path) -> None:
    found = extract_chromatogram(write_mzml(tmp_path / "a.mzML", SCANS), MZ, 10.0, (0.5, 1.5))
    assert found.rt_min == pytest.approx([1.0, 1.1, 1.2])
    assert found.intensity.tolist() == [10.0, 23.0, 0.0]


def test_chromatogram_reads_only_the_scans_of_its_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_mzml(tmp_path / "a.mzML", [Scan(1, 0.01 * i, [MZ], [1.0]) for i in range(1000)])
    parsed: list[bytes] = []
    real = defusedxml.ElementTree.fromstring

    def counted(text: bytes, **options: bool) -> object:
        parsed.append(text)
        return real(text, **options)

    monkeypatch.setattr(mzml_module, "fromstring", counted)
    assert extract_chromatogram(path, MZ, 10.0, (4.995, 5.105)).rt_min.size == 11
    assert len(parsed) < 30  # of 1000


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("peak_id,mz\n1,2\n", "has no mzML in it"),
        (
            f'<!DOCTYPE mzML [<!ENTITY a "2">]>{mzml(SCANS)}'.replace('value="2"', 'value="&a;"'),
            "cannot be read as mzML",
        ),
        (mzml(SCANS)[:1500], "cannot be read as mzML"),
        (mzml(SCANS).replace("MS:1000574", "MS:1002312"), "cannot be read as mzML .*numpress"),
    ],
)
def test_other_hostile_and_cut_files_are_refused_by_name(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "bad.mzML"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=rf"bad\.mzML: {message}"):
        list(read_mzml_spectra(path))


def test_an_array_that_grows_beyond_what_a_scan_can_be_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mzml_module, "_MAX_ARRAY_BYTES", 1000)
    bomb = base64.b64encode(zlib.compress(np.zeros(10_000).tobytes())).decode()
    text = re.sub(r"<binary>[^<]*</binary>", f"<binary>{bomb}</binary>", mzml(SCANS), count=4)
    path = tmp_path / "bomb.mzML"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match="grows beyond"):
        list(read_mzml_spectra(path))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.mzML: cannot be read"):
        list(read_mzml_spectra(tmp_path / "none.mzML"))
