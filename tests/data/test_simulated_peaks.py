"""Simulated peaks: measured as their parameters say, marked as tools would, and silent about the truth."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from compassign.chemistry.adducts import default_adducts
from compassign.data.load import build_dataset
from compassign.data.metabolites import load_metabolites
from compassign.data.simulate import Simulation, simulate
from compassign.data.simulation_config import Background, Intensities, Presence, SimulationConfig
from compassign.units import ISOTOPE_SPACING_DA, ppm_error

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
def large() -> Simulation:
    return simulate(LARGE, np.random.default_rng(2))


def _with_origin(simulation: Simulation) -> pd.DataFrame:
    return simulation.tables["peaks"].merge(simulation.truth.origins.drop(columns="isotope_index"), on="peak_id")


def _real(simulation: Simulation) -> pd.DataFrame:
    peaks = _with_origin(simulation)
    return peaks[peaks["origin"] != "background"].merge(
        simulation.truth.injections.drop(columns=["species", "polarity"]), on="injection"
    )


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
    by_species = large.truth.rt_min.reset_index().melt("compound_id", var_name="species", value_name="true_min")
    peaks = peaks.merge(by_species, on=["compound_id", "species"])
    error = (peaks["rt_min"] - peaks["true_min"] - peaks["drift_min"]) / large.truth.rt_scale_min
    assert stats.kstest(error, stats.t(large.truth.degrees_of_freedom).cdf).pvalue > ALPHA
    calibrants = large.tables["calibrants"].merge(by_species, on=["compound_id", "species"])
    calibrants = calibrants.merge(large.truth.injections[["injection", "drift_min"]], on="injection")
    error = (calibrants["rt_min"] - calibrants["true_min"] - calibrants["drift_min"]) / large.truth.rt_scale_min
    assert stats.kstest(error, stats.t(large.truth.degrees_of_freedom).cdf).pvalue > ALPHA


def test_peaks_come_only_from_compounds_that_are_present(large: Simulation) -> None:
    peaks = _real(large)
    is_present = [large.truth.is_present.at[c, s] for c, s in zip(peaks["compound_id"], peaks["species"], strict=True)]
    assert all(is_present)


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
    metabolites = load_metabolites()
    return dict(zip(metabolites["compound_id"], metabolites["charge"], strict=True))


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
    simulation = simulate(replace(LARGE, background=background), np.random.default_rng(9))
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
