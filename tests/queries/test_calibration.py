"""Scores, thresholds and reliability are what plain loops give, and what is missing is said."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest
from big_run import N_PEAKS, big_run

from compassign.data.hashes import hash_ids
from compassign.queries.calibration import BAND, reliability, scores, thresholds, why_unscored
from compassign.queries.run_folder import Run

pytest_plugins = ["example_runs"]


def test_scores_are_those_of_the_run(prior_run: Run, lookup_run: Run) -> None:
    for run in (prior_run, lookup_run):
        table = scores(run)
        assert hash_ids(table["peak_id"]) == run.metrics["scored_peak_ids_hash"]
        assert len(table) == run.metrics["n_scored"] < N_PEAKS
        for column, metric in (("log_loss", "log_loss"), ("brier", "brier"), ("is_right", "top1")):
            assert table[column].mean() == pytest.approx(run.metrics[metric], abs=1e-8)


def test_thresholds_are_what_a_loop_counts(lookup_run: Run) -> None:
    table = thresholds(lookup_run)
    assert table.missing == ""
    truth = lookup_run.truth or {}
    peaks = lookup_run.peaks.to_dict("records")
    offered = [peak for peak in peaks if peak["assigned_compound"] and not peak["is_labelled"]]
    scored = [peak for peak in peaks if not peak["is_labelled"]]
    n_findable = sum(bool(truth[peak["peak_id"]]) for peak in scored)
    for row in table.table.to_dict("records"):
        taken = [peak for peak in offered if peak["probability"] >= row["threshold"]]
        n_right = sum(peak["assigned_compound"] in truth[peak["peak_id"]] for peak in taken)
        assert row["n_accepted"] == row["n_scored"] == len(taken)
        assert row["recall"] == pytest.approx(n_right / n_findable)
        if taken:
            assert row["precision"] == pytest.approx(n_right / len(taken))
            assert row["false_share"] == pytest.approx(1 - n_right / len(taken))
            expected = sum(1 - peak["probability"] for peak in taken) / len(taken)
            assert row["expected_false_share"] == pytest.approx(expected)
        else:
            assert np.isnan(row["precision"])
    assert table.table["n_accepted"].iloc[0] > table.table["n_accepted"].iloc[-1]


def test_reliability_pools_adjacent_violators(lookup_run: Run) -> None:
    found = reliability(lookup_run)
    table = scores(lookup_run)
    # plain pooling: blocks of (sum, size) merge while an earlier one is higher
    blocks: list[list[float]] = []
    rounded = table["top_probability"].round(3)
    for probability in sorted(set(rounded)):
        own = table[rounded == probability]["is_right"]
        blocks.append([float(own.sum()), len(own), 1])
        while len(blocks) > 1 and blocks[-2][0] / blocks[-2][1] >= blocks[-1][0] / blocks[-1][1]:
            last = blocks.pop()
            blocks[-1] = [a + b for a, b in zip(blocks[-1], last, strict=True)]
    expected = [hits / size for hits, size, n in blocks for _ in range(int(n))]
    np.testing.assert_allclose(found.curve["frequency"], expected)
    assert (found.curve["low"] <= found.curve["high"]).all()
    assert found.bins["count"].tolist() == lookup_run.metrics["calibration"]["count"]
    assert found.n_scored == found.bins["count"].sum() == len(table)


def test_reliability_of_the_null_and_of_one_species(lookup_run: Run) -> None:
    null = reliability(lookup_run, "null")
    table = scores(lookup_run)
    weighted = (null.bins["count"] * null.bins["frequency"].fillna(0.0)).sum()
    assert weighted == pytest.approx(table["is_null"].sum())
    liver = reliability(lookup_run, species="liver")
    assert liver.n_scored == (table["species"] == "liver").sum()
    assert reliability(lookup_run, species="moss").missing == ("no peak of moss has a truth that the fit did not see")


def test_the_band_holds_calibrated_calls() -> None:
    run = big_run(5_000)
    rng = np.random.default_rng(3)
    is_right = rng.random(len(run.peaks)) < run.peaks["probability"]
    calls = zip(run.peaks["peak_id"], run.peaks["assigned_compound"], is_right, strict=True)
    truth = {peak: frozenset({call if right else "elsewhere"}) for peak, call, right in calls}
    curve = reliability(replace(run, truth=truth)).curve
    inside = (curve["frequency"] >= curve["low"]) & (curve["frequency"] <= curve["high"])
    assert inside.mean() > 0.6  # of a band that each point leaves with probability 1 - (0.95 - 0.05)
    assert BAND[1] - BAND[0] == pytest.approx(0.9)
    too_sure = reliability(replace(run, truth={peak: frozenset({"elsewhere"}) for peak in truth})).curve
    assert (too_sure["frequency"] < too_sure["low"]).mean() > 0.9


def test_what_is_missing_is_said(lookup_run: Run) -> None:
    without = replace(lookup_run, truth=None)
    assert "add truth.csv" in why_unscored(without)
    assert "smaller label fraction" in why_unscored(replace(lookup_run, truth={}))
    assert why_unscored(replace(without, dataset_problem="gone")) == "gone"
    assert len(scores(without)) == 0
    table = thresholds(without)
    assert table.missing == why_unscored(without)
    assert table.table[["n_scored", "precision", "recall", "false_share"]].isna().all(axis=None)
    assert table.table["n_accepted"].iloc[0] == thresholds(lookup_run).table["n_accepted"].iloc[0]
    found = reliability(without)
    assert (found.n_scored, len(found.curve), found.missing) == (0, 0, why_unscored(without))


def test_fifty_thousand_peaks_stay_quick() -> None:
    run = big_run(50_000)
    started = time.perf_counter()
    assert len(thresholds(run).table) == 101
    assert len(reliability(run).curve) < 1001
    assert time.perf_counter() - started < 4.0  # twice what a screen waits, because tests share the machine
