"""How well RTs on other chromatographic systems predict ours, and whether the intervals are honest.

On public systems, in turn taken for ours: the other systems are of other laboratories or columns, a few compounds are
calibrants, the others are predicted by the RT stage as in any run.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from compassign.config import SamplerConfig
from compassign.data.load import build_dataset
from compassign.inference.rt_stage import run_rt_stage
from compassign.models.student import quantile
from compassign.progress import SilentProgress
from compassign.units import BoolArray, FloatArray, IntArray

FOLDER = Path(__file__).parents[2] / "shared" / "data" / "report_rt"
SEED = 8
N_SYSTEMS = 10
N_LIBRARY = 600  # compounds of a system, drawn from those that it has
N_CALIBRANTS = (10, 30, 100)
MIN_ELSEWHERE = 200  # compounds of the library that other systems have: as many are scored as calibrate
TWIN_SHARE = 0.01  # of the RT span: systems whose RTs differ less are one method, whatever their names
MIN_SHARED = 10  # compounds by which two systems can be found to be twins
LEVEL = 0.9  # of the intervals
N_RESAMPLED = 1000


@dataclass(frozen=True)
class Case:
    """One system taken for ours: others_min (n_compounds, n_systems), known_min, formula, smiles (n_compounds,)."""

    system: str
    others_min: FloatArray
    known_min: FloatArray
    formula: list[str]
    smiles: list[str]

    @property
    def is_elsewhere(self) -> BoolArray:
        """(n_compounds,) measured on another system."""
        return np.isfinite(self.others_min).any(axis=1)


@dataclass(frozen=True)
class Score:
    """Of one system and number of calibrants; errors are medians in minutes, those of compounds that `line` has too.

    covered : share of intervals that hold the RT, of compounds seen elsewhere and nowhere. n_elsewhere, n_nowhere : how
    many. ordered : pairs of isomers, by formula, in the right order and in all.
    """

    system: str
    n_calibrants: int
    covered: float
    n_elsewhere: int
    covered_nowhere: float
    n_nowhere: int
    error_min: float
    line_error_min: float
    n_errors: int
    ordered: dict[str, tuple[int, int]]
    verdict: str
    seconds: float


def read_systems(folder: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """RTs (compounds by systems, one system of each family) and the compounds' formula and SMILES."""
    systems = pd.read_csv(folder / "systems.csv", dtype={"system_id": str})
    largest = systems.sort_values("n_compounds", ascending=False, kind="stable").drop_duplicates("family")
    rows = pd.read_csv(folder / "rt.csv.gz", dtype={"system_id": str})
    rows = rows[rows["system_id"].isin(largest["system_id"])]
    rows = rows.assign(skeleton=rows["inchikey"].str[:14])
    times = rows.pivot_table("rt_min", "skeleton", "system_id", "median")
    reversed_phase = largest.loc[largest["method_type"] == "RP", "system_id"]
    ordered = [*reversed_phase, *largest.loc[~largest["system_id"].isin(reversed_phase), "system_id"]]
    about = rows.drop_duplicates("skeleton").set_index("skeleton")[["formula", "smiles"]]
    return times[ordered], about.loc[times.index]


def draw_cases(times: pd.DataFrame, about: pd.DataFrame, n_cases: int) -> Iterator[Case]:
    """The largest systems that have enough compounds in common with others, without those that repeat another."""
    used: list[str] = []
    for name in times.columns:
        rng = np.random.default_rng([SEED, int(name)])
        own = times[name].dropna()
        own = own.iloc[np.sort(rng.choice(len(own), min(N_LIBRARY, len(own)), replace=False))]
        others = times.loc[own.index].drop(columns=name)
        differences = others.sub(own, axis=0).abs().median() / np.ptp(own)
        is_twin = (differences < TWIN_SHARE) & (others.notna().sum() >= MIN_SHARED)
        others = others.loc[:, ~is_twin]
        if (others.notna().any(axis=1)).sum() < MIN_ELSEWHERE or set(is_twin.index[is_twin]) & set(used):
            continue
        used.append(name)
        text = about.loc[own.index].fillna("")
        yield Case(name, others.to_numpy(), own.to_numpy(), text["formula"].tolist(), text["smiles"].tolist())
        if len(used) == n_cases:
            return


