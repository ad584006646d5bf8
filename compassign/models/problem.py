"""The arrays that every assignment model reads: candidates, predictions and labels of one dataset, aligned by slot."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from compassign.candidates import Candidates, RtPredictions, peak_arrays, peak_of_slot
from compassign.chemistry.adducts import get_adduct
from compassign.chemistry.families import find_families
from compassign.chemistry.stated_adducts import compare_adducts
from compassign.data.dataset import Dataset
from compassign.models import student
from compassign.models.formula_rt import predict_by_formula
from compassign.models.levels import MIDDLE, N_LEVELS, fifths
from compassign.models.rt_density import log_rt_density
from compassign.models.statements import Statements, no_statements
from compassign.models.unlisted import unlisted_per_listed
from compassign.units import BoolArray, FloatArray, IntArray

SAME_RT_MIN = 5e-4  # calibrants and peaks are read from tables rounded to 0.001 min
ROUNDING_MIN = 1e-6  # of times as binary numbers
MANY = 0.5
DECIMALS = 3  # an RT that is rounded more coarsely is shared by too many peaks to identify one


@dataclass(frozen=True)
class AssignmentProblem:
    """One dataset as a model sees it; n_slots counts candidates, the null has no slot.

    peak_of_slot, compound, adduct, species, injection : (n_slots,) indices, the last three into the names below.
    isobar_group : (n_slots,) the same number for compounds of one mass and charge. family : (n_slots,) of
    `compassign.chemistry.families.Family`.
    offsets : (n_peaks + 1,) slots of each peak. ppm_error : (n_slots,) signed. mass_window_ppm : half-width.
    rt_min, log_rt_density : (n_peaks,) minutes; log g of DESIGN section 4, per minute.
    rt_pred_min, rt_pred_sd_min, rt_z : (n_slots,) NaN where the compound has no prediction. rt_noise_min : one
    measurement's SD.
    is_known_in : (n_slots,) the library says that the compound occurs in the peak's species.
    slot_allowed, null_allowed : (n_slots,), (n_peaks,) False where a label excludes the option; is_labelled :
    (n_peaks,). statements : what was said by annotators who may be wrong, apart from those labels.
    spectra_log_ratio : (n_slots,) nats, 0 where the peak or the compound has no spectrum; None without spectra.
    upstream : (n_slots,) of `compassign.chemistry.stated_adducts.Stated`; None where the table states no adduct.
    intensity_level, mz_level : (n_slots,) of `compassign.models.levels`; None where there is only one.
    unlisted_share : lambda, the share of real compounds that the library lacks; fixed in a fit. unlisted_number,
    unlisted_rt_ratio : (n_slots,) how many compounds of its mass the library lacks for each that it has, were as many
    missing as are listed, and the density of their RTs against g, the same for slots of one mass and adduct; 1 if None.
    """

    offsets: IntArray
    peak_of_slot: IntArray
    compound: IntArray
    isobar_group: IntArray
    adduct: IntArray
    family: IntArray
    species: IntArray
    injection: IntArray
    ppm_error: FloatArray
    rt_z: FloatArray
    rt_pred_min: FloatArray
    rt_pred_sd_min: FloatArray
    rt_min: FloatArray
    log_rt_density: FloatArray
    is_known_in: BoolArray
    slot_allowed: BoolArray
    null_allowed: BoolArray
    is_labelled: BoolArray
    mass_window_ppm: float
    rt_noise_min: float
    unlisted_share: float
    adduct_names: tuple[str, ...]
    species_names: tuple[str, ...]
    injection_names: tuple[str, ...]
    statements: Statements = field(default_factory=no_statements)
    spectra_log_ratio: FloatArray | None = None
    upstream: IntArray | None = None
    intensity_level: IntArray | None = None
    mz_level: IntArray | None = None
    unlisted_number: FloatArray | None = None
    unlisted_rt_ratio: FloatArray | None = None

    @cached_property
    def twin_weight(self) -> FloatArray:
        """(n_slots,) weight of each slot's unlisted twin against the slot: lambda / (1 - lambda) times their number."""
        number = np.ones(self.n_slots) if self.unlisted_number is None else self.unlisted_number
        return self.unlisted_share / (1.0 - self.unlisted_share) * number

    @property
    def twin_rt_ratio(self) -> FloatArray:
        """(n_slots,) density of the RT under each slot's unlisted twin against g."""
        return np.ones(self.n_slots) if self.unlisted_rt_ratio is None else self.unlisted_rt_ratio

    @property
    def stated_adducts(self) -> IntArray:
        """(n_slots,) of `Stated`, NOTHING throughout where the table states no adduct."""
        return np.zeros(self.n_slots, dtype=np.int64) if self.upstream is None else self.upstream

    @cached_property
    def law(self) -> IntArray:
        """(n_slots,) index of injection, intensity level and m/z level together, which have one law of mass errors."""
        levels = (MIDDLE if level is None else level for level in (self.intensity_level, self.mz_level))
        shape = (len(self.injection_names), N_LEVELS, N_LEVELS)
        return np.ravel_multi_index(np.broadcast_arrays(self.injection, *levels), shape).astype(np.int64)

    @cached_property
    def groups_in_play(self) -> tuple[IntArray, IntArray]:
        """The isobar groups that are somebody's candidate, and each slot's index into them."""
        groups, slot = np.unique(self.isobar_group, return_inverse=True)
        return groups, slot.astype(np.int64)

    @cached_property
    def ions_of_groups(self) -> IntArray:
        """(n_groups, n_adducts) at how many peaks each isobar group in play is a candidate as each adduct."""
        (groups, slot), n_adducts = self.groups_in_play, len(self.adduct_names)
        n_ions = groups.size * n_adducts
        of_peaks = np.unique(self.peak_of_slot * n_ions + slot * n_adducts + self.adduct)  # isomers are one ion
        return np.bincount(of_peaks % n_ions, minlength=n_ions).reshape(groups.size, n_adducts)

    @cached_property
    def slots_of_adducts(self) -> IntArray:
        """(n_adducts,) how many slots each adduct has."""
        return np.bincount(self.adduct, minlength=len(self.adduct_names))

    @property
    def n_peaks(self) -> int:
        """Number of peaks, those without a slot included."""
        return self.rt_min.size

    @property
    def n_slots(self) -> int:
        """Number of candidates over all peaks."""
        return self.compound.size


