"""Scores agree with plain loops and with scikit-learn, and degenerate inputs have an answer."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import log_loss as sklearn_log_loss

from compassign.data.hashes import hash_ids
from compassign.decisions.fdr import decide
from compassign.evaluation.metrics import (
    Metrics,
    Predictions,
    evaluate,
    score_peaks,
)
from compassign.posterior.assignments import CompoundProbabilities

COMPOUNDS = ("A", "B", "C", "D")


@dataclass(frozen=True)
class Peak:
    """One peak of a test: probabilities by compound name, truth None = unknown."""

    options: dict[str, float]
    truth: frozenset[str] | None
    is_scored: bool = True

    @property
    def null(self) -> float:
        return 1.0 - sum(self.options.values()) if self.options else 1.0


def peak(truth: str | None, is_scored: bool = True, **options: float) -> Peak:
    """Shorthand: truth "A;B", "" = null, None = unknown."""
    parsed = None if truth is None else frozenset(truth.split(";")) - {""}
    return Peak(options, parsed, is_scored)


def predict(peaks: list[Peak]) -> Predictions:
    """What `evaluate` takes, from the peaks of a test."""
    flat = [(COMPOUNDS.index(name), p) for one in peaks for name, p in sorted(one.options.items())]
    compounds = CompoundProbabilities(
        offsets=np.concatenate([[0], np.cumsum([len(one.options) for one in peaks])]).astype(np.int64),
        compound=np.array([c for c, _ in flat], dtype=np.int64),
        probability=np.array([p for _, p in flat], dtype=np.float64),
        best_adduct=np.zeros(len(flat), dtype=np.int64),
    )
    null = np.array([one.null for one in peaks], dtype=np.float64)
    return Predictions([f"P{i}" for i in range(len(peaks))], COMPOUNDS, compounds, null, decide(compounds, null))


def run(peaks: list[Peak]) -> Metrics:
    """Evaluate the peaks of a test."""
    truth = {f"P{i}": one.truth for i, one in enumerate(peaks) if one.truth is not None}
    return evaluate(predict(peaks), truth, {f"P{i}" for i, one in enumerate(peaks) if one.is_scored})


def test_by_hand() -> None:
    metrics = run(
        [
            peak("A", A=0.9),  # correct
            peak("B", A=0.6, B=0.3),  # wrong compound
            peak("C", A=0.2, C=0.2),  # missed: null call
            peak("", A=0.7),  # false call on a null
            peak("", A=0.1),  # null, right
            peak("A;B", A=0.3, B=0.4, C=0.2),  # a member of the set
            peak("D", is_scored=False, D=0.99),  # seen by the fit
            peak(None, A=0.8),  # unknown
        ]
    )
    assert metrics.n_scored == 6
    assert metrics.confusion_matrix == [[2, 0, 1], [1, 1, 0], [1, 1, 0]]
    assert metrics.precision == 2 / 4
    assert metrics.recall == 2 / 4
    assert metrics.f1 == 2 / 4
    assert metrics.top1 == 3 / 6
    losses = [-math.log(p) for p in (0.9, 0.3, 0.2, 0.3, 0.9, 0.7)]
    assert metrics.log_loss == pytest.approx(sum(losses) / 6)
    brier = [
        0.1**2 + 0.1**2,
        0.6**2 + 0.7**2 + 0.1**2,
        0.2**2 + 0.8**2 + 0.6**2,
        0.7**2 + 0.7**2,
        0.1**2 + 0.1**2,
        0.3**2 + 0.2**2 + 0.1**2,
    ]
    assert metrics.brier == pytest.approx(sum(brier) / 6)
    # Calls: 0.9 right, 0.6 wrong, 0.6 (null) wrong, 0.7 wrong, 0.9 (null) right, 0.4 right.
    assert metrics.ece == pytest.approx((2 * 0.1 + 2 * 0.6 + 0.7 + 0.6) / 6)


def test_fdr_block() -> None:
    metrics = run(
        [
            peak("A", A=0.999),
            peak("B", A=0.97, B=0.02),
            peak("A", is_scored=False, A=1.0),
            peak(None, B=0.96),
            peak("", C=0.6),
        ]
    )
    # Peps 0, 0.001, 0.03, 0.04, 0.4: running means 0, 0.0005, 0.0103, 0.01775, 0.0942.
    at_1, at_5, at_10 = (metrics.fdr[level] for level in ("0.01", "0.05", "0.1"))
    assert (at_1.n_accepted, at_1.n_scored, at_1.false_share) == (2, 1, 0.0)
    assert (at_5.n_accepted, at_5.n_scored, at_5.false_share) == (4, 2, 0.5)
    assert (at_10.n_accepted, at_10.n_scored) == (5, 3)
    assert at_10.false_share == pytest.approx(2 / 3)
    assert at_5.expected_false_share == pytest.approx(0.071 / 4)
    # Ranked without the others: 0.001, 0.0155, 0.1437.
    assert [level.n_accepted_of_scored for level in (at_1, at_5, at_10)] == [1, 2, 2]
    assert at_5.false_share_of_scored == 0.5


@st.composite
def peaks_strategy(draw: st.DrawFn) -> list[Peak]:
    """Random peaks, some certain, some tied, some without candidates or truth."""
    peaks = []
    for _ in range(draw(st.integers(0, 12))):
        names = draw(st.lists(st.sampled_from(COMPOUNDS), unique=True))
        weights = np.array([draw(st.sampled_from([0.0, 1.0, 1.0, 3.0, 50.0])) for _ in names])
        null = draw(st.sampled_from([0.0, 1.0, 2.0])) if weights.sum() else 1.0
        options = dict(zip(names, (weights / (weights.sum() + null)).tolist(), strict=True))
        truth = draw(st.none() | st.frozensets(st.sampled_from(COMPOUNDS), max_size=2))
        peaks.append(Peak(options, truth, draw(st.booleans())))
    return peaks


@given(peaks_strategy())
def test_equals_a_plain_loop(peaks: list[Peak]) -> None:
    metrics = run(peaks)
    losses, briers, rights, tops = [], [], [], []
    matrix = [[0, 0, 0] for _ in range(3)]
    for one in peaks:
        if one.truth is None:
            continue
        best = max(sorted(one.options), key=lambda name: one.options[name], default="")
        call = best if best and one.options[best] > one.null else ""
        right = call in one.truth if one.truth else not call
        row = 2 if not call else 0 if call in one.truth else 1
        matrix[row][2 if not one.is_scored else 0 if one.truth else 1] += 1
        if not one.is_scored:
            continue
        # Merge the members of the truth into one class, then score ordinary vectors.
        vector = [sum(one.options.get(name, 0.0) for name in one.truth), one.null]
        vector += [p for name, p in one.options.items() if name not in one.truth]
        target = [1.0, 0.0] if one.truth else [0.0, 1.0]
        target += [0.0] * (len(vector) - 2)
        losses.append(-math.log(max(vector[0 if one.truth else 1], 0.001)))
        briers.append(sum((p - t) ** 2 for p, t in zip(vector, target, strict=True)))
        rights.append(right)
        tops.append(one.options[call] if call else one.null)
    assert metrics.confusion_matrix == matrix
    assert metrics.n_scored == len(losses)
    if not losses:
        assert metrics.log_loss is metrics.brier is metrics.ece is metrics.top1 is metrics.precision is None
        return
    assert metrics.log_loss == pytest.approx(sum(losses) / len(losses))
    assert metrics.brier == pytest.approx(sum(briers) / len(briers), abs=1e-12)
    assert metrics.top1 == sum(rights) / len(rights)
    ece = 0.0
    for b in range(10):
        inside = [i for i, p in enumerate(tops) if b / 10 <= p < (b + 1) / 10 or (b == 9 and p >= 1)]
        if inside:
            ece += abs(sum(tops[i] for i in inside) - sum(rights[i] for i in inside)) / len(tops)
    assert metrics.ece == pytest.approx(ece, abs=1e-12)


def test_log_loss_and_brier_agree_with_scikit_learn() -> None:
    rng = np.random.default_rng(7)
    probability = rng.dirichlet(np.ones(5), size=300)  # null, then four compounds
    answer = rng.integers(0, 5, size=300)
    peaks = [
        peak("" if k == 0 else COMPOUNDS[k - 1], **dict(zip(COMPOUNDS, row[1:].tolist(), strict=True)))
        for row, k in zip(probability, answer, strict=True)
    ]
    metrics = run(peaks)
    floored = np.array([max(row[k], 0.001) for row, k in zip(probability, answer, strict=True)])
    at_answer = np.column_stack([1 - floored, floored])
    reference = sklearn_log_loss(np.ones(300), at_answer, labels=[0, 1])
    assert metrics.log_loss == pytest.approx(reference, rel=1e-9)
    one_hot = np.eye(5)[answer]
    assert metrics.brier == pytest.approx(((probability - one_hot) ** 2).sum(axis=1).mean(), rel=1e-9)


def test_all_right_and_certain() -> None:
    metrics = run([peak("A", A=1.0), peak("", B=0.0), peak("")])
    assert (metrics.precision, metrics.recall, metrics.f1, metrics.top1) == (1.0, 1.0, 1.0, 1.0)
    assert metrics.log_loss == metrics.brier == metrics.ece == 0.0
    assert metrics.fdr["0.01"].n_accepted == 1


def test_certain_and_wrong_is_floored() -> None:
    metrics = run([peak("B", A=1.0)])
    assert metrics.log_loss == pytest.approx(-math.log(0.001))
    assert metrics.n_floored == 1
    assert metrics.brier == 2.0
    assert metrics.ece == 1.0
    assert (metrics.precision, metrics.recall, metrics.f1) == (0.0, 0.0, 0.0)


def test_all_null_calls_leave_precision_open() -> None:
    metrics = run([peak("A"), peak("", A=0.5)])
    assert metrics.precision is None
    assert (metrics.recall, metrics.f1, metrics.top1) == (0.0, 0.0, 0.5)
    assert metrics.log_loss == pytest.approx((-math.log(0.001) - math.log(0.5)) / 2)
    assert metrics.fdr["0.1"].n_accepted == 0
    assert metrics.fdr["0.1"].false_share is metrics.fdr["0.1"].expected_false_share is None


def test_only_nulls_leave_recall_open() -> None:
    metrics = run([peak(""), peak("")])
    assert metrics.recall is metrics.precision is metrics.f1 is None
    assert metrics.top1 == 1.0


def test_a_truth_that_the_library_lacks_is_a_null() -> None:
    metrics = run([peak("Z", A=0.2), peak("Z;A", A=0.9)])
    assert metrics.confusion_matrix == [[1, 0, 0], [0, 0, 0], [0, 1, 0]]
    assert metrics.top1 == 1.0


def test_no_truth_is_none_and_never_zero() -> None:
    metrics = evaluate(predict([peak(None, A=0.99)]), None, [])
    scores = (metrics.precision, metrics.recall, metrics.f1, metrics.log_loss, metrics.brier, metrics.ece, metrics.top1)
    assert scores == (None,) * 7
    assert metrics.confusion_matrix is None
    assert metrics.calibration is None
    assert metrics.n_scored == 0
    assert metrics.fdr["0.05"].n_accepted == 1
    assert metrics.fdr["0.05"].false_share is None


def test_everything_seen_by_the_fit() -> None:
    metrics = run([peak("A", is_scored=False, A=0.9), peak("", is_scored=False, A=0.9)])
    assert metrics.log_loss is metrics.precision is None
    assert metrics.confusion_matrix == [[0, 0, 1], [0, 0, 1], [0, 0, 0]]


def test_a_null_call_is_not_taken_for_the_last_compound_of_the_peak_before() -> None:
    scores = score_peaks(predict([peak("D", D=0.9), peak("A", A=0.1)]), {"P0": frozenset("D"), "P1": frozenset("A")})
    assert scores.is_right.tolist() == [True, False]


def test_hash_depends_on_the_set_only() -> None:
    assert run([peak("A"), peak("B", is_scored=False)]).scored_peak_ids_hash == hash_ids(["P0"])
