"""How good the models are on peaks whose compounds are known, and what each kind of evidence is worth.

Every run is a process of its own, as a user starts it: `--quick --label-fraction 0`, so that all truth peaks score it,
or with `--labels N` about N of them as labels, drawn by compound, anew for each of `--seeds`. With `--drawn N` the data
are not real tables but N demonstrations, drawn anew. Intervals are of 95 % and resample compounds, because the peaks of
a compound are right or wrong together.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from typing import get_args

import numpy as np
import pandas as pd

from compassign.config import Evidence
from compassign.data.bundled import demo_config
from compassign.data.simulate import simulate, write_dataset
from compassign.decisions.fdr import q_values
from compassign.evaluation.comparison import cluster_by_truth
from compassign.queries.calibration import scores
from compassign.queries.compare import compare
from compassign.queries.run_folder import Run, load_run
from compassign.units import FloatArray, IntArray

ROOT = Path(__file__).resolve().parent.parent
PUBLIC_TABLES = ROOT.parent / "shared" / "data"
DATASETS = ("massbank_eawag", "massbank_athens", "plasma_rp30", "plasma_rp20")
FAST_DATASETS = ("massbank_athens",)
MODELS = ("generative", "lookup", "calibrated", "softmax")
BASELINE = MODELS[0]  # all others are set against it
WITHOUT = "without "  # before a kind of evidence: the generative model without it
LIMITS = ("0.05", "0.1")
N_RESAMPLED = 2000
TAILS = (0.025, 0.975)
BYTES_PER_MAXRSS = 1 if sys.platform == "darwin" else 1024
BYTES_PER_GB = 1e9
DRAWN, FIRST_DRAWN = "demonstration", 1000  # name and first seed of those that are drawn anew
COMPLETE = (0, 3)  # exit codes of runs that wrote their results; 3 says that the verdict is `failed`

# Goals for the generative model without labels: what a claim of a false-discovery rate has to keep
MAX_MISCALIBRATION = 0.05  # of the uncertainty
STANDARD_ERRORS = 1.64  # that the false share may lie above its limit on one dataset
MAX_POOLED = 1.2  # times the limit, over all datasets
MIN_JUDGED = 60  # accepted peaks; fewer say nothing
MAX_LOG_LOSS = {"massbank_eawag": 0.70, "massbank_athens": 1.10, "plasma_rp30": 1.3, "plasma_rp20": 1.3}
MIN_TOP1 = {"plasma_rp30": 0.55, "plasma_rp20": 0.55}
LOOKUP_ACCEPTED = {"massbank_eawag": (159, 3.0), "massbank_athens": (52, 2.0)}  # at 5 % by common practice, and times


@dataclass(frozen=True)
class Interval:
    """A mean over scored peaks with its 95 % interval; None where there is nothing to take it of."""

    value: float | None
    low: float | None = None
    high: float | None = None

    def text(self, form: str) -> str:
        """The number and its interval, or a dash."""
        if self.value is None:
            return "-"
        return f"{self.value:{form}}" + ("" if self.low is None else f" ({self.low:{form}} to {self.high:{form}})")


@dataclass(frozen=True)
class Accepted:
    """What a run accepts at one limit with the scored peaks ranked alone, and the share that is false."""

    n: int
    false_share: Interval


@dataclass(frozen=True)
class Labels:
    """How many of the truth peaks are given to a fit, about, and the seed of the run, which draws them."""

    n: int
    seed: int

    def share_of(self, dataset: Path) -> float:
        """The same as a share of the truth of a dataset."""
        return min(self.n / len(pd.read_csv(dataset / "truth.csv")), 0.9)


@dataclass(frozen=True)
class Cost:
    """What a process took: seconds of the whole command, and the largest resident memory of its process."""

    wall_s: float
    peak_rss_gb: float


@dataclass(frozen=True)
class Row:
    """One run: its scores, verdict and cost.

    model : its name, or WITHOUT and a kind of evidence. n_labels : peaks given to the fit, about. worse_by : log loss
    minus that of BASELINE on the same peaks. miscalibration : of the calls, a share of the uncertainty. accepted : by
    limit.
    """

    dataset: str
    model: str
    seed: int
    n_labels: int
    n_scored: int
    top1: Interval
    precision: float | None
    recall: float | None
    log_loss: Interval
    worse_by: Interval
    brier: Interval
    miscalibration: float | None
    accepted: dict[str, Accepted]
    verdict: str
    cost: Cost


def run_to_end(command: Sequence[str], log: Path) -> Cost:
    """Run a command; what it prints goes to `log`. Leaves the program where it does not complete."""
    environment = {"OMP_NUM_THREADS": "1", **os.environ}  # as scripts/run_training.sh
    started = time.perf_counter()
    with log.open("w") as printed:
        process = subprocess.Popen(command, stdout=printed, stderr=subprocess.STDOUT, env=environment)
        # not RUSAGE_CHILDREN: that would be the largest of all runs so far
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in COMPLETE:
        raise SystemExit(f"{log.read_text()}\nexit code {process.returncode}: {' '.join(command)}")
    return Cost(
        wall_s=round(time.perf_counter() - started, 1),
        peak_rss_gb=round(usage.ru_maxrss * BYTES_PER_MAXRSS / BYTES_PER_GB, 2),
    )


def fit(dataset: Path, model: str, labels: Labels, output: Path) -> tuple[Run, Cost]:
    """Fit one model to one dataset as a user does; model : as in `Row`."""
    command = [sys.executable, str(ROOT / "scripts" / "train.py"), "--quick"]
    command += ["--label-fraction", f"{labels.share_of(dataset):.6f}", "--seed", str(labels.seed)]
    if model.startswith(WITHOUT):
        command += ["--without", model.removeprefix(WITHOUT), "--model", BASELINE]
    else:
        command += ["--model", model]
    command += ["--data", str(dataset.resolve()), "--output", str(output)]
    cost = run_to_end(command, output.with_suffix(".txt"))
    return load_run((output / "results").resolve().parent), cost


def evidence_of(dataset: Path) -> list[str]:
    """The kinds of evidence that leaving out changes something."""
    peaks, compounds = (pd.read_csv(dataset / name, dtype=str) for name in ("peaks.csv", "compounds.csv"))
    found = {
        "known_in": "known_in" in compounds and bool(compounds["known_in"].notna().any()),
        "spectra": (dataset / "spectra").exists(),
        "upstream": "adduct" in peaks and bool(peaks["adduct"].notna().any()),
    }
    return [name for name in get_args(Evidence) if found.get(name, True)]


def measure(dataset: Path, models: Sequence[str], labels: Labels) -> list[Row]:
    """Fit every model to one dataset and set them against the first; nothing of the runs is kept."""
    with tempfile.TemporaryDirectory() as folder:
        fitted = [fit(dataset, model, labels, Path(folder, model.replace(" ", "-"))) for model in models]
        baseline = fitted[0][0]
        return [
            to_row(dataset.name, model, labels, (run, cost), None if run is baseline else baseline)
            for model, (run, cost) in zip(models, fitted, strict=True)
        ]


def to_row(dataset: str, model: str, labels: Labels, fitted: tuple[Run, Cost], baseline: Run | None) -> Row:
    """Pick the figures of a run from its metrics, and add intervals to those that are means over peaks."""
    run, cost = fitted
    table, metrics, truth = scores(run), run.metrics, run.truth or {}
    cluster = cluster_by_truth([truth[peak_id] for peak_id in table["peak_id"]])
    means = {
        name: mean(table[column].to_numpy(dtype=np.float64), cluster)
        for name, column in (("top1", "is_right"), ("log_loss", "log_loss"), ("brier", "brier"))
    }
    q_value = q_values(run.peaks["pep"].to_numpy(dtype=np.float64)[table.index])
    is_wrong = 1.0 - table["is_right"].to_numpy(dtype=np.float64)
    accepted = {}
    for limit in LIMITS:
        kept = q_value <= float(limit)
        accepted[limit] = Accepted(int(kept.sum()), mean(is_wrong[kept], cluster[kept]))
    calls = metrics["calibration"]["views"]["call"]["all"] if metrics["calibration"] else None
    return Row(
        dataset=dataset,
        model=model,
        seed=labels.seed,
        n_labels=labels.n,
        n_scored=metrics["n_scored"],
        **means,
        precision=metrics["precision"],
        recall=metrics["recall"],
        worse_by=difference(baseline, run),
        miscalibration=calls and calls["miscalibration"]["value"] / calls["uncertainty"]["value"],
        accepted=accepted,
        verdict=metrics["verdict"],
        cost=cost,
    )


def mean(values: FloatArray, cluster: IntArray) -> Interval:
    """The mean and its interval from resampled clusters; values : (n,), cluster : (n,)."""
    if not values.size:
        return Interval(None)
    of = np.unique(cluster, return_inverse=True)[1]
    total, size = np.bincount(of, weights=values), np.bincount(of)
    times = np.random.default_rng(0).multinomial(size.size, np.full(size.size, 1.0 / size.size), size=N_RESAMPLED)
    low, high = np.quantile((times @ total) / (times @ size), TAILS)
    return Interval(float(values.mean()), float(low), float(high))


def difference(baseline: Run | None, run: Run) -> Interval:
    """How much larger the log loss of a run is than the baseline's on the same peaks."""
    paired = None if baseline is None else compare(baseline, run).paired
    if paired is None:
        return Interval(None)
    found = paired.of("log_loss")
    return Interval(found.difference, found.low, found.high)


