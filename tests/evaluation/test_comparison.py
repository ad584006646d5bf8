"""Paired differences by hand and against statsmodels, and intervals that hold what they promise."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binom
from statsmodels.stats.contingency_tables import mcnemar as statsmodels_mcnemar

from compassign.evaluation.comparison import (
    METRICS,
    MIN_CLUSTERS,
    Paired,
    PairedPeaks,
    RunScores,
    cluster_by_truth,
    compare_paired,
    mcnemar,
    verdict,
)
from compassign.units import FloatArray, IntArray

RNG_SEED = 3


def make_scores(log_loss: FloatArray, is_right: object = True) -> RunScores:
    """Scores that differ in log loss alone, unless calls are given too."""
    right = np.broadcast_to(np.asarray(is_right, dtype=np.bool_), log_loss.shape)
    call = np.ones(log_loss.size, dtype=np.bool_)
    return RunScores(
        log_loss=log_loss, brier=np.full(log_loss.size, 0.5), is_right=right, is_call=call, is_accepted=call
    )


def compare(a: RunScores, b: RunScores, cluster: IntArray | None = None) -> Paired:
    n_peaks = a.log_loss.size
    groups = np.arange(n_peaks) if cluster is None else cluster
    peaks = PairedPeaks(groups.astype(np.int64), np.zeros(n_peaks, dtype=np.bool_))
    return compare_paired(a, b, peaks, np.random.default_rng(RNG_SEED))


def test_every_metric_by_hand() -> None:
    # truths: compound, compound, compound, null, null
    a = RunScores(
        log_loss=np.array([0.1, 0.2, 0.3, 0.4, 0.5]),
        brier=np.array([0.0, 0.1, 0.2, 0.3, 0.4]),
        is_right=np.array([True, False, False, True, False]),
        is_call=np.array([True, True, False, False, True]),
        is_accepted=np.array([True, True, False, False, False]),
    )
    b = replace(a, log_loss=a.log_loss * 2, is_right=np.array([True, True, False, True, False]))
    null = np.array([False, False, False, True, True])
    found = compare_paired(a, b, PairedPeaks(np.arange(5), null), np.random.default_rng(0))
    values = {row.metric: (row.a, row.b) for row in found.differences}
    assert values == {
        "log_loss": pytest.approx((0.3, 0.6)),
        "brier": pytest.approx((0.2, 0.2)),
        "top1": pytest.approx((2 / 5, 3 / 5)),
        "precision": pytest.approx((1 / 3, 2 / 3)),
        "recall": pytest.approx((1 / 3, 2 / 3)),
        "f1": pytest.approx((2 / 6, 4 / 6)),
        "accepted_0.05": pytest.approx((2.0, 2.0)),
        "false_share_0.05": pytest.approx((1 / 2, 0.0)),
    }
    assert (found.n_peaks, found.n_clusters, found.n_null) == (5, 5, 2)
    assert np.isnan(found.of("log_loss").low)  # five clusters bound nothing
    assert "cannot be told apart with 3 compounds and 2 null peaks: at least 10" in verdict(found)


def test_peaks_of_the_same_compounds_share_a_cluster_and_nulls_stand_alone() -> None:
    truths = [
        frozenset({"a"}),
        frozenset(),
        frozenset({"a", "b"}),
        frozenset({"a"}),
        frozenset(),
        frozenset({"b", "a"}),
    ]
    assert cluster_by_truth(truths).tolist() == [0, 1, 2, 0, 3, 2]
    assert cluster_by_truth([]).size == 0


def test_the_bootstrap_has_the_variance_that_is_known() -> None:
    # a mean under flat Dirichlet weights has variance sum((x - mean)^2) / (n (n + 1)) (Rubin 1981)
    difference = np.random.default_rng(1).normal(0.1, 1.0, 400)
    found = compare(make_scores(np.full(400, 2.0)), make_scores(2.0 + difference)).of("log_loss")
    sd = np.sqrt(((difference - difference.mean()) ** 2).sum() / (400 * 401))
    assert [found.low, found.high] == pytest.approx(difference.mean() + sd * np.array([-1.96, 1.96]), abs=0.08 * sd)


@pytest.mark.parametrize(("only_a", "only_b", "both"), [(3, 14, 40), (0, 6, 0), (9, 9, 5), (0, 0, 7), (1, 0, 0)])
def test_mcnemar_is_that_of_statsmodels(only_a: int, only_b: int, both: int) -> None:
    a = np.repeat([True, False, True], [only_a, only_b, both])
    b = np.repeat([False, True, True], [only_a, only_b, both])
    found = mcnemar(a, b)
    assert (found.only_a, found.only_b) == (only_a, only_b)
    assert found.p_value == pytest.approx(statsmodels_mcnemar([[both, only_a], [only_b, 0]], exact=True).pvalue)


def test_a_run_is_practically_equal_to_itself() -> None:
    rng = np.random.default_rng(0)
    scores = make_scores(rng.exponential(size=60), rng.random(60) < 0.7)
    found = compare(scores, scores)
    for row in found.differences:
        assert (row.difference, row.low, row.high, row.p_equal) == (0.0, 0.0, 0.0, 1.0)
        assert row.outcome == "equal"
    assert found.mcnemar.p_value == 1.0
    assert verdict(found) == "A and B are practically equal: log loss in B is the same, and 0.02 would matter"


@pytest.mark.parametrize(
    ("shift", "spread", "expected"),
    [
        (-0.2, 0.1, "B is better: log loss 0.2"),
        (0.2, 0.1, "A is better: log loss 0.2"),
        (0.0, 0.01, "A and B are practically equal"),
        (-0.02, 0.02, "B is better, but perhaps by less than matters (0.02): log loss 0.0"),
        (0.0, 3.0, "A and B cannot be told apart with 100 compounds and 0 null peaks"),
    ],
)
def test_verdicts(shift: float, spread: float, expected: str) -> None:
    noise = np.random.default_rng(8).normal(size=100)
    noise = (noise - noise.mean()) / noise.std()
    base = np.full(100, 10.0)
    found = compare(make_scores(base), make_scores(base + shift + spread * noise))
    assert verdict(found).startswith(expected)
    for row in found.differences:
        assert row.p_a_better + row.p_equal + row.p_b_better == pytest.approx(1.0)


def test_other_winners_are_named_with_their_run() -> None:
    right = np.arange(200) % 2 == 0
    found = compare(make_scores(np.ones(200), True), make_scores(np.full(200, 0.5), right))
    assert verdict(found, "base", "new") == (
        "new is better: log loss 0.500 lower (0.500 to 0.500); accuracy in base 0.500 higher ("
        f"{-found.of('top1').high:.3f} to {-found.of('top1').low:.3f})"
    )


def test_the_order_of_the_runs_only_turns_the_signs() -> None:
    rng = np.random.default_rng(4)
    a, b = (make_scores(rng.exponential(size=80), rng.random(80) < 0.6) for _ in range(2))
    forth, back = compare(a, b), compare(b, a)
    for row, turned in zip(forth.differences, back.differences, strict=True):
        assert [row.difference, row.low, row.high] == pytest.approx([-turned.difference, -turned.high, -turned.low])
        assert row.p_a_better == pytest.approx(turned.p_b_better)


def test_the_region_of_a_number_of_peaks_is_a_share_of_them() -> None:
    scores = make_scores(np.ones(300))
    assert compare(scores, scores).of("accepted_0.05").rope == pytest.approx(3.0)
    assert compare(scores, scores).of("brier").rope == METRICS["brier"].rope


def clustered_runs(
    rng: np.random.Generator, n_clusters: int = 60, size: int = 6
) -> tuple[RunScores, RunScores, IntArray]:
    """Runs that differ by 0.3 on average, each compound by more or less; all its peaks alike but for some noise."""
    cluster = np.repeat(np.arange(n_clusters), size)
    of_cluster = rng.normal(0.3, 1.0, n_clusters)
    difference = of_cluster[cluster] + rng.normal(0.0, 0.2, cluster.size)
    base = np.full(cluster.size, 9.0)
    return make_scores(base), make_scores(base + difference), cluster


def share_covered(n_sets: int, by_compound: bool) -> float:
    rng = np.random.default_rng(12)
    covered = 0
    for _ in range(n_sets):
        a, b, cluster = clustered_runs(rng)
        found = compare(a, b, cluster if by_compound else None).of("log_loss")
        covered += found.low <= 0.3 <= found.high
    return covered / n_sets


def test_intervals_by_compound_cover_and_intervals_by_peak_do_not() -> None:
    n_sets = 150
    low, high = binom.ppf([0.0005, 0.9995], n_sets, 0.95) / n_sets
    assert low <= share_covered(n_sets, by_compound=True) <= high
    assert share_covered(40, by_compound=False) < low  # the negative control: peaks of a compound are not independent


@pytest.mark.parametrize("n_clusters", [0, 1, MIN_CLUSTERS - 1])
def test_too_few_compounds_never_have_a_winner(n_clusters: int) -> None:
    cluster = np.repeat(np.arange(n_clusters), 50)
    a, b = make_scores(np.full(cluster.size, 3.0)), make_scores(np.full(cluster.size, 0.1))
    found = compare(a, b, cluster)
    assert {row.outcome for row in found.differences} == {""}
    assert "cannot be told apart" in verdict(found)


def test_metrics_without_a_denominator_are_missing_and_the_others_are_not() -> None:
    nothing = np.zeros(30, dtype=np.bool_)
    scores = RunScores(np.ones(30), np.ones(30), nothing, nothing, nothing)
    found = compare(scores, scores)
    assert {row.metric for row in found.differences if np.isnan(row.difference)} == {"precision", "false_share_0.05"}
    assert found.of("precision").outcome == ""
    assert found.of("log_loss").outcome == "equal"
