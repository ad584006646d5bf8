"""A PyMC model as machine code that nutpie calls without Python: compiled once, kept on disk, data swapped at will.

nutpie can compile a model itself, but does it anew in every process, for every data variable and length. Here the
graph is compiled for any lengths, and both it and the C function around it come from PyTensor's cache of compiled code
when a process has been through this before. `fastmath` is off: with it, the same seed gives other draws when the code
comes from the cache than when it was just compiled.
"""

from __future__ import annotations

import ctypes
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pymc as pm
import pytensor
from filelock import FileLock
from nutpie.compile_pymc import CompiledPyMCModel
from pytensor.graph import rewrite_graph
from scipy.special import expit, logit

from compassign.errors import SamplingError
from compassign.inference.c_functions import c_copy, c_logp
from compassign.units import FloatArray

POSITION = "position"  # name of the one variable that nutpie sees: all free variables, unconstrained, in a row
INITIAL_JITTER = 1.0  # scales: half-width of the uniform jitter around the initial point, the custom of Stan and PyMC
# As PyMC does, but without checks that scales are positive: they are exponentials here.
_BEFORE_GRADIENT = ("canonicalize", "stabilize", "local_remove_check_parameter")


@dataclass(frozen=True)
class Free:
    """A free variable in the unconstrained vector: name, shape there, how it becomes the variable, and the way back."""

    name: str
    shape: tuple[int, ...]
    constrain: Callable[[FloatArray], FloatArray]
    unconstrain: Callable[[FloatArray], FloatArray]

    @property
    def size(self) -> int:
        """Number of elements in the unconstrained vector."""
        return int(np.prod(self.shape, dtype=np.int64))


@dataclass(frozen=True)
class Start:
    """The initial point of a model, and of those that differ in their data and the lengths of their dimensions only.

    point : PyMC's function of a seed. shared : what it may read, by name.
    """

    point: Callable[[int], Mapping[str, Any]]
    shared: Mapping[str, Any]

    @classmethod
    def of(cls, model: pm.Model) -> Start:
        """Compile the initial point of a model."""
        return cls(model._make_initial_point(), _shared_of(model))

    def __call__(self, model: pm.Model) -> Mapping[str, Any]:
        """The initial point of one of these models: name of the unconstrained variable -> its value."""
        own = {name: variable.get_value() for name, variable in self.shared.items()}
        try:
            for name, variable in _shared_of(model).items():
                self.shared[name].set_value(variable.get_value())
            return self.point(0)
        finally:
            for name, variable in self.shared.items():
                variable.set_value(own[name])


