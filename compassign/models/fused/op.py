"""The fused kernel as a PyTensor Op: the log-likelihood, and its gradient as further outputs of the same pass."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytensor.tensor as pt
from pytensor.gradient import DisconnectedType, disconnected_type
from pytensor.graph.basic import Apply
from pytensor.graph.op import Op
from pytensor.link.numba.dispatch.basic import numba_njit, register_funcify_and_cache_key

from compassign.models.fused.kernel import value_and_gradient
from compassign.models.fused.records import MixtureData, MixtureParameters

# Read when the kernel is imported: a process that outlives a change of the files would put the code that it has under
# the key of the code that it has not, and every later process would sample from that.
_SOURCE = b"".join(path.read_bytes() for path in sorted(Path(__file__).parent.glob("*.py")))
_N_DATA, _N_PARAMETERS = len(MixtureData._fields), len(MixtureParameters._fields)


class FusedMixture(Op):
    """Log-likelihood of all peaks from `MixtureData` and `MixtureParameters`, in this order of inputs.

    Outputs: the scalar log-likelihood, then its gradient by each of the parameters. Only the first may be
    differentiated: its pullback uses the others, so that value and gradient cost one pass.
    """

    __props__ = ()

    def make_node(self, *inputs: Any) -> Any:
        """Accept variables or arrays; their types say what the outputs look like."""
        variables = [pt.as_tensor_variable(value) for value in inputs]
        outputs = [pt.dscalar(), *(variable.type() for variable in variables[_N_DATA:])]
        return Apply(self, variables, outputs)

    def perform(self, node: Any, inputs: Sequence[np.ndarray], output_storage: list[list[Any]]) -> None:
        """Run the compiled kernel from Python."""
        data, parameters = MixtureData(*inputs[:_N_DATA]), MixtureParameters(*inputs[_N_DATA:])
        value, gradient = value_and_gradient(data, parameters)
        for storage, result in zip(output_storage, (np.asarray(value), *gradient), strict=True):
            storage[0] = result

    def infer_shape(self, node: Any, shapes: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
        """A gradient has the shape of its parameter."""
        return [(), *shapes[_N_DATA:]]

    def pullback(self, inputs: Sequence[Any], outputs: Sequence[Any], cotangents: Sequence[Any]) -> list[Any]:
        """Scale the gradient that was computed with the value."""
        if any(not isinstance(cotangent.type, DisconnectedType) for cotangent in cotangents[1:]):
            raise TypeError("FusedMixture: second derivatives are not available, only the value can be differentiated")
        return [*(disconnected_type() for _ in range(_N_DATA)), *(cotangents[0] * gradient for gradient in outputs[1:])]

    def connection_pattern(self, node: Any) -> list[list[bool]]:
        """Data are constants; parameters move all outputs."""
        return [[False] * len(node.outputs)] * _N_DATA + [[True] * len(node.outputs)] * _N_PARAMETERS


def fused_log_likelihood(data: Sequence[Any], parameters: Mapping[str, Any]) -> Any:
    """The scalar log-likelihood of all peaks.

    data : in the order of `MixtureData`. parameters : by the names of `MixtureParameters`.
    """
    outputs: Any = FusedMixture()(*data, *(parameters[name] for name in MixtureParameters._fields))
    return outputs[0]


@register_funcify_and_cache_key(FusedMixture)  # type: ignore[untyped-decorator]
def _funcify(op: FusedMixture, node: Any, **kwargs: Any) -> tuple[Any, str]:
    """The kernel for compiled graphs; a change of its source is another key in the cache."""
    n_data = _N_DATA

    @numba_njit(error_model="numpy", fastmath=False)
    def fused_mixture(*inputs):  # type: ignore[no-untyped-def]
        value, by = value_and_gradient(MixtureData(*inputs[:n_data]), MixtureParameters(*inputs[n_data:]))
        of_weight = (by.species_effect, by.group_effect, by.ion_effect, by.known_effect)
        of_mass, of_rt = (by.mass_offset_ppm, by.mass_log_scale), (by.rt_noise_min, by.rt_drift_min)
        # numba cannot unpack a named tuple into another tuple
        return (np.asarray(value), *of_weight, *of_mass, *of_rt, by.reliability, by.extra)

    return fused_mixture, hashlib.sha256(_SOURCE).hexdigest()
