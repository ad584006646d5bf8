"""Retention times that a library predicts, aligned to a table by its peaks.

Predictions made for another system come early or late, and so do all peaks of the right mass. A bent line and how much
the stated errors are too large or too small are learned from thousands of peaks, of which none decides: what is learned
here confirms no single candidate.
"""

from __future__ import annotations

from collections.abc import Callable
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
_STEP = 1e-4  # of numbers near 1, for slopes
SHARE_SD = 2.0  # of the logit of the share of peaks that a library compound of their mass made


@dataclass(frozen=True)
class Alignment:
    """A rising line of RTs against predictions through (knots_min, values_min), minutes; without knots nothing changes.

    scale : of the stated SDs. sd_min, log_scale_sd : how well the peaks tell the line, over its length and in minutes,
    and the log of the scale.
    """

    knots_min: tuple[float, ...] = ()
    values_min: tuple[float, ...] = ()
    scale: float = 1.0
    sd_min: float = np.inf
    log_scale_sd: float = np.inf

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
    first = np.flatnonzero(np.append(True, np.diff(rows) > 0))
    matches = _Matches(
        first=first,
        compound=compound[first],
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
    covariance = _covariance(found, matches, np.array(prior_sd))
    of_line = _slopes(lambda at: _values(at, matches), found)
    return Alignment(
        knots_min=tuple(matches.knots_min.tolist()),
        values_min=tuple(_values(found, matches).tolist()),
        scale=float(np.exp(found[1])),
        sd_min=float(np.sqrt(np.einsum("ik,ij,jk->k", of_line, covariance, of_line).mean())),
        log_scale_sd=float(np.sqrt(covariance[1, 1])),
    )


@dataclass(frozen=True)
class _Matches:
    """Candidates of all peaks in a row; first : the first of each peak. compound : (n_peaks,) the first candidate's.

    log_elsewhere : (n_peaks,) log density of peaks at the peak's RT. middle_min : where the offset is taken.
    """

    first: IntArray
    compound: IntArray
    rt_min: FloatArray
    predicted_min: FloatArray
    sd_min: FloatArray
    log_elsewhere: FloatArray
    knots_min: FloatArray
    middle_min: float


def _surprise(position: FloatArray, matches: _Matches, prior_sd: FloatArray) -> float:
    """Minus the log posterior density; position : offset, log scale, logit of the share, log stretch, log bends."""
    return float(0.5 * ((position / prior_sd) ** 2).sum() - _fit(position, matches).sum())


def _fit(position: FloatArray, matches: _Matches) -> FloatArray:
    """Log density of each peak's RT, (n_peaks,)."""
    _, log_scale, logit = position[:3]
    scale = matches.sd_min * np.exp(log_scale)
    line = _line(matches.predicted_min, matches.knots_min, _values(position, matches))
    density = np.exp(student.log_density((matches.rt_min - line) / scale, np.log(scale)))
    n = np.diff(np.append(matches.first, density.size))
    of_candidates = np.log(np.add.reduceat(density, matches.first) / n)
    of_none = -np.logaddexp(0.0, logit) + matches.log_elsewhere
    return np.asarray(np.logaddexp(-np.logaddexp(0.0, -logit) + of_candidates, of_none))


def _values(position: FloatArray, matches: _Matches) -> FloatArray:
    """RT at the knots; position : as in `_surprise`."""
    steps = np.exp(position[3] + position[4:]) * np.diff(matches.knots_min)
    values = np.append(0.0, np.cumsum(steps))
    shift = matches.middle_min + position[0] - np.interp(matches.middle_min, matches.knots_min, values)
    return np.asarray(values + shift)


def _covariance(position: FloatArray, matches: _Matches, prior_sd: FloatArray) -> FloatArray:
    """How well the numbers are told by peaks of which those of one mass go together, (n, n).

    It is A^-1 B A^-1 with the information A of peaks taken alone and B of peaks added up by mass, both with that of the
    prior. Source: Liang & Zeger, Biometrika 73, 1986.
    """
    score = _slopes(lambda at: _fit(at, matches), position)  # (n, n_peaks)
    mass, prior = np.unique(matches.compound, return_inverse=True)[1], np.diag(prior_sd**-2)
    together = np.stack([np.bincount(mass, weights=row) for row in score])
    inverse = np.linalg.inv(score @ score.T + prior)
    return np.asarray(inverse @ (together @ together.T + prior) @ inverse)


def _slopes(function: Callable[[FloatArray], FloatArray], position: FloatArray) -> FloatArray:
    """Derivatives by each number, (n, n_values)."""
    steps = _STEP * np.eye(position.size)
    return np.stack([(function(position + step) - function(position - step)) / (2 * _STEP) for step in steps])


def _line(x: FloatArray, knots: FloatArray, values: FloatArray) -> FloatArray:
    """The line through some points, its first and last segments prolonged."""
    slopes = np.diff(values) / np.diff(knots)
    before, after = np.minimum(x - knots[0], 0.0) * slopes[0], np.maximum(x - knots[-1], 0.0) * slopes[-1]
    return np.asarray(np.interp(x, knots, values) + before + after)
