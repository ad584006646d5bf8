"""The ions of a block of peaks: weight and mass density, and the mixture over them."""

from __future__ import annotations

import math

from numba import njit

from compassign.models.fused.records import (
    COPIES,
    DRIFT_SUM,
    EVIDENCE,
    EVIDENCE_SUM,
    KNOWN,
    MASS,
    N_KNOWN,
    NULL_EMISSION,
    OF_NULL,
    OF_SLOTS,
    PPM_ERROR,
    PULL,
    TWIN_DENSITY,
    TWIN_WEIGHT,
    VARIANCE_SUM,
    WEIGHT,
    MixtureData,
    MixtureParameters,
    Z,
)
from compassign.units import FloatArray


@njit(error_model="numpy")
def fill_ions(
    data: MixtureData,
    start: int,
    stop: int,
    of_group: FloatArray,
    of_kind: FloatArray,
    offset: FloatArray,
    inverse_scale: FloatArray,
    height: FloatArray,
    ions: FloatArray,
) -> None:
    """Weight and weighted mass density of a block's ions with what its derivatives need, without the peak's effects.

    height : of the mass law at its centre against the uniform density.
    """
    error, law = data.ions[PPM_ERROR][start:stop], data.ion_law[start:stop]
    group, kind = data.ion_group[start:stop], data.ion_kind[start:stop]
    weight, mass, z, pull = ions[WEIGHT], ions[MASS], ions[Z], ions[PULL]
    n = stop - start
    for ion in range(n):
        z[ion] = (error[ion] - offset[law[ion]]) * inverse_scale[law[ion]]
    for ion in range(n):
        mass[ion] = height[law[ion]]
    for ion in range(n):
        weight[ion] = of_group[group[ion]] * of_kind[kind[ion]]
    for ion in range(n):
        inverse = 1.0 / (1.0 + 0.25 * z[ion] * z[ion])
        pull[ion] = 1.25 * z[ion] * inverse
        mass[ion] *= weight[ion] * inverse * inverse * math.sqrt(inverse)


@njit(error_model="numpy")
def mix(
    data: MixtureData,
    of_species: FloatArray,
    known: float,
    inverse: FloatArray,
    start: int,
    stop: int,
    slots: FloatArray,
    ions: FloatArray,
    peaks: FloatArray,
    gradient: MixtureParameters,
    mass_total: FloatArray,
) -> float:
    """Log-likelihood of a block's peaks; adds their gradient, and each mass law's responsibility to mass_total."""
    block_ion, block_slot = data.peak_ions[start], data.ion_slots[data.peak_ions[start]]
    value = 0.0
    for peak in range(start, stop):
        first, last = data.peak_ions[peak] - block_ion, data.peak_ions[peak + 1] - block_ion
        if first == last:
            continue
        weights = masses = listed = 0.0
        for ion in range(first, last):
            weights += ions[WEIGHT, ion] * (1.0 + data.ions[TWIN_WEIGHT, block_ion + ion]) * ions[COPIES, ion]
            masses += ions[MASS, ion] * data.ions[TWIN_DENSITY, block_ion + ion] * ions[COPIES, ion]
            listed += ions[MASS, ion] * ions[EVIDENCE_SUM, ion]
        of_peak = of_species[data.peak_species[peak]]
        null = peaks[NULL_EMISSION, peak - start]
        background = null * (1.0 + of_peak * masses)
        total = background + of_peak * listed
        normaliser = 1.0 + of_peak * weights
        value += math.log(total / normaliser)
        of_slots, of_twins = of_peak / total, null * of_peak / total
        of_prior = of_peak / normaliser
        peaks[OF_SLOTS, peak - start], peaks[OF_NULL, peak - start] = of_slots, background / total
        effect = mass = offset = log_scale = drift = variance = 0.0
        for ion in range(first, last):
            scaled = ions[MASS, ion] * of_slots
            twin = ions[MASS, ion] * data.ions[TWIN_DENSITY, block_ion + ion] * of_twins
            prior = ions[WEIGHT, ion] * (1.0 + data.ions[TWIN_WEIGHT, block_ion + ion]) * of_prior
            responsibility = scaled * ions[EVIDENCE_SUM, ion] + twin * ions[COPIES, ion]
            change = responsibility - prior * ions[COPIES, ion]
            gradient.group_effect[data.ion_group[block_ion + ion]] += change
            gradient.ion_effect[data.ion_kind[block_ion + ion]] += change
            pulled = responsibility * ions[PULL, ion]
            effect, mass = effect + change, mass + responsibility
            offset += pulled
            log_scale += pulled * ions[Z, ion]
            drift += scaled * ions[DRIFT_SUM, ion]
            variance += scaled * ions[VARIANCE_SUM, ion]
            if data.ions[N_KNOWN, block_ion + ion] > 0.0:
                gradient.known_effect[()] += (twin - prior) * known * data.ions[N_KNOWN, block_ion + ion]
                low, high = data.ion_slots[block_ion + ion], data.ion_slots[block_ion + ion + 1]
                gradient.known_effect[()] += scaled * _known_evidence(data, slots, low, high, block_slot)
        gradient.species_effect[data.peak_species[peak]] += effect
        law = data.peak_law[peak]
        mass_total[law] += mass
        gradient.mass_offset_ppm[law] += offset * inverse[law]
        gradient.mass_log_scale[law] += log_scale - mass
        gradient.rt_drift_min[law] += drift
        gradient.rt_noise_min[()] += variance
    return value


@njit(error_model="numpy")
def _known_evidence(data: MixtureData, slots: FloatArray, low: int, high: int, block_slot: int) -> float:
    """Evidence of those slots of an ion, from low to high, whose compound is known in the species."""
    evidence = 0.0
    for k in range(low, high):
        evidence += slots[EVIDENCE, k - block_slot] * data.slots[KNOWN, k]
    return evidence
