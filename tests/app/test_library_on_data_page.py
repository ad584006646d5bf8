"""The check of a library on the Data page, with names that try to be more than text."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest
from test_pages import assert_only_text, open_page, shown

from compassign.data.workspace import admit, receive
from compassign.store.database import URL_VARIABLE

HOSTILE = "<b>x</b> [x](javascript:alert(1)) $x$ :red[y]"
PEAKS = "peak_id,species,polarity,mz,rt_min,intensity\np,plasma,positive,132.1019,2.0,10\n"
LIBRARY = (
    "compound_id,name,formula,smiles\n"
    f"l,{HOSTILE},C6H13NO2,CC(C)C[C@H](N)C(=O)O\n"
    "d,D-leucine,C6H13NO2,CC(C)C[C@@H](N)C(=O)O\n"
    f"x,{HOSTILE},C6H13NO3,CC(C)C[C@H](N)C(=O)O\n"
)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv(URL_VARIABLE, raising=False)
    monkeypatch.setenv("COMPASSIGN_OUTPUT", str(tmp_path))
    return tmp_path


def checked(**query: str) -> AppTest:
    app = open_page("data", **query)
    app.toggle[0].set_value(True).run()
    assert not app.exception, app.exception[0].stack_trace
    return app


def add_dataset(folder: Path, library: str) -> None:
    files = {"peaks.csv": PEAKS, "compounds.csv": library}
    admit(folder, receive(folder, {file: io.BytesIO(text.encode()) for file, text in files.items()}, "study"))


def test_structures_are_read_only_when_asked(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add_dataset(folder, LIBRARY)
    monkeypatch.delattr("pages.shared.library.report_on")  # would be missed
    app = open_page("data", data="study")
    assert not app.exception
    assert app.toggle[0].label == "Check the library"


def test_problems_and_groups_are_shown_as_text(folder: Path) -> None:
    add_dataset(folder, LIBRARY)
    app = checked(data="study")
    assert any("3 compounds, 3 with SMILES, 0 with InChIKey: 1 problem." in warning.value for warning in app.warning)
    problems = next(table.value for table in app.dataframe if "kind" in table.value and "found" in table.value)
    assert problems[["row", "found"]].to_numpy().tolist() == [[4, "C6H13NO3"]]
    groups = next(table.value for table in app.dataframe if "common" in table.value)
    assert groups[["kind", "n_compounds", "rows"]].to_numpy().tolist() == [["stereoisomers", 2, "2, 3"]]
    assert "Download with stereoisomers merged" in [button.proto.label for button in app.get("download_button")]
    assert HOSTILE not in shown(app)  # in tables only
    assert_only_text(app)


def test_a_library_without_problems_says_so() -> None:
    app = checked()
    assert "nothing contradicts itself" in app.success[0].value
    assert not app.get("download_button") or "merged" not in str(app.get("download_button"))


def test_a_library_that_cannot_be_merged_says_why(folder: Path) -> None:
    leucine = "L,C6H13NO2,CC(C)C[C@H](N)C(=O)O,=1+1\nd,D,C6H13NO2,CC(C)C[C@@H](N)C(=O)O,\n"
    add_dataset(folder, f"compound_id,name,formula,smiles,note\nl,{leucine}")
    app = checked(data="study")
    assert any("cannot be merged" in caption.value for caption in app.caption)
    assert any("=1+1" in str(table.value.to_numpy()) for table in app.dataframe)
