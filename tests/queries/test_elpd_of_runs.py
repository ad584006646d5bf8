"""Runs are compared by leave-one-out prediction only where both give a density to the same observations."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from compassign.errors import InputError
from compassign.queries.compare import compare, describe
from compassign.queries.elpd import elpd_difference, why_no_elpd
from compassign.queries.run_folder import ELPD_FILE, Run

pytest_plugins = ["example_runs"]

Change = Callable[[Run], Run]


@pytest.fixture
def variants(prior_run: Run, tmp_path: Path) -> tuple[Run, Run]:
    """Two runs that differ in nothing but what they expect of the peaks with candidates: B 0.5 nats more of each."""
    runs = []
    config = prior_run.record.config.model_copy(update={"mode": "posterior"})
    for name, gain in (("a", 0.0), ("b", 0.5)):
        path = Path(shutil.copytree(prior_run.path, tmp_path / name))
        elpd = np.where(prior_run.peaks["n_candidates"] > 0, gain - 1.0, np.nan)
        khat = np.where(np.arange(len(elpd)) == 0, 0.9 * (gain > 0.0), 0.1)
        pd.DataFrame({"peak_id": prior_run.peaks["peak_id"], "elpd": elpd, "khat": khat}).to_csv(
            path / ELPD_FILE, index=False
        )
        runs.append(replace(prior_run, path=path, record=prior_run.record.model_copy(update={"config": config})))
    return runs[0], runs[1]


def with_config(**update: object) -> Change:
    def change(run: Run) -> Run:
        config = run.record.config.model_copy(update=update)
        return replace(run, record=run.record.model_copy(update={"config": config}))

    return change


def with_record(**update: object) -> Change:
    return lambda run: replace(run, record=run.record.model_copy(update=update))


def with_another_label(run: Run) -> Run:
    seen = run.peaks["is_labelled"].to_numpy().copy()
    seen[np.flatnonzero(~seen)[0]] = True
    return replace(run, peaks=run.peaks.assign(is_labelled=seen))


def without_a_candidate(run: Run) -> Run:
    return replace(run, candidates=run.candidates[:-1])


def without_the_file(run: Run) -> Run:
    (run.path / ELPD_FILE).unlink()
    return run


def test_variants_of_one_likelihood_are_compared(variants: tuple[Run, Run]) -> None:
    assert why_no_elpd(*variants) == ""
    found = elpd_difference(*variants)
    n_peaks = int((variants[0].peaks["n_candidates"] > 0).sum())
    assert found is not None
    assert (found.n_peaks, found.n_unreliable) == (n_peaks, 1)
    assert found.a == pytest.approx(-n_peaks)
    assert found.difference == pytest.approx(0.5 * n_peaks)
    assert 1 < found.n_clusters <= 8  # compounds of the library
    assert f"A {-n_peaks:.1f} and B {-0.5 * n_peaks:.1f} nats" in describe(compare(*variants))[-1]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (with_config(model="softmax"), "only two runs of the generative model"),
        (with_config(mode="prior"), "not sampled"),
        (with_record(dataset_hash="0"), "different datasets"),
        (with_record(labels_hash="0"), "different labels"),
        (with_record(truth_hash="0"), "different labels"),
        (with_another_label, "different labels"),
        (with_config(mass_window_ppm=10.0), "different candidates"),
        (without_a_candidate, "different candidates"),
        (without_the_file, "earlier version"),
    ],
)
def test_others_are_not_and_it_says_why(variants: tuple[Run, Run], change: Change, expected: str) -> None:
    other = change(variants[1])
    found = compare(variants[0], other)
    assert found.elpd is None
    assert expected in found.no_elpd
    assert expected in why_no_elpd(other, variants[0])


def test_another_unlisted_share_is_compared_with_a_caution(variants: tuple[Run, Run]) -> None:
    said = describe(compare(variants[0], with_config(unlisted_share=0.3)(variants[1])))[-1]
    assert "unlisted shares differ" in said
    assert "unlisted shares differ" not in describe(compare(*variants))[-1]


def test_no_truth_is_needed(variants: tuple[Run, Run]) -> None:
    found = describe(compare(*(replace(run, truth=None) for run in variants)))
    assert "no scores to compare" in found[0]
    assert "ELPD" in found[1]


def test_nothing_left_out_is_said(variants: tuple[Run, Run]) -> None:
    path = variants[0].path / ELPD_FILE
    pd.read_csv(path).assign(elpd=np.nan).to_csv(path, index=False)
    assert compare(*variants).no_elpd == "no peak could be left out"


def test_a_broken_file_is_named(variants: tuple[Run, Run]) -> None:
    (variants[0].path / ELPD_FILE).write_text("peak_id\np0\n")
    with pytest.raises(InputError, match="elpd.csv: no column elpd, khat"):
        compare(*variants)
