"""The simulator: reproducible, faithful to its parameters, and silent about the truth in what users see."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from compassign.chemistry.adducts import default_adducts
from compassign.data.load import build_dataset, load_dataset
from compassign.data.metabolites import load_metabolites
from compassign.data.simulate import Simulation, simulate, write_dataset
from compassign.data.simulation_config import Background, InjectionNoise, Intensities, Presence, SimulationConfig
from compassign.errors import InputError
from compassign.units import ISOTOPE_SPACING_DA, ppm_error

FAMILIES = ("flavonoid", "acylcarnitine", "quaternary_amine", "hexose", "amino_acid", "benzoate")
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


def _with_origin(simulation: Simulation) -> pd.DataFrame:
    return simulation.tables["peaks"].merge(simulation.truth.origins.drop(columns="isotope_index"), on="peak_id")


def _real(simulation: Simulation) -> pd.DataFrame:
    peaks = _with_origin(simulation)
    return peaks[peaks["origin"] != "background"].merge(
        simulation.truth.injections.drop(columns=["species", "polarity"]), on="injection"
    )


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
    np.random.seed(5)  # noqa: NPY002
    before = np.random.get_state()[1].copy()  # type: ignore[index, union-attr]  # noqa: NPY002
    first = simulate(SMALL, np.random.default_rng(1))
    assert np.array_equal(before, np.random.get_state()[1])  # type: ignore[index]  # noqa: NPY002
    np.random.seed(6)  # noqa: NPY002
    second = simulate(SMALL, np.random.default_rng(1))
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


def test_mass_errors_have_the_offset_and_scale_of_their_injection(large: Simulation) -> None:
    peaks = _real(large)
    peaks = peaks.assign(ppm=ppm_error(peaks["mz"], peaks["mz_theoretical"]))
    assert peaks["ppm"].abs().max() <= LARGE.noise.mass_window_ppm + 0.01
    noise = LARGE.noise
    for _, group in peaks.groupby("injection"):
        offset, scale = group["mass_offset_ppm"].iloc[0], group["mass_scale_ppm"].iloc[0]
        window = (np.array([-1, 1]) * noise.mass_window_ppm - offset) / scale
        low, high = stats.t.cdf(window, noise.degrees_of_freedom)
        level = (stats.t.cdf((group["ppm"] - offset) / scale, noise.degrees_of_freedom) - low) / (high - low)
        assert len(group) > 300
        assert stats.kstest(level, "uniform").pvalue > ALPHA
        # The same check sees a scale that is wrong by half.
        wrong = stats.t.cdf((group["ppm"] - offset) / (1.5 * scale), noise.degrees_of_freedom)
        assert stats.kstest(wrong, "uniform").pvalue < ALPHA


def test_retention_times_are_truth_plus_drift_plus_noise(large: Simulation) -> None:
    peaks = _real(large)
    by_species = large.truth.rt_min.stack().rename("true_min").rename_axis(["compound_id", "species"]).reset_index()
    peaks = peaks.merge(by_species, on=["compound_id", "species"])
    error = (peaks["rt_min"] - peaks["true_min"] - peaks["drift_min"]) / large.truth.rt_scale_min
    assert stats.kstest(error, stats.t(large.truth.degrees_of_freedom).cdf).pvalue > ALPHA
    calibrants = large.tables["calibrants"].merge(by_species, on=["compound_id", "species"])
    calibrants = calibrants.merge(large.truth.injections[["injection", "drift_min"]], on="injection")
    error = (calibrants["rt_min"] - calibrants["true_min"] - calibrants["drift_min"]) / large.truth.rt_scale_min
    assert stats.kstest(error, stats.t(large.truth.degrees_of_freedom).cdf).pvalue > ALPHA


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
    assert rt_min.min(axis=None) > 0
    assert rt_min.max(axis=None) < 20
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


def test_peaks_come_only_from_compounds_that_are_present(large: Simulation) -> None:
    peaks = _real(large)
    is_present = [large.truth.is_present.at[c, s] for c, s in zip(peaks["compound_id"], peaks["species"], strict=True)]
    assert all(is_present)


def test_species_of_a_cluster_share_more_compounds() -> None:
    config = SimulationConfig(presence=Presence(log_odds_mean=-0.5, cluster_sd=2.0), n_injections=1, n_calibrants=2)
    is_present = simulate(config, np.random.default_rng(8)).truth.is_present
    alike = [(is_present[a] == is_present[b]).mean() for a, b in (("S1", "S3"), ("S2", "S4"))]
    apart = [(is_present[a] == is_present[b]).mean() for a, b in (("S1", "S2"), ("S3", "S4"), ("S1", "S4"))]
    assert min(alike) > max(apart) + 0.05


def test_ions_fit_the_polarity_and_charged_compounds_show_only_themselves(large: Simulation) -> None:
    peaks = _real(large)
    for polarity, group in peaks.groupby("polarity"):
        neutral = {adduct.name for adduct in default_adducts(str(polarity))}
        assert set(group["adduct"]) <= neutral | {"[M]+"}
    charge = pd.Series(large.truth.rt_min.index.map(_charges()), index=large.truth.rt_min.index)
    own = peaks["adduct"] == "[M]+"
    assert own.any()
    assert (charge[peaks.loc[own, "compound_id"]] == 1).all()
    assert (charge[peaks.loc[~own, "compound_id"]] == 0).all()


def _charges() -> dict[str, int]:
    return load_metabolites().set_index("compound_id")["charge"].to_dict()


def test_frequent_adducts_are_detected_more_often(large: Simulation) -> None:
    peaks = _real(large)
    seen = peaks.loc[peaks["isotope_index"] == 0, "adduct"].value_counts()
    assert seen["[M+H]+"] > seen["[M+Na]+"] > seen["[M+K]+"] > seen["[2M+H]+"]
    assert seen["[M-H]-"] > seen["[M+HCOO]-"] > seen["[M-H-H2O]-"]


def test_isotope_peaks_are_marked_and_spaced(large: Simulation) -> None:
    peaks = _real(large)
    grouped = peaks[peaks["isotope_group"] != ""]
    assert (peaks.loc[peaks["isotope_group"] == "", "isotope_index"] == 0).all()
    assert (grouped.groupby("isotope_group")["isotope_index"].min() == 0).all()
    assert (grouped.groupby("isotope_group")["compound_id"].nunique() == 1).all()
    assert (grouped.groupby("isotope_group")["injection"].nunique() == 1).all()
    first = grouped[grouped["isotope_index"] == 0].set_index("isotope_group")
    for index in (1, 2):
        later = grouped[grouped["isotope_index"] == index].set_index("isotope_group")
        assert len(later) > 20
        ratio = later["intensity"] / first.loc[later.index, "intensity"]
        assert ratio.median() < 0.5
        charge = np.where(first.loc[later.index, "adduct"].str.contains("]2"), 2, 1)
        spacing = later["mz_theoretical"] - first.loc[later.index, "mz_theoretical"]
        assert spacing.to_numpy() == pytest.approx(index * ISOTOPE_SPACING_DA / charge, abs=1e-9)


def test_background_lies_near_the_library_as_often_as_configured() -> None:
    background = Background(share=0.5, near_library_share=0.8)
    simulation = simulate(replace(SMALL, background=background, n_injections=4), np.random.default_rng(9))
    peaks = _with_origin(simulation)
    library = build_dataset(simulation.tables, simulation.meta, "b").compounds
    is_background = (peaks["origin"] == "background").to_numpy()
    is_near = np.zeros(len(peaks), dtype=bool)
    for polarity in ("positive", "negative"):
        ions = np.concatenate(
            [
                (adduct.multiplicity * library["exact_mass"] + adduct.mass_shift_da) / abs(adduct.charge)
                for adduct in default_adducts(polarity)
            ]
        )
        errors = np.abs(ppm_error(peaks["mz"].to_numpy()[:, np.newaxis], ions))
        is_near |= (peaks["polarity"] == polarity).to_numpy() & (errors.min(axis=1) <= 15.001)
    n_background = int(is_background.sum())
    n_near = int((is_near & is_background).sum())
    # Some of the others land near an ion by chance, and some near ones belong to a charged compound.
    assert n_background > 400
    assert 0.7 < n_near / n_background < 0.9


def test_known_in_is_informative_but_imperfect(large: Simulation) -> None:
    compounds = large.tables["compounds"].set_index("compound_id")
    truth = large.truth.is_present.loc[compounds.index]
    named = pd.DataFrame({s: [s in cell.split(";") for cell in compounds["known_in"]] for s in truth.columns})
    where_present = named.to_numpy()[truth.to_numpy()]
    where_absent = named.to_numpy()[~truth.to_numpy()]
    assert stats.binomtest(int(where_present.sum()), where_present.size, 0.6).pvalue > ALPHA
    assert stats.binomtest(int(where_absent.sum()), where_absent.size, 0.08).pvalue > ALPHA


def test_order_and_ids_say_nothing_about_the_truth(large: Simulation) -> None:
    origins = large.truth.origins
    assert origins["peak_id"].tolist() == [f"P{i + 1:05d}" for i in range(len(origins))]
    position = np.arange(len(origins))
    is_null = (origins["origin"] != "library").to_numpy()
    assert stats.mannwhitneyu(position[is_null], position[~is_null]).pvalue > ALPHA
    peaks = large.tables["peaks"]
    for column in ("mz", "rt_min", "intensity"):
        assert stats.spearmanr(position, peaks[column]).pvalue > ALPHA, column
    # Peaks of one compound do not stand together more than chance has it.
    code = origins["compound_id"].astype("category").cat.codes.to_numpy()
    together = int((code[1:] == code[:-1]).sum())
    shares = np.bincount(code) / code.size
    assert stats.binomtest(together, code.size - 1, float((shares**2).sum())).pvalue > ALPHA
    assert set(peaks.columns) == {
        *("peak_id", "species", "injection", "polarity", "mz", "rt_min", "intensity", "isotope_group", "isotope_index")
    }


def test_an_isotope_group_name_says_nothing_about_its_compound(large: Simulation) -> None:
    peaks = _with_origin(large)
    first = peaks[(peaks["isotope_group"] != "") & (peaks["isotope_index"] == 0)]
    number = first["isotope_group"].str.slice(1).astype(int)
    assert stats.spearmanr(number, first["compound_id"].str.slice(1).astype(int)).pvalue > ALPHA


def test_calibrants_cover_every_injection(small: Simulation) -> None:
    calibrants = small.tables["calibrants"]
    assert len(calibrants) == 15 * len(small.truth.injections)
    assert calibrants.duplicated(["injection", "compound_id"]).sum() == 0
    assert set(calibrants["injection"]) == set(small.truth.injections["injection"])
    assert not set(calibrants["compound_id"]) & set(small.truth.unlisted)


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
def test_impossible_worlds_are_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        SimulationConfig(**change)  # type: ignore[arg-type]


def test_all_faults_of_a_configuration_are_said_at_once() -> None:
    with pytest.raises(InputError) as caught:
        SimulationConfig(n_species=0, n_injections=0)
    assert len(caught.value.problems) == 2
