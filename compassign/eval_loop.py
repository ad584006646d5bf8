"""Rounds of labelling with a simulated annotator: ask about a batch, fit again, score peaks that are never asked about.

What is held out is fixed before the first round, peak by peak. Answers are about a study's own compounds, so that other
peaks of the same compounds are the first that they should settle; how a run does on new compounds, its own score says.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Set
from dataclasses import dataclass, replace

import numpy as np

from compassign.config import RunConfig
from compassign.data.dataset import Answers, Dataset
from compassign.decisions.acquisition import (
    ACQUISITIONS,
    OptionDraws,
    compound_groups,
    diverse_batch,
    least_confidence,
    option_draws,
)
from compassign.decisions.fdr import DEFAULT_ALPHA, call_peaks
from compassign.decisions.stopping import look_ahead
from compassign.errors import InputError
from compassign.inference.draws import ModelFit
from compassign.inference.fitting import WarmGenerative
from compassign.inference.native import WarmCompiler
from compassign.inference.rt_stage import sample_rt_stage
from compassign.oracles import Oracle
from compassign.oracles import Question as Shown
from compassign.pipeline import score_fit
from compassign.posterior.assignments import SlotProbabilities, compound_probabilities
from compassign.posterior.options import NULL_OPTION, Options, peak_options
from compassign.posterior.responsibilities import mean_probabilities
from compassign.progress import SilentProgress
from compassign.question import Question, ask
from compassign.units import BoolArray, FloatArray, IntArray

RANDOM = "random"  # the acquisition that all others are compared with
HELD_OUT = 0.5  # of the peaks with a truth
LIMIT = "0.05"
_LOOP_STREAM = 6  # of the run's seed: what is asked at random, and what the annotator gets wrong
_SPLIT_STREAM = 7


@dataclass(frozen=True)
class Loop:
    """What stays the same in all rounds. dataset : without labels. scored : ids of the peaks that score the loop."""

    dataset: Dataset
    scored: frozenset[str]
    config: RunConfig


@dataclass(frozen=True)
class Fitted:
    """A fit to some answers, with the draws of the options of every peak and their means."""

    question: Question
    fit: ModelFit
    probabilities: SlotProbabilities
    options: Options
    draws: OptionDraws

    @property
    def call(self) -> IntArray:
        """(n_peaks,) library index of the called compound, or the null's, as in `Calls`."""
        compounds = compound_probabilities(self.question.candidates, self.probabilities)
        return call_peaks(compounds, self.probabilities.null).compound


Refit = Callable[[Answers, int], Fitted]
"""Takes all stages with some answers; the number is the round."""


@dataclass(frozen=True)
class LoopSettings:
    """How the loop asks.

    acquisition : RANDOM, a name in ACQUISITIONS, or what scores the peaks of a fit, (n_peaks,), the best to ask about
    highest. batch_size : peaks asked about in a round.
    """

    acquisition: str | Callable[[Fitted], FloatArray]
    oracle: Oracle
    n_rounds: int = 10
    batch_size: int = 10

    def __post_init__(self) -> None:
        """Refuse what cannot be asked."""
        if isinstance(self.acquisition, str) and self.acquisition not in {RANDOM, *ACQUISITIONS}:
            expected = ", ".join([RANDOM, *ACQUISITIONS])
            raise InputError(f"acquisition {self.acquisition!r}: expected one of {expected}")
        if self.n_rounds < 1 or self.batch_size < 1:
            raise InputError(f"rounds {self.n_rounds}, batch {self.batch_size}: expected 1 or more")


