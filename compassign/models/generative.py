"""The generative model: a marginalised hierarchical mixture over candidates, background and unlisted twins."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pymc as pm

from compassign.models.draws import Block
from compassign.models.mixture import Evidence, MixtureInputs, PeakPosterior, log_likelihood, posterior, twin_weight
from compassign.models.problem import AssignmentProblem
from compassign.models.terms.base import Term, Values
from compassign.models.terms.mass import Mass
from compassign.models.terms.presence import Presence
from compassign.models.terms.retention import Retention
from compassign.units import FloatArray


@dataclass(frozen=True)
class GenerativeTerms:
    """The kinds of evidence of one model: weights and mass are in every model, the rest can be any number of terms."""

    presence: Term
    mass: Term
    rest: tuple[Term, ...]

    @property
    def all(self) -> tuple[Term, ...]:
        """Every term, in the order of the results' columns."""
        return (self.presence, self.mass, *self.rest)


def default_terms() -> GenerativeTerms:
    """Presence, mass and retention time."""
    return GenerativeTerms(presence=Presence(), mass=Mass(), rest=(Retention(),))


def build_generative_model(problem: AssignmentProblem, terms: GenerativeTerms) -> pm.Model:
    """The PyMC model whose only likelihood is the potential `log_likelihood`, (n_peaks,).

    Data that may change without a new compilation (labels, the unlisted share, every slot array) are `pm.Data`.
    """
    with pm.Model() as model:
        inputs = MixtureInputs(
            n_peaks=problem.n_peaks,
            peak_of_slot=pm.Data("peak_of_slot", problem.peak_of_slot),
            slot_allowed=pm.Data("slot_allowed", problem.slot_allowed.astype(np.float64)),
            null_allowed=pm.Data("null_allowed", problem.null_allowed.astype(np.float64)),
            twin_weight=pm.Data("twin_weight", twin_weight(problem.unlisted_share)),
        )
        rest = [term.build(problem) for term in terms.rest]
        per_peak = log_likelihood(inputs, terms.presence.build(problem), terms.mass.build(problem), sum(rest))
        pm.Potential("log_likelihood", per_peak)
    return model


def prior_location(problem: AssignmentProblem, terms: GenerativeTerms) -> dict[str, FloatArray]:
    """The prior's location of every free variable as a single draw, each with a leading axis of length 1."""
    return {name: value[None] for term in terms.all for name, value in term.location(problem).items()}


def slots_of(problem: AssignmentProblem, peaks: slice) -> slice:
    """The run of slots that belongs to a run of peaks."""
    return slice(int(problem.offsets[peaks.start]), int(problem.offsets[peaks.stop]))


def term_evidence(
    problem: AssignmentProblem, terms: GenerativeTerms, values: Values, peaks: slice
) -> dict[str, FloatArray]:
    """Each term's log contribution to the slots of a run of peaks: name -> (n_draws, n_slots of the peaks)."""
    slots = slots_of(problem, peaks)
    return {term.name: term.evaluate(problem, values, slots) for term in terms.all}


def peak_posterior(
    problem: AssignmentProblem, terms: GenerativeTerms, evidence: dict[str, FloatArray], peaks: slice
) -> PeakPosterior:
    """Responsibilities of a run of peaks from the evidence of `term_evidence`."""
    log_weight = evidence[terms.presence.name]
    rest = sum((evidence[term.name] for term in terms.rest), np.zeros_like(log_weight))
    return posterior(problem, Evidence(log_weight, evidence[terms.mass.name], rest), peaks)


def to_block(peaks: PeakPosterior, evidence: dict[str, FloatArray]) -> Block:
    """Responsibilities in the form that all models share, with each term's mean log contribution."""
    return Block(
        slot=peaks.slot,
        null=peaks.background + peaks.unlisted,
        unlisted=peaks.unlisted,
        evidence={name: values.mean(axis=0) for name, values in evidence.items()},
    )
