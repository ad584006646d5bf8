"""The interface of one kind of evidence; a new kind is a new file with a class that has these members."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from compassign.models.problem import AssignmentProblem
from compassign.units import FloatArray

Values = Mapping[str, FloatArray]
"""Free variables by name, each with a leading axis of draws."""


class Term(Protocol):
    """One kind of evidence: its free variables, its log contribution per slot, and the same formula in NumPy.

    name : key of its column in the results. explanation : one line for the curator.
    """

    @property
    def name(self) -> str:
        """Key of the term, as in `evidence_<name>`."""

    @property
    def explanation(self) -> str:
        """One line that tells a curator what a positive and a negative contribution mean."""

    def build(self, problem: AssignmentProblem) -> Any:
        """Add the term's data and free variables to the active PyMC model; returns its (n_slots,) log contribution."""

    def location(self, problem: AssignmentProblem) -> dict[str, FloatArray]:
        """The prior's location of every free variable, without an axis of draws."""

    def evaluate(self, problem: AssignmentProblem, values: Values, slots: slice) -> FloatArray:
        """NumPy reference of `build`: (n_draws, n_slots in the slice) log contributions."""

    def hyperparameters(self, problem: AssignmentProblem) -> tuple[str, ...]:
        """Names of the free variables that the convergence verdict judges."""
