"""What the fused kernel reads and gives, as tuples that compiled code can take apart."""

from __future__ import annotations

from typing import NamedTuple

from compassign.units import FloatArray, IntArray

# rows of `MixtureData.slots` and `.ions`, and of the intermediate arrays of a block
RESIDUAL, VARIANCE, GAIN, FLAT, KNOWN = range(5)
PPM_ERROR, N_KNOWN, TWIN_WEIGHT, TWIN_DENSITY = range(4)
NAMES_NULL, ODDS = range(2)
EVIDENCE, BY_DRIFT, BY_VARIANCE = range(3)
WEIGHT, MASS, Z, PULL, COPIES, EVIDENCE_SUM, DRIFT_SUM, VARIANCE_SUM = range(8)
NULL_EMISSION, OF_SLOTS, OF_NULL = range(3)


class MixtureData(NamedTuple):
    """What does not change in a fit. Slots are sorted by peak and ion.

    peak_ions (n_peaks + 1,), ion_slots (n_ions + 1,) : ragged offsets. *_law : the mass law of each peak, ion and
    slot.
    peak_species, ion_group, ion_kind : indices into the log effects whose sum is the log weight; the kind of an ion is
    its adduct, its family and what the peak table says of it together.
    ions (4, n_ions) : mass error in ppm; number of slots that are known in the species; weight of a twin against its
    slot, and the same times the RT density ratio of twins.
    slots (5, n_slots) : observed minus predicted RT in minutes; variance of the prediction; 12 / RT density of the
    injection, or 0 without a prediction; 1 without a prediction, else 0; 1 if known in the species, else 0.
    peak_statements (n_peaks + 1,) : ragged offsets of what annotators said. statement_annotator (n_statements,).
    statements (2, n_statements) : 1 if it names the null, else 0; odds of an option that it does not name.
    statement_slots (n_statements + 1,) : offsets into statement_names, which is 1 for each slot of
    the peak that is named, else 0.
    half_window_ppm : scalar.
    """

    peak_ions: IntArray
    ion_slots: IntArray
    peak_law: IntArray
    ion_law: IntArray
    slot_law: IntArray
    peak_species: IntArray
    ion_group: IntArray
    ion_kind: IntArray
    ions: FloatArray
    slots: FloatArray
    peak_statements: IntArray
    statement_annotator: IntArray
    statements: FloatArray
    statement_slots: IntArray
    statement_names: FloatArray
    half_window_ppm: FloatArray


class MixtureParameters(NamedTuple):
    """What a fit varies; the gradient has the same form.

    species_effect, group_effect, ion_effect : logs, the last by `ion_kind`. known_effect : scalar, log.
    mass_offset_ppm, mass_log_scale, rt_drift_min (n_laws,). rt_noise_min : scalar, minutes. reliability
    (n_annotators,) : 0 to 1, exactly 1 for one who is taken at their word. extra : (n_slots,) sum of all other log
    evidence, or (0,).
    """

    species_effect: FloatArray
    group_effect: FloatArray
    ion_effect: FloatArray
    known_effect: FloatArray
    mass_offset_ppm: FloatArray
    mass_log_scale: FloatArray
    rt_noise_min: FloatArray
    rt_drift_min: FloatArray
    reliability: FloatArray
    extra: FloatArray
