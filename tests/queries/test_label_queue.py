"""The queue of the Label page: a first batch of different compound groups, then the others by their score."""

from __future__ import annotations

from pathlib import Path

import pytest

from compassign.queries.label_desk import label_queue, source_of
from compassign.queries.labels import open_desk
from compassign.queries.run_folder import Run
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


def test_the_first_batch_is_of_different_groups_and_the_others_follow_by_score(
    tmp_path: Path, lookup_run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(URL_VARIABLE, raising=False)
    desk = open_desk(LabelStore.open(tmp_path), tmp_path, source_of(lookup_run))
    queue = label_queue(lookup_run, desk, "entropy")
    groups = [group & queue.keys() for group in groups_of(lookup_run, lookup_run.peaks["peak_id"].tolist())]
    groups = [group for group in groups if group]
    first, later = list(queue)[:N_FIRST], list(queue.values())[N_FIRST:]
    by_score = sorted(queue, key=lambda peak_id: -queue[peak_id])
    assert first != by_score[:N_FIRST]  # else nothing was tested
    assert sum(bool(group & set(first)) for group in groups) == min(N_FIRST, len(groups))
    assert first[0] == by_score[0]
    assert later == sorted(later, reverse=True)
