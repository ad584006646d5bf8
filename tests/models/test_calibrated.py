"""The calibrated baseline: covariates of pairs, the split for the temperature, and the temperature itself."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from assignment_problems import random_problem, tiny_problem, with_labels

from compassign.models.calibrated import (
    COEFFICIENTS,
    build_calibrated_model,
    calibrated_source,
    fit_temperature,
    pair_covariates,
    prior_location,
    temperature_peaks,
)
from compassign.models.labelled import labelled_part
from compassign.models.problem import AssignmentProblem


def test_covariates_of_a_pair() -> None:
    problem = tiny_problem()
    table = dict(zip(COEFFICIENTS, pair_covariates(problem).T, strict=True))
    slot = 2  # peak 0 as compound 2, [M+Na]+, -6 ppm, 0.2 min late; two other candidates
    z = 0.2 / np.hypot(0.3, 0.05)
    assert {name: column[slot] for name, column in table.items()} == pytest.approx(
        {
            "intercept": 1.0,
            "mass": 1.2,
            "mass_squared": 1.44,
            "rt": z,
            "rt_squared": z**2,
            "no_prediction": 0.0,
            "minor_adduct": 1.0,
            "known_in": 0.0,
            "log_n_candidates": np.log(3),
        }
    )
    assert table["no_prediction"].tolist() == [0, 0, 0, 0, 1, 0, 0, 1, 0]
    assert table["rt"][[4, 7]].tolist() == [0.0, 0.0]
    assert table["minor_adduct"].tolist() == [0, 0, 1, 1, 0, 0, 1, 1, 0]
    assert table["known_in"].tolist() == [1, 0, 0, 0, 0, 1, 1, 0, 0]
    assert table["log_n_candidates"] == pytest.approx(np.log([3, 3, 3, 2, 2, 3, 3, 3, 1]))


def test_own_ions_of_charged_compounds_are_main_ions() -> None:
    problem = replace(tiny_problem(), adduct_names=("[M-H]-", "[M]+", "[M+Cl]-"))
    minor = pair_covariates(problem)[:, list(COEFFICIENTS).index("minor_adduct")]
    assert minor.tolist() == [float(adduct == 2) for adduct in problem.adduct]


def test_prior_probabilities_are_odds_of_the_mean_coefficients() -> None:
    problem = tiny_problem({0: [1]})
    block = calibrated_source(problem, prior_location(), 1.0, (1, 1)).block(slice(0, 5))
    odds = np.exp(pair_covariates(problem) @ np.array(list(COEFFICIENTS.values())))
    assert block.slot[0, 3:5] == pytest.approx(odds[3:5] / (1 + odds[3:5].sum()), abs=1e-12)
    assert block.null[0, 4] == pytest.approx(1 / (1 + odds[8]), abs=1e-12)
    assert block.slot[0, :3].tolist() == [0.0, 1.0, 0.0]
    assert block.evidence["pair"] == pytest.approx(np.log(odds))


def test_temperature_divides_log_odds() -> None:
    problem = tiny_problem()
    values = {"coefficients": np.array([list(COEFFICIENTS.values()), [0.1] * len(COEFFICIENTS)])}
    sharp = calibrated_source(problem, values, 1.0, (1, 2)).block(slice(0, 5))
    flat = calibrated_source(problem, values, 3.0, (1, 2)).block(slice(0, 5))
    for block in (sharp, flat):
        block_odds = np.log(block.slot / block.null[:, problem.peak_of_slot])
        expected = values["coefficients"] @ pair_covariates(problem).T
        assert block_odds == pytest.approx(expected / (1.0 if block is sharp else 3.0), abs=1e-10)


def labelled_by_odds(temperature: float, rng: np.random.Generator) -> AssignmentProblem:
    """Labels drawn from the prior's odds at a temperature."""
    problem = random_problem(rng, n_peaks=6000)
    log_odds = pair_covariates(problem) @ np.array(list(COEFFICIENTS.values())) / temperature
    labels: dict[int, list[int]] = {}
    for peak in range(problem.n_peaks):
        start, stop = problem.offsets[peak : peak + 2]
        odds = np.concatenate([[1.0], np.exp(log_odds[start:stop])])
        drawn = int(rng.choice(odds.size, p=odds / odds.sum()))
        labels[peak] = [] if drawn == 0 else [int(problem.compound[start + drawn - 1])]
    # one adduct a compound and peak, so that a label names one slot
    first = np.unique(np.stack([problem.peak_of_slot, problem.compound]), axis=1, return_index=True)[1]
    labelled = with_labels(problem, labels)
    repeated = np.setdiff1d(np.arange(problem.n_slots), first)
    spoiled = np.isin(np.arange(problem.n_peaks), problem.peak_of_slot[repeated])
    return replace(labelled, is_labelled=labelled.is_labelled & ~spoiled)


@pytest.mark.parametrize("temperature", [0.6, 1.0, 2.5])
def test_fit_temperature_recovers_the_truth(temperature: float, rng: np.random.Generator) -> None:
    problem = labelled_by_odds(temperature, rng)
    found = fit_temperature(problem, labelled_part(problem), prior_location())
    assert found == pytest.approx(temperature, rel=0.12)


def test_temperature_is_1_without_held_out_labels() -> None:
    assert fit_temperature(tiny_problem(), labelled_part(tiny_problem()), prior_location()) == 1.0


def test_temperature_stays_within_its_limits() -> None:
    """A label that is always the best candidate asks for a temperature of 0."""
    problem = tiny_problem({4: [2]})
    sharp = {"coefficients": np.eye(len(COEFFICIENTS))[:1]}  # log odds of 1 for every slot
    found = fit_temperature(problem, labelled_part(problem), sharp)
    assert np.exp(-2.0) <= found == pytest.approx(np.exp(-2.0), rel=1e-3)


def test_temperature_peaks_share_no_family_with_the_rest(rng: np.random.Generator) -> None:
    problem = random_problem(rng, n_peaks=300, n_compounds=40)
    problem = with_labels(problem, {peak: [] for peak in range(0, 300, 2)})
    chosen = temperature_peaks(problem, rng)
    usable = problem.is_labelled & (np.diff(problem.offsets) > 0)
    family = np.full(problem.n_peaks, -1)
    family[usable] = problem.compound[problem.offsets[:-1][usable]]
    held_out, trained = set(family[chosen].tolist()), set(family[usable & ~chosen].tolist())
    assert not chosen[~usable].any()
    assert held_out
    assert trained
    assert not held_out & trained
    assert len(held_out) == np.ceil(0.25 * len(held_out | trained))


def test_temperature_peaks_follow_the_generator() -> None:
    problem = random_problem(np.random.default_rng(1), n_peaks=200, n_compounds=40)
    problem = with_labels(problem, {peak: [] for peak in range(200)})
    first, same, other = (temperature_peaks(problem, np.random.default_rng(seed)) for seed in (3, 3, 4))
    assert (first == same).all()
    assert (first != other).any()


def test_model_reads_each_pair_of_the_labelled_peaks() -> None:
    problem = tiny_problem({0: [1], 1: []})
    model = build_calibrated_model(problem, labelled_part(problem))
    assert model["is_right"].eval(mode="FAST_COMPILE").shape == (5,)
    assert model.rvs_to_values[model["is_right"]].data.tolist() == [0, 1, 0, 0, 0]
    assert [variable.name for variable in model.free_RVs] == ["coefficients"]
