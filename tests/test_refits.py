"""The file of a refit, what a fit learns from answers, and who may be refitted."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from label_makers import event

from compassign.config import RunConfig
from compassign.decisions.acquisition import OptionDraws
from compassign.refits import (
    REFITS,
    NamedDraws,
    Refit,
    can_refit,
    forget_refits,
    learned_answers,
    lock_of,
    read_refit,
    write_refit,
)
from compassign.runs import RUNS

NAMED = NamedDraws(
    np.array(["P1", "<b>"]),
    np.array(["", "C1", ""]),
    OptionDraws(np.array([0, 2, 3]), np.array([[0.25, 0.75, 1.0], [0.5, 0.5, 1.0]])),
)
REFIT = Refit(7, datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), 2.5, "converged", named=NAMED, n_untaught=3)


def test_what_is_written_is_read_and_the_next_one_takes_its_place(tmp_path: Path) -> None:
    assert read_refit(tmp_path, "run") is None
    write_refit(tmp_path, "run", REFIT)
    found = read_refit(tmp_path, "run")
    assert found is not None
    assert found.named is not None
    assert (found.last_event, found.at, found.seconds, found.verdict) == (7, REFIT.at, 2.5, "converged")
    assert found.n_untaught == 3
    assert found.named.row == {"P1": 0, "<b>": 1}
    assert found.named.option.tolist() == ["", "C1", ""]
    assert found.named.draws.probability.tolist() == NAMED.draws.probability.tolist()
    assert read_refit(tmp_path, "run") is found  # read once
    write_refit(tmp_path, "run", Refit(8, REFIT.at, 0.0, problem="the dataset has changed"))
    failed = read_refit(tmp_path, "run")
    assert failed is not None
    assert (failed.last_event, failed.problem, failed.named) == (8, "the dataset has changed", None)
    assert [file.name for file in (tmp_path / REFITS).iterdir()] == ["run.npz"]


def test_a_broken_file_counts_as_none(tmp_path: Path) -> None:
    write_refit(tmp_path, "run", REFIT)
    file = tmp_path / REFITS / "run.npz"
    for content in (file.read_bytes()[:100], b"", b"PK nonsense"):
        file.write_bytes(content)
        assert read_refit(tmp_path, "run") is None


def test_refits_go_with_their_runs(tmp_path: Path) -> None:
    (tmp_path / RUNS / "kept").mkdir(parents=True)
    for name in ("kept", "deleted"):
        write_refit(tmp_path, name, REFIT)
        lock_of(tmp_path, name).touch()
    forget_refits(tmp_path)
    assert sorted(file.name for file in (tmp_path / REFITS).iterdir()) == [".kept.lock", "kept.npz"]


def test_a_fit_learns_what_annotators_have_in_common_and_nothing_of_the_audit() -> None:
    events = [
        event(1, peak_id="P1", options=("C1",)),
        event(2, peak_id="P2", kind="several", options=("C1", "C2")),
        event(3, peak_id="P2", annotator="bob", options=("C2",)),
        event(4, peak_id="P3", kind="null", options=()),
        event(5, peak_id="P4", kind="skip", options=()),
        event(6, peak_id="P5", options=("C1",), purpose="audit", inclusion_prob=0.5),
        event(7, peak_id="P6", options=("C1",)),
        event(8, peak_id="P6", kind="undo", options=(), undoes=7),
    ]
    assert learned_answers(events) == {"P1": {"C1"}, "P2": {"C2"}, "P3": frozenset()}
    assert learned_answers(events[:2]) == {"P1": {"C1"}, "P2": {"C1", "C2"}}
    assert learned_answers([]) == {}


@pytest.mark.parametrize(
    ("config", "can"),
    [
        (RunConfig(), True),
        (RunConfig(model="softmax"), True),
        (RunConfig(mode="prior"), False),
        (RunConfig(model="lookup"), False),
    ],
)
def test_what_learns_nothing_is_not_refitted(config: RunConfig, can: bool) -> None:
    assert can_refit(config) == can