@dataclass(frozen=True)
class NativeModel:
    """A compiled model and its data.

    free : in the order of the unconstrained vector. labels : what `labels_of` says of the model. data : name -> array,
    in the order of the compiled function. initial : (n_dim,) where chains start, give or take the jitter. scale :
    (n_dim,) units in which nutpie sees the unconstrained vector. logp and expand : C functions for nutpie. start : the
    compiled initial point.
    """

    free: tuple[Free, ...]
    labels: Mapping[str, tuple[str, ...]]
    data: Mapping[str, Any]
    initial: FloatArray
    scale: FloatArray
    start: Start
    logp: Any
    expand: Any

    @property
    def n_dim(self) -> int:
        """Length of the unconstrained vector."""
        return int(self.initial.size)

    def with_model(self, model: pm.Model) -> NativeModel:
        """The same compiled code for a model that differs in its data and in the lengths of its dimensions only.

        Chains start as in a newly compiled one. Raises SamplingError where it has other variables.
        """
        if [variable.name for variable in model.free_RVs] != [variable.name for variable in self.free]:
            raise SamplingError("the model has other free variables than the one that was compiled")
        known, data = _data_of(model), {}
        for name, old in self.data.items():
            if name not in known or known[name].ndim != old.ndim:
                raise SamplingError(f"{name}: the model has no such data variable of {old.ndim} dimensions")
            data[name] = np.array(known[name], dtype=old.dtype, order="C")
        free, initial = _free_variables(model, self.start)
        labels, scale = labels_of(model), np.ones(initial.size)
        return replace(self, free=free, labels=labels, data=data, initial=initial, scale=scale)

    def near(self, values: Mapping[str, FloatArray]) -> NativeModel:
        """The same model, whose chains start at the mean of draws of a similar one and take their SDs for units.

        values : free variable -> (n_chains, n_draws, ...). A variable that is not there, or has another shape, starts
        as before. Chains that know their scales need a fraction of the tuning.
        """
        initial, scale, start = self.initial.copy(), self.scale.copy(), 0
        for variable in self.free:
            own = slice(start, start + variable.size)
            start = own.stop
            if variable.name in values:
                drawn = variable.unconstrain(values[variable.name])
                if drawn.shape[2:] == variable.shape:
                    initial[own], sd = drawn.mean(axis=(0, 1)).ravel(), drawn.std(axis=(0, 1)).ravel()
                    scale[own] = np.where(sd > 0.0, sd, 1.0)
        return replace(self, initial=initial, scale=scale)

    def log_density(self, position: FloatArray) -> tuple[float, FloatArray]:
        """Log density and gradient at an unconstrained point, (n_dim,); for tests and timings."""
        value, gradient, table = np.zeros(()), np.zeros(self.n_dim), self._table()
        place = np.ascontiguousarray(position / self.scale, dtype=np.float64)
        call = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_uint64, *[ctypes.c_void_p] * 4)(self.logp.address)
        call(self.n_dim, *(array.ctypes.data for array in (place, gradient, value, table)))
        return float(value), gradient / self.scale

    def constrain(self, positions: FloatArray) -> dict[str, FloatArray]:
        """Free variables of what nutpie drew, (n_chains, n_draws, n_dim) -> name -> (n_chains, n_draws, ...)."""
        result, start = {}, 0
        unconstrained = positions * self.scale
        for variable in self.free:
            part = unconstrained[..., start : start + variable.size].reshape(*positions.shape[:-1], *variable.shape)
            result[variable.name] = variable.constrain(part)
            start += variable.size
        return result

    def for_nutpie(self) -> CompiledPyMCModel:
        """The model in the form that nutpie samples."""
        table, half = self._table(), INITIAL_JITTER

        def initial_point(seed: int | None) -> FloatArray:
            return self.initial / self.scale + np.random.default_rng(seed).uniform(-half, half, self.n_dim)

        return CompiledPyMCModel(
            dims={},
            compiled_logp_func=self.logp,
            compiled_expand_func=self.expand,
            initial_point_func=initial_point,
            shared_data=dict(self.data),
            shared_var_keys={},
            user_data=table,
            n_expanded=self.n_dim,
            shape_info=([POSITION], [slice(0, self.n_dim)], [(self.n_dim,)]),
            logp_func=None,
            expand_func=None,
            _n_dim=self.n_dim,
            _shapes={POSITION: (self.n_dim,)},
            _coords={},
            reparameterized_names=[],
        )

    def _table(self) -> Any:
        """Sizes of the free variables, address of the scale, then address and shape of each data array."""
        entries = [*(variable.size for variable in self.free), self.scale.ctypes.data]
        for array in self.data.values():
            entries += [array.ctypes.data, *array.shape]
        return np.array(entries, dtype=np.uint64)


def compile_model(model: pm.Model) -> NativeModel:
    """Compile value and gradient of a model's log density.

    The compiled code depends on the graph alone: other data, and dimensions of other lengths, find it in the cache.
    """
    values = [model.rvs_to_values[variable] for variable in model.free_RVs]
    start = Start.of(model)
    free, initial = _free_variables(model, start)
    # No Python error can come out of compiled code: where in the source each node was made is of no use.
    with pytensor.config.change_flags(numba__fastmath=False, traceback__limit=0):
        logp: Any = rewrite_graph(model.logp(), include=_BEFORE_GRADIENT)
        gradients: Any = pytensor.grad(logp, values)
        function = pytensor.function(values, [logp, *gradients], mode="NUMBA")
        data = {variable.name: np.array(variable.get_value(), order="C") for variable in function.get_shared()}
        with _one_at_a_time(free):
            logp_function = c_logp(function.vm.jit_fn, [value.ndim for value in values], list(data.values()))
        scale = np.ones(initial.size)
        return NativeModel(free, labels_of(model), data, initial, scale, start, logp_function, c_copy())


