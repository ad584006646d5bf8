"""The errors of assigned slots and the laws that the model says they follow, for checks of one against the other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from compassign.models import student
from compassign.models.problem import AssignmentProblem
from compassign.models.terms.base import Values
from compassign.models.terms.mass import laws
from compassign.units import FloatArray, IntArray


@dataclass(frozen=True)
class ErrorLaw:
    """Errors of one draw's assigned slots and the law that made them, (n_assigned,) each, in the unit of the error.

    A replicated error lies between low and high. is_in_scales : statistics are of standardised errors.
    """

    error: FloatArray
    centre: FloatArray
    scale: FloatArray
    low: FloatArray
    high: FloatArray
    injection: IntArray
    is_in_scales: bool

    def standardised(self) -> FloatArray:
        """The observed errors in scales from the centre."""
        return (self.error - self.centre) / self.scale

    def replicated(self, rng: np.random.Generator) -> FloatArray:
        """Errors drawn from the law, standardised."""
        low, high = (student.cdf((end - self.centre) / self.scale) for end in (self.low, self.high))
        return np.asarray(student.quantile(rng.uniform(low, high)))

    def in_unit(self, standardised: FloatArray) -> FloatArray:
        """Standardised errors in the unit of the statistics."""
        return standardised if self.is_in_scales else self.centre + self.scale * standardised


def error_law(
    observable: str, problem: AssignmentProblem, values: Values, draw: int, slot_of_peak: npt.NDArray[np.integer]
) -> ErrorLaw:
    """The law of one observable, `mass` or `rt`, for the slots that a draw assigned.

    slot_of_peak : (n_peaks,) negative where a peak has none.
    """
    slots = slot_of_peak[slot_of_peak >= 0]
    return (_mass_law if observable == "mass" else _rt_law)(problem, values, draw, slots)


def _mass_law(problem: AssignmentProblem, values: Values, draw: int, slots: npt.NDArray[np.integer]) -> ErrorLaw:
    """Errors in ppm; a slot outside the window is there because of a label and not what the law is about."""
    window = problem.mass_window_ppm
    kept = slots[np.abs(problem.ppm_error[slots]) <= window]
    injection, law = problem.injection[kept], problem.law[kept]
    offset, log_scale = (of_laws[0] for of_laws in laws({name: of[draw : draw + 1] for name, of in values.items()}))
    ends = np.full(kept.size, window)
    return ErrorLaw(problem.ppm_error[kept], offset[law], np.exp(log_scale[law]), -ends, ends, injection, False)


def _rt_law(problem: AssignmentProblem, values: Values, draw: int, slots: npt.NDArray[np.integer]) -> ErrorLaw:
    """Errors in minutes of peaks without a label: labels and calibrants made the predictions fit their own peaks.

    The candidates' RT window, which is not part of the problem, is taken to end at the farthest of them.
    """
    peak = problem.peak_of_slot[slots]
    kept = slots[np.isfinite(problem.rt_pred_min[slots]) & ~problem.is_labelled[peak]]
    injection, sd = problem.injection[kept], problem.rt_pred_sd_min[kept]
    end = _rt_window_sd(problem) * np.hypot(sd, problem.rt_noise_min)
    return ErrorLaw(
        error=problem.rt_min[problem.peak_of_slot[kept]] - problem.rt_pred_min[kept],
        centre=values["rt_drift_min"][draw][injection],
        scale=np.hypot(values["rt_noise_min"][draw], sd),
        low=-end,
        high=end,
        injection=injection,
        is_in_scales=True,
    )


def _rt_window_sd(problem: AssignmentProblem) -> float:
    """Largest |rt_z| of an unlabelled peak's slots."""
    is_free = np.isfinite(problem.rt_z) & ~problem.is_labelled[problem.peak_of_slot]
    return float(np.abs(problem.rt_z[is_free]).max(initial=0.0))
