"""Value and gradient of the marginal mixture in one pass over the slots, in linear space, compiled by numba.

The slots of a peak that share adduct and mass are one *ion*: isomers. Weight and mass density belong to the ion, RT
and `known_in` to its slots, so that most of the work is done once an ion. With w, m the weight and the weighted mass
density of an ion, v_k and q_k the `known_in` factor and the evidence of its slots, e the emissions of the labels, and t
and h the weight and the RT density ratio of a twin, the log-likelihood of a peak is (`compassign.models.mixture` has it
as a plain graph)

    L = log[ e_0 (1 + sum_ions t h m sum_k v_k) + sum_ions m sum_k v_k q_k e_k ]
        - log[ 1 + sum_ions (1 + t) w sum_k v_k ]

Peaks are worked on in blocks whose intermediate arrays fit the first-level cache. The loops are short and read few
arrays each, because LLVM turns only those into vector instructions. No floating-point operation may be reordered
(`fastmath` is off), so that the draws of a seed do not depend on whether this code was compiled now or comes from the
cache.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from compassign.models.fused.ions import fill_ions, mix
from compassign.models.fused.mass_law import add_window_gradient, covered
from compassign.models.fused.records import N_KNOWN, NULL_EMISSION, MixtureData, MixtureParameters
from compassign.models.fused.said import add_reliability_gradient, apply_statements
from compassign.models.fused.slots import add_extra_gradient, apply_extra, fill_slots, sum_slots
from compassign.units import IntArray

BLOCK_SIZE = 256  # slots, and peaks, of a block


@njit(error_model="numpy")
def value_and_gradient(data: MixtureData, parameters: MixtureParameters) -> tuple[float, MixtureParameters]:
    """Log-likelihood of all peaks against the background, and its gradient by each of the parameters."""
    gradient = MixtureParameters(
        np.zeros_like(parameters.species_effect),
        np.zeros_like(parameters.group_effect),
        np.zeros_like(parameters.ion_effect),
        np.zeros_like(parameters.known_effect),
        np.zeros_like(parameters.mass_offset_ppm),
        np.zeros_like(parameters.mass_log_scale),
        np.zeros_like(parameters.rt_noise_min),
        np.zeros_like(parameters.rt_drift_min),
        np.zeros_like(parameters.reliability),
        np.zeros_like(parameters.extra),
    )
    peak_ions, ion_slots = data.peak_ions, data.ion_slots
    of_species, of_group = np.exp(parameters.species_effect), np.exp(parameters.group_effect)
    of_kind, known = np.exp(parameters.ion_effect), math.exp(parameters.known_effect.item())
    noise, window = parameters.rt_noise_min.item(), data.half_window_ppm.item()
    offset, inverse = parameters.mass_offset_ppm, np.exp(-parameters.mass_log_scale)
    inside = covered(window, offset, inverse)
    height = 0.75 * window * inverse / inside
    mass_total = np.zeros_like(offset)
    size = _block_size(peak_ions, ion_slots)
    slots, ions, peaks = np.empty((3, size)), np.empty((8, size)), np.empty((3, size))
    value = 0.0
    start, n_peaks = 0, peak_ions.size - 1
    while start < n_peaks:
        stop = _end_of_block(peak_ions, ion_slots, start)
        ion, last_ion = peak_ions[start], peak_ions[stop]
        slot, last_slot = ion_slots[ion], ion_slots[last_ion]
        fill_slots(
            data.slots, data.slot_law, slot, last_slot, parameters.rt_drift_min, noise * noise, known - 1.0, slots
        )
        if parameters.extra.size:
            apply_extra(parameters.extra[slot:last_slot], slots)
        peaks[NULL_EMISSION, : stop - start] = 1.0
        has_statements = data.peak_statements[start] < data.peak_statements[stop]
        if has_statements:
            apply_statements(data, parameters.reliability, start, stop, slots, peaks)
        fill_ions(data, ion, last_ion, of_group, of_kind, offset, inverse, height, ions)
        sum_slots(ion_slots, data.ions[N_KNOWN], ion, last_ion, known - 1.0, slots, ions)
        value += mix(data, of_species, known, inverse, start, stop, slots, ions, peaks, gradient, mass_total)
        if has_statements:
            add_reliability_gradient(
                data, parameters.reliability, start, stop, slots, ions, peaks, gradient.reliability
            )
        if parameters.extra.size:
            add_extra_gradient(peak_ions, ion_slots, start, stop, slots, ions, peaks, gradient.extra)
        start = stop
    add_window_gradient(window, offset, inverse, mass_total / inside, gradient)
    gradient.rt_noise_min[()] *= 2.0 * noise  # until here by its square
    return value, gradient


@njit(error_model="numpy")
def _block_size(peak_ions: IntArray, ion_slots: IntArray) -> int:
    """Slots, or peaks, that a block can have: BLOCK_SIZE, or as many as the largest peak."""
    size = BLOCK_SIZE
    for peak in range(peak_ions.size - 1):
        size = max(size, ion_slots[peak_ions[peak + 1]] - ion_slots[peak_ions[peak]])
    return size


@njit(error_model="numpy")
def _end_of_block(peak_ions: IntArray, ion_slots: IntArray, start: int) -> int:
    """The peak after the block's last: as many whole peaks as a block holds, one at least."""
    last = min(peak_ions.size - 1, start + BLOCK_SIZE)
    limit = ion_slots[peak_ions[start]] + BLOCK_SIZE
    stop = start + 1
    while stop < last and ion_slots[peak_ions[stop + 1]] <= limit:
        stop += 1
    return stop
