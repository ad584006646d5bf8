"""Fits a run again whenever answers have come: `python -m compassign.refitting OUTPUT RUN_ID`, started by `refits`."""

from __future__ import annotations

import os
import sys
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

import numpy as np

from compassign.candidates import RtPredictions, peak_of_slot
from compassign.config import RunRecord, SamplerConfig, read_record
from compassign.data.dataset import Answers
from compassign.data.workspace import dataset_key
from compassign.decisions.acquisition import option_draws
from compassign.errors import CompAssignError, InputError
from compassign.inference.diagnostics import judge
from compassign.inference.fitting import ModelFit, WarmGenerative
from compassign.inference.rt_stage import NO_RESPONSIBILITIES
from compassign.jobs.alone import alone
from compassign.label_events import LabelEvent
from compassign.posterior.trace import read_rt_predictions
from compassign.progress import SilentProgress
from compassign.question import Question, ask
from compassign.refits import NamedDraws, Refit, forget_refits, learned_answers, lock_of, read_refit, write_refit
from compassign.run_labels import current_rows, load_with, seen_dataset
from compassign.runs import RUNS
from compassign.store.labels import LabelStore

SETTINGS = SamplerConfig(quick=True, draws=250, tune=200, chains=2)
"""Two calls of one such fit differ by 0.02 at most where 2,000 peaks were fitted with three seeds."""
NICENESS = 10  # whoever answers comes first
POLL_S = 0.3
IDLE_S = 600.0  # without answers; starting again costs some seconds, staying half a gigabyte


@dataclass
class Refitter:
    """One run's data and model, kept for the next answers. output : the folder of runs and labels."""

    output: Path
    run_id: str

    @cached_property
    def _warm(self) -> WarmGenerative:
        return WarmGenerative(self.record.config.seed)

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
    def predictions(self) -> RtPredictions:
        """The run's retention times: answers change what is learnt from them, not them."""
        return read_rt_predictions(self.path / "models" / "rt_trace.nc")

    @cached_property
    def drawn(self) -> Answers:
        """The answers that the run was given from the truth of its dataset."""
        seen = seen_dataset(self.record.config, self.path / "results")
        return {peak_id: said for peak_id, said in seen.split.labels.items() if peak_id not in seen.dataset.labels}

    def refit(self, events: list[LabelEvent]) -> Refit:
        """Fit with what counts after some events of the label store, all those until one.

        Raises InputError where the run's dataset is gone or has changed, SamplingError where no chain can start.
        """
        started = time.perf_counter()
        question = self._question(events)
        config = self.record.config.model_copy(update={"sampler": SETTINGS})
        fitted = self._warm.fit(question.problem, config, SilentProgress())
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
        )

    def prepare(self, events: list[LabelEvent]) -> None:
        """Read and compile, so that the first answer does not wait for it."""
        problem = self._question(events).problem
        if self.record.config.model == "generative" and problem.n_slots:
            self._warm.engine(problem)

    def _question(self, events: list[LabelEvent]) -> Question:
        dataset = load_with(self.record.config, current_rows(events))
        if dataset.dataset_hash != self.record.dataset_hash:
            raise InputError(f"{dataset.name}: the dataset has changed since the run")
        visible = replace(dataset, labels={**self.drawn, **dataset.labels})
        return ask(visible, self.predictions, frozenset(), self.record.config, SilentProgress())


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
        refitter.prepare(events)
        since = time.monotonic()
        while time.monotonic() - since < IDLE_S:
            if _says_more(events, learned_until):
                self.write(refitter.refit(events))
                since = time.monotonic()
            learned_until = self.newest
            while self._is_idle(store) and time.monotonic() - since < IDLE_S:
                time.sleep(POLL_S)
            if not refitter.path.is_dir():
                return
            events = store.events(refitter.key)
            self.newest = events[-1].id if events else 0

    def write(self, refit: Refit) -> None:
        """Put a refit in the place of the one before, unless the run is gone."""
        if self.refitter.path.is_dir():
            write_refit(self.output, self.refitter.run_id, refit)

    def _is_idle(self, store: LabelStore) -> bool:
        """Whether the run is there and nothing was said since."""
        return self.refitter.path.is_dir() and store.last_events().get(self.refitter.key, 0) == self.newest


def _says_more(events: Sequence[LabelEvent], until: int) -> bool:
    """Whether other answers count than did at an event."""
    return learned_answers(events) != learned_answers([event for event in events if event.id <= until])


if __name__ == "__main__":
    keep_refitting(Path(sys.argv[1]), sys.argv[2])
