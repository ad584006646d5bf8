"""Compiled models: other data and dimensions without compiling, the same density, and PyMC's own transforms."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numba
import numpy as np
import pymc as pm
import pytensor
import pytest
from assignment_problems import tiny_problem, with_labels
from fused_cases import (
    TERMS,
    compile_density,
    in_a_row,
    narrowed,
    native_of_everything,
    random_points,
    said_problem,
)
from numba.core import event
from pymc.distributions import transforms
from pytensor.compile.mode import get_mode
from pytensor.link.numba.linker import NumbaLinker

from compassign.errors import SamplingError
from compassign.inference import c_functions, native
from compassign.inference.native import NativeModel, Start, labels_of
from compassign.models.generative import build_generative_model, build_reference_model
from compassign.models.problem import AssignmentProblem

# Compiling the machine code takes nearly all of the time; other tests share it.
shares_machine_code = [pytest.mark.slow, pytest.mark.xdist_group("recovery")]


def renamed(problem: AssignmentProblem, **n_names: int) -> AssignmentProblem:
    """The problem with other numbers of species, injections and adducts, shared out among its slots in turn."""
    slot = np.arange(problem.n_slots)
    peak = problem.peak_of_slot
    changes: dict[str, Any] = {}
    for what, n in n_names.items():
        names = (*(f"{what} {i}" for i in range(n)),)
        changes |= {what: (slot if what == "adduct" else peak) % n, f"{what}_names": names}
    return replace(problem, **changes)


OTHERS: Mapping[str, Callable[[AssignmentProblem], AssignmentProblem]] = {
    "labels": lambda problem: with_labels(problem, {0: [], 5: [1]}),
    "unlisted share": lambda problem: replace(problem, unlisted_share=0.3),
    "mass window and noise": lambda problem: replace(problem, mass_window_ppm=20.0, rt_noise_min=0.2),
    "other statements, fewer annotators": lambda _: said_problem(np.random.default_rng(7), n_annotators=2),
    "more species": lambda problem: renamed(problem, species=4),
    "more injections": lambda problem: renamed(problem, injection=3),
    "fewer adducts": lambda problem: renamed(problem, adduct=2),
    "more of everything": lambda problem: renamed(problem, species=3, injection=5, adduct=4),
    "more groups": lambda problem: replace(problem, isobar_group=np.arange(problem.n_slots) % 9),
}


@contextmanager
def compiles_nothing(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Whatever compiles machine code in the block fails, with or without a cache. Python may run other graphs."""
    make_function = pytensor.function

    def interpret(*arguments: Any, **options: Any) -> Any:
        assert not isinstance(get_mode(options.get("mode")).linker, NumbaLinker)
        return make_function(*arguments, **options)

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("this must not compile anything")

    native_of_everything()
    with monkeypatch.context() as patch, event.install_recorder("numba:compile") as compilations:
        patch.setattr(pytensor, "function", interpret)
        patch.setattr(numba, "cfunc", refuse)
        patch.setattr(c_functions, "compile_numba_function_src", refuse)
        yield
    assert [record.data for _, record in compilations.buffer] == []


