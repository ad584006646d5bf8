"""A dataset of five peaks and four compounds, small enough to see every number."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from compassign.data.dataset import Dataset
from compassign.data.load import build_dataset

PEAKS = pd.DataFrame(
    {
        "peak_id": ["p0", "p1", "p2", "p3", "p4"],
        "species": ["liver", "plasma", "plasma", "kidney", "liver"],
        "injection": ["L1", "P1", "P1", "K1", "L1"],
        "polarity": ["positive", "positive", "positive", "positive", "negative"],
        "mz": [181.0707, 203.0526, 181.0709, 300.0, 179.0561],
        "rt_min": [5.0, 6.0, 6.5, 7.0, 8.0],
        "intensity": [1000.0, 2000.0, 3000.0, 4000.0, 5000.0],
    }
)
COMPOUNDS = pd.DataFrame(
    {
        "compound_id": ["C0", "C1", "C2", "C3"],
        "name": ["first", "isomer", "charged", "neighbour"],
        "exact_mass": [180.06339, 180.06340, 180.06339, 180.06360],
        "charge": [0, 0, 1, 0],
        "known_in": ["plasma;kidney", "liver biopsy", "", ""],
    }
)


def make_dataset(
    peaks: pd.DataFrame = PEAKS,
    compounds: pd.DataFrame = COMPOUNDS,
    calibrants: pd.DataFrame | None = None,
    clusters: Mapping[str, str] | None = None,
) -> Dataset:
    """Validated as a user's tables are."""
    tables = {"peaks": peaks, "compounds": compounds}
    if calibrants is not None:
        tables["calibrants"] = calibrants
    return build_dataset(tables, {"species_clusters": dict(clusters or {})}, "small")


def calibrants(*rows: Mapping[str, Any]) -> pd.DataFrame:
    """A table of calibrants; each row has species, injection, compound_id and rt_min."""
    return pd.DataFrame(list(rows), columns=["species", "injection", "compound_id", "rt_min"])
