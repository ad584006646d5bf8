"""The check of a library on the Data page, with names that try to be more than text."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest
from test_pages import assert_only_text, open_page, shown

from compassign.data.workspace import admit, list_sources, list_uploads, receive
from compassign.spectra.files import library_files
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


MSP = (
    f"NAME: {HOSTILE}\nPRECURSORMZ: 132.1019\nPRECURSORTYPE: [M+H]+\nFORMULA: C6H13NO2\nNum Peaks: 1\n86.1 1\n\n"
    "NAME: nothing\nNum Peaks: 1\n50 1\n"
)


def handed_in(*files: tuple[str, str]) -> AppTest:
    app = open_page("data")
    app.file_uploader[0].set_value([(name, text.encode(), "text/plain") for name, text in files]).run()
    assert not app.exception, app.exception[0].stack_trace
    return app


def click_add(app: AppTest) -> None:
    next(button for button in app.button if button.label == "Check and add").click().run()
    assert not app.exception, app.exception[0].stack_trace


def test_a_library_of_spectra_becomes_compounds_and_spectra(folder: Path) -> None:
    app = handed_in(("peaks.csv", PEAKS), (f"{HOSTILE}.msp", MSP))
    assert "an MSP library of spectra" in shown(app)
    assert_only_text(app)
    click_add(app)
    dataset = list_sources(folder)[0].load()
    assert dataset.compounds["name"].tolist() == [HOSTILE]
    assert [path.name for path in library_files(dataset.folder)] == ["library_spectra.mgf"]


def test_a_csv_library_of_any_name_is_taken_for_one_and_its_columns_are_asked_for() -> None:
    app = handed_in(
        ("peaks.csv", PEAKS), ("standards.csv", "Compound name,Sum formula,RT,SMILES\nleucine,C6H13NO2,2,\n")
    )
    assert app.selectbox(key="table of standards.csv new").value == "compounds"


def test_a_faulty_library_is_refused_with_the_place(folder: Path) -> None:
    app = handed_in(("peaks.csv", PEAKS), ("library.tsv", "name\tformula\tid\nleucine\tC6H13NOO2x\tL\n"))
    click_add(app)
    assert app.error[0].value == "These files cannot be taken."
    places = [
        table.value[["file", "row", "column"]].to_numpy().tolist() for table in app.dataframe if "found" in table.value
    ]
    assert [["library.tsv", 2, "formula"]] in places
    assert not list_uploads(folder)


def test_two_libraries_are_one_too_many() -> None:
    app = handed_in(("peaks.csv", PEAKS), ("library.msp", MSP), ("compounds.csv", LIBRARY))
    assert "only one can be" in app.warning[0].value
