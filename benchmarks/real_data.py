"""How good the models are on real peaks whose compounds are known, how long a quick run takes, and how much memory.

Every run is a process of its own, as a user starts it: `--quick --label-fraction 0`, so that all truth peaks score it.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PUBLIC_TABLES = ROOT.parent / "shared" / "data"
DATASETS = ("massbank_eawag", "massbank_athens", "plasma_rp30", "plasma_rp20")
FAST_DATASETS = ("massbank_athens",)
MODELS = ("generative", "lookup")
LIMIT = "0.05"
BYTES_PER_MAXRSS = 1 if sys.platform == "darwin" else 1024
BYTES_PER_GB = 1e9
COMPLETE = (0, 3)  # exit codes of runs that wrote their results; 3 says that the verdict is `failed`


@dataclass(frozen=True)
class Row:
    """One run: its scores (None without a truth), verdict and cost.

    accepted, false_share : at 5 %, with the scored peaks ranked alone. wall_s : of the whole command. peak_rss_gb :
    largest resident memory of its process.
    """

    dataset: str
    model: str
    n_scored: int
    top1: float | None
    precision: float | None
    recall: float | None
    log_loss: float | None
    brier: float | None
    ece: float | None
    accepted: int
    false_share: float | None
    verdict: str
    wall_s: float
    peak_rss_gb: float


@dataclass(frozen=True)
class Cost:
    """What a process took."""

    wall_s: float
    peak_rss_gb: float


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


def measure(dataset: Path, model: str, seed: int) -> Row:
    """Fit one model to one dataset and read what it wrote; nothing of the run is kept."""
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder, "output")
        command = [sys.executable, str(ROOT / "scripts" / "train.py"), "--quick", "--label-fraction", "0"]
        command += ["--seed", str(seed), "--model", model, "--data", str(dataset), "--output", str(output)]
        cost = run_to_end(command, Path(folder, "printed.txt"))
        metrics = json.loads((output / "results" / "assignment_metrics.json").read_text(encoding="utf-8"))
    return to_row(dataset.name, model, metrics, cost)


def to_row(dataset: str, model: str, metrics: Mapping[str, Any], cost: Cost) -> Row:
    """Pick the figures of a run from its metrics."""
    level = metrics["fdr"][LIMIT]
    scores = {name: metrics[name] for name in ("top1", "precision", "recall", "log_loss", "brier", "ece")}
    return Row(
        dataset=dataset,
        model=model,
        n_scored=metrics["n_scored"],
        **scores,
        accepted=level["n_accepted_of_scored"],
        false_share=level["false_share_of_scored"],
        verdict=metrics["verdict"],
        wall_s=cost.wall_s,
        peak_rss_gb=cost.peak_rss_gb,
    )


HEADER = (
    "| dataset | model | top-1 | precision | recall | log loss | Brier | ECE | accepted at 5 % (truly false) | verdict "
    "| seconds | peak GB |"
)


def formatted(row: Row) -> str:
    """One line of a Markdown table."""
    scores = (row.top1, row.precision, row.recall, row.log_loss, row.brier, row.ece)
    share = "-" if row.false_share is None else f"{row.false_share:.1%}"
    cells = [f"`{row.dataset}`", f"`{row.model}`", *("-" if score is None else f"{score:.3f}" for score in scores)]
    cells += [f"{row.accepted} of {row.n_scored} ({share})", row.verdict, f"{row.wall_s:.0f}", f"{row.peak_rss_gb:.2f}"]
    return f"| {' | '.join(cells)} |"


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
    parser.add_argument("--seed", type=int, default=0, help="of every run [default: %(default)s]")
    parser.add_argument("--fast", action="store_true", help=f"only {', '.join(FAST_DATASETS)}")
    options = parser.parse_args()
    datasets = chosen_datasets(options.data, options.fast)
    print(HEADER)
    print("|---" * HEADER.count(" | ") + "|---|", flush=True)
    rows = []
    for dataset in datasets:
        for model in options.models.split(","):
            rows.append(measure(dataset, model.strip(), options.seed))
            print(formatted(rows[-1]), flush=True)
    print(json.dumps({"benchmark": "real_data", "seed": options.seed, "runs": [asdict(row) for row in rows]}))


if __name__ == "__main__":
    main()
