"""A finished run fitted again with answers, by the process that the Label page starts."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from run_tools import Run as Finished

from compassign import refits, refitting
from compassign.config import SamplerConfig
from compassign.data.workspace import Source
from compassign.errors import SamplingError
from compassign.inference import fitting
from compassign.inference.diagnostics import Verdict
from compassign.inference.draws import Draws
from compassign.inference.native import NativeModel
from compassign.inference.rt_stage import RtStage
from compassign.inference.sampling import sample
from compassign.label_events import Kind, LabelEvent
from compassign.models.problem import AssignmentProblem
from compassign.progress import Progress, SilentProgress
from compassign.queries.labels import Desk, open_desk
from compassign.queries.provisional import run_draws, updated
from compassign.queries.run_folder import Run, load_run
from compassign.refits import Refit, keep_refitting, read_refit, write_refit
from compassign.refitting import Refitter
from compassign.store.database import URL_VARIABLE
from compassign.store.labels import LabelStore
from compassign.units import FloatArray

pytest_plugins = ["finished_runs"]

MC_ERROR = 0.1  # between the least certain probabilities of two short fits of a hundred peaks
WAIT_S = 120.0


@pytest.fixture
def workspace(
    generative_run: Finished, small_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[Run, Desk]:
    """A copy of the finished run, and the desk of its dataset, in an output folder of the test's own."""
    monkeypatch.delenv(URL_VARIABLE, raising=False)
    shutil.copytree(generative_run.path, tmp_path / "runs" / generative_run.path.name)
    desk = open_desk(LabelStore.open(tmp_path), tmp_path, Source("small", "path", small_data))
    return load_run(tmp_path / "runs" / generative_run.path.name), desk


def mean(refit: Refit) -> FloatArray:
    assert refit.named is not None
    return np.asarray(refit.named.draws.probability.mean(axis=0))


def answer(desk: Desk, peak_id: str, compound_id: str) -> LabelEvent:
    blank = desk.blank(peak_id, "Ada", f"{peak_id} {compound_id}")
    kind: Kind = "candidate" if compound_id else "null"
    return desk.store.append(replace(blank, kind=kind, options=(compound_id,) if compound_id else ()))


def least_certain(run: Run) -> list[str]:
    is_open = ~run.peaks["is_labelled"] & ~run.peaks["is_calibrant"] & (run.peaks["n_candidates"] > 0)
    return run.peaks[is_open].sort_values("probability")["peak_id"].tolist()


def until(found: Callable[[], Refit | None]) -> Refit:
    end = time.monotonic() + WAIT_S
    while time.monotonic() < end:
        refit = found()
        if refit is not None:
            return refit
        time.sleep(0.1)
    raise TimeoutError(f"no refit within {WAIT_S} s")


