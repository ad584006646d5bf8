"""The trace file `assignment_trace.nc`: responsibilities padded to (chain, draw, N, K_max), written block by block."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import h5netcdf
import h5py
import numpy as np

from compassign.candidates import RtPredictions
from compassign.errors import InputError
from compassign.files import written_whole
from compassign.tables import POLARITIES
from compassign.units import FloatArray, IntArray, StrArray

AXIS = "_dim_"  # between the name of a parameter and the number of one of its axes
Labels = Mapping[str, tuple[str, ...]]  # name of a parameter -> what its elements are called
CHUNK_CELLS = 1_000_000  # 4 MB of float32 a chunk
CACHE_BYTES = 16_000_000  # room for the chunk that blocks of peaks are still filling


@dataclass(frozen=True)
class TraceLayout:
    """Shape and labels of a trace.

    variable : `r` or `p`. n_chains, n_draws : of the posterior. offsets : (n_peaks + 1,). peak_id : (n_peaks,).
    slot_compound, slot_adduct : (n_slots,) ids and names. max_r_mb : largest uncompressed size of the variable; every
    `thin`-th draw is kept to stay within.
    """

    variable: str
    n_chains: int
    n_draws: int
    offsets: IntArray
    peak_id: StrArray
    slot_compound: StrArray
    slot_adduct: StrArray
    max_r_mb: int

    @property
    def k_max(self) -> int:
        """Width of the candidate axis: the largest number of slots of a peak, and the null."""
        return int(np.diff(self.offsets).max(initial=0)) + 1

    @property
    def thin(self) -> int:
        """Every how many draws one is written."""
        cells = self.n_chains * self.n_draws * self.peak_id.size * self.k_max
        return max(1, min(self.n_draws, int(np.ceil(4 * cells / (self.max_r_mb * 1_000_000)))))


class TraceWriter:
    """Writes one trace; use as a context manager. The null is candidate 0, masked candidates are 0."""

    def __init__(self, path: Path, layout: TraceLayout) -> None:
        self._layout = layout
        # A chunk that several blocks fill is compressed once, when it is full: the cache outlives a single block only
        # while a handle of the variable is open, which h5netcdf closes after each.
        self._h5_file = h5py.File(path, "w", track_order=True, rdcc_nbytes=CACHE_BYTES, rdcc_w0=1.0)
        self._file = h5netcdf.File(self._h5_file, "w")
        self._file.attrs["thin"] = layout.thin
        self._create()
        self._r = self._h5_file["posterior"][layout.variable]

    def __enter__(self) -> Self:
        """Open."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close the file, complete or not; the caller renames only complete ones."""
        self._file.close()
        self._h5_file.close()

    def _create(self) -> None:
        layout = self._layout
        n_kept = len(range(0, layout.n_draws, layout.thin))
        sizes = {"chain": layout.n_chains, "draw": n_kept, "N": layout.peak_id.size, "K_max": layout.k_max}
        self._file.dimensions = sizes
        posterior, constant = self._file.create_group("posterior"), self._file.create_group("constant_data")
        rows = max(1, min(sizes["N"], CHUNK_CELLS // max(layout.n_chains * n_kept * layout.k_max, 1)))
        posterior.create_variable(
            layout.variable,
            tuple(sizes),
            dtype=np.float32,
            chunks=(layout.n_chains, n_kept, rows, layout.k_max),
            compression="gzip",
            compression_opts=1,
            shuffle=True,
        )
        for group, names in ((posterior, ("chain", "draw")), (constant, ())):
            for name in names:
                group.create_variable(name, (name,), data=np.arange(sizes[name]))
        constant.create_variable("peak_id", ("N",), data=layout.peak_id.astype(object), dtype=h5py.string_dtype())
        mask = np.arange(layout.k_max) <= np.diff(layout.offsets)[:, None]
        constant.create_variable("slot_mask", ("N", "K_max"), data=mask.astype(np.int8))
        for name, values in (("slot_compound", layout.slot_compound), ("slot_adduct", layout.slot_adduct)):
            padded = np.full(mask.shape, "", dtype=object)
            padded[:, 1:][mask[:, 1:]] = values
            constant.create_variable(name, ("N", "K_max"), data=padded, dtype=h5py.string_dtype())

    def write(self, peaks: slice, offsets: IntArray, slot: FloatArray, null: FloatArray) -> None:
        """Write a run of peaks: slot (n_chains * n_draws, n_slots), null (n_chains * n_draws, n_peaks)."""
        layout = self._layout
        n_slots = np.diff(offsets[peaks.start : peaks.stop + 1])
        mask = np.arange(1, layout.k_max) <= n_slots[:, None]  # (n_peaks, k_max - 1)
        thinned = [
            # all sizes are given, because a block may be without slots: -1 cannot be worked out from nothing
            x.reshape(layout.n_chains, layout.n_draws, x.shape[1])[:, :: layout.thin]
            for x in (slot, null)
        ]
        block = np.zeros((*thinned[1].shape, layout.k_max), dtype=np.float32)
        block[..., 0] = thinned[1]
        block[..., 1:][..., mask] = thinned[0]
        self._r[:, :, peaks.start : peaks.stop, :] = block

    def add_posterior(self, values: Mapping[str, FloatArray], labels: Labels) -> None:
        """Add other parameters, each (n_chains, n_draws, ...), thinned like the responsibilities."""
        _add_variables(self._file["posterior"], values, labels, self._layout.thin)

    def add_energy(self, energy: FloatArray) -> None:
        """Add the energy of every draw, (n_chains, n_draws): what one draw adds to the one before needs all of them."""
        group = self._file.create_group("sample_stats")
        group.dimensions = {"chain": energy.shape[0], "draw": energy.shape[1]}
        group.create_variable("energy", ("chain", "draw"), data=energy)


def write_rt_trace(path: Path, posterior: Mapping[str, FloatArray], predictions: RtPredictions, labels: Labels) -> None:
    """Write the RT stage: group `/posterior` with dims (chain, draw, ...), `/constant_data` with its predictions.

    posterior : empty where there were no calibrants to learn from; attribute `n_chains` is 0 then.
    """
    with written_whole(path) as temporary, h5netcdf.File(temporary, "w") as file:
        shape = next((values.shape[:2] for values in posterior.values()), (0, 0))
        file.attrs["n_chains"] = shape[0]
        dims = ("species", "polarity", "compound")
        sizes = dict(zip(dims, predictions.mean_min.shape, strict=True))
        file.dimensions = {"chain": shape[0], "draw": shape[1], **sizes}
        constant = file.create_group("constant_data")
        for name, values in (("rt_pred_min", predictions.mean_min), ("rt_pred_sd_min", predictions.sd_min)):
            constant.create_variable(name, dims, data=values)
        constant.create_variable("rt_noise_min", (), data=predictions.noise_sd_min)
        if shape[0]:
            _add_variables(file.create_group("posterior"), posterior, labels, 1)


def read_rt_predictions(path: Path) -> RtPredictions:
    """The predictions that `write_rt_trace` wrote; raises InputError where there are none."""
    try:
        with h5netcdf.File(path, "r") as file:
            constant = file["constant_data"]
            names = ("rt_pred_min", "rt_pred_sd_min", "rt_noise_min")
            mean_min, sd_min, noise_min = (np.asarray(constant[name][...]) for name in names)
    except (OSError, KeyError) as error:
        raise InputError(f"{path}: not a trace of retention times that a run writes ({error})") from error
    if mean_min.ndim == 2:  # noqa: PLR2004  # of a version that told no polarities apart
        mean_min, sd_min = (np.repeat(values[:, None], len(POLARITIES), axis=1) for values in (mean_min, sd_min))
    return RtPredictions(mean_min, sd_min, float(noise_min))


def read_parameters(path: Path) -> dict[str, FloatArray]:
    """The parameters of a trace of responsibilities, name -> (n_chains, n_draws, ...); empty where there is none."""
    if not path.exists():
        return {}
    try:
        with h5netcdf.File(path, "r") as file:
            variables = file["posterior"].variables
            return {
                name: np.asarray(variable[...])
                for name, variable in variables.items()
                if variable.dimensions[:2] == ("chain", "draw") and "N" not in variable.dimensions
            }
    except (OSError, KeyError) as error:
        raise InputError(f"{path}: not a trace that a run writes ({error})") from error


def _add_variables(group: Any, values: Mapping[str, FloatArray], labels: Labels, thin: int) -> None:
    """Write variables (n_chains, n_draws, ...), every `thin`-th draw, with a dimension of their own for each further
    axis, and the labels of a single one as its coordinate.
    """
    for name, array in values.items():
        dims = tuple(f"{name}{AXIS}{axis}" for axis in range(array.ndim - 2))
        for dim, size in zip(dims, array.shape[2:], strict=True):
            group.dimensions[dim] = size
        if len(dims) == 1 and len(labels.get(name, ())) == array.shape[2]:
            group.create_variable(dims[0], dims, data=np.array(labels[name], dtype=object), dtype=h5py.string_dtype())
        group.create_variable(name, ("chain", "draw", *dims), data=array[:, ::thin])
