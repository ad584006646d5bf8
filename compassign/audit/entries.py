"""Library entries that cannot be present and look like those that can: isomers of other species, then made ones."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from compassign.candidates import RtPredictions, species_names
from compassign.data.dataset import Dataset
from compassign.errors import InputError
from compassign.models.problem import isobar_groups
from compassign.tables import OPTION_SEPARATOR
from compassign.units import BoolArray, FloatArray, IntArray, ppm_error

N_NEAR = 200  # lighter and as many heavier compounds: among them some are predicted close to any usual time
OWN_WINDOWS = 2  # closer in mass, a lender would share peaks with the entry that has its prediction
IDENTITY = ["formula", "exact_mass", "charge", "known_in"]  # the rest is what retention is predicted from


@dataclass(frozen=True)
class Trap:
    """A dataset without truth and with entries; is_entry : (n_compounds,). n_foreign : entries it had before."""

    dataset: Dataset
    is_entry: BoolArray
    n_foreign: int


@dataclass(frozen=True)
class Bait:
    """How many entries there are, and how far from isobars a lender is.

    share : entries for each compound, above 0 to 1. Each makes a compound harder to tell, so many of them would audit
    another run than the one in question.
    """

    share: float
    mass_window_ppm: float


def set_trap(dataset: Dataset, predictions: RtPredictions, bait: Bait, rng: np.random.Generator) -> Trap:
    """Give some compounds an isomer that cannot be present and that nothing but its name tells from the others.

    Isomers that `known_in` lists for other species only become entries first. The others are made: mass, charge and
    `known_in` are those of the compound, all that retention is predicted from is lent by a compound of similar mass
    that is predicted where one more isomer would elute. predictions : of the run. Raises InputError where none can
    lend.
    """
    library = dataset.compounds
    group = isobar_groups(library)
    is_foreign = _foreign_isomers(dataset, group)
    foreign = np.flatnonzero(is_foreign)
    partner = _partners(group, is_foreign, rng)
    known_in = library["known_in"].copy()
    known_in.iloc[foreign] = library["known_in"].to_numpy()[partner]
    n_made = max(round(bait.share * int((~is_foreign).sum())) - foreign.size, 0)
    without = np.sort(rng.permutation(np.setdiff1d(np.flatnonzero(~is_foreign), partner))[:n_made])
    may_lend = ~is_foreign & ~library["compound_id"].isin(_named(dataset)).to_numpy()
    mass_da, rt_min = library["exact_mass"].to_numpy(dtype=np.float64), predictions.mean_min.mean(axis=(0, 1))
    lender = _lenders(_Library(group, mass_da, rt_min, may_lend, bait.mass_window_ppm), without, rng)
    made = _made(library, without[lender >= 0], lender[lender >= 0])
    if not foreign.size and not len(made):
        raise InputError("entrapment needs compounds of several masses, so that one can lend another its prediction")
    compounds = pd.concat([library.assign(known_in=known_in), made], ignore_index=True)
    lent = dict(zip(made["compound_id"], library["compound_id"].iloc[lender[lender >= 0]], strict=True))
    return Trap(
        replace(dataset, compounds=compounds, retention=_with_lent(dataset.retention, lent), truth=None),
        np.concatenate([is_foreign, np.ones(len(made), dtype=np.bool_)]),
        foreign.size,
    )


def _named(dataset: Dataset) -> set[str]:
    """The compounds that labels and calibrants name: they may be present, and are predicted better than others."""
    return {name for answer in dataset.labels.values() for name in answer} | set(dataset.calibrants["compound_id"])


def _foreign_isomers(dataset: Dataset, group: IntArray) -> BoolArray:
    """(n_compounds,) listed for other species only, named by nobody, and with an isomer that is not so."""
    own = set(species_names(dataset))
    listed = [set(cell.split(OPTION_SEPARATOR)) - {""} for cell in dataset.compounds["known_in"].tolist()]
    is_elsewhere = np.array([bool(names) and not names & own for names in listed], dtype=np.bool_)
    is_elsewhere &= ~dataset.compounds["compound_id"].isin(_named(dataset)).to_numpy()
    return np.asarray(is_elsewhere & np.isin(group, group[~is_elsewhere]))


def _partners(group: IntArray, is_foreign: BoolArray, rng: np.random.Generator) -> IntArray:
    """For each foreign isomer in turn a target of its group, as many different ones as there are."""
    isomers: dict[int, list[int]] = defaultdict(list)
    for row in rng.permutation(np.flatnonzero(~is_foreign)).tolist():
        isomers[group[row]].append(row)
    partner = []
    for key in group[is_foreign].tolist():
        partner.append(isomers[key].pop(0))
        isomers[key].append(partner[-1])
    return np.array(partner, dtype=np.int64)


@dataclass(frozen=True)
class _Library:
    """What lenders are chosen by, each (n_compounds,); rt_min : mean over species, NaN without a prediction."""

    group: IntArray
    mass_da: FloatArray
    rt_min: FloatArray
    may_lend: BoolArray
    mass_window_ppm: float


def _lenders(library: _Library, targets: IntArray, rng: np.random.Generator) -> IntArray:
    """The compound that lends its prediction to the entry of each target, (n_targets,), -1 where none can.

    Isomers are predicted closer to each other than to other compounds of similar mass. So the lender is predicted near
    the time that one more isomer would have: the mean of the group and the difference of two isomers of the library,
    narrowed as far as the group tells its mean. In a group each lends once, or two entries would be one. Where the
    target has no prediction its entry has none either.
    """
    is_predicted = np.isfinite(library.rt_min)
    pool = np.flatnonzero(library.may_lend & is_predicted)
    pool = pool[np.argsort(library.mass_da[pool], kind="stable")]
    differences = _isomer_differences(library.group[is_predicted], library.rt_min[is_predicted], rng)
    if not differences.size and pool.size:  # no isomers to learn from: as far apart as any of similar mass
        differences = np.diff(library.rt_min[pool], prepend=library.rt_min[pool].mean())
    n_isomers = np.bincount(library.group[is_predicted], minlength=library.group.size)
    centre = np.bincount(library.group[is_predicted], library.rt_min[is_predicted], minlength=library.group.size)
    lender = np.where(is_predicted[targets], -1, targets)
    taken: dict[int, list[int]] = defaultdict(list)
    for at in np.flatnonzero(is_predicted[targets]):
        target, key = targets[at], library.group[targets[at]]
        near = np.setdiff1d(_near(library, pool, target), taken[key])
        if near.size:
            spread = np.sqrt((1.0 + 1.0 / n_isomers[key]) / 2.0)
            wanted = centre[key] / n_isomers[key] + spread * rng.choice(differences)
            lender[at] = near[np.argmin(np.abs(library.rt_min[near] - wanted))]
            taken[key].append(lender[at])
    return lender


def _near(library: _Library, pool: IntArray, target: int) -> IntArray:
    """The members of a pool, sorted by mass, that are nearest to the target's but no isobars of it."""
    mass_da = library.mass_da[target]
    at = int(np.searchsorted(library.mass_da[pool], mass_da))
    near = pool[max(at - N_NEAR, 0) : at + N_NEAR]
    is_apart = np.abs(ppm_error(library.mass_da[near], mass_da)) > OWN_WINDOWS * library.mass_window_ppm
    return near[is_apart]


