"""Retention time: Student-t around the prediction, whose error all peaks of a compound share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt

from compassign.models import student
from compassign.models.problem import AssignmentProblem
from compassign.models.terms.base import Values
from compassign.units import BoolArray, FloatArray, IntArray

NOISE_WIDTH = 0.7  # log-normal: the noise of one measurement within a factor of 2 of what the RT stage saw
# Of a prediction's error variance, the part that all peaks of the compound share. What is left over (a third of the SD) lets
# adducts, polarities and days differ a little, and keeps the posterior crossable: with everything shared, each pair of peaks
# that could be one compound is a mode as narrow as the noise, thousands of them, which no gradient sampler can travel.
SHARED_VARIANCE = 0.9
DRIFT_TO_NOISE = 1.0  # half-normal scale of the injections' drift, in noise SDs of the RT stage


class Retention:
    """log q - log g: density of the RT around the compound's prediction, against the injection's RT density."""

    name = "retention"
    explanation = "How well the retention time fits the prediction, against any peak of the injection."

    def build(self, problem: AssignmentProblem) -> Any:
        """Log ratio of the slot's RT density to the injection's, (n_slots,); 0 without a prediction."""
        shared = shared_errors(problem)
        model = pm.modelcontext(None)
        model.add_coords({"injection": problem.injection_names, "shared_compound": shared.compounds})
        noise = pm.LogNormal("rt_noise_min", np.log(problem.rt_noise_min), NOISE_WIDTH)
        drift_sd = pm.HalfNormal("rt_drift_sd_min", DRIFT_TO_NOISE * problem.rt_noise_min)
        drift = drift_sd * pm.Normal("rt_drift_z", dims="injection")
        residual = pm.Data("slot_rt_residual", shared.residual) - drift[pm.Data("slot_rt_injection", problem.injection)]
        if shared.compounds.size:
            error_z = pm.Normal("rt_error_z", dims="shared_compound")
            index = pm.Data("slot_shared_compound", shared.index)
            residual -= pm.Data("slot_shared_sd", shared.shared_sd) * error_z[index]
        scale = pt.sqrt(noise**2 + pm.Data("slot_own_variance", shared.own_sd**2))
        log_q = student.log_density(residual / scale, pt.log(scale), pt.log1p)
        log_g = pm.Data("slot_log_rt_density", problem.log_rt_density[problem.peak_of_slot])
        return pm.Data("slot_has_prediction", shared.is_predicted.astype(np.float64)) * (log_q - log_g)

    def location(self, problem: AssignmentProblem) -> dict[str, FloatArray]:
        """No drift, no error of a prediction, the RT stage's noise."""
        values = {
            "rt_noise_min": np.asarray(problem.rt_noise_min),
            "rt_drift_sd_min": np.asarray(DRIFT_TO_NOISE * problem.rt_noise_min * np.sqrt(2 / np.pi)),
            "rt_drift_z": np.zeros(len(problem.injection_names)),
        }
        n_shared = shared_errors(problem).compounds.size
        return values | ({"rt_error_z": np.zeros(n_shared)} if n_shared else {})

    def evaluate(self, problem: AssignmentProblem, values: Values, slots: slice) -> FloatArray:
        """NumPy reference of `build`."""
        shared = shared_errors(problem)
        drift = values["rt_drift_sd_min"][:, None] * values["rt_drift_z"]  # (n_draws, n_injections)
        residual = shared.residual[slots] - drift[:, problem.injection[slots]]
        if "rt_error_z" in values:
            residual = residual - shared.shared_sd[slots] * values["rt_error_z"][:, shared.index[slots]]
        scale = np.sqrt(values["rt_noise_min"][:, None] ** 2 + shared.own_sd[slots] ** 2)
        log_q = student.log_density(residual / scale, np.log(scale))
        log_g = problem.log_rt_density[problem.peak_of_slot[slots]]
        return np.asarray(np.where(shared.is_predicted[slots], log_q - log_g, 0.0))

    def hyperparameters(self, problem: AssignmentProblem) -> tuple[str, ...]:
        """Noise and drift."""
        return ("rt_noise_min", "rt_drift_sd_min", "rt_drift_z")


@dataclass(frozen=True)
class SharedErrors:
    """Which slots share the error of their compound's prediction; all slot arrays are (n_slots,).

    compounds : library indices of the compounds that two or more peaks may be. index : slot -> compounds (0 if not shared).
    shared_sd : SD of the shared error (0 if not shared). own_sd : SD of the error that only this slot has.
    residual : observed minus predicted RT, minutes (0 without a prediction). is_predicted : there is a prediction.
    """

    compounds: IntArray
    index: IntArray
    shared_sd: FloatArray
    own_sd: FloatArray
    residual: FloatArray
    is_predicted: BoolArray


def shared_errors(problem: AssignmentProblem) -> SharedErrors:
    """Split the slots by whether their compound is a candidate of one peak or of several.

    A prediction's error that only one peak can see is integrated out into that slot's scale.
    """
    is_predicted = np.isfinite(problem.rt_pred_min)
    pairs = np.unique(np.stack([problem.compound, problem.peak_of_slot]), axis=1)  # (2, n_pairs)
    seen, n_peaks = np.unique(pairs[0], return_counts=True)
    several = np.intersect1d(seen[n_peaks > 1], problem.compound[is_predicted])
    is_shared = np.isin(problem.compound, several) & is_predicted
    sd = np.where(is_predicted, problem.rt_pred_sd_min, 0.0)
    return SharedErrors(
        compounds=several,
        index=np.where(is_shared, np.searchsorted(several, problem.compound), 0),
        shared_sd=np.where(is_shared, np.sqrt(SHARED_VARIANCE) * sd, 0.0),
        own_sd=np.where(is_shared, np.sqrt(1.0 - SHARED_VARIANCE) * sd, sd),
        residual=np.where(is_predicted, problem.rt_min[problem.peak_of_slot] - problem.rt_pred_min, 0.0),
        is_predicted=is_predicted,
    )
