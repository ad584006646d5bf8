"""Scores of peaks against plain loops, and what each score is for: doubt that an answer can or cannot resolve."""

from __future__ import annotations

from math import log

import numpy as np
import pytest

from compassign.decisions.acquisition import (
    ACQUISITIONS,
    OptionDraws,
    bald,
    compound_groups,
    diverse_batch,
    entropy,
    epig,
    expected_error_reduction,
    expected_false_positives,
    least_confidence,
    margin,
    option_draws,
)
from compassign.models.draws import Block, DrawSource


@pytest.fixture
def draws() -> OptionDraws:
    """Five peaks with 3, 1, 2, 4 and 2 options in 40 draws."""
    rng = np.random.default_rng(3)
    sizes = [3, 1, 2, 4, 2]
    parts = [rng.dirichlet(np.full(size, 0.5), size=40) for size in sizes]
    return OptionDraws(np.concatenate([[0], np.cumsum(sizes)]), np.concatenate(parts, axis=1))


def tables(draws: OptionDraws) -> list[list[list[float]]]:
    """Peak -> draw -> option, as plain lists."""
    edges = draws.offsets
    return [draws.probability[:, a:b].tolist() for a, b in zip(edges[:-1], edges[1:], strict=True)]


def information(first: list[list[float]], second: list[list[float]]) -> float:
    """Mutual information of two answers, by summing over both."""
    n, total = len(first), 0.0
    for a in range(len(first[0])):
        for b in range(len(second[0])):
            joint = sum(x[a] * y[b] for x, y in zip(first, second, strict=True)) / n
            apart = sum(x[a] for x in first) / n * sum(y[b] for y in second) / n
            total += joint * log(joint / apart)
    return total


def test_scores_of_the_mean_answer_are_those_of_a_plain_loop(draws: OptionDraws) -> None:
    means = [[sum(column) / len(peak) for column in zip(*peak, strict=True)] for peak in tables(draws)]
    assert entropy(draws) == pytest.approx([-sum(p * log(p) for p in peak) for peak in means])
    assert least_confidence(draws) == pytest.approx([1 - max(peak) for peak in means], abs=1e-12)
    ordered = [[*sorted(peak, reverse=True), 0.0] for peak in means]
    assert margin(draws) == pytest.approx([1 - (peak[0] - peak[1]) for peak in ordered], abs=1e-12)
    wrong = [1 - max(peak) if max(peak) > peak[0] else 0.0 for peak in means]
    assert expected_false_positives(draws) == pytest.approx(wrong)


def test_bald_is_the_entropy_that_the_parameters_explain(draws: OptionDraws) -> None:
    within = [-sum(p * log(p) for draw in peak for p in draw) / len(peak) for peak in tables(draws)]
    assert bald(draws) == pytest.approx(entropy(draws) - np.array(within), abs=1e-12)


def test_epig_is_the_mean_information_about_the_other_peaks(draws: OptionDraws) -> None:
    peaks = tables(draws)
    expected = [sum(information(p, q) for q in peaks if q is not p) / (len(peaks) - 1) for p in peaks]
    assert epig(draws) == pytest.approx(expected, abs=1e-12)


def right_and_accepted(peaks: list[list[float]]) -> float:
    """Expected number of right assignments among those accepted at 5 %, from mean probabilities with the null first."""
    pep = sorted(1 - max(peak) for peak in peaks if max(peak) > peak[0])
    n = max((k for k in range(len(pep) + 1) if sum(pep[:k]) <= 0.05 * k), default=0)
    return n - sum(pep[:n])


def test_error_reduction_is_what_each_answer_would_let_accept() -> None:
    rng = np.random.default_rng(8)
    strong = np.array([[0.01, 0.99], [0.1, 0.9], [0.3, 0.7]])  # of the null and a compound, by draw
    parts = [strong, strong[::-1] * 0.6 + 0.2, rng.dirichlet([1.0, 2.0, 3.0], size=3), np.ones((3, 1))]
    draws = OptionDraws(np.array([0, 2, 4, 7, 8]), np.concatenate(parts, axis=1))
    peaks, expected = tables(draws), []
    now = right_and_accepted([[sum(c) / 3 for c in zip(*peak, strict=True)] for peak in peaks])
    for asked, answers in enumerate(peaks):
        total = 0.0
        for k in range(len(answers[0])):
            weight = [draw[k] for draw in answers]
            after = [
                [
                    sum(w * x for w, x in zip(weight, column, strict=True)) / sum(weight)
                    for column in zip(*p, strict=True)
                ]
                for p in peaks[:asked] + peaks[asked + 1 :]
            ]
            total += sum(weight) / 3 * (right_and_accepted(after) + (k > 0))
        expected.append(max(total - now, 0.0))
    assert expected_error_reduction(draws) == pytest.approx(expected)
    assert expected[0] > 0.0


