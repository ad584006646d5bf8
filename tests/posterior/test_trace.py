"""The trace files as any other program opens them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5netcdf
import h5py
import numpy as np
import pytest
import xarray as xr
from drawn_source import Drawn, draw_source, trace_path

from compassign.candidates import RtPredictions
from compassign.errors import InputError
from compassign.posterior import responsibilities
from compassign.posterior.responsibilities import summarise
from compassign.posterior.trace import TraceWriter, read_parameters, read_rt_predictions, write_rt_trace
from compassign.units import FloatArray

SIZES = [3, 0, 2, 1, 0, 4, 1, 2]
K_MAX = 5


def write(drawn: Drawn, folder: Path, max_r_mb: int = 256) -> Path:
    with TraceWriter(trace_path(folder), drawn.layout(max_r_mb)) as writer:
        summarise(drawn.source, drawn.peak_ids, drawn.slot_compounds, writer, lambda share: None)
    return trace_path(folder)


@contextmanager
def opened(path: Path) -> Iterator[xr.DataTree]:
    with xr.open_datatree(path, engine="h5netcdf") as tree:
        yield tree


def variable(tree: xr.DataTree, path: str) -> xr.DataArray:
    found = tree[path]
    assert isinstance(found, xr.DataArray)
    return found


def padded(drawn: Drawn) -> FloatArray:
    """(n_chains, n_draws, n_peaks, k_max): the null first, then the slots, zeros behind."""
    result = np.zeros((drawn.null.shape[0], len(SIZES), K_MAX))
    for peak in range(len(SIZES)):
        own = drawn.slot[:, drawn.source.offsets[peak] : drawn.source.offsets[peak + 1]]
        result[:, peak, 0] = drawn.null[:, peak]
        result[:, peak, 1 : 1 + own.shape[1]] = own
    return result.reshape(drawn.source.n_chains, drawn.source.n_draws, len(SIZES), K_MAX)


@pytest.mark.parametrize("budget", [1, 400, 2_000_000])
def test_r_has_the_promised_form(
    budget: int, tmp_path: Path, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(responsibilities, "BLOCK_CELLS", budget)
    drawn = draw_source(rng, SIZES)
    with opened(write(drawn, tmp_path)) as tree:
        r = variable(tree, "posterior/r")
        assert r.dims == ("chain", "draw", "N", "K_max")
        assert r.dtype == np.float32
        assert r.shape == (2, 40, len(SIZES), K_MAX)
        assert r.to_numpy() == pytest.approx(padded(drawn).astype(np.float32), abs=0)
        assert r.sum("K_max").to_numpy() == pytest.approx(1.0, abs=1e-6)
        assert tree.attrs["thin"] == 1
    with h5py.File(trace_path(tmp_path)) as file:
        assert file["posterior/r"].compression == "gzip"


def test_masked_slots_are_zero_and_the_null_is_first(tmp_path: Path, rng: np.random.Generator) -> None:
    drawn = draw_source(rng, SIZES)
    with opened(write(drawn, tmp_path)) as tree:
        mask = variable(tree, "constant_data/slot_mask").to_numpy().astype(np.bool_)
        r = variable(tree, "posterior/r").to_numpy()
        assert mask.sum(axis=1).tolist() == [size + 1 for size in SIZES]
        assert mask[:, 0].all()
        assert (r[:, :, ~mask] == 0).all()
        assert r[:, :, :, 0] == pytest.approx(drawn.null.reshape(2, 40, -1), abs=1e-6)


def test_labels_of_the_candidate_axis(tmp_path: Path, rng: np.random.Generator) -> None:
    drawn = draw_source(rng, SIZES)
    with opened(write(drawn, tmp_path)) as tree:
        peak_id, compound, adduct = (
            variable(tree, f"constant_data/{name}") for name in ("peak_id", "slot_compound", "slot_adduct")
        )
        assert peak_id.dims == ("N",)
        assert compound.dims == adduct.dims == ("N", "K_max")
        assert peak_id.to_numpy().tolist() == list(drawn.peak_ids)
        compounds, adducts = compound.to_numpy().tolist(), adduct.to_numpy().tolist()
    assert compounds[0] == ["", "C0", "C1", "C2", ""]
    assert compounds[1] == ["", "", "", "", ""]
    assert compounds[5] == ["", "C6", "C7", "C8", "C9"]
    assert adducts[2] == ["", "[M+H]+", "[M+Na]+", "", ""]


def test_coordinates_are_those_of_posterior_tools(tmp_path: Path, rng: np.random.Generator) -> None:
    with opened(write(draw_source(rng, SIZES), tmp_path)) as tree:
        assert variable(tree, "posterior/chain").to_numpy().tolist() == [0, 1]
        assert variable(tree, "posterior/draw").to_numpy().tolist() == list(range(40))
    with xr.open_dataset(trace_path(tmp_path), group="posterior", engine="h5netcdf") as posterior:
        assert set(posterior.data_vars) == {"r"}


@pytest.mark.parametrize(("max_r_mb", "thin"), [(4, 1), (3, 2), (2, 2), (1, 4)])
def test_size_limit_thins_the_draws(max_r_mb: int, thin: int, tmp_path: Path, rng: np.random.Generator) -> None:
    """2 x 500 draws x 100 peaks x 8 candidates x 4 bytes are 3.2 MB."""
    drawn = draw_source(rng, [7] * 100, n_chains=2, n_draws=500)
    with opened(write(drawn, tmp_path, max_r_mb)) as tree:
        r = variable(tree, "posterior/r")
        assert tree.attrs["thin"] == thin
        assert r.sizes["draw"] == len(range(0, 500, thin))
        assert r.nbytes <= max_r_mb * 1_000_000
        expected = drawn.null.reshape(2, 500, 100)[:, ::thin]
        assert r.to_numpy()[..., 0] == pytest.approx(expected, abs=1e-6)


def test_summaries_use_all_draws_of_a_thinned_trace(tmp_path: Path, rng: np.random.Generator) -> None:
    drawn = draw_source(rng, [7] * 100, n_chains=2, n_draws=500)
    with TraceWriter(trace_path(tmp_path), drawn.layout(1)) as writer:
        found, _ = summarise(drawn.source, drawn.peak_ids, drawn.slot_compounds, writer, lambda share: None)
    assert found.slot == pytest.approx(drawn.slot.mean(axis=0), abs=1e-12)


def test_at_least_one_draw_is_kept(tmp_path: Path, rng: np.random.Generator) -> None:
    drawn = draw_source(rng, [40] * 400, n_chains=1, n_draws=2)
    layout = drawn.layout(1)
    assert layout.thin == 1
    assert layout.k_max == 41
    many = draw_source(rng, [800] * 400, n_chains=1, n_draws=2)
    assert many.layout(1).thin == 2  # even a single draw is over the limit
    with opened(write(many, tmp_path, 1)) as tree:
        assert variable(tree, "posterior/r").sizes["draw"] == 1


def test_other_parameters_are_thinned_alike(tmp_path: Path, rng: np.random.Generator) -> None:
    drawn = draw_source(rng, [7] * 100, n_chains=2, n_draws=500)
    values = {"alpha": rng.normal(size=(2, 500)), "offset": rng.normal(size=(2, 500, 3))}
    with TraceWriter(trace_path(tmp_path), drawn.layout(1)) as writer:
        writer.add_posterior(values, {"offset": ("a", "b", "c")})
        summarise(drawn.source, drawn.peak_ids, drawn.slot_compounds, writer, lambda share: None)
    with opened(trace_path(tmp_path)) as tree:
        assert variable(tree, "posterior/alpha").dims == ("chain", "draw")
        assert variable(tree, "posterior/offset").dims == ("chain", "draw", "offset_dim_0")
        assert variable(tree, "posterior/offset")["offset_dim_0"].to_numpy().tolist() == ["a", "b", "c"]
        assert variable(tree, "posterior/alpha").to_numpy() == pytest.approx(values["alpha"][:, ::4], abs=0)
        assert variable(tree, "posterior/offset").to_numpy() == pytest.approx(values["offset"][:, ::4], abs=0)
    found = read_parameters(trace_path(tmp_path))  # not the responsibilities, nor coordinates
    assert list(found) == ["alpha", "offset"]
    for name, expected in values.items():
        np.testing.assert_array_equal(found[name], expected[:, ::4])


def test_no_trace_has_no_parameters(tmp_path: Path) -> None:
    assert read_parameters(trace_path(tmp_path)) == {}
    trace_path(tmp_path).parent.mkdir(parents=True, exist_ok=True)
    trace_path(tmp_path).write_bytes(b"no trace")
    with pytest.raises(InputError, match=r"\.nc: not a trace that a run writes"):
        read_parameters(trace_path(tmp_path))


def test_the_energy_of_every_draw_is_kept(tmp_path: Path, rng: np.random.Generator) -> None:
    drawn = draw_source(rng, [7] * 100, n_chains=2, n_draws=500)
    energy = rng.normal(size=(2, 500))
    with TraceWriter(trace_path(tmp_path), drawn.layout(1)) as writer:
        writer.add_energy(energy)
        summarise(drawn.source, drawn.peak_ids, drawn.slot_compounds, writer, lambda share: None)
    with opened(trace_path(tmp_path)) as tree:
        assert variable(tree, "posterior/r").sizes["draw"] == 125
        assert variable(tree, "sample_stats/energy").dims == ("chain", "draw")
        assert variable(tree, "sample_stats/energy").to_numpy() == pytest.approx(energy, abs=0)


@pytest.mark.parametrize("sizes", [[0, 0, 0], [0], [1]])
def test_tables_with_hardly_a_candidate(sizes: list[int], tmp_path: Path, rng: np.random.Generator) -> None:
    drawn = draw_source(rng, sizes)
    with opened(write(drawn, tmp_path)) as tree:
        r = variable(tree, "posterior/r")
        assert r.shape == (2, 40, len(sizes), max(sizes) + 1)
        assert r.sum("K_max").to_numpy() == pytest.approx(1.0, abs=1e-6)


def test_one_draw_of_a_model_without_draws(tmp_path: Path, rng: np.random.Generator) -> None:
    drawn = draw_source(rng, SIZES, n_chains=1, n_draws=1)
    with opened(write(drawn, tmp_path)) as tree:
        assert variable(tree, "posterior/r").shape == (1, 1, len(SIZES), K_MAX)
        assert variable(tree, "posterior/r").to_numpy()[0, 0] == pytest.approx(padded(drawn)[0, 0], abs=1e-6)


def test_a_failure_leaves_the_file_closed(tmp_path: Path, rng: np.random.Generator) -> None:
    drawn = draw_source(rng, SIZES)
    with pytest.raises(KeyboardInterrupt), TraceWriter(trace_path(tmp_path), drawn.layout()):
        raise KeyboardInterrupt
    with opened(trace_path(tmp_path)) as tree:  # a file that is still open could not be read
        assert (variable(tree, "posterior/r").to_numpy() == 0).all()


PREDICTIONS = RtPredictions(
    np.array([[[1.0, 2.0, np.nan], [1.1, 2.1, np.nan]]] * 2), np.array([[[0.1, 0.2, np.nan]] * 2] * 2), 0.05
)


def test_rt_trace_holds_posterior_and_predictions(tmp_path: Path, rng: np.random.Generator) -> None:
    posterior = {"noise_min": rng.random((2, 30)), "species_min": rng.normal(size=(2, 30, 2))}
    path = tmp_path / "models" / "rt_trace.nc"
    write_rt_trace(path, posterior, PREDICTIONS, {"species_min": ("liver", "plasma")})
    assert [file.name for file in path.parent.iterdir()] == ["rt_trace.nc"]
    with opened(path) as tree:
        assert tree.attrs["n_chains"] == 2
        assert variable(tree, "posterior/noise_min").dims == ("chain", "draw")
        assert variable(tree, "posterior/species_min").dims == ("chain", "draw", "species_min_dim_0")
        assert variable(tree, "posterior/species_min").to_numpy() == pytest.approx(posterior["species_min"], abs=0)
        for name, expected in (("rt_pred_min", PREDICTIONS.mean_min), ("rt_pred_sd_min", PREDICTIONS.sd_min)):
            found = variable(tree, f"constant_data/{name}")
            assert found.dims == ("species", "polarity", "compound")
            assert found.to_numpy() == pytest.approx(expected, abs=0, nan_ok=True)
        assert float(variable(tree, "constant_data/rt_noise_min")) == 0.05


def test_rt_trace_without_a_posterior(tmp_path: Path) -> None:
    write_rt_trace(tmp_path / "rt_trace.nc", {}, PREDICTIONS, {})
    with opened(tmp_path / "rt_trace.nc") as tree:
        assert tree.attrs["n_chains"] == 0
        assert "posterior" not in tree.children
        assert variable(tree, "constant_data/rt_pred_min").shape == (2, 2, 3)


def test_rt_predictions_are_read_as_written(tmp_path: Path) -> None:
    write_rt_trace(tmp_path / "rt_trace.nc", {}, PREDICTIONS, {})
    found = read_rt_predictions(tmp_path / "rt_trace.nc")
    np.testing.assert_array_equal(found.mean_min, PREDICTIONS.mean_min)
    np.testing.assert_array_equal(found.sd_min, PREDICTIONS.sd_min)
    assert found.noise_sd_min == PREDICTIONS.noise_sd_min


def test_rt_predictions_of_earlier_versions_are_the_same_in_both_polarities(tmp_path: Path) -> None:
    with h5netcdf.File(tmp_path / "rt_trace.nc", "w") as file:
        constant = file.create_group("constant_data")
        constant.dimensions = {"species": 1, "compound": 3}
        for name in ("rt_pred_min", "rt_pred_sd_min"):
            constant.create_variable(name, ("species", "compound"), data=np.array([[1.0, 2.0, 3.0]]))
        constant.create_variable("rt_noise_min", (), data=0.05)
    assert read_rt_predictions(tmp_path / "rt_trace.nc").mean_min.tolist() == [[[1.0, 2.0, 3.0]] * 2]


def test_a_chunk_waits_for_the_blocks_that_fill_it(tmp_path: Path, rng: np.random.Generator) -> None:
    """It is compressed once, and not again for every block of peaks."""
    drawn = draw_source(rng, [3] * 200, n_draws=100)
    sizes = []
    with TraceWriter(tmp_path / "trace.nc", drawn.layout()) as writer:
        for peaks in (slice(0, 7), slice(7, 150), slice(150, 200)):
            sizes.append((tmp_path / "trace.nc").stat().st_size)
            block = drawn.source.block(peaks)
            writer.write(peaks, drawn.source.offsets, block.slot, block.null)
    assert sizes[0] == sizes[1] == sizes[2] < (tmp_path / "trace.nc").stat().st_size
    with opened(tmp_path / "trace.nc") as tree:
        expected = drawn.slot.reshape(2, 100, 200, 3)
        assert variable(tree, "posterior/r").to_numpy()[..., 1:] == pytest.approx(expected, abs=1e-6)
