"""The adducts of the peak table: believed as far as they prove right, and never more than a label."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from assignment_problems import random_problem, slots_of_peak, tiny_problem, with_labels
from small_dataset import make_dataset
from test_problem import SLOTS, make_problem

from compassign.chemistry.stated_adducts import Stated, compare_adducts
from compassign.models.generative import default_terms, peak_posterior, prior_location, term_evidence, terms_of
from compassign.models.mixture import PeakPosterior
from compassign.models.problem import AssignmentProblem
from compassign.models.terms.base import Values
from compassign.models.terms.upstream import MEAN
from compassign.units import FloatArray

EVERYTHING = slice(0, 5)


def stated(problem: AssignmentProblem, names: list[str]) -> AssignmentProblem:
    """The problem with an adduct for each peak, "" = none."""
    found = compare_adducts(names, problem.adduct_names)
    return replace(problem, upstream=found[problem.peak_of_slot, problem.adduct])


def posterior_of(problem: AssignmentProblem, values: Values | None = None) -> PeakPosterior:
    terms, peaks = terms_of(problem), slice(0, problem.n_peaks)
    values = prior_location(problem, terms) if values is None else values
    return peak_posterior(problem, terms, term_evidence(problem, terms, values, peaks), peaks)


def test_a_table_without_adducts_has_no_such_term_and_the_same_answer() -> None:
    plain = tiny_problem()
    assert [term.name for term in terms_of(plain).all] == [term.name for term in default_terms().all]
    assert make_problem(make_dataset()).upstream is None
    silent = posterior_of(stated(plain, [""] * 5))
    assert (silent.slot == posterior_of(plain).slot).all()


def test_slots_are_compared_with_their_own_peak() -> None:
    dataset = make_dataset()
    names = ["[M+NH4]+", "", "[M+H]+", "[M+H]+", ""]
    problem = make_problem(replace(dataset, peaks=dataset.peaks.assign(adduct=names)))
    agrees, other = Stated.AGREES, Stated.CONTRADICTS
    assert [slot[:3:2] for slot in SLOTS] == [(0, 0), (0, 0), (0, 3), (1, 0), (1, 3), (2, 0), (2, 0), (4, 0)]
    assert problem.stated_adducts.tolist() == [other, other, agrees, 0, 0, agrees, agrees, 0]


def test_agreement_moves_the_weight_of_an_ion_and_its_twin_but_not_that_of_one_isomer() -> None:
    before, after = posterior_of(tiny_problem()), posterior_of(stated(tiny_problem(), ["[M+H]+", "", "", "", ""]))
    own = slots_of_peak(tiny_problem(), 0)  # two isomers as [M+H]+, then another compound as [M+Na]+
    odds = [found.slot[0, own] / found.background[0, 0] for found in (before, after)]
    assert odds[1] / odds[0] == pytest.approx(np.exp([MEAN[Stated.AGREES]] * 2 + [MEAN[Stated.CONTRADICTS]]))
    assert after.slot[0, slots_of_peak(tiny_problem(), 2)] == pytest.approx(
        before.slot[0, slots_of_peak(tiny_problem(), 2)]
    )


def test_an_adduct_that_is_nobodys_speaks_for_the_null() -> None:
    before, after = (posterior_of(stated(tiny_problem(), [name] * 5)) for name in ("", "[M-2H]2-"))
    has_slots = np.diff(tiny_problem().offsets) > 0
    assert (after.background[0, has_slots] > before.background[0, has_slots]).all()


def test_a_label_overrules_it() -> None:
    problem = stated(with_labels(tiny_problem(), {0: [2]}), ["[M+H]+", "", "", "", ""])
    assert posterior_of(problem).slot[0, slots_of_peak(problem, 0)] == pytest.approx([0, 0, 1])


def likelihood(problem: AssignmentProblem, gap: float) -> float:
    """Log-likelihood where agreeing ions weigh `gap` more than contradicting ones, and hardly a peak is background."""
    values = {**prior_location(problem, terms_of(problem)), "upstream_effect": np.array([[gap / 2, -gap / 2]])}
    values["species_effect"] = np.full((1, 2), 8.0)
    return float(posterior_of(problem, values).log_likelihood.sum())


def test_right_adducts_are_learned_to_be_believed_and_guessed_ones_not(rng: np.random.Generator) -> None:
    """One slot of each peak has a tiny mass error, the others large ones: its adduct is the true one."""
    n_peaks = 400
    problem = random_problem(rng, n_peaks, 6, np.full(n_peaks, 3))
    adduct = np.tile(np.arange(3), n_peaks)
    true = rng.integers(0, 3, n_peaks)
    error = np.where(adduct == np.repeat(true, 3), 0.5, 14.0)
    clear = replace(problem, adduct=adduct, ppm_error=error, family=np.zeros(3 * n_peaks, dtype=np.int64))
    gaps = np.linspace(-2.0, 6.0, 33)

    def best(said: FloatArray) -> float:
        told = stated(clear, [clear.adduct_names[at] for at in said])
        return float(gaps[np.argmax([likelihood(told, gap) for gap in gaps])])

    mostly_right = np.where(rng.random(n_peaks) < 0.9, true, rng.integers(0, 3, n_peaks))
    assert best(mostly_right) > 1.5
    assert abs(best(rng.permutation(mostly_right))) < 1.0
