"""The hidden part of a simulation: what exists, where, when it elutes, and how each injection measures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from compassign.chemistry.descriptors import descriptors
from compassign.data.metabolites import load_metabolites, select_families
from compassign.data.simulation_config import Chromatography, Presence, SimulationConfig
from compassign.tables import OPTION_SEPARATOR
from compassign.units import BoolArray, FloatArray, IntArray

_MILLION = 1e6
_RESOLVED_SD = 3.0  # predictions that differ by more than this many SDs of what they miss tell compounds apart


@dataclass(frozen=True)
class World:
    """What is true in a simulation.

    compounds : the metabolites that exist or could, index 0..n_compounds-1. species_clusters : species -> cluster,
        in order.
    is_present : (n_compounds, n_species). is_listed : (n_compounds,) in the library. rt_min, rt_effect_min :
        (n_compounds, n_species) and (n_compounds,) minutes; the effect is what descriptors cannot say.
    injections : injection, species, polarity, mass_offset_ppm, mass_scale_ppm, drift_min. injection_species :
        (n_injections,) column of the species.
    """

    compounds: pd.DataFrame
    species_clusters: dict[str, str]
    is_present: BoolArray
    is_listed: BoolArray
    rt_min: FloatArray
    rt_effect_min: FloatArray
    injections: pd.DataFrame
    injection_species: IntArray


def draw_world(config: SimulationConfig, rng: np.random.Generator) -> World:
    """Draw the compounds, their presence and RT, and the injections."""
    metabolites = load_metabolites()
    pool = select_families(metabolites, config.families)
    n_compounds = len(pool) if config.n_compounds is None else min(config.n_compounds, len(pool))
    chosen = np.sort(rng.choice(len(pool), size=n_compounds, replace=False))
    compounds = pool.iloc[chosen].reset_index(drop=True)
    clusters = np.arange(config.n_species) % config.n_clusters
    is_present = _draw_presence(config.presence, clusters, n_compounds, rng)
    effect_min = rng.normal(0.0, config.chromatography.compound_sd_min, n_compounds)
    shift_min = _draw_species_shifts(config.chromatography, clusters, rng)
    expected_min = descriptor_rt_min(compounds, metabolites, config.chromatography)
    injections = _draw_injections(config, rng)
    species_clusters = {f"S{i + 1}": f"C{cluster + 1}" for i, cluster in enumerate(clusters)}
    return World(
        compounds=compounds,
        species_clusters=species_clusters,
        is_present=is_present,
        is_listed=_draw_listed(is_present, config.presence.unlisted_share, rng),
        rt_min=(expected_min + effect_min)[:, np.newaxis] + shift_min,  # (n_compounds, n_species)
        rt_effect_min=effect_min,
        injections=injections,
        injection_species=np.array(
            [list(species_clusters).index(name) for name in injections["species"]], dtype=np.int64
        ),
    )


def descriptor_rt_min(compounds: pd.DataFrame, metabolites: pd.DataFrame, chromatography: Chromatography) -> FloatArray:
    """RT in minutes that the descriptors of compounds alone would give, (n_compounds,).

    compounds, metabolites : tables with `smiles`; descriptors are standardised over the second, so that a compound's
        RT does not depend on the other compounds of a simulation.
    """
    names = list(chromatography.weights)
    weights = np.array([chromatography.weights[name] for name in names])
    reference = descriptors(metabolites["smiles"].tolist())[names]
    own = descriptors(compounds["smiles"].tolist())[names]
    score = ((own - reference.mean()) / reference.std()).to_numpy() @ weights
    half_span = (chromatography.gradient_min - chromatography.dead_time_min) / 2
    # A tanh, because gradients are flat at both ends: polar compounds elute together, and so do lipids.
    return np.asarray(chromatography.dead_time_min + half_span * (1 + np.tanh(score)), dtype=np.float64)


def draw_known_in(world: World, presence: Presence, rng: np.random.Generator) -> list[str]:
    """The `known_in` cell of every compound: informative about where it is, but with gaps and errors."""
    probability = np.where(world.is_present, presence.known_in_sensitivity, presence.known_in_false_share)
    is_named = rng.random(world.is_present.shape) < probability
    species = np.array(list(world.species_clusters))
    return [OPTION_SEPARATOR.join(species[row]) for row in is_named]


def draw_calibrants(world: World, config: SimulationConfig, rng: np.random.Generator) -> IntArray:
    """Row numbers of the library compounds whose RT is known, ascending.

    One after the other, rather those that are present, and those that other isomers without a standard crowd:
    laboratories buy standards for what they cannot tell apart.
    """
    is_crowded_by = _unresolved_isomers(world, config)
    odds = np.where(world.is_present.any(axis=1), config.calibrant_present_odds, 1.0)
    is_free = world.is_listed.copy()
    chosen: list[int] = []
    for _ in range(min(config.n_calibrants, int(is_free.sum()))):
        n_rivals = is_crowded_by[:, is_free].sum(axis=1)  # itself among them
        weight = np.where(is_free, odds * n_rivals**config.calibrant_crowding, 0.0)
        chosen.append(int(rng.choice(weight.size, p=weight / weight.sum())))
        is_free[chosen[-1]] = False
    return np.array(sorted(chosen), dtype=np.int64)


def _unresolved_isomers(world: World, config: SimulationConfig) -> BoolArray:
    """Which compounds neither mass nor a prediction of RT tells apart.

    Returns (n_compounds, n_compounds); a compound is its own rival too.
    """
    mass_da = world.compounds["exact_mass"].to_numpy()
    predicted_min = descriptor_rt_min(world.compounds, load_metabolites(), config.chromatography)
    gap_ppm = np.abs(mass_da[:, np.newaxis] / mass_da - 1) * _MILLION
    gap_min = np.abs(predicted_min[:, np.newaxis] - predicted_min)
    resolved_min = _RESOLVED_SD * config.chromatography.compound_sd_min
    return np.asarray((gap_ppm < config.noise.mass_window_ppm) & (gap_min < resolved_min), dtype=np.bool_)


def _draw_presence(
    presence: Presence, clusters: npt.NDArray[np.intp], n_compounds: int, rng: np.random.Generator
) -> BoolArray:
    """Which compound is in which species, (n_compounds, n_species)."""
    propensity = rng.normal(presence.log_odds_mean, presence.compound_sd, (n_compounds, 1))
    by_cluster = rng.normal(0.0, presence.cluster_sd, (n_compounds, int(clusters.max()) + 1))[:, clusters]
    by_species = rng.normal(0.0, presence.species_sd, (n_compounds, clusters.size))
    probability = 1 / (1 + np.exp(-(propensity + by_cluster + by_species)))
    return np.asarray(rng.random(probability.shape) < probability, dtype=np.bool_)


def _draw_listed(is_present: BoolArray, unlisted_share: float, rng: np.random.Generator) -> BoolArray:
    """Which compounds the library has: all but a share of those that are present somewhere."""
    present = np.flatnonzero(is_present.any(axis=1))
    withheld = rng.choice(present, size=round(unlisted_share * present.size), replace=False)
    is_listed = np.ones(is_present.shape[0], dtype=np.bool_)
    is_listed[withheld] = False
    return is_listed


def _draw_species_shifts(
    chromatography: Chromatography, clusters: npt.NDArray[np.intp], rng: np.random.Generator
) -> FloatArray:
    """RT shift in minutes of every species, alike within a cluster."""
    by_cluster = rng.normal(0.0, chromatography.cluster_sd_min, int(clusters.max()) + 1)[clusters]
    return np.asarray(by_cluster + rng.normal(0.0, chromatography.species_sd_min, clusters.size), dtype=np.float64)


def _draw_injections(config: SimulationConfig, rng: np.random.Generator) -> pd.DataFrame:
    """Every injection with its mass offset, mass scale and RT drift."""
    noise = config.noise
    keys = [
        (f"S{s + 1}-{polarity[:3]}-{k + 1}", f"S{s + 1}", polarity)
        for s in range(config.n_species)
        for polarity in config.polarities
        for k in range(config.n_injections)
    ]
    injections = pd.DataFrame(keys, columns=["injection", "species", "polarity"])
    n_injections = len(injections)
    log_scale = rng.normal(np.log(noise.mass_scale_median_ppm), noise.mass_scale_log_sd, n_injections)
    return injections.assign(
        mass_offset_ppm=rng.normal(0.0, noise.mass_offset_sd_ppm, n_injections),
        mass_scale_ppm=np.exp(log_scale),
        drift_min=rng.normal(0.0, noise.drift_sd_min, n_injections),
    )
