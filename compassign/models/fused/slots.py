"""The slots of a block of peaks: RT evidence and everything else that tells isomers apart."""

from __future__ import annotations

import math

from numba import njit

from compassign.models.fused.records import (
    BY_DRIFT,
    BY_VARIANCE,
    COPIES,
    DRIFT_SUM,
    EVIDENCE,
    EVIDENCE_SUM,
    FLAT,
    GAIN,
    KNOWN,
    MASS,
    OF_SLOTS,
    RESIDUAL,
    VARIANCE,
    VARIANCE_SUM,
)
from compassign.units import FloatArray, IntArray


@njit(error_model="numpy")
def fill_slots(
    data: FloatArray,
    slot_law: IntArray,
    start: int,
    stop: int,
    drift: FloatArray,
    noise_variance: float,
    excess: float,
    slots: FloatArray,
) -> None:
    """RT evidence of a block's slots and its derivatives by drift and by variance, all times the `known_in` factor.

    With V the variance and r the residual, the Student-t density is 12 V^2 / (4 V + r^2)^2.5.
    """
    # rows first, so that the compiler sees that they are contiguous
    residual, variance, gain = data[RESIDUAL][start:stop], data[VARIANCE][start:stop], data[GAIN][start:stop]
    flat, known, law = data[FLAT][start:stop], data[KNOWN][start:stop], slot_law[start:stop]
    evidence, by_drift, by_variance = slots[EVIDENCE], slots[BY_DRIFT], slots[BY_VARIANCE]
    n = stop - start
    for k in range(n):
        by_drift[k] = residual[k] - drift[law[k]]
    for k in range(n):
        total = noise_variance + variance[k]
        inverse = 1.0 / (4.0 * total + by_drift[k] * by_drift[k])
        ratio = total * inverse
        evidence[k] = inverse
        by_variance[k] = gain[k] * ratio * ratio * math.sqrt(inverse)
    for k in range(n):
        by_variance[k] *= 1.0 + excess * known[k]
    for k in range(n):
        density, inverse = by_variance[k], evidence[k]
        by_drift[k] *= 5.0 * density * inverse
        by_variance[k] = density * (2.0 / (noise_variance + variance[k]) - 10.0 * inverse)
        evidence[k] = density
    for k in range(n):
        evidence[k] += flat[k] * (1.0 + excess * known[k])


@njit(error_model="numpy")
def apply_extra(extra: FloatArray, slots: FloatArray) -> None:
    """Multiply the evidence of a block's slots by all other evidence, given as a logarithm."""
    for k in range(extra.size):
        factor = math.exp(extra[k])
        for row in range(slots.shape[0]):
            slots[row, k] *= factor


@njit(error_model="numpy")
def sum_slots(
    ion_slots: IntArray,
    n_known: FloatArray,
    start: int,
    stop: int,
    excess: float,
    slots: FloatArray,
    ions: FloatArray,
) -> None:
    """Sum evidence and derivatives over the slots of each of a block's ions; count its slots by `known_in` factor."""
    evidence, by_drift, by_variance = slots[EVIDENCE], slots[BY_DRIFT], slots[BY_VARIANCE]
    k = 0
    for ion in range(stop - start):
        n = ion_slots[start + ion + 1] - ion_slots[start + ion]
        total = of_drift = of_variance = 0.0
        for _ in range(n):
            total += evidence[k]
            of_drift += by_drift[k]
            of_variance += by_variance[k]
            k += 1
        ions[EVIDENCE_SUM, ion], ions[DRIFT_SUM, ion], ions[VARIANCE_SUM, ion] = total, of_drift, of_variance
        ions[COPIES, ion] = n + excess * n_known[start + ion]


@njit(error_model="numpy")
def add_extra_gradient(
    peak_ions: IntArray,
    ion_slots: IntArray,
    start: int,
    stop: int,
    slots: FloatArray,
    ions: FloatArray,
    peaks: FloatArray,
    gradient: FloatArray,
) -> None:
    """The gradient by a slot's log evidence is its responsibility."""
    block_ion, block_slot = peak_ions[start], ion_slots[peak_ions[start]]
    for peak in range(start, stop):
        for ion in range(peak_ions[peak], peak_ions[peak + 1]):
            scaled = ions[MASS, ion - block_ion] * peaks[OF_SLOTS, peak - start]
            for k in range(ion_slots[ion], ion_slots[ion + 1]):
                gradient[k] = scaled * slots[EVIDENCE, k - block_slot]
