"""The labelling loop asks each peak once, never about what is held out, and learns what it is told."""

from __future__ import annotations

import itertools
from dataclasses import asdict, replace

import numpy as np
import pytest

from compassign.config import RunConfig
from compassign.data.bundled import demo_dataset
from compassign.data.dataset import Answers, Dataset
from compassign.errors import InputError
from compassign.eval_loop import Fitted, Loop, LoopSettings, Refit, Round, make_refit, run_loop, start_loop, summed
from compassign.inference.fitting import fit
from compassign.inference.rt_stage import RtStage, run_rt_stage
from compassign.oracles import ORACLES
from compassign.posterior.responsibilities import mean_probabilities
from compassign.progress import SilentProgress
from compassign.question import ask
from compassign.units import FloatArray

CONFIG = RunConfig(mode="prior", difficulty="easy", seed=3)  # answers clamp their peaks; nothing is sampled


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    return replace(demo_dataset("easy"), calibrants=demo_dataset("easy").calibrants.iloc[:0])  # no RT stage to sample


@pytest.fixture(scope="module")
def loop(dataset: Dataset) -> Loop:
    return start_loop(dataset, CONFIG)


def rounds_of(loop: Loop, acquisition: str, oracle: str = "perfect", n: int = 4) -> list[Round]:
    settings = LoopSettings(acquisition, ORACLES[oracle], n, 5)
    return list(run_loop(loop, without_rts(loop), settings, seed=1))


def without_rts(loop: Loop) -> Refit:
    """As `make_refit`, but the first round's retention times stay, so that nothing is sampled."""
    predictions = run_rt_stage(loop.dataset, CONFIG.sampler, 0, SilentProgress()).predictions

    def refit(answers: Answers, number: int) -> Fitted:
        question = ask(replace(loop.dataset, labels=dict(answers)), predictions, loop.scored, CONFIG, SilentProgress())
        return summed(question, fit(question.problem, CONFIG, SilentProgress()))

    return refit


def test_half_of_the_truth_scores_another_half_for_another_seed(loop: Loop, dataset: Dataset) -> None:
    n = len(dataset.truth or {})
    assert len(loop.scored) == round(n / 2)
    assert start_loop(dataset, CONFIG).scored == loop.scored
    other = start_loop(dataset, CONFIG.model_copy(update={"seed": 4})).scored
    assert 0.2 * n < len(other & loop.scored) < 0.3 * n


def test_a_function_of_ones_own_is_asked_for_the_peaks(loop: Loop) -> None:
    seen: list[int] = []

    def last_first(fitted: Fitted) -> FloatArray:
        seen.append(len(fitted.question.dataset.peaks))
        return np.arange(seen[-1], dtype=np.float64)

    settings = LoopSettings(last_first, ORACLES["perfect"], 1, 5)
    asked: list[Answers] = []

    def refit(said: Answers, number: int) -> Fitted:
        asked.append(said)
        return without_rts(loop)(said, number)

    list(run_loop(loop, refit, settings, seed=1))
    order = {peak_id: at for at, peak_id in enumerate(loop.dataset.peaks["peak_id"])}
    assert seen == [len(order)]
    assert len(asked[-1]) == 5
    open_peaks = (loop.dataset.truth or {}).keys() - loop.scored
    assert min(order[peak_id] for peak_id in asked[-1]) > np.median([order[peak_id] for peak_id in open_peaks])


@pytest.mark.parametrize("acquisition", ["random", "entropy", "bald"])
def test_each_round_asks_about_new_peaks_that_nobody_scores(acquisition: str, loop: Loop) -> None:
    told: list[Answers] = []
    refit = without_rts(loop)

    def spy(answers: Answers, number: int) -> Fitted:
        told.append(answers)
        return refit(answers, number)

    found = list(run_loop(loop, spy, LoopSettings(acquisition, ORACLES["perfect"], 4, 5), seed=1))
    assert [row.n_asked for row in found] == [0, 5, 10, 15, 20]
    assert [len(answers) for answers in told] == [row.n_labels for row in found]
    assert not told[-1].keys() & loop.scored
    assert all(before.items() <= after.items() for before, after in itertools.pairwise(told))
    truth = loop.dataset.truth or {}
    assert all(answer <= truth[peak_id] for peak_id, answer in told[-1].items())


def test_the_same_seed_gives_the_same_rounds(loop: Loop) -> None:
    one, two = ([{**asdict(row), "seconds": 0.0} for row in rounds_of(loop, "random")] for _ in range(2))
    assert one == two


def test_errors_are_those_of_the_calls_and_fall_as_expected_where_nothing_is_learned(loop: Loop) -> None:
    found = rounds_of(loop, "entropy")
    fitted = without_rts(loop)({}, 0)
    question, probability = fitted.question, mean_probabilities(fitted.fit.source)
    wrong = 0
    for peak, name in enumerate(question.dataset.peaks["peak_id"]):
        own = slice(*question.candidates.offsets[peak : peak + 2])
        truth = (question.dataset.truth or {}).get(name)
        if truth is None or question.problem.offsets[peak] == question.problem.offsets[peak + 1]:
            continue
        total: dict[str, float] = {"": float(probability.null[peak])}
        for slot in range(own.start, own.stop):
            compound = str(question.dataset.compounds["compound_id"].iloc[question.candidates.compound[slot]])
            total[compound] = total.get(compound, 0.0) + float(probability.slot[slot])
        wrong += max(total, key=lambda option: total[option]) not in (truth or {""})  # the first of equals
    assert found[0].n_errors == wrong
    for before, after in itertools.pairwise(found):
        assert after.expected_mended == pytest.approx(before.expected_errors - after.expected_errors)
        assert 0 <= before.n_errors - after.n_errors <= 5
    assert found[0].n_errors > found[-1].n_errors


def test_a_lazy_annotator_answers_less_than_is_asked(loop: Loop) -> None:
    last = rounds_of(loop, "entropy", "lazy", 6)[-1]
    assert last.n_labels < last.n_asked


def test_the_loop_ends_where_nobody_is_left_to_ask_about(loop: Loop) -> None:
    settings = LoopSettings("random", ORACLES["perfect"], 3, len(loop.dataset.peaks))
    found = list(run_loop(loop, without_rts(loop), settings, seed=0))
    assert len(found) == 2


def test_what_cannot_be_asked_is_refused(dataset: Dataset) -> None:
    with pytest.raises(InputError, match="truth"):
        start_loop(replace(dataset, truth=None), CONFIG)
    with pytest.raises(InputError, match="random, entropy"):
        LoopSettings("guess", ORACLES["perfect"])
    with pytest.raises(InputError, match="1 or more"):
        LoopSettings("random", ORACLES["perfect"], 0)


def test_answers_teach_the_retention_times(loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Answers] = []

    def spy(dataset: Dataset, *others: object) -> RtStage:
        seen.append(dataset.labels)
        return run_rt_stage(loop.dataset, CONFIG.sampler, 0, SilentProgress())

    monkeypatch.setattr("compassign.eval_loop.sample_rt_stage", spy)
    answers = {name: answer for name, answer in (loop.dataset.truth or {}).items() if name not in loop.scored}
    refit = make_refit(loop)
    assert refit({}, 0).question.problem.is_labelled.sum() < refit(answers, 1).question.problem.is_labelled.sum()
    assert seen == [{}, answers]
