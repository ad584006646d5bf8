"""Mass error: Student-t around the offset of the injection and polarity, renormalised over the window."""

from __future__ import annotations

from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt

from compassign.models import student
from compassign.models.problem import AssignmentProblem
from compassign.models.terms.base import Graph, Values, add_dimension
from compassign.units import FloatArray

OFFSET_SD_PPM = 3.0  # calibrated instruments drift by a few ppm
LOG_SCALE_MEAN, LOG_SCALE_SD = float(np.log(3.0)), 0.7  # 0.7 to 12 ppm: Orbitrap to old QTOF
POOL_OFFSET_PPM, POOL_LOG_SCALE = 1.0, 0.3  # typical spread between the injections of one study
POOL_WIDTH = 0.7  # log-normal, so that the pooled SDs stay off zero, where centred effects form a funnel


class Mass:
    """log m: density of the ppm error over the window, against a uniform one."""

    name = "mass"
    explanation = "How well the mass fits, after the injection's own offset and spread, against any mass in the window."

    def parameters(self, problem: AssignmentProblem) -> Graph:
        """`offset` in ppm and `log_scale` of every injection, (n_injections,) each."""
        add_dimension("injection", problem.injection_names)
        if len(problem.injection_names) == 1:
            offset = pm.Normal("mass_offset_ppm", 0.0, OFFSET_SD_PPM, dims="injection")
            log_scale = pm.Normal("mass_log_scale", LOG_SCALE_MEAN, LOG_SCALE_SD, dims="injection")
            return {"offset": offset, "log_scale": log_scale}
        centre = pm.Normal("mass_offset_mean_ppm", 0.0, OFFSET_SD_PPM)
        spread = pm.LogNormal("mass_offset_sd_ppm", np.log(POOL_OFFSET_PPM), POOL_WIDTH)
        typical = pm.Normal("mass_log_scale_mean", LOG_SCALE_MEAN, LOG_SCALE_SD)
        width = pm.LogNormal("mass_log_scale_sd", np.log(POOL_LOG_SCALE), POOL_WIDTH)
        return {
            "offset": pm.Normal("mass_offset_ppm", centre, spread, dims="injection"),
            "log_scale": pm.Normal("mass_log_scale", typical, width, dims="injection"),
        }

    def contribution(self, problem: AssignmentProblem, parameters: Graph) -> Any:
        """Log ratio of the slot's mass density to the uniform one over the window, (n_slots,)."""
        offset, log_scale = parameters["offset"], parameters["log_scale"]
        window, scale = problem.mass_window_ppm, pt.exp(log_scale)
        covered = student.cdf((window - offset) / scale, pt.sqrt) - student.cdf((-window - offset) / scale, pt.sqrt)
        log_uniform_ratio = np.log(2 * window) - pt.log(covered)  # (n_injections,)
        injection = pm.Data("slot_injection", problem.injection)
        z = (pm.Data("slot_ppm_error", problem.ppm_error) - offset[injection]) / scale[injection]
        return student.log_density(z, log_scale[injection], pt.log1p) + log_uniform_ratio[injection]

    def location(self, problem: AssignmentProblem) -> dict[str, FloatArray]:
        """No offset, the typical scale."""
        n_injections = len(problem.injection_names)
        values = {"mass_offset_ppm": np.zeros(n_injections), "mass_log_scale": np.full(n_injections, LOG_SCALE_MEAN)}
        if n_injections > 1:
            values |= {"mass_offset_mean_ppm": np.asarray(0.0), "mass_offset_sd_ppm": np.asarray(POOL_OFFSET_PPM)}
            values |= {
                "mass_log_scale_mean": np.asarray(LOG_SCALE_MEAN),
                "mass_log_scale_sd": np.asarray(POOL_LOG_SCALE),
            }
        return values

    def evaluate(self, problem: AssignmentProblem, values: Values, slots: slice) -> FloatArray:
        """NumPy reference of `contribution`."""
        offset, log_scale = values["mass_offset_ppm"], values["mass_log_scale"]  # (n_draws, n_injections)
        window, scale = problem.mass_window_ppm, np.exp(log_scale)
        covered = student.cdf((window - offset) / scale) - student.cdf((-window - offset) / scale)
        log_uniform_ratio = np.log(2 * window) - np.log(covered)
        injection = problem.injection[slots]
        z = (problem.ppm_error[slots] - offset[:, injection]) / scale[:, injection]
        return np.asarray(student.log_density(z, log_scale[:, injection]) + log_uniform_ratio[:, injection])

    def hyperparameters(self, problem: AssignmentProblem) -> tuple[str, ...]:
        """All of them."""
        return tuple(self.location(problem))
