"""The look-up equals a computation in plain Python."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from assignment_problems import NO_SLOTS, slots_of_peak, tiny_problem

from compassign.models.lookup import lookup_log_odds, lookup_source
from compassign.models.problem import AssignmentProblem


def plain_odds(problem: AssignmentProblem, slot: int) -> float:
    """Adduct weight x mass density x RT density, against densities uniform over the mass window and the RT span."""
    name = problem.adduct_names[problem.adduct[slot]]
    weight = 1.0 if name in {"[M+H]+", "[M-H]-"} or name.startswith("[M]") else 0.1
    mass = math.exp(-0.5 * (problem.ppm_error[slot] / 2.5) ** 2) / (2.5 * math.sqrt(2 * math.pi))
    odds = weight * mass * 2 * problem.mass_window_ppm
    predicted = problem.rt_pred_min[slot]
    if not math.isnan(predicted):
        sd = math.hypot(problem.rt_pred_sd_min[slot], problem.rt_noise_min)
        z = (problem.rt_min[problem.peak_of_slot[slot]] - predicted) / sd
        odds *= math.exp(-0.5 * z * z) / (sd * math.sqrt(2 * math.pi)) * (max(problem.rt_min) - min(problem.rt_min))
    return odds


def test_log_odds_equal_plain_python() -> None:
    problem = replace(tiny_problem(), ppm_error=np.array([1.5, 1.5, -6.0, -2.0, 4.0, 0.5, 7.49, -0.5, 3.0]))
    expected = [math.log(plain_odds(problem, slot)) for slot in range(problem.n_slots)]
    assert lookup_log_odds(problem) == pytest.approx(expected, abs=1e-12)


def test_probabilities_equal_plain_python() -> None:
    problem = tiny_problem()
    block = lookup_source(problem).block(slice(0, problem.n_peaks))
    for peak in range(problem.n_peaks):
        slots = slots_of_peak(problem, peak)
        # 3 SDs of 2.5 ppm are the limit of a look-up
        odds = [
            plain_odds(problem, s) if abs(problem.ppm_error[s]) <= 7.5 else 0.0 for s in range(slots.start, slots.stop)
        ]
        assert block.slot[0, slots] == pytest.approx([value / (1 + sum(odds)) for value in odds], abs=1e-12)
        assert block.null[0, peak] == pytest.approx(1 / (1 + sum(odds)), abs=1e-12)
    assert block.null[0, NO_SLOTS] == 1.0
    assert (block.unlisted == 0).all()


@pytest.mark.parametrize(("ppm", "is_possible"), [(7.49, True), (-7.49, True), (7.51, False), (-7.51, False)])
def test_mass_limit(ppm: float, is_possible: bool) -> None:
    problem = replace(tiny_problem(), ppm_error=np.full(9, ppm))
    block = lookup_source(problem).block(slice(0, problem.n_peaks))
    assert (block.slot > 1e-12).all() == is_possible
    assert (block.slot > 1e-12).any() == is_possible


@pytest.mark.parametrize(
    ("adduct", "weight"),
    [("[M+H]+", 1.0), ("[M-H]-", 1.0), ("[M]+", 1.0), ("[M+Na]+", 0.1), ("[M+HCOO]-", 0.1), ("[2M+H]+", 0.0)],
)
def test_adduct_weights(adduct: str, weight: float) -> None:
    problem = replace(tiny_problem(), adduct_names=(adduct, "[M+H]+", "[M+H]+"))
    reference = replace(problem, adduct_names=("[M+H]+",) * 3)
    change = np.exp(lookup_log_odds(problem) - lookup_log_odds(reference))
    assert change == pytest.approx(np.where(problem.adduct == 0, weight, 1.0), abs=1e-12)


def test_a_label_clamps_even_an_impossible_slot() -> None:
    problem = replace(tiny_problem({4: [2]}), ppm_error=np.full(9, 14.0))
    block = lookup_source(problem).block(slice(0, problem.n_peaks))
    assert block.slot[0, slots_of_peak(problem, 4)].tolist() == [1.0]
    assert block.null[0, 4] == 0.0


def test_blocks_of_peaks_join_to_the_whole() -> None:
    problem = tiny_problem({0: [1]})
    source = lookup_source(problem)
    whole = source.block(slice(0, 5))
    parts = [source.block(slice(start, start + 1)) for start in range(5)]
    assert np.concatenate([part.slot for part in parts], axis=1) == pytest.approx(whole.slot, abs=0)
    assert np.concatenate([part.null for part in parts], axis=1) == pytest.approx(whole.null, abs=0)
    assert (source.n_chains, source.n_draws) == (1, 1)
