"""What every model says about every peak, and the same per compound."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from compassign.candidates import Candidates, group_by_compound
from compassign.units import FloatArray, IntArray


@dataclass(frozen=True)
class SlotProbabilities:
    """Posterior means over the ragged slots of `compassign.candidates.Candidates`; slots and null of a peak sum to 1.

    slot, slot_low, slot_high, slot_mcse : (n_slots,) mean responsibility, ends of its 94 % highest-density interval
        (0 to 1), Monte-Carlo error of the mean (0 for a model without draws).
    null, null_low, null_high, null_mcse : (n_peaks,) the same for the null, both of its parts together.
    unlisted : (n_peaks,) the part of `null` that is a compound which the library lacks, 0 to `null`.
    evidence : term name -> (n_slots,) mean log evidence against the background, nats.
    """

    slot: FloatArray
    slot_low: FloatArray
    slot_high: FloatArray
    slot_mcse: FloatArray
    null: FloatArray
    null_low: FloatArray
    null_high: FloatArray
    null_mcse: FloatArray
    unlisted: FloatArray
    evidence: Mapping[str, FloatArray] = field(default_factory=dict)


@dataclass(frozen=True)
class CompoundProbabilities:
    """Ragged distinct compounds: those of peak i are `offsets[i]:offsets[i + 1]`, the null is implicit.

    offsets : (n_peaks + 1,). compound : (n_options,) library index, ascending within a peak.
    probability : (n_options,) sum over the compound's adducts, 0 to 1.
    best_adduct : (n_options,) index into `adduct_names` of its most probable adduct, the first slot's on a tie.
    """

    offsets: IntArray
    compound: IntArray
    probability: FloatArray
    best_adduct: IntArray


def peak_of_entry(offsets: IntArray) -> IntArray:
    """Peak index of every entry of a ragged array, of slots or of compounds.

    offsets : (n_peaks + 1,). Returns (offsets[-1],) ascending.
    """
    return np.repeat(np.arange(offsets.size - 1, dtype=np.int64), np.diff(offsets))


def compound_probabilities(candidates: Candidates, probabilities: SlotProbabilities) -> CompoundProbabilities:
    """Sum the slots of each peak over adducts.

    probabilities : aligned with `candidates`. Returns one entry for each distinct (peak, compound).
    """
    options = group_by_compound(candidates)
    n_options = options.compound.size
    summed = np.bincount(options.option_of_slot, weights=probabilities.slot, minlength=n_options)
    # lexsort is stable: among equal probabilities the first slot stays first.
    by_option = np.lexsort((-probabilities.slot, options.option_of_slot))
    first = np.searchsorted(options.option_of_slot, np.arange(n_options))
    return CompoundProbabilities(
        offsets=options.offsets,
        compound=options.compound,
        probability=np.minimum(summed, 1.0),  # rounding of the sum may pass 1 by an ulp
        best_adduct=candidates.adduct[by_option[first]],
    )
