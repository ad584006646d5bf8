"""Composition and structure: how common compounds of a class are among the peaks (`compassign.models.classes`)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pymc as pm

from compassign.models.problem import AssignmentProblem
from compassign.models.terms.base import Graph, Values
from compassign.units import FloatArray


class Classes:
    """The log weight of each slot's class, learned before the fit and fixed in it."""

    name = "class"
    explanation = "How common compounds of this composition and structure are among the peaks, by their masses."

    def parameters(self, problem: AssignmentProblem) -> Graph:
        """Nothing is free."""
        return {}

    def contribution(self, problem: AssignmentProblem, parameters: Graph) -> Any:
        """Log weight that its class adds to every slot, (n_slots,)."""
        return pm.Data("slot_class_log_weight", _log_weight(problem))

    def location(self, problem: AssignmentProblem) -> dict[str, FloatArray]:
        """Nothing is free."""
        return {}

    def evaluate(self, problem: AssignmentProblem, values: Values, slots: slice) -> FloatArray:
        """NumPy reference of `contribution`, equal in all draws."""
        n_draws = max((value.shape[0] for value in values.values()), default=1)
        return np.tile(_log_weight(problem)[slots], (n_draws, 1))

    def hyperparameters(self, problem: AssignmentProblem) -> tuple[str, ...]:
        """Nothing is free."""
        return ()


def _log_weight(problem: AssignmentProblem) -> FloatArray:
    return np.zeros(problem.n_slots) if problem.class_log_weight is None else problem.class_log_weight
