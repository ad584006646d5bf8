"""Entries look like the compounds beside them: the same mass, another's prediction, as far off as an isomer's."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from compassign.audit.entries import Bait, Trap, set_trap
from compassign.candidates import RtPredictions
from compassign.data.dataset import Dataset
from compassign.data.load import build_dataset
from compassign.errors import InputError
from compassign.models.retention import untrained_predictions
from compassign.models.retention_design import build_design

N_GROUPS, N_ISOMERS, ISOMER_SD_MIN = 150, 3, 0.4
ALL = Bait(share=1.0, mass_window_ppm=15.0)


def library(rng: np.random.Generator) -> pd.DataFrame:
    """Isomers that elute near each other, anywhere on the gradient; the last group has no predictions."""
    group = np.repeat(np.arange(N_GROUPS), N_ISOMERS)
    rt_min = rng.uniform(2.0, 20.0, N_GROUPS)[group] + rng.normal(0.0, ISOMER_SD_MIN, group.size)
    return pd.DataFrame(
        {
            "compound_id": [f"c{row:03d}" for row in range(group.size)],
            "name": "",
            "exact_mass": 100.0 + 2.1 * group,
            "rt_pred_min": np.where(group == N_GROUPS - 1, np.nan, rt_min),
            "rt_pred_sd_min": rng.uniform(0.1, 1.0, group.size),
            "known_in": np.where(group % 2 == 0, "s", ""),
        }
    )


def made_dataset(compounds: pd.DataFrame) -> Dataset:
    peaks = pd.DataFrame(
        {
            "peak_id": ["p0", "p1"],
            "species": "s",
            "mz": [101.00728, 103.10728],
            "rt_min": [2.0, 20.0],
            "intensity": 1.0,
            "polarity": "positive",
        }
    )
    labels = pd.DataFrame({"peak_id": ["p0"], "compound_id": ["c000"]})
    calibrants = pd.DataFrame({"species": ["s"], "compound_id": ["c004"], "rt_min": [3.0]})
    return build_dataset({"peaks": peaks, "compounds": compounds, "labels": labels, "calibrants": calibrants}, {}, "t")


def predicted(dataset: Dataset) -> RtPredictions:
    return untrained_predictions(build_design(dataset))


def trap_of(compounds: pd.DataFrame, rng: np.random.Generator) -> Trap:
    dataset = made_dataset(compounds)
    return set_trap(dataset, predicted(dataset), ALL, rng)


def test_every_compound_gets_an_entry_of_its_mass_with_the_prediction_of_another(rng: np.random.Generator) -> None:
    compounds = library(rng)
    trap = trap_of(compounds, rng)
    entries, own = trap.dataset.compounds[trap.is_entry], trap.dataset.compounds[~trap.is_entry]
    assert trap.dataset.truth is None
    assert (trap.n_foreign, len(own)) == (0, len(compounds))
    assert trap.dataset.compounds.dtypes.to_dict() == made_dataset(compounds).compounds.dtypes.to_dict()
    for name in ("exact_mass", "charge", "known_in"):
        assert entries[name].tolist() == own[name].tolist()
    lent = entries.dropna(subset="rt_pred_min").merge(own, on=["rt_pred_min", "rt_pred_sd_min"], suffixes=("", "_of"))
    assert len(lent) == len(compounds) - N_ISOMERS  # time and SD of one compound; the last group has neither
    assert (lent["exact_mass"] != lent["exact_mass_of"]).all()
    assert not lent.duplicated(["exact_mass", "compound_id_of"]).any()
    assert not set(lent["compound_id_of"]) & {"c000", "c004"}  # a label and a calibrant name them
    assert entries["rt_pred_min"].isna().tolist() == own["rt_pred_min"].isna().tolist()


def test_entries_have_their_lenders_times_on_other_systems(rng: np.random.Generator) -> None:
    compounds = library(rng)
    own = pd.DataFrame({"system": "S", "compound_id": compounds["compound_id"], "rt_min": compounds["rt_pred_min"]})
    dataset = replace(made_dataset(compounds), retention=own.dropna(ignore_index=True))
    trap = set_trap(dataset, predicted(dataset), ALL, rng).dataset
    times = trap.compounds.set_index("compound_id")["rt_pred_min"].dropna()
    assert sorted(trap.retention["compound_id"]) == sorted(times.index)
    assert trap.retention["rt_min"].tolist() == times[trap.retention["compound_id"]].tolist()


def test_entries_elute_as_far_from_compounds_as_isomers_do(rng: np.random.Generator) -> None:
    trap = trap_of(library(rng), rng)
    rt_min = trap.dataset.compounds["rt_pred_min"].to_numpy(dtype=np.float64)[: 2 * N_GROUPS * N_ISOMERS]
    own, entries = rt_min.reshape(2, N_GROUPS, N_ISOMERS)[:, :-1]
    apart = (own[:, :, None] - own[:, None, :])[:, ~np.eye(N_ISOMERS, dtype=bool)]
    trapped = own[:, :, None] - entries[:, None, :]
    shuffled = own[:, :, None] - entries[rng.permutation(len(entries))][:, None, :]
    assert np.median(np.abs(trapped)) == pytest.approx(np.median(np.abs(apart)), rel=0.2)
    assert abs(trapped.mean()) < 0.1
    assert np.median(np.abs(shuffled)) > 5 * np.median(np.abs(apart))  # the negative control


def test_the_seed_says_what_is_added(rng: np.random.Generator) -> None:
    compounds = library(rng)
    first, again, other = (trap_of(compounds, np.random.default_rng(seed)).dataset.compounds for seed in (1, 1, 2))
    pd.testing.assert_frame_equal(first, again)
    assert first["rt_pred_min"].tolist() != other["rt_pred_min"].tolist()


def test_isomers_of_other_species_are_entries_first(rng: np.random.Generator) -> None:
    compounds = library(rng)
    # c000 is labelled; c007 has isomers here; c009 to c011 are all from elsewhere
    compounds.loc[[0, 7, 9, 10, 11], "known_in"] = "yeast;mouse"
    trap = trap_of(compounds, rng)
    library_rows, is_entry = trap.dataset.compounds.iloc[: len(compounds)], trap.is_entry[: len(compounds)]
    assert trap.n_foreign == 1
    assert library_rows["compound_id"][is_entry].tolist() == ["c007"]
    assert library_rows["known_in"][7] == compounds["known_in"][6] == "s"  # listed as its isomers are
    assert library_rows["rt_pred_min"][7] == compounds["rt_pred_min"][7]
    made = trap.dataset.compounds.iloc[len(compounds) :]
    assert len(made) == len(compounds) - 2  # c007 itself and the isomer that it stands beside need none
    assert compounds["rt_pred_min"][7] not in made["rt_pred_min"].tolist()


def test_without_isomers_any_prediction_of_similar_mass_will_do(rng: np.random.Generator) -> None:
    trap = trap_of(library(rng).iloc[::N_ISOMERS].assign(compound_id=["c000", "c004", *map(str, range(148))]), rng)
    assert trap.is_entry.sum() == N_GROUPS


def test_a_library_of_one_mass_is_refused(rng: np.random.Generator) -> None:
    dataset = made_dataset(library(rng).iloc[:5].assign(exact_mass=100.0))
    with pytest.raises(InputError, match="compounds of several masses"):
        set_trap(dataset, predicted(dataset), ALL, rng)
    # without predictions there is nothing to lend, and entries need no lender
    bare = replace(dataset, compounds=dataset.compounds.assign(rt_pred_min=np.nan))
    assert set_trap(bare, predicted(bare), ALL, rng).is_entry.sum() == 5
