"""What was measured of a peak beside its row: fragments, the ion over time, and its isotopes, where there are any."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import t

from compassign.chemistry.isotopes import N_ISOTOPES, isotope_pattern
from compassign.posterior.trace import read_rt_predictions
from compassign.queries.draws import RT_TRACE_FILE
from compassign.queries.run_folder import Run
from compassign.spectra.files import MZML, injection_of, measured_files
from compassign.spectra.mzml import Chromatogram, extract_chromatogram
from compassign.spectra.similarity import TOLERANCE_DA, clean, compare
from compassign.spectra.spectrum import Spectrum
from compassign.spectra.stored import read_peak_spectra
from compassign.tables import POLARITIES
from compassign.units import BoolArray, FloatArray

AROUND_MIN = 0.75  # of the peak, before and after, that a chromatogram shows
MAX_FILES = 4  # whose chromatograms are drawn; each takes up to a second
_BAND = 0.90
_RT_DEGREES = 4.0  # of freedom, as the model's retention term has it


@dataclass(frozen=True)
class Mirror:
    """A peak's spectrum and the most alike one of a candidate.

    peak, reference : m/z, height (% of the highest fragment), is_matched; no rows of reference without one.
    reference_name : "" likewise. similarity : 0 to 1. n_matched : clean fragments of both. n_references : of this ion.
    """

    peak: pd.DataFrame
    reference: pd.DataFrame
    reference_name: str
    similarity: float
    n_matched: int
    n_references: int


@dataclass(frozen=True)
class Eluting:
    """The ion of a peak over time.

    traces : name of a file -> its chromatogram. rt_min : of the peak. predicted_min : (low, high) of the candidate's
    90 % band, None without a prediction.
    """

    traces: dict[str, Chromatogram]
    rt_min: float
    predicted_min: tuple[float, float] | None


def mirror(run: Run, peak_id: str, compound_id: str, mz_theoretical: float) -> Mirror | None:
    """The spectrum of a peak against a candidate's of the same ion; None where the peak has none.

    mz_theoretical : of the candidate ion, NaN for the null. Raises InputError where the stored spectra are damaged.
    """
    of_peak, of_compound = read_peak_spectra(run.path / "results", peak_id, compound_id)
    if not of_peak:
        return None
    query = clean(of_peak[0])
    references = [found for found in of_compound if abs(found.precursor_mz - mz_theoretical) <= TOLERANCE_DA]
    ranked = sorted(
        ((compare(query, clean(found)), found) for found in references), key=lambda pair: -pair[0].similarity
    )
    if not ranked:
        return Mirror(_bars(of_peak[0], None), _bars(None, None), "", 0.0, 0, 0)
    alike, reference = ranked[0]
    return Mirror(
        peak=_bars(of_peak[0], reference),
        reference=_bars(reference, of_peak[0]),
        reference_name=reference.name,
        similarity=alike.similarity,
        n_matched=alike.n_matched,
        n_references=len(ranked),
    )


def _bars(spectrum: Spectrum | None, other: Spectrum | None) -> pd.DataFrame:
    """Fragments as bars; `other` : the spectrum that they are matched with."""
    mz = np.zeros(0) if spectrum is None else spectrum.mz
    height = np.zeros(0) if spectrum is None else 100.0 * spectrum.intensity / max(spectrum.intensity.max(), 1e-300)
    is_matched = np.zeros(mz.size, dtype=np.bool_) if other is None else _near(mz, other.mz)
    return pd.DataFrame({"mz": mz, "height": height, "is_matched": is_matched})


def _near(mz: FloatArray, others: FloatArray) -> BoolArray:
    """(n,) whether one of the others is within the tolerance."""
    low, high = (np.searchsorted(others, mz + shift) for shift in (-TOLERANCE_DA, TOLERANCE_DA))
    return np.asarray(low < high)


def eluting(run: Run, peak_id: str, compound_id: str) -> Eluting | None:
    """The peak's ion in the mzML files of its dataset; None where there are none or the dataset is gone.

    Raises InputError where a file is damaged.
    """
    folder = run.record.config.data
    peak = run.peaks.iloc[run.row_of(peak_id)]
    if folder is None or run.dataset_problem:
        return None
    injections = frozenset(run.peaks["injection"].tolist())
    files = [path for path in measured_files(folder) if path.suffix.lower() == MZML]
    own = [path for path in files if injection_of(path, injections) in {"", peak["injection"]}][:MAX_FILES]
    traces = {path.stem: _trace(path, float(peak["mz"]), float(peak["rt_min"]), run) for path in own}
    seen = {name: trace for name, trace in traces.items() if trace.rt_min.size}
    return Eluting(seen, float(peak["rt_min"]), _predicted(run, peak, compound_id)) if seen else None


def _trace(path: Path, mz: float, rt_min: float, run: Run) -> Chromatogram:
    about = path.stat()
    stamp = (about.st_mtime_ns, about.st_size)
    return _stored_trace(path, mz, run.record.config.mass_window_ppm, (rt_min - AROUND_MIN, rt_min + AROUND_MIN), stamp)


@lru_cache(maxsize=256)
def _stored_trace(
    path: Path, mz: float, tolerance_ppm: float, rt_range_min: tuple[float, float], stamp: tuple[int, int]
) -> Chromatogram:
    """A chromatogram, read once; stamp : changes with the file."""
    del stamp
    return extract_chromatogram(path, mz, tolerance_ppm, rt_range_min)


def _predicted(run: Run, peak: pd.Series[Any], compound_id: str) -> tuple[float, float] | None:
    """The 90 % band of a compound's RT in minutes, as the run predicted it for a peak."""
    file = run.path / RT_TRACE_FILE
    if compound_id not in run.compounds.index or not file.is_file():
        return None
    predictions = read_rt_predictions(file)
    species = sorted(run.peaks["species"].unique()).index(peak["species"])
    cell = (species, POLARITIES.index(peak["polarity"]), run.compounds.index.get_loc(compound_id))
    mean, sd = float(predictions.mean_min[cell]), float(predictions.sd_min[cell])
    half = float(t.ppf(0.5 + _BAND / 2.0, _RT_DEGREES)) * float(np.hypot(sd, predictions.noise_sd_min))
    return (mean - half, mean + half) if np.isfinite(half + mean) else None


def isotopes(run: Run, peak_id: str, formula: str, adduct: str) -> pd.DataFrame | None:
    """Isotope peaks of a peak's group against what a candidate should show; None where it has no group of several.

    formula, adduct : of the candidate, "" where not known. Columns: isotope (nucleons more), observed, expected, each a
    share of what was observed (NaN of what is not known).
    """
    peak = run.peaks.iloc[run.row_of(peak_id)]
    same = [run.peaks[name] == peak[name] for name in ("isotope_group", "species", "injection")]
    group = run.peaks[np.logical_and.reduce(same)]
    heights = group.groupby("isotope_index")["intensity"].max()
    heights = heights[heights.index < N_ISOTOPES]
    if not peak["isotope_group"] or len(heights) < 2 or not heights.sum() > 0.0:  # noqa: PLR2004  # a pattern is two
        return None
    expected = np.full(len(heights), np.nan)
    if formula and adduct:
        pattern = isotope_pattern(formula, adduct)[heights.index]
        expected = pattern / pattern.sum()
    return pd.DataFrame(
        {"isotope": heights.index, "observed": (heights / heights.sum()).to_numpy(), "expected": expected}
    )