def score(case: Case, n_calibrants: int) -> Score:
    """Run the RT stage with some of the compounds as calibrants and compare the others with what was measured."""
    rng = np.random.default_rng([SEED, int(case.system), n_calibrants])
    calibrant = rng.choice(np.flatnonzero(case.is_elsewhere), n_calibrants, replace=False)
    ids = np.array([f"C{row}" for row in range(case.known_min.size)])
    measured = np.argwhere(np.isfinite(case.others_min))
    # RTs of peaks say how long the gradient is; m/z are not looked at
    peaks = {"peak_id": ids, "species": "all", "mz": 100.0, "rt_min": case.known_min, "intensity": 1.0}
    compounds = {"compound_id": ids, "name": ids, "exact_mass": 100.0, "smiles": case.smiles}
    tables = {
        "peaks": pd.DataFrame({**peaks, "polarity": "positive"}),
        "compounds": pd.DataFrame(compounds),
        "calibrants": pd.DataFrame(
            {"species": "all", "compound_id": ids[calibrant], "rt_min": case.known_min[calibrant]}
        ),
        "retention": pd.DataFrame(
            {
                "system": [f"S{system}" for system in measured[:, 1]],
                "compound_id": ids[measured[:, 0]],
                "rt_min": case.others_min[tuple(measured.T)],
            }
        ),
    }
    start = time.perf_counter()
    stage = run_rt_stage(build_dataset(tables, {}, case.system), SamplerConfig(quick=True), SEED, SilentProgress())
    seconds = time.perf_counter() - start
    mean, sd = stage.predictions.mean_min[0, 0], stage.predictions.sd_min[0, 0]
    half = float(quantile(np.array([0.5 + LEVEL / 2]))[0]) * np.hypot(sd, stage.predictions.noise_sd_min)
    error = np.abs(case.known_min - mean)
    is_new = np.isfinite(mean) & ~np.isin(np.arange(ids.size), calibrant)
    elsewhere, nowhere = is_new & case.is_elsewhere, is_new & ~case.is_elsewhere
    line = np.abs(case.known_min - best_line(case, calibrant))
    both = elsewhere & np.isfinite(line)
    return Score(
        system=case.system,
        n_calibrants=n_calibrants,
        covered=float((error < half)[elsewhere].mean()),
        n_elsewhere=int(elsewhere.sum()),
        covered_nowhere=float((error < half)[nowhere].mean()) if nowhere.any() else 0.0,
        n_nowhere=int(nowhere.sum()),
        error_min=float(np.median(error[both])),
        line_error_min=float(np.median(line[both])),
        n_errors=int(both.sum()),
        ordered=isomer_order(case, mean, elsewhere),
        verdict=stage.verdict.verdict if stage.verdict else "",
        seconds=seconds,
    )


def best_line(case: Case, calibrant: IntArray) -> FloatArray:
    """RT by a straight line from the system that shares most compounds with ours, of those with two calibrants."""
    n_shared, n_known = np.isfinite(case.others_min).sum(axis=0), np.isfinite(case.others_min[calibrant]).sum(axis=0)
    other = case.others_min[:, np.argmax(np.where(n_known > 1, n_shared, 0))]
    known = calibrant[np.isfinite(other[calibrant])]
    return np.asarray(np.polyval(np.polyfit(other[known], case.known_min[known], 1), other))


def isomer_order(case: Case, mean_min: FloatArray, is_scored: BoolArray) -> dict[str, tuple[int, int]]:
    """Pairs of equal formula and different RT: predicted in the right order, and in all, of each formula."""
    table = pd.DataFrame({"formula": case.formula, "known": case.known_min, "mean": mean_min})[is_scored]
    found = {}
    for formula, group in table.groupby("formula"):
        first, second = np.triu_indices(len(group), 1)
        known, mean = group["known"].to_numpy(), group["mean"].to_numpy()
        product = ((known[first] - known[second]) * (mean[first] - mean[second]))[known[first] != known[second]]
        if product.size:
            found[str(formula)] = (int((product > 0).sum()), product.size)
    return found


