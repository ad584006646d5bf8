"""MGF and MSP: the layouts that programs write, with their traps, and the line of what cannot be read."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from compassign.errors import InputError
from compassign.spectra.spectrum import Spectrum
from compassign.spectra.text import read_text_spectra

MGF = """\
COM=of the whole file
BEGIN IONS
FEATURE_ID=12
TITLE=run 1: scan 7
PEPMASS=181.0707 4200.5
RTINSECONDS=90
CHARGE=1+
60.5 7
50.25 5.5 1

END IONS

BEGIN IONS
SCANS=13
PEPMASS=0
RTINSECONDS=60.0-120.0
70 1
END IONS
BEGIN IONS
TITLE=empty
END IONS
"""
MSP = """\
NAME: Glucose
PRECURSORMZ: 181.0707
PRECURSORTYPE: [M+H]+
RETENTIONTIME: 1.25
InChIKey: WQZGKKKJIJFFOK-GASJEMHNSA-N
Num Peaks: 6
41.5:3 42.5:4
59.0131\t100.0\t"C2H3O2- 1/1 0.5ppm"
60.5 7; 70.5 8;
80,9
NAME: no blank line before this one
COMPOUND_ID: C2
Num Peaks: 1
55.0 3


Name: nothing in it
Num Peaks: 0
"""


def read(tmp_path: Path, text: str) -> list[Spectrum]:
    path = tmp_path / "spectra.txt"
    path.write_bytes(text.encode())
    return list(read_text_spectra(path))


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
@pytest.mark.parametrize("start", ["", "\ufeff"])
def test_mgf(tmp_path: Path, ends: str, start: str) -> None:
    first, second = read(tmp_path, start + MGF.replace("\n", ends))
    assert first.mz.tolist() == [50.25, 60.5]
    assert first.intensity.tolist() == [5.5, 7.0]
    assert (first.precursor_mz, first.rt_min) == (181.0707, 1.5)
    assert {"12", "run 1: scan 7"} <= first.ids
    assert first.name == "run 1: scan 7"
    assert second.ids == {"13"}
    assert math.isnan(second.precursor_mz)  # GNPS writes 0
    assert second.rt_min == 1.5  # the middle of a range


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_msp(tmp_path: Path, ends: str) -> None:
    first, second = read(tmp_path, MSP.replace("\n", ends))
    assert first.name == "Glucose"
    assert first.mz.tolist() == [41.5, 42.5, 59.0131, 60.5, 70.5, 80.0]
    assert first.intensity.tolist() == [3.0, 4.0, 100.0, 7.0, 8.0, 9.0]
    assert (first.precursor_mz, first.rt_min) == (181.0707, 1.25)
    assert first.fields["INCHIKEY"] == "WQZGKKKJIJFFOK-GASJEMHNSA-N"
    assert second.fields["COMPOUND_ID"] == "C2"
    assert second.mz.tolist() == [55.0]


@pytest.mark.parametrize(
    ("bad", "line", "found"),
    [
        ("60.5 seven", 8, "'60.5 seven'"),
        ("60.5", 8, "'60.5'"),
        ("60.5 -7", 8, "'60.5 -7'"),
        ("nan 7", 8, "'nan 7'"),
        ("\0\0 7", 8, r"'\x00\x00 7'"),
    ],
)
def test_a_fragment_that_is_none_is_told_with_its_line(tmp_path: Path, bad: str, line: int, found: str) -> None:
    with pytest.raises(InputError) as error:
        read(tmp_path, MGF.replace("60.5 7", bad))
    assert error.value.problems[0].startswith(f"spectra.txt, row {line}: found {found}, expected")


@pytest.mark.parametrize(
    ("title", "found"),
    [
        ("a\0b", r"found 'TITLE=a\x00b', expected a field"),
        ("x" * 1_000_001, "a line of more than 1,000,000 characters"),
    ],
)
def test_a_title_that_means_harm_is_refused(tmp_path: Path, title: str, found: str) -> None:
    with pytest.raises(InputError) as error:
        read(tmp_path, f"BEGIN IONS\nTITLE={title}\nPEPMASS=100\n50 1\nEND IONS\n")
    assert found in error.value.problems[0]
    assert len(error.value.problems[0]) < 300


def test_every_problem_is_listed_up_to_a_number(tmp_path: Path) -> None:
    entry = "BEGIN IONS\nPEPMASS=much\n50 x\n60 1\nEND IONS\n"
    with pytest.raises(InputError) as error:
        read(tmp_path, entry * 40)
    assert len(error.value.problems) == 21
    assert error.value.problems[-1] == "spectra.txt: and 60 more lines like these"
    assert any("found the precursor 'much'" in problem for problem in error.value.problems)


def test_a_table_is_no_file_of_spectra(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="row 1: found 'peak_id;mz', expected a field"):
        read(tmp_path, "peak_id;mz\nP1;100.5\n")
