"""The draws of a run's parameters and how well they converged, from its trace file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5netcdf
import numpy as np
import pandas as pd
from arviz_stats.base import array_stats

from compassign.errors import InputError
from compassign.models.draws import scalar_names
from compassign.posterior.trace import AXIS
from compassign.queries.run_folder import Run
from compassign.units import FloatArray, IntArray

TRACE_FILE = Path("models", "assignment_trace.nc")
RT_TRACE_FILE = Path("models", "rt_trace.nc")
N_RANK_BINS = 20
MIN_DRAWS = 4  # R-hat splits a chain and needs two draws in each half
_NOT_PARAMETERS = ("chain", "draw", "r", "p")  # axes and responsibilities
_TAILS = (0.05, 0.95)
_CONVERGENCE_COLUMNS = ("name", "mean", "sd", "low", "high", "rhat", "ess_bulk", "ess_tail")


@dataclass(frozen=True)
class Draws:
    """Stored draws of every scalar parameter.

    names : as of `scalar_names`; empty for a model that is not sampled. values : (n_names, n_chains, n_draws).
    thin : every how many draws one is stored.
    """

    names: tuple[str, ...]
    values: FloatArray
    thin: int

    def of(self, name: str) -> FloatArray:
        """(n_chains, n_draws) of one parameter; raises InputError for a name that is not among them."""
        if name not in self.names:
            raise InputError(f"parameter {name!r}: the run has {', '.join(self.names) or 'none'}")
        return np.asarray(self.values[self.names.index(name)])


@dataclass(frozen=True)
class Energy:
    """The sampler's energy at every draw of the assignment model.

    values : (n_chains, n_draws), nats; empty where nothing was sampled, or by a version that did not keep it.
    bfmi : (n_chains,) energy Bayesian fraction of missing information. Source: Betancourt, arXiv:1604.00695.
    """

    values: FloatArray
    bfmi: FloatArray


def read_draws(run: Run) -> Draws:
    """Read the parameters of the assignment model, not its responsibilities.

    Raises InputError if the trace is missing or cannot be read.
    """
    with _opened(run.path / TRACE_FILE) as file:
        return _flattened(file["posterior"], int(file.attrs["thin"]))


def read_rt_draws(run: Run) -> Draws:
    """Read the parameters of the RT stage; none where there was nothing to learn from. Raises InputError too."""
    with _opened(run.path / RT_TRACE_FILE) as file:
        return _flattened(file["posterior"], 1) if "posterior" in file else Draws((), np.empty((0, 0, 0)), 1)


def read_energy(run: Run) -> Energy:
    """Read the energy of the assignment model's sampler. Raises InputError as for its draws."""
    with _opened(run.path / TRACE_FILE) as file:
        stored = np.asarray(file["sample_stats"]["energy"][...]) if "sample_stats" in file else np.empty((0, 0))
    if stored.shape[1] < MIN_DRAWS or not np.isfinite(stored).all():
        return Energy(np.empty((0, 0)), np.empty(0))
    spread = np.square(stored - stored.mean(axis=1, keepdims=True)).sum(axis=1)
    steps = np.square(np.diff(stored, axis=1)).sum(axis=1)
    return Energy(stored, np.divide(steps, spread, out=np.full(spread.size, np.nan), where=spread > 0))


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """A trace file; raises InputError, inside the block too, where it is not what a run writes."""
    if not path.is_file():
        raise InputError(f"{path}: no such file; it holds the draws of the run")
    try:
        with h5netcdf.File(path, "r") as file:
            yield file
    except (OSError, KeyError) as error:
        raise InputError(f"{path}: not a trace that a run writes ({error})") from error


def _flattened(group: Any, thin: int) -> Draws:
    """One row for each scalar of the variables (n_chains, n_draws, ...) of a group, named by its coordinate."""
    names: list[str] = []
    rows: list[FloatArray] = []
    for name in group.variables:
        if name in _NOT_PARAMETERS or AXIS in name:
            continue
        array, axis = np.asarray(group[name][...]), f"{name}{AXIS}0"
        scalars = np.moveaxis(array.reshape(*array.shape[:2], -1), 2, 0)  # (n, n_chains, n_draws)
        labels = [label.decode() for label in group[axis][...]] if axis in group.variables else None
        names += scalar_names(name, len(scalars) if array.shape[2:] else None, labels)
        rows.append(scalars)
    values = np.concatenate(rows) if rows else np.empty((0, 0, 0))
    return Draws(tuple(names), values.astype(np.float64), thin)


def convergence(draws: Draws) -> pd.DataFrame:
    """One row a parameter, the worst R-hat first: name, mean, sd, low, high (5 % and 95 %), rhat, ess_bulk, ess_tail.

    R-hat is rank-normalised. Figures are of the stored draws, so that a thinned trace has fewer effective ones than the
    run's verdict counted. Draws that are not finite have NaN.
    """
    rows = [(name, *_summarise(values)) for name, values in zip(draws.names, draws.values, strict=True)]
    table = pd.DataFrame(rows, columns=[*_CONVERGENCE_COLUMNS])
    return table.sort_values("rhat", ascending=False, kind="stable", na_position="first", ignore_index=True)


def _summarise(values: FloatArray) -> tuple[float, ...]:
    """Of (n_chains, n_draws); a single chain is compared with itself, half against half."""
    if values.shape[1] < MIN_DRAWS or not np.isfinite(values).all():
        return (np.nan,) * (len(_CONVERGENCE_COLUMNS) - 1)
    half = values.shape[1] // 2
    chains = values if values.shape[0] > 1 else np.concatenate([values[:, :half], values[:, -half:]])
    low, high = np.quantile(values, _TAILS)
    return (
        float(values.mean()),
        float(values.std(ddof=1)),
        float(low),
        float(high),
        float(array_stats.rhat(chains)),
        float(array_stats.ess(values, method="bulk")),
        float(array_stats.ess(values, method="tail", prob=_TAILS)),
    )


def rank_counts(values: FloatArray) -> IntArray:
    """How many draws of each chain fall into each of N_RANK_BINS parts of the ranks over all chains.

    values : (n_chains, n_draws) of one parameter. Returns (n_chains, N_RANK_BINS); alike in all parts where the chains
    agree. Source: Vehtari et al., Bayesian Analysis 16(2), 2021.
    """
    rank = np.argsort(np.argsort(values, axis=None, kind="stable"), kind="stable")
    part = (rank * N_RANK_BINS // max(values.size, 1)).reshape(values.shape)
    cell = np.arange(values.shape[0])[:, None] * N_RANK_BINS + part
    counts = np.bincount(cell.ravel(), minlength=values.shape[0] * N_RANK_BINS)
    return np.asarray(counts.reshape(values.shape[0], N_RANK_BINS))
