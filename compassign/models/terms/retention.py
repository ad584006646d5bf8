"""Retention time: Student-t around the compound's prediction, whose error is integrated out.

All peaks of a compound share one prediction error. What labels and calibrants say of it is in the prediction already
(the RT stage); what unlabelled peaks might say is left out, because each way of sharing them out among isomers is a
mode of its own, between which no gradient sampler travels.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt

from compassign.models import student
from compassign.models.problem import AssignmentProblem
from compassign.models.terms.base import Graph, Values, add_dimension
from compassign.units import BoolArray, FloatArray

NOISE_WIDTH = 0.7  # log-normal: the noise of one measurement within a factor of 2 of what the RT stage saw
DRIFT_TO_NOISE = 1.0  # typical SD of the injections' drift, in noise SDs of the RT stage
POOL_WIDTH = 0.7  # log-normal, so that the pooled SD stays off zero, where centred effects form a funnel


class Retention:
    """log q - log g: density of the RT around the compound's prediction, against the injection's RT density."""

    name = "retention"
    explanation = "How well the retention time fits the prediction, against any peak of the injection."

    def parameters(self, problem: AssignmentProblem) -> Graph:
        """The scalar `noise` in minutes and `drift` of every injection in minutes, (n_injections,)."""
        add_dimension("injection", problem.injection_names)
        if not _has_predictions(problem):
            return {"noise": pt.as_tensor(problem.rt_noise_min), "drift": pt.zeros(len(problem.injection_names))}
        typical = DRIFT_TO_NOISE * problem.rt_noise_min
        noise = pm.LogNormal("rt_noise_min", pm.Data("log_rt_noise", np.log(problem.rt_noise_min)), NOISE_WIDTH)
        several = len(problem.injection_names) > 1
        log_typical = pm.Data("log_rt_drift", np.log(typical))
        drift_sd = pm.LogNormal("rt_drift_sd_min", log_typical, POOL_WIDTH) if several else pt.exp(log_typical)
        return {"noise": noise, "drift": pm.Normal("rt_drift_min", 0.0, drift_sd, dims="injection")}

    def contribution(self, problem: AssignmentProblem, parameters: Graph) -> Any:
        """Log ratio of the slot's RT density to the injection's, (n_slots,); 0 without a prediction."""
        is_predicted, residual, sd = _residuals(problem, slice(None))
        drift = parameters["drift"][pm.Data("slot_rt_injection", problem.injection)]
        scale = pt.sqrt(parameters["noise"] ** 2 + pm.Data("slot_rt_variance", sd**2))
        log_q = student.log_density((pm.Data("slot_rt_residual", residual) - drift) / scale, pt.log(scale), pt.log1p)
        log_g = pm.Data("slot_log_rt_density", problem.log_rt_density[problem.peak_of_slot])
        return pm.Data("slot_has_prediction", is_predicted.astype(np.float64)) * (log_q - log_g)

    def location(self, problem: AssignmentProblem) -> dict[str, FloatArray]:
        """No drift, the RT stage's noise; nothing where no candidate has a prediction that could tell of them."""
        if not _has_predictions(problem):
            return {}
        n_injections = len(problem.injection_names)
        values = {"rt_noise_min": np.asarray(problem.rt_noise_min), "rt_drift_min": np.zeros(n_injections)}
        if n_injections > 1:
            values["rt_drift_sd_min"] = np.asarray(DRIFT_TO_NOISE * problem.rt_noise_min)
        return values

    def evaluate(self, problem: AssignmentProblem, values: Values, slots: slice) -> FloatArray:
        """NumPy reference of `contribution`."""
        is_predicted, residual, sd = _residuals(problem, slots)
        if not _has_predictions(problem):
            n_draws = max((value.shape[0] for value in values.values()), default=1)
            return np.zeros((n_draws, is_predicted.size))
        drift = values["rt_drift_min"]  # (n_draws, n_injections)
        scale = np.sqrt(values["rt_noise_min"][:, None] ** 2 + sd**2)
        log_q = student.log_density((residual - drift[:, problem.injection[slots]]) / scale, np.log(scale))
        log_g = problem.log_rt_density[problem.peak_of_slot[slots]]
        return np.asarray(np.where(is_predicted, log_q - log_g, 0.0))

    def hyperparameters(self, problem: AssignmentProblem) -> tuple[str, ...]:
        """Noise and drift."""
        return tuple(self.location(problem))


def _has_predictions(problem: AssignmentProblem) -> bool:
    """Whether any candidate has a predicted RT."""
    return bool(np.isfinite(problem.rt_pred_min).any())


def _residuals(problem: AssignmentProblem, slots: slice) -> tuple[BoolArray, FloatArray, FloatArray]:
    """Which slots have a prediction, their observed minus predicted RT and its SD in minutes (0 and 1 without)."""
    predicted = problem.rt_pred_min[slots]
    is_predicted = np.isfinite(predicted)
    residual = np.where(is_predicted, problem.rt_min[problem.peak_of_slot[slots]] - predicted, 0.0)
    return is_predicted, residual, np.where(is_predicted, problem.rt_pred_sd_min[slots], 1.0)
