"""Rounds of labelling with a simulated annotator: ask about a batch, fit again, score peaks that are never asked about.

What is held out is fixed before the first round, by compound: no label is about a compound whose peaks score the loop.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from compassign.config import RunConfig
from compassign.data.dataset import Dataset
from compassign.data.split import split_labels
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
from compassign.inference.fitting import ModelFit, compile_generative, fit
from compassign.inference.rt_stage import run_rt_stage
from compassign.models.generative import terms_of
from compassign.models.problem import AssignmentProblem, with_answers
from compassign.oracles import Oracle
from compassign.oracles import Question as Shown
from compassign.pipeline import score_fit
from compassign.posterior.assignments import compound_probabilities
from compassign.posterior.options import NULL_OPTION, Options, peak_options
from compassign.posterior.responsibilities import mean_probabilities
from compassign.progress import Progress, SilentProgress
from compassign.question import Question, ask
from compassign.units import BoolArray, FloatArray, IntArray

RANDOM = "random"  # the acquisition that all others are compared with
HELD_OUT = 0.5  # of the peaks with a truth, by compound
LIMIT = "0.05"
_LOOP_STREAM = 6  # of the run's seed: what is asked at random, and what the annotator gets wrong

Refit = Callable[[AssignmentProblem, int], ModelFit]
"""Fits a problem of the same structure; the number is the round."""


@dataclass(frozen=True)
class LoopSettings:
    """How the loop asks. acquisition : RANDOM, or a name in ACQUISITIONS. batch_size : peaks asked about in a round."""

    acquisition: str
    oracle: Oracle
    n_rounds: int = 10
    batch_size: int = 10

    def __post_init__(self) -> None:
        """Refuse what cannot be asked."""
        if self.acquisition not in {RANDOM, *ACQUISITIONS}:
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


def start_loop(dataset: Dataset, config: RunConfig, progress: Progress) -> Question:
    """The question of a loop over a dataset: HELD_OUT of its truth scores, and nothing is labelled.

    The RTs are predicted from the calibrants once. Raises InputError for a dataset without a truth.
    """
    if not dataset.truth:
        raise InputError(f"{dataset.name} has no truth.csv: a simulated annotator has nothing to answer from")
    unlabelled = replace(dataset, labels={}, label_rows=dataset.label_rows.iloc[:0])
    pool = frozenset(split_labels(unlabelled, 1.0 - HELD_OUT, config.seed).labels)
    rt_stage = run_rt_stage(unlabelled, config.sampler, config.seed, progress)
    return ask(unlabelled, rt_stage.predictions, frozenset(dataset.truth) - pool, config, progress)


def make_refit(question: Question, config: RunConfig) -> Refit:
    """A fit that compiles the generative model once and only changes its labels; other models are fitted anew."""
    if config.model != "generative" or config.mode == "prior" or not question.problem.n_slots:
        return lambda problem, number: fit(
            problem, config.model_copy(update={"seed": config.seed + number}), SilentProgress()
        )
    engine = compile_generative(question.problem, terms_of(question.problem), config.seed)
    return lambda problem, number: engine.fit(problem, config.sampler, config.seed + number, SilentProgress())


def run_loop(question: Question, refit: Refit, settings: LoopSettings, seed: int) -> Iterator[Round]:
    """Fit, then ask and fit again; yields every round, and stops where nobody is left to ask about.

    question : of `start_loop`. Peaks of one compound group are asked about in different rounds as far as possible.
    """
    rng = np.random.default_rng([seed, _LOOP_STREAM])
    state = _State(question, np.zeros(question.problem.n_peaks, dtype=np.bool_), {})
    group = compound_groups(question.problem.offsets, question.problem.compound)
    is_open = _may_be_asked(question)
    started = time.perf_counter()
    fitted = _Fitted.of(question, refit(question.problem, 0))
    yield _scored(state, fitted, 0, None, time.perf_counter() - started)
    for number in range(1, settings.n_rounds + 1):
        started = time.perf_counter()
        score = _scores(settings.acquisition, fitted.draws, rng)
        batch = diverse_batch(score, group, is_open & ~state.is_asked, settings.batch_size)
        if not batch.size:
            return
        mended = look_ahead(fitted.draws, state.is_unanswered, [batch]).mended
        state = _answered(state, fitted.options, batch, settings.oracle, rng)
        fitted = _Fitted.of(question, refit(with_answers(question.problem, state.answers), number))
        yield _scored(state, fitted, number, float(mended[0]), time.perf_counter() - started)


@dataclass(frozen=True)
class _State:
    """is_asked : (n_peaks,). answers : peak -> library index, or NULL_OPTION; a skipped peak has none."""

    question: Question
    is_asked: BoolArray
    answers: dict[int, int]

    @property
    def is_unanswered(self) -> BoolArray:
        """(n_peaks,) peaks with candidates and a truth that nothing has given away."""
        is_known = self.question.problem.is_labelled.copy()
        is_known[list(self.answers)] = True
        has_truth = self.question.dataset.peaks["peak_id"].isin(list(self.question.dataset.truth or {})).to_numpy()
        return np.asarray(has_truth & (np.diff(self.question.problem.offsets) > 0) & ~is_known)


@dataclass(frozen=True)
class _Fitted:
    """A fit, its mean probabilities of the options of every peak, their draws, and (n_peaks,) calls as in `Calls`."""

    fit: ModelFit
    options: Options
    draws: OptionDraws
    call: IntArray

    @classmethod
    def of(cls, question: Question, fitted: ModelFit) -> _Fitted:
        """Sum what the fit says of slots over the adducts of a compound."""
        fitted = question.isotopes.spread(fitted)
        probabilities = mean_probabilities(fitted.source)
        compounds = compound_probabilities(question.candidates, probabilities)
        return cls(
            fit=fitted,
            options=peak_options(compounds, probabilities.null),
            draws=option_draws(fitted.source, question.candidates.compound),
            call=call_peaks(compounds, probabilities.null).compound,
        )


def _may_be_asked(question: Question) -> BoolArray:
    """(n_peaks,) peaks with candidates and a truth that nobody scores and nothing has given away."""
    ids = question.dataset.peaks["peak_id"].tolist()
    truth = question.dataset.truth or {}
    in_pool = [name in truth and name not in question.scored for name in ids]
    return np.asarray(
        np.array(in_pool, dtype=np.bool_) & (np.diff(question.problem.offsets) > 0) & ~question.problem.is_labelled
    )


def _scores(name: str, draws: OptionDraws, rng: np.random.Generator) -> FloatArray:
    return rng.random(draws.offsets.size - 1) if name == RANDOM else ACQUISITIONS[name](draws)


def _answered(state: _State, options: Options, batch: IntArray, oracle: Oracle, rng: np.random.Generator) -> _State:
    """What the annotator says of a batch; an answer that is no candidate of its peak changes nothing."""
    question, answers = state.question, dict(state.answers)
    mass = question.dataset.compounds["exact_mass"].to_numpy(dtype=np.float64)
    for peak in batch.tolist():
        own = slice(options.offsets[peak], options.offsets[peak + 1])
        compound = options.compound[own][1:]
        shown = Shown(compound, mass[compound], options.probability[own])
        answer = oracle.answer(shown, _truth_of(question, peak, compound), rng)
        if answer is not None and (answer == NULL_OPTION or answer in compound):
            answers[peak] = answer
    is_asked = state.is_asked.copy()
    is_asked[batch] = True
    return replace(state, is_asked=is_asked, answers=answers)


def _truth_of(question: Question, peak: int, compound: IntArray) -> int:
    """Library index of the truth, of several the first that is a candidate; NULL_OPTION for a null."""
    truth = (question.dataset.truth or {})[question.dataset.peaks["peak_id"].iloc[peak]]
    ids = question.dataset.compounds["compound_id"]
    named = np.flatnonzero(ids.isin(truth).to_numpy())
    candidates = named[np.isin(named, compound)]
    return int(next(iter([*candidates, *named]), NULL_OPTION))


def _n_errors(state: _State, call: IntArray) -> int:
    """Wrong calls of the peaks with a truth and without an answer; call : (n_peaks,) as in `Calls`."""
    truth, names = state.question.dataset.truth or {}, state.question.dataset.peaks["peak_id"].tolist()
    ids = [*state.question.dataset.compounds["compound_id"].tolist(), ""]  # -1, of a null call, is the last
    asked = np.flatnonzero(state.is_unanswered).tolist()
    return sum(ids[call[peak]] not in (truth[names[peak]] or {""}) for peak in asked)


def _scored(state: _State, fitted: _Fitted, number: int, mended: float | None, seconds: float) -> Round:
    metrics = score_fit(state.question, mean_probabilities(fitted.fit.source), DEFAULT_ALPHA)[1]
    if metrics.log_loss is None or metrics.brier is None or metrics.top1 is None:
        raise InputError("no peak with a truth is held out: the dataset has too few known compounds")
    level = metrics.fdr[LIMIT]
    return Round(
        round=number,
        n_asked=int(state.is_asked.sum()),
        n_labels=len(state.answers),
        log_loss=metrics.log_loss,
        brier=metrics.brier,
        top1=metrics.top1,
        n_accepted=level.n_accepted_of_scored,
        false_share=level.false_share_of_scored,
        n_errors=_n_errors(state, fitted.call),
        expected_errors=float(least_confidence(fitted.draws)[state.is_unanswered].sum()),
        expected_mended=mended,
        seconds=seconds,
    )
