"""Fits a run again whenever answers have come: `python -m compassign.refitting OUTPUT RUN_ID`, started by `refits`."""

from __future__ import annotations

import os
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

import numpy as np

from compassign.candidates import RtPredictions, peak_of_slot
from compassign.config import RunRecord, SamplerConfig, read_record
from compassign.data.dataset import Answers, Dataset
from compassign.data.workspace import dataset_key
from compassign.decisions.acquisition import option_draws
from compassign.errors import CompAssignError, InputError, RunCancelledError, SamplingError
from compassign.inference.diagnostics import judge
from compassign.inference.draws import ModelFit
from compassign.inference.fitting import WarmGenerative
from compassign.inference.native import WarmCompiler
from compassign.inference.rt_stage import NO_RESPONSIBILITIES, sample_rt_stage
from compassign.jobs.alone import alone
from compassign.label_events import LabelEvent
from compassign.posterior.trace import read_parameters, read_rt_predictions
from compassign.progress import Progress, SilentProgress
from compassign.question import Question, ask
from compassign.refits import NamedDraws, Refit, forget_refits, learned_answers, lock_of, read_refit, write_refit
from compassign.reliabilities import certain
from compassign.run_labels import current_rows, load_with, seen_dataset
from compassign.runs import RUNS
from compassign.store.labels import LabelStore

SETTINGS = SamplerConfig(quick=True, draws=250, tune=200, chains=2)
"""Two calls of one such fit differ by 0.02 at most where 2,000 peaks were fitted with three seeds."""
RT_SETTINGS = SamplerConfig(draws=250, tune=200, chains=2, target_accept=0.9)
NICENESS = 10  # whoever answers comes first
POLL_S = 0.3
PAUSE_S = 2.0  # without an answer, in which pages show the refit, before retention times are learned
IDLE_S = 600.0  # without answers; starting again costs some seconds, staying half a gigabyte


@dataclass
class Refitter:
    """One run's data and model, kept for the next answers. output : the folder of runs and labels."""

    output: Path
    run_id: str
    _compiler: WarmCompiler = field(default_factory=WarmCompiler, init=False)
    _learned: tuple[RtPredictions, Answers] | None = field(default=None, init=False)

    @cached_property
    def _warm(self) -> WarmGenerative:
        found = read_parameters(self.path / "models" / "assignment_trace.nc")
        return WarmGenerative(self.record.config.seed, found or None)

    @property
    def path(self) -> Path:
        """The run's folder."""
        return self.output / RUNS / self.run_id

    @cached_property
    def record(self) -> RunRecord:
        """What the run was."""
        return read_record(self.path)

    @cached_property
    def key(self) -> str:
        """The name of the run's dataset in the label store."""
        return dataset_key(self.output, self.record.config.data, self.record.config.difficulty)

    @cached_property
    def _of_run(self) -> RtPredictions:
        return read_rt_predictions(self.path / "models" / "rt_trace.nc")

    @property
    def predictions(self) -> RtPredictions:
        """The retention times that fits start from: the run's, until answers have taught others."""
        return self._of_run if self._learned is None else self._learned[0]

    @cached_property
    def drawn(self) -> Answers:
        """The answers that the run was given from the truth of its dataset."""
        seen = seen_dataset(self.record.config, self.path / "results")
        return {peak_id: said for peak_id, said in seen.split.labels.items() if peak_id not in seen.dataset.labels}

    def n_untaught(self, events: Sequence[LabelEvent]) -> int:
        """How many answers differ that name one compound, from those that retention times have learned from."""
        if "retention" in self.record.config.without:
            return 0
        until = self.record.labels_until
        taught = _alone([event for event in events if event.id <= until]) if self._learned is None else self._learned[1]
        return len({peak_id for peak_id, _ in taught.items() ^ _alone(events).items()})

    def teach(self, events: Sequence[LabelEvent], progress: Progress) -> None:
        """Let answers that name one compound teach the retention times, as in a run; chains that failed teach nothing.

        Raises InputError as `refit`, and RunCancelledError where `progress` was cancelled.
        """
        config, predictions = self.record.config, self.predictions
        dataset = certain(self._visible(events), config)
        try:
            stage = sample_rt_stage(dataset, RT_SETTINGS, config.seed, progress, self._compiler)
        except SamplingError:
            traceback.print_exc()  # into the log: refits go on with what they have
        else:
            if stage.verdict is None or stage.verdict.verdict != "failed":
                predictions = stage.predictions
        self._learned = (predictions, _alone(events))

    def refit(self, events: Sequence[LabelEvent], progress: Progress) -> Refit:
        """Fit with what counts after some events of the label store, all those until one.

        Raises InputError where the run's dataset is gone or has changed, SamplingError where no chain can start,
        RunCancelledError where `progress` was cancelled.
        """
        started = time.perf_counter()
        question = self._question(events)
        config = self.record.config.model_copy(update={"sampler": SETTINGS})
        fitted = self._warm.fit(question.problem, config, progress)
        named = _named(question, fitted)
        verdict = ""
        if fitted.draws is not None:
            verdict = judge(
                fitted.draws, fitted.hyperparameters, NO_RESPONSIBILITIES, SETTINGS, fitted.prior_sd
            ).verdict
        return Refit(
            last_event=events[-1].id if events else 0,
            at=datetime.now(UTC),
            seconds=time.perf_counter() - started,
            verdict=verdict,
            named=named,
            n_untaught=self.n_untaught(events),
        )

    def prepare(self, events: Sequence[LabelEvent]) -> None:
        """Read and compile, so that the first answer does not wait for it."""
        problem = self._question(events).problem
        if self.record.config.model == "generative" and problem.n_slots:
            self._warm.engine(problem)

    def _question(self, events: Sequence[LabelEvent]) -> Question:
        return ask(self._visible(events), self.predictions, frozenset(), self.record.config, SilentProgress())

    def _visible(self, events: Sequence[LabelEvent]) -> Dataset:
        """The run's dataset with the answers that a fit may see."""
        dataset = load_with(self.record.config, current_rows(events))
        if dataset.dataset_hash != self.record.dataset_hash:
            raise InputError(f"{dataset.name}: the dataset has changed since the run")
        return replace(dataset, labels={**self.drawn, **dataset.labels})


