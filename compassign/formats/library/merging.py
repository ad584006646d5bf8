"""Stereoisomers of a library as one compound: LC-MS on usual columns cannot tell most of them apart."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from compassign.chemistry.formulas import monoisotopic_mass
from compassign.chemistry.structures import FIRST_BLOCK, flat_smiles, inchikey_of
from compassign.formats.library.compounds import Compound
from compassign.tables import OPTION_SEPARATOR

MERGED_FROM = "merged_from"
"""Column with the ids of all compounds that became one."""
_MASS_DIGITS = 3  # isotope-labelled compounds have the first block of the others
_NAME_SEPARATOR = " / "


def merge_stereoisomers(compounds: Sequence[Compound]) -> list[Compound]:
    """Compounds of equal first InChIKey block, mass and charge as one, where the first of them was.

    It keeps the id of the first, has all names, the InChIKey's first block and the structure without stereochemistry.
    Retention times become their mean; its SD covers those of all. The InChIKey follows from the SMILES where it is not
    given; compounds with neither stay as they are.
    """
    groups: dict[tuple[str, ...], list[Compound]] = {}
    for compound in compounds:
        block = (compound.inchikey or inchikey_of(compound.smiles))[:FIRST_BLOCK]
        key = (block, f"{_mass_da(compound):.{_MASS_DIGITS}f}", compound.charge) if block else (compound.compound_id,)
        groups.setdefault(key, []).append(compound)
    return [group[0] if len(group) == 1 else _merged(group) for group in groups.values()]


def _mass_da(compound: Compound) -> float:
    return monoisotopic_mass(compound.formula) if compound.formula else float(compound.exact_mass)


def _merged(group: Sequence[Compound]) -> Compound:
    first = group[0]
    structure = next((compound.smiles for compound in group if compound.smiles), "")
    key = next((compound.inchikey for compound in group if compound.inchikey), "") or inchikey_of(structure)
    species = [part for compound in group for part in compound.known_in.split(OPTION_SEPARATOR) if part]
    rt_min, sd_min = _retention(group)
    return replace(
        first,
        name=_NAME_SEPARATOR.join(dict.fromkeys(compound.name for compound in group if compound.name)),
        inchikey=key[:FIRST_BLOCK],
        smiles=flat_smiles(structure) or structure,
        rt_pred_min=rt_min,
        rt_pred_sd_min=sd_min,
        known_in=OPTION_SEPARATOR.join(dict.fromkeys(species)),
        kept={**first.kept, MERGED_FROM: OPTION_SEPARATOR.join(compound.compound_id for compound in group)},
    )


def _retention(group: Sequence[Compound]) -> tuple[str, str]:
    """Mean and SD of the mixture of the predictions, "" where there is none; without an SD of each, none."""
    known = [compound for compound in group if compound.rt_pred_min]
    if not known:
        return "", ""
    rt = np.array([float(compound.rt_pred_min) for compound in known])
    mean = f"{rt.mean():.6g}"
    if not all(compound.rt_pred_sd_min for compound in known):
        return mean, ""
    sd = np.array([float(compound.rt_pred_sd_min) for compound in known])
    return mean, f"{math.sqrt(np.mean(sd**2) + rt.var()):.6g}"
