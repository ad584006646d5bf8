"""Where a sampler is, chain by chain."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ChainProgress:
    """Where one chain is: draw of n_draws (tuning included), divergences after tuning, and its step size."""

    chain: int
    draw: int
    n_draws: int
    is_tuning: bool
    n_divergences: int
    step_size: float


@dataclass(frozen=True)
class SamplingProgress:
    """Where a sampler is; eta_s is the time left in seconds, None while nothing can be said."""

    chains: tuple[ChainProgress, ...]
    eta_s: float | None

    @property
    def share(self) -> float:
        """Finished share of all draws, 0 to 1."""
        return sum(chain.draw for chain in self.chains) / max(sum(chain.n_draws for chain in self.chains), 1)

    def __str__(self) -> str:
        """One line for a person."""
        draw, total = sum(chain.draw for chain in self.chains), sum(chain.n_draws for chain in self.chains)
        n_divergences = sum(chain.n_divergences for chain in self.chains)
        step = min((chain.step_size for chain in self.chains), default=0.0)
        tuning = ", tuning" if any(chain.is_tuning for chain in self.chains) else ""
        eta = "" if self.eta_s is None else f", {self.eta_s:.0f} s left"
        return f"{draw} of {total} draws, {n_divergences} divergences, step size {step:.3g}{tuning}{eta}"