def build_problem(
    dataset: Dataset, candidates: Candidates, predictions: RtPredictions, unlisted_share: float
) -> AssignmentProblem:
    """Align a dataset's candidates, RT predictions and labels; the truth is not looked at.

    Every compound that `dataset.labels` names is among its peak's slots (`add_labelled`). Mass offset and scale belong
    to an injection and polarity together; species, injections and
    adducts without a candidate are left out of the names.
    """
    peaks = dataset.peaks
    slot_peak = peak_of_slot(candidates)
    all_species, species = _index(peaks["species"])
    all_injections, injection = _index(peaks["injection"].str.cat(peaks["polarity"], sep=" "))
    species_names, slot_species = _in_play(all_species, species[slot_peak])
    injection_names, slot_injection = _in_play(all_injections, injection[slot_peak])
    predicted = (species[slot_peak], peak_arrays(dataset).polarity[slot_peak], candidates.compound)
    adduct_names, slot_adduct = _in_play(candidates.adduct_names, candidates.adduct)
    rt_min = peaks["rt_min"].to_numpy(dtype=np.float64)
    slot_allowed, null_allowed, is_labelled = _label_masks(dataset, candidates)
    group, rt_density = isobar_groups(dataset.compounds), log_rt_density(rt_min, injection)
    return AssignmentProblem(
        offsets=candidates.offsets,
        peak_of_slot=slot_peak,
        compound=candidates.compound,
        isobar_group=group[candidates.compound],
        adduct=slot_adduct,
        family=_families(dataset, candidates, injection)[slot_peak, candidates.adduct],
        species=slot_species,
        injection=slot_injection,
        ppm_error=candidates.ppm_error,
        rt_z=candidates.rt_z,
        rt_pred_min=predictions.mean_min[predicted],
        rt_pred_sd_min=predictions.sd_min[predicted],
        rt_min=rt_min,
        log_rt_density=rt_density,
        is_known_in=_known_in(dataset.compounds["known_in"], species_names)[slot_species, candidates.compound],
        slot_allowed=slot_allowed,
        null_allowed=null_allowed,
        is_labelled=is_labelled,
        mass_window_ppm=candidates.mass_window_ppm,
        rt_noise_min=predictions.noise_sd_min,
        unlisted_share=unlisted_share,
        adduct_names=adduct_names,
        species_names=species_names,
        injection_names=injection_names,
        upstream=_upstream(peaks["adduct"], candidates),
        intensity_level=_levels(peaks["intensity"], injection, slot_peak),
        mz_level=_levels(peaks["mz"], np.zeros_like(injection), slot_peak),
        unlisted_number=unlisted_per_listed(group)[candidates.compound],
        unlisted_rt_ratio=_unlisted_rt_ratio(dataset, candidates, predictions, predicted, rt_density),
    )


