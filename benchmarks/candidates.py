"""How long it takes to find the candidates of a large table in a large library, and how much memory.

Made-up peaks and formulas (seeded): isomers are as common as in real libraries, most peaks come from nothing in it.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np

from compassign.candidates import (
    Candidates,
    LibraryArrays,
    PeakArrays,
    RtPredictions,
    Windows,
    candidates_from_arrays,
    group_by_compound,
)
from compassign.chemistry.adducts import default_adducts, mz_theoretical
from compassign.chemistry.formulas import monoisotopic_masses
from compassign.units import FloatArray

SEED = 20
LISTED_SHARE = 0.3  # of the peaks come from a library compound
CHARGED_SHARE = 0.01  # of the library, as in MassBank's
MASS_SD_PPM = 3.0
GRADIENT_MIN = 20.0
RT_SD_MIN = 0.8
BYTES_PER_KIB = 1024
BYTES_PER_GB = 1e9


@dataclass(frozen=True)
class Figures:
    """What one case cost; peak_rss_gb is the highest of the process so far."""

    case: str
    n_peaks: int
    n_compounds: int
    n_adducts: int
    wall_s: float
    cpu_s: float
    peak_rss_gb: float
    n_slots: int
    slots_per_peak: float
    max_slots: int


def draw_formulas(n_compounds: int, rng: np.random.Generator) -> list[str]:
    """Draw CHNOS formulas of 100 to about 1,000 Da; the common ones come up many times, as isomers do."""
    n_carbon = np.clip(np.round(rng.gamma(4.0, 5.0, n_compounds)), 5, 60).astype(int)
    n_nitrogen = rng.poisson(0.08 * n_carbon)
    n_oxygen = 1 + rng.poisson(0.2 * n_carbon)
    n_sulfur = rng.binomial(1, 0.15, n_compounds)
    half_unsaturation = rng.binomial(n_carbon, 0.4)
    n_hydrogen = 2 * n_carbon + 2 + n_nitrogen - 2 * half_unsaturation
    columns = zip(n_carbon, n_hydrogen, n_nitrogen, n_oxygen, n_sulfur, strict=True)
    return [f"C{c}H{h}" + (f"N{n}" if n else "") + f"O{o}" + ("S" if s else "") for c, h, n, o, s in columns]


def draw_library(n_compounds: int, rng: np.random.Generator) -> LibraryArrays:
    """Draw a library in which a few compounds are cations."""
    charge = rng.binomial(1, CHARGED_SHARE, n_compounds).astype(np.int64)
    return LibraryArrays(monoisotopic_masses(draw_formulas(n_compounds, rng)), charge)


def draw_peaks(n_peaks: int, library: LibraryArrays, retention_min: FloatArray, rng: np.random.Generator) -> PeakArrays:
    """Draw positive peaks, some from the library's ions, the others from ions of compounds that it lacks."""
    compound = rng.integers(0, library.charge.size, n_peaks)
    is_listed = rng.random(n_peaks) < LISTED_SHARE
    # an element that the library does not have moves an unlisted compound off the library's masses
    mass = np.where(is_listed, library.exact_mass_da[compound], library.exact_mass_da[compound] + 30.973762)
    adducts = default_adducts("positive")
    of_each = np.stack([mz_theoretical(mass, adduct) for adduct in adducts])  # (n_adducts, n_peaks)
    centre = of_each[rng.integers(0, len(adducts), n_peaks), np.arange(n_peaks)]
    rt_min = np.where(is_listed, retention_min[compound], rng.uniform(0, GRADIENT_MIN, n_peaks))
    unknown = np.zeros(n_peaks, dtype=np.int64)
    return PeakArrays(
        mz=centre * (1 + rng.normal(0, MASS_SD_PPM, n_peaks) * 1e-6),
        rt_min=rt_min,
        species=unknown,
        polarity_sign=np.ones(n_peaks, dtype=np.int64),
        charge=unknown,
        isotope_index=unknown,
    )


def measure(case: str, peaks: PeakArrays, library: LibraryArrays, build: Callable[[], Candidates]) -> Figures:
    """Build once and note the cost."""
    wall, cpu = time.perf_counter(), time.process_time()
    candidates = build()
    n_slots = np.diff(candidates.offsets)
    return Figures(
        case=case,
        n_peaks=peaks.mz.size,
        n_compounds=library.charge.size,
        n_adducts=len(candidates.adduct_names),
        wall_s=round(time.perf_counter() - wall, 2),
        cpu_s=round(time.process_time() - cpu, 2),
        peak_rss_gb=round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * BYTES_PER_KIB / BYTES_PER_GB, 2),
        n_slots=int(n_slots.sum()),
        slots_per_peak=round(float(n_slots.mean()), 2),
        max_slots=int(n_slots.max()),
    )


def build_and_group(
    peaks: PeakArrays, library: LibraryArrays, windows: Windows, predictions: RtPredictions | None
) -> Candidates:
    """Build as a run does: candidates, then their distinct compounds."""
    candidates = candidates_from_arrays(peaks, library, windows, predictions)
    group_by_compound(candidates)
    return candidates


def run(n_peaks: int, n_compounds: int) -> list[Figures]:
    """Measure with RT predictions for all compounds, then, the heavier case, without any."""
    rng = np.random.default_rng(SEED)
    library = draw_library(n_compounds, rng)
    retention_min = rng.uniform(1, GRADIENT_MIN, n_compounds)
    peaks = draw_peaks(n_peaks, library, retention_min, rng)
    predicted = retention_min + rng.normal(0, RT_SD_MIN, n_compounds)
    predictions = RtPredictions(
        np.tile(predicted, (1, 2, 1)), np.full((1, 2, n_compounds), RT_SD_MIN), noise_sd_min=0.1
    )
    windows = Windows(mass_ppm=10.0, rt_sd=3.0)
    return [
        measure("mass and RT", peaks, library, lambda: build_and_group(peaks, library, windows, predictions)),
        measure("mass only", peaks, library, lambda: build_and_group(peaks, library, windows, None)),
    ]


def main() -> None:
    """Print a table, then one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fast", action="store_true", help="a tenth of the peaks and compounds")
    size = 10_000 if parser.parse_args().fast else 100_000
    results = run(size, size)
    print(f"{size:,} peaks x {size:,} compounds, 10 ppm, seed {SEED}")
    print(
        f"{'case':<12} {'adducts':>7} {'wall s':>7} {'CPU s':>7} {'RSS GB':>7} {'slots':>11} {'per peak':>9} {'max':>5}"
    )
    for row in results:
        print(
            f"{row.case:<12} {row.n_adducts:>7} {row.wall_s:>7} {row.cpu_s:>7} {row.peak_rss_gb:>7} "
            f"{row.n_slots:>11,} {row.slots_per_peak:>9} {row.max_slots:>5}"
        )
    print(json.dumps({"benchmark": "candidates", "seed": SEED, "cases": [asdict(row) for row in results]}))


if __name__ == "__main__":
    main()
