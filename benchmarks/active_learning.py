"""How many labels each acquisition function saves against asking at random, on data whose truth is known.

Each loop asks about 10 batches of 10 peaks, with an annotator who says the truth, and is scored on the half of the
peaks that it never asks about. The ceiling is a function that knows the truth. A full run takes hours; `--rows FILE`
keeps what is done and goes on from there, and `--seeds` says how many loops there are of each function and data set.
"""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from scipy.optimize import isotonic_regression

from compassign.config import RunConfig, SamplerConfig
from compassign.data.bundled import demo_config
from compassign.data.dataset import Dataset
from compassign.data.load import build_dataset, load_dataset
from compassign.data.simulate import simulate
from compassign.decisions.acquisition import ACQUISITIONS
from compassign.eval_loop import RANDOM, Fitted, LoopSettings, make_refit, run_loop, start_loop
from compassign.oracles import ORACLES
from compassign.posterior.options import named_options
from compassign.units import FloatArray

PUBLIC_TABLES = Path(__file__).resolve().parent.parent.parent / "shared" / "data"
PUBLIC = ("massbank_eawag", "massbank_athens")
SIMULATED = tuple(f"simulated {i}" for i in range(8))
CEILING = "knows the truth"
SMALLEST = 1e-3  # of a probability of the truth, as the log loss has it
N_SEEDS, FAST_SEEDS = 5, 1
N_ROUNDS, FAST_ROUNDS, BATCH_SIZE = 10, 3, 10
N_RESAMPLED = 2000
N_AT_ONCE = 2
SAMPLER = SamplerConfig(draws=250, tune=200, chains=1)  # thousands of fits, none of which is read by itself


@dataclass(frozen=True)
class Case:
    """Loops that share their held-out peaks and their compiled models."""

    dataset: str
    seed: int


Losses = dict[str, list[float]]
"""Log loss after each round, from no label on, of each acquisition function."""


@cache
def load(name: str) -> Dataset:
    """A public table, or the demonstration `medium` drawn anew from the number in the name."""
    if name in PUBLIC:
        return load_dataset(PUBLIC_TABLES / name)
    config = demo_config("medium")
    drawn = simulate(config, np.random.default_rng(1000 + int(name.removeprefix("simulated "))))
    return build_dataset(drawn.tables, drawn.meta, name)


def loss_of_compound(fitted: Fitted) -> FloatArray:
    """Log loss of each peak and of all others that its compound made, (n_peaks,): what labels could mend at most."""
    question, options = fitted.question, fitted.options
    peak_ids, truth = question.dataset.peaks["peak_id"].tolist(), question.dataset.truth or {}
    answers = [truth.get(peak_id, frozenset()) for peak_id in peak_ids]
    is_true = named_options(options, question.dataset.compounds["compound_id"].tolist(), answers)
    loss = -np.log(np.maximum(options.sum_by_peak(np.where(is_true, options.probability, 0.0)), SMALLEST))
    source = [min(answer, default=peak_id) for answer, peak_id in zip(answers, peak_ids, strict=True)]
    of = np.unique(source, return_inverse=True)[1]
    return np.asarray(np.bincount(of, weights=loss)[of])


FUNCTIONS: Mapping[str, str | Callable[[Fitted], FloatArray]] = {
    **{name: name for name in (RANDOM, *ACQUISITIONS)},
    CEILING: loss_of_compound,
}


def losses(case: Case, n_rounds: int) -> Losses:
    """Losses of all functions."""
    loop = start_loop(load(case.dataset), RunConfig(seed=case.seed, sampler=SAMPLER))
    refit = make_refit(loop)
    first = refit({}, 0)  # the same for all
    found = {}
    for name, function in FUNCTIONS.items():
        settings = LoopSettings(function, ORACLES["perfect"], n_rounds, BATCH_SIZE)
        rounds = run_loop(loop, lambda said, number: refit(said, number) if number else first, settings, case.seed)
        found[name] = [state.log_loss for state in rounds]
    return found


def curve(found: FloatArray) -> FloatArray:
    """Mean over loops, as a curve that never rises; found : (n_loops, n_rounds + 1)."""
    return np.asarray(isotonic_regression(found.mean(axis=0), increasing=False).x)


def share_needed(of: FloatArray, good_enough: float) -> float:
    """Share of the labels after which a curve is as good as asked for, between rounds on a line; 1 if it never is."""
    after = int(np.argmax(of <= good_enough))
    if of[after] > good_enough:
        return 1.0
    before = max(after - 1, 0)
    part = (of[before] - good_enough) / (of[before] - of[after]) if of[before] > of[after] else 0.0
    return (before + part) / (of.size - 1)


