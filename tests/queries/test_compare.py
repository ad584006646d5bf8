"""Two runs are compared peak by peak only where that means something."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest
from big_run import big_run

from compassign.queries.calibration import scores
from compassign.queries.compare import NORMAL_95, compare, differing_settings, metric_table, metric_texts
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
    for metric, row in rows.items():
        a, b = lookup_run.metrics[str(metric)], prior_run.metrics[str(metric)]
        assert [row["a"], row["b"], row["difference"]] == pytest.approx([a, b, b - a], abs=1e-8)
    # by a loop: the standard error of a mean difference, summed within the true compounds
    truth = lookup_run.truth or {}
    score_a, score_b = (scores(run).set_index("peak_id") for run in (lookup_run, prior_run))
    difference = score_b["log_loss"] - score_a["log_loss"]
    sums: dict[object, float] = {}
    for peak, value in (difference - difference.mean()).items():
        key = truth[str(peak)] or peak
        sums[key] = sums.get(key, 0.0) + value
    half = NORMAL_95 * np.sqrt(sum(total**2 for total in sums.values())) / len(difference)
    assert rows["log_loss"]["high"] - rows["log_loss"]["difference"] == pytest.approx(half)
    assert rows["log_loss"]["low"] + half == pytest.approx(rows["log_loss"]["difference"])


def test_the_interval_of_a_ratio_is_that_of_the_bootstrap(lookup_run: Run, prior_run: Run) -> None:
    a, b = (scores(run) for run in (lookup_run, prior_run))
    rows = compare(lookup_run, prior_run).metrics.set_index("metric").to_dict("index")
    truth = lookup_run.truth or {}
    groups: dict[object, list[int]] = {}
    for position, peak in enumerate(a["peak_id"]):
        groups.setdefault(truth[peak] or peak, []).append(position)
    members = list(groups.values())
    rng = np.random.default_rng(0)

    def precision(table_outcome: np.ndarray) -> float:
        return float((table_outcome == 0).sum() / (table_outcome != 2).sum())

    replicated = []
    for _ in range(600):
        drawn = np.concatenate([members[i] for i in rng.integers(len(members), size=len(members))])
        replicated.append(precision(b["outcome"].to_numpy()[drawn]) - precision(a["outcome"].to_numpy()[drawn]))
    half = (rows["precision"]["high"] - rows["precision"]["low"]) / 2
    assert half == pytest.approx(NORMAL_95 * np.std(replicated), rel=0.35)


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
    assert (found.metrics[["difference", "low", "high"]].fillna(0.0) == 0.0).all(axis=None)
    assert len(found.changed) == 0


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
    assert found.metrics["difference"].isna().all()
    assert found.metrics.set_index("metric").loc["log_loss", "a"] == lookup_run.metrics["log_loss"]
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


def test_the_better_run_is_named_only_beyond_chance(lookup_run: Run, prior_run: Run) -> None:
    for row in compare(lookup_run, prior_run).metrics.to_dict("records"):
        is_beyond = row["low"] > 0.0 or row["high"] < 0.0
        gain = -row["difference"] if row["metric"] in {"log_loss", "brier", "ece"} else row["difference"]
        assert row["better"] == (("B" if gain > 0.0 else "A") if is_beyond else "")


def test_numbers_are_written_with_the_digits_that_are_known(lookup_run: Run) -> None:
    metrics = {"precision": 0.25, "n_scored": 1234, "runtime_s": {"fit": 1.26}}
    texts = metric_texts([replace(lookup_run, metrics=metrics)]).set_index("metric")[0]
    assert texts[["precision", "recall", "n_scored", "runtime_s"]].tolist() == ["0.250", "", "1,234", "1.3"]


def test_fifty_thousand_peaks_stay_quick() -> None:
    run = big_run(50_000)
    started = time.perf_counter()
    found = compare(run, run)
    assert time.perf_counter() - started < 4.0  # twice what a screen waits, because tests share the machine
    assert found.n_paired == len(found.peaks) == 50_000