def _unlisted_rt_ratio(
    dataset: Dataset,
    candidates: Candidates,
    predictions: RtPredictions,
    predicted: tuple[IntArray, IntArray, IntArray],
    rt_density: FloatArray,
) -> FloatArray | None:
    """(n_slots,) RT density of compounds of a slot's formula against the injection's, the mean over slots of one ion.

    predicted : where predictions have each slot. rt_density : (n_peaks,) logs. None where no RT is predicted.
    """
    formulas, in_play = dataset.compounds["formula"], np.zeros(len(dataset.compounds), dtype=np.bool_)
    in_play[candidates.compound] = True
    by_formula = predict_by_formula(predictions, formulas, in_play)
    if by_formula is None:
        return None
    (mean, sd), peak = (values[predicted] for values in by_formula), peak_of_slot(candidates)
    z = (dataset.peaks["rt_min"].to_numpy(dtype=np.float64)[peak] - mean) / sd
    ratio = np.where(np.isfinite(mean), np.exp(student.log_density(z, np.log(sd)) - rt_density[peak]), 1.0)
    ions = np.stack([peak, isobar_groups(dataset.compounds)[candidates.compound], candidates.adduct])
    ion = np.unique(ions, axis=1, return_inverse=True)[1]
    return np.asarray((np.bincount(ion, ratio) / np.bincount(ion))[ion])


def _upstream(stated: pd.Series[str], candidates: Candidates) -> IntArray | None:
    """(n_slots,) what the adducts in the peak table say of each slot's; None where there is none."""
    if (stated == "").all():
        return None
    return compare_adducts(stated.tolist(), candidates.adduct_names)[peak_of_slot(candidates), candidates.adduct]


def _levels(of_peaks: pd.Series[Any], group: IntArray, slot_peak: IntArray) -> IntArray | None:
    """(n_slots,) levels of the peaks within their groups; None where all are the same."""
    levels = fifths(np.asarray(of_peaks, dtype=np.float64), group)
    return None if (levels == MIDDLE).all() else levels[slot_peak]


def _families(dataset: Dataset, candidates: Candidates, injection: IntArray) -> IntArray:
    """(n_peaks, n_adducts) what elutes with each peak, taken as each of the candidates' adducts."""
    intensity = dataset.peaks["intensity"].to_numpy(dtype=np.float64)
    adducts = [get_adduct(name) for name in candidates.adduct_names]
    return find_families(peak_arrays(dataset), injection, intensity, adducts)


