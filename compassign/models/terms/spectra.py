"""Fragment spectra: how alike the peak's spectrum is to the candidate's, as a log-likelihood ratio learned before."""

from __future__ import annotations

from typing import Any

import numpy as np
import pymc as pm

from compassign.models.problem import AssignmentProblem
from compassign.models.terms.base import Graph, Values
from compassign.units import FloatArray


class Spectra:
    """log P(likeness | the candidate) - log P(likeness | another compound), of `compassign.spectra`; nothing is free.

    Background and unlisted twins are other compounds, so their ratio is 0. For a problem that has spectra.
    """

    name = "spectra"
    explanation = (
        "How alike the fragment spectrum is to the compound's, against spectra of other compounds of this mass."
    )

    def parameters(self, problem: AssignmentProblem) -> Graph:
        """None."""
        return {}

    def contribution(self, problem: AssignmentProblem, parameters: Graph) -> Any:
        """The log ratio of every slot, (n_slots,)."""
        return pm.Data("slot_spectra_log_ratio", self._log_ratio(problem))

    def location(self, problem: AssignmentProblem) -> dict[str, FloatArray]:
        """Nothing."""
        return {}

    def evaluate(self, problem: AssignmentProblem, values: Values, slots: slice) -> FloatArray:
        """NumPy reference of `contribution`."""
        n_draws = max((value.shape[0] for value in values.values()), default=1)
        return np.tile(self._log_ratio(problem)[slots], (n_draws, 1))

    def hyperparameters(self, problem: AssignmentProblem) -> tuple[str, ...]:
        """None."""
        return ()

    @staticmethod
    def _log_ratio(problem: AssignmentProblem) -> FloatArray:
        found = problem.spectra_log_ratio
        return np.zeros(problem.n_slots) if found is None else found
