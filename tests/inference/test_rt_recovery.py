"""The RT stage on times drawn from its own model: never-seen compounds lie inside its bands as often as it says."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
import pytest

from compassign.config import SamplerConfig
from compassign.data.dataset import Dataset
from compassign.data.load import build_dataset
from compassign.inference import rt_stage
from compassign.inference.rt_stage import RtStage, run_rt_stage
from compassign.progress import SilentProgress
from compassign.units import FloatArray

N_COMPOUNDS, N_CALIBRANTS, N_PRESENT = 160, 40, 30
SPECIES = ("kidney", "liver", "plasma")
SPECIES_SHIFT_MIN = np.array([-0.3, 0.1, 0.2])
DRIFT_MIN = np.array([0.06, -0.04, 0.0, 0.05, -0.08, 0.01])  # of two injections of each species
SLOPES_MIN = np.array([2.5, -1.5, 0.8])
ERROR_SD_MIN, NOISE_MIN = 0.5, 0.05
SETTINGS = SamplerConfig(quick=True)


@cache
def simulated() -> tuple[Dataset, FloatArray]:
    """A dataset whose first compounds are calibrants in every injection, and the true RTs, (n_species, n_compounds)."""
    rng = np.random.default_rng(12)
    covariates = rng.normal(size=(N_COMPOUNDS, 3))
    compound_min = 12.0 + covariates @ SLOPES_MIN + ERROR_SD_MIN * rng.normal(size=N_COMPOUNDS)
    true_min = compound_min + SPECIES_SHIFT_MIN[:, None]
    compounds = pd.DataFrame(covariates, columns=["a", "b", "c"]).assign(
        compound_id=[f"C{i}" for i in range(N_COMPOUNDS)], name="x", exact_mass=100.0 + np.arange(N_COMPOUNDS)
    )
    rows, peaks = [], []
    for injection, drift in enumerate(DRIFT_MIN):
        species = injection // 2
        measured = true_min[species] + drift + NOISE_MIN * rng.standard_t(4, N_COMPOUNDS)
        columns = {"species": SPECIES[species], "injection": f"run{injection}"}
        rows.append(pd.DataFrame({"compound_id": compounds["compound_id"], "rt_min": measured}).assign(**columns))
        peaks.append(
            pd.DataFrame({"mz": 101.0 + np.arange(N_PRESENT), "rt_min": measured[-N_PRESENT:]}).assign(**columns)
        )
    peak_table = pd.concat(peaks, ignore_index=True).assign(intensity=1.0, polarity="positive")
    tables = {
        "peaks": peak_table.assign(peak_id=[f"P{i}" for i in range(len(peak_table))]),
        "compounds": compounds,
        "calibrants": pd.concat([table[:N_CALIBRANTS] for table in rows], ignore_index=True),
    }
    return build_dataset(tables, {}, "simulated"), true_min


@cache
def stage() -> RtStage:
    """Sampled once a session, less long than a run would."""
    minimum, rt_stage.MIN_DRAWS = rt_stage.MIN_DRAWS, 400
    try:
        return run_rt_stage(simulated()[0], SETTINGS, 7, SilentProgress())
    finally:
        rt_stage.MIN_DRAWS = minimum


def z_of_new() -> FloatArray:
    """(n_species, n_new) error of each never-seen compound's prediction, in its own SDs."""
    found, truth = stage().predictions, simulated()[1]
    return ((truth - found.mean_min[:, 0]) / found.sd_min[:, 0])[:, N_CALIBRANTS:]


# Compiling the sampler's graph takes most of the time.
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("recovery")]


def test_intervals_of_never_seen_compounds_hold_what_they_promise() -> None:
    z = np.abs(z_of_new())
    assert 0.80 <= (z < 1.645).mean() <= 0.97
    assert (z < 2.576).mean() >= 0.96


def test_intervals_are_not_wide_for_nothing() -> None:
    """The error that descriptors leave, and little more."""
    sd = stage().predictions.sd_min[:, 0, N_CALIBRANTS:]
    assert 0.8 * ERROR_SD_MIN < np.median(sd) < 1.5 * ERROR_SD_MIN