def coverage(rows: list[Score], where: str, rng: np.random.Generator) -> dict[str, float | int]:
    """Share of intervals that hold the RT, of compounds `elsewhere` or `nowhere`, with 95 % from systems resampled."""
    name = "covered" if where == "elsewhere" else "covered_nowhere"
    n_compounds = np.array([getattr(row, f"n_{where}") for row in rows])
    n_held = n_compounds * [getattr(row, name) for row in rows]
    drawn = rng.integers(0, len(rows), (N_RESAMPLED, len(rows)))
    low, high = np.quantile(n_held[drawn].sum(axis=1) / n_compounds[drawn].sum(axis=1), [0.025, 0.975])
    share = float(n_held.sum() / n_compounds.sum())
    return {name: share, f"{name}_low": float(low), f"{name}_high": float(high), f"n_{where}": int(n_compounds.sum())}


def summarise(rows: list[Score], n_calibrants: int) -> dict[str, float | int]:
    """Over systems: compounds count once in coverage, systems once in the error; intervals of 95 % resample systems."""
    rng, chosen = np.random.default_rng(SEED), [row for row in rows if row.n_calibrants == n_calibrants]
    ratio = np.log([row.error_min / row.line_error_min for row in chosen])
    resampled = rng.choice(ratio, (N_RESAMPLED, ratio.size)).mean(axis=1)
    low, high = np.expm1(np.quantile(resampled, [0.025, 0.975]))
    pairs = np.array([pair for row in chosen for pair in row.ordered.values()])  # (n_formulas, 2)
    sums = pairs[rng.integers(0, len(pairs), (N_RESAMPLED, len(pairs)))].sum(axis=1)
    order_low, order_high = np.quantile(sums[:, 0] / sums[:, 1], [0.025, 0.975])
    return {
        "n_calibrants": n_calibrants,
        "n_systems": len(chosen),
        **coverage(chosen, "elsewhere", rng),
        **coverage(chosen, "nowhere", rng),
        "error_change": float(np.expm1(ratio.mean())),
        "error_change_low": float(low),
        "error_change_high": float(high),
        "order_right": float(pairs[:, 0].sum() / pairs[:, 1].sum()),
        "order_low": float(order_low),
        "order_high": float(order_high),
        "n_pairs": int(pairs[:, 1].sum()),
        "seconds": float(np.median([row.seconds for row in chosen])),
    }


def main() -> None:
    """Print the systems, then what they say together, then one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fast", action="store_true", help="three systems, 10 and 30 calibrants")
    is_fast = parser.parse_args().fast
    numbers = N_CALIBRANTS[:2] if is_fast else N_CALIBRANTS
    times, about = read_systems(FOLDER)
    rows = []
    print("system  calibrants  elsewhere: n, covered  nowhere: n, covered  error min  line min  verdict    seconds")
    for case in draw_cases(times, about, 3 if is_fast else N_SYSTEMS):
        for n_calibrants in numbers:
            row = score(case, n_calibrants)
            rows.append(row)
            print(
                f"{row.system:<6} {row.n_calibrants:>11} {row.n_elsewhere:>13} {row.covered:>8.0%} "
                f"{row.n_nowhere:>12} {row.covered_nowhere:>8.0%} {row.error_min:>11.3f} {row.line_error_min:>9.3f}  "
                f"{row.verdict:<10} {row.seconds:>6.1f}",
                flush=True,
            )
    together = [summarise(rows, n_calibrants) for n_calibrants in numbers]
    print(
        "\ncalibrants  covered elsewhere        nowhere                 error against the line    isomers in order"
        "             seconds"
    )
    for figures in together:
        print(
            "{n_calibrants:>10}  {covered:.1%} ({covered_low:.1%} to {covered_high:.1%})  "
            "{covered_nowhere:.1%} ({covered_nowhere_low:.1%} to {covered_nowhere_high:.1%}) {error_change:>+8.0%} "
            "({error_change_low:+.0%} to {error_change_high:+.0%}) {order_right:>9.0%} of {n_pairs} "
            "({order_low:.0%} to {order_high:.0%}) {seconds:>11.1f}".format(**figures)
        )
    systems = [{name: value for name, value in asdict(row).items() if name != "ordered"} for row in rows]
    print(json.dumps({"benchmark": "retention", "seed": SEED, "together": together, "systems": systems}))


if __name__ == "__main__":
    main()
