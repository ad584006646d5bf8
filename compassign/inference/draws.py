"""What sampling and fitting give; it reads no heavy package, because pages read it too."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from compassign.models.draws import DrawSource
from compassign.units import BoolArray, FloatArray


@dataclass(frozen=True)
class Draws:
    """Posterior draws of the free variables.

    values : name -> (n_chains, n_draws, ...). is_divergent, energy : (n_chains, n_draws). sampling_s : wall-clock
    seconds. labels : name -> what its elements are called; may lack names.
    """

    values: Mapping[str, FloatArray]
    is_divergent: BoolArray
    energy: FloatArray
    sampling_s: float
    labels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def n_chains(self) -> int:
        """Number of chains."""
        return int(self.is_divergent.shape[0])

    def flat(self) -> dict[str, FloatArray]:
        """The draws of all chains in a row: name -> (n_chains * n_draws, ...)."""
        return {name: value.reshape(-1, *value.shape[2:]) for name, value in self.values.items()}


@dataclass(frozen=True)
class ModelFit:
    """A fitted model.

    variable : name of its responsibilities in the trace, `r` or `p`. source : draws of them. draws : None where nothing
    was sampled. hyperparameters : the free variables that the verdict judges. prior_sd : their SDs under the prior.
    is_prior_only : the model predicts from its priors. unlisted : share -> the same draws under another unlisted share;
    None for a model without that part.
    """

    variable: str
    source: DrawSource
    is_prior_only: bool = False
    draws: Draws | None = None
    hyperparameters: tuple[str, ...] = ()
    prior_sd: Mapping[str, FloatArray] = field(default_factory=dict)
    unlisted: Callable[[float], DrawSource] | None = None