HEADER = (
    "| dataset | model | labels | top-1 | precision | recall | log loss | worse by | Brier "
    "| miscalibration of uncertainty | accepted at 5 % (truly false) | accepted at 10 % (truly false) "
    "| verdict | seconds | peak GB |"
)


def formatted(row: Row) -> str:
    """One line of a Markdown table."""
    cells = [f"`{row.dataset}`", f"`{row.model}`", f"{row.n_labels}", row.top1.text(".3f")]
    cells += ["-" if score is None else f"{score:.3f}" for score in (row.precision, row.recall)]
    cells += [row.log_loss.text(".3f"), row.worse_by.text("+.3f"), row.brier.text(".3f")]
    cells += ["-" if row.miscalibration is None else f"{row.miscalibration:.1%}"]
    cells += [f"{level.n} of {row.n_scored}: {level.false_share.text('.1%')}" for level in row.accepted.values()]
    cells += [row.verdict, f"{row.cost.wall_s:.0f}", f"{row.cost.peak_rss_gb:.2f}"]
    return f"| {' | '.join(cells)} |"


def summarised(rows: Sequence[Row]) -> list[str]:
    """Of each model on each dataset: mean log loss and top-1 over runs, and what is false at 5 % in all of them."""
    lines = []
    for dataset, model in dict.fromkeys((row.dataset, row.model) for row in rows):
        own = [row for row in rows if (row.dataset, row.model) == (dataset, model)]
        losses, right = ([getattr(row, name).value or np.nan for row in own] for name in ("log_loss", "top1"))
        n = sum(row.accepted[LIMITS[0]].n for row in own)
        n_false = sum(row.accepted[LIMITS[0]].n * (row.accepted[LIMITS[0]].false_share.value or 0) for row in own)
        false = f"{n_false / n:.1%}" if n else "-"
        lines.append(
            f"{dataset}, {model}, {len(own)} runs: log loss {np.mean(losses):.3f} (SD {np.std(losses):.3f}), "
            f"top-1 {np.mean(right):.3f}, {n / len(own):.0f} accepted at 5 %, {false} of them false"
        )
    return lines


