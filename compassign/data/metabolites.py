"""The metabolites that come with the package, from which demonstrations are drawn."""

from __future__ import annotations

import importlib.resources

import pandas as pd

from compassign.errors import InputError


def load_metabolites() -> pd.DataFrame:
    """Real metabolites, many of them in dense isomer families; one row each, index 0..n-1.

    Returns compound_id, name, family, formula, inchikey, smiles (str), charge (int64) and exact_mass (float64, Da,
    monoisotopic, of the species as written: electrons of a charge removed). Sugars and the like are in their ring form.
    """
    source = importlib.resources.files("compassign.data").joinpath("metabolites.csv")
    with source.open(encoding="utf-8") as handle:
        return pd.read_csv(handle, keep_default_na=False)


def select_families(metabolites: pd.DataFrame, families: tuple[str, ...]) -> pd.DataFrame:
    """The rows of some families, in the order of the table; an empty tuple means all.

    Raises InputError that lists the families that exist.
    """
    if not families:
        return metabolites
    known = set(metabolites["family"])
    unknown = sorted(set(families) - known)
    if unknown:
        raise InputError(f"families {unknown}: expected some of {sorted(known)}")
    return metabolites[metabolites["family"].isin(families)].reset_index(drop=True)
