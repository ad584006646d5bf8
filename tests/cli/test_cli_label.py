"""`compassign label`: one answer, and the labels of a dataset in and out."""

from __future__ import annotations

from pathlib import Path

import pytest

from compassign.cli import main
from compassign.data.load import load_dataset
from compassign.label_events import LabelEvent, fold
from compassign.store.database import DATABASE_NAME, URL_VARIABLE
from compassign.store.labels import LabelStore


@pytest.fixture
def output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv(URL_VARIABLE, raising=False)
    monkeypatch.chdir(tmp_path)
    data = tmp_path / "output" / "datasets" / "study"
    data.mkdir(parents=True)
    (data / "peaks.csv").write_text(
        "peak_id,species,mz,rt_min,intensity,injection,polarity\n"
        "p1,human,195.0877,4.1,1000,a,positive\np2,human,181.0720,4.2,900,a,positive\n"
    )
    (data / "compounds.csv").write_text("compound_id,name,formula\nC1,caffeine,C8H10N4O2\nC2,theobromine,C7H8N4O2\n")
    return tmp_path / "output"


def run(*words: str) -> int:
    with pytest.raises(SystemExit) as stop:
        main(["label", *words])
    assert isinstance(stop.value.code, int)
    return stop.value.code


def events(output: Path) -> list[LabelEvent]:
    return LabelStore.open(output).events("datasets/study")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["C1"], ("candidate", ("C1",), "")),
        (["C2"], ("library", ("C2",), "")),
        (["C2;C1"], ("several", ("C1", "C2"), "")),
        (["null"], ("null", (), "")),
        (["bad"], ("bad_peak", (), "")),
        (["unsure"], ("unsure", (), "")),
        (["skip"], ("skip", (), "")),
        (["C1", "--adduct", "[M+K]+"], ("adduct", ("C1",), "[M+K]+")),
    ],
)
def test_each_answer_is_stored(output: Path, words: list[str], expected: tuple[str, tuple[str, ...], str]) -> None:
    assert run("study", "p1", *words, "--annotator", "ada", "--note", "n", "--level", "2") == 0
    (event,) = events(output)
    assert (event.kind, event.options, event.adduct) == expected
    assert (event.annotator, event.is_verified, event.note, event.identification_level) == ("ada", False, "n", 2)
    assert (event.peak_id, event.mz, event.rt_min) == ("p1", 195.0877, 4.1)


def test_an_answer_is_taken_back(output: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for answer in ("C1", "null", "undo"):
        assert run("study", "p1", answer, "--annotator", "ada") == 0
    assert capsys.readouterr().out.splitlines()[-1] == (
        "ada took back the last answer about peak p1 of study (event 3)."
    )
    assert [event.id for event in fold(events(output)).counting()] == [1]
    assert run("study", "p1", "undo", "--annotator", "bob") == 2
    assert "bob has said nothing about it" in capsys.readouterr().err


def test_a_folder_and_the_name_of_the_workspace_are_the_same_dataset(output: Path) -> None:
    assert run("output/datasets/study", "p1", "C1", "--annotator", "ada") == 0
    assert len(events(output)) == 1
    assert run("easy", "--to", "none.csv") == 0


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["study", "p9", "C1", "--annotator", "ada"], "peak 'p9': not a peak_id of study"),
        (["study", "p1", "C9", "--annotator", "ada"], "'C9': not a compound_id of study"),
        (["study", "p1", ";", "--annotator", "ada"], "expected a compound_id"),
        (["study", "p1", "null", "--annotator", " "], "annotator is empty"),
        (["nowhere", "p1", "C1", "--annotator", "ada"], "nowhere: neither a dataset of output (study, easy"),
        (["study", "p1", "C1"], "give PEAK, ANSWER and --annotator"),
        (["study"], "give PEAK, ANSWER and --annotator"),
        (["study", "p1", "--to", "x.csv"], "give PEAK, ANSWER and --annotator"),
        (["study", "p1", "C1;C2", "--adduct", "[M+K]+", "--annotator", "ada"], "answer adduct names 2 compounds"),
        (["study", "p1", "C1", "--adduct", "[M+Foo]+", "--annotator", "ada"], "adduct '[M+Foo]+': known are [M+H]+"),
        (
            ["study", "p1", "C1", "--adduct", "[M-H]-", "--annotator", "ada"],
            "peak p1 is positive, expected one of [M+H]+",
        ),
    ],
)
def test_what_cannot_be_stored_is_named(
    output: Path, words: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*words) == 2
    assert told in capsys.readouterr().err
    assert events(output) == []


def test_a_broken_database_is_a_message(output: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (output / DATABASE_NAME).write_text("peak_id,mz\n" * 100)
    assert run("study", "p1", "C1", "--annotator", "ada") == 2
    assert "file is not a database" in capsys.readouterr().err


def test_what_is_written_and_taken_in_elsewhere_says_the_same_and_only_once(
    output: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run("study", "p1", "C1;C2", "--annotator", "ada", "--note", 'a "note", with comma', "--level", "3")
    run("study", "p2", "null", "--annotator", "bob")
    run("study", "p2", "skip", "--annotator", "eve")
    assert run("study", "--to", "labels.csv") == 0
    assert "1 more answers teach nothing" in capsys.readouterr().out
    assert run("study", "--to", "labels.csv") == 2
    assert "exists already" in capsys.readouterr().err
    other = tmp_path / "other"
    folder = str(output / "datasets" / "study")
    for n_stored in (2, 0):
        assert run(folder, "--from", "labels.csv", "--output", str(other)) == 0
        assert f"{n_stored} labels stored of 2 rows" in capsys.readouterr().out
    taken = LabelStore.open(other).events(folder)
    assert [(event.peak_id, event.annotator, event.options, event.note) for event in taken] == [
        ("p1", "ada", ("C1", "C2"), 'a "note", with comma'),
        ("p2", "bob", (), ""),
    ]
    assert run("study", "--from", "labels.csv") == 0  # they are there already
    assert len(events(output)) == 3
    (output / "datasets" / "study" / "labels.csv").write_text((tmp_path / "labels.csv").read_text())
    assert set(load_dataset(output / "datasets" / "study").labels) == {"p1", "p2"}


def test_rows_that_cannot_be_used_store_nothing(output: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("labels.csv").write_text("peak_id,compound_id\np1,C1\np9,C1\np2,C9\n")
    assert run("study", "--from", "labels.csv", "--annotator", "ada") == 2
    told = capsys.readouterr().err
    assert "row 3, column peak_id" in told
    assert "row 4, column compound_id" in told
    Path("labels.csv").write_text("peak_id,compound_id,identification_level\np1,C1,\np2,C2,high\n")
    assert run("study", "--from", "labels.csv") == 2
    assert "rows without annotator" in capsys.readouterr().err
    assert run("study", "--from", "labels.csv", "--annotator", "ada") == 2
    assert "identification_level = 'high', expected 1 to 5" in capsys.readouterr().err
    assert events(output) == []


def test_audit_rows_keep_their_purpose_and_probability(output: Path) -> None:
    Path("labels.csv").write_text(
        "peak_id,compound_id,annotator,purpose,inclusion_prob,skipped\np1,C1,ada,audit,0.25,\np2,,ada,audit,0.5,yes\n"
    )
    assert run("study", "--from", "labels.csv") == 0
    found = [(event.kind, event.purpose, event.inclusion_prob) for event in events(output)]
    assert found == [("candidate", "audit", 0.25), ("skip", "audit", 0.5)]
