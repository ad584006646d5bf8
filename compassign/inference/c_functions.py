"""The C functions that nutpie calls, from PyTensor's cache of compiled code where they are in it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba.core import types
from pytensor.link.numba.cache import CACHED_SRC_FUNCTIONS, compile_numba_function_src

_POINTER = types.CPointer(types.float64)
_LOGP_SIGNATURE = types.int64(types.uint64, _POINTER, _POINTER, _POINTER, types.CPointer(types.uint64))
_EXPAND_SIGNATURE = types.int64(types.uint64, types.uint64, _POINTER, _POINTER, types.CPointer(types.uint64))


@numba.extending.intrinsic
def _to_pointer(typing_context, address):  # type: ignore[no-untyped-def]
    """A number as the address of an array."""

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        return builder.inttoptr(arguments[0], ir.IntType(8).as_pointer())

    return types.voidptr(address), generate


def c_logp(function: Any, value_ndims: Sequence[int], data: Sequence[Any]) -> Any:
    """C function of value and gradient: takes the vector apart and hands all arrays to the compiled graph.

    function : a graph that numba has compiled, of the free variables and then of the data. value_ndims : dimensions of
    each free variable. data : arrays of the types that it takes. The function reads a table of integers: the size of
    each free variable, the address of the scale, and address and shape of each data array.
    """
    lines, arguments, gradients, entry = ["start = 0"], [], [], 0
    for index, ndim in enumerate(value_ndims):
        stop = f"start + int(table[{entry}])"
        part = f"position[start:{stop}]" if ndim else "np.asarray(position[start])"
        lines += [f"value_{index} = {part}", f"start = {stop}"]
        arguments.append(f"value_{index}")
        gradients.append(f"gradient_{index}")
        entry += 1
    scale = f"carray(to_pointer(table[{entry}]), (int(n_dim),), np.float64)"
    entry += 1
    for index, array in enumerate(data):
        shape = "".join(f"int(table[{entry + 1 + axis}]), " for axis in range(array.ndim))
        whole = f"carray(to_pointer(table[{entry}]), ({shape or '1,'}), np.{array.dtype.type.__name__})"
        lines.append(f"data_{index} = {whole if array.ndim else f'np.asarray({whole}[0])'}")
        arguments.append(f"data_{index}")
        entry += 1 + array.ndim
    lines += [f"result, {', '.join(gradients)} = function({', '.join(arguments)})", "start = 0"]
    for index, ndim in enumerate(value_ndims):
        stop = f"start + int(table[{index}])"
        lines += (
            [f"for i in range({gradients[index]}.size):", f"    out[start + i] = {gradients[index]}[i]"]
            if ndim  # not as a slice, whose check of shapes takes seconds to compile
            else [f"out[start] = {gradients[index]}[()]"]
        )
        lines.append(f"start = {stop}")
    source = "\n".join(
        [
            "def compassign_logp(n_dim, position_, out_, value_, table_):",
            f"    table = carray(table_, ({entry},))",
            "    unit, out = carray(position_, (int(n_dim),)), carray(out_, (int(n_dim),))",
            f"    scale, value = {scale}, carray(value_, (1,))",
            "    position = scale * unit",
            "    value[0] = np.nan",  # an exception in here would end as success
            *(f"    {line}" for line in lines),
            "    for i in range(out.size):",
            "        out[i] *= scale[i]",
            "    value[0] = result[()]",
            "    if not (np.isfinite(value[0]) and np.isfinite(out.sum())):",
            "        return 1",  # to nutpie: this place is out of reach, try another one
            "    return 0",
        ]
    )
    names = {"carray": numba.carray, "to_pointer": _to_pointer, "function": function, "np": np}
    key = CACHED_SRC_FUNCTIONS.get(function.py_func)
    return _c_function(source, names, _LOGP_SIGNATURE, key)


def c_copy() -> Any:
    """C function by which nutpie asks for the variables of a draw: the vector itself, to be constrained afterwards."""
    source = "\n".join(
        [
            "def compassign_copy(n_dim, n_expanded, position_, out_, table_):",
            "    position, out = carray(position_, (int(n_dim),)), carray(out_, (int(n_dim),))",
            "    out[:] = position",
            "    return 0",
        ]
    )
    return _c_function(source, {"carray": numba.carray}, _EXPAND_SIGNATURE, "copy")


def _c_function(source: str, names: dict[str, Any], signature: Any, key: str | None) -> Any:
    """Compile C function source; with a key it is looked up in, and added to, PyTensor's cache of compiled code."""
    name = source[len("def ") : source.index("(")]
    full_key = None if key is None else hashlib.sha256(f"{key} {source} {signature}".encode()).hexdigest()
    function = compile_numba_function_src(source, name, global_env={"__name__": __name__, **names}, cache_key=full_key)
    return numba.cfunc(signature, cache=full_key is not None, error_model="numpy")(function)