@pytest.mark.slow  # compiles from the cache and fits twice
def test_a_refit_repeats_the_run_and_weighed_draws_foretell_it(
    workspace: tuple[Run, Desk], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, desk = workspace
    tuned: list[int] = []

    def spy(model: NativeModel, settings: SamplerConfig, seed: int, progress: Progress) -> Draws:
        tuned.append(settings.tune)
        return sample(model, settings, seed, progress)

    monkeypatch.setattr(fitting, "sample", spy)
    refitter = Refitter(tmp_path, run.run_id)
    again = refitter.refit([], SilentProgress())
    assert tuned == [fitting.WARM_TUNE]  # from the draws of the run
    named = run_draws(run)
    assert again.named is not None
    assert again.named.option.tolist() == named.option.tolist()
    before = named.draws.probability.mean(axis=0)
    assert mean(again) == pytest.approx(before, abs=MC_ERROR)
    peak_id = least_certain(run)[0]
    row = named.row[peak_id]
    own = slice(named.draws.offsets[row], named.draws.offsets[row + 1])
    second = str(named.option[own][np.argsort(before[own])[-2]])
    answer(desk, peak_id, second)
    foretold = updated(run, None, desk.events())
    refit = refitter.refit(desk.events(), SilentProgress())
    assert foretold is not None
    assert foretold.n_weighed == 1
    assert refit.named is not None
    assert mean(refit)[own].tolist() == [float(name == second) for name in refit.named.option[own]]
    assert mean(refit) == pytest.approx(foretold.probability, abs=MC_ERROR)
    after = updated(run, refit, desk.events())
    assert after is not None
    assert (after.refit, after.n_learned, after.n_weighed) == (refit, 1, 0)


@pytest.mark.slow  # starts the process, which imports and compiles for some seconds
def test_one_process_follows_the_answers(workspace: tuple[Run, Desk], tmp_path: Path) -> None:
    run, desk = workspace
    first, second = least_certain(run)[:2]
    answer(desk, first, "")
    keep_refitting(tmp_path, run.run_id)
    pid = refits._started[refits.lock_of(tmp_path, run.run_id)].pid
    try:
        keep_refitting(tmp_path, run.run_id)
        assert refits._started[refits.lock_of(tmp_path, run.run_id)].pid == pid
        found = until(lambda: read_refit(tmp_path, run.run_id))
        assert (found.problem, found.last_event) == ("", desk.events()[-1].id)
        newest = answer(desk, second, "")

        def newer() -> Refit | None:
            refit = read_refit(tmp_path, run.run_id)
            return refit if refit is not None and refit.last_event == newest.id else None

        named = until(newer).named
        assert named is not None
        nulls = [named.draws.offsets[named.row[peak_id]] for peak_id in (first, second)]
        assert (named.draws.probability[:, nulls] == 1.0).all()
    finally:
        os.kill(pid, signal.SIGKILL)


def test_what_stops_it_is_said_in_place_of_a_refit(
    workspace: tuple[Run, Desk], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, desk = workspace
    monkeypatch.setattr("os.nice", lambda increment: increment)
    config = run.path / "results" / "run.json"
    config.write_text(config.read_text().replace(run.record.dataset_hash or "", "0" * 64))
    last = answer(desk, least_certain(run)[0], "")
    refitting.keep_refitting(tmp_path, run.run_id)
    found = read_refit(tmp_path, run.run_id)
    assert found is not None
    assert found.last_event == last.id
    assert "has changed since the run" in found.problem


def test_nothing_comes_back_of_a_run_that_is_deleted_while_it_is_refitted(
    workspace: tuple[Run, Desk], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, desk = workspace
    monkeypatch.setattr("os.nice", lambda increment: increment)
    monkeypatch.setattr(Refitter, "prepare", lambda self, events: None)
    answer(desk, least_certain(run)[0], "")
    written: list[Path] = []

    def delete_and_write(output: Path, run_id: str, refit: Refit) -> None:
        shutil.rmtree(run.path)
        write_refit(output, run_id, refit)
        written.extend((output / refits.REFITS).glob("*.npz"))

    monkeypatch.setattr(Refitter, "refit", lambda self, events, progress: Refit(1, datetime.now(UTC), 0.0))
    monkeypatch.setattr(refitting, "write_refit", delete_and_write)
    refitting.keep_refitting(tmp_path, run.run_id)
    assert len(written) == 1
    assert list((tmp_path / refits.REFITS).iterdir()) == []
    shutil.rmtree(tmp_path / refits.REFITS)
    refitting.keep_refitting(tmp_path, run.run_id)
    assert not (tmp_path / refits.REFITS).exists()


def test_the_model_is_compiled_anew_only_where_it_gets_other_parameters(
    workspace: tuple[Run, Desk], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, desk = workspace
    compiled: list[tuple[str, ...]] = []

    def count(problem: AssignmentProblem, terms: object, seed: int) -> object:
        compiled.append(problem.statements.annotator_names)
        return object()

    monkeypatch.setattr(fitting, "compile_generative", count)
    refitter = Refitter(tmp_path, run.run_id)
    refitter.prepare([])
    first = least_certain(run)[0]
    answer(desk, first, "")
    refitter.prepare(desk.events())
    assert compiled == [()]
    desk.store.append(replace(desk.blank(first, "Bob", "Bob"), kind="null"))
    refitter.prepare(desk.events())
    assert compiled == [(), ("Ada", "Bob")]


def candidate_of(run: Run, peak_id: str) -> str:
    """The most probable compound of a peak."""
    row = run.row_of(peak_id)
    slots = run.candidates.iloc[run.offsets[row] + 1 : run.offsets[row + 1]]
    return str(slots["compound_id"].iloc[int(slots["probability"].argmax())])


@pytest.mark.slow  # compiles from the cache and fits both stages
def test_answers_that_name_a_compound_teach_retention_times(workspace: tuple[Run, Desk], tmp_path: Path) -> None:
    run, desk = workspace
    refitter = Refitter(tmp_path, run.run_id)
    before = refitter.predictions
    first, *others = least_certain(run)
    calibrants = set(desk.dataset.calibrants["compound_id"])
    second = next(peak_id for peak_id in others if candidate_of(run, peak_id) not in calibrants)
    answer(desk, first, "")
    assert refitter.n_untaught(desk.events()) == 0  # a null has no retention time to teach
    compound = candidate_of(run, second)
    answer(desk, second, compound)
    assert refitter.n_untaught(desk.events()) == 1
    assert refitter.refit(desk.events(), SilentProgress()).n_untaught == 1
    refitter.teach(desk.events(), SilentProgress())
    assert refitter.n_untaught(desk.events()) == 0
    assert refitter.refit(desk.events(), SilentProgress()).n_untaught == 0
    column = run.compounds.index.get_loc(compound)
    peak = run.peaks.iloc[run.row_of(second)]
    cell = (sorted(set(run.peaks["species"])).index(peak["species"]), int(peak["polarity"] == "negative"), column)
    after = refitter.predictions
    assert after.sd_min[cell] < 0.7 * before.sd_min[cell]
    assert abs(after.mean_min[cell] - peak["rt_min"]) < abs(before.mean_min[cell] - peak["rt_min"])
    event = desk.events()[-1]
    desk.store.append(replace(desk.blank(second, "Ada", "undo"), kind="undo", undoes=event.id))
    assert refitter.n_untaught(desk.events()) == 1  # what was taken back is to be forgotten


@pytest.mark.parametrize("outcome", ["failed", "no chain can start"])
def test_chains_that_failed_teach_nothing(
    workspace: tuple[Run, Desk], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, outcome: str
) -> None:
    run, desk = workspace
    peak_id = least_certain(run)[0]
    answer(desk, peak_id, candidate_of(run, peak_id))
    refitter = Refitter(tmp_path, run.run_id)
    before = refitter.predictions

    def fail(*rest: object) -> RtStage:
        if outcome != "failed":
            raise SamplingError(outcome)
        verdict = Verdict("failed", (), True, 2.0, 3.0, 3.0, 1.0, 0, 0.0, ())
        return RtStage(replace(before, mean_min=before.mean_min + 1.0), verdict=verdict)

    monkeypatch.setattr(refitting, "sample_rt_stage", fail)
    refitter.teach(desk.events(), SilentProgress())
    assert np.array_equal(refitter.predictions.mean_min, before.mean_min, equal_nan=True)
    assert refitter.n_untaught(desk.events()) == 0  # and it is not tried again with the same answers


class Slow(Refitter):
    """A refitter whose chains only look, a few times, whether they are to stop."""

    taught = 0

    def teach(self, events: Sequence[LabelEvent], progress: Progress) -> None:
        for _ in range(3):
            progress.check()
        self.taught += 1

    def refit(self, events: Sequence[LabelEvent], progress: Progress) -> Refit:
        progress.check()
        return Refit(events[-1].id, datetime.now(UTC), 0.0)

    def prepare(self, events: Sequence[LabelEvent]) -> None:
        pass


@pytest.mark.parametrize(("n_answers", "another_comes"), [(1, False), (1, True), (0, False)])
def test_answers_teach_retention_times_when_no_other_comes(
    workspace: tuple[Run, Desk],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    n_answers: int,
    another_comes: bool,
) -> None:
    monkeypatch.setattr(refitting, "PAUSE_S", 0.1)
    run, desk = workspace
    for peak_id in least_certain(run)[:n_answers]:
        answer(desk, peak_id, candidate_of(run, peak_id))
    answer(desk, least_certain(run)[-1], "")
    seen = desk.events()
    refitter = Slow(tmp_path, run.run_id)
    follower = refitting.Follower(tmp_path, refitter, newest=seen[-1].id)
    if another_comes:
        answer(desk, least_certain(run)[-2], "")
    follower._teach(seen, desk.store)
    teaches = n_answers > 0 and not another_comes
    assert refitter.taught == int(teaches)
    assert (read_refit(tmp_path, run.run_id) is not None) == teaches


def test_what_is_not_an_answer_only_puts_off_what_retention_times_learn(
    workspace: tuple[Run, Desk], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, desk = workspace
    first, second = least_certain(run)[:2]

    class Interrupted(Slow):
        n_tried = 0

        def teach(self, events: Sequence[LabelEvent], progress: Progress) -> None:
            self.n_tried += 1
            if self.n_tried == 1:
                desk.store.append(replace(desk.blank(second, "Ada", "skip"), kind="skip"))
            super().teach(events, progress)
            self._learned = (self.predictions, refitting._alone(events))

    answer(desk, first, candidate_of(run, first))
    monkeypatch.setattr(refitting, "PAUSE_S", 0.0)
    monkeypatch.setattr(refitting, "IDLE_S", 2.0)
    refitter = Interrupted(tmp_path, run.run_id)
    refitting.Follower(tmp_path, refitter).follow()
    assert (refitter.n_tried, refitter.taught) == (2, 1)


@pytest.mark.parametrize("compound", ["", "named"])
def test_a_process_that_starts_again_learns_first_what_the_one_before_had_learned(
    workspace: tuple[Run, Desk], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, compound: str
) -> None:
    run, desk = workspace
    first, second = least_certain(run)[:2]
    learned = answer(desk, first, compound and candidate_of(run, first))
    write_refit(tmp_path, run.run_id, Refit(learned.id, datetime.now(UTC), 0.0))
    answer(desk, second, candidate_of(run, second))  # which the first refit does not wait for
    monkeypatch.setattr(refitting, "IDLE_S", 0.0)
    refitter = Slow(tmp_path, run.run_id)
    refitting.Follower(tmp_path, refitter).follow()
    assert refitter.taught == bool(compound)
