"""Retention times that a library predicts, aligned to a table by its peaks.

Predictions made for another system come early or late as a whole, and so do all peaks of the right mass. Three numbers,
an offset, a stretch and how much the stated errors are too large or too small, are learned from thousands of peaks, of
which none decides: what is learned here confirms no single candidate.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from compassign.candidates import Windows, build_candidates, peak_of_slot
from compassign.data.dataset import Dataset
from compassign.models import student
from compassign.models.rt_density import log_rt_density
from compassign.units import FloatArray, IntArray

MAIN_IONS = ("[M+H]+", "[M-H]-")
MIN_PEAKS = 30  # ten for each of three numbers
MAX_PEAKS = 5000  # of all, evenly spread: three numbers need no more
STRETCH_SD, SCALE_SD = 0.3, 0.5  # of logarithms: gradients differ by a third, stated errors by a half
SHARE_SD = 2.0  # of the logit of the share of peaks that a library compound of their mass made


@dataclass(frozen=True)
class Alignment:
    """RT = middle + offset + stretch (prediction - middle) in minutes, its SD = scale times the stated one."""

    middle_min: float = 0.0
    offset_min: float = 0.0
    stretch: float = 1.0
    scale: float = 1.0

    def of(self, predicted_min: FloatArray) -> FloatArray:
        """Aligned predictions."""
        return self.middle_min + self.offset_min + self.stretch * (predicted_min - self.middle_min)


def align(dataset: Dataset, predicted_min: FloatArray, sd_min: FloatArray) -> Alignment:
    """The most probable alignment, where each peak is a compound of its mass, whichever, or lies anywhere.

    predicted_min, sd_min : (n_compounds,) minutes, NaN without a prediction. Compounds are taken as their main ions,
    all of a peak as equally probable; the RT of one follows the model's law (`terms.retention`), that of any other peak
    the injection's density. With fewer than MIN_PEAKS whose candidates have predictions nothing is changed.
    """
    if np.isnan(predicted_min).all():
        return Alignment()
    candidates = build_candidates(dataset, None, Windows(adducts=MAIN_IONS))
    peak, compound = peak_of_slot(candidates), candidates.compound
    is_usable = np.isfinite(predicted_min[compound])
    usable = np.unique(peak[is_usable])
    if usable.size < MIN_PEAKS:
        return Alignment()
    usable = usable[:: -(-usable.size // MAX_PEAKS)]
    is_usable &= np.isin(peak, usable)
    rt_min = dataset.peaks["rt_min"].to_numpy(dtype=np.float64)
    injection = dataset.peaks["injection"].factorize()[0].astype(np.int64)
    rows, compound = peak[is_usable], compound[is_usable]
    middle = float(predicted_min[compound].mean())
    matches = _Matches(
        first=np.flatnonzero(np.append(True, np.diff(rows) > 0)),
        rt_min=rt_min[rows] - middle,
        predicted_min=predicted_min[compound] - middle,
        sd_min=sd_min[compound],
        log_elsewhere=log_rt_density(rt_min, injection)[usable],
    )
    prior_sd = np.array([float(np.median(matches.sd_min)), STRETCH_SD, SCALE_SD, SHARE_SD])
    offset, log_stretch, log_scale, _ = minimize(_surprise, np.zeros(4), args=(matches, prior_sd)).x
    return Alignment(middle, float(offset), float(np.exp(log_stretch)), float(np.exp(log_scale)))


@dataclass(frozen=True)
class _Matches:
    """Candidates of all peaks in a row, from the middle of the predictions on; first : the first of each peak.

    log_elsewhere : (n_peaks,) log density of peaks at the peak's RT.
    """

    first: IntArray
    rt_min: FloatArray
    predicted_min: FloatArray
    sd_min: FloatArray
    log_elsewhere: FloatArray


def _surprise(position: FloatArray, matches: _Matches, prior_sd: FloatArray) -> float:
    """Minus the log posterior density; position : offset, log stretch, log scale, logit of the share."""
    offset, log_stretch, log_scale, logit = position
    scale = matches.sd_min * np.exp(log_scale)
    error = matches.rt_min - offset - np.exp(log_stretch) * matches.predicted_min
    density = np.exp(student.log_density(error / scale, np.log(scale)))
    n = np.diff(np.append(matches.first, density.size))
    of_candidates = np.log(np.add.reduceat(density, matches.first) / n)
    fit = np.logaddexp(-np.logaddexp(0.0, -logit) + of_candidates, -np.logaddexp(0.0, logit) + matches.log_elsewhere)
    return float(0.5 * ((position / prior_sd) ** 2).sum() - fit.sum())
