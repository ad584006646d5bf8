"""Files that mean harm, or were damaged: one message, nothing written, and no memory that grows with the file."""

from __future__ import annotations

import io
import tracemalloc
import zipfile
from collections.abc import Iterator
from pathlib import Path

import openpyxl
import pandas as pd
import pytest

from compassign.errors import InputError
from compassign.formats import importing
from compassign.formats.importing import ImportOptions, import_table
from compassign.formats.layout import Record
from compassign.formats.source import Source

OPTIONS = ImportOptions(species="plasma", polarity="positive")
HEADER = "row ID,row m/z,row retention time,comment,plasma_1.mzML Peak area\n"
SHEET = "xl/worksheets/sheet1.xml"
BOMB = "".join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10}">' for i in range(1, 10))
LAUGHS = f'<!DOCTYPE a [<!ENTITY l0 "ha">{BOMB}]>'
FEATURES = '<consensusXML><map id="0" name="a"/><consensusElementList>{}</consensusElementList></consensusXML>'


def workbook(**parts: bytes) -> bytes:
    """A workbook whose parts, by name with `/` as `__`, are replaced or added."""
    book, to, packed = openpyxl.Workbook(), io.BytesIO(), io.BytesIO()
    sheet = book.worksheets[0]
    sheet.append(["Name", "Calc. MW", "m/z", "RT [min]", "Area: a.raw (F1)"])
    sheet.append(["x", 100.0, 101.0, 2.0, 5.0])
    book.save(to)
    new = {name.replace("__", "/"): content for name, content in parts.items()}
    with zipfile.ZipFile(to) as old, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in old.namelist():
            archive.writestr(name, new.pop(name, old.read(name)))
        for name, content in new.items():
            archive.writestr(name, content)
    return packed.getvalue()


def sheet_of(cell: str, prolog: str = "") -> bytes:
    """A sheet with one cell of text."""
    space = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
    text = f'<c r="A1" t="inlineStr"><is><t>{cell}</t></is></c>'
    return f'{prolog}<worksheet {space}><sheetData><row r="1">{text}</row></sheetData></worksheet>'.encode()


FILES: dict[str, tuple[bytes, str]] = {
    "bomb.xlsx": (workbook(**{SHEET.replace("/", "__"): b" " * 50_000_000}), "grow 200 times"),
    "path.xlsx": (workbook(**{"..__..__evil.txt": b"x"}), "inside its own folder"),
    "many.xlsx": (workbook(**{f"part{i}": b"" for i in range(1001)}), "expected at most 1,000"),
    "entity.xlsx": (
        workbook(
            **{SHEET.replace("/", "__"): sheet_of("&x;", '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>')}
        ),
        "cannot be read as an Excel workbook",
    ),
    "laughs.xlsx": (workbook(**{SHEET.replace("/", "__"): sheet_of("&l9;", LAUGHS)}), "cannot be read as an Excel"),
    "cell.xlsx": (workbook(**{SHEET.replace("/", "__"): sheet_of("ab" * 100_000)}), "found a cell of 200,000"),
    "cell.csv": ((HEADER + f'1,100,2,"{"x\n" * 5_000_000}",3\n').encode(), "131,072 characters"),
    "cell.txt": ((HEADER.replace(",", "\t") + f"1\t100\t2\t{'x' * 1_000_000}\t3\n").encode(), "131,072 characters"),
    "quote.csv": ((HEADER + '1,100,2,"never closed,3\n').encode(), "cannot be split into cells"),
    "nul.mztab": (b"MTD\tmzTab-version\t2.0.0-M\nSFH\tSMF_ID\x00\n", "NUL"),
    "laughs.xml": (LAUGHS.encode() + FEATURES.format("&l9;").encode(), "document type"),
    "utf16.xml": (b"\xff\xfe" + (LAUGHS + FEATURES).encode("utf-16-le"), ""),
    "tag.xml": (FEATURES.format(f'<consensusElement id="{"x" * 10_000_000}"/>').encode(), "a tag of more than"),
    "cut.xml": (FEATURES.format("<consensusElement>").encode()[:-60], "no complete XML"),
    "late.xml": (FEATURES.format(LAUGHS).encode(), "no complete XML"),
    "header.csv": (HEADER.replace("comment", "=cmd()").encode() + b"1,100,2,a,3\n", "no formula"),
    "sample.csv": (HEADER.replace("plasma_1", "@SUM(1)").encode() + b"1,100,2,a,3\n", "no formula"),
    "cells.csv": (HEADER.encode() + b'1,100,2,"=HYPERLINK(""x"")",3\n', "no formula"),
    "id.csv": (HEADER.encode() + b"@x,100,2,a,3\n", "no formula"),
    "infinite.csv": (HEADER.encode() + b"1,inf,2,a,3\n2,1e999,2,a,3\n3,100,2,a,nan\n", "found 'inf'"),
}


