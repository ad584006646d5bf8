"""Tables of other programs as a screen handles them: what has to be asked, and what becomes of the answers."""

from __future__ import annotations

import io

import pytest

from compassign.errors import InputError
from compassign.formats.importing import ImportOptions
from compassign.queries.imports import ForeignTable, imported_files, inspect_upload, sample_table, sheet_template

MZMINE = b"row ID,row m/z,row retention time,plasma_1.mzML Peak area,blank_1.mzML Peak area\n1,132.1019,2.31,8,0\n"
GENERIC = b"id,mz,rt,S1,S2\na,132.1019,2.31,8,0\n"
OPTIONS = ImportOptions(species="plasma", polarity="positive")


def made(table: ForeignTable, options: ImportOptions = OPTIONS) -> dict[str, str]:
    with imported_files(table, options) as (files, _):
        return {name: file.read().decode() for name, file in files.items()}


def test_what_a_table_says_of_itself_need_not_be_asked() -> None:
    found = inspect_upload("features.csv", io.BytesIO(MZMINE))
    assert found is not None
    assert (found.format, found.rt_unit, found.polarity, found.species) == ("mzmine", "min", None, None)
    assert sample_table(found)[["injection", "role"]].to_numpy().tolist() == [
        ["plasma_1", "sample"],
        ["blank_1", "blank"],
    ]
    other = inspect_upload("features.csv", io.BytesIO(GENERIC))
    assert other is not None
    assert (other.has_samples, other.rt_unit) == (False, None)
    assert [sample.name for sample in other.samples] == ["S1", "S2"]
    assert inspect_upload("library.csv", io.BytesIO(b"compound_id,name\n1,x\n")) is None


def test_a_sheet_that_was_filled_in_maps_the_samples() -> None:
    found = inspect_upload("features.csv", io.BytesIO(GENERIC))
    assert found is not None
    sheet = io.BytesIO(sheet_template(found).decode("utf-8-sig").replace("S1,,", "S1,liver,").encode())
    table = ForeignTable("features.csv", io.BytesIO(GENERIC), sheet, "samples.csv")
    files = made(table, ImportOptions(rt_unit="min", polarity="negative", species="serum"))
    assert files["injections.csv"].splitlines()[1:] == ["S1,liver,negative,1,sample", "S2,serum,negative,2,sample"]
    assert files["abundances.csv"].splitlines() == ['"peak_id","S1","S2"', '"a",8,']


@pytest.mark.parametrize(
    ("content", "options", "said"),
    [
        (MZMINE, ImportOptions(species="plasma"), "say “Polarity”"),
        (MZMINE, ImportOptions(polarity="positive"), "give “Species”"),
        (GENERIC, OPTIONS, "give “Unit of retention times”"),
        (MZMINE.replace(b"2.31", b"900"), OPTIONS, "import with “Unit of retention times”"),
    ],
)
def test_what_is_missing_is_said_in_the_words_of_the_form(content: bytes, options: ImportOptions, said: str) -> None:
    with pytest.raises(InputError) as raised:
        made(ForeignTable("features.csv", io.BytesIO(content)), options)
    assert said in str(raised.value)
    assert "--" not in str(raised.value)


@pytest.mark.parametrize("name", ["../../evil.csv", "/etc/passwd", ".hidden", "a\x00b", "..", "x" * 400])
def test_no_name_leads_out_of_the_temporary_folder(name: str) -> None:
    files = made(ForeignTable(name, io.BytesIO(MZMINE), io.BytesIO(b"injection\nplasma_1\nblank_1\n"), name))
    assert set(files) == {"peaks.csv", "injections.csv", "abundances.csv", "dataset.toml"}
