"""The checks pass on data from the model and fail, each on its own subject, where the model is wrong."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from assignment_problems import tiny_problem, with_labels, without_slots
from scipy import stats
from simulated_problem import TRUTH, simulate_peaks

from compassign.models.generative import default_terms, peak_posterior, prior_location, term_evidence
from compassign.models.problem import AssignmentProblem
from compassign.models.terms.base import Values
from compassign.posterior import predictive, responsibilities
from compassign.posterior.predictive import Check, Histogram, PredictiveChecks, predictive_checks
from compassign.results import write_json
from compassign.units import FloatArray

ONE_LEVEL = {**TRUTH, "group_sd": np.array(0.0)}  # the simulation keeps the groups' effects to itself
N_DRAWS = 100


@pytest.fixture(scope="module")
def problem(seed: int) -> AssignmentProblem:
    """2,000 peaks; the tests change what is claimed of them."""
    return simulate_peaks(np.random.default_rng(seed), 2000, ONE_LEVEL).problem


def draws_at(problem: AssignmentProblem, claimed: Mapping[str, FloatArray] | None = None) -> Values:
    """The true parameters, other than those claimed, as a posterior that is sure of them."""
    values = {**ONE_LEVEL, "group_z": np.zeros(problem.groups_in_play[0].size), **(claimed or {})}
    return {name: np.repeat(np.asarray(value)[None], N_DRAWS, axis=0) for name, value in values.items()}


def check(problem: AssignmentProblem, claimed: Mapping[str, FloatArray] | None = None) -> PredictiveChecks:
    """All checks at the true parameters, other than those claimed."""
    return predictive_checks(problem, default_terms(), draws_at(problem, claimed), np.random.default_rng(4))


def p_values(found: PredictiveChecks) -> dict[tuple[str, str], float]:
    """Of the checks over all peaks, by observable and statistic."""
    return {(row.observable, row.statistic): row.p_value for row in found.checks if row.group == "all"}


def test_unremarkable_where_the_model_is_right(seed: int) -> None:
    """Over several datasets the p-values spread evenly; each is sure of too little to pile up at an end."""
    pooled = []
    for index in range(4):
        problem = simulate_peaks(np.random.default_rng([seed, index]), 800, ONE_LEVEL).problem
        pooled += [row.p_value for row in check(problem).checks]
    assert len(pooled) == 4 * 36  # 6 counts, and 3 statistics of mass and of RT in all and in 4 injections
    assert np.mean(pooled) == pytest.approx(0.5, abs=0.08)
    assert np.mean([p < 0.01 or p > 0.99 for p in pooled]) < 0.05  # 1.5 % in the long run
    assert np.mean([0.05 < p < 0.95 for p in pooled]) > 0.85
    assert np.mean([p < 0.25 or p > 0.75 for p in pooled]) > 0.25  # data that were used twice would crowd the middle


FAR_OFF: dict[str, tuple[dict[str, FloatArray], set[tuple[str, str]], str]] = {
    "mass scale 1.5 times too small": (
        {"mass_log_scale": TRUTH["mass_log_scale"] - np.log(1.5)},
        {("mass", "iqr_ppm"), ("mass", "share_beyond_2")},
        "rt",
    ),
    "mass offset wrong": ({"mass_offset_ppm": TRUTH["mass_offset_ppm"] + 1.0}, {("mass", "median_ppm")}, "rt"),
    "RT noise half of what it is": (
        {"rt_noise_min": TRUTH["rt_noise_min"] / 2},
        {("rt", "iqr_sd"), ("rt", "share_beyond_2")},
        "mass",
    ),
    "RT drift wrong": ({"rt_drift_min": TRUTH["rt_drift_min"] + 0.05}, {("rt", "median_sd")}, "mass"),
    "far too many listed": (
        {"alpha": TRUTH["alpha"] + 1.5},
        {("assignment", "n_listed"), ("assignment", "n_background")},
        "rt",
    ),
}


@pytest.mark.parametrize("name", FAR_OFF)
def test_the_right_check_fails(name: str, problem: AssignmentProblem) -> None:
    claimed, fail, unmoved = FAR_OFF[name]
    found = p_values(check(problem, claimed))
    assert all(found[key] < 0.01 or found[key] > 0.99 for key in fail), found
    # the others may be drawn in, because assignments follow the wrong parameters, but not the centre of the other error
    other = next(
        p for (observable, statistic), p in found.items() if (observable, statistic[:6]) == (unmoved, "median")
    )
    assert 0.001 < other < 0.999


def test_says_on_which_side(problem: AssignmentProblem) -> None:
    wrong = check(problem, {"mass_log_scale": TRUTH["mass_log_scale"] - np.log(1.5)})
    (row,) = [row for row in wrong.checks if (row.statistic, row.group) == ("iqr_ppm", "all")]
    assert row.observed > row.replicated_95 > row.replicated_50 > row.replicated_05
    assert row.p_value == 0.0


def test_one_wrong_injection_is_found(problem: AssignmentProblem) -> None:
    found = check(problem, {"mass_offset_ppm": TRUTH["mass_offset_ppm"] + np.array([0.0, 0.0, 2.5, 0.0])})
    medians = {row.group: row.p_value for row in found.checks if row.statistic == "median_ppm"}
    assert medians["3 positive"] > 0.99 or medians["3 positive"] < 0.01
    assert all(0.001 < medians[f"{name} positive"] < 0.999 for name in (1, 2, 4))


def test_replicated_errors_follow_the_truncated_law(problem: AssignmentProblem) -> None:
    found = check(problem)
    law = stats.t(4, loc=TRUTH["mass_offset_ppm"][0], scale=np.exp(TRUTH["mass_log_scale"][0]))
    low, high = law.cdf([-15.0, 15.0])
    quartiles = law.ppf(low + (high - low) * np.array([0.25, 0.5, 0.75]))
    rows = {row.statistic: row for row in found.checks if row.group == "1 positive"}
    assert rows["median_ppm"].replicated_50 == pytest.approx(quartiles[1], abs=0.05)
    assert rows["iqr_ppm"].replicated_50 == pytest.approx(quartiles[2] - quartiles[0], rel=0.05)


def test_assignments_are_drawn_by_responsibility(problem: AssignmentProblem) -> None:
    """Shares of the drawn slots over many draws equal the responsibilities, whatever the blocks."""
    few = simulate_peaks(np.random.default_rng(1), 30, ONE_LEVEL).problem
    values = {name: np.repeat(value[:1], 4000, axis=0) for name, value in draws_at(few).items()}
    terms = default_terms()
    slots, _ = predictive._assign(few, terms, values, np.random.default_rng(2))
    whole = slice(0, few.n_peaks)
    one = {name: value[:1] for name, value in values.items()}
    expected = peak_posterior(few, terms, term_evidence(few, terms, one, whole), whole)
    drawn = np.array([(slots == slot).sum() / 4000 for slot in range(few.n_slots)])
    assert drawn == pytest.approx(expected.slot[0], abs=0.04)
    assert (slots == predictive.BACKGROUND).mean(axis=0) == pytest.approx(expected.background[0], abs=0.04)
    assert (slots == predictive.UNLISTED).mean(axis=0) == pytest.approx(expected.unlisted[0], abs=0.04)


def test_labels_are_kept_to() -> None:
    labelled = with_labels(tiny_problem(), {0: [1], 1: [], 2: [0], 4: [2]})
    values = {name: np.repeat(value, 300, axis=0) for name, value in prior_location(labelled, default_terms()).items()}
    slots, _ = predictive._assign(labelled, default_terms(), values, np.random.default_rng(3))
    assert set(labelled.compound[slots[:, 0]]) == {1}
    assert (slots[:, 1] < 0).all()
    assert (slots[:, 2] >= 0).all()
    assert set(labelled.compound[slots[:, 2]]) == {0}
    assert (slots[:, 3] == predictive.BACKGROUND).all()


def test_blocks_change_nothing_but_the_random_numbers(
    problem: AssignmentProblem, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = {(row.observable, row.statistic, row.group): row for row in check(problem).checks}
    monkeypatch.setattr(responsibilities, "BLOCK_CELLS", 20_000)
    for row in check(problem).checks:
        spread = max(row.replicated_95 - row.replicated_05, 1e-9)
        assert abs(row.observed - whole[row.observable, row.statistic, row.group].observed) < 0.3 * spread


def test_many_draws_are_thinned_and_one_is_enough(problem: AssignmentProblem) -> None:
    many = {name: np.repeat(value[:1], 450, axis=0) for name, value in draws_at(problem).items()}
    many["alpha"] = np.where(np.arange(450) % 2, -0.4, -0.3)
    one = {name: value[:1] for name, value in many.items()}
    found = [predictive_checks(problem, default_terms(), values, np.random.default_rng(1)) for values in (many, one)]
    assert [checks.n_draws for checks in found] == [200, 1]
    assert len(found[0].checks) == len(found[1].checks)


def test_histograms_are_densities(problem: AssignmentProblem) -> None:
    histograms = {row.observable: row for row in check(problem).histograms}
    assert set(histograms) == {"mass", "rt"}
    for row in histograms.values():
        width = np.diff(row.bin_edges)
        assert (np.array(row.observed) * width).sum() == pytest.approx(0.99, abs=0.02)
        assert (np.array(row.replicated_05) <= row.replicated_50).all()
        assert (np.array(row.replicated_50) <= row.replicated_95).all()
        middle = stats.t(4).pdf((np.array(row.bin_edges[1:]) + row.bin_edges[:-1]) / 2)
        assert np.array(row.replicated_50) == pytest.approx(middle, abs=0.03)


def test_json_round_trip(problem: AssignmentProblem, tmp_path: Path) -> None:
    found = check(problem)
    write_json(found, tmp_path / "predictive_checks.json")
    document: dict[str, Any] = json.loads((tmp_path / "predictive_checks.json").read_text())
    rows: list[dict[str, Any]] = [
        {name: tuple(x) if isinstance(x, list) else x for name, x in row.items()} for row in document["histograms"]
    ]
    again = PredictiveChecks(
        n_draws=document["n_draws"],
        checks=tuple(Check(**row) for row in document["checks"]),
        histograms=tuple(Histogram(**row) for row in rows),
    )
    assert again == found
    assert all(math.isfinite(row.observed) and 0 <= row.p_value <= 1 for row in found.checks)


def test_the_same_seed_gives_the_same_checks(problem: AssignmentProblem) -> None:
    assert check(problem) == check(problem)


def test_without_slots_there_is_nothing_to_check() -> None:
    nothing = without_slots(tiny_problem())
    values = prior_location(nothing, default_terms())
    found = predictive_checks(nothing, default_terms(), values, np.random.default_rng(1))
    assert found == PredictiveChecks(1, (), ())


def test_without_predictions_rt_is_not_checked(problem: AssignmentProblem) -> None:
    unknown = np.full(problem.n_slots, np.nan)
    found = check(replace(problem, rt_pred_min=unknown, rt_pred_sd_min=unknown, rt_z=unknown))
    assert {row.observable for row in found.checks} == {"mass", "assignment"}
    assert [row.observable for row in found.histograms] == ["mass"]


def test_rt_of_labelled_peaks_is_not_checked(problem: AssignmentProblem) -> None:
    found = check(replace(problem, is_labelled=np.ones(problem.n_peaks, dtype=np.bool_)))
    assert {row.observable for row in found.checks} == {"mass", "assignment"}


def test_errors_outside_the_windows_are_left_out(problem: AssignmentProblem) -> None:
    """A labelled compound far off in mass is no error of the instrument."""
    far = np.where(problem.peak_of_slot < 300, 500.0, problem.ppm_error)
    ends = np.flatnonzero(problem.peak_of_slot < 300)
    labelled = replace(problem, ppm_error=far, null_allowed=np.arange(problem.n_peaks) >= 300)
    assert ends.size > 300
    found = p_values(check(labelled))
    assert 0.001 < found["mass", "share_beyond_2"] < 0.999


def test_a_truncated_rt_window_is_no_misfit(problem: AssignmentProblem) -> None:
    """Candidates within 2 SDs only: no error is far, nor is a replicated one."""
    near = np.abs(problem.rt_z) <= 2.0
    cut = replace(problem, slot_allowed=near, rt_z=np.where(near, problem.rt_z, 0.0))
    found = {(row.observable, row.statistic): row for row in check(cut).checks if row.group == "all"}
    assert 0.001 < found["rt", "iqr_sd"].p_value < 0.999
    assert found["rt", "iqr_sd"].replicated_95 < 1.5


def test_quantiles_of_runs_equal_numpy(rng: np.random.Generator) -> None:
    size = np.array([5, 0, 1, 2, 40, 0])
    values = [np.sort(rng.normal(size=n)) for n in size]
    for share in (0.0, 0.25, 0.5, 0.9, 1.0):
        found = predictive._quantiles(np.concatenate(values), size, share)
        expected = [np.quantile(run, share) if run.size else np.nan for run in values]
        assert found == pytest.approx(expected, nan_ok=True, abs=1e-14)
