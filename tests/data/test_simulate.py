"""The simulator: reproducible, faithful to its parameters, and silent about the truth in what users see."""

from __future__ import annotations

import pickle
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from compassign.data.load import build_dataset, load_dataset
from compassign.data.simulate import Simulation, simulate, write_dataset
from compassign.data.simulation_config import Background, InjectionNoise, Intensities, Presence, SimulationConfig
from compassign.errors import InputError

FAMILIES = ("polyhydroxyflavonoid", "acylcarnitine", "quaternary_amine", "hexose", "amino_acid", "benzoate")
SMALL = SimulationConfig(
    name="small",
    families=FAMILIES,
    n_compounds=60,
    polarities=("positive", "negative"),
    presence=Presence(log_odds_mean=0.0),
    n_calibrants=15,
)
# Few injections with many peaks each, so that what each one does can be measured.
LARGE = SimulationConfig(
    polarities=("positive", "negative"),
    n_injections=1,
    n_species=3,
    presence=Presence(log_odds_mean=1.0),
    intensities=Intensities(log_mean=14.0),
)
ALPHA = 1e-4  # the seeds are fixed; a right simulator fails one test in ten thousand


@pytest.fixture(scope="module")
def small() -> Simulation:
    return simulate(SMALL, np.random.default_rng(1))


@pytest.fixture(scope="module")
def large() -> Simulation:
    return simulate(LARGE, np.random.default_rng(2))


def test_the_same_seed_gives_the_same_data(small: Simulation) -> None:
    again = simulate(SMALL, np.random.default_rng(1))
    assert again.meta == small.meta
    for name, table in small.tables.items():
        pd.testing.assert_frame_equal(again.tables[name], table)
    pd.testing.assert_frame_equal(again.truth.origins, small.truth.origins)


def test_another_seed_gives_other_data(small: Simulation) -> None:
    other = simulate(SMALL, np.random.default_rng(3))
    for name, table in small.tables.items():
        assert not other.tables[name].equals(table), name


def test_only_the_given_generator_is_used() -> None:
    before = np.random.get_state(legacy=True)  # noqa: NPY002
    first = simulate(SMALL, np.random.default_rng(1))
    after = np.random.get_state(legacy=True)  # noqa: NPY002
    assert pickle.dumps(before) == pickle.dumps(after)
    np.random.seed(6)  # noqa: NPY002
    second = simulate(SMALL, np.random.default_rng(1))
    np.random.set_state(before)  # noqa: NPY002
    pd.testing.assert_frame_equal(first.tables["peaks"], second.tables["peaks"])


def test_tables_are_valid_and_refer_to_each_other(small: Simulation) -> None:
    dataset = build_dataset(small.tables, small.meta, "small")
    assert dataset.warnings == ()
    assert dict(dataset.species_clusters) == {"S1": "C1", "S2": "C2", "S3": "C1", "S4": "C2"}
    assert set(small.tables["calibrants"]["compound_id"]) <= set(small.tables["compounds"]["compound_id"])
    assert small.tables["truth"]["peak_id"].tolist() == small.tables["peaks"]["peak_id"].tolist()
    assert not {"rt_pred_min", "rt_pred_sd_min", "family"} & set(small.tables["compounds"].columns)


def test_written_files_are_read_back_unchanged(small: Simulation, tmp_path: Path) -> None:
    write_dataset(small, tmp_path / "new" / "folder")
    from_files = load_dataset(tmp_path / "new" / "folder")
    in_memory = build_dataset(small.tables, small.meta, "small")
    assert from_files.dataset_hash == in_memory.dataset_hash
    assert from_files.truth_hash == in_memory.truth_hash
    assert from_files.name == "small"
    meta = tomllib.loads((tmp_path / "new" / "folder" / "dataset.toml").read_text(encoding="utf-8"))
    assert meta == dict(small.meta)


def test_one_polarity_is_named_in_the_meta_and_two_are_not(small: Simulation) -> None:
    single = simulate(replace(SMALL, polarities=("negative",)), np.random.default_rng(1))
    assert single.meta["polarity"] == "negative"
    assert set(single.tables["peaks"]["polarity"]) == {"negative"}
    assert "polarity" not in small.meta
    assert set(small.tables["peaks"]["polarity"]) == {"positive", "negative"}


def test_drift_and_offset_spread_as_configured() -> None:
    config = SimulationConfig(
        families=("vitamin",), n_species=30, n_injections=10, noise=InjectionNoise(drift_sd_min=0.3), n_calibrants=2
    )
    injections = simulate(config, np.random.default_rng(4)).truth.injections
    assert len(injections) == 300
    assert stats.kstest(injections["drift_min"], stats.norm(0, 0.3).cdf).pvalue > ALPHA
    assert stats.kstest(injections["mass_offset_ppm"], stats.norm(0, 1.5).cdf).pvalue > ALPHA
    assert stats.kstest(np.log(injections["mass_scale_ppm"]), stats.norm(np.log(2.1), 0.2).cdf).pvalue > ALPHA


def test_compound_effects_and_descriptors_make_the_retention_times(large: Simulation) -> None:
    effect = large.truth.rt_effect_min
    assert stats.kstest(effect, stats.norm(0, LARGE.chromatography.compound_sd_min).cdf).pvalue > ALPHA
    rt_min = large.truth.rt_min
    assert rt_min.to_numpy().min() > 0
    assert rt_min.to_numpy().max() < 22
    # Between species a compound moves by their matrices only, all compounds alike.
    assert (rt_min["S1"] - rt_min["S2"]).std() == pytest.approx(0.0, abs=1e-9)
    assert (rt_min["S1"] - rt_min["S2"]).abs().max() > 0


