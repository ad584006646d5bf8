"""Statements of annotators who may be wrong: the NumPy reference against enumeration, and its limits."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from itertools import combinations

import numpy as np
import pytest
from assignment_problems import NO_SLOTS, ONE_SLOT, random_values, slots_of_peak, tiny_problem, with_statements
from scipy.special import logit

from compassign.models import reliability
from compassign.models.generative import default_terms, hyperparameters, peak_posterior, prior_location, term_evidence
from compassign.models.mixture import PeakPosterior
from compassign.models.problem import AssignmentProblem
from compassign.models.statements import Statement
from compassign.units import FloatArray

TERMS = default_terms()
PEAKS = slice(0, 5)
ANNOTATORS = ("ada", "bo", "cy")
RELIABILITIES = (0.9, 0.6, 0.97)
NULL = "null"
UNLISTED_SHARE = 0.1

# Peak 0 has the compounds 0, 1, 2; peak 1 has 1, 3; peak 2 has 0 (twice) and 3; peak 4 has 2 alone.
Said = Mapping[tuple[int, int], Collection[int]]  # (peak, annotator) -> compounds; none = null


def problem_with(said: Said, labels: Mapping[int, Collection[int]] | None = None) -> AssignmentProblem:
    statements = [Statement(peak, frozenset(named), annotator) for (peak, annotator), named in said.items()]
    return with_statements(tiny_problem(labels, UNLISTED_SHARE), statements, ANNOTATORS)


def answer(
    problem: AssignmentProblem,
    values: Mapping[str, FloatArray],
    reliabilities: Collection[float] = RELIABILITIES,
    peaks: slice = PEAKS,
) -> PeakPosterior:
    n_draws = values["alpha"].shape[0]
    values = {**values, reliability.NAME: np.tile(logit(list(reliabilities)), (n_draws, 1))}
    emission = reliability.emission(problem, values, peaks)
    return peak_posterior(problem, TERMS, term_evidence(problem, TERMS, values, peaks), peaks, emission)


@pytest.fixture
def values(rng: np.random.Generator) -> dict[str, FloatArray]:
    return random_values(tiny_problem(), TERMS.all, rng, 3)


def probability_of_statement(named: frozenset[object], truth: object, options: set[object], rho: float) -> float:
    """Of all sets of this size, those with the truth share rho evenly, and the others the rest."""
    sets = [frozenset(chosen) for chosen in combinations(options, len(named))]
    alike = [chosen for chosen in sets if (truth in chosen) == (truth in named)]
    return (rho if truth in named else 1.0 - rho) / len(alike)


def enumerated(
    problem: AssignmentProblem, said: Said, values: Mapping[str, FloatArray], draw: int, peak: int
) -> tuple[dict[str, float], float]:
    """Probability of each option of a peak, and the log probability of what is seen and said, in plain Python."""
    slots = range(*slots_of_peak(problem, peak).indices(problem.n_slots))
    evidence = {name: of_slots[draw] for name, of_slots in term_evidence(problem, TERMS, values, slice(0, 5)).items()}
    options: set[object] = {NULL, *(int(problem.compound[slot]) for slot in slots)}
    prior, density = {"background": 1.0}, {"background": 1.0}
    truth: dict[str, object] = {"background": NULL}
    for slot in slots:
        weight, mass = math.exp(evidence["presence"][slot]), math.exp(evidence["mass"][slot])
        prior |= {f"slot {slot}": weight, f"twin {slot}": problem.twin_weight[slot] * weight}
        of_slot, of_twin = math.exp(evidence["retention"][slot]), problem.twin_rt_ratio[slot]
        density |= {f"slot {slot}": mass * of_slot, f"twin {slot}": mass * of_twin}
        truth |= {f"slot {slot}": int(problem.compound[slot]), f"twin {slot}": NULL}
    joint = {}
    for option, share in prior.items():
        heard = 1.0
        for (about, annotator), compounds in said.items():
            if about == peak:
                named: frozenset[object] = frozenset(compounds or (NULL,))
                heard *= probability_of_statement(named, truth[option], options, RELIABILITIES[annotator])
        joint[option] = share / sum(prior.values()) * density[option] * heard
    total = sum(joint.values())
    return {option: weight / total for option, weight in joint.items()}, math.log(total)


STATEMENTS: Mapping[str, Said] = {
    "single": {(0, 0): [1], (4, 1): [2]},
    "set": {(0, 1): [0, 2], (1, 2): [1, 3]},
    "null": {(0, 2): [], (4, 0): []},
    "two adducts of one compound": {(2, 0): [0], (2, 1): [3]},
    "several, all kinds": {(0, 0): [1], (0, 1): [0, 1], (0, 2): [], (1, 1): [], (2, 2): [0, 3], (2, 0): []},
    "two statements of one annotator": {(0, 1): [1], (1, 1): [3], (2, 1): [0], (4, 1): []},
}


@pytest.mark.parametrize("said", STATEMENTS.values(), ids=STATEMENTS)
def test_posterior_equals_enumeration(said: Said, values: dict[str, FloatArray]) -> None:
    problem = problem_with(said)
    found = answer(problem, values)
    for draw in range(3):
        for peak in (0, 1, 2, ONE_SLOT):
            expected, log_probability = enumerated(problem, said, values, draw, peak)
            slots = slots_of_peak(problem, peak)
            listed = [expected[f"slot {slot}"] for slot in range(slots.start, slots.stop)]
            twins = sum(expected[f"twin {slot}"] for slot in range(slots.start, slots.stop))
            assert found.slot[draw, slots] == pytest.approx(listed, abs=1e-12)
            assert found.background[draw, peak] == pytest.approx(expected["background"], abs=1e-12)
            assert found.unlisted[draw, peak] == pytest.approx(twins, abs=1e-12)
            # the package leaves out what no parameter changes: how many sets of that size have the truth
            n_options = np.unique(problem.compound[slots]).size + 1
            sizes = [len(named) or 1 for (about, _), named in said.items() if about == peak]
            left_out = sum(math.log(math.comb(n_options - 1, size - 1)) for size in sizes)
            assert found.log_likelihood[draw, peak] == pytest.approx(log_probability + left_out, abs=1e-12)


def test_statement_probabilities_sum_to_one() -> None:
    """A check on the enumeration: something is said, whatever is true."""
    options: set[object] = {NULL, 0, 1, 2}
    for size in (1, 2, 3):
        for truth in options:
            sets = (frozenset(chosen) for chosen in combinations(options, size))
            assert sum(probability_of_statement(s, truth, options, 0.8) for s in sets) == pytest.approx(1.0)


@pytest.mark.parametrize("named", [[1], [0, 2], [0, 1, 2], []], ids=str)
def test_full_reliability_is_a_label(named: list[int], values: dict[str, FloatArray]) -> None:
    labelled = answer(problem_with({}, {0: named}), values)
    problem = problem_with({(0, 0): named})
    distances = []
    for rho in (0.9, 0.999, 1.0 - 1e-9, 1.0):
        found = answer(problem, values, (rho, 0.5, 0.5))
        distances.append(
            np.abs(found.slot - labelled.slot).max() + np.abs(found.background - labelled.background).max()
        )
    assert distances == sorted(distances, reverse=True)
    assert distances[0] > distances[2]
    assert distances[-1] < 1e-14
    assert found.log_likelihood == pytest.approx(labelled.log_likelihood, abs=1e-14)


def test_one_who_guesses_says_nothing(values: dict[str, FloatArray]) -> None:
    """Of four options, one is named by chance a quarter of the time."""
    silent, guessed = answer(problem_with({}), values), answer(problem_with({(0, 0): [1]}), values, (0.25, 0.5, 0.5))
    assert guessed.slot == pytest.approx(silent.slot, abs=1e-14)
    assert guessed.background == pytest.approx(silent.background, abs=1e-14)


def test_agreement_raises_and_disagreement_spreads(values: dict[str, FloatArray]) -> None:
    rho = (0.9, 0.9, 0.9)
    one = answer(problem_with({(0, 0): [1]}), values, rho).slot[:, 1]
    agree = answer(problem_with({(0, 0): [1], (0, 1): [1]}), values, rho).slot[:, 1]
    silent = answer(problem_with({}), values, rho).slot
    split = answer(problem_with({(0, 0): [1], (0, 1): [0]}), values, rho).slot
    assert (silent[:, 1] < one).all()
    assert (one < agree).all()
    assert (split[:, 1] < one).all()
    # equally good annotators cancel between what they name, and together speak against the rest
    assert split[:, 0] / split[:, 1] == pytest.approx(silent[:, 0] / silent[:, 1], rel=1e-12)
    assert (split[:, 2] < silent[:, 2]).all()


def test_a_statement_is_about_its_peak_only(values: dict[str, FloatArray]) -> None:
    silent, said = answer(problem_with({}), values), answer(problem_with({(0, 0): [1], (2, 1): []}), values)
    assert (said.log_likelihood[:, [0, 2]] != silent.log_likelihood[:, [0, 2]]).all()
    assert (said.log_likelihood[:, [1, 3, 4]] == silent.log_likelihood[:, [1, 3, 4]]).all()


@pytest.mark.parametrize("named", [[], [2]])
def test_nothing_is_said_of_a_peak_without_slots(named: list[int], values: dict[str, FloatArray]) -> None:
    problem = problem_with({(NO_SLOTS, 0): named})
    assert problem.statements.peak.size == 0
    found = answer(problem, values)
    assert (found.background[:, NO_SLOTS] == 1.0).all()
    assert (found.log_likelihood[:, NO_SLOTS] == 0.0).all()


def test_a_compound_elsewhere_speaks_against_all_slots_and_the_null(values: dict[str, FloatArray]) -> None:
    """Nothing that is possible was named: all options are as unlikely as before against each other."""
    silent, said = answer(problem_with({}), values), answer(problem_with({(0, 0): [3]}), values)
    assert said.slot == pytest.approx(silent.slot, abs=1e-14)
    assert (said.log_likelihood[:, 0] < silent.log_likelihood[:, 0]).all()


def test_runs_of_peaks_are_parts_of_the_whole(values: dict[str, FloatArray]) -> None:
    problem = problem_with(STATEMENTS["several, all kinds"], {1: [3]})
    whole = answer(problem, values)
    for peaks in (slice(0, 1), slice(1, 3), slice(2, 5), slice(3, 4)):
        part = answer(problem, values, peaks=peaks)
        slots = slice(int(problem.offsets[peaks.start]), int(problem.offsets[peaks.stop]))
        assert part.slot == pytest.approx(whole.slot[:, slots], abs=1e-15)
        assert part.background == pytest.approx(whole.background[:, peaks], abs=1e-15)
        assert part.log_likelihood == pytest.approx(whole.log_likelihood[:, peaks], abs=1e-15)


def test_reliabilities_are_parameters_of_the_model() -> None:
    said, unsaid = problem_with({(0, 0): [1]}), tiny_problem()
    assert prior_location(said, TERMS)[reliability.NAME] == pytest.approx(np.full((1, 3), logit(0.95)))
    assert reliability.NAME in hyperparameters(said, TERMS)
    assert reliability.NAME not in prior_location(unsaid, TERMS)
    assert reliability.NAME not in hyperparameters(unsaid, TERMS)