@pytest.mark.parametrize("name", FILES)
def test_a_hostile_file_is_refused_and_nothing_is_written(name: str, tmp_path: Path) -> None:
    content, said = FILES[name]
    (tmp_path / "in").mkdir()
    path = tmp_path / "in" / name
    path.write_bytes(content)
    with pytest.raises(InputError) as raised:
        import_table(path, tmp_path / "in" / "study", OPTIONS)
    assert said in str(raised.value)
    assert len(str(raised.value)) < 5000  # a message of a cell of 10 MB does not repeat it
    assert "root:" not in str(raised.value)  # nor a file that an entity names
    assert [found.name for found in tmp_path.rglob("*")] == ["in", name]


def test_a_workbook_with_cells_in_far_columns_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("compassign.formats.workbook._MAX_CELLS", 50_000)
    rows = "".join(f'<row r="{at}"><c r="XFD{at}"><v>1</v></c></row>' for at in range(1, 10))
    sheet = sheet_of("x").replace(b"</sheetData>", f"{rows}</sheetData>".encode())
    (tmp_path / "far.xlsx").write_bytes(workbook(**{SHEET.replace("/", "__"): sheet}))
    with pytest.raises(InputError, match="found more than 50,000 cells, empty ones included"):
        import_table(tmp_path / "far.xlsx", tmp_path / "study", OPTIONS)


def test_a_sheet_of_samples_may_be_hostile_too(tmp_path: Path) -> None:
    (tmp_path / "features.csv").write_text(HEADER + "1,100,2,a,3\n")
    (tmp_path / "samples.csv").write_text("injection,species\nplasma_1,=cmd()\n")
    with pytest.raises(InputError, match="no formula"):
        import_table(
            tmp_path / "features.csv", tmp_path / "study", ImportOptions(samples=str(tmp_path / "samples.csv"))
        )


N_ROWS = 10_000  # of which 100 bytes each would take 8 MB as lists of cells; a million are 800 MB


def test_a_long_table_never_is_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows come one by one from a made-up file; what is traced is the most that the import held of them at once."""
    (tmp_path / "features.csv").write_text(HEADER + "0,100,2,a,3\n")
    import_table(tmp_path / "features.csv", tmp_path / "first", OPTIONS)  # what is imported for it is not its memory
    monkeypatch.setattr(importing, "_CELLS_AT_ONCE", 5_000)

    def records(_: Source) -> Iterator[Record]:
        yield 1, HEADER.strip().split(",")
        yield from ((at, [str(at), "100.5", "2.5", f"{at:0100}", "3"]) for at in range(2, N_ROWS + 2))

    monkeypatch.setattr(Source, "records", records)
    tracemalloc.start()
    try:
        import_table(tmp_path / "features.csv", tmp_path / "study", OPTIONS)
        _, most_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most_bytes < 5_000_000
    assert len(pd.read_csv(tmp_path / "study" / "peaks.csv")) == N_ROWS