def test_null_truth_is_what_has_no_library_compound(large: Simulation) -> None:
    truth, origins = large.tables["truth"], large.truth.origins
    is_null = (truth["compound_id"] == "").to_numpy()
    assert is_null.tolist() == (origins["origin"] != "library").tolist()
    named = truth.loc[~is_null, "compound_id"]
    assert set(named) <= set(large.tables["compounds"]["compound_id"])
    assert named.tolist() == origins.loc[~is_null, "compound_id"].tolist()
    monoisotopic = origins[origins["isotope_index"] == 0]
    share = (monoisotopic["origin"] == "background").mean()
    assert share == pytest.approx(LARGE.background.share, abs=1 / len(monoisotopic))
    assert large.truth.n_background == (origins["origin"] == "background").sum()


@pytest.mark.parametrize("unlisted_share", [0.0, 0.1, 0.3])
def test_unlisted_compounds_are_present_and_not_in_the_library(unlisted_share: float) -> None:
    presence = replace(SMALL.presence, unlisted_share=unlisted_share)
    simulation = simulate(replace(SMALL, presence=presence), np.random.default_rng(7))
    truth = simulation.truth
    present = set(truth.is_present.index[truth.is_present.any(axis=1)])
    assert set(truth.unlisted) <= present
    assert not set(truth.unlisted) & set(simulation.tables["compounds"]["compound_id"])
    assert len(simulation.tables["compounds"]) == 60 - len(truth.unlisted)
    assert truth.unlisted_share == pytest.approx(unlisted_share, abs=0.5 / len(present))


def test_species_of_a_cluster_share_more_compounds() -> None:
    config = SimulationConfig(presence=Presence(log_odds_mean=-0.5, cluster_sd=2.0), n_injections=1, n_calibrants=2)
    is_present = simulate(config, np.random.default_rng(8)).truth.is_present
    alike = [(is_present[a] == is_present[b]).mean() for a, b in (("S1", "S3"), ("S2", "S4"))]
    apart = [(is_present[a] == is_present[b]).mean() for a, b in (("S1", "S2"), ("S3", "S4"), ("S1", "S4"))]
    assert min(alike) > max(apart) + 0.05


def test_known_in_is_informative_but_imperfect(large: Simulation) -> None:
    compounds = large.tables["compounds"].set_index("compound_id")
    truth = large.truth.is_present.loc[compounds.index]
    named = pd.DataFrame({s: [s in cell.split(";") for cell in compounds["known_in"]] for s in truth.columns})
    where_present = named.to_numpy()[truth.to_numpy()]
    where_absent = named.to_numpy()[~truth.to_numpy()]
    assert (
        stats.binomtest(int(where_present.sum()), where_present.size, LARGE.presence.known_in_sensitivity).pvalue
        > ALPHA
    )
    assert (
        stats.binomtest(int(where_absent.sum()), where_absent.size, LARGE.presence.known_in_false_share).pvalue > ALPHA
    )


def test_calibrants_cover_every_injection(small: Simulation) -> None:
    calibrants = small.tables["calibrants"]
    assert len(calibrants) == 15 * len(small.truth.injections)
    assert calibrants.duplicated(["injection", "compound_id"]).sum() == 0
    assert set(calibrants["injection"]) == set(small.truth.injections["injection"])
    assert not set(calibrants["compound_id"]) & set(small.truth.unlisted)


def test_calibrants_are_rather_present_and_hard_to_tell_apart() -> None:
    config = SimulationConfig(n_injections=1, presence=Presence(log_odds_mean=0.0), n_calibrants=60)
    plain = replace(config, calibrant_present_odds=1.0, calibrant_crowding=0.0)
    crowd, present = [], []
    for settings in (config, plain):
        simulation = simulate(settings, np.random.default_rng(11))
        compounds = simulation.tables["compounds"].set_index("compound_id")
        chosen = simulation.tables["calibrants"]["compound_id"].unique()
        size = compounds.groupby("formula")["smiles"].transform("size")
        crowd.append(size[chosen].mean() - size.mean())
        is_present = simulation.truth.is_present.any(axis=1)[compounds.index]
        present.append(is_present[chosen].mean() - is_present.mean())
    assert crowd[0] > crowd[1] + 1
    assert present[0] > 0.05 > abs(present[1]) / 2


def test_an_empty_world_is_still_a_dataset() -> None:
    config = replace(SMALL, presence=Presence(log_odds_mean=-50.0), background=Background(share=0.0))
    simulation = simulate(config, np.random.default_rng(10))
    assert len(simulation.tables["peaks"]) == 0
    assert len(simulation.tables["compounds"]) == 60
    assert simulation.truth.unlisted_share == 0.0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"polarities": ("up",)}, "polarities = .*up"),
        ({"polarities": ()}, "polarities"),
        ({"n_species": 0}, "n_species = 0: expected at least 1"),
        ({"n_calibrants": -1}, "n_calibrants = -1"),
        ({"n_compounds": 0}, "n_compounds = 0"),
        ({"presence": Presence(unlisted_share=1.0)}, "unlisted_share = 1.0"),
        ({"background": Background(share=1.0)}, "background share = 1.0"),
        ({"noise": InjectionNoise(rt_scale_min=0.0)}, "rt_scale_min = 0.0"),
        ({"intensities": Intensities(adduct_weights={"[M+H]+": 1.0})}, r"adduct_weights lack = .*\[M\+Na\]\+"),
    ],
)
def test_impossible_worlds_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        SimulationConfig(**change)


def test_all_faults_of_a_configuration_are_said_at_once() -> None:
    with pytest.raises(InputError) as caught:
        SimulationConfig(n_species=0, n_injections=0)
    assert len(caught.value.problems) == 2
