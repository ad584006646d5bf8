"""The adduct that another program gave a peak: how far it is to be believed is learned."""

from __future__ import annotations

from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt

from compassign.chemistry.stated_adducts import Stated
from compassign.models.problem import AssignmentProblem
from compassign.models.terms.base import Graph, Values, add_dimension
from compassign.units import FloatArray, IntArray

# Log weight against a peak without a stated adduct: an ion that agrees is e^2 times as likely as one that contradicts,
# give or take as much, for such adducts rest on the co-elution that `Company` sees too; to be learned.
MEAN = {Stated.AGREES: 1.0, Stated.CONTRADICTS: -1.0}
SD = 1.0


class UpstreamAdduct:
    """One effect on the log weight for agreeing with the stated adduct, and one for contradicting it.

    A program that is right learns them apart, one that guesses learns them equal; labels overrule both. The adduct
    proves a mass, not one of its isomers, so unlisted twins share the effect. For a problem that has stated adducts.
    """

    name = "upstream"
    explanation = "Whether the adduct in the peak table is this one, as far as such adducts prove right in these data."

    def parameters(self, problem: AssignmentProblem) -> Graph:
        """`effect`: log weights of all of `Stated`, (3,)."""
        kinds = _in_play(problem)
        if not kinds.size:
            return {"effect": pt.zeros(len(Stated))}
        add_dimension("upstream", [Stated(kind).name.lower() for kind in kinds])
        effect = pm.Normal("upstream_effect", pm.Data("upstream_mean", _means(problem)), SD, dims="upstream")
        return {"effect": pt.zeros(len(Stated))[pm.Data("upstream_kind", kinds)].set(effect)}

    def contribution(self, problem: AssignmentProblem, parameters: Graph) -> Any:
        """Log weight that the stated adduct adds to every slot, (n_slots,)."""
        return parameters["effect"][pm.Data("slot_stated_adduct", problem.stated_adducts)]

    def location(self, problem: AssignmentProblem) -> dict[str, FloatArray]:
        """What is expected of each."""
        return {"upstream_effect": _means(problem)} if _in_play(problem).size else {}

    def evaluate(self, problem: AssignmentProblem, values: Values, slots: slice) -> FloatArray:
        """NumPy reference of `contribution`."""
        kinds, said = _in_play(problem), problem.stated_adducts[slots]
        n_draws = max((value.shape[0] for value in values.values()), default=1)
        effect = np.zeros((n_draws, len(Stated)))
        if kinds.size:
            effect[:, kinds] = values["upstream_effect"]
        return effect[:, said]

    def hyperparameters(self, problem: AssignmentProblem) -> tuple[str, ...]:
        """All effects."""
        return tuple(self.location(problem))


def _in_play(problem: AssignmentProblem) -> IntArray:
    """What some slot has said of it."""
    kinds = np.unique(problem.stated_adducts)
    return np.asarray(kinds[kinds != Stated.NOTHING])


def _means(problem: AssignmentProblem) -> FloatArray:
    return np.array([MEAN[Stated(kind)] for kind in _in_play(problem)])
