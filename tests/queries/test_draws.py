"""Draws are read as they were stored, and chains that disagree are seen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from big_run import N_DRAWS

from compassign.errors import InputError
from compassign.queries.draws import N_RANK_BINS, TRACE_FILE, convergence, rank_counts, read_draws
from compassign.queries.run_folder import Run, load_run

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


def test_a_broken_trace_is_named(copied_folder: Path) -> None:
    run = load_run(copied_folder)
    (copied_folder / TRACE_FILE).write_bytes(b"not a trace")
    with pytest.raises(InputError, match="not a trace that a run writes"):
        read_draws(run)
    (copied_folder / TRACE_FILE).unlink()
    with pytest.raises(InputError, match="no such file"):
        read_draws(run)
