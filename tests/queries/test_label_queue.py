"""The queue of the Label page: a first batch of different compound groups, then the others by their score."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from label_makers import event

from compassign.queries.label_desk import label_queue, mean_options, source_of
from compassign.queries.labels import Desk, open_desk
from compassign.queries.run_folder import Run
from compassign.refits import NamedDraws, Refit
from compassign.store.database import URL_VARIABLE
from compassign.store.labels import LabelStore

pytest_plugins = ["example_runs"]
N_FIRST = 10


def groups_of(run: Run, peak_ids: list[str]) -> list[set[str]]:
    """The peaks that share compounds, directly or through others."""
    named = run.candidates[(run.candidates["compound_id"] != "") & run.candidates["peak_id"].isin(peak_ids)]
    groups: list[set[str]] = []
    for _, own in named.groupby("compound_id"):
        peaks = set(own["peak_id"])
        touched = [group for group in groups if group & peaks]
        groups = [group for group in groups if not group & peaks] + [peaks.union(*touched)]
    return groups


@pytest.fixture
def desk(tmp_path: Path, lookup_run: Run, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.delenv(URL_VARIABLE, raising=False)
    return open_desk(LabelStore.open(tmp_path), tmp_path, source_of(lookup_run))


def test_the_first_batch_is_of_different_groups_and_the_others_follow_by_score(lookup_run: Run, desk: Desk) -> None:
    queue = label_queue(lookup_run, desk, "entropy")
    groups = [group & queue.keys() for group in groups_of(lookup_run, lookup_run.peaks["peak_id"].tolist())]
    groups = [group for group in groups if group]
    first, later = list(queue)[:N_FIRST], list(queue.values())[N_FIRST:]
    by_score = sorted(queue, key=lambda peak_id: -queue[peak_id])
    assert first != by_score[:N_FIRST]  # else nothing was tested
    assert sum(bool(group & set(first)) for group in groups) == min(N_FIRST, len(groups))
    assert first[0] == by_score[0]
    assert later == sorted(later, reverse=True)


def test_a_peak_whose_answer_was_taken_back_is_scored_by_the_run_and_not_by_the_refit_that_knew_it(
    lookup_run: Run, desk: Desk
) -> None:
    by_run = label_queue(lookup_run, desk, "entropy")
    taken_back, still_said = list(by_run)[:2]
    options = mean_options(lookup_run)
    certain = np.zeros_like(options.probability)
    certain[:, options.offsets[:-1]] = 1.0  # a refit that is sure of every peak
    named = NamedDraws(
        lookup_run.peaks["peak_id"].to_numpy(dtype=np.str_),
        np.full(certain.shape[1], "", dtype=np.str_),
        replace(options, probability=certain),
    )
    refit = Refit(2, datetime(2026, 1, 1, tzinfo=UTC), 1.0, named=named)
    said = [
        event(1, peak_id=taken_back, kind="null", options=()),
        event(2, peak_id=still_said, kind="null", options=()),
    ]
    undo = event(3, peak_id=taken_back, kind="undo", options=(), undoes=1)
    known = label_queue(lookup_run, desk, "entropy", refit, said)
    assert known[taken_back] == known[still_said] == 0.0
    after = label_queue(lookup_run, desk, "entropy", refit, [*said, undo])
    assert after[taken_back] == by_run[taken_back] > 0.0
    assert after[still_said] == 0.0
