"""What goes into an import comes out: every row, every foreign column, every number, whatever the texts are."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compassign.errors import InputError
from compassign.formats.cells import is_formula
from compassign.formats.importing import ImportOptions, import_table

_TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=8)
_CELL = _TEXT.filter(lambda text: not is_formula(text))
# names that no format gives a meaning: ours would be taken for what they say
_NAME = st.one_of(
    _CELL.map(lambda text: f"x {text}"), st.sampled_from(["peak_id", "ms2_id", "note", "note", "adduct_"])
)
_AMOUNT = st.one_of(st.just(""), st.floats(1e-3, 1e12).map(repr))


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[list[str]], list[list[str]], list[list[str]], str]:
    """Ids with m/z and RT, foreign cells under their names, abundances, and the separator."""
    n = draw(st.integers(1, 6))
    ids = draw(st.lists(_CELL.map(str.strip).filter(bool), min_size=n, max_size=n, unique=True))
    names = draw(st.lists(_NAME, max_size=3))
    separator = draw(st.sampled_from([",", ";", "\t"]))
    numbers = [[repr(draw(st.floats(50.0, 2000.0))), repr(draw(st.floats(0.0, 60.0)))] for _ in ids]
    foreign = [names, *([draw(_CELL) for _ in names] for _ in ids)]
    amounts = [[draw(_AMOUNT) for _ in range(2)] for _ in ids]
    return [[peak, *pair] for peak, pair in zip(ids, numbers, strict=True)], foreign, amounts, separator


@settings(max_examples=60, deadline=None)
@given(tables())
def test_any_table_keeps_its_rows_and_foreign_columns(
    table: tuple[list[list[str]], list[list[str]], list[list[str]], str],
) -> None:
    peaks, foreign, amounts, separator = table
    to = io.StringIO(newline="")
    quoting = {"quoting": csv.QUOTE_NONE, "escapechar": None, "quotechar": None} if separator == "\t" else {}
    writer = csv.writer(to, delimiter=separator, lineterminator="\n", **quoting)  # type: ignore[arg-type]
    header = ["row ID", "row m/z", "row retention time"]
    writer.writerow([*header, *foreign[0], "a.mzML Peak area", "b.mzML Peak area"])
    writer.writerows([*one, *kept, *of] for one, kept, of in zip(peaks, foreign[1:], amounts, strict=True))
    with TemporaryDirectory() as folder:
        path = Path(folder) / "t.csv"
        path.write_text(to.getvalue(), encoding="utf-8", newline="")
        import_table(path, Path(folder) / "study", ImportOptions(species="s", polarity="positive", rt_unit="min"))
        found = rows_of(Path(folder) / "study" / "peaks.csv")
        abundances = rows_of(Path(folder) / "study" / "abundances.csv")
    at = {name: found[0].index(name) for name in ("peak_id", "mz", "rt_min")}
    assert [row[at["peak_id"]] for row in found[1:]] == [peak for peak, _, _ in peaks]
    for name, column in (("mz", 1), ("rt_min", 2)):
        assert [float(row[at[name]]) for row in found[1:]] == [float(peak[column]) for peak in peaks]
    n_kept = len(foreign[0])
    assert [row[len(row) - n_kept :] for row in found[1:]] == foreign[1:]
    kept = [re.sub(r"( \(mzmine\))?( \(\d+\))?$", "", name) for name in found[0][len(found[0]) - n_kept :]]
    assert kept == [re.sub(r"( \(mzmine\))?( \(\d+\))?$", "", name.strip()) for name in foreign[0]]
    assert len(set(found[0])) == len(found[0])
    assert [[float(cell) if cell else None for cell in row[1:]] for row in abundances[1:]] == [
        [float(cell) if cell else None for cell in row] for row in amounts
    ]


def rows_of(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


@settings(max_examples=60, deadline=None)
@given(
    st.binary(max_size=200),
    st.sampled_from([b"", b"row ID,row m/z,row retention time\n", b"MTD\tmzTab", b"<featureMap"]),
)
def test_any_bytes_give_a_message_and_no_traceback(content: bytes, start: bytes) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "t.csv"
        path.write_bytes(start + content)
        with pytest.raises(InputError):
            import_table(path, Path(folder) / "study", ImportOptions(species="s", polarity="positive", rt_unit="min"))
        assert [found.name for found in Path(folder).iterdir()] == ["t.csv"]
