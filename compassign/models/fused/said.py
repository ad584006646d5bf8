"""What annotators said about a block of peaks, and the gradient by their reliability."""

from __future__ import annotations

from numba import njit

from compassign.models.fused.records import (
    EVIDENCE,
    MASS,
    NAMES_NULL,
    NULL_EMISSION,
    ODDS,
    OF_NULL,
    OF_SLOTS,
    MixtureData,
)
from compassign.units import FloatArray


@njit(error_model="numpy")
def _emission(reliability: float, odds: float, is_named: float) -> float:
    """Probability of a statement given an option that it names, or does not name, up to a constant."""
    return reliability if is_named > 0.0 else (1.0 - reliability) * odds


@njit(error_model="numpy")
def apply_statements(
    data: MixtureData, reliability: FloatArray, start: int, stop: int, slots: FloatArray, peaks: FloatArray
) -> None:
    """Multiply the evidence of a block's slots and nulls by the emissions of what annotators said."""
    block_slot = data.ion_slots[data.peak_ions[start]]
    for peak in range(start, stop):
        first = data.ion_slots[data.peak_ions[peak]] - block_slot
        for row in range(data.peak_statements[peak], data.peak_statements[peak + 1]):
            rho, odds = reliability[data.statement_annotator[row]], data.statements[ODDS, row]
            peaks[NULL_EMISSION, peak - start] *= _emission(rho, odds, data.statements[NAMES_NULL, row])
            names = data.statement_names[data.statement_slots[row] : data.statement_slots[row + 1]]
            for k in range(names.size):
                factor = _emission(rho, odds, names[k])
                for kind in range(slots.shape[0]):
                    slots[kind, first + k] *= factor


@njit(error_model="numpy")
def add_reliability_gradient(
    data: MixtureData,
    reliability: FloatArray,
    start: int,
    stop: int,
    slots: FloatArray,
    ions: FloatArray,
    peaks: FloatArray,
    gradient: FloatArray,
) -> None:
    """Add the gradient by the reliability of those who said something about a block's peaks."""
    block_ion = data.peak_ions[start]
    block_slot = data.ion_slots[block_ion]
    for peak in range(start, stop):
        first_slot = data.ion_slots[data.peak_ions[peak]]
        for row in range(data.peak_statements[peak], data.peak_statements[peak + 1]):
            named = peaks[OF_NULL, peak - start] if data.statements[NAMES_NULL, row] > 0.0 else 0.0
            unnamed = peaks[OF_NULL, peak - start] - named
            first_name = data.statement_slots[row]
            for ion in range(data.peak_ions[peak], data.peak_ions[peak + 1]):
                scaled = ions[MASS, ion - block_ion] * peaks[OF_SLOTS, peak - start]
                for k in range(data.ion_slots[ion], data.ion_slots[ion + 1]):
                    responsibility = scaled * slots[EVIDENCE, k - block_slot]
                    if data.statement_names[first_name + k - first_slot] > 0.0:
                        named += responsibility
                    else:
                        unnamed += responsibility
            annotator = data.statement_annotator[row]
            gradient[annotator] += named / reliability[annotator]
            if reliability[annotator] < 1.0:  # at exactly 1 nothing else is possible, and nothing is varied
                gradient[annotator] -= unnamed / (1.0 - reliability[annotator])
