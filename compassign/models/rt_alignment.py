"""Retention times that a library predicts, aligned to a table by its peaks.

Predictions made for another system come early or late, and so do all peaks of the right mass. A bent line and how much
the stated errors are too large or too small are learned from thousands of peaks, of which none decides: what is learned
here confirms no single candidate.
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
N_SEGMENTS = 4  # of the line, with as many candidates each
MIN_PEAKS = 30  # a few for each number that is learned
MAX_PEAKS = 5000  # of all, evenly spread: so few numbers need no more
STRETCH_SD, BEND_SD = 0.3, 0.3  # of log slopes: gradients differ by a third, and so do the parts of one
SCALE_SD = 0.5  # of the log of how far stated errors are off
SHARE_SD = 2.0  # of the logit of the share of peaks that a library compound of their mass made


@dataclass(frozen=True)
class Alignment:
    """A rising line of RTs against predictions through (knots_min, values_min), minutes; without knots nothing changes.

    scale : of the stated SDs.
    """

    knots_min: tuple[float, ...] = ()
    values_min: tuple[float, ...] = ()
    scale: float = 1.0

    def of(self, predicted_min: FloatArray) -> FloatArray:
        """Aligned predictions; NaN stays NaN."""
        if not self.knots_min:
            return predicted_min
        return _line(predicted_min, np.array(self.knots_min), np.array(self.values_min))


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
    predicted = predicted_min[compound]
    matches = _Matches(
        first=np.flatnonzero(np.append(True, np.diff(rows) > 0)),
        rt_min=rt_min[rows],
        predicted_min=predicted,
        sd_min=sd_min[compound],
        log_elsewhere=log_rt_density(rt_min, injection)[usable],
        knots_min=np.unique(np.quantile(predicted, np.linspace(0.0, 1.0, N_SEGMENTS + 1))),
        middle_min=float(predicted.mean()),
    )
    n_bends = matches.knots_min.size - 1
    if not n_bends:  # all predictions are the same
        return Alignment()
    prior_sd = [float(np.median(matches.sd_min)), SCALE_SD, SHARE_SD, STRETCH_SD, *[BEND_SD] * n_bends]
    found = minimize(_surprise, np.zeros(len(prior_sd)), args=(matches, np.array(prior_sd))).x
    values = _values(found[0], found[3:], matches)
    return Alignment(tuple(matches.knots_min.tolist()), tuple(values.tolist()), float(np.exp(found[1])))


@dataclass(frozen=True)
class _Matches:
    """Candidates of all peaks in a row; first : the first of each peak.

    log_elsewhere : (n_peaks,) log density of peaks at the peak's RT. middle_min : where the offset is taken.
    """

    first: IntArray
    rt_min: FloatArray
    predicted_min: FloatArray
    sd_min: FloatArray
    log_elsewhere: FloatArray
    knots_min: FloatArray
    middle_min: float


def _surprise(position: FloatArray, matches: _Matches, prior_sd: FloatArray) -> float:
    """Minus the log posterior density; position : offset, log scale, logit of the share, log stretch, log bends."""
    offset, log_scale, logit = position[:3]
    scale = matches.sd_min * np.exp(log_scale)
    line = _line(matches.predicted_min, matches.knots_min, _values(offset, position[3:], matches))
    density = np.exp(student.log_density((matches.rt_min - line) / scale, np.log(scale)))
    n = np.diff(np.append(matches.first, density.size))
    of_candidates = np.log(np.add.reduceat(density, matches.first) / n)
    fit = np.logaddexp(-np.logaddexp(0.0, -logit) + of_candidates, -np.logaddexp(0.0, logit) + matches.log_elsewhere)
    return float(0.5 * ((position / prior_sd) ** 2).sum() - fit.sum())


def _values(offset: float, log_slopes: FloatArray, matches: _Matches) -> FloatArray:
    """RT at the knots; log_slopes : what all segments share, and what each has beside it."""
    steps = np.exp(log_slopes[0] + log_slopes[1:]) * np.diff(matches.knots_min)
    values = np.append(0.0, np.cumsum(steps))
    return np.asarray(values + matches.middle_min + offset - np.interp(matches.middle_min, matches.knots_min, values))


def _line(x: FloatArray, knots: FloatArray, values: FloatArray) -> FloatArray:
    """The line through some points, its first and last segments prolonged."""
    slopes = np.diff(values) / np.diff(knots)
    before, after = np.minimum(x - knots[0], 0.0) * slopes[0], np.maximum(x - knots[-1], 0.0) * slopes[-1]
    return np.asarray(np.interp(x, knots, values) + before + after)