class TestOtherData:
    pytestmark = shares_machine_code

    @pytest.mark.parametrize("other", OTHERS)
    def test_same_density_as_the_plain_graph_of_the_other_data(
        self, other: str, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        problem = OTHERS[other](said_problem(rng))
        reference = compile_density(build_reference_model(problem, TERMS["all"]))
        points = random_points(reference.model, rng, 3)
        with compiles_nothing(monkeypatch):
            swapped = native_of_everything().with_model(build_generative_model(problem, TERMS["all"]))
            found = [swapped.log_density(in_a_row(reference.model, point)) for point in points]
        for point, (value, gradient) in zip(points, found, strict=True):
            expected, expected_gradient = reference.at(point)
            assert value == pytest.approx(expected, rel=1e-9)
            assert gradient == pytest.approx(in_a_row(reference.model, expected_gradient), rel=1e-8, abs=1e-8)

    def test_same_density_as_compiled_afresh(self, rng: np.random.Generator) -> None:
        problem = replace(renamed(said_problem(rng), species=3, injection=4), unlisted_share=0.25, rt_noise_min=0.1)
        model = build_generative_model(problem, TERMS["all"])
        swapped, fresh = native_of_everything().with_model(model), native.compile_model(model)
        assert (swapped.initial == fresh.initial).all()
        for point in random_points(model, rng, 3):
            position = in_a_row(model, point)
            value, gradient = swapped.log_density(position)
            expected, expected_gradient = fresh.log_density(position)
            assert value == expected
            assert (gradient == expected_gradient).all()

    def test_same_density_in_other_units(self, rng: np.random.Generator) -> None:
        cold = native_of_everything()
        warm = cold.near(cold.constrain(rng.normal(0.0, 0.3, (2, 20, cold.n_dim))))
        position = rng.normal(0.0, 0.3, cold.n_dim)
        value, gradient = warm.log_density(position)
        expected, expected_gradient = cold.log_density(position)
        assert value == pytest.approx(expected, rel=1e-12)
        assert gradient == pytest.approx(expected_gradient, rel=1e-9, abs=1e-9)

    def test_the_first_model_keeps_its_data(self) -> None:
        first = native_of_everything()
        place = first.initial + 0.1
        before = first.log_density(place)[0]
        problem = replace(said_problem(np.random.default_rng(0)), unlisted_share=0.4)
        other = first.with_model(build_generative_model(problem, TERMS["all"]))
        assert other.log_density(place)[0] != before
        assert first.log_density(place)[0] == before

    @pytest.mark.parametrize("single", ["species", "injection", "adduct", "known"])
    def test_other_parameters_are_an_error(self, single: str, rng: np.random.Generator) -> None:
        model = build_generative_model(narrowed(said_problem(rng), single), TERMS["all"])
        with pytest.raises(SamplingError, match="other free variables"):
            native_of_everything().with_model(model)

    @pytest.mark.parametrize("terms", ["retention", "custom"])
    def test_other_terms_are_an_error(self, terms: str, rng: np.random.Generator) -> None:
        model = build_generative_model(said_problem(rng), TERMS[terms])
        with pytest.raises(SamplingError, match="other free variables|no such data variable"):
            native_of_everything().with_model(model)

    def test_data_of_another_form_are_an_error(self) -> None:
        flat = native_of_everything()
        first = next(name for name, array in flat.data.items() if array.ndim == 1)
        wrong = replace(flat, data={**flat.data, first: flat.data[first][None]})
        model = build_generative_model(said_problem(np.random.default_rng(0)), TERMS["all"])
        with pytest.raises(SamplingError, match=rf"{first}: the model has no such data variable of 2 dimensions"):
            wrong.with_model(model)


def test_a_warm_compiler_compiles_where_variables_are_others(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[pm.Model] = []
    whole = native.compile_model

    def spy(model: pm.Model) -> NativeModel:
        compiled.append(model)
        return whole(model)

    monkeypatch.setattr(native, "compile_model", spy)
    warm = native.WarmCompiler()
    first, second = warm(normal_means([0.0, 1.0])), warm(normal_means([5.0, 6.0, 7.0]))
    assert len(compiled) == 1
    at_six = [6.0, 0.5]
    assert second.log_density(np.array(at_six))[0] > first.log_density(np.array(at_six))[0]
    warm(normal_means([0.0], has_scale=False))
    assert len(compiled) == 2


def normal_means(observed: list[float], *, has_scale: bool = True) -> pm.Model:
    """A model of an unknown mean, with or without an unknown scale."""
    with pm.Model() as model:
        centre = pm.Normal("centre", 0.0, 10.0)
        scale = pm.LogNormal("scale") if has_scale else 1.0
        pm.Normal("seen", centre, scale, observed=pm.Data("x", np.array(observed)))
    return model


def constants(model: pm.Model) -> list[str]:
    """Every constant of the graph of a model's log density, in no particular order."""
    found = pytensor.graph.traversal.ancestors([model.logp()])
    return sorted(repr(variable.data) for variable in found if isinstance(variable, pytensor.graph.basic.Constant))


@pytest.mark.parametrize("terms", TERMS)
def test_the_graph_holds_nothing_of_the_data(terms: str, rng: np.random.Generator) -> None:
    """Nor a length, so that the code which is compiled from it serves any other data."""
    problem = said_problem(rng, n_annotators=2)
    other = renamed(said_problem(rng), species=3, injection=5, adduct=4)
    other = replace(other, unlisted_share=0.3, mass_window_ppm=8.0, rt_noise_min=0.2)
    models = [build_generative_model(each, TERMS[terms]) for each in (problem, other)]
    assert constants(models[0]) == constants(models[1])


def uncompiled(model: pm.Model) -> NativeModel:
    """A native model without its functions."""
    start = Start.of(model)
    free, initial = native._free_variables(model, start)
    return NativeModel(free, {}, {}, initial, np.ones(initial.size), start, None, None)


def model_of_transforms() -> pm.Model:
    with pm.Model(coords={"animal": ["cat", "dog", "eel", "fox"]}) as model:
        pm.Normal("plain", shape=(2, 3))
        pm.LogNormal("positive", shape=2)
        pm.HalfNormal("scalar")
        pm.Beta("share", 1.0, 2.0, shape=3)
        pm.ZeroSumNormal("balanced", dims="animal")
        pm.ZeroSumNormal("rows", shape=(3, 5))
        pm.Normal("last")
    return model


@pytest.mark.parametrize("build", [model_of_transforms, lambda: build_generative_model(tiny_problem(), TERMS["all"])])
def test_constrained_as_pymc_does_and_back(build: Callable[[], pm.Model], rng: np.random.Generator) -> None:
    model = build()
    points = [random_points(model, rng, 3) for _ in range(2)]
    positions = np.array([[in_a_row(model, point) for point in chain] for chain in points])
    compiled = uncompiled(model)
    found = compiled.constrain(positions)
    back = [variable.unconstrain(found[variable.name]).reshape(2, 3, -1) for variable in compiled.free]
    assert np.concatenate(back, axis=-1) == pytest.approx(positions, rel=1e-9, abs=1e-9)
    graphs = model.replace_rvs_by_values(model.free_RVs)
    function = pytensor.function(model.value_vars, graphs, mode="FAST_COMPILE")
    names = [variable.name for variable in model.free_RVs]
    assert list(found) == names
    for chain, draws in enumerate(points):
        for draw, point in enumerate(draws):
            for name, expected in zip(names, function(**point), strict=True):
                assert found[name][chain, draw].shape == expected.shape
                assert found[name][chain, draw] == pytest.approx(expected, rel=1e-12, abs=1e-12), name


def test_elements_are_called_what_their_dimension_says() -> None:
    assert labels_of(model_of_transforms()) == {"balanced": ("cat", "dog", "eel", "fox")}
    labels = labels_of(build_generative_model(tiny_problem(), TERMS["all"]))
    assert labels["adduct_effect"] == ("[M+Na]+", "[M+K]+")
    assert labels["mass_offset_ppm"] == ("run1 positive", "run2 positive")
    assert "alpha" not in labels
    said = build_generative_model(said_problem(np.random.default_rng(7), n_annotators=2), TERMS["all"])
    assert labels_of(said)["annotator_logit"] == ("0", "1")  # no name, as these leave the laboratory


def test_vector_starts_at_pymcs_initial_point() -> None:
    model = model_of_transforms()
    compiled = uncompiled(model)
    assert compiled.n_dim == 6 + 2 + 1 + 3 + 3 + 12 + 1
    assert compiled.initial == pytest.approx(in_a_row(model, model.initial_point(0)))


def test_starts_near_the_draws_of_a_similar_model(rng: np.random.Generator) -> None:
    model = model_of_transforms()
    cold = uncompiled(model)
    positions = rng.normal(2.0, 0.3, (2, 50, cold.n_dim))
    values = cold.constrain(positions)
    warm = cold.near(values)
    assert warm.initial == pytest.approx(positions.mean(axis=(0, 1)))
    assert warm.scale == pytest.approx(positions.std(axis=(0, 1)))
    assert (cold.scale == 1.0).all()
    units = np.array([warm.for_nutpie().initial_point_func(seed) for seed in range(50)])
    assert np.abs(units - warm.initial / warm.scale).max() <= 1.0
    assert warm.constrain(positions / warm.scale)["share"] == pytest.approx(values["share"])


def test_what_the_draws_do_not_have_starts_as_before(rng: np.random.Generator) -> None:
    model = model_of_transforms()
    cold = uncompiled(model)
    values = cold.constrain(rng.normal(2.0, 0.3, (2, 50, cold.n_dim)))
    del values["plain"]  # the first six
    values["positive"] = np.ones((2, 50, 5))  # the next two are of another shape
    values["scalar"] = np.ones((2, 50))  # and this one never moved
    warm = cold.near(values)
    assert (warm.initial[:8] == cold.initial[:8]).all()
    assert (warm.scale[:9] == 1.0).all()
    assert (warm.scale[9:] != 1.0).all()


def test_a_transform_without_numpy_form_is_named() -> None:
    with pm.Model() as model:
        pm.Normal("x", transform=transforms.Interval(0.0, 1.0))
    with pytest.raises(SamplingError, match=r"x: no NumPy form of the transform interval; add it to `_CONSTRAIN`"):
        native.compile_model(model)