def missed_goals(rows: Sequence[Row]) -> list[str]:
    """What the generative model should reach without labels and did not."""
    judged = [row for row in rows if row.model == BASELINE and row.dataset in LOOKUP_ACCEPTED]
    missed = []
    for row in rows:
        if row.model == BASELINE and (row.log_loss.value or 0.0) > MAX_LOG_LOSS.get(row.dataset, np.inf):
            missed.append(f"{row.dataset}: log loss {row.log_loss.value:.3f}, goal {MAX_LOG_LOSS[row.dataset]}")
        if row.model == BASELINE and (row.top1.value or 0.0) < MIN_TOP1.get(row.dataset, 0.0):
            missed.append(f"{row.dataset}: top-1 {row.top1.value:.3f}, goal {MIN_TOP1[row.dataset]}")
    for row in judged:
        if row.miscalibration is not None and row.miscalibration > MAX_MISCALIBRATION:
            missed.append(f"{row.dataset}: miscalibration {row.miscalibration:.1%} of uncertainty")
        common, times = LOOKUP_ACCEPTED[row.dataset]
        if row.accepted[LIMITS[0]].n < times * common:
            missed.append(f"{row.dataset}: {row.accepted[LIMITS[0]].n} accepted, expected {times * common:.0f}")
        missed += [
            f"{row.dataset}: {level.false_share.text('.1%')} of {level.n} false at {float(limit):.0%}"
            for limit, level in row.accepted.items()
            if is_above(level, float(limit))
        ]
    for limit in LIMITS:
        levels = [row.accepted[limit] for row in judged]
        n, n_false = sum(level.n for level in levels), sum(level.n * (level.false_share.value or 0) for level in levels)
        if n >= MIN_JUDGED and n_false / n > MAX_POOLED * float(limit):
            missed.append(f"pooled: {n_false / n:.1%} of {n} false at {float(limit):.0%}")
    return missed