@dataclass(frozen=True)
class Round:
    """The state after a round; round 0 has no labels.

    n_asked : peaks asked about so far. n_labels : of which were answered. log_loss, brier, top1 : on the held-out
    peaks. n_accepted, false_share : of them at 5 %, None of nothing. n_errors, expected_errors : wrong calls of all
    peaks with a truth and without an answer, and how many the fit expects. expected_mended : of those before, what this
    round's batch was expected to mend; None of round 0. seconds : to choose the batch and fit again.
    """

    round: int
    n_asked: int
    n_labels: int
    log_loss: float
    brier: float
    top1: float
    n_accepted: int
    false_share: float | None
    n_errors: int
    expected_errors: float
    expected_mended: float | None
    seconds: float


def start_loop(dataset: Dataset, config: RunConfig) -> Loop:
    """A loop over a dataset: HELD_OUT of its truth scores, and nothing is labelled.

    Raises InputError for a dataset without a truth.
    """
    if not dataset.truth:
        raise InputError(f"{dataset.name} has no truth.csv: a simulated annotator has nothing to answer from")
    unlabelled = replace(dataset, labels={}, label_rows=dataset.label_rows.iloc[:0])
    names = sorted(dataset.truth)
    rng = np.random.default_rng([config.seed, _SPLIT_STREAM])
    scored = rng.choice(names, round(HELD_OUT * len(names)), replace=False)
    return Loop(unlabelled, frozenset(scored.tolist()), config)


def make_refit(loop: Loop) -> Refit:
    """All stages of a run, compiled once and sampled as the configuration says; answers also teach the RTs."""
    compiler, warm, config = WarmCompiler(), WarmGenerative(loop.config.seed), loop.config

    def refit(answers: Answers, number: int) -> Fitted:
        seeded, silent = config.model_copy(update={"seed": config.seed + number}), SilentProgress()
        dataset = replace(loop.dataset, labels=dict(answers))
        rt_stage = sample_rt_stage(dataset, config.sampler, seeded.seed, silent, compiler)
        question = ask(dataset, rt_stage.predictions, loop.scored, seeded, silent)
        return summed(question, warm.fit(question.problem, seeded, silent))

    return refit


def run_loop(loop: Loop, refit: Refit, settings: LoopSettings, seed: int) -> Iterator[Round]:
    """Fit, then ask and fit again; yields every round, and stops where nobody is left to ask about.

    Peaks of one compound group are asked about in different rounds as far as possible.
    """
    rng = np.random.default_rng([seed, _LOOP_STREAM])
    said = _Said(frozenset(), {})
    started = time.perf_counter()
    fitted = refit(said.answers, 0)
    yield _scored(fitted, 0, said, None, time.perf_counter() - started)
    for number in range(1, settings.n_rounds + 1):
        started = time.perf_counter()
        problem = fitted.question.problem
        score = _scores(settings.acquisition, fitted, rng)
        is_open = _may_be_asked(fitted.question, said.asked | loop.scored)
        group = compound_groups(problem.offsets, problem.compound)
        batch = diverse_batch(score, group, is_open, settings.batch_size)
        if not batch.size:
            return
        mended = look_ahead(fitted.draws, _may_be_asked(fitted.question, said.answers.keys()), [batch]).mended
        asked = said.asked | set(fitted.question.dataset.peaks["peak_id"].iloc[batch])
        said = _Said(asked, {**said.answers, **_answers(fitted, batch, settings.oracle, rng)})
        fitted = refit(said.answers, number)
        yield _scored(fitted, number, said, float(mended[0]), time.perf_counter() - started)


@dataclass(frozen=True)
class _Said:
    """asked : ids of the peaks that were asked about. answers : peak id -> compound ids, of the answered ones."""

    asked: frozenset[str]
    answers: Answers


def summed(question: Question, fitted: ModelFit) -> Fitted:
    """Sum what a fit says of slots over the adducts of a compound."""
    fitted = question.isotopes.spread(fitted)
    probabilities = mean_probabilities(fitted.source)
    options = peak_options(compound_probabilities(question.candidates, probabilities), probabilities.null)
    draws = option_draws(fitted.source, question.candidates.compound)
    return Fitted(question, fitted, probabilities, options, draws)


