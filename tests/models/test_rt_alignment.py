"""Predictions for another system are brought into line by the peaks, and those that fit stay as they are."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from compassign.data.bundled import demo_dataset
from compassign.data.dataset import Dataset
from compassign.models import rt_alignment
from compassign.models.rt_alignment import Alignment, align
from compassign.units import FloatArray

ERROR_MIN = 0.8


@pytest.fixture(scope="module")
def study() -> Dataset:
    return demo_dataset("medium")


def predictions(study: Dataset, rng: np.random.Generator) -> FloatArray:
    """RTs with errors, of the compounds that made peaks; of the others, anything."""
    ids = study.compounds["compound_id"]
    truth = {peak_id: next(iter(answer)) for peak_id, answer in (study.truth or {}).items() if answer}
    made = study.peaks.assign(compound_id=study.peaks["peak_id"].map(truth)).groupby("compound_id")["rt_min"].median()
    anything = rng.uniform(1.0, 20.0, len(ids))
    return made.reindex(ids).fillna(dict(zip(ids, anything, strict=True))).to_numpy() + rng.normal(
        0, ERROR_MIN, len(ids)
    )


@pytest.mark.parametrize(("offset", "stretch", "stated"), [(0, 1, 0.8), (3, 1, 0.8), (0, 0.7, 0.8), (-2, 1.3, 2.4)])
def test_offset_stretch_and_scale_are_found(
    study: Dataset, rng: np.random.Generator, offset: float, stretch: float, stated: float
) -> None:
    ours = predictions(study, rng)
    middle = ours.mean()
    theirs = middle + (ours - offset - middle) / stretch
    found = align(study, theirs, np.full(len(ours), stated))
    assert np.diff(found.of(np.sort(theirs))).min() > 0.0
    assert np.abs(found.of(theirs) - ours).mean() < 0.6 * ERROR_MIN  # of the ends, few peaks tell
    assert found.scale * stated == pytest.approx(ERROR_MIN, rel=0.4)


def test_a_bend_is_found(study: Dataset, rng: np.random.Generator) -> None:
    ours = predictions(study, rng)
    theirs = np.where(ours > 8.0, ours, 8.0 + 2.0 * (ours - 8.0))  # twice as slow before
    found = align(study, theirs, np.full(len(ours), ERROR_MIN))
    assert np.abs(found.of(theirs) - ours).mean() < 0.6 < np.abs(theirs - ours).mean()


def test_few_of_many_peaks_say_the_same(
    study: Dataset, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs, sd = predictions(study, rng) - 2.0, np.full(len(study.compounds), 1.0)
    of_all = align(study, theirs, sd)
    monkeypatch.setattr(rt_alignment, "MAX_PEAKS", 300)
    of_some = align(study, theirs, sd)
    assert of_some != of_all
    assert of_some.of(theirs) == pytest.approx(of_all.of(theirs), abs=0.5)


@pytest.mark.parametrize("n", [1, 3])
def test_how_well_the_line_is_told_depends_on_masses_and_not_on_copies(
    study: Dataset, rng: np.random.Generator, n: int
) -> None:
    theirs, sd = predictions(study, rng) - 2.0, np.full(len(study.compounds), 1.0)
    peaks = pd.concat([study.peaks] * n).reset_index(drop=True)
    once, found = align(study, theirs, sd), align(replace(study, peaks=peaks), theirs, sd)
    error = np.abs(np.array(found.values_min) - found.knots_min - 2.0).mean()
    assert error < 3.0 * found.sd_min < 2.0
    assert found.log_scale_sd < 0.3
    assert found.sd_min == pytest.approx(once.sd_min, rel=0.25)  # and not by the root of 3


def test_predictions_that_say_nothing_are_hardly_moved(study: Dataset, rng: np.random.Generator) -> None:
    anything = rng.permutation(predictions(study, rng))
    found = align(study, anything, np.full(len(anything), 1.0))
    assert np.abs(found.of(anything) - anything).mean() < 3.0


def test_nothing_changes_without_predictions_or_candidates(study: Dataset) -> None:
    nothing = np.full(len(study.compounds), np.nan)
    assert align(study, nothing, nothing) == Alignment()
    one = nothing.copy()
    one[0] = 5.0
    elsewhere = replace(study, peaks=study.peaks.assign(mz=3000.0))
    assert align(elsewhere, one, one) == Alignment()
    few = replace(study, peaks=study.peaks.iloc[:20])
    assert align(few, np.full(len(nothing), 5.0), np.full(len(nothing), 1.0)) == Alignment()
    assert Alignment().of(np.array([1.0, np.nan])) == pytest.approx([1.0, np.nan], nan_ok=True)
