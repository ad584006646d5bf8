"""What answers since a run change: which draws are taken, and whose call moved."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from big_run import big_run
from label_makers import event

from compassign.decisions.acquisition import OptionDraws
from compassign.errors import InputError
from compassign.label_events import LabelEvent
from compassign.posterior.trace import TraceLayout, TraceWriter
from compassign.queries.provisional import call_now, moved_calls, run_draws, updated
from compassign.queries.run_folder import Run
from compassign.refits import NamedDraws, Refit
from compassign.units import FloatArray

N_PEAKS, N_DRAWS = 6, 400
NULL, FIRST, SECOND = range(3)  # options of every peak


@pytest.fixture
def run() -> Run:
    """Six peaks with two candidates each."""
    return big_run(N_PEAKS)


def probabilities(spread: float, middle: float = 0.0) -> FloatArray:
    """Draws in which all peaks are alike: where the first candidate is likelier, it is so at every peak.

    middle : log odds of the first candidate against the second.
    """
    logit = np.random.default_rng(3).normal(middle, spread, N_DRAWS)
    first = 0.9 / (1.0 + np.exp(-logit))
    return np.tile(np.stack([np.full(N_DRAWS, 0.1), first, 0.9 - first], axis=1), (1, N_PEAKS))


def named(run: Run, probability: FloatArray) -> NamedDraws:
    option = run.candidates["compound_id"].to_numpy(dtype=np.str_)
    return NamedDraws(
        run.peaks["peak_id"].to_numpy(dtype=np.str_), option, OptionDraws(np.arange(0, 3 * N_PEAKS + 1, 3), probability)
    )


def refit(run: Run, last_event: int, spread: float = 0.5, middle: float = 0.0) -> Refit:
    return Refit(last_event, datetime(2026, 1, 1, tzinfo=UTC), 1.0, named=named(run, probabilities(spread, middle)))


def option(run: Run, peak: int, which: int) -> str:
    return str(run.candidates["compound_id"].iloc[3 * peak + which])


def said(run: Run, number: int, peak: int, which: int) -> LabelEvent:
    options = (option(run, peak, which),) if which else ()
    return event(number, peak_id=f"P{peak:06d}", kind="candidate" if which else "null", options=options)


def test_nothing_said_changes_nothing(run: Run) -> None:
    assert updated(run, None, []) is None
    assert updated(run, None, [event(1, kind="skip", options=())]) is None
    assert updated(run, None, [event(1, peak_id="of another table")]) is None
    seen = replace(run, record=run.record.model_copy(update={"labels_until": 1}))
    assert updated(seen, None, [said(run, 1, 0, FIRST)]) is None


def test_a_refit_that_has_seen_all_answers_is_shown_as_it_is(run: Run) -> None:
    fit = refit(run, last_event=2)
    found = updated(run, fit, [said(run, 1, 0, FIRST), said(run, 2, 1, NULL)])
    assert found is not None
    assert (found.refit, found.n_learned, found.n_weighed, found.n_waiting) == (fit, 2, 0, 0)
    assert fit.named is not None
    assert found.probability == pytest.approx(fit.named.draws.probability.mean(axis=0))


def test_newer_answers_are_weighed_into_the_refit(run: Run) -> None:
    fit = refit(run, last_event=1)
    found = updated(run, fit, [said(run, 1, 0, FIRST), said(run, 2, 1, SECOND), event(3, peak_id="P000002")])
    assert found is not None
    assert (found.n_learned, found.n_weighed, found.n_left_out) == (1, 2, 1)  # C1 is no candidate of P000002
    assert found.probability[3:6] == pytest.approx([0.0, 0.0, 1.0])
    assert fit.named is not None
    before = fit.named.draws.probability.mean(axis=0)
    draws = fit.named.draws.probability
    weight = draws[:, 5] / draws[:, 5].sum()
    assert found.probability[13] == pytest.approx(weight @ draws[:, 13], abs=0.02)
    assert found.probability[13] < before[13] - 0.02


def test_answers_that_the_draws_cannot_tell_wait_for_the_next_refit(run: Run) -> None:
    fit = refit(run, last_event=1, spread=3.0, middle=10.0)
    answers = [said(run, number, number - 1, SECOND) for number in range(1, 6)]
    found = updated(run, fit, answers)
    assert found is not None
    assert found.khat is not None
    assert found.khat > 0.7
    assert (found.n_learned, found.n_weighed, found.n_waiting) == (1, 0, 4)
    assert fit.named is not None
    assert found.probability == pytest.approx(fit.named.draws.probability.mean(axis=0))


def test_what_was_taken_back_is_not_in_what_is_shown(run: Run, tmp_path: Path) -> None:
    run = replace(run, path=write_trace(run, tmp_path))
    undo = event(2, peak_id="P000000", kind="undo", options=(), undoes=1)
    answers = [said(run, 1, 0, FIRST), undo, said(run, 3, 1, FIRST)]
    found = updated(run, refit(run, last_event=1), answers)
    assert found is not None
    assert (found.refit, found.n_learned, found.n_weighed) == (None, 0, 1)
    assert found.probability[:3].max() < 1.0
    assert updated(run, refit(run, last_event=1), answers[:2]) is None


def test_only_clear_moves_of_unanswered_peaks_that_may_be_seen_are_listed(run: Run) -> None:
    probability = np.tile([0.1, 0.6, 0.3], N_PEAKS)
    for peak in range(1, 5):
        probability[3 * peak : 3 * peak + 3] = [0.1, 0.2, 0.7]
    probability[15:] = [0.1, 0.44, 0.46]  # a tie but for the luck of the draws
    fit = replace(refit(run, last_event=1), named=named(run, np.tile(probability, (2, 1))))
    answers = [said(run, 1, 2, SECOND)]
    found = updated(run, fit, answers)
    assert found is not None
    moved = moved_calls(run, found, answers, {"P000003"})
    assert moved["peak_id"].tolist() == ["P000001", "P000004"]
    assert moved["before"].tolist() == [option(run, peak, FIRST) for peak in (1, 4)]
    assert moved["now"].tolist() == [option(run, peak, SECOND) for peak in (1, 4)]
    assert moved["probability_now"].tolist() == pytest.approx([0.7, 0.7])
    called = call_now(run, found, "P000001")
    assert called is not None
    assert called[0] == option(run, 1, SECOND)
    assert called[1] == pytest.approx(0.7)
    assert call_now(run, found, "no such peak") is None


def write_trace(run: Run, folder: Path, n_draws: int = N_DRAWS) -> Path:
    """A trace whose first candidate is there as two adducts; returns the run's folder."""
    compound = run.candidates["compound_id"].to_numpy(dtype=np.str_).reshape(N_PEAKS, 3)[:, [1, 1, 2]].ravel()
    offsets = np.arange(0, 3 * N_PEAKS + 1, 3)
    adduct = np.full(3 * N_PEAKS, "[M+H]+")
    ids = run.peaks["peak_id"].to_numpy(dtype=np.str_)
    layout = TraceLayout("r", 1, n_draws, offsets, ids, compound, adduct, 10)
    options = probabilities(0.5)[:n_draws].reshape(n_draws, N_PEAKS, 3)
    slots = np.stack([options[..., 1] / 2, options[..., 1] / 2, options[..., 2]], axis=2)
    (folder / "models").mkdir()
    with TraceWriter(folder / "models" / "assignment_trace.nc", layout) as writer:
        writer.write(slice(0, N_PEAKS), offsets, slots.reshape(n_draws, -1), options[..., 0])
    return folder


