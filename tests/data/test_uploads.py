"""What people hand in is unpacked with distrust, and columns of other names become ours."""

from __future__ import annotations

import io
import stat
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pandas as pd
import pytest

from compassign.data import uploads
from compassign.data.uploads import (
    ColumnMapping,
    guess_columns,
    guess_table,
    is_in_seconds,
    map_columns,
    missing_columns,
    refuse_large_tables,
    unpack,
)
from compassign.errors import InputError

PEAKS = "peak_id,species,mz,rt_min,intensity\np1,plasma,132.1,2.0,10\n"
COMPOUNDS = "compound_id,name,formula\nile,isoleucine,C6H13NO2\n"


def zipped(files: Mapping[str, str], change: Callable[[zipfile.ZipInfo], None] = lambda info: None) -> io.BytesIO:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            change(info)
            archive.writestr(info, content)
    packed.seek(0)
    return packed


def names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


@pytest.mark.parametrize("place", ["", "study/", "a/b/"])
def test_tables_are_taken_from_one_folder_and_the_rest_is_named(tmp_path: Path, place: str) -> None:
    files = {f"{place}peaks.csv": PEAKS, f"{place}compounds.csv": COMPOUNDS, f"{place}notes.docx": "x"}
    left_out = unpack(zipped({**files, "__MACOSX/._peaks.csv": "x", f"{place}.DS_Store": "x"}), tmp_path)
    assert names(tmp_path) == ["compounds.csv", "peaks.csv"]
    assert (tmp_path / "peaks.csv").read_text() == PEAKS
    assert left_out == (f"{place}notes.docx",)


def test_spectra_come_with_their_tables(tmp_path: Path) -> None:
    files = {"peaks.csv": PEAKS, "spectra.mzML": "x", "library_spectra.msp": "x", "other.mgf": "x"}
    assert unpack(zipped(files), tmp_path) == ("other.mgf",)
    assert names(tmp_path) == ["library_spectra.msp", "peaks.csv", "spectra.mzML"]


@pytest.mark.parametrize(
    "name", ["../peaks.csv", "a/../../peaks.csv", "/etc/peaks.csv", "..\\peaks.csv", "C:peaks.csv", "C:\\peaks.csv"]
)
def test_a_name_that_leads_out_of_the_folder_is_refused(tmp_path: Path, name: str) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    with pytest.raises(InputError, match="inside its own folder"):
        unpack(zipped({"compounds.csv": COMPOUNDS, name: PEAKS}), inner)
    assert names(tmp_path) == ["inner"]


def test_a_link_in_a_zip_is_refused(tmp_path: Path) -> None:
    def link(info: zipfile.ZipInfo) -> None:
        info.external_attr = (stat.S_IFLNK | 0o777) << 16

    with pytest.raises(InputError, match="link"):
        unpack(zipped({"peaks.csv": "/etc/passwd"}, link), tmp_path)
    assert names(tmp_path) == []


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="would grow 200 times"):
        unpack(zipped({"peaks.csv": "0" * 12_000_000}), tmp_path)
    assert names(tmp_path) == []


def test_too_much_together_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "MAX_BYTES", len(PEAKS) + len(COMPOUNDS) - 1)
    with pytest.raises(InputError, match="name a server path"):
        unpack(zipped({"peaks.csv": PEAKS, "compounds.csv": COMPOUNDS}), tmp_path)


def test_a_zip_that_lies_about_a_size_is_cut_short(tmp_path: Path) -> None:
    content = zipped({"peaks.csv": PEAKS * 100}).getvalue()
    real, stated = (len(PEAKS) * 100).to_bytes(4, "little"), (10).to_bytes(4, "little")
    assert content.count(real) == 2  # before the file and in the directory at the end
    with pytest.raises(InputError, match="CRC"):
        unpack(io.BytesIO(content.replace(real, stated)), tmp_path)
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 10


