"""Baseline `lookup`: a Gaussian look-up over ppm and RT with a constant null, nothing fitted: what users do today."""

from __future__ import annotations

import numpy as np

from compassign.models.draws import Block, DrawSource
from compassign.models.labelled import normalise
from compassign.models.problem import AssignmentProblem
from compassign.models.rt_density import rt_span_min
from compassign.models.terms.presence import MAIN_ADDUCTS
from compassign.units import FloatArray

MASS_SD_PPM = 2.5  # half of the 5 ppm that most laboratories search with
MASS_LIMIT_PPM = 3 * MASS_SD_PPM
MINOR_ADDUCT_WEIGHT = 0.1
MINOR_ADDUCTS = frozenset({"[M+Na]+", "[M+NH4]+", "[M+K]+", "[M+H-H2O]+", "[M+Cl]-", "[M+HCOO]-"})
_IMPOSSIBLE = -500.0  # log odds; finite, so that a label can still clamp a peak to such a slot


def lookup_source(problem: AssignmentProblem) -> DrawSource:
    """One draw of `p` for every peak."""
    log_odds = lookup_log_odds(problem)

    def block(peaks: slice) -> Block:
        slots = slice(int(problem.offsets[peaks.start]), int(problem.offsets[peaks.stop]))
        slot, null = normalise(problem, log_odds[None, slots], np.zeros(1), peaks)
        return Block(slot, null, np.zeros_like(null), {"mass_and_retention": log_odds[slots]})

    return DrawSource(problem.offsets, 1, 1, block)


def lookup_log_odds(problem: AssignmentProblem) -> FloatArray:
    """(n_slots,) log of adduct weight x mass density x RT density, against a null that is uniform in both windows.

    A compound without a prediction has the null's RT density.
    """
    has_rt = np.isfinite(problem.rt_z)
    span = rt_span_min(problem.rt_min)
    sd = np.where(has_rt, np.hypot(problem.rt_pred_sd_min, problem.rt_noise_min), 1.0)
    log_rt = np.where(has_rt, _log_normal(np.nan_to_num(problem.rt_z)) - np.log(sd) + np.log(span), 0.0)
    log_mass = _log_normal(problem.ppm_error / MASS_SD_PPM) + np.log(2 * problem.mass_window_ppm / MASS_SD_PPM)
    odds = _log_adduct_weights(problem)[problem.adduct] + log_mass + log_rt
    return np.maximum(np.where(np.abs(problem.ppm_error) <= MASS_LIMIT_PPM, odds, _IMPOSSIBLE), _IMPOSSIBLE)


def _log_normal(z: FloatArray) -> FloatArray:
    return np.asarray(-0.5 * (z * z + np.log(2 * np.pi)))


def _log_adduct_weights(problem: AssignmentProblem) -> FloatArray:
    """(n_adducts,); dimers and doubly charged ions are not looked up."""
    weights = {name: 0.0 for name in problem.adduct_names if name in MAIN_ADDUCTS or name.startswith("[M]")}
    weights |= {name: float(np.log(MINOR_ADDUCT_WEIGHT)) for name in MINOR_ADDUCTS}
    return np.array([weights.get(name, _IMPOSSIBLE) for name in problem.adduct_names])
