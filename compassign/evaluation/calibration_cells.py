"""Probabilities merged into cells, and the errors of many resampled sets of outcomes of the same cells at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.fft import dct, idct
from scipy.optimize import isotonic_regression

from compassign.units import FloatArray, IntArray

N_BINS = 10
N_CELLS = 1000  # finer than a screen, and than any number of peaks can tell apart
N_SMOOTH = 250  # grid of the smooth error: its kernels are about 0.01 wide at 10,000 peaks, wider below
N_HALVINGS = 14  # of the kernel's width, which is found to 1e-4


@dataclass(frozen=True)
class Cells:
    """Probabilities that count as one, ascending.

    probability : (n_cells,) their mean. size : (n_cells,) statements. of : (n_statements,) cell of each statement.
    bin : (n_cells,) bin of equal width that holds the cell. fine : (n_cells,) the same of N_SMOOTH bins.
    """

    probability: FloatArray
    size: FloatArray
    of: IntArray
    bin: IntArray
    fine: IntArray


def edges(n: int) -> FloatArray:
    """Ends of n bins of equal width, n + 1 numbers; i / n and not linspace: 0.3 must be the 0.3 that is printed."""
    return np.asarray(np.arange(n + 1) / n)


def bin_of(probability: FloatArray, n: int) -> IntArray:
    """Bin of each probability; a bin holds its lower edge, the last one also 1."""
    return np.asarray(np.digitize(probability, edges(n)[1:-1]), dtype=np.int64)


def merge(probability: FloatArray) -> Cells:
    """One cell a distinct probability, or where there are over N_CELLS of them one a thousandth.

    Cells never cross the edges of N_BINS bins.
    """
    distinct, first, of = np.unique(probability, return_index=True, return_inverse=True)
    if distinct.size > N_CELLS:
        _, first, of = np.unique(bin_of(probability, N_CELLS), return_index=True, return_inverse=True)
    size = np.bincount(of).astype(np.float64)
    mean = np.bincount(of, weights=probability) / size
    some = probability[first]  # the mean of equal numbers may miss them by an ulp, and with it an edge
    return Cells(mean, size, np.asarray(of, dtype=np.int64), bin_of(some, N_BINS), bin_of(some, N_SMOOTH))


def isotonic(size: FloatArray, true: FloatArray) -> FloatArray:
    """Never falling frequencies of each set of outcomes, by pooling adjacent violators; 0 in empty cells.

    size, true : (n_sets, n_cells) statements, and how many of them are true. Source: Ayer et al. 1955.
    """
    fitted = np.zeros(true.shape)
    for row in range(true.shape[0]):
        weight = size[row]
        if weight.all():
            fitted[row] = isotonic_regression(true[row] / weight, weights=weight).x
        else:
            kept = weight > 0
            fitted[row, kept] = isotonic_regression(true[row, kept] / weight[kept], weights=weight[kept]).x
    return fitted


def split_brier(
    cells: Cells, size: FloatArray, true: FloatArray, fitted: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Miscalibration, discrimination and uncertainty of each set, (n_sets,) each.

    size, true, fitted : (n_sets, n_cells), the last from `isotonic`. An outcome between 0 and 1 counts as true and
    false by its share. Source: Dimitriadis, Gneiting & Jordan 2021, PNAS 118(8).
    """
    total = size.sum(axis=1)
    rate = true.sum(axis=1) / total
    squares = (size * fitted**2).sum(axis=1) / total  # equal to the sum of true * fitted within every pool
    of_forecast = ((size * cells.probability - 2.0 * true) * cells.probability).sum(axis=1) / total
    miscalibration = np.maximum(of_forecast + squares, 0.0)  # rounding may pass 0
    return miscalibration, np.maximum(squares - rate**2, 0.0), rate * (1.0 - rate)


def sum_bins(values: FloatArray, of: IntArray, n: int) -> FloatArray:
    """Sum the columns of each bin; values : (n_sets, n_cells), of : (n_cells,) ascending. Returns (n_sets, n)."""
    present, start = np.unique(of, return_index=True)
    summed = np.zeros((values.shape[0], n))
    summed[:, present] = np.add.reduceat(values, start, axis=1)
    return summed


def smooth_error(residual: FloatArray) -> FloatArray:
    """Mean absolute gap after smoothing by a reflected Gaussian as wide as the gap that it leaves.

    residual : (n_sets, N_SMOOTH) sums of outcome - probability / number of statements. Returns (n_sets,). Reflection at
    0 and 1 makes the kernel that of heat between insulated ends, which a cosine transform diagonalises. Source: Blasiok
    & Nakkiran 2024, ICLR (smECE).
    """
    frequency = np.pi * np.arange(N_SMOOTH)
    spectrum = dct(residual, type=2, norm="ortho", axis=1)
    low, high = np.zeros(residual.shape[0]), np.ones(residual.shape[0])
    for _ in range(N_HALVINGS):
        width = (low + high) / 2.0
        damped = spectrum * np.exp(-0.5 * (width[:, np.newaxis] * frequency) ** 2)
        gap = np.abs(idct(damped, type=2, norm="ortho", axis=1)).sum(axis=1)
        # The gap falls as the kernel widens, so they meet once.
        low, high = np.where(gap > width, width, low), np.where(gap > width, high, width)
    return np.asarray((low + high) / 2.0)


def errors(cells: Cells, size: FloatArray, true: FloatArray, fitted: FloatArray) -> dict[str, FloatArray]:
    """Every error that needs nothing but the sums of each cell, by the name of its field in `Summary`; (n_sets,) each.

    size, true, fitted : (n_sets, n_cells).
    """
    total = size.sum(axis=1)
    residual = (true - size * cells.probability) / total[:, np.newaxis]
    miscalibration, discrimination, uncertainty = split_brier(cells, size, true, fitted)
    return {
        "miscalibration": miscalibration,
        "discrimination": discrimination,
        "uncertainty": uncertainty,
        "ece": np.abs(sum_bins(residual, cells.bin, N_BINS)).sum(axis=1),
        "smooth_error": smooth_error(sum_bins(residual, cells.fine, N_SMOOTH)),
    }
