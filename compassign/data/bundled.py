"""Demonstration datasets: three worlds of growing ambiguity, the same for everyone."""

from __future__ import annotations

import numpy as np
import pandas as pd

from compassign.config import Difficulty
from compassign.data.dataset import Dataset
from compassign.data.load import build_dataset
from compassign.data.simulate import Simulation, simulate
from compassign.data.simulation_config import Presence, SimulationConfig
from compassign.errors import InputError

# Fixed, whatever the seed of a run: models are compared on the same peaks.
DEMO_SEED = 8
DIFFICULTIES: tuple[Difficulty, ...] = ("easy", "medium", "hard")

_SPARSE_FAMILIES = (
    "acylcarnitine",
    "amine",
    "amino_sugar",
    "fatty_acid",
    "indole",
    "lysophospholipid",
    "methylxanthine",
    "nucleobase",
    "nucleoside",
    "organic_acid",
    "phenolic",
    "quaternary_amine",
    "vitamin",
)
_MIXED_FAMILIES = (
    "aminobutyrate",
    "benzoate",
    "bile_acid",
    "dipeptide",
    "disaccharide",
    "eicosanoid",
    "hexose",
    "other_flavonoid",
    "polyhydroxyflavonoid",
    "quaternary_amine",
    "steroid",
)
_DENSE_FAMILIES = ("eicosanoid", "polyhydroxyflavonoid", "tripeptide")


def demo_config(difficulty: Difficulty) -> SimulationConfig:
    """The world of a demonstration.

    difficulty : `easy` has two or three candidates a peak (small isomer families), `medium` five to eight (the usual
        mixture, both polarities), `hard` ten to fifteen (families of up to 18 isomers); anything else raises
        InputError.
    """
    if difficulty == "easy":
        return SimulationConfig(name="demo (easy)", families=_SPARSE_FAMILIES, presence=Presence(log_odds_mean=-1.0))
    if difficulty == "medium":
        return SimulationConfig(
            name="demo (medium)",
            polarities=("positive", "negative"),
            n_injections=1,
            families=_MIXED_FAMILIES,
            presence=Presence(log_odds_mean=-1.75),
        )
    if difficulty == "hard":
        return SimulationConfig(name="demo (hard)", families=_DENSE_FAMILIES, presence=Presence(log_odds_mean=-1.0))
    raise InputError(f"difficulty {difficulty!r}: expected one of {', '.join(DIFFICULTIES)}")


def demo_simulation(difficulty: Difficulty) -> Simulation:
    """The demonstration of a difficulty with its truth; every call gives the same tables."""
    return simulate(demo_config(difficulty), np.random.default_rng(DEMO_SEED))


def demo_tables(difficulty: Difficulty) -> dict[str, pd.DataFrame]:
    """The tables of `demo_simulation`, by name without extension: peaks, compounds, calibrants, truth."""
    return dict(demo_simulation(difficulty).tables)


def demo_dataset(difficulty: Difficulty, stored: pd.DataFrame | None = None) -> Dataset:
    """The demonstration of a difficulty as a validated dataset; every call gives the same one.

    stored : labels of the store.
    """
    simulation = demo_simulation(difficulty)
    return build_dataset(simulation.tables, simulation.meta, demo_config(difficulty).name, stored)