def _isomer_differences(group: IntArray, rt_min: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Differences of the predictions of isomers, each but the first of a group against another, in random order."""
    order = rng.permutation(group.size)
    return np.asarray(pd.Series(rt_min[order]).groupby(group[order]).diff().dropna(), dtype=np.float64)


def _made(library: pd.DataFrame, targets: IntArray, lenders: IntArray) -> pd.DataFrame:
    """Rows of the library that are targets by their identity and lenders by all else but other systems' RTs."""
    rows = library.iloc[lenders].reset_index(drop=True)
    rows[IDENTITY] = library[IDENTITY].iloc[targets].reset_index(drop=True)
    numbers = pd.Series([str(number) for number in range(1, len(rows) + 1)], dtype="str")
    # no compound of a file has an id with the separator
    return rows.assign(compound_id="entry" + OPTION_SEPARATOR + numbers, name="entry " + numbers, inchikey="")


def _with_lent(retention: pd.DataFrame, lent: Mapping[str, str]) -> pd.DataFrame:
    """RTs on other systems with those of each entry, which are its lender's; lent : entry -> lender."""
    loans = pd.DataFrame({"entry": list(lent), "compound_id": list(lent.values())}, dtype="str")
    rows = retention.merge(loans, on="compound_id").drop(columns="compound_id").rename(columns={"entry": "compound_id"})
    return pd.concat([retention, rows[retention.columns]], ignore_index=True) if len(rows) else retention
