"""What every fitted model offers: draws of the responsibilities of any run of peaks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
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
