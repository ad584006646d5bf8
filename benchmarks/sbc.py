"""Whether the generative model's posteriors are calibrated on data from its own prior, and how far overlaps bias them.

`isolated`: every isobar group has its window to itself, as the model assumes; it must pass. `overlapping`: groups come
in pairs with overlapping windows, of which the likelihood of one window is an approximation; the bias is only measured.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

sys.path.append(str(Path(__file__).resolve().parent.parent / "tests" / "inference"))
from prior_peaks import World
from truth_ranks import FALSE_ALARM, N_RANKED, Calibration, calibrate

SEED = 20
NEIGHBOUR_PPM = 10.0  # between the groups of a pair, a third of the window's width


@dataclass(frozen=True)
class Row:
    """One quantity: p-value of uniform ranks; mean z-score of the truth, its standard error, and the z-scores' SD."""

    quantity: str
    p_value: float
    mean_z: float
    error_of_mean_z: float
    sd_of_z: float


@dataclass(frozen=True)
class Case:
    """One simulator: what was measured, the quantities below the limit, and the cost."""

    case: str
    rows: tuple[Row, ...]
    alarms: tuple[str, ...]
    divergent_share: float
    cpu_s: float


def measure(case: str, world: World, n_replications: int) -> Case:
    """Fit all replications and compare each quantity's truth with its posterior."""
    cpu = time.process_time()
    calibration = calibrate(world, n_replications, SEED)
    rows, share = summarise(calibration), round(calibration.divergent_share, 5)
    return Case(case, rows, tuple(calibration.alarms()), share, round(time.process_time() - cpu, 1))


def summarise(calibration: Calibration) -> tuple[Row, ...]:
    """One row a quantity."""
    p_values, z = calibration.p_values(), calibration.z
    error = z.std(axis=0, ddof=1) / np.sqrt(z.shape[0])
    columns = zip(calibration.names, z.mean(axis=0), error, z.std(axis=0, ddof=1), strict=True)
    return tuple(
        Row(name, float(f"{p_values[name]:.3g}"), *(round(float(value), 3) for value in values))
        for name, *values in columns
    )


def show(case: Case, has_verdict: bool) -> None:
    """Print a case as a table."""
    print(f"\n{case.case}: {case.cpu_s} s of CPU, {case.divergent_share:.2%} of draws divergent")
    print(f"{'quantity':<28} {'p-value':>9} {'mean z':>7} {'+-':>6} {'SD of z':>8} {'verdict' if has_verdict else ''}")
    for row in case.rows:
        verdict = ("ALARM" if row.quantity in case.alarms else "ok") if has_verdict else ""
        print(
            f"{row.quantity:<28} {row.p_value:>9.2g} {row.mean_z:>+7.2f} {row.error_of_mean_z:>6.2f} "
            f"{row.sd_of_z:>8.2f} {verdict}".rstrip()
        )


def main() -> None:
    """Print two tables, then one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replications", type=int, default=300, metavar="N", help="data sets of each case")
    parser.add_argument("--fast", action="store_true", help="60 data sets of each case")
    arguments = parser.parse_args()
    n_replications = 60 if arguments.fast else arguments.replications
    world = World()
    isolated = measure("isolated", world, n_replications)
    overlapping = measure("overlapping", World(neighbour_ppm=NEIGHBOUR_PPM), n_replications)
    size = f"{world.n_peaks} peaks, {world.n_groups} isobar groups"
    print(f"{n_replications} data sets of {size}; {N_RANKED} ranked draws, seed {SEED}")
    print(f"Alarm where p < {FALSE_ALARM:g} / {len(isolated.rows)}. z: (truth - posterior mean) / posterior SD")
    show(isolated, has_verdict=True)
    show(overlapping, has_verdict=False)
    figures = {"benchmark": "sbc", "seed": SEED, "n_replications": n_replications, "neighbour_ppm": NEIGHBOUR_PPM}
    print(json.dumps(figures | {"calibrated": not isolated.alarms, "cases": [asdict(isolated), asdict(overlapping)]}))


if __name__ == "__main__":
    main()