def saving_of(of: FloatArray, at_random: FloatArray) -> float:
    """Share of the labels that a function saves, -1 to 1: below 0, what asking at random saves against it."""
    if of[-1] <= at_random[-1]:
        return 1.0 - share_needed(of, float(at_random[-1]))
    return share_needed(at_random, float(of[-1])) - 1.0


def read_rows(path: Path | None) -> dict[Case, Losses]:
    """What an earlier run has measured."""
    found: dict[Case, Losses] = {}
    if path is not None and path.exists():
        with path.open(newline="") as file:
            for dataset, seed, function, *row in csv.reader(file):
                found.setdefault(Case(dataset, int(seed)), {})[function] = [float(cell) for cell in row]
    return found


def measure(cases: Sequence[Case], n_rounds: int, rows: Path | None) -> Iterator[tuple[Case, Losses]]:
    """Losses of every case, two at a time, those measured earlier first."""
    done = read_rows(rows)
    yield from ((case, done[case]) for case in cases if case in done)
    with ProcessPoolExecutor(N_AT_ONCE) as pool:
        running = {pool.submit(losses, case, n_rounds): case for case in cases if case not in done}
        for future in as_completed(running):
            case, found = running[future], future.result()
            if rows is not None:
                with rows.open("a", newline="") as file:
                    csv.writer(file).writerows([case.dataset, case.seed, name, *row] for name, row in found.items())
            yield case, found


def savings(found: dict[str, list[Losses]], function: str, rng: np.random.Generator | None = None) -> FloatArray:
    """Saving on each data set, (n_datasets,); with `rng`, of data sets and loops drawn with replacement."""
    names, result = list(found), []
    for name in names if rng is None else rng.choice(names, len(names)):
        loops = found[name]
        kept = loops if rng is None else [loops[i] for i in rng.integers(0, len(loops), len(loops))]
        curves = [curve(np.array([loop[of] for loop in kept])) for of in (function, RANDOM)]
        result.append(saving_of(*curves))
    return np.array(result)


def summarise(found: dict[str, list[Losses]], function: str) -> dict[str, float]:
    """Mean saving over data sets with its interval, and the worst data set."""
    rng, saving = np.random.default_rng(0), savings(found, function)
    drawn = [savings(found, function, rng).mean() for _ in range(N_RESAMPLED)]
    low, high = np.quantile(drawn, [0.025, 0.975])
    return {"saving": saving.mean(), "saving_low": low, "saving_high": high, "worst": saving.min()}


def main() -> None:
    """Print the saving of each function on each data set, then one JSON object about the best."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", nargs="*", help="data sets [default: all, those of the public tables that are here]")
    parser.add_argument("--rows", type=Path, help="CSV file that keeps what is done")
    parser.add_argument("--fast", action="store_true", help="one simulated data set, one seed, 30 labels")
    parser.add_argument("--seeds", type=int, default=N_SEEDS, help="loops of each function on each data set")
    options = parser.parse_args()
    names = options.data or ([SIMULATED[0]] if options.fast else [*SIMULATED, *PUBLIC])
    if unknown := set(names) - {*SIMULATED, *PUBLIC}:
        raise SystemExit(f"{sorted(unknown)}: expected some of {', '.join([*SIMULATED, *PUBLIC])}")
    names = [name for name in names if name in SIMULATED or (PUBLIC_TABLES / name).is_dir()]
    n_seeds, n_rounds = (FAST_SEEDS, FAST_ROUNDS) if options.fast else (options.seeds, N_ROUNDS)
    cases = [Case(name, seed) for seed in range(n_seeds) for name in names]
    found: dict[str, list[Losses]] = {name: [] for name in names}
    for case, of_case in measure(cases, n_rounds, options.rows):
        found[case.dataset].append(of_case)
        ends = ", ".join(f"{function} {row[-1]:.3f}" for function, row in of_case.items())
        print(f"{case.dataset}, seed {case.seed}, from {of_case[RANDOM][0]:.3f} to: {ends}", flush=True)
    found_of = {function: summarise(found, function) for function in (*ACQUISITIONS, CEILING)}
    print(f"{'function':<26}  saved  95 % over data sets   worst data set")
    for function, row in sorted(found_of.items(), key=lambda item: -item[1]["saving"]):
        interval = f"{row['saving_low']:6.1%} to {row['saving_high']:6.1%}"
        print(f"{function:<26} {row['saving']:6.1%}  {interval:<20}  {row['worst']:6.1%}")
    best = max(ACQUISITIONS, key=lambda function: found_of[function]["saving"])
    numbers = {key: round(float(value), 4) for key, value in found_of[best].items()}
    print(json.dumps({"benchmark": "active_learning", "default": best, **numbers}))


if __name__ == "__main__":
    main()