def _alone(events: Sequence[LabelEvent]) -> Answers:
    """The answers that name one compound, of which retention times learn."""
    return {peak_id: said for peak_id, said in learned_answers(events).items() if len(said) == 1}


def _named(question: Question, fitted: ModelFit) -> NamedDraws:
    candidates, dataset = question.candidates, question.dataset
    draws = option_draws(question.isotopes.spread(fitted).source, candidates.compound)
    ids = dataset.compounds["compound_id"].to_numpy(dtype=np.str_)
    pairs = np.unique(np.stack([peak_of_slot(candidates), candidates.compound]), axis=1)  # in the order of the options
    option = np.insert(ids[pairs[1]], np.searchsorted(pairs[0], np.arange(len(dataset.peaks))), "")
    return NamedDraws(dataset.peaks["peak_id"].to_numpy(dtype=np.str_), option, draws)


def keep_refitting(output: Path, run_id: str) -> None:
    """Be the one process that refits a run, until no answers have come for IDLE_S or the run is deleted."""
    refitter = Refitter(output, run_id)
    if not refitter.path.is_dir():
        return
    with alone(lock_of(output, run_id)) as is_alone:
        if not is_alone:
            return
        os.nice(NICENESS)
        forget_refits(output)
        follower = Follower(output, refitter)
        try:
            follower.follow()
        except Exception as error:  # the end of the process: there is nobody to raise it to
            traceback.print_exc()
            why = str(error) if isinstance(error, CompAssignError) else f"{type(error).__name__}: {error}"
            follower.write(Refit(follower.newest, datetime.now(UTC), 0.0, problem=why))
        forget_refits(output)  # the run may have been deleted while its refit was written


@dataclass
class Follower:
    """What follows the answers of a dataset; newest : id of the newest event that was looked at."""

    output: Path
    refitter: Refitter
    newest: int = 0

    def follow(self) -> None:
        """Fit whenever other answers count than before; those that come meanwhile are in the next fit, all at once."""
        store, refitter = LabelStore.open(self.output), self.refitter
        last = read_refit(self.output, refitter.run_id)
        learned_until = refitter.record.labels_until if last is None else last.last_event
        events = store.events(refitter.key)
        self.newest = events[-1].id if events else 0
        earlier = [event for event in events if event.id <= learned_until]
        if refitter.n_untaught(earlier):  # another process had taught them
            refitter.teach(earlier, SilentProgress())
        refitter.prepare(events)
        since = time.monotonic()
        while time.monotonic() - since < IDLE_S:
            if _says_more(events, learned_until):
                self.write(refitter.refit(events, SilentProgress()))
                since = time.monotonic()
            self._teach(events, store)
            learned_until = self.newest
            while self._is_idle(store) and time.monotonic() - since < IDLE_S:
                time.sleep(POLL_S)
            if not refitter.path.is_dir():
                return
            events = store.events(refitter.key)
            self.newest = events[-1].id if events else 0

    def _teach(self, events: Sequence[LabelEvent], store: LabelStore) -> None:
        """Let answers teach retention times too and fit again, unless another one comes meanwhile: it goes first."""
        if not self.refitter.n_untaught(events):
            return
        progress = _While(lambda: self._is_idle(store))
        try:
            end = time.monotonic() + PAUSE_S
            while time.monotonic() < end:
                progress.check()
                time.sleep(POLL_S)
            self.refitter.teach(events, progress)
            self.write(self.refitter.refit(events, progress))
        except RunCancelledError:
            return

    def write(self, refit: Refit) -> None:
        """Put a refit in the place of the one before, unless the run is gone."""
        if self.refitter.path.is_dir():
            write_refit(self.output, self.refitter.run_id, refit)

    def _is_idle(self, store: LabelStore) -> bool:
        """Whether the run is there and nothing was said since."""
        return self.refitter.path.is_dir() and store.last_events().get(self.refitter.key, 0) == self.newest


class _While(SilentProgress):
    """Progress that is cancelled as soon as something does not hold any more."""

    def __init__(self, holds: Callable[[], bool]) -> None:
        super().__init__()
        self._holds = holds

    def check(self) -> None:
        """Raise RunCancelledError if it does not hold."""
        if not self._holds():
            self.cancelled.set()
        super().check()


def _says_more(events: Sequence[LabelEvent], until: int) -> bool:
    """Whether other answers count than did at an event."""
    return learned_answers(events) != learned_answers([event for event in events if event.id <= until])


if __name__ == "__main__":
    keep_refitting(Path(sys.argv[1]), sys.argv[2])
