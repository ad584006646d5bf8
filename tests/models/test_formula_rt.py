"""Compounds without a structure are predicted as those of similar formulas, and no others."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from compassign.candidates import RtPredictions
from compassign.models.formula_rt import N_NEIGHBOURS, fill_in, predict_by_formula

ALKANES = [f"C{n}H{2 * n + 2}" for n in range(1, 41)]


def library(missing: list[int]) -> RtPredictions:
    """Alkanes that elute a minute after one another in one species, and ten later in another; SD 0.5 min."""
    mean = np.arange(len(ALKANES), dtype=np.float64) + np.array([[[0.0], [0.0]], [[10.0], [10.0]]])
    mean[..., missing] = np.nan
    return RtPredictions(mean, np.where(np.isnan(mean), np.nan, 0.5), 0.1)


def test_a_compound_elutes_as_its_neighbours_in_composition_do() -> None:
    filled = fill_in(library([20]), pd.Series(ALKANES))
    assert filled.mean_min[:, 0, 20] == pytest.approx([20.0, 30.0], abs=1.0)
    assert np.array_equal(filled.mean_min[:, 0], filled.mean_min[:, 1])
    spread = np.arange(10.0, 31.0)[np.arange(21) != 10].std(ddof=1)
    assert filled.sd_min[..., 20] == pytest.approx(np.hypot(spread, 0.5), rel=0.05)
    untouched = np.arange(len(ALKANES)) != 20
    assert np.array_equal(filled.mean_min[..., untouched], library([20]).mean_min[..., untouched])
    assert np.array_equal(filled.sd_min[..., untouched], library([20]).sd_min[..., untouched])
    assert filled.noise_sd_min == 0.1


def test_a_compound_without_a_formula_stays_without_a_prediction() -> None:
    formulas = pd.Series(ALKANES)
    formulas[20] = ""
    filled = fill_in(library([20, 30]), formulas)
    assert np.isnan(filled.mean_min[..., 20]).all()
    assert np.isfinite(filled.mean_min[..., 30]).all()


def test_too_few_neighbours_predict_nothing() -> None:
    missing = list(range(N_NEIGHBOURS - 1, len(ALKANES)))
    filled = fill_in(library(missing), pd.Series(ALKANES))
    assert np.isnan(filled.mean_min[..., missing]).all()
    assert np.isfinite(fill_in(library(missing[1:]), pd.Series(ALKANES)).mean_min).all()


def test_any_compound_of_a_formula_is_predicted_alike_whether_one_is_listed_or_not() -> None:
    listed, missing = library([]), library([20])
    wanted = np.arange(len(ALKANES)) == 20
    by_formula = predict_by_formula(listed, pd.Series(ALKANES), wanted)
    assert by_formula is not None
    mean, sd = by_formula
    assert np.isnan(mean[..., ~wanted]).all()
    assert mean[:, 0, 20] == pytest.approx([20.0, 30.0], abs=1.0)
    assert (sd[..., 20] > 10 * listed.sd_min[..., 20]).all()  # of all compounds that are like it, and not of one
    assert mean[..., 20] == pytest.approx(fill_in(missing, pd.Series(ALKANES)).mean_min[..., 20], abs=1.0)
    assert predict_by_formula(listed, pd.Series([""] * len(ALKANES)), wanted) is None
