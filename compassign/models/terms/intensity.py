"""Intense peaks are more, or less, often a library compound than faint ones, as its main ion and as others: learned."""

from __future__ import annotations

from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt

from compassign.models.intensity_levels import LEVEL_SCORES
from compassign.models.problem import AssignmentProblem
from compassign.models.terms.base import Graph, Values, add_dimension
from compassign.models.terms.presence import is_main
from compassign.units import FloatArray, IntArray

SLOPE_SD = 0.5  # a factor of four between the faintest and the most intense fifth, either way
IONS = ("main", "minor")


class Intensity:
    """Log weights rise or fall with the level of the peak's intensity, by one slope for main ions and one for others.

    The background, against which weights are, has a density for each level by that. Isomers and unlisted twins share
    the weight of their ion. For a problem that has levels.
    """

    name = "intensity"
    explanation = "How often peaks as intense as this one, among those of the injection, are such an ion of a compound."

    def parameters(self, problem: AssignmentProblem) -> Graph:
        """`effect`: log weight of each adduct at each level, (n_adducts, N_LEVELS)."""
        add_dimension("ion", IONS)
        slope = pm.Normal("intensity_slope", 0.0, SLOPE_SD, dims="ion")
        return {"effect": slope[pm.Data("adduct_ion", _ion_of_adducts(problem))][:, None] * LEVEL_SCORES}

    def contribution(self, problem: AssignmentProblem, parameters: Graph) -> Any:
        """Log weight that its peak's intensity adds to every slot, (n_slots,)."""
        of_slots = pm.Data("slot_intensity_level", problem.intensity_levels)
        return parameters["effect"].ravel()[pm.Data("slot_ion", problem.adduct * LEVEL_SCORES.size) + of_slots]

    def location(self, problem: AssignmentProblem) -> dict[str, FloatArray]:
        """No slope."""
        return {"intensity_slope": np.zeros(len(IONS))}

    def evaluate(self, problem: AssignmentProblem, values: Values, slots: slice) -> FloatArray:
        """NumPy reference of `contribution`."""
        ion, score = _ion_of_adducts(problem)[problem.adduct[slots]], LEVEL_SCORES[problem.intensity_levels[slots]]
        return np.asarray(values["intensity_slope"][:, ion] * score)

    def hyperparameters(self, problem: AssignmentProblem) -> tuple[str, ...]:
        """Both slopes."""
        return tuple(self.location(problem))


def no_effect() -> Any:
    """`effect` of any adduct where intensities are no evidence, (1, N_LEVELS)."""
    return pt.zeros((1, LEVEL_SCORES.size))


def _ion_of_adducts(problem: AssignmentProblem) -> IntArray:
    """(n_adducts,) index into IONS."""
    return np.where(is_main(problem), 0, 1)
