"""What the report says of sets and of recalibration."""

from __future__ import annotations

from typing import Any

from compassign.report_trust import recalibration_text, sets_text

COUNTED = {"all": {"n_peaks": 180, "coverage": 0.925, "low": 0.87, "high": 0.962, "mean_size": 2.34}}
SETS: dict[str, Any] = {
    **{"level": 0.9, "thresholds": None, "credible_truth": COUNTED},
    **{"credible_audit": None, "conformal_truth": None},
}
SCORES = {"log_loss": 0.91, "brier": 0.42, "miscalibration": 0.031}
FOUND: dict[str, Any] = {
    **{"method": "temperature", "n_labels": 56, "raw": SCORES, "recalibrated": {**SCORES, "log_loss": 0.8}},
    "temperature": {"value": 1.4, "low": 1.2, "high": None, "is_distorted": True},
}


def test_coverage_is_told_with_its_interval_and_what_is_missing() -> None:
    text = sets_text(SETS)
    assert "hold the truth with 90%" in text
    assert "credible sets, by the truth: 92.5% (87.0% to 96.2%) of 180 peaks, 2.3 options in a set" in text
    assert "by audit labels" not in text
    assert "conformal sets need audit labels" in text


def test_sets_without_answers_promise_nothing() -> None:
    text = sets_text({**SETS, "credible_truth": None, "thresholds": {}})
    assert "no answers to count with" in text
    assert "need audit labels" not in text


def test_recalibration_is_told_before_and_after() -> None:
    text = recalibration_text(FOUND)
    assert "Recalibration (temperature) by 56 audit labels" in text
    assert "Temperature 1.40 (95 %: 1.20 to no end): the probabilities are too sure." in text
    assert "Log loss, nats: 0.910 raw, 0.800 recalibrated" in text


def test_scores_are_left_out_where_there_are_too_few_compounds() -> None:
    assert "raw" not in recalibration_text({**FOUND, "recalibrated": None})


def test_an_older_run_and_one_without_the_step_say_nothing() -> None:
    assert (sets_text({}), recalibration_text({})) == ("", "")
