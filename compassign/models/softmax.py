"""Baseline `softmax`: a Categorical over candidates and null with Beta presence priors and a temperature."""

from __future__ import annotations

from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt

from compassign.models.draws import Block, DrawSource
from compassign.models.labelled import LabelledPart, label_log_likelihood, normalise
from compassign.models.problem import AssignmentProblem
from compassign.models.terms.base import Values
from compassign.models.terms.mass import Mass
from compassign.models.terms.retention import Retention
from compassign.units import FloatArray

PRESENCE_MEAN = 0.25  # of the Beta prior: a candidate is present a quarter of the time
PRESENCE_COUNT = 4.0  # observations that the prior of one compound is worth
LOG_TEMPERATURE_SD = 0.5  # half-normal: a temperature below 1 would sharpen densities, which only overfitting rewards
LOG_NULL_SD = 2.0
HYPERPARAMETERS = ("log_temperature", "log_null")


def fixed_evidence(problem: AssignmentProblem) -> FloatArray:
    """(n_slots,) log evidence of mass and RT at the location of the generative model's priors."""
    total = np.zeros(problem.n_slots)
    for term in (Mass(), Retention()):
        location = {name: value[None] for name, value in term.location(problem).items()}
        total += term.evaluate(problem, location, slice(0, problem.n_slots))[0]
    return total


def build_softmax_model(problem: AssignmentProblem, part: LabelledPart) -> pm.Model:
    """The PyMC model of the labels; presence has one Beta variable for each compound that a labelled peak may be."""
    compounds, index = np.unique(problem.compound[part.slots], return_inverse=True)
    with pm.Model(coords={"labelled_compound": compounds}) as model:
        a, b = PRESENCE_COUNT * PRESENCE_MEAN, PRESENCE_COUNT * (1 - PRESENCE_MEAN)
        presence = pm.Beta("presence", a, b, dims="labelled_compound")
        temperature = pt.exp(pm.HalfNormal("log_temperature", LOG_TEMPERATURE_SD))
        log_null = pm.Normal("log_null", 0.0, LOG_NULL_SD)
        evidence = fixed_evidence(problem)[part.slots]
        logit: Any = pt.log(presence) - pt.log1p(-presence)
        log_odds = (logit[index] + evidence) / temperature
        pm.Potential("log_likelihood", label_log_likelihood(part, log_odds, log_null / temperature))
    return model


def prior_location() -> dict[str, FloatArray]:
    """A single draw at the priors' location, with no labelled compound."""
    return {"presence": np.zeros((1, 0)), "log_temperature": np.zeros(1), "log_null": np.zeros(1)}


def softmax_source(
    problem: AssignmentProblem, part: LabelledPart, values: Values, shape: tuple[int, int], rng: np.random.Generator
) -> DrawSource:
    """Draws of `p` for every peak.

    values : free variables with one leading axis of shape[0] * shape[1] draws. A compound without a labelled peak has
    the presence that its Beta prior gives, drawn from rng (its mean where there is a single draw).
    """
    in_play, index = np.unique(problem.compound, return_inverse=True)
    size = (values["log_null"].size, in_play.size)
    presence = np.full(size, PRESENCE_MEAN)
    if size[0] > 1:
        presence = rng.beta(PRESENCE_COUNT * PRESENCE_MEAN, PRESENCE_COUNT * (1 - PRESENCE_MEAN), size)
    seen = np.unique(problem.compound[part.slots])[: values["presence"].shape[1]]
    presence[:, np.searchsorted(in_play, seen)] = values["presence"]
    presence = np.clip(presence, np.finfo(np.float64).tiny, 1 - np.finfo(np.float64).eps)
    logit = np.log(presence) - np.log1p(-presence)  # (n_draws, n_in_play)
    evidence = fixed_evidence(problem)
    temperature = np.exp(values["log_temperature"])

    def block(peaks: slice) -> Block:
        slots = slice(int(problem.offsets[peaks.start]), int(problem.offsets[peaks.stop]))
        prior = logit[:, index[slots]]
        log_odds = (prior + evidence[slots]) / temperature[:, None]
        slot, null = normalise(problem, log_odds, values["log_null"] / temperature, peaks)
        shares = {"presence": prior.mean(axis=0), "mass_and_retention": evidence[slots]}
        return Block(slot, null, np.zeros_like(null), shares)

    return DrawSource(problem.offsets, *shape, block)
