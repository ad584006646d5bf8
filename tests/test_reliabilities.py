"""From labels of several annotators to what a run asks, and to what it says of each of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from label_makers import event
from scipy.special import logit
from test_pipeline import COMPOUNDS, PEAKS, TRUTH, predicted, question, write_folder

from compassign.annotator_table import describe, read_annotators
from compassign.config import ModelName, RunConfig
from compassign.data.dataset import Dataset
from compassign.data.load import build_dataset
from compassign.data.split import split_labels
from compassign.data.stored_labels import stored_rows
from compassign.label_events import LabelEvent
from compassign.models.reliability import NAME
from compassign.pipeline import execute
from compassign.progress import SilentProgress
from compassign.question import Question, ask
from compassign.reliabilities import annotators_table, certain

CALIBRANTS = pd.DataFrame({"species": ["s"], "compound_id": ["caf"], "rt_min": [4.0013]})
SHARED = "p4,leu,ada p4,ile,bo p5,caf,bo p3,theo,cy"


def labels(text: str) -> pd.DataFrame:
    return pd.DataFrame([line.split(",") for line in text.split()], columns=["peak_id", "compound_id", "annotator"])


def dataset(text: str, *events: LabelEvent, calibrants: pd.DataFrame | None = None) -> Dataset:
    tables = {"peaks": PEAKS, "compounds": COMPOUNDS, "truth": TRUTH, "labels": labels(text)}
    if calibrants is not None:
        tables["calibrants"] = calibrants
    return build_dataset(tables, {}, "tiny", stored_rows(events))


def asked_of(data: Dataset, model: ModelName) -> Question:
    return ask(data, predicted(data), frozenset(), RunConfig(model=model), SilentProgress())


def statements(asked: Question) -> dict[tuple[str, str], set[str]]:
    """(peak, annotator) -> compounds named, read back from the arrays of the model."""
    said, found = asked.problem.statements, {}
    ids = asked.dataset.compounds["compound_id"].to_numpy()
    for row, peak in enumerate(said.peak):
        own = asked.problem.compound[asked.problem.offsets[peak] : asked.problem.offsets[peak + 1]]
        named = own[said.names_slot[said.offsets[row] : said.offsets[row + 1]]]
        key = (str(asked.dataset.peaks["peak_id"][peak]), said.annotator_names[said.annotator[row]])
        found[key] = set(ids[named].tolist())
    return found


def test_shared_peaks_make_statements_and_the_others_labels() -> None:
    asked = question(dataset(SHARED))
    assert statements(asked) == {("p4", "ada"): {"leu"}, ("p4", "bo"): {"ile"}, ("p5", "bo"): {"caf"}}
    assert asked.problem.statements.annotator_names == ("ada", "bo")
    assert asked.dataset.labels == {"p3": frozenset({"theo"})}  # cy's: nobody checks it
    assert asked.problem.is_labelled.tolist() == [False, False, True, True, True]
    assert asked.problem.null_allowed.tolist() == [True, True, False, True, True]
    assert asked.known.tolist() == [False, False, True, False, False]


def test_what_anybody_names_is_a_candidate() -> None:
    """`p5` weighs another compound than caf."""
    asked = question(dataset(SHARED))
    slots = slice(*asked.candidates.offsets[4:6])
    assert {"caf", "leu", "ile"} == set(COMPOUNDS["compound_id"].to_numpy()[asked.candidates.compound[slots]])


def test_null_and_compound_are_both_heard() -> None:
    asked = question(dataset("p4,leu,ada p4,,bo p5,leu;ile,ada"))
    said = asked.problem.statements
    assert statements(asked) == {("p4", "ada"): {"leu"}, ("p4", "bo"): set(), ("p5", "ada"): {"leu", "ile"}}
    assert said.names_null.tolist() == [False, True, False]
    assert said.odds == pytest.approx([1 / 2, 1 / 2, 2.0])  # of 3 options each: one, one and two named


def test_confidence_changes_nothing_that_is_asked() -> None:
    plain, sure = labels(SHARED), labels(SHARED).assign(confidence=["0.2", "high", "", "1"])
    tables = {"peaks": PEAKS, "compounds": COMPOUNDS}
    first, second = (question(build_dataset({**tables, "labels": of}, {}, "tiny")) for of in (plain, sure))
    assert statements(first) == statements(second)
    assert first.dataset.labels == second.dataset.labels


@pytest.mark.parametrize("text", ["p4,leu,ada p5,ile,ada", "p4,leu, p5,ile,", "p4,leu,ada p5,ile,bo"])
def test_without_shared_peaks_the_question_is_the_same_as_ever(text: str) -> None:
    """Bit for bit: the same arrays, so the same draws."""
    named, nameless = (
        dataset(text),
        build_dataset(
            {"peaks": PEAKS, "compounds": COMPOUNDS, "labels": labels(text)[["peak_id", "compound_id"]]}, {}, "tiny"
        ),
    )
    first, second = question(named).problem, question(nameless).problem
    assert first.statements.annotator_names == ()
    for name, values in vars(first).items():
        if name != "statements":
            np.testing.assert_array_equal(values, getattr(second, name), err_msg=name)


def test_a_baseline_takes_everybody_to_be_right() -> None:
    data = dataset(SHARED)
    asked = asked_of(data, "softmax")
    assert asked.problem.statements.annotator_names == ()
    assert asked.dataset.labels == data.labels
    assert data.labels["p4"] == {"leu", "ile"}
    assert certain(data, RunConfig(model="softmax")).labels == data.labels
    assert set(certain(data, RunConfig()).labels) == {"p3"}  # what retention times are learned from


def test_a_calibrant_is_known_whatever_is_said_of_it() -> None:
    asked = question(dataset("p1,theo,ada p4,leu,ada p4,leu,bo", calibrants=CALIBRANTS))
    assert asked.calibrants == {"p1"}
    assert asked.dataset.labels == {"p1": frozenset({"caf"})}
    assert statements(asked)["p1", "ada"] == set()  # names nothing that the peak may be


def test_a_settled_peak_is_certain_and_its_answers_are_heard() -> None:
    place = {"peak_id": "p4", "injection": "", "mz": 132.1019, "rt_min": 2.0}
    first = event(1, annotator="ada", options=("leu",), **place)
    final = event(2, annotator="eve", options=("ile",), is_adjudication=True, **place)
    asked = question(dataset("p4,,bo p5,leu,ada", first, final))
    assert statements(asked) == {("p4", "ada"): {"leu"}, ("p4", "bo"): set(), ("p5", "ada"): {"leu"}}
    assert asked.dataset.labels == {"p4": frozenset({"ile"})}
    assert asked.known.tolist() == [False, False, False, True, False]


def test_a_peak_that_was_answered_scores_nothing_even_if_the_answers_cancel() -> None:
    split = split_labels(dataset("p4,leu,ada p4,,bo"), 0.0, 1)
    assert split.scored == {"p1", "p2", "p3", "p5"}


def test_table_of_what_was_learned() -> None:
    asked = question(dataset(SHARED))
    draws = logit(np.array([[0.9, 0.4], [0.8, 0.6], [0.85, 0.5]]))
    table = annotators_table(asked.annotations, asked.problem, {NAME: draws})
    assert table["annotator"].tolist() == ["ada", "bo", "cy"]
    assert table["n_peaks"].tolist() == [1, 2, 1]
    assert table["n_shared"].tolist() == [1, 1, 0]
    assert table["reliability"].tolist() == pytest.approx([0.85, 0.5, 1.0])
    assert table[["hdi_low", "hdi_high"]].to_numpy()[:2] == pytest.approx(np.array([[0.8, 0.9], [0.4, 0.6]]))
    assert table["hdi_low"].isna().tolist() == [False, False, True]
    assert table["basis"].tolist() == ["learned", "learned", "assumed"]
    assert describe(table) == [
        "ada: right with 0.85 (0.80 to 0.90), learned from 1 peak, 1 of them shared",
        "bo: right with 0.50 (0.40 to 0.60), learned from 2 peaks, 1 of them shared",
        "cy: taken to be right with 1.00 on 1 peak; nobody else answered any of them",
    ]


def test_an_annotator_of_peaks_without_candidates_has_no_parameter() -> None:
    """p2 is nobody's candidate but for what is named: null is all that is said of it."""
    peaks = PEAKS.assign(mz=PEAKS["mz"].where(PEAKS["peak_id"] != "p2", 700.0))
    tables = {"peaks": peaks, "compounds": COMPOUNDS, "labels": labels("p2,,ada p2,,bo")}
    asked = question(build_dataset(tables, {}, "tiny"))
    assert asked.problem.statements.annotator_names == ()
    assert annotators_table(asked.annotations, asked.problem, {})["basis"].tolist() == ["assumed", "assumed"]


@pytest.mark.parametrize(("model", "expected"), [("generative", [0.95, 0.95, 1.0]), ("lookup", [1.0, 1.0, 1.0])])
def test_a_run_writes_who_labelled(tmp_path: Path, model: ModelName, expected: list[float]) -> None:
    folder = write_folder(tmp_path / "data", truth=TRUTH, labels=labels(SHARED))
    execute(RunConfig(model=model, mode="prior", data=folder), tmp_path / "run", SilentProgress())
    table = read_annotators(tmp_path / "run")
    assert table["annotator"].tolist() == ["ada", "bo", "cy"]
    assert table["reliability"].tolist() == expected
    assert table["basis"].tolist() == ["assumed"] * 3
    calls = pd.read_csv(tmp_path / "run" / "results" / "peak_assignments.csv", index_col="peak_id")
    assert calls["is_labelled"].tolist() == [False, False, True, True, True]
