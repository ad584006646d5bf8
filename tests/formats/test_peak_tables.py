"""Each program's table becomes the same peaks and abundances, or one message that says what is wrong and where."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
import pytest
from vendor_tables import WRITERS, Features, some_features

from compassign.errors import InputError
from compassign.formats import importing
from compassign.formats.importing import Imported, ImportOptions, import_table
from compassign.formats.registry import recognise
from compassign.formats.source import open_source

SHEET = "injection,species,order,role\nliver_1,liver,1,sample\nliver_2,liver,2,sample\nliver_3,liver,3,sample\n"
SHEET += "QC_1,pool,4,pool\nblank_1,blank,5,blank\n"
PUBLIC = Path(__file__).resolve().parents[3] / "shared" / "data" / "plasma_rp30"


def written(layout: str, features: Features, folder: Path) -> Path:
    _, ending, write = WRITERS[layout]
    path = folder / f"export.{ending}"
    write(features, path)
    return path


def imported(path: Path, folder: Path, **options: str) -> tuple[Imported, Path]:
    sheet = folder / "samples.csv"
    if not sheet.exists():
        sheet.write_text(SHEET)
    target = folder / "dataset"
    given: dict[str, str] = {"samples": str(sheet), "species": "liver", **options}
    return import_table(path, target, ImportOptions(**given)), target  # type: ignore[arg-type]


def assert_same(target: Path, features: Features) -> None:
    """The folder holds these features, whatever their order of columns."""
    peaks, abundances = pd.read_csv(target / "peaks.csv"), pd.read_csv(target / "abundances.csv")
    assert peaks["mz"].to_numpy() == pytest.approx(features.mz, abs=1e-5)
    assert peaks["rt_min"].to_numpy() == pytest.approx(features.rt_min, abs=1e-4)
    assert abundances["peak_id"].tolist() == peaks["peak_id"].tolist()
    found = abundances[list(features.samples)].to_numpy(dtype=np.float64)
    assert found == pytest.approx(features.abundance, rel=1e-9, nan_ok=True)
    is_blank = pd.read_csv(target / "injections.csv")["role"].to_numpy() == "blank"
    medians = np.nan_to_num(np.nanmedian(features.abundance[:, ~is_blank], axis=1))
    assert peaks["intensity"].to_numpy() == pytest.approx(medians, rel=1e-9)


@pytest.mark.parametrize("layout", WRITERS)
def test_every_layout_gives_the_same_peaks(layout: str, rng: np.random.Generator, tmp_path: Path) -> None:
    features = some_features(rng)
    found, target = imported(written(layout, features, tmp_path), tmp_path)
    assert_same(target, features)
    assert found.n_peaks == features.mz.size
    injections = pd.read_csv(target / "injections.csv")
    assert injections["injection"].tolist() == list(features.samples)
    assert injections["role"].tolist() == ["sample", "sample", "sample", "pool", "blank"]
    assert injections["species"].tolist() == ["liver", "liver", "liver", "pool", "blank"]


def test_what_mztab_says_of_features_is_kept(rng: np.random.Generator, tmp_path: Path) -> None:
    features = some_features(rng)
    found, target = imported(written("mzTab-M", features, tmp_path), tmp_path)
    peaks = pd.read_csv(target / "peaks.csv", dtype=str, keep_default_na=False)
    assert found.is_polarity_known
    assert peaks["adduct"].tolist()[:3] == ["", "[M+Na]+", ""]
    assert peaks["charge"].tolist()[:3] == ["", "1", ""]  # the specification demands one where none is known
    assert peaks["isotope_index"].tolist()[:3] == ["", "", "1"]
    assert peaks["SML chemical_name"].tolist()[:3] == ["leucine, the first", "leucine, the first", ""]
    assert peaks["SML database_identifier"].tolist()[:3] == ["HMDB:1", "HMDB:1|HMDB:2", ""]


def test_an_mztab_file_without_features_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "old.mztab"
    path.write_text("MTD\tmzTab-version\t1.0.0\nSMH\tidentifier\nSML\tx\n")
    with pytest.raises(InputError, match="without features, expected the features of mzTab-M 2.0"):
        imported(path, tmp_path)


@pytest.mark.parametrize("layout", WRITERS)
def test_the_format_is_found_by_content(layout: str, rng: np.random.Generator, tmp_path: Path) -> None:
    path = written(layout, some_features(rng), tmp_path)
    assert recognise(open_source(path).head())[0].name == WRITERS[layout][0]


@pytest.mark.parametrize("layout", [name for name in WRITERS if name != "Compound Discoverer"])
def test_a_bad_number_is_named_with_its_place(layout: str, rng: np.random.Generator, tmp_path: Path) -> None:
    features = some_features(rng)
    path = written(layout, features, tmp_path)
    text = path.read_bytes().decode("utf-8-sig")
    number = repr(float(features.mz[7])).replace(".", "," if layout == "Progenesis QI" else ".")
    path.write_bytes(text.replace(number, "abc", 1).encode())
    row = next(at for at, line in enumerate(text.splitlines(), start=1) if number in line)
    with pytest.raises(InputError) as raised:
        imported(path, tmp_path)
    assert f"row {row}" in str(raised.value)
    assert "abc" in str(raised.value)
    assert not (tmp_path / "dataset").exists()


def test_isotopes_of_msdial_are_with_their_parents(tmp_path: Path) -> None:
    names = ["Alignment ID", "Average Rt(min)", "Average Mz", "Adduct type", "Isotope tracking parent ID"]
    rows = [[*[""] * 5, "File type", "Sample"], [*names, "Isotope tracking weight number", "liver_1"]]
    rows += [["7", "2.0", "132.1019", "[M+H]+", "null", "null", "90"], ["9", "2.0", "133.1053", "null", "7", "1", "8"]]
    path = tmp_path / "m.txt"
    path.write_text("".join("\t".join(row) + "\n" for row in rows))
    found = import_table(path, tmp_path / "dataset", ImportOptions(species="liver", rt_unit="min"))
    peaks = pd.read_csv(tmp_path / "dataset" / "peaks.csv", dtype=str, keep_default_na=False)
    assert peaks["isotope_group"].tolist() == ["7", "7"]
    assert peaks["isotope_index"].tolist() == ["", "1"]
    assert peaks["adduct"].tolist() == ["[M+H]+", ""]
    assert found.warnings == ()


def test_a_bad_cell_of_a_workbook_is_named_with_its_place(rng: np.random.Generator, tmp_path: Path) -> None:
    path = written("Compound Discoverer", some_features(rng), tmp_path)
    book = openpyxl.load_workbook(path)
    book.worksheets[0]["E9"] = "abc"
    book.save(path)
    with pytest.raises(InputError, match=r"export\.xlsx, row 9, column RT \[min\]: found 'abc', expected"):
        imported(path, tmp_path)
    assert not (tmp_path / "dataset").exists()


def test_an_id_that_occurs_twice_is_refused(rng: np.random.Generator, tmp_path: Path) -> None:
    path = written("mzmine", some_features(rng), tmp_path)
    path.write_text(path.read_text().replace("\n12,", "\n11,", 1))
    with pytest.raises(InputError, match="11"):
        imported(path, tmp_path)


def test_retention_times_in_the_other_unit_are_refused_with_the_way_out(
    rng: np.random.Generator, tmp_path: Path
) -> None:
    features = some_features(rng)
    in_seconds = Features(features.mz, features.rt_min * 60.0, features.abundance, features.samples)
    path = written("mzmine", in_seconds, tmp_path)
    with pytest.raises(InputError, match="--rt-unit"):
        imported(path, tmp_path)
    _, target = imported(path, tmp_path, rt_unit="s")
    assert_same(target, features)


def test_samples_can_be_mapped_by_an_expression(rng: np.random.Generator, tmp_path: Path) -> None:
    path = written("mzmine", some_features(rng), tmp_path)
    _, target = imported(path, tmp_path, samples=r"(?P<species>[A-Za-z]+)_(?P<order>\d)")
    assert pd.read_csv(target / "injections.csv")["species"].tolist() == ["liver", "liver", "liver", "QC", "blank"]


def test_a_sample_that_the_sheet_lacks_is_named(rng: np.random.Generator, tmp_path: Path) -> None:
    path = written("mzmine", some_features(rng), tmp_path)
    (tmp_path / "samples.csv").write_text(SHEET.replace("QC_1,pool,4,pool\n", ""))
    with pytest.raises(InputError, match="QC_1"):
        imported(path, tmp_path)


def test_a_table_of_another_kind_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "sales.csv"
    path.write_text("customer,amount,date\na,1,2\nb,2,3\n")
    with pytest.raises(InputError, match="m/z and retention time"):
        imported(path, tmp_path)


def test_an_unknown_format_is_told_the_known_ones(rng: np.random.Generator, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="mzmine, msdial"):
        imported(written("asari", some_features(rng), tmp_path), tmp_path, format="excel")


def test_a_folder_with_something_in_it_is_left_alone(rng: np.random.Generator, tmp_path: Path) -> None:
    target = tmp_path / "dataset"
    target.mkdir()
    (target / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match="exists already"):
        imported(written("asari", some_features(rng), tmp_path), tmp_path)
    assert [path.name for path in target.iterdir()] == ["notes.txt"]


def test_a_formula_in_a_kept_cell_is_refused(rng: np.random.Generator, tmp_path: Path) -> None:
    path = written("MS-DIAL", some_features(rng), tmp_path)
    path.write_bytes(path.read_bytes().replace(b'Unknown 5"-methyl', b"=cmd|' /C calc'!A0", 1))
    with pytest.raises(InputError, match="no formula"):
        imported(path, tmp_path)


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16"])
def test_other_encodings_are_read(encoding: str, rng: np.random.Generator, tmp_path: Path) -> None:
    features = some_features(rng)
    path = written("MS-DIAL", features, tmp_path)
    text = path.read_bytes().decode().replace("Unknown", "Säure")
    path.write_bytes(text.encode(encoding))
    found, target = imported(path, tmp_path)
    assert_same(target, features)
    assert pd.read_csv(target / "peaks.csv")["Metabolite name"].unique().tolist() == ['Säure 5"-methyl']
    assert any("Windows-1252" in warning for warning in found.warnings) == (encoding == "cp1252")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("nul.csv", b"row ID,row m/z,row retention time\n1,1\x0000,2\n", "NUL"),
        ("long.csv", b"row ID,row m/z,row retention time\n1," + b"9" * 10_000_000 + b",2\n", "8,000,000"),
        (
            "entities.xml",
            b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>\n<consensusXML>&x;</consensusXML>',
            "entities",
        ),
        ("byte.csv", b"row ID,row m/z,row retention time\n1,100,2\n\x81,1,2\n", "byte 0x81"),
        ("book.xlsx", b"PK\x03\x04 and no workbook", "book.xlsx"),
        ("packed.csv.gz", b"\x1f\x8b" + b"0" * 20, "gzip"),
        ("empty.csv", b"", "found no row"),
    ],
)
def test_hostile_files_are_refused(name: str, content: bytes, said: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InputError, match=said):
        imported(path, tmp_path)
    assert sorted(found.name for found in tmp_path.iterdir()) == sorted([name, "samples.csv"])


def test_parts_of_a_long_table_are_joined(
    rng: np.random.Generator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "_CELLS_AT_ONCE", 100)
    features = some_features(rng, 300)
    _, target = imported(written("mzmine", features, tmp_path), tmp_path)
    assert_same(target, features)


@pytest.mark.data
@pytest.mark.skipif(not PUBLIC.is_dir(), reason="the public tables are not beside the repository")
@pytest.mark.parametrize("layout", WRITERS)
def test_a_real_table_comes_through_every_layout(layout: str, tmp_path: Path) -> None:
    table = pd.read_csv(PUBLIC / "peaks.csv")
    samples = tuple(name for name in table.columns if name.split(".")[0] in {"CHEAR", "Blank", "POOL", "RedCross"})
    abundance = table[list(samples)].to_numpy(dtype=np.float64)
    features = Features(
        table["mz"].to_numpy(), table["rt_min"].to_numpy(), np.where(abundance > 0, abundance, np.nan), samples
    )
    rows = "".join(f"{name},plasma,{i},sample\n" for i, name in enumerate(samples, start=1))
    (tmp_path / "samples.csv").write_text(f"injection,species,order,role\n{rows}")
    _, target = imported(written(layout, features, tmp_path), tmp_path)
    assert_same(target, features)
