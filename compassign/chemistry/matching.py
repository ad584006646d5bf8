"""Which ions of which library compounds lie inside the mass and RT windows of which peaks, on plain arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from compassign.chemistry.adducts import Adduct, default_adducts, get_adduct, mz_theoretical, own_ion
from compassign.errors import InputError
from compassign.units import ISOTOPE_SPACING_DA, BoolArray, FloatArray, IntArray, ppm_error

N_POLARITIES = 2
_MILLION = 1e6
_PEAKS_PER_BLOCK = 8192  # bounds memory: only one block's slots are sorted and filtered at a time
_SEARCH_SLACK = 1e-9  # relative; the search goes a little too far, then ppm_error decides: rounding loses no slot


@dataclass(frozen=True)
class RtPredictions:
    """What is known about each compound's retention time before any peak is assigned.

    mean_min, sd_min : (n_species, 2, n_compounds) minutes, species sorted by name, then positive and negative, whose
        eluents may differ; NaN where there is no prediction. sd_min is the uncertainty of the compound's own RT,
        without the noise of one measurement.
    noise_sd_min : SD of one measurement around the compound's RT, minutes.
    """

    mean_min: FloatArray
    sd_min: FloatArray
    noise_sd_min: float


@dataclass(frozen=True)
class Windows:
    """How far a candidate may be from its peak; InputError where nothing could lie inside.

    mass_ppm : half-width of the mass window, ppm of the theoretical m/z. rt_sd : predictive SDs, inf = no RT filter.
    adducts : names of the adducts that neutral compounds may form; None = every default adduct of the peak's polarity.
        A charged compound's own ion always takes part.
    """

    mass_ppm: float = 15.0  # 3 SD of the worst instrument seen, plus its offset
    rt_sd: float = 6.0  # so wide that the RT evidence decides, not the window
    adducts: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        """Refuse windows in which nothing can lie."""
        if not 0 < self.mass_ppm < _MILLION:
            raise InputError(f"mass window = {self.mass_ppm} ppm: expected more than 0 and less than a million")
        if not self.rt_sd > 0:
            raise InputError(f"RT window = {self.rt_sd} SD: expected more than 0")
        if self.adducts is not None and not self.adducts:
            raise InputError("adducts: the list is empty; expected a name such as [M+H]+, or no list for the defaults")


@dataclass(frozen=True)
class PeakArrays:
    """What matching reads of the peaks, each (n_peaks,).

    mz, rt_min : observed. species : row of the predictions. polarity_sign : 1 or -1. charge : 0 = unknown; a negative
        one is signed, a positive one may be a magnitude. isotope_index : 0 = monoisotopic, n = n spacings heavier.
    """

    mz: FloatArray
    rt_min: FloatArray
    species: IntArray
    polarity_sign: IntArray
    charge: IntArray
    isotope_index: IntArray

    @property
    def polarity(self) -> IntArray:
        """(n_peaks,) column of the predictions."""
        return (self.polarity_sign < 0).astype(np.int64)


@dataclass(frozen=True)
class LibraryArrays:
    """What matching reads of the library, each (n_compounds,).

    exact_mass_da : Da of the species as written. charge : signed, 0 = neutral.
    """

    exact_mass_da: FloatArray
    charge: IntArray


@dataclass(frozen=True)
class Slots:
    """Candidates in a flat list, each (n_slots,).

    peak, compound, adduct : indices. ppm_error : signed. rt_z : predictive SDs, NaN without a prediction.
    """

    peak: IntArray
    compound: IntArray
    adduct: IntArray
    ppm_error: FloatArray
    rt_z: FloatArray


def match_windows(
    peaks: PeakArrays, library: LibraryArrays, windows: Windows, predictions: RtPredictions | None
) -> tuple[Slots, tuple[str, ...]]:
    """Every (compound, adduct) inside the windows, sorted by (peak, compound, adduct), and the adducts' names.

    A neutral compound forms adducts of the peak's polarity, a charged one only its own ion; a peak of known charge has
    ions of that charge; the RT window applies where the compound has a prediction for the peak's species; an isotope
    peak is compared with the same isotope of the compound. Names: adducts of the polarities that occur, then own ions.

    Raises InputError for an unknown adduct, and for predictions of another shape or without any spread.
    """
    if predictions is not None:
        _check_predictions(predictions, int(peaks.species.max(initial=-1)) + 1, library.charge.size)
    adducts = _adducts_in_play(peaks, library, windows)
    allowed = [polarity_fits(peaks, adduct) & charge_fits(peaks, adduct) for adduct in adducts]
    ladders = [_ladder(library, index, adduct) for index, adduct in enumerate(adducts)]
    blocks = []
    for start in range(0, peaks.mz.size, _PEAKS_PER_BLOCK):
        block = slice(start, start + _PEAKS_PER_BLOCK)
        found = [
            _in_mass_window(peaks, start + np.flatnonzero(fits[block]), ladder, windows.mass_ppm)
            for fits, ladder in zip(allowed, ladders, strict=True)
        ]
        blocks.append(sorted_slots(_in_rt_window(joined_slots(found), peaks, windows.rt_sd, predictions)))
    return joined_slots(blocks), tuple(adduct.name for adduct in adducts)


def polarity_fits(peaks: PeakArrays, adduct: Adduct) -> BoolArray:
    """Whether each peak has the adduct's polarity, (n_peaks,)."""
    return np.asarray(peaks.polarity_sign == np.sign(adduct.charge), dtype=np.bool_)