def test_doubt_that_no_parameter_explains_is_worth_nothing_to_bald_and_epig() -> None:
    tossed = np.full((2, 2), 0.5)  # a coin in every draw
    swapped = np.array([[0.0, 1.0], [1.0, 0.0]])  # each draw is certain, of another option
    draws = OptionDraws(np.array([0, 2, 4, 6]), np.concatenate([tossed, swapped, swapped], axis=1))
    assert entropy(draws) == pytest.approx([log(2)] * 3)
    assert bald(draws) == pytest.approx([0.0, log(2), log(2)])
    assert epig(draws) == pytest.approx([0.0, log(2) / 2, log(2) / 2])


@pytest.mark.parametrize("name", ACQUISITIONS)
def test_a_certain_peak_scores_nothing(name: str) -> None:
    draws = OptionDraws(np.array([0, 2, 3]), np.array([[0.0, 1.0, 1.0], [0.0, 1.0, 1.0]]))
    assert ACQUISITIONS[name](draws) == pytest.approx([0.0, 0.0])


def test_peaks_are_of_one_group_through_a_chain_of_shared_compounds() -> None:
    group = compound_groups(np.array([0, 1, 3, 4, 5, 5]), np.array([7, 7, 9, 9, 2]))
    assert group[0] == group[1] == group[2]
    assert len({group[0], group[3], group[4]}) == 3  # another compound; no candidate


def test_a_batch_takes_one_of_each_group_before_a_second_and_nothing_ineligible() -> None:
    score = np.array([0.9, 0.8, 0.7, 0.1, 1.0])
    group = np.array([0, 0, 0, 1, 2])
    is_eligible = np.array([True, True, True, True, False])
    assert diverse_batch(score, group, is_eligible, 3).tolist() == [0, 3, 1]
    assert diverse_batch(score, group, is_eligible, 9).tolist() == [0, 3, 1, 2]
    assert diverse_batch(score, group, np.zeros(5, dtype=bool), 3).size == 0


def test_options_are_the_null_and_then_each_compound_over_its_adducts() -> None:
    offsets = np.array([0, 3, 3, 4])  # compound 2 by two adducts and 5; nothing; 5, which is another peak's option
    slot = np.array([[0.1, 0.2, 0.3, 0.6], [0.0, 0.5, 0.1, 0.9]])
    null = np.array([[0.4, 1.0, 0.4], [0.4, 1.0, 0.1]])

    def block(peaks: slice) -> Block:
        own = slice(int(offsets[peaks.start]), int(offsets[peaks.stop]))
        return Block(slot[:, own], null[:, peaks], null[:, peaks], {})

    draws = option_draws(DrawSource(offsets, 1, 2, block), np.array([2, 2, 5, 5]))
    assert draws.offsets.tolist() == [0, 3, 4, 6]
    assert draws.probability == pytest.approx(np.array([[0.4, 0.3, 0.3, 1, 0.4, 0.6], [0.4, 0.5, 0.1, 1, 0.1, 0.9]]))


def test_many_draws_are_thinned_evenly_for_null_and_slots_alike() -> None:
    chance = np.linspace(0.0, 1.0, 2500)[:, None]
    source = DrawSource(np.array([0, 1]), 2, 1250, lambda _: Block(chance, 1.0 - chance, 1.0 - chance, {}))
    probability = option_draws(source, np.array([3])).probability
    assert probability[:, 1] == pytest.approx(chance[::3, 0])  # 2,500 in at most 1,000: every third
    assert probability.sum(axis=1) == pytest.approx(np.ones(834))
