"""How densely an injection's peaks fill its retention-time axis: the RT law of background and unlisted compounds."""

from __future__ import annotations

import numpy as np

from compassign.units import FloatArray, IntArray

_BINS_PER_BANDWIDTH = 16  # the grid changes a density by less than 0.5 %
_MIN_BANDWIDTH_SHARE = 0.005  # of the RT range: peaks closer than this are not resolved in time
_MIN_SPAN_SHARE = 0.25  # of the latest RT: a gradient lasts longer than one or a few peaks alone can show
_MIN_SPAN_MIN = 0.01  # where all RTs are 0: without chromatography


def rt_span_min(rt_min: FloatArray) -> float:
    """Width of the RT axis in minutes, above 0 however few the peaks are.

    rt_min : (n,) minutes, n at least 1.
    """
    return max(float(np.ptp(rt_min)), _MIN_SPAN_SHARE * float(rt_min.max()), _MIN_SPAN_MIN)


def log_rt_density(rt_min: FloatArray, injection: IntArray) -> FloatArray:
    """Leave-one-out log density of each peak's RT among the peaks of its injection, per minute.

    rt_min, injection : (n_peaks,); the density of an injection is a Gaussian kernel estimate (Silverman's bandwidth) in
    which a uniform density over all RTs counts as one more peak, so that a lonely peak keeps a finite density. Returns
    (n_peaks,) finite. Source: Silverman, Density Estimation, 1986, eq. 3.31.
    """
    low, span = float(rt_min.min()), rt_span_min(rt_min)
    result = np.empty_like(rt_min, dtype=np.float64)
    for index in np.unique(injection):
        members = np.flatnonzero(injection == index)
        result[members] = np.log(_leave_one_out(rt_min[members], low, span))
    return result


def _leave_one_out(rt_min: FloatArray, low: float, span: float) -> FloatArray:
    """Density at each of one injection's peaks, (n,), from the others and the uniform pseudo-peak."""
    n_peaks = rt_min.size
    if n_peaks == 1:
        return np.full(1, 1.0 / span)
    quartiles = np.quantile(rt_min, [0.25, 0.75])
    spread = min(float(rt_min.std()), float(quartiles[1] - quartiles[0]) / 1.34) or span
    bandwidth = max(0.9 * spread * n_peaks**-0.2, _MIN_BANDWIDTH_SHARE * span)
    step = bandwidth / _BINS_PER_BANDWIDTH
    left = np.floor((rt_min - low) / step).astype(np.int64)
    share = (rt_min - low) / step - left  # of the peak's mass that the grid point to its right gets
    n_points = int(left.max()) + 2
    mass = np.bincount(left, 1.0 - share, n_points) + np.bincount(left + 1, share, n_points)
    reach = 5 * _BINS_PER_BANDWIDTH
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / _BINS_PER_BANDWIDTH) ** 2)
    kernel /= kernel.sum() * step
    smooth = np.convolve(mass, kernel)[reach : reach + n_points]
    everyone = (1.0 - share) * smooth[left] + share * smooth[left + 1]
    itself = ((1.0 - share) ** 2 + share**2) * kernel[reach] + 2.0 * share * (1.0 - share) * kernel[reach + 1]
    return np.asarray((np.maximum(everyone - itself, 0.0) + 1.0 / span) / n_peaks)
