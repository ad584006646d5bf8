"""The visible part of a simulation: ions of the compounds that are present, their isotopes, and the background."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from compassign.chemistry.adducts import Adduct, default_adducts, mz_theoretical, own_ion
from compassign.chemistry.formulas import parse_formula
from compassign.data.simulated_world import World
from compassign.data.simulation_config import Intensities, SimulationConfig
from compassign.units import ISOTOPE_SPACING_DA, BoolArray, FloatArray

_CARBON_13_ODDS = 0.0107 / (1 - 0.0107)  # natural abundance of 13C, IUPAC 2013
_N_ISOTOPES = 2  # M+1 and M+2: further ones are below the threshold for compounds of this size
_MILLION = 1e6


def draw_peaks(world: World, config: SimulationConfig, rng: np.random.Generator) -> pd.DataFrame:
    """Every peak with its hidden origin, in random order, index 0..n-1.

    Returns injection, species, polarity, mz, rt_min, intensity, isotope_group, isotope_index (what a user sees), and
    compound (row of `world.compounds`, -1 = background), adduct, mz_theoretical (NaN for the background).
    """
    ions = list_ions(world)
    detected = _draw_ions(world, ions, config, rng)
    isotopes = _draw_isotopes(detected, config.intensities, rng)
    real = _measure(pd.concat([detected, isotopes], ignore_index=True), world, config, rng)
    share = config.background.share
    n_background = round(share / (1 - share) * len(detected))
    background = _draw_background(n_background, (world, ions, real), config, rng)
    peaks = pd.concat([real, background], ignore_index=True)
    shuffled = peaks.iloc[rng.permutation(len(peaks))].reset_index(drop=True)
    return shuffled.assign(isotope_group=_name_groups(shuffled["feature"].to_numpy(), shuffled["isotope_index"]))


def list_ions(world: World) -> pd.DataFrame:
    """Every ion that the compounds of a world can form.

    Returns compound (row), adduct, charge, polarity, mz_theoretical, n_carbon, index 0..n-1.
    """
    polarities = list(dict.fromkeys(world.injections["polarity"]))
    neutral = world.compounds["charge"].to_numpy() == 0
    charges = sorted(set(world.compounds["charge"]) - {0})
    kinds = [(adduct, neutral) for polarity in polarities for adduct in default_adducts(polarity)]
    kinds += [(own_ion(charge), world.compounds["charge"].to_numpy() == charge) for charge in charges]
    ions = pd.concat([_ions_of(world.compounds, adduct, forms) for adduct, forms in kinds], ignore_index=True)
    return ions[ions["polarity"].isin(polarities)].reset_index(drop=True)


def _ions_of(compounds: pd.DataFrame, adduct: Adduct, forms: BoolArray) -> pd.DataFrame:
    """One kind of ion for the compounds that form it; none loses water that has no oxygen."""
    atoms = [parse_formula(formula).elements for formula in compounds["formula"]]
    has_oxygen = np.array([elements.get("O", 0) > 0 for elements in atoms])
    rows = np.flatnonzero(forms & (has_oxygen | ("H2O" not in adduct.name)))
    n_carbon = np.array([elements.get("C", 0) for elements in atoms], dtype=np.int64)
    return pd.DataFrame(
        {
            "compound": rows,
            "adduct": adduct.name,
            "charge": adduct.charge,
            "polarity": "positive" if adduct.charge > 0 else "negative",
            "mz_theoretical": mz_theoretical(compounds["exact_mass"].to_numpy()[rows], adduct),
            "n_carbon": adduct.multiplicity * n_carbon[rows],
        }
    )


def _draw_ions(world: World, ions: pd.DataFrame, config: SimulationConfig, rng: np.random.Generator) -> pd.DataFrame:
    """The monoisotopic peaks that are detected: the columns of `ions`, injection_row, log_intensity, isotope_index."""
    settings = config.intensities
    # (n_ions,) -> (n_ions, n_injections)
    is_possible = world.is_present[ions["compound"].to_numpy()][:, world.injection_species]
    is_possible &= ions["polarity"].to_numpy()[:, np.newaxis] == world.injections["polarity"].to_numpy()
    # A compound that is charged by itself needs no adduct: its own ion is its main one.
    weight = np.array([settings.adduct_weights.get(name, 1.0) for name in ions["adduct"]])
    of_compound = rng.normal(settings.log_mean, settings.compound_sd, len(world.compounds))
    of_ion = np.log(weight) + rng.normal(0.0, settings.ion_sd, len(ions)) + of_compound[ions["compound"].to_numpy()]
    log_intensity = of_ion[:, np.newaxis] + rng.normal(0.0, settings.injection_sd, is_possible.shape)
    row, injection = np.nonzero(is_possible & _draw_detected(log_intensity, settings, rng))
    found = ions.take(row).reset_index(drop=True)
    return found.assign(
        injection_row=injection,
        log_intensity=log_intensity[row, injection],
        isotope_index=0,
        feature=np.arange(len(found)),
    )


def _draw_isotopes(detected: pd.DataFrame, settings: Intensities, rng: np.random.Generator) -> pd.DataFrame:
    """The 13C isotope peaks of detected ions, each only where the one before it was detected."""
    carbons = detected["n_carbon"].to_numpy(dtype=np.float64)
    odds = {1: carbons * _CARBON_13_ODDS, 2: carbons * (carbons - 1) / 2 * _CARBON_13_ODDS**2}
    is_there = np.ones(len(detected), dtype=np.bool_)
    found = []
    for index in range(1, _N_ISOTOPES + 1):
        noise = rng.normal(0.0, settings.isotope_log_sd, len(detected))
        shares = np.maximum(odds[index], np.finfo(np.float64).tiny)  # one carbon has no M+2
        log_intensity = detected["log_intensity"].to_numpy() + np.log(shares) + noise
        is_there &= _draw_detected(log_intensity, settings, rng)
        spacing = index * ISOTOPE_SPACING_DA / detected["charge"].abs()
        shifted = detected.assign(
            isotope_index=index, log_intensity=log_intensity, mz_theoretical=detected["mz_theoretical"] + spacing
        )
        found.append(shifted[is_there])
    return pd.concat(found, ignore_index=True)


def _draw_detected(log_intensity: FloatArray, settings: Intensities, rng: np.random.Generator) -> BoolArray:
    """Whether ions of these log intensities are seen, same shape."""
    logit = (log_intensity - settings.log_threshold) / settings.log_slope
    return np.asarray(rng.logistic(0.0, 1.0, logit.shape) < logit, dtype=np.bool_)


def _measure(peaks: pd.DataFrame, world: World, config: SimulationConfig, rng: np.random.Generator) -> pd.DataFrame:
    """Add what the instrument reports: injection, species, polarity, mz, rt_min, intensity."""
    noise = config.noise
    rows = peaks["injection_row"].to_numpy(dtype=np.int64)
    injections = world.injections.iloc[rows].reset_index(drop=True)
    ppm = _draw_ppm(injections, noise.degrees_of_freedom, noise.mass_window_ppm, rng)
    true_min = world.rt_min[peaks["compound"].to_numpy(dtype=np.int64), world.injection_species[rows]]
    jitter_min = noise.rt_scale_min * rng.standard_t(noise.degrees_of_freedom, len(peaks))
    return peaks.assign(
        injection=injections["injection"],
        species=injections["species"],
        polarity=injections["polarity"],
        mz=peaks["mz_theoretical"] * (1 + ppm / _MILLION),
        rt_min=np.maximum(true_min + injections["drift_min"].to_numpy() + jitter_min, 0.0),
        intensity=np.exp(peaks["log_intensity"]),
    )


def _draw_ppm(
    injections: pd.DataFrame, degrees_of_freedom: float, window_ppm: float, rng: np.random.Generator
) -> FloatArray:
    """Student-t mass errors with the injections' offset and scale, inside the window (drawn by inversion)."""
    offset = injections["mass_offset_ppm"].to_numpy()
    scale = injections["mass_scale_ppm"].to_numpy()
    low = stats.t.cdf((-window_ppm - offset) / scale, degrees_of_freedom)
    high = stats.t.cdf((window_ppm - offset) / scale, degrees_of_freedom)
    level = low + (high - low) * rng.random(len(injections))
    return np.asarray(offset + scale * stats.t.ppf(level, degrees_of_freedom), dtype=np.float64)


