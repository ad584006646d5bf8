"""Problems and terms that use everything the fused kernel can do, and both models of them as plain functions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from itertools import product
from typing import Any

import numpy as np
import pymc as pm
import pytensor
from assignment_problems import random_problem, with_isomers, with_labels, with_statements

from compassign.inference.native import NativeModel, compile_model
from compassign.models.generative import GenerativeTerms, build_generative_model
from compassign.models.problem import AssignmentProblem
from compassign.models.statements import Statement
from compassign.models.terms.base import Graph, Values
from compassign.models.terms.family import Company
from compassign.models.terms.mass import Mass
from compassign.models.terms.presence import Presence
from compassign.models.terms.retention import Retention
from compassign.models.terms.upstream import UpstreamAdduct
from compassign.units import FloatArray

ANNOTATORS = ("ada", "bo", "cy")
LABELS = ("none", "single", "set", "null")
# What is said about a peak: annotator -> how many of its compounds are named, from the first on; -1 = a strange one.
SAID: tuple[Mapping[int, int], ...] = (
    {},
    {0: 1},
    {1: 2},
    {2: 0},
    {1: -1},
    {0: 1, 1: 1},
    {0: 1, 2: 0},
    {0: 1, 1: 2, 2: 0},
)
STRANGE = 99  # a compound that is nobody's candidate
N_SPARE = 6  # peaks beyond those of all labels and statements: half without a slot, half with one


class Slope:
    """A term that the kernel does not know: one free slope times a number of each slot."""

    explanation = "A made-up term."

    def __init__(self, name: str, frequency: float = 1.0) -> None:
        self.name = name
        self.frequency = frequency

    def slot_values(self, problem: AssignmentProblem) -> FloatArray:
        """No two slots have the same, so that their order matters."""
        return np.sin(self.frequency * np.arange(1.0, problem.n_slots + 1.0))

    def parameters(self, problem: AssignmentProblem) -> Graph:
        return {"slope": pm.Normal(f"{self.name}_slope")}

    def contribution(self, problem: AssignmentProblem, parameters: Graph) -> Any:
        return parameters["slope"] * pm.Data(f"slot_{self.name}", self.slot_values(problem))

    def location(self, problem: AssignmentProblem) -> dict[str, FloatArray]:
        return {f"{self.name}_slope": np.asarray(0.0)}

    def evaluate(self, problem: AssignmentProblem, values: Values, slots: slice) -> FloatArray:
        return np.asarray(values[f"{self.name}_slope"][:, None] * self.slot_values(problem)[slots])

    def hyperparameters(self, problem: AssignmentProblem) -> tuple[str, ...]:
        return (f"{self.name}_slope",)


TERMS: Mapping[str, GenerativeTerms] = {
    "retention": GenerativeTerms(Presence(), Mass(), (Retention(),), Company()),
    "neither": GenerativeTerms(Presence(), Mass(), ()),
    "custom": GenerativeTerms(Presence(), Mass(), (Slope("charm"),)),
    "all": GenerativeTerms(
        Presence(),
        Mass(),
        (Slope("charm"), Retention(), Slope("luck", 0.3)),
        Company(),
        UpstreamAdduct(),
    ),
}


def said_problem(rng: np.random.Generator, n_annotators: int = 3, has_labels: bool = True) -> AssignmentProblem:
    """A peak for each pair of a label and what annotators say, with 3 to 5 slots, then peaks without or with one slot.

    The spare peaks are labelled and talked about, too.
    """
    cases = [*product(LABELS if has_labels else LABELS[:1], SAID), *product(LABELS[:2], SAID[1:4])]
    n_full = len(cases) - N_SPARE
    sizes = np.concatenate([rng.integers(3, 6, n_full), np.arange(N_SPARE) % 2])
    problem = with_isomers(random_problem(rng, len(cases), 6, sizes), rng)
    labels, statements = {}, []
    for peak, (label, said) in enumerate(cases):
        own = np.unique(problem.compound[problem.peak_of_slot == peak]).tolist()
        if label != "none" and has_labels:
            labels[peak] = {"single": own[-1:], "set": own[-2:], "null": []}[label]
        for annotator, n_named in said.items():
            named = {STRANGE} if n_named < 0 else set(own[:n_named])
            if annotator < n_annotators and (named or not n_named):
                statements.append(Statement(peak, frozenset(named), annotator))
    return with_statements(with_labels(problem, labels), statements, ANNOTATORS[:n_annotators])


def narrowed(problem: AssignmentProblem, *single: str) -> AssignmentProblem:
    """The problem with one `species`, `injection` or `adduct`, or with nothing `known`."""
    zero = np.zeros(problem.n_slots, dtype=np.int64)
    changes: dict[str, Any] = {}
    for what in single:
        if what == "known":
            changes["is_known_in"] = zero.astype(np.bool_)
        else:
            changes |= {what: zero, f"{what}_names": getattr(problem, f"{what}_names")[:1]}
    return replace(problem, **changes)


@dataclass(frozen=True)
class Density:
    """Log density of a model and its gradient, from unconstrained values by name."""

    model: pm.Model
    function: Any

    def at(self, point: Mapping[str, FloatArray]) -> tuple[float, dict[str, FloatArray]]:
        """Value, and gradient by name."""
        value, *gradient = self.function(**point)
        names = (variable.name for variable in self.model.value_vars)
        return float(value), dict(zip(names, gradient, strict=True))


def compile_density(model: pm.Model) -> Density:
    """Compiled without optimisation, which is quick and runs the graph as it was written."""
    log_density = model.logp()
    gradients: Any = pytensor.grad(log_density, model.value_vars)
    # else all sums would be made one, and Python adds no more than 32 at once
    mode = pytensor.compile.get_mode("FAST_COMPILE").excluding("canonicalize")
    return Density(model, pytensor.function(model.value_vars, [log_density, *gradients], mode=mode))


def random_points(model: pm.Model, rng: np.random.Generator, n_points: int) -> list[dict[str, FloatArray]]:
    """Unconstrained values by name, around the initial point."""
    start = model.initial_point(0)
    return [{name: value + rng.normal(0.0, 0.7, value.shape) for name, value in start.items()} for _ in range(n_points)]


def in_a_row(model: pm.Model, values: Mapping[str, FloatArray]) -> FloatArray:
    """Values by name as the vector of `NativeModel`."""
    return np.concatenate([np.ravel(values[model.rvs_to_values[variable].name]) for variable in model.free_RVs])


@cache
def native_of_everything() -> NativeModel:
    """The fused model with every term, annotators and labels, as machine code; compiled once a session."""
    problem = said_problem(np.random.default_rng(0))
    return compile_model(build_generative_model(problem, TERMS["all"]))
