"""Ions of one compound elute together: what company a peak has, taken as each ion, moves the weight of that ion."""

from __future__ import annotations

from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt

from compassign.chemistry.families import Family
from compassign.models.problem import AssignmentProblem
from compassign.models.terms.base import Graph, Values, add_dimension
from compassign.units import FloatArray, IntArray

# Log weight against an ion that is alone: e to e^2 times as likely in company, or less likely where the company speaks
# for another ion; to be learned.
MEAN = {
    Family.WITH_OTHERS: 1.0,
    Family.WITH_MAIN: 2.0,
    Family.WITH_MINOR: 1.0,
    Family.ELSEWHERE: -1.0,
    Family.ISOTOPE: -2.0,
}
SD = 1.0


class Company:
    """One effect on the log weight for each kind of company (`Family`) that occurs.

    Company proves a mass, not one of its isomers, so unlisted twins and all isomers share the effect.
    """

    name = "family"
    explanation = "Whether other ions of the same mass elute with the peak, or speak for another ion."

    def parameters(self, problem: AssignmentProblem) -> Graph:
        """`effect`: log weights of all kinds of `Family`, (n_kinds,)."""
        kinds = _in_play(problem)
        if not kinds.size:
            return {"effect": pt.zeros(len(Family))}
        add_dimension("family", [Family(kind).name.lower() for kind in kinds])
        mean = pm.Data("family_mean", _means(problem))
        effect = pm.Normal("family_effect", mean, SD, dims="family")
        return {"effect": pt.zeros(len(Family))[pm.Data("family_kind", kinds)].set(effect)}

    def contribution(self, problem: AssignmentProblem, parameters: Graph) -> Any:
        """Log weight that its company adds to every slot, (n_slots,)."""
        return parameters["effect"][pm.Data("slot_family", problem.family)]

    def location(self, problem: AssignmentProblem) -> dict[str, FloatArray]:
        """What is expected of each kind."""
        return {"family_effect": _means(problem)} if _in_play(problem).size else {}

    def evaluate(self, problem: AssignmentProblem, values: Values, slots: slice) -> FloatArray:
        """NumPy reference of `contribution`."""
        kinds = _in_play(problem)
        if not kinds.size:
            n_draws = max((value.shape[0] for value in values.values()), default=1)
            return np.zeros((n_draws, problem.family[slots].size))
        effect = np.zeros((values["family_effect"].shape[0], len(Family)))
        effect[:, kinds] = values["family_effect"]
        return effect[:, problem.family[slots]]

    def hyperparameters(self, problem: AssignmentProblem) -> tuple[str, ...]:
        """All effects."""
        return tuple(self.location(problem))


def _in_play(problem: AssignmentProblem) -> IntArray:
    """The kinds of company that some slot has, being alone excepted."""
    kinds = np.unique(problem.family)
    return np.asarray(kinds[kinds != Family.ALONE])


def _means(problem: AssignmentProblem) -> FloatArray:
    return np.array([MEAN[Family(kind)] for kind in _in_play(problem)])
