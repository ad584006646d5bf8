"""The mixture's plain graph as a plain function of free variables, labels and unlisted share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pymc as pm
from assignment_problems import tiny_problem

from compassign.models.generative import build_reference_model, default_terms
from compassign.models.problem import AssignmentProblem
from compassign.models.terms.base import Values
from compassign.units import FloatArray


@dataclass(frozen=True)
class CompiledMixture:
    """The tiny problem's graph: peak log-likelihoods from free variables, labels and unlisted share."""

    model: pm.Model
    function: Callable[..., Any]
    names: tuple[str, ...]

    def log_likelihoods(self, problem: AssignmentProblem, values: Values) -> FloatArray:
        """(n_draws, n_peaks) for a problem that differs from the tiny one in its labels and unlisted share only."""
        data = {
            "slot_allowed": problem.slot_allowed.astype(np.float64),
            "null_allowed": problem.null_allowed.astype(np.float64),
            "twin_weight": problem.twin_weight,
        }
        pm.set_data(data, model=self.model)
        columns = (values[name] for name in self.names)
        return np.array([self.function(*draw) for draw in zip(*columns, strict=True)])


@cache
def compiled_mixture() -> CompiledMixture:
    """Compiled once a session, without optimisation, which is quick and the same formula."""
    model = build_reference_model(tiny_problem(), default_terms())
    (potential,) = model.potentials
    names = tuple(variable.name for variable in model.free_RVs)
    return CompiledMixture(model, compile_quickly(model, potential), names)


def compile_quickly(model: pm.Model, graphs: Any) -> Callable[..., Any]:
    """A function of the free variables, in their order; centres of pooled effects need not matter to the graphs."""
    function: Callable[..., Any] = model.compile_fn(
        graphs, inputs=model.free_RVs, point_fn=False, mode="FAST_COMPILE", on_unused_input="ignore"
    )
    return function
