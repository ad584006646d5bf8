"""The generative model: a marginalised hierarchical mixture over candidates, background and unlisted twins."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt

from compassign.chemistry.families import Family
from compassign.chemistry.stated_adducts import Stated
from compassign.models import reliability
from compassign.models.draws import Block
from compassign.models.fused.layout import lay_out
from compassign.models.fused.op import fused_log_likelihood
from compassign.models.mixture import (
    NOTHING_SAID,
    Emission,
    Evidence,
    MixtureInputs,
    PeakPosterior,
    log_likelihood,
    posterior,
)
from compassign.models.problem import AssignmentProblem
from compassign.models.terms.base import Term, Values
from compassign.models.terms.family import Company
from compassign.models.terms.mass import Mass
from compassign.models.terms.presence import Presence
from compassign.models.terms.retention import Retention
from compassign.models.terms.spectra import Spectra
from compassign.models.terms.upstream import UpstreamAdduct
from compassign.units import FloatArray


@dataclass(frozen=True)
class GenerativeTerms:
    """The kinds of evidence of one model: weights and mass are in every model, the rest can be any number of terms.

    family, upstream : add to the weights of presence; None leaves one out.
    """

    presence: Term
    mass: Term
    rest: tuple[Term, ...]
    family: Company | None = None
    upstream: UpstreamAdduct | None = None

    @property
    def all(self) -> tuple[Term, ...]:
        """Every term, in the order of the results' columns."""
        return (self.presence, *self.of_weights, self.mass, *self.rest)

    @property
    def of_weights(self) -> tuple[Term, ...]:
        """What adds to the weights of presence."""
        return tuple(term for term in (self.family, self.upstream) if term is not None)


def default_terms() -> GenerativeTerms:
    """Presence, families of ions, mass and retention time."""
    return GenerativeTerms(presence=Presence(), mass=Mass(), rest=(Retention(),), family=Company())


def terms_of(problem: AssignmentProblem) -> GenerativeTerms:
    """The default terms, and those for which the problem has what they read."""
    terms = default_terms()
    return replace(
        terms,
        rest=terms.rest if problem.spectra_log_ratio is None else (*terms.rest, Spectra()),
        upstream=None if problem.upstream is None else UpstreamAdduct(),
    )


def build_generative_model(problem: AssignmentProblem, terms: GenerativeTerms) -> pm.Model:
    """The PyMC model that is sampled: its likelihood is one fused Op, the potential `log_likelihood`, a scalar.

    A term that the kernel does not know is a plain graph beside it. What comes from the problem is `pm.Data`.
    """
    with pm.Model() as model:
        presence = terms.presence.parameters(problem)
        company = terms.family.parameters(problem)["effect"] if terms.family else pt.zeros(len(Family))
        stated = terms.upstream.parameters(problem)["effect"] if terms.upstream else pt.zeros(len(Stated))
        mass = terms.mass.parameters(problem)
        rest = {term: term.parameters(problem) for term in terms.rest}
        in_kernel = [term for term in terms.rest if isinstance(term, Retention)]
        retention = {"noise": pt.ones(()), "drift": pt.zeros_like(mass["offset"])}
        if in_kernel:
            found = rest.pop(in_kernel[0])
            retention = {"noise": found["noise"], "drift": found["drift"][mass["injection"]]}
        data, order = lay_out(problem, bool(in_kernel))
        shared = [pm.Data(name, values) for name, values in data._asdict().items()]
        extra: Any = sum(term.contribution(problem, of_term) for term, of_term in rest.items())
        parameters: dict[str, Any] = {
            "species_effect": presence["species"],
            "group_effect": presence["group"],
            "ion_effect": (presence["adduct"][:, None, None] + company[:, None] + stated).ravel(),
            "known_effect": presence["known_in"],
            "mass_offset_ppm": mass["offset"],
            "mass_log_scale": mass["log_scale"],
            "rt_noise_min": retention["noise"],
            "rt_drift_min": retention["drift"],
            "reliability": pt.concatenate([np.ones(1), reliability.reliability(problem)]),
            "extra": extra[pm.Data("slot_order", order)] if rest else pt.zeros(0),
        }
        pm.Potential("log_likelihood", fused_log_likelihood(shared, parameters))
    return model


def build_reference_model(problem: AssignmentProblem, terms: GenerativeTerms) -> pm.Model:
    """The same model as a plain graph, which defines it: the potential `log_likelihood` is (n_peaks,)."""
    with pm.Model() as model:
        of = {term.name: term.contribution(problem, term.parameters(problem)) for term in terms.all}
        mass, weight = of.pop(terms.mass.name), of.pop(terms.presence.name)
        weight = weight + sum(of.pop(term.name) for term in terms.of_weights)
        of_slots, of_nulls = reliability.log_emission(problem, reliability.reliability(problem))
        inputs = MixtureInputs(
            peak_of_slot=pm.Data("peak_of_slot", problem.peak_of_slot),
            slot_emission=pm.Data("slot_allowed", problem.slot_allowed.astype(np.float64)) * pt.exp(of_slots),
            null_emission=pm.Data("null_allowed", problem.null_allowed.astype(np.float64)) * pt.exp(of_nulls),
            twin_weight=pm.Data("twin_weight", problem.twin_weight),
            twin_rt_ratio=pm.Data("twin_rt_ratio", problem.twin_rt_ratio),
        )
        pm.Potential("log_likelihood", log_likelihood(inputs, weight, mass, sum(of.values())))
    return model


def prior_location(problem: AssignmentProblem, terms: GenerativeTerms) -> dict[str, FloatArray]:
    """The prior's location of every free variable as a single draw, each with a leading axis of length 1."""
    locations = [*(term.location(problem) for term in terms.all), reliability.location(problem)]
    return {name: value[None] for location in locations for name, value in location.items()}


def hyperparameters(problem: AssignmentProblem, terms: GenerativeTerms) -> tuple[str, ...]:
    """Names of the free variables that the convergence verdict judges."""
    return (*(name for term in terms.all for name in term.hyperparameters(problem)), *reliability.location(problem))


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
    problem: AssignmentProblem,
    terms: GenerativeTerms,
    evidence: dict[str, FloatArray],
    peaks: slice,
    emission: Emission = NOTHING_SAID,
) -> PeakPosterior:
    """Responsibilities of a run of peaks from the evidence of `term_evidence` and the emission of statements."""
    log_weight = log_weights(terms, evidence)
    rest = sum((evidence[term.name] for term in terms.rest), np.zeros_like(log_weight))
    return posterior(problem, Evidence(log_weight, evidence[terms.mass.name], rest, emission), peaks)


def log_weights(terms: GenerativeTerms, evidence: dict[str, FloatArray]) -> FloatArray:
    """Log weight of every slot against the background, from the evidence of `term_evidence`."""
    return sum((evidence[term.name] for term in terms.of_weights), evidence[terms.presence.name])


def to_block(peaks: PeakPosterior, evidence: dict[str, FloatArray]) -> Block:
    """Responsibilities in the form that all models share, with each term's mean log contribution."""
    return Block(
        slot=peaks.slot,
        null=peaks.background + peaks.unlisted,
        unlisted=peaks.unlisted,
        evidence={name: values.mean(axis=0) for name, values in evidence.items()},
    )
