"""Simulated annotators of simulated peaks: what they say, as labels that are taken to be right and as statements."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from assignment_problems import with_labels, with_statements

from compassign.models.problem import AssignmentProblem
from compassign.models.statements import Statement
from compassign.posterior.options import NULL_OPTION
from compassign.units import FloatArray, IntArray

ANNOTATORS = ("ada", "bo", "liar")


def options_of(problem: AssignmentProblem, peak: int) -> IntArray:
    """Distinct compounds of a peak, and NULL_OPTION."""
    return np.append(np.unique(problem.compound[problem.offsets[peak] : problem.offsets[peak + 1]]), NULL_OPTION)


def say(
    problem: AssignmentProblem, true: IntArray, by: Sequence[Sequence[int]], rho: FloatArray, rng: np.random.Generator
) -> list[Statement]:
    """What annotators say of the peaks: the truth with probability rho, else any other option, each as often.

    true : (n_peaks,) compound or NULL_OPTION. by : of each peak, the annotators who answer it. rho : of each annotator.
    """
    said = []
    for peak, annotators in enumerate(by):
        options = options_of(problem, peak)
        for annotator in annotators:
            others = options[options != true[peak]]
            is_right = rng.random() < rho[annotator]
            answer = int(true[peak] if is_right else rng.choice(others))
            named = frozenset() if answer == NULL_OPTION else frozenset({answer})
            said.append(Statement(peak, named, annotator))
    return said


def doubting(problem: AssignmentProblem, said: Sequence[Statement]) -> AssignmentProblem:
    """The problem in which every annotator may be wrong."""
    return with_statements(problem, said, ANNOTATORS)


def trusting(problem: AssignmentProblem, said: Sequence[Statement]) -> AssignmentProblem:
    """The problem in which all are right: where they differ any of their compounds is, and null or not says nothing."""
    answers: dict[int, set[frozenset[int]]] = {}
    for one in said:
        answers.setdefault(one.peak, set()).add(one.compounds)
    labels = {peak: of for peak, of in answers.items() if len(of) == 1 or frozenset() not in of}
    return with_labels(problem, {peak: frozenset[int]().union(*of) for peak, of in labels.items()})
