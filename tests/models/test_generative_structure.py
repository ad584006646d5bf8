"""Names, shapes and dims of the generative model, and parameters only where they can matter."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pymc as pm
import pytest
from assignment_problems import ADDUCTS, bare, tiny_problem
from pytensor import function
from scipy import stats

from compassign.models.generative import (
    GenerativeTerms,
    build_generative_model,
    build_reference_model,
    default_terms,
    prior_location,
    slots_of,
)
from compassign.models.mixture import segment_sum
from compassign.models.problem import AssignmentProblem
from compassign.models.terms import presence
from compassign.models.terms.presence import zero_sum_basis

TERMS = default_terms()
FULL = {
    "alpha": (),
    "group_sd": (),
    "group_z": (3,),
    "adduct_effect": (2,),
    "species_sd": (),
    "species_effect": (2,),
    "known_in_effect": (),
    "mass_offset_mean_ppm": (),
    "mass_offset_sd_ppm": (),
    "mass_offset_ppm": (2,),
    "mass_log_scale_mean": (),
    "mass_log_scale_sd": (),
    "mass_log_scale": (2,),
    "rt_noise_min": (),
    "rt_drift_sd_min": (),
    "rt_drift_min": (2,),
}


def shapes(problem: AssignmentProblem) -> dict[str, tuple[int, ...]]:
    model = build_generative_model(problem, TERMS)
    return {variable.name: tuple(variable.shape.eval(mode="FAST_COMPILE")) for variable in model.free_RVs}


def test_free_variables_and_their_shapes() -> None:
    assert shapes(tiny_problem()) == FULL


def test_dims_and_coordinates() -> None:
    model = build_generative_model(tiny_problem(), TERMS)
    assert model.coords["adduct_contrast"] == ADDUCTS[1:]
    assert model.coords["species"] == ("liver", "plasma")
    assert model.coords["injection"] == ("run1 positive", "run2 positive")
    assert list(model.coords["isobar_group"]) == [0, 1, 2]
    dims = {
        name: model.named_vars_to_dims[name]
        for name in ("group_z", "adduct_effect", "species_effect", "mass_log_scale")
    }
    assert dims == {
        "group_z": ("isobar_group",),
        "adduct_effect": ("adduct_contrast",),
        "species_effect": ("species",),
        "mass_log_scale": ("injection",),
    }


@pytest.mark.parametrize(("build", "ndim"), [(build_generative_model, 0), (build_reference_model, 1)])
def test_nothing_is_discrete_and_one_potential_is_all_the_likelihood(
    build: Callable[[AssignmentProblem, GenerativeTerms], pm.Model], ndim: int
) -> None:
    model = build(tiny_problem(), TERMS)
    assert [potential.name for potential in model.potentials] == ["log_likelihood"]
    assert model.potentials[0].type.ndim == ndim
    assert model.observed_RVs == []
    assert model.discrete_value_vars == []


def test_no_parameter_without_a_use() -> None:
    assert shapes(bare(tiny_problem())) == {
        "alpha": (),
        "group_sd": (),
        "group_z": (1,),
        "mass_offset_ppm": (1,),
        "mass_log_scale": (1,),
        "rt_noise_min": (),
        "rt_drift_min": (1,),
    }


def test_prior_location_has_every_free_variable() -> None:
    location = prior_location(tiny_problem(), TERMS)
    assert {name: value.shape for name, value in location.items()} == {
        name: (1, *shape) for name, shape in FULL.items()
    }


def test_verdict_judges_all_but_the_single_groups() -> None:
    names = [name for term in TERMS.all for name in term.hyperparameters(tiny_problem())]
    assert sorted(names) == sorted(FULL.keys() - {"group_z"})


def test_each_term_explains_itself_in_one_line() -> None:
    assert [term.name for term in TERMS.all] == ["presence", "family", "mass", "retention"]
    for term in TERMS.all:
        assert "\n" not in term.explanation
        assert term.explanation.endswith(".")


@pytest.mark.parametrize(("share", "weight"), [(0.0, 0.0), (0.05, 1 / 19), (0.1, 1 / 9), (0.5, 1.0)])
def test_twin_weight(share: float, weight: float) -> None:
    problem = tiny_problem(unlisted_share=share)
    assert problem.unlisted_number is not None
    assert problem.twin_weight == pytest.approx(weight * problem.unlisted_number)
    assert replace(problem, unlisted_number=None).twin_weight == pytest.approx(np.full(problem.n_slots, weight))


def test_slots_of_a_run_of_peaks() -> None:
    problem = tiny_problem()
    assert slots_of(problem, slice(1, 4)) == slice(3, 8)
    assert slots_of(problem, slice(3, 4)) == slice(8, 8)


@pytest.mark.parametrize("sizes", [[2, 0, 3], [0, 0], [0, 4], [1, 0], []])
def test_segment_sum_equals_a_loop(sizes: list[int], rng: np.random.Generator) -> None:
    starts = np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)]).astype(np.int64)
    values = rng.normal(size=(3, starts[-1]))
    found = segment_sum(values, starts)
    expected = [[values[d, starts[i] : starts[i + 1]].sum() for i in range(len(sizes))] for d in range(3)]
    assert found.shape == (3, len(sizes))
    assert found == pytest.approx(np.array(expected).reshape(3, len(sizes)))


def test_the_reference_adduct_is_the_main_ion_with_most_slots() -> None:
    problem = tiny_problem()
    named = {
        ("[M+H]+", "[M+Na]+", "[M+K]+"): ("[M+Na]+", "[M+K]+"),
        ("[M+K]+", "[M-H]-", "[M]+"): ("[M+K]+", "[M]+"),  # two main ions: three slots against one
        ("[M+Na]+", "[M+K]+", "[M+NH4]+"): ("[M+K]+", "[M+NH4]+"),  # no main ion
    }
    for adducts, others in named.items():
        model = build_generative_model(replace(problem, adduct_names=adducts), TERMS)
        assert model.coords["adduct_contrast"] == others


@pytest.mark.parametrize("reference", [0, 2])
def test_contrasts_of_adducts_are_orthonormal_and_sum_to_zero_when_weighted(reference: int) -> None:
    weight = np.array([0.9, 0.2, 0.6, 0.001])
    basis = zero_sum_basis(weight, reference)
    assert basis.T @ basis == pytest.approx(np.eye(3))
    assert weight @ basis == pytest.approx(np.zeros(3))
    assert (np.diag(np.delete(basis, reference, axis=0)) > 0.5).all()  # the other rows, in their order


def test_one_adduct_with_all_the_weight_is_the_reference_itself() -> None:
    assert zero_sum_basis(np.array([1.0, 0.0, 0.0]), 0) == pytest.approx(np.eye(3)[:, 1:])


def test_effects_of_groups_have_their_prior_whatever_the_centring(monkeypatch: pytest.MonkeyPatch) -> None:
    """The density of the sampled variable is that of the effect, times what the change of variable stretches."""
    monkeypatch.setattr(presence, "HALF_CENTRED", 2.0)
    problem, alpha, sd = tiny_problem(), -0.4, 0.7
    model = build_generative_model(problem, TERMS)
    given = {model["alpha"]: np.array(alpha), model["group_sd"]: np.array(sd)}
    ions = set(
        zip(problem.groups_in_play[1].tolist(), problem.peak_of_slot.tolist(), problem.adduct.tolist(), strict=True)
    )
    assert len(ions) < problem.n_slots  # isomers are one ion
    group, _, adduct = np.array(sorted(ions)).T
    count = np.bincount(group, weights=np.where(adduct == 0, 1.0, np.exp(-1.5)))
    z, centred = np.linspace(-1.0, 1.3, count.size), count / (count + 2.0)
    density = function(list(given), pm.logp(model["group_z"], z), mode="FAST_COMPILE")
    effect = sd ** (1.0 - centred) * (z - centred * alpha)
    expected = stats.norm.logpdf(effect, 0.0, sd) + (1.0 - centred) * np.log(sd)
    assert density(*given.values()) == pytest.approx(expected)
