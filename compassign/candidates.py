"""From mass and retention-time windows to the ragged list of candidates of every peak."""

from __future__ import annotations

from dataclasses import dataclass

from compassign.units import FloatArray, IntArray


@dataclass(frozen=True)
class RtPredictions:
    """What is known about each compound's retention time before any peak is assigned.

    mean_min, sd_min : (n_species, n_compounds) minutes, NaN where there is no prediction; sd_min is the uncertainty of
        the compound's own RT, without the noise of one measurement.
    noise_sd_min : SD of one measurement around the compound's RT, minutes.
    """

    mean_min: FloatArray
    sd_min: FloatArray
    noise_sd_min: float


@dataclass(frozen=True)
class Candidates:
    """Ragged candidates: the slots of peak i are `offsets[i]:offsets[i + 1]`; the null is implicit, before the first.

    offsets : (n_peaks + 1,). compound, adduct : (n_slots,) indices into the library and `adduct_names`.
    ppm_error : (n_slots,) signed ppm. rt_z : (n_slots,) predictive SDs, NaN without a prediction.
    mass_window_ppm : half-width of the mass window.
    """

    offsets: IntArray
    compound: IntArray
    adduct: IntArray
    adduct_names: tuple[str, ...]
    ppm_error: FloatArray
    rt_z: FloatArray
    mass_window_ppm: float
