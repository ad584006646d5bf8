"""Leave-one-out densities against their closed form, and differences against sums by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from compassign.evaluation.elpd import (
    MAX_KHAT,
    MIN_CLUSTERS,
    MIN_DRAWS,
    ElpdDifference,
    compare_elpd,
    describe_elpd,
    leave_one_out,
)
from compassign.units import FloatArray


def log_likelihood(observed: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Of normal values of known scale 1, by draws of their mean under a flat prior."""
    mean = rng.normal(observed.mean(), 1.0 / np.sqrt(observed.size), (4000, 1))
    return np.asarray(stats.norm.logpdf(observed, mean, 1.0))


def test_agrees_with_the_closed_form(rng: np.random.Generator) -> None:
    observed = rng.normal(size=20)
    found = leave_one_out(log_likelihood(observed, rng))
    others = (observed.sum() - observed) / 19
    exact = stats.norm.logpdf(observed, others, np.sqrt(1.0 + 1.0 / 19))
    np.testing.assert_allclose(found.elpd, exact, atol=0.03)
    plain = log_likelihood(observed, rng).mean(axis=0)
    assert np.abs(found.elpd - exact).sum() < 0.2 * np.abs(plain - exact).sum()  # forgetting a peak matters
    assert (found.khat < MAX_KHAT).all()


def test_a_peak_that_moves_the_posterior_is_unreliable(rng: np.random.Generator) -> None:
    observed = np.append(rng.normal(size=50), 40.0)
    khat = leave_one_out(log_likelihood(observed, rng)).khat
    assert khat[-1] > MAX_KHAT > khat[:-1].max()


def test_draws_that_say_nothing_have_an_answer(rng: np.random.Generator) -> None:
    varied = rng.normal(size=MIN_DRAWS)
    stuck = np.where(np.arange(MIN_DRAWS) < MIN_DRAWS // 2, -3.0, varied)
    wild = rng.standard_cauchy(MIN_DRAWS) * 1e3
    found = leave_one_out(np.stack([np.full(MIN_DRAWS, -2.0), stuck, wild, varied], axis=1))
    assert (found.elpd[0], found.khat[0]) == (-2.0, 0.0)
    assert found.khat[1] == np.inf
    assert found.elpd[1] == pytest.approx(np.log(MIN_DRAWS / np.exp(-stuck).sum()))
    assert found.khat[2] > MAX_KHAT
    assert np.isfinite(found.elpd).all()
    few = leave_one_out(np.zeros((MIN_DRAWS - 1, 2)))
    assert np.isnan(few.elpd).all()
    assert leave_one_out(np.zeros((MIN_DRAWS, 0))).elpd.shape == (0,)


def test_the_standard_error_is_that_of_a_sum_over_clusters(rng: np.random.Generator) -> None:
    a, b = rng.normal(size=(2, 40))
    no_peak = np.zeros(40, dtype=np.bool_)
    alone = compare_elpd(a, b, no_peak, np.arange(40))
    assert alone.difference == pytest.approx(b.sum() - a.sum())
    assert alone.se == pytest.approx(np.sqrt(40) * np.std(b - a, ddof=1))
    twice = compare_elpd(np.tile(a, 2), np.tile(b, 2), np.tile(no_peak, 2), np.tile(np.arange(40), 2))
    assert twice.se == pytest.approx(2 * alone.se)  # what is copied adds nothing
    assert twice.difference == pytest.approx(2 * alone.difference)
    few = compare_elpd(a, b, no_peak, np.arange(40) % (MIN_CLUSTERS - 1))
    assert np.isnan(few.se)


@pytest.mark.parametrize(
    ("b", "se", "n_unreliable", "expected"),
    [
        (-90.0, 4.0, 0, "B predicts better"),
        (-110.0, 4.0, 0, "A predicts better"),
        (-90.0, 6.0, 0, "cannot be told apart"),
        (-96.1, 0.1, 0, "alike"),
        (-90.0, 4.0, 2, "B predicts better; k-hat over 0.7 at 2 of 200"),
        (-90.0, 4.0, 3, "not to be trusted"),
        (-90.0, np.nan, 0, "standard error unknown"),
        (-90.0, np.nan, 0, "cannot be told apart"),
    ],
)
def test_verdicts_of_leave_one_out(b: float, se: float, n_unreliable: int, expected: str) -> None:
    assert expected in describe_elpd(ElpdDifference(200, 50, -100.0, b, se, n_unreliable))
