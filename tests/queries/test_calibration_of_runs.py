"""Scores, thresholds and reliability are what plain loops give, and what is missing is said."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from big_run import N_PEAKS, big_run

from compassign.data.hashes import hash_ids
from compassign.queries.calibration import (
    at_a_glance,
    calibration_groups,
    reliability,
    scores,
    thresholds,
    why_unscored,
)
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
    # plain pooling: blocks of (sum, size, probabilities) merge while an earlier one is higher
    blocks: list[list[float]] = []
    for probability in sorted(set(table["top_probability"])):
        own = table[table["top_probability"] == probability]["is_right"]
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


def test_every_view_shows_the_numbers_of_the_run(lookup_run: Run, prior_run: Run) -> None:
    for run in (lookup_run, prior_run):
        for target, of_target in run.metrics["calibration"]["views"].items():
            found = reliability(run, target)
            assert found.n_scored == of_target["all"]["n_statements"]
            assert found.is_inside_band is of_target["all"]["is_inside_band"]
            shown = found.numbers.set_index("number")
            assert shown.loc["brier", "value"] == f"{of_target['all']['brier']:.3f}"
            for name in ("miscalibration", "discrimination", "uncertainty", "ece", "rms_error", "smooth_error"):
                estimate = of_target["all"][name]
                assert float(str(shown.loc[name, "value"])) == pytest.approx(estimate["value"], abs=6e-4)
                low, high = map(float, str(shown.loc[name, "interval"]).split(" to "))
                assert [low, high] == pytest.approx([estimate["low"], estimate["high"]], abs=6e-4)
            for kind, groups in of_target["groups"].items():
                table = calibration_groups(run, target, kind)
                assert table["group"].tolist() == list(groups)
                assert table["n"].tolist() == [group["n_statements"] for group in groups.values()]
                frequency = [group["frequency"] for group in groups.values()]
                assert table["frequency"].tolist() == pytest.approx(frequency)
        assert list(run.metrics["calibration"]["views"]["call"]["groups"]["species"]) == ["liver", "plasma"]


def test_pairs_are_every_candidate_compound_of_a_scored_peak(lookup_run: Run) -> None:
    found = reliability(lookup_run, "pair")
    truth = lookup_run.truth or {}
    scored = set(scores(lookup_run)["peak_id"])
    rows = lookup_run.candidates[lookup_run.candidates["peak_id"].isin(scored)]
    pairs = rows[rows["compound_id"] != ""].groupby(["peak_id", "compound_id"])["probability"].sum()
    is_true = [compound in truth[peak] for peak, compound in pairs.index]
    assert (found.n_scored, found.counted) == (len(pairs), "pairs")
    counts = np.histogram(pairs.clip(0.0, 1.0), np.arange(11) / 10)[0]
    assert found.bins["count"].tolist() == counts.tolist()
    brier = np.mean((pairs.to_numpy() - np.array(is_true)) ** 2)
    assert found.numbers.set_index("number").loc["brier", "value"] == f"{brier:.3f}"


def test_the_band_holds_calibrated_calls() -> None:
    run = big_run(5_000)
    rng = np.random.default_rng(3)
    is_right = rng.random(len(run.peaks)) < run.peaks["probability"]
    calls = zip(run.peaks["peak_id"], run.peaks["assigned_compound"], is_right, strict=True)
    truth = {peak: frozenset({call if right else "elsewhere"}) for peak, call, right in calls}
    honest = replace(run, truth=truth)
    found = reliability(honest)
    assert found.is_inside_band
    assert at_a_glance(honest, found).is_trusted
    boastful = replace(run, truth={peak: frozenset({"elsewhere"}) for peak in truth})
    wrong = reliability(boastful)
    glance = at_a_glance(boastful, wrong)
    assert not glance.is_trusted
    assert "too sure" in glance.sentence
    assert "0.00 of them are right" in glance.sentence
    assert not wrong.is_inside_band
    assert (wrong.curve["frequency"] < wrong.curve["low"]).mean() > 0.9


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
    assert (found.n_scored, len(found.curve), len(found.numbers), found.missing) == (0, 0, 0, why_unscored(without))
    assert len(calibration_groups(without, "call", "species")) == 0


def test_curves_of_fifty_thousand_peaks_are_small() -> None:
    run = big_run(50_000)
    assert len(thresholds(run).table) == 101
    assert len(reliability(run).curve) < 1001
