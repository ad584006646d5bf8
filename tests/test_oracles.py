"""Each simulated annotator errs where it is meant to, as often as it is meant to, and nowhere else."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from compassign.oracles import ORACLES, Oracle, Question
from compassign.posterior.options import NULL_OPTION

MASS = np.array([180.06339, 180.06339, 194.07904])  # 4 and 5 are isomers, 9 is not
HARD = Question(np.array([4, 5, 9]), MASS, np.array([0.2, 0.4, 0.3, 0.1]))
EASY = Question(np.array([4, 5, 9]), MASS, np.array([0.0, 0.9, 0.1, 0.0]))
EMPTY = Question(np.array([], dtype=np.int64), np.array([]), np.array([1.0]))


def shares(oracle: Oracle, question: Question, truth: int) -> dict[int | None, float]:
    """Answer -> share of 4,000 answers."""
    rng = np.random.default_rng(5)
    counts = Counter(oracle.answer(question, truth, rng) for _ in range(4000))
    return {answer: n / 4000 for answer, n in counts.items()}


@pytest.mark.parametrize(
    ("name", "question", "truth", "expected"),
    [
        ("perfect", HARD, 5, {5: 1.0}),
        ("perfect", EMPTY, 7, {7: 1.0}),  # a truth that is not on the list
        ("noisy", HARD, 4, {4: 0.9, 5: 0.1 / 3, 9: 0.1 / 3, NULL_OPTION: 0.1 / 3}),
        ("noisy", EMPTY, NULL_OPTION, {NULL_OPTION: 1.0}),  # nothing else to say
        ("random", HARD, 4, {4: 0.25, 5: 0.25, 9: 0.25, NULL_OPTION: 0.25}),
        ("lazy", HARD, 4, {NULL_OPTION: 0.5, None: 0.5}),
        ("lazy", EASY, 4, {4: 1.0}),
        ("isomer-confusing", HARD, 4, {4: 0.7, 5: 0.3}),
        ("isomer-confusing", HARD, 9, {9: 1.0}),  # it has no isomer
        ("isomer-confusing", HARD, NULL_OPTION, {NULL_OPTION: 1.0}),
    ],
)
def test_answers_come_as_often_as_meant(
    name: str, question: Question, truth: int, expected: dict[int | None, float]
) -> None:
    assert shares(ORACLES[name], question, truth) == pytest.approx(expected, abs=0.03)
