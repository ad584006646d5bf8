"""Every number of a run has an answer where there is little or nothing to compute it from, and none of them is NaN."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass

import numpy as np
import pytest

from compassign.data.dataset import Answers
from compassign.decisions.compounds import CompoundDecisions, decide_compounds
from compassign.decisions.fdr import Decisions, accepted_at, decide
from compassign.evaluation.comparison import (
    MIN_CLUSTERS,
    Paired,
    PairedPeaks,
    RunScores,
    cluster_by_truth,
    compare_paired,
    verdict,
)
from compassign.evaluation.discoveries import compound_truth, with_compounds, with_intervals
from compassign.evaluation.elpd import compare_elpd, describe_elpd, leave_one_out
from compassign.evaluation.metrics import Metrics, Predictions, evaluate, score_peaks
from compassign.evaluation.views import GROUPS, PeakGroups, ViewSummary, build_views, summarise_view
from compassign.posterior.assignments import CompoundProbabilities
from compassign.posterior.joint import JointSampler
from compassign.results import to_json_values

COMPOUNDS = ("A", "B", "C")
N = 24  # peaks of a case: enough for a group of its own
Options = tuple[float, float, float]  # of A, B and C; the null has the rest
TIED: Options = (0.25, 0.25, 0.25)

# name -> probabilities of each peak, truth of each peak ("" = null, None = unknown)
CASES: dict[str, tuple[list[Options], list[str | None]]] = {
    "all null": ([(0.0, 0.0, 0.0)] * N, [""] * N),
    "null said, compounds true": ([(0.1, 0.1, 0.1)] * N, ["A"] * N),
    "all right and certain": ([(1.0, 0.0, 0.0)] * N, ["A"] * N),
    "all wrong and certain": ([(1.0, 0.0, 0.0)] * N, ["B"] * N),
    "certain of the null, and wrong": ([(0.0, 0.0, 0.0)] * N, ["A"] * N),
    "right and wrong by halves": ([(1.0, 0.0, 0.0)] * N, ["A", ""] * (N // 2)),
    "all options tied": ([TIED] * N, ["A", "B", "C", ""] * (N // 4)),
    "one class is never said": ([(0.6, 0.3, 0.0), (0.3, 0.6, 0.0)] * (N // 2), ["C", "B"] * (N // 2)),
    "one peak has a truth": ([(0.7, 0.2, 0.0)] * N, ["A", *[None] * (N - 1)]),
    "one peak in all": ([(0.7, 0.2, 0.0)], ["A"]),
    "no truth": ([(0.7, 0.2, 0.0)] * N, [None] * N),
    "no peaks": ([], []),
}


@dataclass(frozen=True)
class Scored:
    """Everything that is computed of one case."""

    decisions: Decisions
    compounds: CompoundDecisions
    metrics: Metrics
    views: Mapping[str, ViewSummary | None]
    paired: Paired


def score(name: str) -> Scored:
    """Take a case through decisions, scores, views, discoveries and a comparison with itself."""
    rows, truths = CASES[name]
    probability = np.array(rows, dtype=np.float64).reshape(len(rows), 3)
    options = CompoundProbabilities(
        offsets=np.arange(len(rows) + 1) * 3,
        compound=np.tile(np.arange(3), len(rows)),
        probability=probability.ravel(),
        best_adduct=np.zeros(3 * len(rows), dtype=np.int64),
    )
    null = 1.0 - probability.sum(axis=1)
    decisions = decide(options, null)
    predictions = Predictions([f"P{i}" for i in range(len(rows))], COMPOUNDS, options, null, decisions)
    truth = {f"P{i}": frozenset({said} - {""}) for i, said in enumerate(truths) if said is not None}
    compounds = decide_compounds(options, np.zeros(0, dtype=np.int64), decisions.alpha)
    is_true = compound_truth(options, compounds, (predictions.peak_id, COMPOUNDS), truth or None)
    metrics = evaluate(predictions, truth or None, set(predictions.peak_id))
    sampler = JointSampler(options.offsets, options.compound, np.random.default_rng(0))
    if rows:
        sampler.write(slice(0, len(rows)), options.offsets, probability.reshape(1, -1), null[None])
    levels = with_intervals(with_compounds(metrics.fdr, compounds, is_true), decisions, sampler.draws())
    metrics = Metrics(**{**vars(metrics), "fdr": levels})
    about = PeakGroups(np.full(len(rows), "liver"), np.full(len(rows), 3), ["[M+H]+"])
    views = build_views(predictions, truth, np.ones(len(rows), dtype=np.bool_), about)
    summaries = {str(target): summarise_view(view, GROUPS, 0) for target, view in views.items()}
    return Scored(decisions, compounds, metrics, summaries, compare_with_itself(predictions, truth))


def compare_with_itself(predictions: Predictions, truth: Answers) -> Paired:
    scores = score_peaks(predictions, truth)
    is_call = predictions.decisions.call[scores.peak] >= 0
    is_accepted = accepted_at(predictions.decisions, 0.05)[scores.peak]
    run = RunScores(scores.log_loss, scores.brier, scores.is_right, is_call, is_accepted)
    cluster = cluster_by_truth([truth[predictions.peak_id[peak]] for peak in scores.peak])
    return compare_paired(run, run, PairedPeaks(cluster, scores.is_null), np.random.default_rng(0))


def numbers(document: object) -> Iterator[float]:
    """All numbers in a document."""
    if isinstance(document, Mapping):
        for value in document.values():
            yield from numbers(value)
    elif isinstance(document, list | tuple | np.ndarray):
        for value in document:
            yield from numbers(value)
    elif isinstance(document, float | int):
        yield document


@pytest.mark.parametrize("name", CASES)
def test_no_score_is_nan_or_out_of_range(name: str) -> None:
    found = score(name)
    document = asdict(found.metrics)
    document.pop("scored_peak_ids_hash")
    assert all(math.isfinite(value) and value >= 0.0 for value in numbers(document))
    shares = (found.metrics.precision, found.metrics.recall, found.metrics.f1, found.metrics.top1, found.metrics.ece)
    assert all(share is None or 0.0 <= share <= 1.0 for share in shares)
    assert found.metrics.brier is None or found.metrics.brier <= 2.0
    json.dumps(to_json_values(document), allow_nan=False)


@pytest.mark.parametrize("name", CASES)
def test_what_is_not_known_is_missing_and_never_zero(name: str) -> None:
    metrics, truths = score(name).metrics, [truth for truth in CASES[name][1] if truth is not None]
    assert metrics.n_scored == len(truths)
    assert (metrics.log_loss is None) == (not truths)
    assert (metrics.brier is None) == (not truths)
    assert (metrics.top1 is None) == (not truths)
    assert (metrics.recall is None) == (not any(truths))
    for level in metrics.fdr.values():
        assert (level.expected_false_share is None) == (level.n_accepted == 0)
        assert (level.false_share_interval is None) == (level.n_accepted == 0)
        assert (level.false_share is None) == (level.n_scored == 0)


@pytest.mark.parametrize("name", CASES)
def test_every_view_has_an_answer_that_adds_up(name: str) -> None:
    found = score(name)
    for target, summary in found.views.items():
        is_empty = not found.metrics.n_scored
        assert (summary is None) == is_empty, target
        if summary is None:
            continue
        parts = [getattr(summary.all, part).value for part in ("miscalibration", "discrimination", "uncertainty")]
        assert summary.all.brier == pytest.approx(parts[0] - parts[1] + parts[2], abs=1e-12)
        assert min(parts) >= -1e-12
        # what cannot be found, such as an error of pairs where no two are alike, is left out
        assert all(math.isfinite(value) for value in numbers(to_json_values(asdict(summary))))


@pytest.mark.parametrize("name", CASES)
def test_what_is_accepted_keeps_the_limit(name: str) -> None:
    found = score(name)
    for decisions in (found.decisions, found.compounds):
        is_ranked = ~np.isnan(decisions.pep)
        assert (np.isnan(decisions.q_value) == ~is_ranked).all()
        assert (decisions.q_value[is_ranked] <= decisions.pep[is_ranked] + 1e-15).all()
        accepted = decisions.pep[decisions.decision == "accept"]
        assert accepted.size == 0 or accepted.mean() <= 0.05 + 1e-12
    interval = found.metrics.fdr["0.05"].false_share_interval
    assert interval is None or 0.0 <= interval[0] <= interval[1] <= 1.0


@pytest.mark.parametrize("name", CASES)
def test_a_run_never_beats_itself(name: str) -> None:
    paired = score(name).paired
    for difference in paired.differences:
        assert difference.difference == 0.0 or math.isnan(difference.difference)
        assert difference.outcome in {"", "equal"}
    assert (paired.mcnemar.only_a, paired.mcnemar.only_b, paired.mcnemar.p_value) == (0, 0, 1.0)
    said = verdict(paired)
    assert "nan" not in said
    assert ("cannot be told apart" in said) == (paired.n_clusters < MIN_CLUSTERS)


def test_ties_are_nulls_and_certain_errors_are_counted() -> None:
    assert set(score("all options tied").decisions.decision) == {"null"}
    wrong = score("all wrong and certain").metrics
    assert (wrong.precision, wrong.recall, wrong.top1, wrong.n_floored) == (0.0, 0.0, 0.0, N)
    assert wrong.brier == 2.0
    assert wrong.log_loss == pytest.approx(math.log(1000.0))
    assert wrong.fdr["0.01"].false_share == 1.0
    assert wrong.fdr["0.01"].false_share_interval == (0.0, 0.0)  # what the run says of itself
    right = score("all right and certain").metrics
    assert (right.precision, right.recall, right.log_loss, right.brier, right.ece) == (1.0, 1.0, 0.0, 0.0, 0.0)
    never = score("one class is never said").metrics
    assert (never.precision, never.recall) == (0.5, 0.5)


def test_leave_one_out_of_nothing_and_of_one_peak_is_said_without_nan() -> None:
    for n_peaks in (0, 1):
        found = leave_one_out(np.zeros((100, n_peaks)))
        no_peak = np.zeros(n_peaks, dtype=np.bool_)
        said = describe_elpd(compare_elpd(found.elpd, found.elpd, no_peak, np.arange(n_peaks)))
        assert "nan" not in said
        assert "alike" in said
