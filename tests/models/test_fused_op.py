"""The fused Op by itself: what may be differentiated, and one kernel behind Python and compiled graphs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytensor
import pytest
from assignment_problems import tiny_problem
from fused_cases import TERMS, compile_density, in_a_row, native_of_everything, random_points, said_problem

from compassign.models.fused import op
from compassign.models.fused.op import FusedMixture
from compassign.models.fused.records import MixtureData, MixtureParameters
from compassign.models.generative import build_generative_model, default_terms

N_DATA = len(MixtureData._fields)


def fused_node(graph: Any) -> Any:
    """The one application of the Op in a graph."""
    (node,) = (
        variable.owner
        for variable in pytensor.graph.traversal.ancestors([graph])
        if variable.owner is not None and isinstance(variable.owner.op, FusedMixture)
    )
    return node


def test_a_second_derivative_is_refused_with_a_reason() -> None:
    model = build_generative_model(tiny_problem(), default_terms())
    alpha = next(variable for variable in model.value_vars if variable.name == "alpha")
    first: Any = pytensor.grad(model.logp(), alpha)
    with pytest.raises(TypeError, match="FusedMixture: second derivatives are not available"):
        pytensor.grad(first, alpha)


def test_data_are_constants_and_parameters_are_not() -> None:
    node = fused_node(build_generative_model(tiny_problem(), default_terms()).potentials[0])
    pattern = node.op.connection_pattern(node)
    assert [any(row) for row in pattern] == [False] * N_DATA + [True] * len(MixtureParameters._fields)


def test_outputs_have_the_shapes_of_the_parameters() -> None:
    """As the graph infers them without running the kernel."""
    node = fused_node(build_generative_model(tiny_problem(), default_terms()).potentials[0])
    parameters = node.inputs[N_DATA:]
    inferred = node.op.infer_shape(node, [(f"shape of {name}",) for name in (*MixtureData._fields, *parameters)])
    assert inferred == [(), *((f"shape of {parameter}",) for parameter in parameters)]
    assert [output.type.ndim for output in node.outputs] == [0, *(parameter.type.ndim for parameter in parameters)]


# Compiling the machine code takes nearly all of the time; other tests share it.
@pytest.mark.slow
@pytest.mark.xdist_group("recovery")
def test_python_and_machine_code_agree() -> None:
    problem, rng = said_problem(np.random.default_rng(0)), np.random.default_rng(1)
    model = build_generative_model(problem, TERMS["all"])
    python, native = compile_density(model), native_of_everything()
    for point in random_points(model, rng, 5):
        value, gradient = python.at(point)
        found, found_gradient = native.log_density(in_a_row(model, point))
        assert found == pytest.approx(value, rel=1e-12)
        assert found_gradient == pytest.approx(in_a_row(model, gradient), rel=1e-9, abs=1e-9)


def test_files_that_change_under_a_process_do_not_change_the_key_of_its_code(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the code that it imported would be in the cache as that of the files, for every process after it."""
    key = op._funcify(FusedMixture(), None)[1]
    monkeypatch.setattr(Path, "read_bytes", lambda _: b"a later version")
    assert op._funcify(FusedMixture(), None)[1] == key
