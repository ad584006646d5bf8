"""Two isomers that may swap their retention times: a posterior with two modes must not pass as converged."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any, cast

import numpy as np
import pymc as pm
import pytensor.tensor as pt
import pytest
from assignment_problems import random_problem

from compassign.config import SamplerConfig
from compassign.inference.diagnostics import Verdict, judge
from compassign.inference.fitting import GenerativeEngine, compile_generative
from compassign.models import student
from compassign.models.generative import GenerativeTerms
from compassign.models.problem import AssignmentProblem
from compassign.models.terms.base import Graph, Values, add_dimension
from compassign.models.terms.mass import Mass
from compassign.models.terms.presence import Presence
from compassign.posterior.responsibilities import summarise
from compassign.posterior.trace import TraceWriter
from compassign.progress import SilentProgress
from compassign.units import FloatArray

EARLY_MIN, LATE_MIN = 4.0, 9.0
LOG_NOISE_MIN = float(np.log(0.3))
N_PEAKS = 24
SETTINGS = SamplerConfig(draws=1000, tune=1000, chains=4)
COMPOUNDS = np.array(["leucine", "isoleucine"], dtype=np.str_)

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("recovery")]


class NoWriter:
    """Keeps nothing."""

    def write(self, *block: object) -> None:
        """Forget the block."""


class Elution:
    """A term that learns when each compound elutes from the peaks themselves, as if nothing predicted it."""

    name = "elution"
    explanation = "How well the RT fits that of the compound's other peaks."

    def parameters(self, problem: AssignmentProblem) -> Graph:
        add_dimension("compound", COMPOUNDS.tolist())
        expected = pm.Data("expected_elution_min", np.unique(problem.rt_pred_min)[[0, -1]])
        spread = pm.Data("elution_sd_min", problem.rt_pred_sd_min[0])
        return {"elution_min": pm.Normal("elution_min", expected, spread, dims="compound")}

    def contribution(self, problem: AssignmentProblem, parameters: Graph) -> Any:
        centre = parameters["elution_min"][pm.Data("slot_elution", problem.compound)]
        z = (pm.Data("slot_time_min", problem.rt_min[problem.peak_of_slot]) - centre) / np.exp(LOG_NOISE_MIN)
        background = pm.Data("slot_time_density", problem.log_rt_density[problem.peak_of_slot])
        return student.log_density(z, LOG_NOISE_MIN, pt.log1p) - background

    def location(self, problem: AssignmentProblem) -> dict[str, FloatArray]:
        return {"elution_min": np.unique(problem.rt_pred_min)[[0, -1]]}

    def evaluate(self, problem: AssignmentProblem, values: Values, slots: slice) -> FloatArray:
        peak = problem.peak_of_slot[slots]
        z = (problem.rt_min[peak] - values["elution_min"][:, problem.compound[slots]]) / np.exp(LOG_NOISE_MIN)
        return np.asarray(student.log_density(z, LOG_NOISE_MIN) - problem.log_rt_density[peak])

    def hyperparameters(self, problem: AssignmentProblem) -> tuple[str, ...]:
        return ("elution_min",)


def isomers(expected_min: tuple[float, float], sd_min: float) -> AssignmentProblem:
    """Peaks at two times, each of which may be either of two isomers; what their elution is expected to be."""
    rng = np.random.default_rng(3)
    problem = random_problem(rng, N_PEAKS, 2, np.full(N_PEAKS, 2))
    compound = np.tile([0, 1], N_PEAKS)
    time = np.where(np.arange(N_PEAKS) < N_PEAKS // 2, EARLY_MIN, LATE_MIN)
    return replace(
        problem,
        compound=compound,
        isobar_group=np.zeros_like(compound),
        adduct=np.zeros_like(compound),
        ppm_error=np.repeat(rng.normal(0.0, 2.0, N_PEAKS), 2),
        is_known_in=np.zeros(compound.size, dtype=np.bool_),
        rt_min=time + rng.normal(0.0, 0.1, N_PEAKS),
        rt_pred_min=np.array(expected_min)[compound],
        rt_pred_sd_min=np.full(compound.size, sd_min),
        log_rt_density=np.full(N_PEAKS, -np.log(15.0)),
    )


@cache
def engine() -> GenerativeEngine:
    return compile_generative(isomers((6.4, 6.6), 4.0), GenerativeTerms(Presence(), Mass(), (Elution(),)), seed=0)


def verdict(problem: AssignmentProblem) -> Verdict:
    fitted = engine().fit(problem, SETTINGS, 1, SilentProgress())
    assert fitted.draws is not None
    peaks = np.array([f"P{peak}" for peak in range(N_PEAKS)], dtype=np.str_)
    names = COMPOUNDS[problem.compound]
    _, check = summarise(fitted.source, peaks, names, cast(TraceWriter, NoWriter()), lambda share: None)
    return judge(fitted.draws, fitted.hyperparameters, check, SETTINGS, {})


def test_isomers_that_can_swap_are_named() -> None:
    found = verdict(isomers((6.4, 6.6), 4.0))
    assert found.verdict == "failed"
    assert any("elution_min" in reason for reason in found.reasons)
    assert any("leucine or isoleucine" in reason and "label these peaks" in reason for reason in found.reasons)


def test_isomers_that_are_told_apart_are_not() -> None:
    found = verdict(isomers((EARLY_MIN, LATE_MIN), 0.5))
    assert found.max_rhat_responsibilities < 1.05
    assert not any("isoleucine" in reason or "elution_min" in reason for reason in found.reasons)
