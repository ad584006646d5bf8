"""Fills the cache of compiled code, so that no run waits: `python -m compassign.warm_cache [mixture] [retention]`.

The models are those of a demonstration, whose structure most tables share; others find most parts of theirs.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace

from compassign.candidates import Windows, build_candidates
from compassign.data.bundled import demo_dataset
from compassign.inference.native import compile_model
from compassign.models.generative import build_generative_model, default_terms
from compassign.models.problem import build_problem
from compassign.models.retention import build_retention_model, untrained_predictions
from compassign.models.retention_design import build_design
from compassign.warm import marker

STAGES = ("mixture", "retention")
UNLISTED_SHARE = 0.1  # any: data do not change the code


def warm(stages: Sequence[str]) -> None:
    """Compile some of `STAGES` into the cache and mark it as filled."""
    dataset = replace(demo_dataset("medium"), labels={})
    design = build_design(dataset)
    if "mixture" in stages:
        predictions = untrained_predictions(design)
        candidates = build_candidates(dataset, predictions, Windows())
        problem = build_problem(dataset, candidates, predictions, UNLISTED_SHARE)
        compile_model(build_generative_model(problem, default_terms()))
    if "retention" in stages:
        compile_model(build_retention_model(design))
    path = marker()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()


if __name__ == "__main__":
    warm(sys.argv[1:] or STAGES)
