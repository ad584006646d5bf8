"""The Student-t law with four degrees of freedom, in closed form.

Four degrees of freedom are heavy enough for the stray mass and RT errors of real tables, and their distribution
function is algebraic, so that a window's normalisation needs no special function. Source: Shaw, J. Comput. Finance
9(4), 2006.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from compassign.units import FloatArray

NU = 4.0
_LOG_NORMALISER = float(np.log(3.0 / 8.0))  # density at 0 with unit scale: 3/8


def log_density(z: Any, log_scale: Any, log1p: Any = np.log1p) -> Any:
    """Log density of `z` standardised by a scale of logarithm `log_scale`; arrays of either backend, broadcast
    together.

    log1p : the backend's function (`numpy.log1p` or `pytensor.tensor.log1p`).
    """
    return _LOG_NORMALISER - log_scale - 2.5 * log1p(z * z / NU)


def cdf(z: Any, sqrt: Any = np.sqrt) -> Any:
    """Distribution function at the standardised `z`; `sqrt` is the backend's."""
    ratio = z / sqrt(NU + z * z)
    return 0.5 + ratio * (0.75 - 0.25 * ratio * ratio)


def quantile(p: FloatArray) -> FloatArray:
    """Inverse of `cdf` in NumPy; finite for every p from 0 to 1."""
    alpha = np.maximum(4.0 * p * (1.0 - p), np.finfo(np.float64).tiny)
    root = np.sqrt(np.minimum(alpha, 1.0))
    return np.asarray(np.sign(p - 0.5) * 2.0 * np.sqrt(np.maximum(np.cos(np.arccos(root) / 3.0) / root - 1.0, 0.0)))
