"""The RT stage without sampling: what it reads of a dataset, and what it predicts from draws."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pymc as pm
import pytest
from small_dataset import COMPOUNDS, PEAKS, calibrants, make_dataset

from compassign.candidates import RtPredictions
from compassign.models.retention import build_retention_model, hyperparameters, predict, untrained_predictions
from compassign.models.retention_design import RetentionDesign, build_design
from compassign.units import FloatArray

OWN = COMPOUNDS.assign(rt_pred_min=[5.0, 6.5, np.nan, 7.5], rt_pred_sd_min=[0.2, np.nan, np.nan, 0.4])
DESCRIBED = COMPOUNDS.assign(logp=[0.5, 1.5, np.nan, 3.0], ring_count=[1.0, 2.0, 1.0, 1.0])
ONE_SPECIES = PEAKS.assign(species="plasma")


def row(compound: str, rt_min: float, species: str = "plasma", injection: str = "") -> Mapping[str, Any]:
    return {"species": species, "injection": injection, "compound_id": compound, "rt_min": rt_min}


# compound 0 is seen in three injections of two species, compound 1 once; compound 2 cannot be predicted
SEEN = calibrants(
    row("C0", 5.2, "plasma", "P1"), row("C0", 5.4, "liver", "L1"), row("C0", 5.3, "liver", "L2"),
    row("C1", 6.4, "plasma", "P1"), row("C2", 9.9, "plasma", "P1"),
)  # fmt: skip
PEAKS_OF_FOUR_RUNS = PEAKS.assign(injection=["L1", "P1", "P1", "K1", "L2"], polarity="positive")
CLUSTERS = {"liver": "organs", "kidney": "organs", "plasma": "fluids"}


def design_of(compounds: pd.DataFrame) -> RetentionDesign:
    return build_design(make_dataset(PEAKS_OF_FOUR_RUNS, compounds, SEEN, CLUSTERS))


def test_design_of_a_library_with_predictions() -> None:
    design = design_of(OWN)
    assert design.has_own
    assert design.base_min.tolist() == [5.0, 6.5, 0.0, 7.5]
    span = design.span_min
    assert design.error_sd_min == pytest.approx([0.2, 0.05 * span, 0.05 * span, 0.4])
    assert design.is_predictable.tolist() == [True, True, False, True]
    assert design.covariates.shape == (4, 1)
    assert np.ptp(design.covariates[[0, 1, 3], 0]) == pytest.approx(2.5 / span)


@pytest.mark.parametrize(("told", "level_sd", "scale_sd"), [((0.1, 0.05), 0.1, 0.05), ((np.inf, np.inf), 0.245, 0.3)])
def test_calibrants_correct_what_the_peaks_have_left_open(
    told: tuple[float, float], level_sd: float, scale_sd: float
) -> None:
    """Of a level that thousands of peaks have told, a few labelled compounds know less."""
    design = design_of(OWN)
    aligned = replace(design.alignment, sd_min=told[0], log_scale_sd=told[1])
    model = build_retention_model(replace(design, alignment=aligned))
    names = ("intercept_min", "slope_min", "error_scale")
    drawn = pm.draw([model[name] for name in names], draws=2000, random_seed=1, mode="FAST_COMPILE")
    found = [drawn[0].std(), drawn[1].std(), np.log(drawn[2]).std()]
    assert found == pytest.approx([level_sd, level_sd, scale_sd], rel=0.1)


def test_span_covers_peaks_and_calibrants() -> None:
    assert design_of(OWN).span_min == pytest.approx(9.9 - 5.0)


def test_calibrants_that_cannot_be_predicted_are_left_out() -> None:
    design = design_of(OWN)
    assert design.rt_min.tolist() == [5.2, 5.4, 5.3, 6.4]
    assert design.compound.tolist() == [0, 0, 0, 1]
    assert design.repeated.tolist() == [0]
    assert [design.species_names[i] for i in design.species] == ["plasma", "liver", "liver", "plasma"]
    assert len(design.injection_names) == 3
    assert design.species_names == ("kidney", "liver", "plasma")
    assert [design.cluster_names[i] for i in design.cluster_of_species] == ["organs", "organs", "fluids"]
    assert (design.has_clusters, design.has_species, design.has_injections) == (True, True, True)


def test_design_from_descriptors() -> None:
    """Distances between compounds are those of the standardised descriptors, whatever the axes."""
    design = design_of(DESCRIBED)
    assert not design.has_own
    assert design.is_predictable.tolist() == [True, True, False, True]
    table = DESCRIBED[["logp", "ring_count"]]
    standardised = ((table - table.mean()) / table.std()).to_numpy()
    for first, second in ((0, 1), (0, 3), (1, 3)):
        expected = np.linalg.norm(standardised[first] - standardised[second])
        assert np.linalg.norm(design.covariates[first] - design.covariates[second]) == pytest.approx(expected)


def test_constant_descriptors_are_left_out() -> None:
    assert design_of(DESCRIBED.assign(ring_count=1.0)).covariates.shape == (4, 1)


def test_labels_that_name_one_compound_are_calibrants_too() -> None:
    dataset = make_dataset(PEAKS_OF_FOUR_RUNS, OWN)
    labels = {"p1": frozenset({"C1"}), "p2": frozenset({"C0", "C3"}), "p3": frozenset[str](), "p4": frozenset({"C3"})}
    design = build_design(replace(dataset, labels=labels))
    assert design.rt_min.tolist() == [6.0, 8.0]
    assert design.compound.tolist() == [1, 3]
    assert [design.species_names[i] for i in design.species] == ["plasma", "liver"]


def test_truth_is_not_looked_at() -> None:
    dataset = make_dataset(PEAKS_OF_FOUR_RUNS, OWN)
    assert build_design(replace(dataset, truth={"p1": frozenset({"C1"})})).rt_min.size == 0


@pytest.mark.parametrize("compounds", [COMPOUNDS, OWN, DESCRIBED])
@pytest.mark.parametrize("known", [None, calibrants(row("C0", 5.1))])
@pytest.mark.parametrize("peaks", [PEAKS, ONE_SPECIES])
def test_hardly_any_calibrants_make_a_design(
    compounds: pd.DataFrame, known: pd.DataFrame | None, peaks: pd.DataFrame
) -> None:
    design = build_design(make_dataset(peaks, compounds, known))
    assert design.rt_min.tolist() == ([] if known is None else [5.1])
    assert design.repeated.size == 0
    assert not design.has_injections
    assert design.has_species == (peaks is PEAKS)
    assert design.covariates.shape[0] == 4
    assert np.isfinite(design.base_min).all()
    assert (design.error_sd_min > 0).all()


def logp_of_start(design: RetentionDesign) -> float:
    model = build_retention_model(design)
    start = model.initial_point()
    function = model.compile_fn(model.logp(), inputs=model.value_vars, point_fn=False, mode="FAST_COMPILE")
    return float(function(*(start[value.name] for value in model.value_vars)))


@pytest.mark.parametrize("compounds", [COMPOUNDS, OWN, DESCRIBED])
def test_model_of_one_calibrant_and_one_species_is_the_smallest(compounds: pd.DataFrame) -> None:
    design = build_design(make_dataset(ONE_SPECIES, compounds, calibrants(row("C0", 5.1))))
    names = {variable.name for variable in build_retention_model(design).free_RVs}
    expected = {"intercept_min", "error_scale", "noise_min"}
    if compounds is not COMPOUNDS:
        expected |= {"slope_min"}
    if compounds is DESCRIBED:
        expected |= {"slope_sd_min"}
    assert names == expected
    assert set(hyperparameters(design)) == expected
    assert np.isfinite(logp_of_start(design))


@pytest.mark.parametrize("compounds", [OWN, DESCRIBED])
def test_model_has_effects_where_they_can_be_seen(compounds: pd.DataFrame) -> None:
    design = design_of(compounds)
    names = {variable.name for variable in build_retention_model(design).free_RVs}
    assert names - set(hyperparameters(design)) == {"compound_min"}
    assert {"cluster_min", "species_min", "injection_min", "injection_sd_min"} <= names
    assert set(hyperparameters(design)) <= names
    assert np.isfinite(logp_of_start(design))


def test_untrained_predictions_are_the_librarys_own() -> None:
    found = untrained_predictions(build_design(make_dataset(PEAKS, OWN)))
    span = PEAKS["rt_min"].max() - PEAKS["rt_min"].min()
    assert found.mean_min.tolist()[0][1][:2] == [5.0, 6.5]
    assert found.mean_min == pytest.approx(np.array([[[5.0, 6.5, np.nan, 7.5]] * 2] * 3), nan_ok=True)
    assert found.sd_min == pytest.approx(np.array([[[0.2, 0.05 * span, np.nan, 0.4]] * 2] * 3), nan_ok=True)
    assert found.noise_sd_min == pytest.approx(0.005 * span)


@pytest.mark.parametrize("compounds", [COMPOUNDS, DESCRIBED])
def test_without_predictions_and_calibrants_nothing_is_predicted(compounds: pd.DataFrame) -> None:
    found = untrained_predictions(build_design(make_dataset(PEAKS, compounds)))
    assert np.isnan(found.mean_min).all()
    assert np.isnan(found.sd_min).all()
    assert found.mean_min.shape == (3, 2, 4)


def made_up(design: RetentionDesign, rng: np.random.Generator, n_draws: int = 40) -> dict[str, FloatArray]:
    """Draws of every free variable."""
    n_cov = design.covariates.shape[1]
    return {
        "intercept_min": rng.normal(1.0, 0.2, n_draws),
        "slope_min": rng.normal(0.5, 0.3, (n_draws, n_cov)),
        "error_scale": rng.uniform(0.5, 1.5, n_draws),
        "noise_min": rng.uniform(0.02, 0.1, n_draws),
        "compound_min": rng.normal(6.0, 0.1, (n_draws, design.repeated.size)),
        "cluster_min": rng.normal(0.0, 0.2, (n_draws, 2)),
        "species_min": rng.normal(0.0, 0.2, (n_draws, 3)),
        "injection_min": rng.normal(0.0, 0.1, (n_draws, len(design.injection_names))),
    }


@pytest.mark.parametrize("compounds", [OWN, DESCRIBED])
def test_predict_equals_a_draw_by_draw_computation(compounds: pd.DataFrame, rng: np.random.Generator) -> None:
    design = design_of(compounds)
    values = made_up(design, rng)
    found = predict(design, values)
    n_draws = values["intercept_min"].size
    for species in range(3):
        level = np.array(
            [
                [
                    design.base_min[c] + values["intercept_min"][d] + design.covariates[c] @ values["slope_min"][d]
                    for c in range(4)
                ]
                for d in range(n_draws)
            ]
        )
        shift = values["species_min"][:, species]
        repeated = values["compound_min"][:, 0] + shift
        assert found.mean_min[species, :, 0] == pytest.approx(np.repeat(repeated.mean(), 2))
        assert found.sd_min[species, :, 0] == pytest.approx(np.repeat(repeated.std(), 2))
        # seen once: the residual of compound 1 in its injection is shared out between error and noise
        sd, noise = values["error_scale"] * design.error_sd_min[1], values["noise_min"]
        share = sd**2 / (sd**2 + noise**2)
        residual = 6.4 - level[:, 1] - values["injection_min"][:, design.injection[3]]
        once = level[:, 1] + shift + share * residual
        assert found.mean_min[species, :, 1] == pytest.approx(np.repeat(once.mean(), 2))
        assert found.sd_min[species, :, 1] == pytest.approx(
            np.repeat(np.sqrt(once.var() + (share * noise**2).mean()), 2)
        )
        # never seen: the whole error is left
        new = level[:, 3] + shift
        error = (values["error_scale"] ** 2).mean() * design.error_sd_min[3] ** 2
        assert found.mean_min[species, :, 3] == pytest.approx(np.repeat(new.mean(), 2))
        assert found.sd_min[species, :, 3] == pytest.approx(np.repeat(np.sqrt(new.var(ddof=1) + error), 2))
    assert np.isnan(found.mean_min[..., 2]).all()
    assert np.isnan(found.sd_min[..., 2]).all()
    assert found.noise_sd_min == pytest.approx(values["noise_min"].mean())


def test_a_compound_never_seen_is_less_certain_than_a_calibrant(rng: np.random.Generator) -> None:
    design = design_of(OWN.assign(rt_pred_sd_min=0.3))
    found: RtPredictions = predict(design, made_up(design, rng))
    assert (found.sd_min[..., 3] > found.sd_min[..., 0]).all()
    assert (found.sd_min[..., 3] > found.sd_min[..., 1]).all()


def test_predict_from_one_calibrant_of_one_species(rng: np.random.Generator) -> None:
    design = build_design(make_dataset(ONE_SPECIES, COMPOUNDS, calibrants(row("C0", 5.1))))
    values = {name: made_up(design, rng)[name] for name in ("intercept_min", "error_scale", "noise_min")}
    found = predict(design, values)
    assert found.mean_min.shape == (1, 2, 4)
    assert found.mean_min[0, :, 0] == pytest.approx(5.1, abs=0.2)
    assert found.mean_min[0, :, 1:] == pytest.approx(values["intercept_min"].mean())
    assert (found.sd_min[0, :, 1:] > 2 * found.sd_min[0, :, :1]).all()


ELSEWHERE = pd.DataFrame(
    {
        "system": ["A"] * 3 + ["B"] * 2,
        "compound_id": ["C0", "C1", "C3", "C0", "C1"],
        "rt_min": [2.0, 3.0, 4.0, 20.0, 31.0],
    }
)


def with_elsewhere(compounds: pd.DataFrame, known: pd.DataFrame | None = SEEN) -> RetentionDesign:
    return build_design(replace(make_dataset(PEAKS_OF_FOUR_RUNS, compounds, known, CLUSTERS), retention=ELSEWHERE))


@pytest.mark.parametrize("compounds", [COMPOUNDS, OWN, DESCRIBED])
def test_without_calibrants_other_systems_change_nothing(compounds: pd.DataFrame) -> None:
    plain = build_design(make_dataset(PEAKS_OF_FOUR_RUNS, compounds, None, CLUSTERS))
    for name, value in vars(with_elsewhere(compounds, None)).items():
        np.testing.assert_array_equal(value, getattr(plain, name))


def test_other_systems_give_predictions_that_calibrants_correct() -> None:
    design = with_elsewhere(COMPOUNDS)
    assert design.has_own
    assert design.covariate_names == ("rt_pred_min",)
    assert design.is_predictable.tolist() == [True, True, False, True]  # C2 was measured nowhere and has no structure
    assert design.rt_min.tolist() == [5.2, 5.4, 5.3, 6.4]
    assert design.base_min[3] > design.base_min[1]  # seen at 4 minutes elsewhere, where C1 is at 3


def test_other_systems_and_the_librarys_predictions_are_joined_by_precision() -> None:
    design, own, other = with_elsewhere(OWN), design_of(OWN), with_elsewhere(COMPOUNDS)
    for row in (0, 1, 3):
        precision = own.error_sd_min[row] ** -2 + other.error_sd_min[row] ** -2
        assert design.error_sd_min[row] == pytest.approx(precision**-0.5)
        mean = own.base_min[row] * own.error_sd_min[row] ** -2 + other.base_min[row] * other.error_sd_min[row] ** -2
        assert design.base_min[row] == pytest.approx(mean / precision)
    alone = with_elsewhere(OWN.assign(rt_pred_min=[5.0, 6.5, 7.0, 7.5]))
    assert (alone.base_min[2], alone.error_sd_min[2]) == (7.0, own.error_sd_min[2])  # no other system has C2


def test_labels_correct_the_projection_and_truth_does_not() -> None:
    dataset = replace(make_dataset(PEAKS_OF_FOUR_RUNS, COMPOUNDS, None, CLUSTERS), retention=ELSEWHERE)
    labels = {"p1": frozenset({"C0"}), "p2": frozenset({"C1"})}
    labelled, known = build_design(replace(dataset, labels=labels)), with_elsewhere(COMPOUNDS)
    assert labelled.has_own
    assert labelled.base_min[3] != pytest.approx(known.base_min[3])
    assert not build_design(replace(dataset, truth=labels)).has_own