def _may_be_asked(question: Question, excluded: Set[str]) -> BoolArray:
    """(n_peaks,) peaks with candidates and a truth that are not excluded and that no calibrant has given away."""
    ids = question.dataset.peaks["peak_id"].tolist()
    known = (question.dataset.truth or {}).keys() - excluded - question.calibrants
    return np.isin(ids, list(known)) & (np.diff(question.problem.offsets) > 0)


def _scores(acquisition: str | Callable[[Fitted], FloatArray], fitted: Fitted, rng: np.random.Generator) -> FloatArray:
    if not isinstance(acquisition, str):
        return acquisition(fitted)
    n_peaks = fitted.draws.offsets.size - 1
    return rng.random(n_peaks) if acquisition == RANDOM else ACQUISITIONS[acquisition](fitted.draws)


def _answers(fitted: Fitted, batch: IntArray, oracle: Oracle, rng: np.random.Generator) -> Answers:
    """What the annotator says of a batch; an answer that is no candidate of its peak is none."""
    question, options = fitted.question, fitted.options
    answers: dict[str, frozenset[str]] = {}
    mass = question.dataset.compounds["exact_mass"].to_numpy(dtype=np.float64)
    ids = question.dataset.compounds["compound_id"].tolist()
    for peak, peak_id in zip(batch.tolist(), question.dataset.peaks["peak_id"].iloc[batch], strict=True):
        own = slice(options.offsets[peak], options.offsets[peak + 1])
        compound = options.compound[own][1:]
        shown = Shown(compound, mass[compound], options.probability[own])
        answer = oracle.answer(shown, _truth_of(question, peak_id, compound), rng)
        if answer == NULL_OPTION:
            answers[peak_id] = frozenset[str]()
        elif answer is not None and answer in compound:
            answers[peak_id] = frozenset({ids[answer]})
    return answers


def _truth_of(question: Question, peak_id: str, compound: IntArray) -> int:
    """Library index of the truth, of several the first that is a candidate; NULL_OPTION for a null."""
    truth = (question.dataset.truth or {})[peak_id]
    named = np.flatnonzero(question.dataset.compounds["compound_id"].isin(truth).to_numpy())
    candidates = named[np.isin(named, compound)]
    return int(next(iter([*candidates, *named]), NULL_OPTION))


def _n_errors(fitted: Fitted, is_counted: BoolArray) -> int:
    """Wrong calls of the peaks that count; is_counted : (n_peaks,)."""
    dataset, call = fitted.question.dataset, fitted.call
    truth, names = dataset.truth or {}, dataset.peaks["peak_id"].tolist()
    ids = [*dataset.compounds["compound_id"].tolist(), ""]  # -1, of a null call, is the last
    return sum(ids[call[peak]] not in (truth[names[peak]] or {""}) for peak in np.flatnonzero(is_counted).tolist())


def _scored(fitted: Fitted, number: int, said: _Said, mended: float | None, seconds: float) -> Round:
    metrics = score_fit(fitted.question, fitted.probabilities, DEFAULT_ALPHA)[1]
    if metrics.log_loss is None or metrics.brier is None or metrics.top1 is None:
        raise InputError("no peak with a truth is held out: the dataset has too few known compounds")
    level, is_unanswered = metrics.fdr[LIMIT], _may_be_asked(fitted.question, said.answers.keys())
    return Round(
        round=number,
        n_asked=len(said.asked),
        n_labels=len(said.answers),
        log_loss=metrics.log_loss,
        brier=metrics.brier,
        top1=metrics.top1,
        n_accepted=level.n_accepted_of_scored,
        false_share=level.false_share_of_scored,
        n_errors=_n_errors(fitted, is_unanswered),
        expected_errors=float(least_confidence(fitted.draws)[is_unanswered].sum()),
        expected_mended=mended,
        seconds=seconds,
    )
