"""How many labels each acquisition function saves against asking at random, on data whose truth is known.

Each loop asks about batches of 10 peaks, with an annotator who says the truth, until the held-out peaks are predicted
as well as after 100 labels at random. A full run takes hours; `--rows FILE` keeps what is done, and goes on from there.
"""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from compassign.cli_simulate import SAMPLER
from compassign.config import RunConfig
from compassign.data.bundled import demo_config
from compassign.data.dataset import Dataset
from compassign.data.load import build_dataset, load_dataset
from compassign.data.simulate import simulate
from compassign.decisions.acquisition import ACQUISITIONS
from compassign.eval_loop import RANDOM, LoopSettings, make_refit, run_loop, start_loop
from compassign.oracles import ORACLES

PUBLIC_TABLES = Path(__file__).resolve().parent.parent.parent / "shared" / "data"
PUBLIC = ("massbank_eawag", "massbank_athens")
N_SIMULATED, FAST_SIMULATED = 8, 1
N_SEEDS, FAST_SEEDS = 5, 1
N_ROUNDS, FAST_ROUNDS, BATCH_SIZE = 10, 3, 10
N_RESAMPLED = 2000


@dataclass(frozen=True)
class Case:
    """One loop."""

    dataset: str
    seed: int
    acquisition: str


@cache
def load(name: str) -> Dataset:
    """A public table, or the demonstration `medium` drawn anew from the number in the name."""
    if name in PUBLIC:
        return load_dataset(PUBLIC_TABLES / name)
    config = demo_config("medium")
    drawn = simulate(config, np.random.default_rng(1000 + int(name.removeprefix("simulated "))))
    return build_dataset(drawn.tables, drawn.meta, name)


def losses(case: Case, n_rounds: int, good_enough: float) -> list[float]:
    """Log loss after each round, from no label on; ends where it is as good as asked for."""
    dataset, config = load(case.dataset), RunConfig(seed=case.seed, sampler=SAMPLER)
    loop = start_loop(dataset, config)
    settings = LoopSettings(case.acquisition, ORACLES["perfect"], n_rounds, BATCH_SIZE)
    found = []
    for state in run_loop(loop, make_refit(loop), settings, case.seed):
        found.append(state.log_loss)
        if state.log_loss <= good_enough:
            break
    return found


def labels_needed(found: Sequence[float], good_enough: float, most: int) -> float:
    """Labels until the log loss is as good as asked for, interpolated between rounds; `most` if it never is."""
    for number, (before, after) in enumerate(zip(found, found[1:], strict=False)):
        if after <= good_enough:
            share = (before - good_enough) / (before - after) if before > after else 1.0
            return BATCH_SIZE * (number + max(share, 0.0))
    return float(most)


def read_rows(path: Path | None) -> dict[Case, list[float]]:
    """What an earlier run has measured."""
    if path is None or not path.exists():
        return {}
    with path.open(newline="") as file:
        rows = list(csv.reader(file))
    return {Case(row[0], int(row[1]), row[2]): [float(cell) for cell in row[3:]] for row in rows}


def measure(cases: Sequence[Case], n_rounds: int, rows: Path | None) -> Iterator[tuple[Case, list[float]]]:
    """Log losses of every case; the random one of a data set and seed comes first, and says how good is enough."""
    done = read_rows(rows)
    at_random: dict[tuple[str, int], float] = {}
    for case in cases:
        key = (case.dataset, case.seed)
        if case not in done:
            done[case] = losses(case, n_rounds, at_random.get(key, -np.inf))
            if rows is not None:
                with rows.open("a", newline="") as file:
                    csv.writer(file).writerow([case.dataset, case.seed, case.acquisition, *done[case]])
        if case.acquisition == RANDOM:
            at_random[key] = done[case][-1]
        yield case, done[case]


def summarise(saving: np.ndarray) -> dict[str, float]:
    """Mean saving over data sets with its interval; saving : (n_datasets,) mean over seeds."""
    drawn = np.random.default_rng(0).choice(saving, (N_RESAMPLED, saving.size)).mean(axis=1)
    low, high = np.quantile(drawn, [0.025, 0.975])
    return {"saving": saving.mean(), "saving_low": low, "saving_high": high, "worst": saving.min()}


def main() -> None:
    """Print the saving of each function on each data set, then one JSON object about the best."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=Path, help="CSV file that keeps what is done")
    parser.add_argument("--fast", action="store_true", help="one simulated data set, one seed, 30 labels")
    options = parser.parse_args()
    names = [f"simulated {i}" for i in range(FAST_SIMULATED if options.fast else N_SIMULATED)]
    names += [] if options.fast else [name for name in PUBLIC if (PUBLIC_TABLES / name).is_dir()]
    n_seeds, n_rounds = (FAST_SEEDS, FAST_ROUNDS) if options.fast else (N_SEEDS, N_ROUNDS)
    functions = [RANDOM, *ACQUISITIONS]
    cases = [Case(name, seed, function) for name in names for seed in range(n_seeds) for function in functions]
    most, target = n_rounds * BATCH_SIZE, np.nan
    saving: dict[str, dict[str, list[float]]] = {function: {name: [] for name in names} for function in ACQUISITIONS}
    for case, found in measure(cases, n_rounds, options.rows):
        if case.acquisition == RANDOM:
            target = found[-1]
            continue
        needed = labels_needed(found, target, most)
        saving[case.acquisition][case.dataset].append(1.0 - needed / most)
        print(f"{case.dataset:<16} seed {case.seed}  {case.acquisition:<26} {needed:5.0f} of {most} labels", flush=True)
    means = {function: np.array([np.mean(of[name]) for name in names]) for function, of in saving.items()}
    found_of = {function: summarise(values) for function, values in means.items()}
    print(f"{'function':<26}  saved  95 % over data sets   worst data set")
    for function, row in sorted(found_of.items(), key=lambda item: -item[1]["saving"]):
        interval = f"{row['saving_low']:6.1%} to {row['saving_high']:6.1%}"
        print(f"{function:<26} {row['saving']:6.1%}  {interval:<20}  {row['worst']:6.1%}")
    best = max(found_of, key=lambda function: found_of[function]["saving"])
    numbers = {key: round(float(value), 4) for key, value in found_of[best].items()}
    print(json.dumps({"benchmark": "active_learning", "default": best, **numbers}))


if __name__ == "__main__":
    main()