def test_calibrants_are_known_far_better() -> None:
    found, truth = stage().predictions, simulated()[1]
    seen, new = found.sd_min[:, 0, :N_CALIBRANTS], found.sd_min[:, 0, N_CALIBRANTS:]
    assert seen.max() < 0.5 * new.min()
    z = np.abs((truth - found.mean_min[:, 0]) / found.sd_min[:, 0])[:, :N_CALIBRANTS]
    assert (z < 2.576).mean() >= 0.95


def test_parameters_are_recovered() -> None:
    posterior = stage().posterior
    true_shift = np.repeat(SPECIES_SHIFT_MIN, 2) + DRIFT_MIN
    truths = {
        "noise_min": np.array(NOISE_MIN),
        "injection_min": true_shift - true_shift.mean(),  # only differences are seen
    }
    for name, truth in truths.items():
        z = (posterior[name].mean(axis=(0, 1)) - truth) / posterior[name].std(axis=(0, 1))
        assert np.abs(z).max() < 3.2, name  # 99 % for all seven together
    # Not a variable of the model but what one means: SD of the errors, against the SD that a library without one has.
    span = float(np.ptp(simulated()[0].peaks["rt_min"]))
    assert posterior["error_scale"].mean() * 0.05 * span == pytest.approx(ERROR_SD_MIN, rel=0.4)


def test_the_check_notices_a_wrong_claim() -> None:
    """Negative control: bands a half as wide would not pass."""
    assert (2 * np.abs(z_of_new()) < 1.645).mean() < 0.80


def test_what_one_polarity_says_of_the_other_is_as_certain_as_it_claims() -> None:
    """Half of the compounds are known in both polarities, the others in positive; their negative RTs are predicted."""
    rng = np.random.default_rng(5)
    n, difference_min = 80, 0.6
    own = 10.0 + 3.0 * rng.normal(size=n)
    differences = difference_min * rng.standard_t(4, n)
    compounds = pd.DataFrame({"compound_id": [f"C{i}" for i in range(n)], "name": "x", "rt_pred_min": own})
    compounds = compounds.assign(exact_mass=100.0 + np.arange(n), rt_pred_sd_min=1.5)
    own = own + 1.5 * rng.standard_t(4, n)
    runs = []
    for polarity, half in (("positive", 0.5), ("negative", -0.5)):
        rt_min = np.maximum(own + half * differences + NOISE_MIN * rng.standard_t(4, n), 0.0)
        run = pd.DataFrame({"compound_id": compounds["compound_id"], "rt_min": rt_min, "polarity": polarity})
        runs.append(run.assign(species="s", injection=polarity))
    peaks = pd.concat(runs, ignore_index=True).drop(columns="compound_id").assign(mz=50.0, intensity=1.0)
    known = pd.concat([runs[0], runs[1][: n // 2]], ignore_index=True).drop(columns="polarity")
    tables = {"peaks": peaks.assign(peak_id=[f"P{i}" for i in range(2 * n)]), "compounds": compounds}
    settings = SamplerConfig(draws=250, tune=250, chains=2, target_accept=0.95)
    found = rt_stage.sample_rt_stage(
        build_dataset({**tables, "calibrants": known}, {}, "two"), settings, 3, SilentProgress()
    ).predictions
    truth = np.maximum(own + np.array([0.5, -0.5])[:, None] * differences, 0.0)
    mean, sd = found.mean_min[0], found.sd_min[0]
    z = np.abs(truth - mean) / sd
    assert np.median(sd[1, n // 2 :]) == pytest.approx(difference_min, rel=0.3)
    assert (sd[0] < 0.3).all()
    assert (sd[1, : n // 2] < 0.3).all()
    quantile = 2.13  # of 95 %, Student-t with four degrees of freedom
    assert (z[0] < quantile).mean() >= 0.9
    assert (z[1, : n // 2] < quantile).mean() >= 0.85
    assert 0.8 <= (z[1, n // 2 :] < quantile).mean()
    as_in_positive = np.abs(truth[1] - mean[0])[n // 2 :] / sd[0, n // 2 :]
    assert (as_in_positive < quantile).mean() < 0.5  # negative control: what was claimed of one RT for both


def test_verdict_is_there_and_not_failed() -> None:
    verdict = stage().verdict
    assert verdict is not None
    assert verdict.verdict in {"converged", "suspect"}
    assert verdict.max_rhat < 1.05
    assert stage().warnings == ()