def test_too_many_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "MAX_ENTRIES", 2)
    with pytest.raises(InputError, match="3 files, expected at most 2"):
        unpack(zipped({"peaks.csv": PEAKS, "a": "", "b": ""}), tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"PK nothing", "not a zip"),
        (b"", "not a zip"),
        (zipped({"readme.txt": "x"}).getvalue(), "no peaks.csv"),
        (zipped({"a/peaks.csv": PEAKS, "b/compounds.csv": COMPOUNDS}).getvalue(), "expected one dataset"),
        (zipped({"peaks.csv": PEAKS}).getvalue()[:60], "not a zip"),
    ],
)
def test_what_is_no_dataset_is_said(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(InputError, match=message):
        unpack(io.BytesIO(content), tmp_path)


def test_a_damaged_file_in_a_zip_is_said(tmp_path: Path) -> None:
    content = bytearray(zipped({"peaks.csv": PEAKS}).getvalue())
    content[45] ^= 0xFF  # within the packed data
    with pytest.raises(InputError, match="zip"):
        unpack(io.BytesIO(bytes(content)), tmp_path)


def test_a_parquet_file_is_measured_before_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pd.DataFrame({"mz": [1.0] * 1000}).to_parquet(tmp_path / "peaks.parquet")
    refuse_large_tables(tmp_path)
    monkeypatch.setattr(uploads, "MAX_BYTES", 7999)
    with pytest.raises(InputError, match="1,000 rows"):
        refuse_large_tables(tmp_path)


def test_columns_of_other_programs_are_recognised() -> None:
    columns = ["Row ID", "row m/z", "row retention time", "Peak area", "odd"]
    expected = {"peak_id": "Row ID", "mz": "row m/z", "rt_min": "row retention time", "intensity": "Peak area"}
    assert guess_columns("peaks", columns) == expected
    assert guess_columns("peaks", ["mz", "m/z"]) == {"mz": "mz"}
    assert guess_columns("peaks", ["RT [sec]", "Average Mz", "(id)"]) == {"rt_min": "RT [sec]", "mz": "Average Mz"}
    assert guess_table("Library v2.csv") == "compounds"
    assert guess_table("features.csv") == "peaks"


@pytest.mark.parametrize(
    ("column", "is_it"),
    [("RT [sec]", True), ("rt_s", True), ("Time (s)", True), ("seconds", True), ("RT", False), ("rts", False)],
)
def test_a_name_says_whether_a_column_holds_seconds(column: str, is_it: bool) -> None:
    assert is_in_seconds(column) == is_it


def test_missing_columns_are_those_that_are_needed(tmp_path: Path) -> None:
    (tmp_path / "compounds.csv").write_text("compound_id,Name\na,b\n")
    assert missing_columns(tmp_path / "compounds.csv") == (["compound_id", "Name"], ["name", "formula"])
    (tmp_path / "compounds.csv").write_text("compound_id\na,b\n")
    assert missing_columns(tmp_path / "compounds.csv") == ([], [])  # its form has to be mended first


def test_mapped_columns_are_renamed_filled_and_converted(tmp_path: Path) -> None:
    file = tmp_path / "peaks.csv"
    file.write_text('id,m/z,rt,note\n007,132.10210,90,"a,b"\n008,133.0,soon,\n')
    mapping = ColumnMapping({"peak_id": "id", "mz": "m/z", "rt_min": "rt"}, {"species": "x"}, frozenset(["rt_min"]))
    map_columns(file, mapping)
    assert file.read_text().splitlines() == [
        "peak_id,mz,rt_min,note,species",
        '007,132.10210,1.5,"a,b",x',
        "008,133.0,soon,,x",  # what is no number stays, so that it is reported
    ]


def test_a_column_that_has_our_name_and_is_not_meant_swaps(tmp_path: Path) -> None:
    file = tmp_path / "peaks.csv"
    file.write_text("mz,mz_corrected\n1,2\n")
    map_columns(file, ColumnMapping({"mz": "mz_corrected"}))
    assert file.read_text() == "mz_corrected,mz\n1,2\n"


@pytest.mark.parametrize(
    ("columns", "message"), [({"mz": "a", "rt_min": "a"}, "chosen 2 times"), ({"mz": "nowhere"}, "no column 'nowhere'")]
)
def test_a_mapping_that_cannot_be_changes_nothing(tmp_path: Path, columns: dict[str, str], message: str) -> None:
    file = tmp_path / "peaks.csv"
    file.write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match=message):
        map_columns(file, ColumnMapping(columns))
    assert file.read_text() == "a,b\n1,2\n"


def test_a_file_with_lost_cells_is_not_mapped(tmp_path: Path) -> None:
    file = tmp_path / "peaks.csv"
    file.write_text("a,b\n1\n")
    with pytest.raises(InputError, match="found 1 cells"):
        map_columns(file, ColumnMapping({"mz": "a"}))
