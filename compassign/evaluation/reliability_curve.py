"""Frequency of each probability without bins, and the band in which the whole curve of right probabilities lies."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from compassign.evaluation.calibration_cells import Cells, isotonic
from compassign.units import BoolArray, FloatArray, IntArray

N_RESAMPLED = 200  # sets of outcomes; the 2.5 % point of an interval to about 1.1 %
BAND_LEVEL = 0.90  # of all curves of right probabilities lie inside their band, from end to end
ROUNDING = 1e-9  # of frequencies of 0 and 1, where a band may have no width


@dataclass(frozen=True)
class Statements:
    """Statements and what came of them, n in all.

    probability : (n,) 0 to 1. outcome : (n,) 1 true, 0 false; between them where the truth is one of several options
    that nothing tells apart, each then true by its share. peak : (n,) ascending; statements of one peak exclude each
    other. cluster : (n,) any numbers; peaks of one cluster may be right or wrong together.
    """

    probability: FloatArray
    outcome: FloatArray
    peak: IntArray
    cluster: IntArray

    def select(self, is_kept: BoolArray) -> Statements:
        """Keep some of the statements."""
        return Statements(**{name: values[is_kept] for name, values in vars(self).items()})


@dataclass(frozen=True)
class Curve:
    """Reliability without bins (CORP): the isotonic frequency of each probability, and the band of right ones.

    probability : (n_cells,) ascending. frequency : (n_cells,) never falling. low, high : (n_cells,) if all
    probabilities were right, BAND_LEVEL of all curves would lie between them from end to end.
    """

    probability: FloatArray
    frequency: FloatArray
    low: FloatArray
    high: FloatArray

    @property
    def is_inside(self) -> bool:
        """Whether the whole curve lies in its band."""
        is_above, is_below = self.frequency >= self.low - ROUNDING, self.frequency <= self.high + ROUNDING
        return bool((is_above & is_below).all())


def curves_by_chance(statements: Statements, cells: Cells, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    """Draw outcomes from the probabilities, peaks independently of each other, and fit a curve to each set.

    Returns how many statements of each cell are true, and its isotonic frequency, (N_RESAMPLED, n_cells) each.
    """
    true = _true_by_chance(statements, cells, rng)
    return true, isotonic(sizes_of_all(cells, true), true)


def reliability_curve(statements: Statements, cells: Cells, by_chance: FloatArray) -> Curve:
    """Frequency of each probability by isotonic regression, with a simultaneous consistency band.

    by_chance : curves of right probabilities, (n_sets, n_cells). Below and above their mean the band is as wide as the
    root mean square deviations there, stretched by one factor so that BAND_LEVEL of these curves stay inside
    everywhere. Sources: Dimitriadis, Gneiting & Jordan 2021, PNAS 118(8); for the stretching, Myllymaki et al. 2017,
    JRSS B 79:381.
    """
    true = np.bincount(cells.of, weights=statements.outcome, minlength=cells.size.size)[np.newaxis]
    low, high = _band(cells, by_chance)
    return Curve(cells.probability, isotonic(sizes_of_all(cells, true), true)[0], low, high)


def sizes_of_all(cells: Cells, true: FloatArray) -> FloatArray:
    """The sizes of the cells, once for every set of outcomes."""
    return np.broadcast_to(cells.size, true.shape)


def _true_by_chance(statements: Statements, cells: Cells, rng: np.random.Generator) -> FloatArray:
    """How many statements of each cell are true in N_RESAMPLED worlds where all probabilities are right.

    One statement of a peak, or none, is true: the one on whose stretch of 0 to 1 the peak's random number falls.
    Returns (N_RESAMPLED, n_cells).
    """
    _, first, peak = np.unique(statements.peak, return_index=True, return_inverse=True)
    summed = np.cumsum(statements.probability)
    end = summed - (summed[first] - statements.probability[first])[peak]
    # The first stretch of a peak begins at exactly 0, so that a certain statement is always true.
    begin = np.where(np.arange(peak.size) == first[peak], 0.0, end - statements.probability)
    end = np.where(np.arange(peak.size) == first[peak], statements.probability, end)
    true = np.empty((N_RESAMPLED, cells.size.size))
    for row in true:
        number = rng.random(first.size)[peak]
        row[:] = np.bincount(cells.of[(begin <= number) & (number < end)], minlength=row.size)
    return true


def _band(cells: Cells, fitted: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Ends of the band, (n_cells,) each; fitted : (n_sets, n_cells)."""
    half = fitted.shape[0] // 2
    # Each half is held against the spread of the other: of its own it would never seem to leave the band.
    first, second = fitted[:half], fitted[half:]
    stretch = np.concatenate([_stretch(cells, first, second), _stretch(cells, second, first)])
    # As in conformal prediction, one more curve is expected than were drawn.
    level = min(np.ceil(BAND_LEVEL * (stretch.size + 1)) / stretch.size, 1.0)
    factor = float(np.quantile(stretch, level, method="higher"))
    middle, down, up = _spread(cells, fitted)
    return np.maximum(middle - factor * down, 0.0), np.minimum(middle + factor * up, 1.0)


def _stretch(cells: Cells, fitted: FloatArray, others: FloatArray) -> FloatArray:
    """How far the spread of other curves must be stretched to hold each curve, (n_sets,)."""
    middle, down, up = _spread(cells, others)
    gap = fitted - middle
    return np.asarray(np.maximum(_ratio(gap, up), _ratio(-gap, down)).max(axis=1))


def _spread(cells: Cells, fitted: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Mean of curves and root mean square deviation below and above it, (n_cells,) each.

    Where no curve strays, a tenth of the error of a share of all statements stands in.
    """
    middle = fitted.mean(axis=0)
    least = 0.1 * np.sqrt(cells.probability * (1.0 - cells.probability) / cells.size.sum())
    sides = (np.maximum(middle - fitted, 0.0), np.maximum(fitted - middle, 0.0))
    squares = (_ratio((side**2).sum(axis=0), (side > 0.0).sum(axis=0)) for side in sides)
    down, up = (np.maximum(np.sqrt(square), least) for square in squares)
    return middle, down, up


def _ratio(part: FloatArray, whole: FloatArray | IntArray) -> FloatArray:
    """Quotient, 0 where there is nothing to divide by."""
    return np.asarray(np.divide(part, whole, out=np.zeros(part.shape), where=whole > 0))
