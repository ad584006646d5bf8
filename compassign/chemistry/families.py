"""Which peaks may be ions of one compound: they elute together, and their m/z differ as the ions of one mass do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from compassign.chemistry.adducts import Adduct, mz_theoretical, neutral_mass_da
from compassign.chemistry.matching import PeakArrays, charge_fits, polarity_fits
from compassign.units import ISOTOPE_SPACING_DA, BoolArray, FloatArray, IntArray, ppm_error

MAX_APART_MIN, MAX_APART_PPM = 0.5, 20.0  # pairs looked at: so far apart that most of them are chance
FINEST_MIN, FINEST_PPM = 1e-4, 0.01  # as far as tables are rounded
MIN_PAIRS = 30  # co-eluting ones; with fewer, how closely ions elute cannot be learned
N_ITERATIONS = 100
EVEN = 0.5
MAIN_IONS = frozenset({"[M+H]+", "[M-H]-"})
_ISOTOPE_CHARGES = (1, 2)
_MZ_RANGE = 1e7  # above any m/z: keeps the injections apart in one sorted array


class Family(IntEnum):
    """What co-elutes with a peak, if it is taken to be a certain ion.

    ALONE : nothing. WITH_OTHERS : it is the main ion, and another ion of the same mass is there. WITH_MAIN and
    WITH_MINOR : it is another ion, and the main ion of the same mass is there, or only a third one. ELSEWHERE :
    nothing, but taken for another ion it has company. ISOTOPE : a more intense peak lies one isotope spacing below.
    """

    ALONE = 0
    WITH_OTHERS = 1
    WITH_MAIN = 2
    WITH_MINOR = 3
    ELSEWHERE = 4
    ISOTOPE = 5


@dataclass(frozen=True)
class IonPairs:
    """Pairs of peaks of an injection that could be two ions of one mass; each (n_pairs,).

    first, second : peaks. apart_min, apart_ppm : the second's RT and m/z minus what the first lets expect.
    """

    first: IntArray
    second: IntArray
    apart_min: FloatArray
    apart_ppm: FloatArray

    def select(self, is_kept: BoolArray) -> IonPairs:
        """Some of the pairs."""
        return IonPairs(**{name: values[is_kept] for name, values in vars(self).items()})


@dataclass(frozen=True)
class Coelution:
    """How two ions of one compound are found apart: in RT a Laplace law, whose tails are long, in m/z a normal one.

    mean_apart_min : mean distance of their RTs. sd_ppm : of their m/z. share : of all pairs looked at.
    """

    mean_apart_min: float
    sd_ppm: float
    share: float

    def probability(self, pairs: IonPairs) -> FloatArray:
        """(n_pairs,) that two peaks are ions of one compound and not there by chance."""
        in_rt = np.exp(-np.abs(pairs.apart_min) / self.mean_apart_min) / (2.0 * self.mean_apart_min)
        in_mz = np.exp(-0.5 * (pairs.apart_ppm / self.sd_ppm) ** 2) / (np.sqrt(2.0 * np.pi) * self.sd_ppm)
        together, apart = self.share * in_rt * in_mz, (1.0 - self.share) / (4.0 * MAX_APART_MIN * MAX_APART_PPM)
        return np.asarray(together / (together + apart))

    def holds(self, pairs: IonPairs) -> BoolArray:
        """(n_pairs,) whether two peaks are rather ions of one compound."""
        return self.probability(pairs) > EVEN


def find_families(peaks: PeakArrays, injection: IntArray, intensity: FloatArray, adducts: Sequence[Adduct]) -> IntArray:
    """What co-elutes with every peak taken as every ion: (n_peaks, n_adducts) of `Family`.

    injection : (n_peaks,) only peaks of one are compared. intensity : (n_peaks,). All is ALONE where fewer than
    MIN_PAIRS pairs elute together. Isotope peaks that the table itself names have no families.
    """
    finder = _Finder(peaks, injection, adducts)
    between = {
        (a, b): finder.pairs(mz_theoretical(neutral_mass_da(peaks.mz, adducts[a]), adducts[b]), a, b)
        for a in range(len(adducts))
        for b in range(len(adducts))
        if a != b and adducts[a].charge * adducts[b].charge > 0 and not (adducts[a].is_own_ion or adducts[b].is_own_ion)
    }
    isotopes = [finder.pairs(peaks.mz + ISOTOPE_SPACING_DA / charge) for charge in _ISOTOPE_CHARGES]
    coelution = learn_coelution([*(pairs for (a, b), pairs in between.items() if a < b), *isotopes])
    families = np.full((peaks.mz.size, len(adducts)), Family.ALONE, dtype=np.int64)
    if coelution is None:
        return families
    is_main = np.array([adduct.name in MAIN_IONS for adduct in adducts], dtype=np.bool_)
    for (a, b), pairs in between.items():
        found = pairs.first[coelution.holds(pairs)]
        with_b = Family.WITH_OTHERS if is_main[a] else Family.WITH_MAIN if is_main[b] else Family.WITH_MINOR
        keep = families[found, a] == Family.WITH_MAIN  # the main ion says more than a third one
        families[found, a] = np.where(keep, Family.WITH_MAIN, with_b)
    has_company = (families != Family.ALONE).any(axis=1)
    families[(families == Family.ALONE) & has_company[:, None]] = Family.ELSEWHERE
    for pairs in isotopes:
        is_isotope = coelution.holds(pairs) & (intensity[pairs.second] < intensity[pairs.first])
        families[pairs.second[is_isotope]] = Family.ISOTOPE
    return families


def learn_coelution(found: Sequence[IonPairs]) -> Coelution | None:
    """Learn from all pairs how closely ions of one compound elute, by EM; None where too few do.

    The other pairs are spread evenly over the differences that are looked at.
    Source: Dempster, Laird & Rubin 1977, JRSS B 39:1.
    """
    pairs = IonPairs(*(np.concatenate([getattr(part, name) for part in found]) for name in IonPairs.__annotations__))
    learned = Coelution(MAX_APART_MIN / 10.0, MAX_APART_PPM / 4.0, 0.5)
    for _ in range(N_ITERATIONS):
        weight = learned.probability(pairs)
        total = float(weight.sum())
        if total < MIN_PAIRS:
            return None
        learned = Coelution(
            max(float(weight @ np.abs(pairs.apart_min)) / total, FINEST_MIN),
            max(float(np.sqrt(weight @ pairs.apart_ppm**2 / total)), FINEST_PPM),
            total / weight.size,
        )
    return learned


class _Finder:
    """Looks for peaks at an m/z near the RT of another peak of the same injection."""

    def __init__(self, peaks: PeakArrays, injection: IntArray, adducts: Sequence[Adduct]) -> None:
        """Sort the peaks by injection and m/z."""
        self._peaks, self._injection = peaks, injection
        is_base = peaks.isotope_index == 0
        self._fits = [is_base & polarity_fits(peaks, adduct) & charge_fits(peaks, adduct) for adduct in adducts]
        self._is_base = is_base
        key = injection * _MZ_RANGE + peaks.mz
        self._order = np.argsort(key, kind="stable")
        self._sorted = key[self._order]

    def pairs(self, expected_mz: FloatArray, first: int | None = None, second: int | None = None) -> IonPairs:
        """Pairs of each peak, as adduct `first`, and those near an m/z and its RT that may be adduct `second`.

        expected_mz : (n_peaks,). None : any ion.
        """
        may_be_first = self._is_base if first is None else self._fits[first]
        may_be_second = self._is_base if second is None else self._fits[second]
        one = np.flatnonzero(may_be_first & (expected_mz > 0))
        centre, width = expected_mz[one], expected_mz[one] * MAX_APART_PPM * 1e-6
        key = self._injection[one] * _MZ_RANGE + centre
        low = np.searchsorted(self._sorted, key - width)
        size = np.searchsorted(self._sorted, key + width, side="right") - low
        row = np.repeat(np.arange(one.size), size)
        within = np.arange(row.size) - np.repeat(np.cumsum(size) - size, size)
        other = self._order[low[row] + within]
        apart = self._peaks.rt_min[other] - self._peaks.rt_min[one[row]]
        pairs = IonPairs(one[row], other, apart, ppm_error(self._peaks.mz[other], centre[row]))
        return pairs.select(may_be_second[other] & (np.abs(apart) <= MAX_APART_MIN) & (other != one[row]))
