"""The interface of one kind of evidence; a new kind is a new file with a class that has these members."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import pymc as pm
from pytensor.compile.sharedvalue import shared

from compassign.models.problem import AssignmentProblem
from compassign.units import FloatArray

Values = Mapping[str, FloatArray]
"""Free variables by name, each with a leading axis of draws."""

Graph = Mapping[str, Any]
"""What a term's formula reads of its free variables, as PyTensor variables."""


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

    def parameters(self, problem: AssignmentProblem) -> Graph:
        """Add the term's free variables to the active PyMC model; returns what its formula reads of them."""

    def contribution(self, problem: AssignmentProblem, parameters: Graph) -> Any:
        """Log contribution of every slot as a PyTensor graph, (n_slots,), over data that are added to the model."""

    def location(self, problem: AssignmentProblem) -> dict[str, FloatArray]:
        """The prior's location of every free variable, without an axis of draws."""

    def evaluate(self, problem: AssignmentProblem, values: Values, slots: slice) -> FloatArray:
        """NumPy reference of `contribution`: (n_draws, n_slots in the slice)."""

    def hyperparameters(self, problem: AssignmentProblem) -> tuple[str, ...]:
        """Names of the free variables that the convergence verdict judges."""


def add_dimension(name: str, labels: Sequence[object]) -> None:
    """Add a dimension to the active model; the compiled graph does not depend on its length."""
    pm.modelcontext(None).add_coord(name, labels, length=shared(len(labels), name=f"n_{name}"))
