"""Fills the cache of compiled code, so that no run waits: `python -m compassign.warm_cache [STAGE ...]`.

The models are those of a demonstration, with annotators who share peaks and without, with species that form clusters
and without; most tables share their structure, and others find most parts of theirs.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from compassign.candidates import RtPredictions, Windows, build_candidates
from compassign.data.bundled import demo_dataset
from compassign.data.dataset import Dataset
from compassign.inference.native import compile_model
from compassign.models.generative import build_generative_model, terms_of
from compassign.models.problem import AssignmentProblem, build_problem
from compassign.models.retention import build_retention_model
from compassign.models.retention_design import build_design
from compassign.models.statements import Statement, align_statements
from compassign.tables import POLARITIES
from compassign.warm import marker

STAGES = ("mixture", "retention", "annotators")
# Any numbers do: data do not change the code.
UNLISTED_SHARE, RT_MIN, RT_SD_MIN = 0.1, 5.0, 1.0


def warm(stages: Sequence[str]) -> None:
    """Compile some of `STAGES` into the cache and mark it as filled."""
    dataset = replace(demo_dataset("medium"), labels={})
    if "mixture" in stages:
        _compile(_problem(dataset))
    if "retention" in stages:
        for clusters in (dataset.species_clusters, dict.fromkeys(dataset.species_clusters, "all")):
            compile_model(build_retention_model(build_design(replace(dataset, species_clusters=clusters))))
    if "annotators" in stages:
        _compile(_with_annotators(_problem(dataset)))
    path = marker()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()


def _compile(problem: AssignmentProblem) -> None:
    compile_model(build_generative_model(problem, terms_of(problem)))


def _problem(dataset: Dataset) -> AssignmentProblem:
    shape = (len(dataset.species_clusters), len(POLARITIES), len(dataset.compounds))
    predictions = RtPredictions(np.full(shape, RT_MIN), np.full(shape, RT_SD_MIN), RT_SD_MIN)
    candidates = build_candidates(dataset, predictions, Windows())
    return build_problem(dataset, candidates, predictions, UNLISTED_SHARE)


def _with_annotators(problem: AssignmentProblem) -> AssignmentProblem:
    """The problem with a peak that two annotators call null."""
    peak = int(np.flatnonzero(np.diff(problem.offsets))[0])
    said = [Statement(peak, frozenset(), annotator) for annotator in (0, 1)]
    return replace(problem, statements=align_statements(said, problem.offsets, problem.compound, ("a", "b")))


if __name__ == "__main__":
    warm(sys.argv[1:] or STAGES)
