"""Sets are counted by number of candidates as a plain loop counts them, and audit labels make conformal ones."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from judged_peaks import drawn_options, drawn_truth
from statsmodels.stats.proportion import proportion_confint

from compassign.data.audit_labels import AuditLabels
from compassign.data.dataset import Answers
from compassign.evaluation.recalibration import tempered
from compassign.evaluation.set_coverage import Peaks, find_sets, usable_audit
from compassign.evaluation.views import candidate_range
from compassign.peak_sets import sets_table

N_PEAKS = 800
NAMES = [f"c{i}" for i in range(6)]


def made_peaks(rng: np.random.Generator) -> tuple[Peaks, Answers]:
    """Peaks whose model is too sure, and the truth of the first half; half of these score."""
    options = drawn_options(N_PEAKS, rng)
    is_true = drawn_truth(options, rng.random(N_PEAKS))
    compound = options.compound[is_true].tolist()
    truth = {f"p{i}": frozenset() if c < 0 else frozenset({NAMES[c]}) for i, c in enumerate(compound)}
    peaks = Peaks(
        peak_id=list(truth),
        compound_id=NAMES,
        options=replace(options, probability=tempered(options, 0.4)),
        group=candidate_range(np.diff(options.offsets) - 1),
        is_seen=np.arange(N_PEAKS) < 40,
        is_scored=np.arange(N_PEAKS) >= 400,
    )
    return peaks, truth


def audit_of(truth: Answers, n: int, n_skipped: int = 0) -> AuditLabels:
    answers = tuple(truth.values())[:n]
    return AuditLabels(np.arange(n), answers, np.full(n, 0.5), np.arange(n) % 20 < n_skipped)


def test_coverage_is_what_a_loop_over_the_table_counts(rng: np.random.Generator) -> None:
    peaks, truth = made_peaks(rng)
    sets = find_sets(peaks, audit_of(truth, 440), truth)
    table = sets_table(peaks, sets)
    for column, first, found in (
        ("credible_set", 400, sets.coverage.credible_truth),
        ("conformal_set", 440, sets.coverage.conformal_truth),
    ):
        assert found is not None
        for name, coverage in found.items():
            rows = [i for i in range(first, N_PEAKS) if name in {"all", peaks.group[i]}]
            members = [table[column][i].split(";") for i in rows]
            held = [min(truth[f"p{i}"], default="") in names for i, names in zip(rows, members, strict=True)]
            assert coverage.n_peaks == len(rows)
            assert coverage.coverage == pytest.approx(np.mean(held))
            assert coverage.mean_size == pytest.approx(np.mean([len(names) for names in members]))
            assert coverage.low < coverage.coverage < coverage.high
    assert table["credible_probability"].min() >= 0.9


def test_intervals_take_the_peaks_of_a_compound_as_one(rng: np.random.Generator) -> None:
    peaks, _ = made_peaks(rng)
    nulls = dict.fromkeys(peaks.peak_id, frozenset[str]())  # each a cluster of its own
    found = find_sets(peaks, AuditLabels(), nulls).coverage.credible_truth
    assert found is not None
    held = round(found["all"].coverage * 400)
    assert (found["all"].low, found["all"].high) == pytest.approx(proportion_confint(held, 400, method="beta"))
    alike = find_sets(peaks, AuditLabels(), dict.fromkeys(peaks.peak_id, frozenset({"c0"}))).coverage.credible_truth
    assert alike is not None
    assert (alike["all"].low, alike["all"].high) == pytest.approx((0.0, 1.0), abs=0.05)


def test_audit_labels_mend_sets_of_a_model_that_is_too_sure(rng: np.random.Generator) -> None:
    peaks, truth = made_peaks(rng)
    coverage = find_sets(peaks, audit_of(truth, 340), truth).coverage
    assert coverage.credible_truth is not None
    assert coverage.conformal_truth is not None
    assert coverage.credible_truth["all"].coverage < 0.88
    assert coverage.conformal_truth["all"].coverage == pytest.approx(0.92, abs=0.04)
    assert coverage.credible_audit is not None
    assert coverage.credible_audit["all"].n_peaks == 300  # 40 of the audit's were seen by the fit
    assert coverage.thresholds is not None
    assert set(coverage.thresholds) == {"0", "1", "2", "3 to 5", "6 to 10", "11 and more"}
    assert not coverage.thresholds["3 to 5"].is_pooled
    assert coverage.thresholds["0"].is_pooled


def test_without_audit_labels_nothing_is_said_of_conformal_sets(rng: np.random.Generator) -> None:
    peaks, truth = made_peaks(rng)
    all_skipped = replace(audit_of(truth, 300), is_skipped=np.ones(300, dtype=np.bool_))
    for audit in (AuditLabels(), all_skipped):
        sets = find_sets(peaks, audit, None)
        assert (sets.conformal, sets.coverage.thresholds, sets.coverage.conformal_truth) == (None, None, None)
        assert (sets.coverage.credible_truth, sets.coverage.credible_audit) == (None, None)
        assert "conformal_set" not in sets_table(peaks, sets)


def test_skipped_labels_count_as_outside_all_sets_but_unreached_ones_do_not(rng: np.random.Generator) -> None:
    peaks, truth = made_peaks(rng)
    skipped = find_sets(peaks, audit_of(truth, 440, n_skipped=3), None).coverage  # 15 % of the labels
    assert skipped.n_skipped == 60
    assert skipped.thresholds is not None
    assert skipped.thresholds["3 to 5"].level == np.inf
    unreached = replace(audit_of(truth, 440), is_skipped=np.arange(440) >= 300)
    assert usable_audit(unreached, peaks.is_seen).peak.tolist() == list(range(40, 300))
