"""The generative model, sampled for real, where there is hardly anything to learn from."""

from __future__ import annotations

from pathlib import Path

import pytest
import xarray as xr
from run_tools import files, run
from study_files import COMPOUNDS, PEAKS, write_study

pytestmark = pytest.mark.slow  # each form of the model is compiled

FIRST_PEAK = "\n".join(PEAKS.splitlines()[:2])


def test_a_study_without_calibrants(tmp_path: Path) -> None:
    words = ("--samples", "250", "--chains", "2")
    done = run(tmp_path / "output", "--data", str(write_study(tmp_path / "study")), *words)
    assert done.ended.code == 0, done.ended.err
    assert "no calibrants: the library's rt_pred_min is used as it is" in done.ended.err
    table = done.assignments.set_index("peak_id")
    # retention times tell the isomers apart: theophylline from theobromine, leucine from isoleucine
    assert table["assigned_compound"].tolist() == ["c1", "c2", "c4", "c4", ""]
    total = done.candidates.groupby("peak_id")["probability"].sum()
    assert total.to_numpy() == pytest.approx(1.0, abs=1e-6)
    nulls = done.candidates.query("compound_id == ''").set_index("peak_id")
    # a part of every doubt is a compound that the library lacks; a peak without candidates is background
    assert (nulls.loc[["p1", "p2", "p3", "p4"], "probability_unlisted"] > 0.0).all()
    assert nulls.loc["p5", "probability_unlisted"] == 0.0
    assert nulls.loc["p5", "probability"] == 1.0


def test_one_peak_and_a_verdict_of_four_draws(tmp_path: Path) -> None:
    folder = write_study(tmp_path / "study", peaks=FIRST_PEAK, compounds=COMPOUNDS)
    words = ("--data", str(folder), "--chains", "2", "--samples")
    done = run(tmp_path / "output", *words, "250")
    assert done.ended.code == 0, done.ended.err
    assert done.candidates["compound_id"].tolist() == ["", "c1"]
    assert done.candidates["probability"].sum() == pytest.approx(1.0, abs=1e-6)
    assert done.assignments["assigned_compound"].tolist() == ["c1"]

    failed = run(tmp_path / "output", *words, "4")
    assert failed.ended.code == 3
    assert "Verdict: failed" in failed.ended.out
    assert "do not use these numbers" in failed.ended.out
    # complete all the same, and shown, so that the report can say what to change
    assert failed.path != done.path
    assert files(failed.path) == files(done.path)
    assert failed.metrics["verdict"] == failed.metrics["sampler"]["verdict"] == "failed"
    assert failed.metrics["sampler"]["reasons"]
    with xr.open_datatree(failed.path / "models" / "assignment_trace.nc") as tree:
        assert tree["posterior"]["r"].shape == (2, 4, 1, 2)
