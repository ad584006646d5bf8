"""Two runs are compared peak by peak only where that means something."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from big_run import big_run

from compassign.queries.calibration import scores
from compassign.queries.compare import (
    compare,
    describe,
    difference_texts,
    differing_settings,
    metric_table,
    metric_texts,
)
from compassign.queries.run_folder import Run

pytest_plugins = ["example_runs"]


def test_only_settings_that_differ_are_listed(lookup_run: Run, prior_run: Run) -> None:
    table = compare(lookup_run, prior_run).settings.set_index("setting")
    assert table["a"].to_dict() == {"model": "lookup", "mode": "posterior", "unlisted_share": "0.1"}
    assert table["b"].to_dict() == {"model": "generative", "mode": "prior", "unlisted_share": "0.2"}
    assert len(differing_settings([lookup_run, lookup_run, lookup_run])) == 0
    assert differing_settings([lookup_run, prior_run, lookup_run]).columns.tolist() == ["setting", 0, 1, 2]


def test_differences_are_paired(lookup_run: Run, prior_run: Run) -> None:
    found = compare(lookup_run, prior_run)
    assert found.unpaired == ""
    assert found.n_paired == lookup_run.metrics["n_scored"]
    rows = found.metrics.set_index("metric").to_dict("index")
    for name in ("precision", "recall", "f1", "top1", "log_loss", "brier"):
        a, b = lookup_run.metrics[name], prior_run.metrics[name]
        assert [rows[name][key] for key in ("a", "b", "difference")] == pytest.approx([a, b, b - a], abs=1e-8)
    for key, run in (("a", lookup_run), ("b", prior_run)):
        assert rows["accepted_0.05"][key] == run.metrics["fdr"]["0.05"]["n_scored"]
        false_share = run.metrics["fdr"]["0.05"]["false_share"]
        assert rows["false_share_0.05"][key] == pytest.approx(
            np.nan if false_share is None else false_share, nan_ok=True
        )
    # by a loop: the standard error of a mean difference, summed within the true compounds
    truth = lookup_run.truth or {}
    score_a, score_b = (scores(run).set_index("peak_id") for run in (lookup_run, prior_run))
    difference = score_b["log_loss"] - score_a["log_loss"]
    sums: dict[object, float] = {}
    for peak_id, value in (difference - difference.mean()).items():
        cluster = truth[str(peak_id)] or peak_id
        sums[cluster] = sums.get(cluster, 0.0) + value
    half = 1.96 * np.sqrt(sum(total**2 for total in sums.values())) / len(difference)
    assert rows["log_loss"]["high"] - rows["log_loss"]["low"] == pytest.approx(2 * half, rel=0.15)


def test_calls_that_changed_are_counted(lookup_run: Run, prior_run: Run) -> None:
    found = compare(lookup_run, prior_run)
    counts: dict[tuple[str, str], int] = {}
    changed = []
    a, b = lookup_run.peaks, prior_run.peaks
    for peak, call_a, call_b in zip(a["peak_id"], a["assigned_compound"], b["assigned_compound"], strict=True):
        row = "compound" if call_a else "null"
        column = "same" if call_a == call_b else "other compound" if call_b else "null"
        counts[row, column] = counts.get((row, column), 0) + 1
        changed += [peak] if call_a != call_b else []
    assert found.calls.stack().to_dict() == {
        (row, column): counts.get((row, column), 0)
        for row in ("compound", "null")
        for column in ("same", "other compound", "null")
    }
    assert sorted(found.changed["peak_id"]) == sorted(changed)
    assert changed
    assert found.decisions.loc["accept", "null"] == ((a["decision"] == "accept") & (b["decision"] == "null")).sum()
    assert found.peaks["right_a"].mean() == pytest.approx(lookup_run.metrics["top1"])


def test_a_run_does_not_differ_from_itself(lookup_run: Run) -> None:
    found = compare(lookup_run, lookup_run)
    assert (found.metrics[["difference", "low", "high"]] == 0.0).all(axis=None)
    assert (found.metrics["better"] == "equal").all()
    assert len(found.changed) == 0
    assert "practically equal" in describe(found)[0]


def test_peaks_that_either_fit_saw_are_left_out(lookup_run: Run) -> None:
    seen = lookup_run.peaks["is_labelled"].to_numpy().copy()
    first = int(np.flatnonzero(~seen)[0])
    seen[first] = True
    more = replace(lookup_run, peaks=lookup_run.peaks.assign(is_labelled=seen))
    assert compare(lookup_run, more).n_paired == lookup_run.metrics["n_scored"] - 1


@pytest.mark.parametrize(
    ("change", "expected", "has_peaks"),
    [({"dataset_hash": "0"}, "different datasets", False), ({"truth_hash": "0"}, "the truth changed", True)],
)
def test_other_data_are_not_paired(lookup_run: Run, change: dict[str, str], expected: str, has_peaks: bool) -> None:
    other = replace(lookup_run, record=lookup_run.record.model_copy(update=change))
    found = compare(lookup_run, other)
    assert expected in found.unpaired
    assert found.n_paired == 0
    assert found.metrics.empty
    assert describe(found, "old", "new") == [f"old and new cannot be compared peak by peak: {found.unpaired}"]
    assert bool(len(found.peaks)) is has_peaks
    assert found.calls.to_numpy().sum() == len(found.peaks)


def test_each_run_has_its_own_numbers(lookup_run: Run, prior_run: Run) -> None:
    table = metric_table([lookup_run, prior_run]).set_index("metric")
    assert [table[at]["accepted_0.05"] for at in (0, 1)] == [
        run.metrics["fdr"]["0.05"]["n_accepted"] for run in (lookup_run, prior_run)
    ]
    assert table.loc["runtime_s", 0] == pytest.approx(sum(lookup_run.metrics["runtime_s"].values()))
    empty = metric_table(
        [replace(lookup_run, metrics={"precision": None, "fdr": {"0.05": None}, "runtime_s": 3})]
    ).set_index("metric")
    assert empty[0].isna().all()


def test_differences_are_written_with_the_digits_that_are_known(lookup_run: Run, prior_run: Run) -> None:
    found = compare(lookup_run, prior_run)
    assert found.paired is not None
    texts = difference_texts(found.paired).set_index("metric")
    numbers = found.metrics.set_index("metric")
    assert texts["better"].tolist() == numbers["better"].tolist()
    assert texts.loc["log_loss", "low"] == f"{numbers['low']['log_loss']:+.3f}"
    assert texts.loc["accepted_0.05", "b"] == f"{numbers['b']['accepted_0.05']:.0f}"
    assert texts.loc["false_share_0.05", "difference"] == "-"


def test_runs_that_share_no_scored_peak_say_so(lookup_run: Run) -> None:
    unseen = replace(lookup_run, peaks=lookup_run.peaks.assign(is_labelled=True))
    found = compare(lookup_run, unseen)
    assert describe(found)[0] == f"A and B have no scores to compare: {found.unscored}"
    assert "the fit has seen every peak whose truth is known" in found.unscored
    halves = [lookup_run.peaks.assign(is_labelled=lookup_run.peaks.index % 2 == side) for side in (0, 1)]
    odd, even = (replace(lookup_run, peaks=peaks) for peaks in halves)
    assert compare(odd, even).unscored == "no peak scores both of them"
    assert found.metrics.empty


def test_numbers_are_written_with_the_digits_that_are_known(lookup_run: Run) -> None:
    metrics = {"precision": 0.25, "n_scored": 1234, "runtime_s": {"fit": 1.26}}
    texts = metric_texts([replace(lookup_run, metrics=metrics)]).set_index("metric")[0]
    assert texts[["precision", "recall", "n_scored", "runtime_s"]].tolist() == ["0.250", "", "1,234", "1.3"]


def test_fifty_thousand_peaks_are_compared() -> None:
    run = big_run(50_000)
    found = compare(run, run)
    assert found.n_paired == len(found.peaks) == 50_000
