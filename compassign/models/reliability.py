"""How far annotators can be trusted: the emission of a statement given the option that is true.

With reliability rho an annotator names the true option with probability rho; otherwise each of the other sets of the
same size is equally likely. Source: Dawid & Skene, J. R. Stat. Soc. C 28(1), 1979, with one parameter an annotator.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from scipy.special import expit, logit

from compassign.models.mixture import NOTHING_SAID, Emission
from compassign.models.problem import AssignmentProblem
from compassign.models.terms.base import Values, add_dimension
from compassign.units import FloatArray

TYPICAL_RELIABILITY = 0.95  # a curator who has looked at the evidence
LOGIT_WIDTH = 0.5  # 95 % of annotators between 0.88 and 0.98
NAME = "annotator_logit"


def reliability(problem: AssignmentProblem) -> Any:
    """Add the free variables to the active PyMC model; returns (n_annotators,) 0 to 1."""
    names = problem.statements.annotator_names
    if not names:
        return pt.zeros(0)
    add_dimension("annotator", range(len(names)))  # verdicts and traces leave the laboratory: no name in them
    return pt.sigmoid(pm.Normal(NAME, logit(TYPICAL_RELIABILITY), LOGIT_WIDTH, dims="annotator"))


def log_emission(problem: AssignmentProblem, reliabilities: Any) -> tuple[Any, Any]:
    """Log probability of all statements about a peak given each slot, (n_slots,), and the null, (n_peaks,)."""
    said = problem.statements
    of_entry = np.repeat(np.arange(said.peak.size), np.diff(said.offsets))
    slot = problem.offsets[said.peak][of_entry] + np.arange(of_entry.size) - said.offsets[of_entry]
    rho, unnamed = reliabilities[said.annotator], (1.0 - reliabilities[said.annotator]) * said.odds
    of_slots = pt.log(pt.switch(said.names_slot, rho[of_entry], unnamed[of_entry]))
    of_nulls = pt.log(pt.switch(said.names_null, rho, unnamed))
    slots, nulls = pt.zeros(problem.n_slots), pt.zeros(problem.n_peaks)
    return slots[slot].inc(of_slots), nulls[said.peak].inc(of_nulls)


def location(problem: AssignmentProblem) -> dict[str, FloatArray]:
    """The prior's location of every free variable."""
    n_annotators = len(problem.statements.annotator_names)
    return {NAME: np.full(n_annotators, logit(TYPICAL_RELIABILITY))} if n_annotators else {}


def emission(problem: AssignmentProblem, values: Values, peaks: slice) -> Emission:
    """NumPy reference of `log_emission`, not as a logarithm, for a run of peaks."""
    said = problem.statements
    if not said.annotator_names:
        return NOTHING_SAID
    first, reliabilities = int(problem.offsets[peaks.start]), expit(values[NAME])
    of_slots = np.ones((reliabilities.shape[0], int(problem.offsets[peaks.stop]) - first))
    of_nulls = np.ones((reliabilities.shape[0], peaks.stop - peaks.start))
    for row in np.flatnonzero((said.peak >= peaks.start) & (said.peak < peaks.stop)):
        peak, rho = said.peak[row], reliabilities[:, said.annotator[row]]
        unnamed = (1.0 - rho) * said.odds[row]
        names = said.names_slot[said.offsets[row] : said.offsets[row + 1]]
        slots = slice(int(problem.offsets[peak]) - first, int(problem.offsets[peak + 1]) - first)
        of_slots[:, slots] *= np.where(names, rho[:, None], unnamed[:, None])
        of_nulls[:, peak - peaks.start] *= rho if said.names_null[row] else unnamed
    return Emission(of_slots, of_nulls)
