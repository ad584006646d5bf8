"""The line on a peak's set names what the tables of the run list."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

from compassign.queries.detail import peak_detail
from compassign.queries.run_folder import SETS_FILE, Run, load_run
from compassign.queries.sets import NONE, describe_sets

pytest_plugins = ["example_runs", "audited_run"]


@pytest.fixture(scope="module")
def audited_run(audited_folder: object) -> Run:
    return load_run(audited_folder)  # type: ignore[arg-type]


def named(run: Run, cell: str) -> list[str]:
    return [run.compounds["name"].get(name, name) if name else NONE for name in cell.split(";")]


def test_every_peak_has_the_sets_of_the_table(audited_run: Run) -> None:
    table = pd.read_csv(audited_run.path / SETS_FILE, keep_default_na=False, dtype=str)
    for row, (peak_id, credible, conformal) in enumerate(
        zip(table["peak_id"], table["credible_set"], table["conformal_set"], strict=True)
    ):
        text = peak_detail(audited_run, peak_id).sets
        own, _, audited = text.partition("; by ")
        assert own.startswith(f"90 % set: {', '.join(named(audited_run, credible)[:1])}")
        held = float(table["credible_probability"][row])
        assert own.endswith(f"(together {held:.3f})")
        for name in named(audited_run, credible):
            assert name in own
        for name in named(audited_run, conformal):
            assert name in audited


def test_long_sets_are_cut_and_missing_labels_are_said(lookup_run: Run) -> None:
    names = [f"c{i}" for i in range(12)]
    slots = pd.DataFrame({"compound_id": ["", *names], "probability": [0.04, *([0.08] * 12)]})
    assert describe_sets(lookup_run, slots) == "90 % set: c0, c1, c2, c3, c4, c5 and 6 more (together 0.960)"
    threshold = {"n_labels": 4, "level": None, "is_pooled": True}
    sets = {"thresholds": {"2": threshold, "11 and more": threshold}}
    run = replace(lookup_run, metrics={**lookup_run.metrics, "sets": sets})
    assert describe_sets(
        run, slots.iloc[[0, 1, 1]].assign(compound_id=["", "a", "b"], probability=[0.0, 1.0, 0.0])
    ) == (
        "90 % set: a (together 1.000); by 4 audit labels: a, none of the library or b, too few labels to leave any out"
    )
