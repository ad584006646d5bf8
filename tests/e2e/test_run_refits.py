"""A finished run fitted again with answers, by the process that the Label page starts."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from run_tools import Run as Finished

from compassign import refits, refitting
from compassign.data.workspace import Source
from compassign.inference import fitting
from compassign.label_events import Kind, LabelEvent
from compassign.models.problem import AssignmentProblem
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
def test_a_refit_repeats_the_run_and_weighed_draws_foretell_it(workspace: tuple[Run, Desk], tmp_path: Path) -> None:
    run, desk = workspace
    refitter = Refitter(tmp_path, run.run_id)
    again = refitter.refit([])
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
    refit = refitter.refit(desk.events())
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

    monkeypatch.setattr(Refitter, "refit", lambda self, events: Refit(1, datetime.now(UTC), 0.0))
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
