"""What every fitted model offers: draws of the responsibilities of any run of peaks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from compassign.units import FloatArray, IntArray


@dataclass(frozen=True)
class Block:
    """Draws of one run of peaks: slot (n_draws, n_slots); null and unlisted (n_draws, n_peaks); chains one after the
    other.

    evidence : term name -> (n_slots,) mean log contribution against the background, nats.
    """

    slot: FloatArray
    null: FloatArray
    unlisted: FloatArray
    evidence: Mapping[str, FloatArray]


@dataclass(frozen=True)
class DrawSource:
    """Where responsibilities come from.

    offsets : (n_peaks + 1,) ragged slots. n_chains, n_draws : shape of the posterior, 1 x 1 for a model without draws.
    block : run of peaks -> their draws, n_chains * n_draws of them.
    """

    offsets: IntArray
    n_chains: int
    n_draws: int
    block: Callable[[slice], Block]


def scalar_names(name: str, size: int | None, labels: Sequence[str] | None) -> list[str]:
    """What the scalars of a parameter are called: `alpha`, `mass_offset_ppm[run1 positive]`.

    size : number of elements, None for a scalar. labels : of the elements; where they do not tell these apart, their
    numbers take their place.
    """
    if size is None:
        return [name]
    tells_apart = labels is not None and len(labels) == len(set(labels)) == size
    return [f"{name}[{label}]" for label in (labels if labels is not None and tells_apart else range(size))]
