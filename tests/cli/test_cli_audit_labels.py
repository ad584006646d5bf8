"""`compassign audit --design labels`: from the draw to the answer."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from example_runs import write_dataset, write_run
from typer.testing import CliRunner

from compassign.cli import EXIT_COMPLETE, EXIT_INPUT, app
from compassign.config import RunConfig
from compassign.queries.audit_labels import audit_of_labels
from compassign.report import render_report


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_dataset(tmp_path / "data")


@pytest.fixture
def run(data: Path, tmp_path: Path) -> Path:
    """A run without labels, so that every peak with candidates can be drawn."""
    return write_run(tmp_path / "lookup", RunConfig(model="lookup", data=data, label_fraction=0.0, alpha=0.1))


def audit(run: Path, *options: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["audit", str(run), "--design", "labels", *options])
    return result.exit_code, result.output


def draw(run: Path, n: int, file: Path) -> pd.DataFrame:
    code, output = audit(run, "--draw", str(n), "--to", str(file))
    assert code == EXIT_COMPLETE, output
    return pd.read_csv(file, keep_default_na=False)


def answer(drawn: pd.DataFrame, data: Path, n_skipped: int = 0) -> None:
    """Fill in the truth, all but the last few."""
    truth = pd.read_csv(data / "truth.csv", keep_default_na=False).set_index("peak_id")["compound_id"]
    is_answered = np.arange(len(drawn)) < len(drawn) - n_skipped
    names = np.where(is_answered, truth[drawn["peak_id"]], "")
    filled = drawn.assign(compound_id=names, skipped=np.where(is_answered, "", "yes"))
    filled.to_csv(data / "labels.csv", index=False)


def test_a_draw_never_says_what_the_run_does(run: Path, tmp_path: Path) -> None:
    drawn = draw(run, 30, tmp_path / "labels.csv")
    assert drawn.columns.tolist() == ["peak_id", "compound_id", "purpose", "inclusion_prob", "skipped"]
    assert len(drawn) == drawn["peak_id"].nunique() == 30
    assert set(drawn["compound_id"]) == {""}
    assert (set(drawn["purpose"]), set(drawn["skipped"])) == ({"audit"}, {"yes"})
    longer = draw(run, 40, tmp_path / "longer.csv")
    assert longer["peak_id"].tolist()[:30] == drawn["peak_id"].tolist()


def test_a_file_that_is_there_stays(run: Path, tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text("mine")
    code, output = audit(run, "--draw", "5", "--to", str(tmp_path / "labels.csv"))
    assert code == EXIT_INPUT
    assert "exists already" in output
    assert (tmp_path / "labels.csv").read_text() == "mine"


@pytest.mark.parametrize("options", [("--draw", "5"), ("--to", "x.csv"), ("--design", "withholding", "--draw", "5")])
def test_options_that_do_not_go_together(run: Path, options: tuple[str, ...]) -> None:
    code, output = audit(run, *options)
    assert code == EXIT_INPUT
    assert "--draw and --to go together" in output


def test_without_audit_labels_it_says_how_to_get_them(run: Path) -> None:
    code, output = audit(run)
    assert code == EXIT_INPUT
    assert "has no audit labels: draw peaks with `compassign audit lookup --design labels --draw" in output


def test_the_answer_for_a_run_and_for_its_repetition_is_one(run: Path, data: Path, tmp_path: Path) -> None:
    answer(draw(run, 60, tmp_path / "drawn.csv"), data, n_skipped=3)
    code, output = audit(run)
    assert code == EXIT_COMPLETE, output
    later = json.loads((run / "results" / "audit_labels.json").read_text())
    assert (later["n_labels"], later["n_skipped"], later["n_seen"]) == (60, 3, 0)
    assert later["levels"]["0.1"]["n_labels"] > 0
    assert later["levels"]["0.1"]["sentence"] in output
    again = write_run(tmp_path / "again", RunConfig(model="lookup", data=data, label_fraction=0.0, alpha=0.1))
    metrics = json.loads((again / "results" / "assignment_metrics.json").read_text())
    for limit, level in metrics["audit"]["levels"].items():
        rounded = later["levels"][limit]["expected_false_share"]  # of a table with 9 digits
        assert {**level, "expected_false_share": rounded} == later["levels"][limit]
    assert metrics["n_labelled"] == 0
    first, second = audit_of_labels(run, {}), audit_of_labels(again, metrics)
    assert first is not None
    assert second is not None
    assert (first.is_later, second.is_later) == (True, False)
    assert first.sentences[2] == second.sentences[2]
    assert first.sentences[2].replace(" ", "") in "".join(render_report(again).split())


def test_the_estimate_is_near_what_all_truths_say(run: Path, data: Path, tmp_path: Path) -> None:
    answer(draw(run, 1000, tmp_path / "drawn.csv"), data)  # all peaks with candidates
    audit(run)
    level = json.loads((run / "results" / "audit_labels.json").read_text())["levels"]["0.1"]
    known = json.loads((run / "results" / "assignment_metrics.json").read_text())["fdr"]["0.1"]
    assert level["n_labels"] == known["n_accepted"] > 0
    assert level["share"] == pytest.approx(known["false_share"])


def test_a_longer_draw_keeps_what_is_answered(run: Path, data: Path, tmp_path: Path) -> None:
    answer(draw(run, 10, tmp_path / "drawn.csv"), data, n_skipped=1)
    labels = pd.read_csv(data / "labels.csv", keep_default_na=False)
    longer = draw(run, 20, tmp_path / "longer.csv")
    same = ["peak_id", "compound_id", "skipped"]
    assert longer[same].head(10).equals(labels[same])
    assert set(longer["skipped"].tail(10)) == {"yes"}
    code, output = audit(run, "--draw", "5", "--to", str(tmp_path / "shorter.csv"))
    assert code == EXIT_INPUT
    assert "two draws cannot be weighed together" in output


def test_labels_that_the_fit_saw_do_not_count(data: Path, tmp_path: Path) -> None:
    """A label that was trained on and is called audit afterwards proves nothing."""
    pd.DataFrame({"peak_id": ["p00"], "compound_id": ["leu"]}).to_csv(data / "labels.csv", index=False)
    run = write_run(tmp_path / "saw", RunConfig(model="lookup", data=data, label_fraction=0.0))
    row = {"peak_id": ["p00"], "compound_id": ["leu"], "purpose": ["audit"], "inclusion_prob": [0.5]}
    pd.DataFrame(row).to_csv(data / "labels.csv", index=False)
    code, output = audit(run)
    assert code == EXIT_COMPLETE
    assert "left out, because the run saw an answer: 1" in output


def test_a_changed_dataset_is_no_dataset_of_the_run(run: Path, data: Path) -> None:
    peaks = pd.read_csv(data / "peaks.csv")
    peaks.assign(mz=peaks["mz"] + 1.0).to_csv(data / "peaks.csv", index=False)
    code, output = audit(run)
    assert code == EXIT_INPUT
    assert "the dataset has changed" in output


def test_audit_labels_of_the_store_count_as_those_of_the_file(data: Path, tmp_path: Path) -> None:
    output = tmp_path / "output"
    path = write_run(output / "runs" / "1-lookup", RunConfig(model="lookup", data=data, label_fraction=0.0, alpha=0.1))
    answer(draw(path, 20, tmp_path / "drawn.csv"), data, n_skipped=3)
    (data / "labels.csv").rename(tmp_path / "labels.csv")
    words = ["label", str(data), "--from", str(tmp_path / "labels.csv"), "--annotator", "ada", "--output", str(output)]
    assert CliRunner().invoke(app, words).exit_code == EXIT_COMPLETE
    code, told = audit(path)
    assert code == EXIT_COMPLETE
    assert told.startswith("20 audit labels, of which 3 are skipped")
