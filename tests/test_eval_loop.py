"""The labelling loop asks each peak once, never about what is held out, and learns what it is told."""

from __future__ import annotations

import itertools
from dataclasses import asdict, replace

import numpy as np
import pytest

from compassign.config import RunConfig
from compassign.data.bundled import demo_dataset
from compassign.data.dataset import Dataset
from compassign.errors import InputError
from compassign.eval_loop import LoopSettings, Round, make_refit, run_loop, start_loop
from compassign.models.problem import AssignmentProblem, with_answers
from compassign.oracles import ORACLES
from compassign.posterior.responsibilities import mean_probabilities
from compassign.progress import SilentProgress
from compassign.question import Question

CONFIG = RunConfig(mode="prior", difficulty="easy", seed=3)  # answers clamp their peaks; nothing is sampled


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    return replace(demo_dataset("easy"), calibrants=demo_dataset("easy").calibrants.iloc[:0])  # no RT stage to sample


@pytest.fixture(scope="module")
def question(dataset: Dataset) -> Question:
    return start_loop(dataset, CONFIG, SilentProgress())


def rounds_of(question: Question, acquisition: str, oracle: str = "perfect", n: int = 4) -> list[Round]:
    settings = LoopSettings(acquisition, ORACLES[oracle], n, 5)
    return list(run_loop(question, make_refit(question, CONFIG), settings, seed=1))


def test_no_compound_is_on_both_sides(question: Question, dataset: Dataset) -> None:
    truth = dataset.truth or {}
    held_out = {name for peak_id in question.scored for name in truth[peak_id]}
    asked = {name for peak_id, answer in truth.items() if peak_id not in question.scored for name in answer}
    assert not held_out & asked
    assert 0.4 < len(question.scored) / len(truth) < 0.6


@pytest.mark.parametrize("acquisition", ["random", "entropy", "bald"])
def test_each_round_asks_about_new_peaks_that_nobody_scores(
    acquisition: str, question: Question, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[dict[int, int]] = []

    def spy(problem: AssignmentProblem, answers: dict[int, int]) -> AssignmentProblem:
        told.append(answers)
        return with_answers(problem, answers)

    monkeypatch.setattr("compassign.eval_loop.with_answers", spy)
    found = rounds_of(question, acquisition)
    assert [row.n_asked for row in found] == [0, 5, 10, 15, 20]
    assert [len(answers) for answers in told] == [row.n_labels for row in found[1:]]
    ids = question.dataset.peaks["peak_id"].to_numpy()
    assert not {ids[peak] for peak in told[-1]} & question.scored
    assert all(before.items() <= after.items() for before, after in zip(told, told[1:], strict=False))


def test_the_same_seed_gives_the_same_rounds(question: Question) -> None:
    one, two = ([{**asdict(row), "seconds": 0.0} for row in rounds_of(question, "random")] for _ in range(2))
    assert one == two


def test_errors_are_those_of_the_calls_and_fall_as_expected_where_nothing_is_learned(question: Question) -> None:
    found = rounds_of(question, "entropy")
    fitted = make_refit(question, CONFIG)(question.problem, 0)
    probability = mean_probabilities(fitted.source)
    wrong = 0
    for peak, name in enumerate(question.dataset.peaks["peak_id"]):
        own = slice(*question.problem.offsets[peak : peak + 2])
        truth = (question.dataset.truth or {}).get(name)
        if truth is None or question.problem.is_labelled[peak] or own.start == own.stop:
            continue
        total: dict[str, float] = {"": float(probability.null[peak])}
        for slot in range(own.start, own.stop):
            compound = str(question.dataset.compounds["compound_id"].iloc[question.problem.compound[slot]])
            total[compound] = total.get(compound, 0.0) + float(probability.slot[slot])
        wrong += max(total, key=lambda option: total[option]) not in (truth or {""})  # the first of equals
    assert found[0].n_errors == wrong
    for before, after in itertools.pairwise(found):
        assert after.expected_mended == pytest.approx(before.expected_errors - after.expected_errors)
        assert 0 <= before.n_errors - after.n_errors <= 5
    assert found[0].n_errors > found[-1].n_errors


def test_a_lazy_annotator_answers_less_than_is_asked(question: Question) -> None:
    last = rounds_of(question, "entropy", "lazy", 6)[-1]
    assert last.n_labels < last.n_asked


def test_the_loop_ends_where_nobody_is_left_to_ask_about(question: Question) -> None:
    settings = LoopSettings("random", ORACLES["perfect"], 3, question.problem.n_peaks)
    found = list(run_loop(question, make_refit(question, CONFIG), settings, seed=0))
    assert len(found) == 2


def test_answers_leave_one_option(question: Question) -> None:
    problem = question.problem
    peak = int(np.flatnonzero(np.diff(problem.offsets) > 1)[0])
    own = slice(problem.offsets[peak], problem.offsets[peak + 1])
    compound = int(problem.compound[own][0])
    named = with_answers(problem, {peak: compound})
    assert (named.slot_allowed[own] == (problem.compound[own] == compound)).all()
    assert not named.null_allowed[peak]
    assert named.is_labelled[peak]
    null = with_answers(problem, {peak: -1})
    assert not null.slot_allowed[own].any()
    assert null.null_allowed[peak]
    assert problem.slot_allowed[own].all()  # the problem that was given stays


def test_what_cannot_be_asked_is_refused(dataset: Dataset) -> None:
    with pytest.raises(InputError, match="truth"):
        start_loop(replace(dataset, truth=None), CONFIG, SilentProgress())
    with pytest.raises(InputError, match="random, entropy"):
        LoopSettings("guess", ORACLES["perfect"])
    with pytest.raises(InputError, match="1 or more"):
        LoopSettings("random", ORACLES["perfect"], 0)