def test_the_draws_of_a_run_are_those_of_its_options(run: Run, tmp_path: Path) -> None:
    found = run_draws(replace(run, path=write_trace(run, tmp_path)))
    assert found.option.tolist() == run.candidates["compound_id"].tolist()
    assert found.draws.offsets.tolist() == list(range(0, 3 * N_PEAKS + 1, 3))
    assert found.draws.probability == pytest.approx(probabilities(0.5), abs=1e-6)


def test_without_draws_nothing_can_be_weighed(run: Run, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not a trace"):
        updated(replace(run, path=tmp_path), None, [said(run, 1, 0, FIRST)])
    one = replace(run, path=write_trace(run, tmp_path, n_draws=1))
    with pytest.raises(InputError, match="has no draws"):
        updated(one, None, [said(run, 1, 0, FIRST)])


def test_names_of_calls_are_those_of_the_library(run: Run) -> None:
    library = run.compounds.assign(name=[f"<b>{name}</b>" for name in run.compounds.index])
    found = updated(replace(run, compounds=library), refit(run, last_event=1), [said(run, 1, 0, FIRST)])
    assert found is not None
    called = call_now(replace(run, compounds=pd.DataFrame(library)), found, "P000001")
    assert called is not None
    assert called[0].startswith("<b>")