def charge_fits(peaks: PeakArrays, adduct: Adduct) -> BoolArray:
    """Whether each peak's charge is unknown or the adduct's, (n_peaks,); many tools write -2 as 2."""
    charge = peaks.charge
    return np.asarray((charge == 0) | (charge == adduct.charge) | (charge == abs(adduct.charge)), dtype=np.bool_)


def is_formed(library: LibraryArrays, adduct: Adduct) -> BoolArray:
    """Whether each compound forms the ion, (n_compounds,): it has the right charge and is heavier than the loss."""
    right_charge = library.charge == (adduct.charge if adduct.is_own_ion else 0)
    return np.asarray(right_charge & (mz_theoretical(library.exact_mass_da, adduct) > 0), dtype=np.bool_)


def isotope_shift(peaks: PeakArrays, rows: IntArray, adduct: Adduct) -> FloatArray:
    """How far above the monoisotopic m/z the isotopes of these peaks lie, (n_rows,)."""
    return np.asarray(peaks.isotope_index[rows] * (ISOTOPE_SPACING_DA / abs(adduct.charge)), dtype=np.float64)


def rt_z(slots: Slots, peaks: PeakArrays, predictions: RtPredictions | None) -> FloatArray:
    """(observed - predicted) / predictive SD of each slot, (n_slots,); NaN without a prediction."""
    if predictions is None:
        return np.full(slots.peak.size, np.nan)
    cell = (peaks.species[slots.peak], peaks.polarity[slots.peak], slots.compound)
    spread = np.hypot(predictions.sd_min[cell], predictions.noise_sd_min)
    return np.asarray((peaks.rt_min[slots.peak] - predictions.mean_min[cell]) / spread, dtype=np.float64)


def joined_slots(parts: Sequence[Slots]) -> Slots:
    """All the slots of several lists, in their order."""
    if not parts:
        nothing, nowhere = np.empty(0), np.empty(0, dtype=np.int64)
        return Slots(nowhere, nowhere, nowhere, nothing, nothing)
    return Slots(
        peak=np.concatenate([part.peak for part in parts]),
        compound=np.concatenate([part.compound for part in parts]),
        adduct=np.concatenate([part.adduct for part in parts]),
        ppm_error=np.concatenate([part.ppm_error for part in parts]),
        rt_z=np.concatenate([part.rt_z for part in parts]),
    )


def sorted_slots(slots: Slots) -> Slots:
    """The slots in the order of (peak, compound, adduct)."""
    n_compounds, n_adducts = slots.compound.max(initial=0) + 1, slots.adduct.max(initial=0) + 1
    # one integer sorts faster than three columns; 10^6 peaks x 10^6 compounds x 20 adducts still fit in 63 bits
    return _taken(slots, np.argsort((slots.peak * n_compounds + slots.compound) * n_adducts + slots.adduct))


