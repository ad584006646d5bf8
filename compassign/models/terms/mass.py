"""Mass error: Student-t around the offset of the injection and polarity, renormalised over the window.

The offset may rise or fall over m/z, as calibrations do, and faint peaks may be measured less precisely.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt

from compassign.models import student
from compassign.models.levels import LEVEL_SCORES, N_LEVELS
from compassign.models.problem import AssignmentProblem
from compassign.models.terms.base import Graph, Values, add_dimension
from compassign.units import FloatArray, IntArray

OFFSET_SD_PPM = 3.0  # calibrated instruments drift by a few ppm
OFFSET_SLOPE_SD_PPM = 1.0  # of an offset over the levels of m/z: it changes by a few ppm from low to high masses
LOG_SCALE_MEAN, LOG_SCALE_SD = float(np.log(3.0)), 0.7  # 0.7 to 12 ppm: Orbitrap to old QTOF
LOG_SCALE_SLOPE_SD = 0.3  # over the levels of intensity: a factor of two from the faintest to the most intense
POOL_OFFSET_PPM, POOL_LOG_SCALE = 1.0, 0.3  # typical spread between the injections of one study
POOL_WIDTH = 0.7  # log-normal, so that the pooled SDs stay off zero, where centred effects form a funnel


class Mass:
    """log m: density of the ppm error over the window, against a uniform one.

    A *law* is what the peaks of one injection, intensity level and m/z level share (`AssignmentProblem.law`).
    """

    name = "mass"
    explanation = "How well the mass fits, after the offset and spread of such peaks, against any mass in the window."

    def parameters(self, problem: AssignmentProblem) -> Graph:
        """`offset` in ppm and `log_scale` of every law, (n_laws,) each, and the `injection` that it belongs to."""
        add_dimension("injection", problem.injection_names)
        injection, intensity_score, mz_score = law_parts(len(problem.injection_names))
        of_law = pm.Data("law_injection", injection)
        offset, log_scale = (of_injections[of_law] for of_injections in self._of_injections(problem))
        if problem.mz_level is not None:
            slope = pm.Normal("mass_offset_slope_ppm", 0.0, OFFSET_SLOPE_SD_PPM, dims="injection")
            offset += slope[of_law] * pm.Data("law_mz_score", mz_score)
        if problem.intensity_level is not None:
            slope = pm.Normal("mass_log_scale_slope", 0.0, LOG_SCALE_SLOPE_SD)
            log_scale += slope * pm.Data("law_intensity_score", intensity_score)
        return {"offset": offset, "log_scale": log_scale, "injection": of_law}

    def _of_injections(self, problem: AssignmentProblem) -> tuple[Any, Any]:
        """Offset and log scale in the middle of every injection, (n_injections,) each."""
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
        """No offset, the typical scale, no slopes."""
        n_injections = len(problem.injection_names)
        values = {"mass_offset_ppm": np.zeros(n_injections), "mass_log_scale": np.full(n_injections, LOG_SCALE_MEAN)}
        if problem.mz_level is not None:
            values["mass_offset_slope_ppm"] = np.zeros(n_injections)
        if problem.intensity_level is not None:
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
        offset, log_scale = laws(values)  # (n_draws, n_laws)
        window, scale = problem.mass_window_ppm, np.exp(log_scale)
        covered = student.cdf((window - offset) / scale) - student.cdf((-window - offset) / scale)
        log_uniform_ratio = np.log(2 * window) - np.log(covered)
        law = problem.law[slots]
        z = (problem.ppm_error[slots] - offset[:, law]) / scale[:, law]
        return np.asarray(student.log_density(z, log_scale[:, law]) + log_uniform_ratio[:, law])

    def hyperparameters(self, problem: AssignmentProblem) -> tuple[str, ...]:
        """All of them."""
        return tuple(self.location(problem))


def law_parts(n_injections: int) -> tuple[IntArray, FloatArray, FloatArray]:
    """Injection, intensity score and m/z score of every law, (n_laws,) each, as `AssignmentProblem.law` counts."""
    injection, intensity, mz = np.indices((n_injections, N_LEVELS, N_LEVELS)).reshape(3, -1)
    return injection, LEVEL_SCORES[intensity], LEVEL_SCORES[mz]


def laws(values: Values) -> tuple[FloatArray, FloatArray]:
    """Offset in ppm and log scale of every law in every draw, (n_draws, n_laws) each."""
    injection, intensity_score, mz_score = law_parts(values["mass_offset_ppm"].shape[1])
    offset, log_scale = values["mass_offset_ppm"][:, injection], values["mass_log_scale"][:, injection]
    if "mass_offset_slope_ppm" in values:
        offset = offset + values["mass_offset_slope_ppm"][:, injection] * mz_score
    if "mass_log_scale_slope" in values:
        log_scale = log_scale + values["mass_log_scale_slope"][:, None] * intensity_score
    return offset, log_scale
