"""Draws are read as they were stored, and chains that disagree are seen."""

from __future__ import annotations

from pathlib import Path

import h5netcdf
import numpy as np
import pytest
from big_run import N_DRAWS

from compassign.candidates import RtPredictions
from compassign.errors import InputError
from compassign.posterior.trace import write_rt_trace
from compassign.queries.draws import (
    N_RANK_BINS,
    RT_TRACE_FILE,
    TRACE_FILE,
    convergence,
    rank_counts,
    read_draws,
    read_energy,
    read_rt_draws,
)
from compassign.queries.run_folder import Run, load_run
from compassign.units import FloatArray

pytest_plugins = ["example_runs"]


def test_every_scalar_has_a_name(prior_run: Run) -> None:
    draws = read_draws(prior_run)
    assert draws.names == ("alpha", "shift_ppm[0]", "shift_ppm[1]", "shift_ppm[2]")
    assert draws.values.shape == (4, 2, N_DRAWS)
    assert draws.thin == 2
    assert draws.of("shift_ppm[1]")[1].mean() > 3.0
    with pytest.raises(InputError, match="parameter 'beta': the run has alpha, shift_ppm"):
        draws.of("beta")


def test_the_worst_parameter_comes_first(prior_run: Run) -> None:
    table = convergence(read_draws(prior_run))
    assert table["name"].iloc[0] == "shift_ppm[1]"
    assert table["rhat"].iloc[0] > 1.5
    assert table["rhat"].iloc[1] < 1.1
    own = read_draws(prior_run).of("alpha")
    row = table.set_index("name").loc["alpha"]
    assert row["mean"] == pytest.approx(own.mean())
    assert (row["low"], row["high"]) == pytest.approx(tuple(np.quantile(own, [0.05, 0.95])))
    assert 20 < row["ess_bulk"] <= 2 * N_DRAWS * 2


def test_a_model_that_is_not_sampled_has_no_parameters(lookup_run: Run) -> None:
    draws = read_draws(lookup_run)
    assert draws.names == ()
    assert len(convergence(draws)) == 0


def test_ranks_are_level_where_chains_agree() -> None:
    values = np.arange(200.0).reshape(100, 2).T  # two chains that take turns
    assert (rank_counts(values) == 5).all()
    apart = rank_counts(np.arange(200.0).reshape(2, 100))
    assert apart[0].tolist() == [10] * (N_RANK_BINS // 2) + [0] * (N_RANK_BINS // 2)
    assert apart.sum() == 200


def test_the_rt_stage_has_draws_of_its_own(copied_folder: Path) -> None:
    run = load_run(copied_folder)
    with h5netcdf.File(copied_folder / RT_TRACE_FILE, "w") as file:  # as without calibrants
        file.attrs["n_chains"] = 0
    assert read_rt_draws(run).names == ()
    with h5netcdf.File(copied_folder / RT_TRACE_FILE, "w") as file:
        group = file.create_group("posterior")
        group.dimensions = {"chain": 2, "draw": N_DRAWS, "slope_min_dim_0": 2}
        group.create_variable("noise_min", ("chain", "draw"), data=np.ones((2, N_DRAWS)))
        group.create_variable("slope_min", ("chain", "draw", "slope_min_dim_0"), data=np.ones((2, N_DRAWS, 2)))
    draws = read_rt_draws(run)
    assert (draws.names, draws.thin) == (("noise_min", "slope_min[0]", "slope_min[1]"), 1)
    values = {"species_min": np.ones((2, N_DRAWS, 2)), "noise_min": np.ones((2, N_DRAWS))}
    predictions = RtPredictions(np.ones((2, 2, 1)), np.ones((2, 2, 1)), 0.1)
    write_rt_trace(copied_folder / RT_TRACE_FILE, values, predictions, {"species_min": ("liver", "plasma")})
    assert read_rt_draws(run).names == ("species_min[liver]", "species_min[plasma]", "noise_min")
    (copied_folder / RT_TRACE_FILE).unlink()
    with pytest.raises(InputError, match=r"rt_trace\.nc: no such file"):
        read_rt_draws(run)


def add_energy(folder: Path, energy: FloatArray) -> None:
    with h5netcdf.File(folder / TRACE_FILE, "a") as file:
        group = file.create_group("sample_stats")
        group.dimensions = {"chain": energy.shape[0], "draw": energy.shape[1]}
        group.create_variable("energy", ("chain", "draw"), data=energy)


def test_energy_that_moves_slowly_has_a_low_fraction(copied_folder: Path, rng: np.random.Generator) -> None:
    run = load_run(copied_folder)
    assert read_energy(run).values.size == 0
    steps = rng.normal(size=(2, 4000))
    add_energy(copied_folder, np.stack([steps[0], np.cumsum(steps[1])]))
    energy = read_energy(run)
    assert energy.values.shape == (2, 4000)
    assert energy.bfmi[0] == pytest.approx(2.0, abs=0.1)  # independent: each move has twice the variance
    assert energy.bfmi[1] < 0.05


@pytest.mark.parametrize("energy", [np.full((2, 10), np.nan), np.ones((2, 2))])
def test_energy_that_says_nothing_is_none(energy: FloatArray, copied_folder: Path) -> None:
    add_energy(copied_folder, energy)
    assert read_energy(load_run(copied_folder)).values.size == 0


def test_energy_that_stands_still_has_no_fraction(copied_folder: Path) -> None:
    add_energy(copied_folder, np.ones((2, 10)))
    assert np.isnan(read_energy(load_run(copied_folder)).bfmi).all()


def test_a_broken_trace_is_named(copied_folder: Path) -> None:
    run = load_run(copied_folder)
    (copied_folder / TRACE_FILE).write_bytes(b"not a trace")
    with pytest.raises(InputError, match="not a trace that a run writes"):
        read_draws(run)
    (copied_folder / TRACE_FILE).unlink()
    with pytest.raises(InputError, match="no such file"):
        read_draws(run)
