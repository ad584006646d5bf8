"""The binned leave-one-out RT density equals the direct sum over all pairs of peaks."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from compassign.models.rt_density import log_rt_density
from compassign.units import FloatArray, IntArray


def direct_log_density(rt_min: FloatArray, injection: IntArray) -> FloatArray:
    """Sum over all pairs, with Silverman's bandwidth (0.9 x the smaller of SD and scaled quartile range)."""
    span = max(float(np.ptp(rt_min)), 1e-3)
    result = np.empty(rt_min.size)
    for peak, (time, own) in enumerate(zip(rt_min, injection, strict=True)):
        members = rt_min[injection == own]
        others = np.delete(members, np.flatnonzero(np.flatnonzero(injection == own) == peak))
        spread = min(members.std(), stats.iqr(members) / 1.34)
        bandwidth = max(0.9 * (spread or span) * members.size**-0.2, 0.005 * span)
        kernels = stats.norm(loc=others, scale=bandwidth).pdf(time).sum()
        result[peak] = np.log((kernels + 1 / span) / members.size)
    return result


def clusters(rng: np.random.Generator) -> FloatArray:
    return np.concatenate([rng.normal(3, 0.2, 80), rng.normal(8, 1.5, 150), rng.uniform(0.5, 20, 40)])


def skewed(rng: np.random.Generator) -> FloatArray:
    return rng.gamma(2.0, 2.0, 200)


def outliers(rng: np.random.Generator) -> FloatArray:
    return np.concatenate([rng.normal(5, 0.5, 100), [60.0, 61.0, 300.0]])


def ties(rng: np.random.Generator) -> FloatArray:
    return np.array([2.0, 2.5, 7.0, 7.1])[rng.integers(0, 4, 50)]


@pytest.mark.parametrize("draw", [clusters, skewed, outliers, ties])
def test_equals_the_direct_sum(draw: Callable[[np.random.Generator], FloatArray], rng: np.random.Generator) -> None:
    rt_min = draw(rng)
    injection = rng.integers(0, 3, rt_min.size)
    expected = direct_log_density(rt_min, injection)
    assert np.expm1(log_rt_density(rt_min, injection) - expected) == pytest.approx(0, abs=0.005)


def test_identical_times_share_one_density() -> None:
    rt_min = np.array([5.0, 5.0, 5.0, 5.0, 1.0, 9.0])
    injection = np.array([0, 0, 0, 0, 1, 1])
    result = log_rt_density(rt_min, injection)
    assert np.ptp(result[:4]) < 1e-12
    assert result == pytest.approx(direct_log_density(rt_min, injection), abs=0.005)


def test_one_peak_alone_has_the_uniform_density() -> None:
    result = log_rt_density(np.array([2.0, 12.0, 7.0]), np.array([0, 0, 1]))
    assert result[2] == pytest.approx(-np.log(10.0))


@pytest.mark.parametrize("rt_min", [[3.0], [3.0, 3.0], [3.0, 3.0, 3.0000001]])
def test_no_spread_at_all_stays_finite(rt_min: list[float]) -> None:
    result = log_rt_density(np.array(rt_min), np.zeros(len(rt_min), dtype=np.int64))
    assert np.isfinite(result).all()


def test_injections_do_not_see_each_other(rng: np.random.Generator) -> None:
    rt_min = np.sort(rng.uniform(0, 10, 60))
    injection = np.arange(60) % 2
    moved = np.where(injection == 1, 10 - rt_min, rt_min)
    moved[[1, -1]] = rt_min[[1, -1]]  # the range stays
    first, second = log_rt_density(rt_min, injection), log_rt_density(moved, injection)
    assert first[injection == 0] == pytest.approx(second[injection == 0], abs=1e-12)
    assert not np.allclose(first[injection == 1], second[injection == 1])


def test_integrates_to_one(rng: np.random.Generator) -> None:
    """The density at a probe among many peaks, integrated over the probe's position."""
    peaks, ends = rng.normal(10, 1, 300), np.array([0.0, 20.0])
    grid = np.linspace(4, 16, 241)
    injection = np.concatenate([np.zeros(301), np.ones(2)]).astype(np.int64)
    density = [np.exp(log_rt_density(np.concatenate([peaks, [x], ends]), injection)[300]) for x in grid]
    uniform_outside = (20 - 12) / 20 / 301
    assert np.trapezoid(density, grid) + uniform_outside == pytest.approx(1.0, abs=0.002)


def test_does_not_depend_on_the_order(rng: np.random.Generator) -> None:
    rt_min, injection = rng.uniform(0, 10, 50), rng.integers(0, 2, 50)
    order = rng.permutation(50)
    assert log_rt_density(rt_min[order], injection[order]) == pytest.approx(log_rt_density(rt_min, injection)[order])
