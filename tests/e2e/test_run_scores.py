"""Calls, decisions and scores of finished runs, computed once more from the CSV files and the truth by other code."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from run_tools import Run

pytest_plugins = ["finished_runs"]
pytestmark = pytest.mark.slow  # shares the runs of test_run_outputs.py

FLOOR = 1e-3  # one confident mistake costs at most log(1000)
TIE = 1e-8  # the files have nine digits: options closer than this may be either way round


@pytest.fixture(scope="session")
def truth(small_data: Path) -> dict[str, str]:
    """peak_id -> compound_id, "" = null."""
    table = pd.read_csv(small_data / "truth.csv", dtype="str", keep_default_na=False)
    return dict(zip(table["peak_id"], table["compound_id"], strict=True))


def options(run: Run) -> dict[str, dict[str, float]]:
    """peak_id -> compound_id ("" = null) -> probability, summed over adducts."""
    result: dict[str, dict[str, float]] = {}
    table = run.candidates
    for peak, compound, probability in zip(table["peak_id"], table["compound_id"], table["probability"], strict=True):
        of_peak = result.setdefault(peak, {})
        of_peak[compound] = of_peak.get(compound, 0.0) + probability
    return result


def scored(run: Run, truth: dict[str, str]) -> list[str]:
    """Peaks with a truth that are neither labelled nor calibrants."""
    table = run.assignments
    is_free = ~table["is_labelled"] & ~table["is_calibrant"]
    return [peak for peak in table.loc[is_free, "peak_id"] if peak in truth]


def test_the_call_is_the_most_probable_compound_or_the_null(any_run: Run) -> None:
    by_peak = options(any_run)
    for row in any_run.assignments.to_dict("records"):
        of_peak = by_peak[row["peak_id"]]
        best = max(of_peak.values())
        assert of_peak[row["assigned_compound"]] == pytest.approx(best, abs=TIE)
        assert row["probability"] == pytest.approx(best, abs=TIE)
        if row["assigned_compound"]:
            assert of_peak[""] < best + TIE


def test_the_adduct_is_the_most_probable_one_of_the_called_compound(any_run: Run) -> None:
    table = any_run.candidates
    best = table.groupby(["peak_id", "compound_id"])["probability"].max()
    chosen = table.set_index(["peak_id", "compound_id", "adduct"])["probability"]
    called = any_run.assignments.query("assigned_compound != ''")
    for row in called.to_dict("records"):
        key = (row["peak_id"], row["assigned_compound"])
        assert chosen[(*key, row["adduct"])] == pytest.approx(best[key], abs=TIE)


def test_decisions_follow_from_the_probabilities(any_run: Run) -> None:
    table = any_run.assignments
    is_known = table["is_labelled"] | table["is_calibrant"]
    is_null = table["assigned_compound"] == ""
    ranked = table[~is_null & ~is_known]
    pep = 1.0 - ranked["probability"]
    assert ranked["pep"].to_numpy() == pytest.approx(pep.to_numpy(), abs=TIE)
    # q-value: the mean PEP of this peak and all that are at least as sure, ties included
    q_value = [ranked.loc[pep <= own + TIE, "pep"].mean() for own in pep]
    assert ranked["q_value"].to_numpy() == pytest.approx(q_value, abs=1e-6)
    is_sure = np.abs(np.array(q_value) - 0.05) > 1e-6
    expected = np.where(np.array(q_value) <= 0.05, "accept", "review")
    assert ranked["decision"].to_numpy()[is_sure].tolist() == expected[is_sure].tolist()
    assert (table.loc[is_null, "decision"] == "null").all()
    # an answer that was given is neither ranked nor questioned
    assert table.loc[is_known, ["pep", "q_value"]].isna().all(axis=None)
    assert (table.loc[is_known & ~is_null, "decision"] == "accept").all()


def test_labels_are_kept(any_run: Run, truth: dict[str, str]) -> None:
    labelled = any_run.assignments[any_run.assignments["is_labelled"]]
    assert len(labelled) == any_run.metrics["n_labelled"]
    assert len(labelled) == pytest.approx(0.3 * len(truth), abs=3)
    assert labelled["assigned_compound"].tolist() == [truth[peak] for peak in labelled["peak_id"]]
    assert labelled["probability"].to_numpy() == pytest.approx(1.0)


def test_log_loss_and_brier_are_those_of_the_tables(any_run: Run, truth: dict[str, str]) -> None:
    by_peak, peaks = options(any_run), scored(any_run, truth)
    log_loss = [-np.log(max(by_peak[peak].get(truth[peak], 0.0), FLOOR)) for peak in peaks]
    brier = [
        sum((probability - (option == truth[peak])) ** 2 for option, probability in by_peak[peak].items())
        + (truth[peak] not in by_peak[peak])  # a true compound that is no candidate has probability 0
        for peak in peaks
    ]
    assert any_run.metrics["n_scored"] == len(peaks)
    assert any_run.metrics["log_loss"] == pytest.approx(np.mean(log_loss), abs=1e-7)
    assert any_run.metrics["brier"] == pytest.approx(np.mean(brier), abs=1e-7)


def test_precision_recall_and_the_confusion_matrix_are_those_of_the_tables(any_run: Run, truth: dict[str, str]) -> None:
    is_scored = set(scored(any_run, truth))
    counts = np.zeros((3, 3), dtype=int)
    for peak, call in zip(any_run.assignments["peak_id"], any_run.assignments["assigned_compound"], strict=True):
        if peak in truth:
            row = 2 if not call else 0 if call == truth[peak] else 1
            counts[row, (0 if truth[peak] else 1) if peak in is_scored else 2] += 1
    metrics = any_run.metrics
    assert metrics["confusion_matrix"] == counts.tolist()
    right = counts[0, 0]
    precision, recall = right / counts[:2, :2].sum(), right / counts[:, 0].sum()
    assert metrics["precision"] == pytest.approx(precision)
    assert metrics["recall"] == pytest.approx(recall)
    assert metrics["f1"] == pytest.approx(2 * precision * recall / (precision + recall))
    assert metrics["top1"] == pytest.approx((right + counts[2, 1]) / len(is_scored))


def test_calibration_bins_and_their_error_are_those_of_the_tables(any_run: Run, truth: dict[str, str]) -> None:
    table = any_run.assignments[any_run.assignments["peak_id"].isin(scored(any_run, truth))]
    is_right = table["assigned_compound"].to_numpy() == np.array([truth[peak] for peak in table["peak_id"]])
    probability = table["probability"].to_numpy()
    bins = np.minimum((probability * 10).astype(int), 9)
    gaps = [abs((probability[bins == b] - is_right[bins == b]).sum()) for b in range(10)]
    assert any_run.metrics["calibration"]["count"] == np.bincount(bins, minlength=10).tolist()
    assert any_run.metrics["ece"] == pytest.approx(sum(gaps) / len(table), abs=1e-7)


def test_the_share_of_false_ones_among_the_accepted_is_that_of_the_tables(any_run: Run, truth: dict[str, str]) -> None:
    table, is_scored = any_run.assignments, set(scored(any_run, truth))
    for limit, level in any_run.metrics["fdr"].items():
        accepted = table[table["q_value"] <= float(limit)]
        known = accepted[accepted["peak_id"].isin(is_scored)]
        wrong = [call != truth[peak] for peak, call in zip(known["peak_id"], known["assigned_compound"], strict=True)]
        assert level["n_accepted"] == len(accepted)
        assert level["n_scored"] == len(wrong)
        if wrong:
            assert level["false_share"] == pytest.approx(np.mean(wrong))
            assert level["expected_false_share"] == pytest.approx(accepted["pep"].mean(), abs=1e-7)


def test_compounds_are_called_by_their_best_peak_and_counted_as_in_their_table(
    any_run: Run, truth: dict[str, str]
) -> None:
    candidates = any_run.candidates
    listed = candidates[candidates["compound_id"] != ""].groupby(["compound_id", "peak_id"])["probability"].sum()
    best = listed.groupby("compound_id").max()
    compounds = pd.read_csv(any_run.path / "results" / "compounds.csv", dtype={"compound_id": str}).set_index(
        "compound_id"
    )
    assert sorted(compounds.index) == sorted(best.index)
    ranked = compounds[compounds["pep"].notna()]
    assert ranked["probability"].to_numpy() == pytest.approx(best[ranked.index].to_numpy(), abs=1e-7)
    # draws of the peaks are joint, but for their number they are those of the mean
    assert (ranked["probability_any"] > ranked["probability"] - 0.05).all()
    for limit, level in any_run.metrics["fdr"].items():
        accepted = ranked.index[ranked["q_value"] <= float(limit)]
        assert level["compounds"]["n_accepted"] == len(accepted)
        low, high = level["false_share_interval"] or (0.0, 1.0)
        assert 0.0 <= low <= high <= 1.0
        if level["n_accepted"]:
            assert low - 0.02 <= level["expected_false_share"] <= high + 0.02


def test_all_models_score_the_same_peaks_and_none_of_them_was_a_label(
    all_runs: dict[str, Run], truth: dict[str, str]
) -> None:
    peaks = scored(all_runs["generative"], truth)
    digest = hashlib.sha256("\n".join(sorted(peaks)).encode()).hexdigest()
    compounds_of_labels = set()
    for run in all_runs.values():
        assert scored(run, truth) == peaks
        assert run.metrics["scored_peak_ids_hash"] == digest
        labelled = run.assignments.loc[run.assignments["is_labelled"], "peak_id"]
        assert not set(labelled) & set(peaks)
        compounds_of_labels |= {truth[peak] for peak in labelled} - {""}
        assert run.metrics["dataset_hash"] == all_runs["generative"].metrics["dataset_hash"]
    # no compound on both sides: a model must not know what it is asked about
    assert compounds_of_labels
    assert not compounds_of_labels & {truth[peak] for peak in peaks}


def test_all_models_weigh_the_same_candidates(all_runs: dict[str, Run]) -> None:
    columns = ["peak_id", "compound_id", "adduct", "ppm_error", "rt_z"]
    expected = all_runs["lookup"].candidates[columns]
    for run in all_runs.values():
        pd.testing.assert_frame_equal(run.candidates[columns], expected)


def test_the_sensitivity_at_the_run_s_own_setting_is_the_run_s_own_score(generative_run: Run) -> None:
    metrics, sensitivity = generative_run.metrics, generative_run.metrics["sensitivity"]
    own = sensitivity["0.1"]
    for name in ("precision", "recall", "f1", "top1", "log_loss", "brier", "ece"):
        assert own[name] == pytest.approx(metrics[name], rel=1e-9)
    for limit, level in metrics["fdr"].items():
        assert own[f"accepted_{limit}"] == level["n_accepted"]
    losses = [sensitivity[share]["log_loss"] for share in ("0.05", "0.1", "0.2")]
    assert len(set(losses)) == 3
