"""The posterior is calibrated on peaks drawn from the model and its prior, and the check notices wrong simulators."""

from __future__ import annotations

from functools import cache

import pytest
from prior_peaks import World
from truth_ranks import Calibration, calibrate

# Dozens of data sets are drawn and fitted, half a second of CPU each after one compilation.
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("sbc")]

SEED = 20260923
RIGHT = World()
# A wrong world is fitted only as often as it takes to be far below the limit.
N_REPLICATIONS = {
    RIGHT: 60,
    World(mass_scale_factor=1.4): 24,
    World(has_null=False): 12,
    World(max_mass_z=2.0): 20,
}


@cache
def calibration(world: World) -> Calibration:
    """Fitted once a session."""
    return calibrate(world, N_REPLICATIONS[world], SEED)


def test_every_parameter_and_four_quantities_of_the_data_are_ranked() -> None:
    names = calibration(RIGHT).names
    assert {
        "alpha",
        "adduct_effect[1]",
        "mass_log_scale[3]",
        "rt_drift_min[0]",
        "mass_log_scale_slope",
        "mass_offset_slope_ppm[3]",
    } <= set(names)
    assert {"log likelihood", "mean P(null)", "number of nulls", "P(first slot of peak 0)"} <= set(names)
    assert len(names) == 44


def test_the_model_is_calibrated() -> None:
    assert calibration(RIGHT).alarms() == {}
    assert calibration(RIGHT).divergent_share < 0.01


@pytest.mark.parametrize(
    ("world", "noticed"),
    [
        (World(mass_scale_factor=1.4), {"mean log mass scale"}),
        (World(has_null=False), {"alpha", "number of nulls", "mean P(null)", "log likelihood"}),
        (World(max_mass_z=2.0), {"mean log mass scale", "mean P(null)", "mean P(unlisted)", "log likelihood"}),
    ],
    ids=["mass scale two fifths too wide", "no null", "masses beyond two scales lost"],
)
def test_a_wrong_simulator_is_noticed(world: World, noticed: set[str]) -> None:
    """Negative controls, by the same check; what the fault does not touch stays quiet."""
    alarms = calibration(world).alarms()
    assert noticed <= set(alarms)
    assert not any(name.startswith(("rt_drift", "known_in", "mass_offset")) for name in alarms)
