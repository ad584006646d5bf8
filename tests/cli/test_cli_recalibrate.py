"""`compassign recalibrate` writes raw and recalibrated probabilities together, and says what it lacks."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from compassign.cli import main
from compassign.decisions.fdr import q_values
from compassign.queries.recalibration import RAW, RECALIBRATED, how_to_recalibrate, recalibration
from compassign.queries.run_folder import load_run

pytest_plugins = ["example_runs", "audited_run"]

N_ANSWERED = 56  # of the audit's 60


@pytest.fixture
def own_run(audited_folder: Path, tmp_path: Path) -> Path:
    """A run that a test may recalibrate."""
    return Path(shutil.copytree(audited_folder, tmp_path / "runs" / "audited"))


def run_main(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as stop:
        main(["recalibrate", *words])
    assert isinstance(stop.value.code, int)
    captured = capsys.readouterr()
    return stop.value.code, captured.out, captured.err


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("method", ["temperature", "isotonic"])
def test_both_are_written_and_the_raw_files_stay(
    own_run: Path, method: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = contents(own_run)
    code, out, err = run_main(capsys, str(own_run), "--method", method)
    assert (code, err) == (0, "")
    assert f"{N_ANSWERED} audit labels (4 skipped left out)." in out
    assert f"Scores by {method}, on labels that each fit did not see:" in out
    after = contents(own_run)
    assert {name: after.pop(name) is not None for name in ("results/recalibration.json", "results/recalibrated.csv")}
    assert after == before

    table = pd.read_csv(own_run / "results" / "recalibrated.csv", keep_default_na=False, na_values={"pep": [""]})
    raw = pd.read_csv(own_run / "results" / "peak_assignments.csv", keep_default_na=False)
    for column in ("peak_id", "assigned_compound", "probability", "decision"):
        assert table[column].tolist() == raw[column].tolist()
    given = raw["is_labelled"]
    assert given.sum() == 12
    assert table.loc[given, "recalibrated_probability"].tolist() == table.loc[given, "probability"].tolist()
    assert (table["recalibrated_probability"] != table["probability"]).mean() > 0.3
    ranked = table[table["pep"].notna()]
    assert ranked["pep"].to_numpy() == pytest.approx(1.0 - ranked["recalibrated_probability"].to_numpy())
    q_value = q_values(ranked["pep"].to_numpy())
    assert (ranked["recalibrated_decision"] == np.where(q_value <= 0.05, "accept", "review")).all()


def test_temperature_of_all_peaks_is_that_of_the_document(own_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_main(capsys, str(own_run))
    document = json.loads((own_run / "results" / "recalibration.json").read_text())
    table = pd.read_csv(own_run / "results" / "recalibrated.csv").set_index("peak_id")
    rows = pd.read_csv(own_run / "results" / "candidates.csv", keep_default_na=False)
    options = rows.groupby(["peak_id", "compound_id"])["probability"].sum() ** (1.0 / document["temperature"]["value"])
    expected = (options / options.groupby("peak_id").sum()).groupby("peak_id").max()
    given = pd.read_csv(own_run / "results" / "peak_assignments.csv", index_col="peak_id")["is_labelled"]
    found = table.loc[~given, "recalibrated_probability"]
    assert found.to_numpy() == pytest.approx(expected[found.index].to_numpy(), abs=1e-7)


def test_screens_show_raw_and_recalibrated_together(own_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = load_run(own_run)
    assert recalibration(run) is None
    assert how_to_recalibrate(run) == ["compassign recalibrate audited"]
    run_main(capsys, str(own_run))
    shown = recalibration(run)
    assert shown is not None
    assert list(shown.curves) == [RAW, RECALIBRATED]
    assert {curve.n_scored for curve in shown.curves.values()} == {N_ANSWERED} == {shown.n_labels}
    assert shown.scores["score"].tolist() == ["Log loss, nats", "Brier score", "Miscalibration of the calls"]
    truth = run.truth or {}
    calls = json.loads((own_run / "results" / "recalibration.json").read_text())["calls"]
    called = run.peaks.set_index("peak_id")["assigned_compound"]
    assert calls["is_right"] == [(called[name] or "") in (truth[name] or {""}) for name in calls["peak_id"]]


def test_without_audit_labels_it_says_how_to_get_them(lookup_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run_main(capsys, str(lookup_folder))
    assert (code, out) == (2, "")
    assert "needs 20 answered audit labels" in err
    assert "found 0" in err
    assert "--design labels --draw 300 --to FILE" in err
    assert "--draw 300" in how_to_recalibrate(load_run(lookup_folder))[0]


def test_a_run_that_is_not_there_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_main(capsys, "nix", "--output", str(tmp_path))[0] == 2
