"""Mass error: Student-t around the offset of the injection and polarity, renormalised over the window.

Faint peaks are measured less precisely, as far as the data say.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt

from compassign.models import student
from compassign.models.intensity_levels import LEVEL_SCORES, N_LEVELS
from compassign.models.problem import AssignmentProblem
from compassign.models.terms.base import Graph, Values, add_dimension
from compassign.units import FloatArray

OFFSET_SD_PPM = 3.0  # calibrated instruments drift by a few ppm
LOG_SCALE_MEAN, LOG_SCALE_SD = float(np.log(3.0)), 0.7  # 0.7 to 12 ppm: Orbitrap to old QTOF
POOL_OFFSET_PPM, POOL_LOG_SCALE = 1.0, 0.3  # typical spread between the injections of one study
SLOPE_SD = 0.3  # of the log scale: a factor of two between the faintest and the most intense fifth, either way
SAME = np.zeros(N_LEVELS)  # at all intensities
POOL_WIDTH = 0.7  # log-normal, so that the pooled SDs stay off zero, where centred effects form a funnel


class Mass:
    """log m: density of the ppm error over the window, against a uniform one."""

    name = "mass"
    explanation = "How well the mass fits, after the offset and spread of such peaks, against any mass in the window."

    def parameters(self, problem: AssignmentProblem) -> Graph:
        """`offset` in ppm and `log_scale` of every law, (n_laws,) each."""
        add_dimension("injection", problem.injection_names)
        offset, log_scale = self._of_injections(problem)
        if problem.levels is None:
            return {"offset": of_laws(offset), "log_scale": of_laws(log_scale)}
        slope = pm.Normal("mass_log_scale_slope", 0.0, SLOPE_SD)
        return {"offset": of_laws(offset), "log_scale": of_laws(log_scale, slope * LEVEL_SCORES)}

    def _of_injections(self, problem: AssignmentProblem) -> tuple[Any, Any]:
        """Offset and log scale of every injection, (n_injections,) each."""
        if len(problem.injection_names) == 1:
            offset = pm.Normal("mass_offset_ppm", 0.0, OFFSET_SD_PPM, dims="injection")
            log_scale = pm.Normal("mass_log_scale", LOG_SCALE_MEAN, LOG_SCALE_SD, dims="injection")
            return offset, log_scale
        centre = pm.Normal("mass_offset_mean_ppm", 0.0, OFFSET_SD_PPM)
        spread = pm.LogNormal("mass_offset_sd_ppm", np.log(POOL_OFFSET_PPM), POOL_WIDTH)
        typical = pm.Normal("mass_log_scale_mean", LOG_SCALE_MEAN, LOG_SCALE_SD)
        width = pm.LogNormal("mass_log_scale_sd", np.log(POOL_LOG_SCALE), POOL_WIDTH)
        offset = pm.Normal("mass_offset_ppm", centre, spread, dims="injection")
        return offset, pm.Normal("mass_log_scale", typical, width, dims="injection")

    def contribution(self, problem: AssignmentProblem, parameters: Graph) -> Any:
        """Log ratio of the slot's mass density to the uniform one over the window, (n_slots,)."""
        offset, log_scale = parameters["offset"], parameters["log_scale"]
        window, scale = problem.mass_window_ppm, pt.exp(log_scale)
        covered = student.cdf((window - offset) / scale, pt.sqrt) - student.cdf((-window - offset) / scale, pt.sqrt)
        log_uniform_ratio = np.log(2 * window) - pt.log(covered)  # (n_laws,)
        law = pm.Data("slot_law", problem.law)
        z = (pm.Data("slot_ppm_error", problem.ppm_error) - offset[law]) / scale[law]
        return student.log_density(z, log_scale[law], pt.log1p) + log_uniform_ratio[law]

    def location(self, problem: AssignmentProblem) -> dict[str, FloatArray]:
        """No offset, the typical scale, at all intensities."""
        n_injections = len(problem.injection_names)
        values = {"mass_offset_ppm": np.zeros(n_injections), "mass_log_scale": np.full(n_injections, LOG_SCALE_MEAN)}
        if problem.levels is not None:
            values["mass_log_scale_slope"] = np.asarray(0.0)
        if n_injections > 1:
            values |= {"mass_offset_mean_ppm": np.asarray(0.0), "mass_offset_sd_ppm": np.asarray(POOL_OFFSET_PPM)}
            values |= {
                "mass_log_scale_mean": np.asarray(LOG_SCALE_MEAN),
                "mass_log_scale_sd": np.asarray(POOL_LOG_SCALE),
            }
        return values

    def evaluate(self, problem: AssignmentProblem, values: Values, slots: slice) -> FloatArray:
        """NumPy reference of `contribution`."""
        offset, log_scale = laws(values)
        window, scale = problem.mass_window_ppm, np.exp(log_scale)
        covered = student.cdf((window - offset) / scale) - student.cdf((-window - offset) / scale)
        log_uniform_ratio = np.log(2 * window) - np.log(covered)
        law = problem.law[slots]
        z = (problem.ppm_error[slots] - offset[:, law]) / scale[:, law]
        return np.asarray(student.log_density(z, log_scale[:, law]) + log_uniform_ratio[:, law])

    def hyperparameters(self, problem: AssignmentProblem) -> tuple[str, ...]:
        """All of them."""
        return tuple(self.location(problem))


def of_laws(of_injections: Any, by_level: Any = SAME) -> Any:
    """What each injection has, and what each intensity level adds to it, for every law: (n_laws,)."""
    return (of_injections[:, None] + by_level).ravel()


def laws(values: Values) -> tuple[FloatArray, FloatArray]:
    """Offset in ppm and log scale of every law in every draw, (n_draws, n_laws) each."""
    offset, log_scale = values["mass_offset_ppm"], values["mass_log_scale"]
    slope = values.get("mass_log_scale_slope", np.zeros(len(offset)))
    of_all = log_scale[:, :, None] + slope[:, None, None] * LEVEL_SCORES
    return np.repeat(offset, N_LEVELS, axis=1), of_all.reshape(len(offset), -1)
