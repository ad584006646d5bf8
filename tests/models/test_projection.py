"""RTs of other systems projected to ours: recovery and coverage on simulated systems, and what must not change them."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from compassign.models.projection import Projection, project
from compassign.units import FloatArray, IntArray

N_COMPOUNDS, N_OTHERS, N_NOWHERE, N_CALIBRANTS, N_OURS = 150, 8, 50, 10, 6
CENTRE = np.array([0.5, 0.2, 0.0])
WEIGHT_SD = np.array([0.03, 0.04, 0.06])
NOISE_SD, LONGEST_MIN = 0.015, 12.0


@cache
def world() -> tuple[FloatArray, FloatArray, FloatArray]:
    """Other systems' RTs (n_compounds, n_systems), descriptors, and what each of our systems would measure, minutes.

    The last compounds are measured nowhere, the others on about half of the systems.
    """
    rng = np.random.default_rng(5)
    descriptors = rng.normal(size=(N_COMPOUNDS, 4))
    factors = descriptors @ rng.normal(0, 0.35, (4, 2)) + rng.normal(0, 0.7, (N_COMPOUNDS, 2))
    weights = CENTRE + WEIGHT_SD * rng.normal(size=(N_OTHERS + N_OURS, 3))
    share = np.column_stack([np.ones(N_COMPOUNDS), factors]) @ weights.T
    share += NOISE_SD * rng.standard_t(4, share.shape)
    others = share[:, :N_OTHERS] * rng.uniform(5.0, 60.0, N_OTHERS)
    is_missing = rng.random(others.shape) < 0.5
    is_missing[:, 0] &= rng.random(N_COMPOUNDS) < 0.5
    is_missing[-N_NOWHERE:] = True
    others[is_missing] = np.nan
    return others, descriptors, share[:, N_OTHERS:] * LONGEST_MIN


def known(ours: int, calibrants: IntArray) -> FloatArray:
    """RTs of some compounds on one of our systems, NaN elsewhere."""
    result = np.full(N_COMPOUNDS, np.nan)
    result[calibrants] = world()[2][calibrants, ours]
    return result


def drawn(ours: int) -> IntArray:
    """Calibrants of one of our systems, of those measured on others."""
    seen = np.flatnonzero(np.isfinite(world()[0]).any(axis=1))
    return np.random.default_rng(ours).choice(seen, N_CALIBRANTS, replace=False)


@cache
def projections() -> tuple[Projection, ...]:
    """For each of our systems."""
    others, descriptors, _ = world()
    return tuple(project(others, descriptors, known(ours, drawn(ours)), LONGEST_MIN) for ours in range(N_OURS))


def errors(is_elsewhere: bool) -> tuple[FloatArray, FloatArray]:
    """Absolute errors and SDs of compounds that are no calibrants, over all of our systems."""
    is_seen = np.isfinite(world()[0]).any(axis=1)
    found: list[FloatArray] = []
    for ours, projection in enumerate(projections()):
        rows = np.setdiff1d(np.flatnonzero(is_seen == is_elsewhere), drawn(ours))
        found.append(np.stack([np.abs(projection.mean_min - world()[2][:, ours]), projection.sd_min])[:, rows])
    error, sd = np.concatenate(found, axis=1)
    return error, sd


@pytest.mark.parametrize(("is_elsewhere", "at_least"), [(True, 0.85), (False, 0.80)])
def test_intervals_hold_what_they_promise(is_elsewhere: bool, at_least: float) -> None:
    """Compounds seen nowhere are off by the same error on all of our systems, so few of them count."""
    error, sd = errors(is_elsewhere)
    assert at_least <= (error < 1.645 * sd).mean() <= 0.97
    assert (error < 0.5 * 1.645 * sd).mean() < 0.80  # negative control: half as wide would not pass


def test_errors_are_near_the_noise_where_others_have_measured() -> None:
    error, sd = errors(True)
    noise_min = NOISE_SD * LONGEST_MIN
    assert np.median(error) < 1.7 * noise_min
    assert noise_min < np.median(sd) < 3.0 * noise_min


def test_compounds_seen_nowhere_are_predicted_worse_and_say_so() -> None:
    (near, near_sd), (far, far_sd) = errors(True), errors(False)
    assert np.median(far_sd) > 2 * np.median(near_sd)
    assert np.median(far) > 2 * np.median(near)
    assert np.median(far) < 0.7 * np.median(np.abs(world()[2] - np.median(world()[2])))  # structures say something


def test_a_calibrant_is_predicted_without_itself() -> None:
    others, descriptors, ours = world()
    calibrants = drawn(0)
    moved = known(0, calibrants)
    moved[calibrants[0]] += 5.0
    found = project(others, descriptors, moved, LONGEST_MIN)
    assert found.mean_min[calibrants[0]] == pytest.approx(projections()[0].mean_min[calibrants[0]])
    assert not np.allclose(found.mean_min[calibrants[1:]], projections()[0].mean_min[calibrants[1:]])
    assert projections()[0].mean_min[calibrants] != pytest.approx(ours[calibrants, 0], abs=1e-6)


def test_units_of_other_systems_and_ours_do_not_matter() -> None:
    others, descriptors, _ = world()
    found = project(others * np.where(np.arange(N_OTHERS) % 2, 60.0, 1.0), descriptors, known(0, drawn(0)), LONGEST_MIN)
    assert found.mean_min == pytest.approx(projections()[0].mean_min, rel=1e-6)
    seconds = project(others, descriptors, 60.0 * known(0, drawn(0)), 60.0 * LONGEST_MIN)
    assert seconds.mean_min == pytest.approx(60.0 * projections()[0].mean_min, rel=1e-6)
    assert seconds.sd_min == pytest.approx(60.0 * projections()[0].sd_min, rel=1e-6)


def test_a_system_like_ours_is_found() -> None:
    """Its own deviations, which no factor describes, hold here too."""
    others, descriptors, ours = world()
    is_seen = np.isfinite(others).any(axis=1)
    rng = np.random.default_rng(3)
    twin = 3.0 + 2.0 * ours[:, 0] + rng.normal(0, 0.02, N_COMPOUNDS)
    twin[rng.random(N_COMPOUNDS) < 0.3] = np.nan
    twin[~is_seen] = np.nan
    found = project(np.column_stack([others, twin]), descriptors, known(0, drawn(0)), LONGEST_MIN)
    rows = np.setdiff1d(np.flatnonzero(np.isfinite(twin)), drawn(0))
    without, with_twin = (np.abs(each.mean_min - ours[:, 0])[rows] for each in (projections()[0], found))
    assert np.median(with_twin) < 0.5 * np.median(without)


def test_without_systems_or_known_times_nothing_is_predicted() -> None:
    others, descriptors, _ = world()
    none = np.full(N_COMPOUNDS, np.nan)
    assert np.isnan(project(others, descriptors, none, LONGEST_MIN).mean_min).all()
    few = np.full((N_COMPOUNDS, 1), np.nan)
    few[:2] = 3.0  # two compounds have no order to tell of
    assert np.isnan(project(few, descriptors, known(0, drawn(0)), LONGEST_MIN).mean_min).all()


@pytest.mark.parametrize("n_known", [1, 2, 40])
@pytest.mark.parametrize("n_systems", [1, 2])
def test_hardly_any_systems_and_calibrants_do(n_known: int, n_systems: int) -> None:
    others, descriptors, ours = world()
    few = others[:, :n_systems]
    calibrants = np.flatnonzero(np.isfinite(few).any(axis=1))[:n_known]
    found = project(few, descriptors, known(0, calibrants), LONGEST_MIN)
    assert np.isfinite(found.mean_min).all()
    assert (found.sd_min > 0).all()
    assert np.abs((found.mean_min - ours[:, 0]) / found.sd_min).mean() < 1.5


def test_without_structures_only_what_others_measured_is_predicted() -> None:
    others, descriptors, _ = world()
    is_seen = np.isfinite(others).any(axis=1)
    for nothing in (np.full_like(descriptors, np.nan), np.empty((N_COMPOUNDS, 0))):
        found = project(others, nothing, known(0, drawn(0)), LONGEST_MIN)
        assert np.isfinite(found.mean_min).tolist() == is_seen.tolist()
    partly = np.where(np.arange(N_COMPOUNDS)[:, None] % 2, descriptors, np.nan)
    found = project(others, partly, known(0, drawn(0)), LONGEST_MIN)
    assert np.isfinite(found.sd_min).tolist() == (is_seen | np.isfinite(partly[:, 0])).tolist()


def test_equal_times_and_zeros_are_no_trouble() -> None:
    others = np.zeros((5, 2))
    others[:, 1] = 4.0
    found = project(others, np.empty((5, 0)), np.array([2.0, 2.0, np.nan, np.nan, np.nan]), 2.0)
    assert found.mean_min[2:] == pytest.approx(2.0, abs=0.3)
    assert np.isfinite(found.sd_min).all()


def test_a_bent_gradient_is_followed() -> None:
    """Above a certain time our compounds elute in a third of the time, as where a gradient gets steeper."""
    others, descriptors, ours = world()
    seen = np.flatnonzero(np.isfinite(others).any(axis=1))
    knot = float(np.quantile(ours[seen, 0], 0.7))
    bent = np.where(ours[:, 0] > knot, knot + (ours[:, 0] - knot) / 3.0, ours[:, 0])
    late = np.setdiff1d(seen[ours[seen, 0] > knot], seen[::2])
    found, straight = (np.full(N_COMPOUNDS, np.nan) for _ in range(2))
    found[seen[::2]], straight[seen[::2]] = bent[seen[::2]], ours[seen[::2], 0]
    error = np.abs(project(others, descriptors, found, LONGEST_MIN).mean_min - bent)[late]
    unbent = np.abs(project(others, descriptors, straight, LONGEST_MIN).mean_min - ours[:, 0])[late]
    assert np.median(error) < np.median(unbent)  # a third of the error, but for what the bend costs
