"""The softmax baseline's probabilities: presence odds times fixed evidence, over a temperature."""

from __future__ import annotations

import numpy as np
import pytest
from assignment_problems import slots_of_peak, tiny_problem
from compiled_mixture import compile_quickly

from compassign.models import student
from compassign.models.draws import Block
from compassign.models.labelled import labelled_part
from compassign.models.problem import AssignmentProblem
from compassign.models.softmax import (
    PRESENCE_COUNT,
    build_softmax_model,
    fixed_evidence,
    prior_location,
    softmax_source,
)
from compassign.units import FloatArray

LABELS = {0: [1], 1: []}  # peaks 0 and 1 may be the compounds 0, 1, 2, 3; all of them are then labelled


def evidence_by_hand(problem: AssignmentProblem) -> FloatArray:
    """Mass around 0 with a scale of 3 ppm inside the window, RT around the prediction with the RT stage's noise."""
    ppm = problem.ppm_error
    window = student.cdf(5.0) - student.cdf(-5.0)
    mass = np.exp(student.log_density(ppm / 3.0, np.log(3.0))) / window * 30.0
    scale = np.hypot(problem.rt_pred_sd_min, 0.05)
    rt_min = problem.rt_min[problem.peak_of_slot]
    time = np.exp(student.log_density((rt_min - problem.rt_pred_min) / scale, np.log(scale)))
    time = time / np.exp(problem.log_rt_density[problem.peak_of_slot])
    return np.asarray(np.log(mass * np.where(np.isnan(time), 1.0, time)))


def predict(problem: AssignmentProblem, values: dict[str, FloatArray], seed: int = 0) -> Block:
    n_draws = values["log_null"].size
    rng = np.random.default_rng(seed)
    source = softmax_source(problem, labelled_part(problem), values, (1, n_draws), rng)
    return source.block(slice(0, problem.n_peaks))


def test_evidence_is_that_of_the_priors_location() -> None:
    assert fixed_evidence(tiny_problem()) == pytest.approx(evidence_by_hand(tiny_problem()), abs=1e-12)


def test_prior_gives_every_compound_odds_of_a_third() -> None:
    problem = tiny_problem()
    block = predict(problem, prior_location())
    odds = np.exp(evidence_by_hand(problem)) / 3
    for peak in range(problem.n_peaks):
        own = odds[slots_of_peak(problem, peak)]
        assert block.slot[0, slots_of_peak(problem, peak)] == pytest.approx(own / (1 + own.sum()), abs=1e-12)
        assert block.null[0, peak] == pytest.approx(1 / (1 + own.sum()), abs=1e-12)
    assert (block.unlisted == 0).all()


def test_labelled_compounds_have_the_presence_that_was_drawn() -> None:
    problem = tiny_problem(LABELS)
    presence = np.array([[0.2, 0.5, 0.9, 0.1], [0.6, 0.3, 0.5, 0.8]])
    values = {
        "presence": presence,
        "log_temperature": np.array([0.0, np.log(2.0)]),
        "log_null": np.array([0.5, -1.0]),
    }
    block = predict(problem, values)
    slots = slots_of_peak(problem, 2)
    for draw, temperature in enumerate([1.0, 2.0]):
        drawn = presence[draw, problem.compound[slots]]
        log_odds = np.log(drawn / (1 - drawn)) + evidence_by_hand(problem)[slots]
        odds, null = np.exp(log_odds / temperature), np.exp(values["log_null"][draw] / temperature)
        assert block.slot[draw, slots] == pytest.approx(odds / (odds.sum() + null), abs=1e-12)
    assert (block.slot[:, :3] == [0.0, 1.0, 0.0]).all()
    assert (block.null[:, 1] == 1.0).all()


def test_unlabelled_compounds_are_drawn_from_their_beta() -> None:
    """Only compound 2, of peak 4, is labelled; the presence of the others spreads around its mean."""
    n_draws = 4000
    problem = tiny_problem({4: [2]})
    values = {
        "presence": np.full((n_draws, 1), 0.5),
        "log_temperature": np.zeros(n_draws),
        "log_null": np.zeros(n_draws),
    }
    block = predict(problem, values)
    compound = problem.compound[:8]  # all slots but that of the labelled peak
    odds = block.slot[:, :8] / block.null[:, problem.peak_of_slot[:8]] / np.exp(evidence_by_hand(problem)[:8])
    presence = odds / (1 + odds)
    sd = np.sqrt(0.25 * 0.75 / (PRESENCE_COUNT + 1))
    assert presence[:, compound != 2].mean(axis=0) == pytest.approx(0.25, abs=5 * sd / np.sqrt(n_draws))
    assert presence[:, compound != 2].std(axis=0) == pytest.approx(sd, rel=0.05)
    assert presence[:, compound == 2] == pytest.approx(0.5)
    same, other = predict(problem, values), predict(problem, values, seed=1)
    assert (same.slot == block.slot).all()
    assert not np.array_equal(other.slot[:, 0], block.slot[:, 0])


def test_presence_at_the_ends_of_its_range_stays_finite() -> None:
    values = {
        "presence": np.array([[0.0, 1.0, 0.0, 1.0], [1.0, 0.0, 1.0, 0.0]]),
        "log_temperature": np.zeros(2),
        "log_null": np.zeros(2),
    }
    block = predict(tiny_problem(LABELS), values)
    assert np.isfinite(block.slot).all()
    assert np.isfinite(block.null).all()


def test_model_likelihood_is_the_probability_of_the_labels(rng: np.random.Generator) -> None:
    """The graph that is fitted and the probabilities that are reported are one formula."""
    labels = {0: [0, 2], 1: [], 2: [0]}
    problem = tiny_problem(labels)
    model = build_softmax_model(problem, labelled_part(problem))
    function = compile_quickly(model, model.potentials[0])
    values = {
        "presence": rng.uniform(0.1, 0.9, (5, 4)),
        "log_temperature": rng.normal(0, 0.5, 5),
        "log_null": rng.normal(0, 1, 5),
    }
    open_ = softmax_source(tiny_problem(), labelled_part(problem), values, (1, 5), rng).block(slice(0, 5))
    expected = np.log(
        np.stack([open_.slot[:, [0, 2]].sum(axis=1), open_.null[:, 1], open_.slot[:, 5:7].sum(axis=1)], axis=1)
    )
    found = [function(*(values[variable.name][draw] for variable in model.free_RVs)) for draw in range(5)]
    assert np.array(found) == pytest.approx(expected, abs=1e-10)