def _draw_background(
    n_background: int,
    seen: tuple[World, pd.DataFrame, pd.DataFrame],
    config: SimulationConfig,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Peaks of nothing: a share of them in the mass window of a library ion, at the times when compounds elute."""
    world, ions, real = seen
    settings = config.background
    rows = rng.integers(0, len(world.injections), n_background)
    injections = world.injections.iloc[rows].reset_index(drop=True)
    anywhere = np.exp(rng.uniform(np.log(settings.mz_low), np.log(settings.mz_high), n_background))
    is_near = rng.random(n_background) < settings.near_library_share
    near = _draw_near_ions(injections["polarity"], ions[world.is_listed[ions["compound"]]], rng)
    ppm = rng.uniform(-config.noise.mass_window_ppm, config.noise.mass_window_ppm, n_background)
    around_min = rng.choice(real["rt_min"].to_numpy(), n_background)
    rt_min = np.abs(around_min + rng.normal(0.0, settings.rt_bandwidth_min, n_background))
    log_intensity = rng.normal(settings.log_intensity_mean, settings.log_intensity_sd, n_background)
    return pd.DataFrame(
        {
            "injection": injections["injection"],
            "species": injections["species"],
            "polarity": injections["polarity"],
            "mz": np.where(is_near, near * (1 + ppm / _MILLION), anywhere),
            "rt_min": rt_min,
            "intensity": np.exp(log_intensity),
            "isotope_index": 0,
            "compound": -1,
            "adduct": "",
            "mz_theoretical": np.nan,
            "feature": -1,
        }
    )


def _draw_near_ions(polarity: pd.Series, ions: pd.DataFrame, rng: np.random.Generator) -> FloatArray:
    """For each peak the m/z of some ion of its polarity, (n_peaks,)."""
    level = rng.random(len(polarity))
    mz = np.full(len(polarity), np.nan)
    for sign in dict.fromkeys(polarity):
        is_same = (polarity == sign).to_numpy()
        choices = ions.loc[ions["polarity"] == sign, "mz_theoretical"].to_numpy()
        mz[is_same] = choices[(level[is_same] * choices.size).astype(np.int64)]
    return mz


def _name_groups(feature: npt.NDArray[np.int64], isotope_index: pd.Series) -> list[str]:
    """Isotope groups numbered by their first row, "" for a peak without isotope peaks."""
    grouped = np.unique(feature[isotope_index.to_numpy() > 0])
    is_grouped = np.isin(feature, grouped)
    number = {name: i + 1 for i, name in enumerate(dict.fromkeys(feature[is_grouped].tolist()))}
    return [f"I{number[name]:04d}" if is_in else "" for name, is_in in zip(feature.tolist(), is_grouped, strict=True)]