@dataclass(frozen=True)
class _Ladder:
    """The compounds that form one adduct by ascending theoretical m/z: `compound` and `mz` are (n_rungs,)."""

    index: int
    adduct: Adduct
    compound: IntArray
    mz: FloatArray


def _adducts_in_play(peaks: PeakArrays, library: LibraryArrays, windows: Windows) -> list[Adduct]:
    """The windows' adducts of the polarities that occur among the peaks, then the own ions of the library's charges."""
    if windows.adducts is None:
        chosen = [*default_adducts("positive"), *default_adducts("negative")]
    else:
        named = [get_adduct(name) for name in dict.fromkeys(windows.adducts)]
        chosen = [adduct for adduct in named if not adduct.is_own_ion]
    own = [own_ion(int(charge)) for charge in np.unique(library.charge) if charge != 0]
    return [adduct for adduct in (*chosen, *own) if polarity_fits(peaks, adduct).any()]


def _ladder(library: LibraryArrays, index: int, adduct: Adduct) -> _Ladder:
    """Sort the compounds that form an adduct by their m/z."""
    compound = np.flatnonzero(is_formed(library, adduct))
    mz = mz_theoretical(library.exact_mass_da[compound], adduct)
    order = np.argsort(mz)
    return _Ladder(index, adduct, compound[order], mz[order])


def _in_mass_window(peaks: PeakArrays, rows: IntArray, ladder: _Ladder, window_ppm: float) -> Slots:
    """The slots of one adduct for some peaks; rt_z is still NaN."""
    shift = isotope_shift(peaks, rows, ladder.adduct)
    mz, share = peaks.mz[rows], window_ppm / _MILLION
    first = np.searchsorted(ladder.mz, mz / (1 + share) * (1 - _SEARCH_SLACK) - shift, side="left")
    last = np.searchsorted(ladder.mz, mz / (1 - share) * (1 + _SEARCH_SLACK) - shift, side="right")
    count = last - first
    row = np.repeat(np.arange(rows.size), count)  # (n_rows,) -> (n_slots,)
    rung = np.arange(row.size) + np.repeat(first - np.cumsum(count) + count, count)
    error = ppm_error(mz[row], ladder.mz[rung] + shift[row])
    slots = Slots(
        peak=rows[row],
        compound=ladder.compound[rung],
        adduct=np.full(row.size, ladder.index, dtype=np.int64),
        ppm_error=error,
        rt_z=np.full(row.size, np.nan),
    )
    return _taken(slots, np.flatnonzero(np.abs(error) <= window_ppm))


def _in_rt_window(slots: Slots, peaks: PeakArrays, window_sd: float, predictions: RtPredictions | None) -> Slots:
    """The slots inside the RT window or without a prediction, with their rt_z."""
    if predictions is None:
        return slots
    judged = replace(slots, rt_z=rt_z(slots, peaks, predictions))
    return _taken(judged, np.flatnonzero(~(np.abs(judged.rt_z) > window_sd)))


def _taken(slots: Slots, rows: IntArray) -> Slots:
    """The slots of these rows, in their order."""
    return Slots(slots.peak[rows], slots.compound[rows], slots.adduct[rows], slots.ppm_error[rows], slots.rt_z[rows])


def _check_predictions(predictions: RtPredictions, n_species: int, n_compounds: int) -> None:
    """Refuse predictions that do not cover the peaks and library, or that claim to be exact."""
    for name, values in (("mean_min", predictions.mean_min), ("sd_min", predictions.sd_min)):
        if values.shape[1:] != (N_POLARITIES, n_compounds) or values.shape[0] < n_species:
            expected = f"({n_species} species, {N_POLARITIES} polarities, {n_compounds} compounds)"
            raise InputError(f"RT predictions: {name} has shape {values.shape}, expected {expected}")
    exact = np.isfinite(predictions.mean_min) & ~(np.hypot(predictions.sd_min, predictions.noise_sd_min) > 0)
    if exact.any():
        raise InputError(f"RT predictions: {int(exact.sum())} have no uncertainty; expected sd_min or noise_sd_min > 0")
