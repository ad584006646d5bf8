"""What more answers are worth, against enumerating every answer; and when to stop."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from compassign.decisions.acquisition import OptionDraws
from compassign.decisions.stopping import (
    MAX_AHEAD,
    N_FAR,
    Advice,
    AuditState,
    Outlook,
    advise,
    look_ahead,
    own_doubts,
)

CERTIFIED = AuditState(0.05, is_certified=True, is_exceeded=False, n_labels=150)
TOO_FEW = AuditState(0.05, is_certified=False, is_exceeded=False, n_labels=12)
EXCEEDED = AuditState(0.05, is_certified=False, is_exceeded=True, n_labels=90)


def drawn(*peaks: list[list[float]]) -> OptionDraws:
    """Draws of each peak, one list a draw, twice: both halves agree, so that nothing is noise."""
    sizes = [len(peak[0]) for peak in peaks]
    once = np.concatenate([np.array(peak) for peak in peaks], axis=1)
    return OptionDraws(np.concatenate([[0], np.cumsum(sizes)]), np.concatenate([once, once]))


def errors_after(peaks: list[list[list[float]]], asked: list[int]) -> float:
    """Expected errors once the asked peaks are answered, by every combination of answers."""
    n = len(peaks[0])
    total = 0.0
    for answers in itertools.product(*(range(len(peaks[peak][0])) for peak in asked)):
        weight = [float(np.prod([peaks[p][d][a] for p, a in zip(asked, answers, strict=True)])) for d in range(n)]
        for peak, draws in enumerate(peaks):
            if peak not in asked:
                joint = [
                    sum(w * row[k] for w, row in zip(weight, draws, strict=True)) / n for k in range(len(draws[0]))
                ]
                total += sum(weight) / n - max(joint)
    return total


ASKED = [[0.9, 0.1], [0.2, 0.8]]
FOLLOWS = [[0.95, 0.05], [0.1, 0.9]]  # right where the first one is
APART = [[0.6, 0.3, 0.1], [0.6, 0.3, 0.1]]  # says nothing of the others
EVERYONE = np.ones(3, dtype=np.bool_)


def test_one_answer_mends_what_enumerating_its_answers_says() -> None:
    peaks = [ASKED, FOLLOWS, APART]
    found = look_ahead(drawn(*peaks), EVERYONE, [np.array([0])])
    assert found.n_errors == pytest.approx(0.45 + 0.475 + 0.4)
    assert found.n_errors == pytest.approx(errors_after(peaks, []))
    assert found.mended == pytest.approx([found.n_errors - errors_after(peaks, [0])])
    assert found.own == pytest.approx([0.45])
    assert found.others[0] > 0.1


def test_answers_about_peaks_without_others_in_common_add_up() -> None:
    alone = [[0.55, 0.45], [0.55, 0.45]]
    peaks = [ASKED, FOLLOWS, APART, alone]
    found = look_ahead(drawn(*peaks), np.ones(4, dtype=np.bool_), [np.array([0, 3])])
    assert found.mended[0] == pytest.approx(found.n_errors - errors_after(peaks, [0, 3]))


def test_the_batches_together_mend_no_more_than_there_is() -> None:
    draws = drawn(ASKED, FOLLOWS, APART)
    found = look_ahead(draws, EVERYONE, [np.array([0]), np.array([1]), np.array([2])])
    assert found.mended.sum() == pytest.approx(found.n_errors)
    asked_anew = look_ahead(draws, EVERYONE, [np.array([1])])
    assert found.mended[1] < asked_anew.mended[0]  # the first answer has mended a part of it


def test_an_answered_peak_counts_no_more() -> None:
    is_counted = np.array([True, False, True])
    found = look_ahead(drawn(ASKED, FOLLOWS, APART), is_counted, [np.array([0])])
    assert found.n_errors == pytest.approx(0.45 + 0.4)
    assert found.mended == pytest.approx([0.45])


def test_noise_is_no_gain() -> None:
    rng = np.random.default_rng(5)
    n_peaks, n_draws = 200, 100
    first = rng.beta(8.0, 8.0, (n_draws, n_peaks))  # near ties, each for itself
    probability = np.stack([first, 1.0 - first], axis=2).reshape(n_draws, -1)
    draws = OptionDraws(np.arange(0, 2 * n_peaks + 1, 2), probability)
    found = look_ahead(draws, np.ones(n_peaks, dtype=np.bool_), [np.arange(10)])
    mean = probability.mean(axis=0)
    own = 10 - np.maximum.reduceat(mean, draws.offsets[:-1])[:10].sum()
    assert found.mended[0] < own + 0.1
    seeming = 0.0  # calls that are chosen and judged by the same draws
    for peak in range(10):
        joint = probability[:, 2 * peak : 2 * peak + 2].T @ probability / n_draws
        seeming += np.maximum.reduceat(joint, draws.offsets[:-1], axis=1).sum() - (n_peaks - found.n_errors)
    assert seeming > 0.5


def test_without_draws_a_batch_mends_its_own_doubt() -> None:
    single = OptionDraws(np.array([0, 2, 5]), np.array([[0.7, 0.3, 0.2, 0.5, 0.3]]))
    found = look_ahead(single, np.ones(2, dtype=np.bool_), [np.array([1]), np.array([0])])
    assert found.mended == pytest.approx([0.5, 0.3])


def test_of_far_batches_only_their_own_peaks_are_counted() -> None:
    pairs = [ASKED, FOLLOWS] * (N_FAR + 1)
    found = look_ahead(
        drawn(*pairs), np.ones(len(pairs), dtype=np.bool_), [np.array([2 * i]) for i in range(N_FAR + 1)]
    )
    assert (found.others > 0.0).tolist() == [True] * N_FAR + [False]


def test_nothing_to_ask_about_mends_nothing() -> None:
    found = look_ahead(drawn(ASKED, FOLLOWS), np.zeros(2, dtype=np.bool_), [])
    assert (found.n_errors, found.mended.size) == (0.0, 0)


def test_own_doubts_are_of_whole_batches_and_end_with_the_newest() -> None:
    assert own_doubts([0.0] * 3 + [0.9] * 10 + [0.8] * 10) == pytest.approx([1.0, 2.0])
    assert own_doubts([0.9] * 9) == []


def advice(mended: list[float], asked: list[float], audit: AuditState = CERTIFIED) -> Advice:
    total = np.array(mended)
    return advise(Outlook(37.0, 0.9 * total, 0.1 * total), asked, audit)


def test_batches_that_are_worth_it_are_counted_up_to_the_first_that_is_not() -> None:
    found = advice([2.0, 1.5, 0.6, 0.4, 3.0], [0.1, 0.1, 0.1])
    assert (found.is_stop, found.n_batches) == (False, 3)
    assert found.sentence == (
        "3 more batches of 10 may be worth it: they are expected to mend 4.1 of 37.0 expected errors, about 0.4 of "
        "these in other peaks, if the answers are right."
    )
    assert advice([0.5, 0.4], []).sentence.startswith("1 more batch of 10 may be worth it: it is")
    assert "other peaks" not in advise(Outlook(2.0, np.array([0.9]), np.array([0.04])), [], CERTIFIED).sentence
    assert f"At least {MAX_AHEAD} more batches of 10" in advice([1.0] * MAX_AHEAD, []).sentence


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ([], "if that is so after 2 more batches"),
        ([5.0, 0.4], "if that is so after 1 more batch "),
        ([0.1, 0.1, 0.7], "if that is so after 2 more batches"),
    ],
)
def test_three_batches_in_a_row_have_to_mend_little(asked: list[float], words: str) -> None:
    found = advice([0.3], asked)
    assert not found.is_stop
    assert words in found.sentence


def test_stopping_needs_both_little_to_mend_and_an_audit_that_certifies() -> None:
    little = [9.0, 0.4, 0.4]
    assert advice([0.3], little).is_stop
    assert advice([0.3], little).sentence.startswith("Stop: ")
    blocked = advice([0.3], little, TOO_FEW)
    assert not blocked.is_stop
    assert blocked.sentence.startswith("Label the audit")
    assert "but 12 audit labels of accepted peaks cannot certify 5 %" in blocked.sentence
    false = advice([0.3], little, EXCEEDED)
    assert not false.is_stop
    assert "the audit finds more than 5 % false" in false.sentence


def test_an_empty_queue_needs_no_patience() -> None:
    assert advice([], []).is_stop
    assert "no peak left" in advice([], []).sentence