def clamped_calibrants(dataset: Dataset, candidates: Candidates) -> dict[str, frozenset[str]]:
    """The peaks that trained the RT stage, each with its compound: they have a calibrant's species, injection and RT.

    Where several peaks fit a calibrant (other adducts of the compound elute with it), all of them are clamped. An RT is
    the same when it agrees within 0.0005 min, the rounding of tables. No peak is clamped in an injection whose RTs are
    rounded to fewer than 3 decimals of a minute: there other compounds have the RT of a calibrant by chance.
    """
    calibrants, peaks = dataset.calibrants, dataset.peaks
    compound_ids = dataset.compounds["compound_id"].to_numpy()
    rows = peak_of_slot(candidates)
    slots = pd.DataFrame(
        {
            "compound_id": compound_ids[candidates.compound],
            "species": peaks["species"].to_numpy()[rows],
            "peak_injection": peaks["injection"].to_numpy()[rows],
            "peak_rt_min": peaks["rt_min"].to_numpy()[rows],
            "peak_id": peaks["peak_id"].to_numpy()[rows],
        }
    )
    pairs = slots.merge(calibrants, on=["compound_id", "species"])
    is_same_time = (pairs["peak_rt_min"] - pairs["rt_min"]).abs() <= SAME_RT_MIN
    is_same_injection = (pairs["injection"] == "") | (pairs["injection"] == pairs["peak_injection"])
    is_fine = pairs["peak_injection"].isin(_finely_timed(peaks))
    matched = pairs[is_same_time & is_same_injection & is_fine].drop_duplicates("peak_id")
    pairs_of_ids = zip(matched["peak_id"].tolist(), matched["compound_id"].tolist(), strict=True)
    return {peak_id: frozenset({compound_id}) for peak_id, compound_id in pairs_of_ids}


def _finely_timed(peaks: pd.DataFrame) -> list[str]:
    """The injections in which at least half of the RTs have DECIMALS decimals; one in ten ends in 0 by chance."""
    has_decimals = (peaks["rt_min"] - peaks["rt_min"].round(DECIMALS - 1)).abs() > ROUNDING_MIN
    share = has_decimals.groupby(peaks["injection"]).mean()
    return [str(name) for name in share.index[share >= MANY]]


def _index(column: pd.Series[str]) -> tuple[tuple[str, ...], IntArray]:
    """Sorted distinct values of a column and each row's index into them."""
    names, index = np.unique(column.to_numpy(dtype=np.str_), return_inverse=True)
    return tuple(str(name) for name in names), index.astype(np.int64)


def _in_play(names: tuple[str, ...], index: IntArray) -> tuple[tuple[str, ...], IntArray]:
    """Drop the names that no slot has, which would only be parameters without data; each slot's index into the rest."""
    used, slot = np.unique(index, return_inverse=True)
    return tuple(names[i] for i in used), slot.astype(np.int64)


def isobar_groups(compounds: pd.DataFrame) -> IntArray:
    """(n_compounds,) the same number for compounds of the same charge and mass, to 0.1 mDa."""
    keys = np.stack([np.round(compounds["exact_mass"].to_numpy(dtype=np.float64) * 1e4), compounds["charge"]])
    return np.unique(keys, axis=1, return_inverse=True)[1].astype(np.int64)


def _known_in(known_in: pd.Series[str], species_names: tuple[str, ...]) -> BoolArray:
    """(n_species, n_compounds): the library lists the compound for the species."""
    listed = known_in.str.split(";")
    rows = [[name in values for values in listed] for name in species_names]
    return np.array(rows, dtype=np.bool_).reshape(len(species_names), known_in.size)  # without a species too


def _label_masks(dataset: Dataset, candidates: Candidates) -> tuple[BoolArray, BoolArray, BoolArray]:
    """What the labels leave possible: (n_slots,) slots, (n_peaks,) nulls, and (n_peaks,) which peaks have a label."""
    offsets, compound = candidates.offsets, candidates.compound
    slot_allowed = np.ones(compound.size, dtype=np.bool_)
    null_allowed = np.ones(offsets.size - 1, dtype=np.bool_)
    is_labelled = np.zeros(offsets.size - 1, dtype=np.bool_)
    compound_ids = dataset.compounds["compound_id"].to_numpy()
    position = {peak_id: row for row, peak_id in enumerate(dataset.peaks["peak_id"].tolist())}
    for peak_id, answer in dataset.labels.items():
        row = position[peak_id]
        slots = slice(offsets[row], offsets[row + 1])
        slot_allowed[slots] = [compound_id in answer for compound_id in compound_ids[compound[slots]]]
        null_allowed[row] = not answer
        is_labelled[row] = True
    return slot_allowed, null_allowed, is_labelled
