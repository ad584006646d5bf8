"""A made-up world of isomers whose fragments differ in part, as a dataset's folder with spectra."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from compassign.chemistry.adducts import get_adduct, mz_theoretical
from compassign.units import FloatArray

N_FRAGMENTS, N_SHARED = 8, 4  # of a compound, and how many of them its isomers have too
LIKENESS = 0.7  # SD of the log intensity of a fragment between two spectra of a compound
LOST = 0.2  # share of the fragments that one spectrum lacks
GROUP_MASSES = tuple(220.0 + 7.013 * i for i in range(60))


@dataclass(frozen=True)
class World:
    """Compounds in pairs of isomers: mass_da, precursor_mz ([M+H]+) (n,), fragments (m/z), heights (n, N_FRAGMENTS)."""

    mass_da: FloatArray
    precursor_mz: FloatArray
    fragments: FloatArray
    heights: FloatArray

    @property
    def ids(self) -> list[str]:
        return [f"C{i:03d}" for i in range(self.mass_da.size)]


def make_world(rng: np.random.Generator, n_groups: int = 30) -> World:
    """Two isomers of each of the first masses; half of their fragments are the same."""
    mass_da = np.repeat(np.array(GROUP_MASSES[:n_groups]), 2)
    precursor_mz = mz_theoretical(mass_da, get_adduct("[M+H]+"))
    fragments = rng.uniform(50.0, 200.0, (mass_da.size, N_FRAGMENTS))
    fragments[1::2, :N_SHARED] = fragments[::2, :N_SHARED]
    return World(mass_da, precursor_mz, fragments, rng.exponential(1.0, fragments.shape) + 0.05)


def draw_spectrum(world: World, compound: int, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    """One spectrum of a compound, m/z and intensity: its precursor, what of its fragments was seen, and noise."""
    seen = rng.random(N_FRAGMENTS) >= LOST
    heights = world.heights[compound] * np.exp(rng.normal(0.0, LIKENESS, N_FRAGMENTS))
    mz = world.fragments[compound] + rng.normal(0.0, 0.002, N_FRAGMENTS)
    noise = rng.uniform(50.0, 200.0, 3)
    return (
        np.concatenate([mz[seen], noise, [world.precursor_mz[compound]]]),
        1000.0 * np.concatenate([heights[seen], rng.exponential(0.2, 3) + 0.05, [2.0]]),
    )


def mgf(fields: Mapping[str, object], fragments: tuple[FloatArray, FloatArray]) -> str:
    """One entry."""
    head = [f"{key}={value}" for key, value in fields.items()]
    body = [f"{mz:.4f} {height:.1f}" for mz, height in zip(*fragments, strict=True)]
    return "\n".join(["BEGIN IONS", *head, *body, "END IONS", ""])


def msp(fields: Mapping[str, object], fragments: tuple[FloatArray, FloatArray]) -> str:
    """One entry."""
    head = [f"{key}: {value}" for key, value in fields.items()]
    body = [f"{mz:.4f}\t{height:.1f}" for mz, height in zip(*fragments, strict=True)]
    return "\n".join([*head, f"Num Peaks: {len(body)}", *body, "", ""])


def library_text(
    world: World, rng: np.random.Generator, n_each: int = 2, compounds: Iterable[int] | None = None
) -> str:
    """An MSP file with some spectra of each compound."""
    entries = []
    for compound in range(world.mass_da.size) if compounds is None else compounds:
        about = {"NAME": f"name {compound}", "compound_id": world.ids[compound]}
        about["PRECURSORMZ"] = f"{world.precursor_mz[compound]:.4f}"
        entries += [msp(about, draw_spectrum(world, compound, rng)) for _ in range(n_each)]
    return "".join(entries)


def tables(world: World, rng: np.random.Generator) -> dict[str, pd.DataFrame]:
    """One peak of each compound, a minute apart from those of other masses; nothing but spectra tells isomers apart."""
    n = world.mass_da.size
    peaks = pd.DataFrame(
        {
            "peak_id": [f"P{i:03d}" for i in range(n)],
            "species": "plasma",
            "polarity": "positive",
            "mz": (world.precursor_mz * (1.0 + rng.normal(0.0, 2e-6, n))).round(5),
            "rt_min": (1.0 + np.arange(n) // 2 * 0.5 + np.arange(n) % 2 * 0.3).round(3),
            "intensity": rng.lognormal(10.0, 1.0, n).round(),
        }
    )
    compounds = pd.DataFrame(
        {"compound_id": world.ids, "name": [f"name {i}" for i in range(n)], "exact_mass": world.mass_da.round(6)}
    )
    truth = pd.DataFrame({"peak_id": peaks["peak_id"], "compound_id": world.ids})
    return {"peaks": peaks, "compounds": compounds, "truth": truth}


def measured_text(world: World, peaks: pd.DataFrame, rng: np.random.Generator) -> str:
    """An MGF file with a spectrum of each peak, which is of the compound of the same number."""
    entries = []
    for row, (mz, rt_min) in enumerate(zip(peaks["mz"].tolist(), peaks["rt_min"].tolist(), strict=True)):
        about = {"TITLE": f"scan {row}", "PEPMASS": f"{mz:.4f}", "RTINSECONDS": f"{60.0 * rt_min + 2.0:.1f}"}
        entries.append(mgf(about, draw_spectrum(world, row, rng)))
    return "".join(entries)


def write_study(folder: Path, rng: np.random.Generator, n_groups: int = 30) -> World:
    """The whole dataset: tables, spectra of the peaks and two of each compound."""
    world = make_world(rng, n_groups)
    folder.mkdir(parents=True, exist_ok=True)
    found = tables(world, rng)
    for name, table in found.items():
        table.to_csv(folder / f"{name}.csv", index=False)
    (folder / "library_spectra.msp").write_text(library_text(world, rng), encoding="utf-8")
    (folder / "spectra.mgf").write_text(measured_text(world, found["peaks"], rng), encoding="utf-8")
    return world