def is_above(level: Accepted, limit: float) -> bool:
    """Whether more is false than the limit allows by chance."""
    if level.n < MIN_JUDGED or level.false_share.value is None:
        return False
    return bool(level.false_share.value > limit + STANDARD_ERRORS * np.sqrt(limit * (1.0 - limit) / level.n))


def drawn_datasets(n: int, folder: Path) -> list[Path]:
    """Demonstrations that are drawn anew into a folder, as folders of one name."""
    found = [folder / str(number) / DRAWN for number in range(n)]
    for number, path in enumerate(found):
        write_dataset(simulate(demo_config("medium"), np.random.default_rng(FIRST_DRAWN + number)), path)
    return found


def chosen_datasets(given: Sequence[Path], is_fast: bool) -> list[Path]:
    """The folders given, else those public tables that are here."""
    if given:
        return list(given)
    found = [PUBLIC_TABLES / name for name in (FAST_DATASETS if is_fast else DATASETS)]
    present = [folder for folder in found if folder.is_dir()]
    if not present:
        raise SystemExit(f"{PUBLIC_TABLES}: none of {', '.join(DATASETS)} is here; name dataset folders with truth.csv")
    return present


def main() -> None:
    """Print a Markdown table row by row, then one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", nargs="*", type=Path, help="dataset folders [default: the public tables that are here]")
    parser.add_argument("--models", default=",".join(MODELS), help="comma-separated [default: %(default)s]")
    parser.add_argument("--labels", type=int, default=0, help="truth peaks given to the fits [default: %(default)s]")
    parser.add_argument("--seed", type=int, default=0, help="of the first runs [default: %(default)s]")
    parser.add_argument("--seeds", type=int, default=1, help="runs of each kind [default: %(default)s]")
    parser.add_argument("--evidence", action="store_true", help="also leave out each kind of evidence in turn")
    parser.add_argument("--drawn", type=int, default=0, help="demonstrations to be drawn in place of real tables")
    parser.add_argument("--fast", action="store_true", help=f"only {', '.join(FAST_DATASETS)}")
    options = parser.parse_args()
    print(HEADER)
    print("|---" * HEADER.count(" | ") + "|---|", flush=True)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        drawn = drawn_datasets(options.drawn, Path(folder))
        datasets = drawn or chosen_datasets(options.data, options.fast)
        for dataset, seed in product(datasets, range(options.seed, options.seed + options.seeds)):
            models = [model.strip() for model in options.models.split(",")]
            models += [f"{WITHOUT}{name}" for name in evidence_of(dataset)] if options.evidence else []
            found = measure(dataset, models, Labels(options.labels, seed))
            print("\n".join(formatted(row) for row in found), flush=True)
            rows += found
    if options.seeds > 1 or options.drawn > 1:
        print("\n".join(summarised(rows)))
    missed = [] if options.labels else missed_goals(rows)
    print("goals missed:", "; ".join(missed) or "none")
    runs = [asdict(row) for row in rows]
    print(json.dumps({"benchmark": "accuracy", "labels": options.labels, "runs": runs, "missed": missed}))


if __name__ == "__main__":
    main()
