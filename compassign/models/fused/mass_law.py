"""The share of each mass law inside the window, and its gradient."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from compassign.models.fused.records import MixtureParameters
from compassign.units import FloatArray


@njit(error_model="numpy")
def _density(z: float) -> float:
    """Student-t density with four degrees of freedom."""
    inverse = 1.0 / (1.0 + 0.25 * z * z)
    return 0.375 * inverse * inverse * math.sqrt(inverse)


@njit(error_model="numpy")
def _cdf(z: float) -> float:
    """Student-t distribution function with four degrees of freedom (Shaw 2006)."""
    ratio = z / math.sqrt(4.0 + z * z)
    return 0.5 + ratio * (0.75 - 0.25 * ratio * ratio)


@njit(error_model="numpy")
def covered(window: float, offset: FloatArray, inverse: FloatArray) -> FloatArray:
    """Share of each mass law inside the window."""
    covered = np.empty_like(offset)
    for j in range(offset.size):
        covered[j] = _cdf((window - offset[j]) * inverse[j]) - _cdf((-window - offset[j]) * inverse[j])
    return covered


@njit(error_model="numpy")
def add_window_gradient(
    window: float, offset: FloatArray, inverse: FloatArray, share: FloatArray, gradient: MixtureParameters
) -> None:
    """Add what renormalising over the window does; share is the mass law's total responsibility / share inside."""
    for j in range(offset.size):
        low, high = (-window - offset[j]) * inverse[j], (window - offset[j]) * inverse[j]
        gradient.mass_offset_ppm[j] += share[j] * (_density(high) - _density(low)) * inverse[j]
        gradient.mass_log_scale[j] += share[j] * (high * _density(high) - low * _density(low))
