"""Datasets drawn from the model's own assumptions plus real life, with the truth kept beside them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from compassign.data.simulated_peaks import draw_peaks
from compassign.data.simulated_world import World, draw_calibrants, draw_known_in, draw_world
from compassign.data.simulation_config import SimulationConfig
from compassign.units import IntArray

_MZ_DECIMALS = 6
_RT_DECIMALS = 4
_PEAK_COLUMNS = [
    "peak_id",
    "species",
    "injection",
    "polarity",
    "mz",
    "rt_min",
    "intensity",
    "isotope_group",
    "isotope_index",
]
_COMPOUND_COLUMNS = ["compound_id", "name", "formula", "exact_mass", "charge", "inchikey", "smiles", "known_in"]


@dataclass(frozen=True)
class TrueParameters:
    """What a fit of the simulated data should find.

    injections : injection, species, polarity, mass_offset_ppm, mass_scale_ppm, drift_min, one row each.
    rt_min : true RT without drift, index compound_id (all compounds that could exist), one column a species.
        rt_effect_min : what the descriptors cannot say of it, by compound_id. is_present : like `rt_min`, bool.
    drift_sd_min (tau), rt_scale_min (sigma_rt), degrees_of_freedom : of the RT noise, the last also of the mass noise.
    adduct_weights : typical intensity of an ion as a share of the main ion's.
    unlisted : ids of the compounds that are present but withheld. unlisted_share : realised, of the compounds that
        are present.
    n_background : number of background peaks.
    origins : peak_id, origin (`library`, `unlisted`, `background`), compound_id ("" = background; also named where
        it is unlisted), adduct, mz_theoretical (of the isotope), isotope_index; the order of peaks.csv.
    """

    injections: pd.DataFrame
    rt_min: pd.DataFrame
    rt_effect_min: pd.Series
    is_present: pd.DataFrame
    drift_sd_min: float
    rt_scale_min: float
    degrees_of_freedom: float
    adduct_weights: Mapping[str, float]
    unlisted: tuple[str, ...]
    unlisted_share: float
    n_background: int
    origins: pd.DataFrame


@dataclass(frozen=True)
class Simulation:
    """A simulated dataset and its truth.

    tables : `peaks`, `compounds`, `calibrants`, `truth` with the columns of the data contract. meta : what
        dataset.toml holds; its `species_clusters` is a table of its own. truth : the parameters behind them.
    """

    tables: Mapping[str, pd.DataFrame]
    meta: Mapping[str, Any]
    truth: TrueParameters


def simulate(config: SimulationConfig, rng: np.random.Generator) -> Simulation:
    """Draw a dataset; every random quantity comes from `rng`, so the same generator state gives the same tables."""
    world = draw_world(config, rng)
    drawn = draw_peaks(world, config, rng)
    peaks = drawn.assign(
        peak_id=[f"P{i + 1:05d}" for i in range(len(drawn))],
        mz=drawn["mz"].round(_MZ_DECIMALS),
        rt_min=drawn["rt_min"].round(_RT_DECIMALS),
        intensity=drawn["intensity"].round(1),
        isotope_index=drawn["isotope_index"].astype(np.int64),
    )
    origins = _origins(peaks, world)
    listed = world.compounds.assign(known_in=draw_known_in(world, config.presence, rng))[world.is_listed]
    calibrants = _calibrants(draw_calibrants(world, config, rng), world, config, rng)
    truth = origins[["peak_id"]].assign(compound_id=origins["compound_id"].where(origins["origin"] == "library", ""))
    tables = {
        "peaks": peaks[_PEAK_COLUMNS],
        "compounds": listed[_COMPOUND_COLUMNS].reset_index(drop=True),
        "calibrants": calibrants,
        "truth": truth,
    }
    return Simulation(tables, _meta(config, world), _true_parameters(config, world, origins))


def write_dataset(simulation: Simulation, directory: Path) -> None:
    """Write a simulation as the folder of files that a user would bring; the folder is made if it is not there.

    Writes one CSV file a table and dataset.toml; files of the same names are replaced.
    """
    folder = Path(directory)
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in simulation.tables.items():
        table.to_csv(folder / f"{name}.csv", index=False, lineterminator="\n")
    (folder / "dataset.toml").write_text(_to_toml(simulation.meta), encoding="utf-8")


def _calibrants(rows: IntArray, world: World, config: SimulationConfig, rng: np.random.Generator) -> pd.DataFrame:
    """The RT of every calibrant in every injection."""
    noise = config.noise
    injections = world.injections
    # (n_injections, n_calibrants)
    rt_min = world.rt_min[rows][:, world.injection_species].T + injections["drift_min"].to_numpy()[:, np.newaxis]
    rt_min = rt_min + noise.rt_scale_min * rng.standard_t(noise.degrees_of_freedom, rt_min.shape)
    return pd.DataFrame(
        {
            "species": np.repeat(injections["species"].to_numpy(), rows.size),
            "injection": np.repeat(injections["injection"].to_numpy(), rows.size),
            "compound_id": np.tile(world.compounds["compound_id"].to_numpy()[rows], len(injections)),
            "rt_min": np.maximum(rt_min, 0.0).ravel().round(_RT_DECIMALS),
        }
    )


def _origins(peaks: pd.DataFrame, world: World) -> pd.DataFrame:
    """Where every peak comes from, in the order of the peaks."""
    row = peaks["compound"].to_numpy(dtype=np.int64)
    is_background = row < 0
    ids = world.compounds["compound_id"].to_numpy()[row]
    kind = np.where(world.is_listed[row], "library", "unlisted")
    return pd.DataFrame(
        {
            "peak_id": peaks["peak_id"],
            "origin": np.where(is_background, "background", kind),
            "compound_id": np.where(is_background, "", ids),
            "adduct": peaks["adduct"],
            "mz_theoretical": peaks["mz_theoretical"],
            "isotope_index": peaks["isotope_index"],
        }
    )


def _true_parameters(config: SimulationConfig, world: World, origins: pd.DataFrame) -> TrueParameters:
    """Gather what was drawn, by the ids that users see."""
    ids = pd.Index(world.compounds["compound_id"], name="compound_id")
    species = list(world.species_clusters)
    unlisted = tuple(ids[~world.is_listed])
    return TrueParameters(
        injections=world.injections,
        rt_min=pd.DataFrame(world.rt_min, index=ids, columns=species),
        rt_effect_min=pd.Series(world.rt_effect_min, index=ids),
        is_present=pd.DataFrame(world.is_present, index=ids, columns=species),
        drift_sd_min=config.noise.drift_sd_min,
        rt_scale_min=config.noise.rt_scale_min,
        degrees_of_freedom=config.noise.degrees_of_freedom,
        adduct_weights=config.intensities.adduct_weights,
        unlisted=unlisted,
        unlisted_share=len(unlisted) / max(int(world.is_present.any(axis=1).sum()), 1),
        n_background=int((origins["origin"] == "background").sum()),
        origins=origins,
    )


def _meta(config: SimulationConfig, world: World) -> dict[str, Any]:
    """What dataset.toml says; one polarity is named, two are told apart by the peaks' column."""
    single = {"polarity": config.polarities[0]} if len(config.polarities) == 1 else {}
    return {
        "name": config.name,
        "licence": "CC0-1.0",
        "source": "simulated by CompAssign",
        **single,
        "notes": "Real metabolites; presence, retention times, masses and intensities are drawn at random.",
        "species_clusters": dict(world.species_clusters),
    }


def _to_toml(meta: Mapping[str, Any]) -> str:
    """Texts first, then tables of texts, as TOML."""
    texts = [f"{_quote(key)} = {_quote(value)}" for key, value in meta.items() if isinstance(value, str)]
    for name, table in meta.items():
        if isinstance(table, Mapping):
            texts += ["", f"[{name}]", *(f"{_quote(key)} = {_quote(value)}" for key, value in table.items())]
    return "\n".join(texts) + "\n"


def _quote(text: str) -> str:
    """A TOML basic string; JSON's escapes are a subset of TOML's."""
    return json.dumps(text, ensure_ascii=False)