def labels_of(model: pm.Model) -> dict[str, tuple[str, ...]]:
    """What the elements of each free variable with one dimension are called: name -> a label for each."""
    dims = {variable.name: model.named_vars_to_dims.get(variable.name, ()) for variable in model.free_RVs}
    return {name: tuple(map(str, model.coords[along[0]])) for name, along in dims.items() if len(along) == 1}


@dataclass
class WarmCompiler:
    """Compiles one model after the other, and anew only where a model has other variables than the last one."""

    _native: NativeModel | None = field(default=None, init=False)
    _variables: tuple[object, ...] = field(default=(), init=False)

    def __call__(self, model: pm.Model) -> NativeModel:
        """The compiled model."""
        data = sorted((name, array.ndim) for name, array in _data_of(model).items())
        variables = (*(str(variable.name) for variable in model.free_RVs), *data)
        is_known = self._native is not None and variables == self._variables
        self._native = self._native.with_model(model) if self._native and is_known else compile_model(model)
        self._variables = variables
        return self._native


def _one_at_a_time(free: Sequence[Free]) -> FileLock:
    """A lock that processes which compile the same model share: the second one finds the first one's code."""
    name = hashlib.sha256(" ".join(variable.name for variable in free).encode()).hexdigest()[:16]
    return FileLock(Path(pytensor.config.base_compiledir) / f"compassign-{name}.lock")


def _free_variables(model: pm.Model, start: Start) -> tuple[tuple[Free, ...], FloatArray]:
    """The free variables, and their initial point as one unconstrained vector."""
    point = start(model)
    free, initial = [], []
    for variable in model.free_RVs:
        transform, value = model.rvs_to_transforms[variable], point[model.rvs_to_values[variable].name]
        name = "none" if transform is None else transform.name
        if name not in _CONSTRAIN:
            raise SamplingError(f"{variable.name}: no NumPy form of the transform {name}; add it to `_CONSTRAIN`")
        free.append(Free(variable.name, np.shape(value), *_CONSTRAIN[name]))
        initial.append(np.ravel(value))
    return tuple(free), np.concatenate(initial).astype(np.float64)


def _shared_of(model: pm.Model) -> dict[str, Any]:
    """Everything that a compiled graph may read, by name: data variables and lengths of dimensions."""
    variables = [*model.data_vars, *model.dim_lengths.values()]
    return {variable.name: variable for variable in variables if hasattr(variable, "get_value")}


def _data_of(model: pm.Model) -> dict[str, Any]:
    """Values of everything that a compiled graph may read."""
    return {name: variable.get_value() for name, variable in _shared_of(model).items()}


def _extend_to_zero_sum(values: FloatArray) -> FloatArray:
    """One element more on the last axis, so that it sums to zero; the inverse of PyMC's `ZeroSumTransform`."""
    n = values.shape[-1] + 1
    total = values.sum(axis=-1, keepdims=True)
    shift = total / (np.sqrt(n) + n)
    return np.asarray(np.concatenate([values, shift - total / np.sqrt(n)], axis=-1) - shift)


def _drop_from_zero_sum(values: FloatArray) -> FloatArray:
    """The inverse of `_extend_to_zero_sum`."""
    n = values.shape[-1]
    return np.asarray(values[..., :-1] - values[..., -1:] * np.sqrt(n) / (np.sqrt(n) + n))


_CONSTRAIN: Mapping[str, tuple[Callable[[FloatArray], FloatArray], Callable[[FloatArray], FloatArray]]] = {
    "none": (np.asarray, np.asarray),
    "log": (np.exp, np.log),
    "logodds": (expit, logit),
    "zerosum": (_extend_to_zero_sum, _drop_from_zero_sum),
}
