"""Log-likelihood of each peak by itself, in each of some posterior draws of the generative model."""

from __future__ import annotations

import numpy as np

from compassign.models import reliability
from compassign.models.generative import GenerativeTerms, peak_posterior, term_evidence
from compassign.models.problem import AssignmentProblem
from compassign.models.terms.base import Values
from compassign.posterior.responsibilities import peak_blocks
from compassign.units import BoolArray, FloatArray

MAX_DRAWS = 1000  # k-hat to about 0.1 (Vehtari et al. 2024); more would cost every run seconds


def log_likelihoods(problem: AssignmentProblem, terms: GenerativeTerms, values: Values) -> FloatArray:
    """Log-likelihood of every peak against the background, nats: (n_kept, n_peaks), MAX_DRAWS draws at most.

    values : the free variables, name -> (n_draws, ...), of which evenly spaced draws are kept.
    """
    n_draws = min(value.shape[0] for value in values.values())
    n_kept = min(n_draws, MAX_DRAWS)
    kept = np.arange(n_kept) * n_draws // n_kept
    thinned = {name: value[kept] for name, value in values.items()}
    parts = []
    for peaks in peak_blocks(problem.offsets, n_kept):
        evidence = term_evidence(problem, terms, thinned, peaks)
        said = reliability.emission(problem, thinned, peaks)
        parts.append(peak_posterior(problem, terms, evidence, peaks, said).log_likelihood)
    return np.concatenate(parts, axis=1)


def is_predicted(problem: AssignmentProblem) -> BoolArray:
    """(n_peaks,) whether leaving a peak out says something: it has candidates, and nobody gave its answer.

    Given answers train the RT stage too, which would still know the peak; and a label is part of the likelihood of a
    labelled peak, which is then on another scale.
    """
    has_slots = np.diff(problem.offsets) > 0
    is_stated = np.isin(np.arange(problem.n_peaks), problem.statements.peak)
    return np.asarray(has_slots & ~problem.is_labelled & ~is_stated)
