"""Families of ions: peaks that elute together at the distances of one mass's ions."""

from __future__ import annotations

import numpy as np
import pytest

from compassign.chemistry.adducts import get_adduct, mz_theoretical
from compassign.chemistry.families import Family, IonPairs, find_families, learn_coelution
from compassign.chemistry.matching import PeakArrays
from compassign.units import ISOTOPE_SPACING_DA, FloatArray, IntArray

ADDUCTS = tuple(get_adduct(name) for name in ("[M+H]+", "[M+Na]+", "[M+K]+"))
H, NA, K = range(3)
N_COMPOUNDS = 60  # so many that how closely ions elute can be learned


def table(mz: FloatArray, rt_min: FloatArray) -> PeakArrays:
    """Positive peaks of one species, of unknown charge."""
    nothing = np.zeros(mz.size, dtype=np.int64)
    return PeakArrays(mz, rt_min, nothing, nothing + 1, nothing, nothing)


def sample(rng: np.random.Generator, ions: tuple[int, ...] = (H, NA, K)) -> tuple[FloatArray, FloatArray, FloatArray]:
    """m/z, RT and intensity of some ions of each compound, one ion after another."""
    mass, rt_min = rng.uniform(150.0, 800.0, N_COMPOUNDS), rng.uniform(1.0, 20.0, N_COMPOUNDS)
    mz = np.concatenate([mz_theoretical(mass, ADDUCTS[ion]) for ion in ions])
    mz = mz * (1.0 + 1e-6 * rng.normal(0.0, 2.0, mz.size))
    at = np.tile(rt_min, len(ions)) + rng.laplace(0.0, 0.004, mz.size)
    return mz, at, np.repeat(1e6 / (1.0 + np.arange(len(ions))), N_COMPOUNDS)


def families(mz: FloatArray, rt_min: FloatArray, intensity: FloatArray, injection: IntArray | None = None) -> IntArray:
    of_one = np.zeros(mz.size, dtype=np.int64)
    return find_families(table(mz, rt_min), of_one if injection is None else injection, intensity, ADDUCTS)


def test_ions_of_one_mass_are_each_others_company() -> None:
    found = families(*sample(np.random.default_rng(0)))
    main, sodium, potassium = found[:N_COMPOUNDS], found[N_COMPOUNDS : 2 * N_COMPOUNDS], found[2 * N_COMPOUNDS :]
    assert np.mean(main[:, H] == Family.WITH_OTHERS) > 0.95
    assert np.mean(sodium[:, NA] == Family.WITH_MAIN) > 0.95
    assert np.mean(potassium[:, K] == Family.WITH_MAIN) > 0.95
    # taken for the wrong ion, a peak has company only elsewhere, or a third ion by chance
    assert np.mean(sodium[:, H] == Family.ELSEWHERE) > 0.95
    assert np.mean(main[:, K] == Family.ELSEWHERE) > 0.95


def test_without_the_main_ion_the_others_say_less() -> None:
    found = families(*sample(np.random.default_rng(1), (NA, K)))
    assert np.mean(found[:N_COMPOUNDS, NA] == Family.WITH_MINOR) > 0.95
    assert np.mean(found[:N_COMPOUNDS, H] == Family.ELSEWHERE) > 0.95


def test_peaks_of_other_injections_and_times_are_no_company() -> None:
    mz, rt_min, intensity = sample(np.random.default_rng(2))
    apart = families(mz, rt_min, intensity, np.repeat(np.arange(3), N_COMPOUNDS))
    assert (apart == Family.ALONE).all()
    shifted = rt_min + np.repeat([0.0, 2.0, 4.0], N_COMPOUNDS)
    assert (families(mz, shifted, intensity) == Family.ALONE).all()


def test_a_weaker_peak_one_spacing_above_is_an_isotope() -> None:
    mz, rt_min, intensity = sample(np.random.default_rng(3), (H, NA))
    base = np.arange(N_COMPOUNDS)
    all_mz = np.concatenate([mz, mz[base] + ISOTOPE_SPACING_DA, mz[base] + ISOTOPE_SPACING_DA / 2])
    all_rt = np.concatenate([rt_min, rt_min[base], rt_min[base]])
    weaker = np.concatenate([intensity, 0.2 * intensity[base], 0.1 * intensity[base]])
    found = families(all_mz, all_rt, weaker)
    assert (found[2 * N_COMPOUNDS :] == Family.ISOTOPE).all()
    assert not (found[base] == Family.ISOTOPE).any()
    stronger = np.concatenate([intensity, np.full(2 * N_COMPOUNDS, 1e9)])
    assert not (families(all_mz, all_rt, stronger) == Family.ISOTOPE).any()


def test_a_table_with_few_pairs_has_no_families() -> None:
    mz, rt_min, intensity = (values[:20] for values in sample(np.random.default_rng(4), (H, NA)))
    assert (families(mz, rt_min, intensity) == Family.ALONE).all()
    nothing = np.empty(0)
    assert families(nothing, nothing, nothing).shape == (0, len(ADDUCTS))


def test_the_order_of_the_peaks_does_not_matter() -> None:
    rng = np.random.default_rng(5)
    mz, rt_min, intensity = sample(rng)
    order = rng.permutation(mz.size)
    assert (families(mz[order], rt_min[order], intensity[order]) == families(mz, rt_min, intensity)[order]).all()


def test_how_closely_ions_elute_is_learned_among_chance_pairs() -> None:
    rng = np.random.default_rng(6)
    n_true, n_chance = 2000, 4000
    apart_min = np.concatenate([rng.laplace(0.0, 0.01, n_true), rng.uniform(-0.5, 0.5, n_chance)])
    apart_ppm = np.concatenate([rng.normal(0.0, 3.0, n_true), rng.uniform(-20.0, 20.0, n_chance)])
    nowhere = np.zeros(n_true + n_chance, dtype=np.int64)
    learned = learn_coelution([IonPairs(nowhere, nowhere, apart_min, apart_ppm)])
    assert learned is not None
    assert learned.mean_apart_min == pytest.approx(0.01, rel=0.1)
    assert learned.sd_ppm == pytest.approx(3.0, rel=0.1)
    assert learned.share == pytest.approx(1 / 3, rel=0.05)
