"""What `compassign simulate` found out: how much a model learns from each batch of answers."""

from __future__ import annotations

import shlex
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from compassign.config import RunConfig
from compassign.errors import InputError

RANDOM = "random"  # as `compassign.eval_loop`, whose import takes seconds, has it
LEARNING = "learning"  # folder in an output folder: one folder a dataset, one table a loop
N_SEEDS = 5  # loops of each acquisition that the pages propose: fewer show no band
MEASURES = {
    "log_loss": "log loss",
    "brier": "Brier score",
    "top1": "share of right calls",
    "n_accepted": "accepted at 5 %",
    "false_share": "false share of the accepted at 5 %",
    "n_errors": "wrong calls of peaks without an answer",
    "expected_errors": "wrong calls that the model expects",
}
"""Column of the tables -> what it is called."""
LOWER_IS_BETTER = frozenset({"log_loss", "brier", "false_share", "n_errors", "expected_errors"})
ABOUT = ("dataset", "dataset_hash", "model", "acquisition", "oracle", "batch_size", "seed")
_COLUMNS = (*ABOUT, "round", "n_asked", "n_labels", *MEASURES, "expected_mended", "seconds")
_TEXTS = ("dataset", "dataset_hash", "model", "acquisition", "oracle")
_COMMON = ("dataset_hash", "model", "oracle", "batch_size")  # of loops whose curves are drawn together
_HASH_LENGTH = 16  # characters, enough to tell the datasets of a laboratory apart


@dataclass(frozen=True)
class Learning:
    """The loops of one dataset, model, annotator and size of batch; table : one row a round, ABOUT and MEASURES."""

    name: str
    table: pd.DataFrame

    @property
    def dataset_hash(self) -> str:
        """Of the dataset that was labelled."""
        return str(self.table["dataset_hash"].iloc[0])


def learning_folder(output: Path, dataset_hash: str) -> Path:
    """Where the loops of a dataset are."""
    return output / LEARNING / dataset_hash[:_HASH_LENGTH]


def read_learning(output: Path, dataset_hash: str) -> dict[str, Learning]:
    """All loops of an output folder by what they have in common, those of one dataset first; name -> loops.

    dataset_hash : of the dataset that comes first. Raises InputError for a table that `compassign simulate` did not
    write.
    """
    tables = [_read(file) for file in sorted((output / LEARNING).glob("*/*.csv"))]
    if not tables:
        return {}
    grouped = pd.concat(tables, ignore_index=True).groupby(list(_COMMON), sort=True)
    own_first = sorted(grouped, key=lambda found: found[0][0] != dataset_hash)
    found = [Learning(_name(table), table.reset_index(drop=True)) for _, table in own_first]
    counts = Counter(learning.name for learning in found)
    # two contents of one dataset have the same name and are no loops of the same thing
    return {
        one.name if counts[one.name] == 1 else f"{one.name} ({one.dataset_hash[:_HASH_LENGTH]})": one for one in found
    }


def _name(table: pd.DataFrame) -> str:
    first = table.iloc[0]
    return f"{first['dataset']}: {first['model']}, {first['oracle']} annotator, batches of {first['batch_size']}"


def n_rounds_of(file: Path) -> int:
    """Rounds with answers in a table of a loop; -1 where there is none. Raises InputError as `read_learning`."""
    return int(_read(file)["round"].max()) if file.is_file() else -1


def learning_curves(table: pd.DataFrame, measure: str) -> pd.DataFrame:
    """Mean of a measure over loops after each round, and the lowest and highest of them.

    Columns acquisition, n_asked (peaks), mean, low, high, n_seeds; rounds that not every loop of an acquisition reached
    are left out, because another mean of fewer loops is no step of the same curve.
    """
    found = table.groupby(["acquisition", "n_asked"], sort=True)[measure]
    curves = found.agg(["mean", "min", "max"]).rename(columns={"min": "low", "max": "high"})
    curves["n_seeds"] = table.groupby(["acquisition", "n_asked"])["seed"].nunique()
    curves = curves.reset_index()
    most = curves.groupby("acquisition")["n_seeds"].transform("max")
    return curves[curves["n_seeds"] == most].reset_index(drop=True)


def worth_of_asking(learning: Learning, measure: str) -> list[str]:
    """Say of each acquisition how many questions do what all questions at random do; [] without loops at random.

    Means of few loops differ by chance too, so that it is also said in how many of the loops it is better at the end.
    """
    curves = learning_curves(learning.table, measure)
    at_random = curves[curves["acquisition"] == RANDOM]
    if len(at_random) < 2:  # noqa: PLR2004  # a start and an end
        return []
    others = [name for name in curves["acquisition"].unique().tolist() if name != RANDOM]
    return [
        f"{name} {_questions(curves[curves['acquisition'] == name], at_random, measure)}; "
        f"{_better_loops(learning.table, name, measure)}"
        for name in others
    ]


def mended_by(learning: Learning) -> list[str]:
    """Say of each acquisition how many wrong calls its answers mended and were expected to, if they are right."""
    loops = learning.table.sort_values("round").groupby(["acquisition", "seed"])
    table = loops.agg(first=("n_errors", "first"), last=("n_errors", "last"), expected=("expected_mended", "sum"))
    means = table.groupby("acquisition").mean()
    columns = (means[name].tolist() for name in ("first", "last", "expected"))
    return [
        f"{name}: the answers mended {first - last:.1f} of {first:.1f} wrong calls; {expected:.1f} were expected."
        for name, first, last, expected in zip(means.index.tolist(), *columns, strict=True)
    ]


def simulate_command(output: Path, config: RunConfig | None) -> str:
    """The command that makes the loops of a run's dataset and model; None : of the demonstration."""
    words = ["compassign", "simulate"]
    if config is not None:
        words += ["--data", str(config.data)] if config.data else ["--difficulty", config.difficulty]
        words += ["--model", config.model]
    return shlex.join([*words, "--seeds", str(N_SEEDS), "--output", str(output)])


def _read(file: Path) -> pd.DataFrame:
    try:
        kinds = dict.fromkeys(_TEXTS, str)
        table = pd.read_csv(
            file, dtype=kinds, keep_default_na=False, na_values={name: [""] for name in (*MEASURES, "expected_mended")}
        )
    except (OSError, ValueError) as error:
        raise InputError(f"{file}: cannot be read ({error})") from error
    missing = [name for name in _COLUMNS if name not in table]
    if missing:
        raise InputError(f"{file}: no column {', '.join(missing)}; expected a table that `compassign simulate` writes")
    return table


def _questions(curve: pd.DataFrame, at_random: pd.DataFrame, measure: str) -> str:
    """How many questions do what all at random do; both of `learning_curves`."""
    most, target = int(at_random["n_asked"].iloc[-1]), float(at_random["mean"].iloc[-1])
    is_reached = (_sign(measure) * (curve["mean"] - target) <= 0.0).to_numpy()
    if not is_reached.any():
        return f"does not reach within {int(curve['n_asked'].max())} questions what random does with {most}"
    return f"needs {int(curve['n_asked'].iloc[int(is_reached.argmax())])} questions for what random needs {most}"


def _better_loops(table: pd.DataFrame, name: str, measure: str) -> str:
    """In how many loops of a seed an acquisition is better than random after as many questions, the most of both."""
    loops = table.pivot_table(index=["seed", "n_asked"], columns="acquisition", values=measure)[[name, RANDOM]]
    last = loops.dropna().groupby("seed").last()
    n_better = int((_sign(measure) * (last[name] - last[RANDOM]) < 0.0).sum())
    return f"after the last question it is better in {n_better} of {len(last)} loops."


def _sign(measure: str) -> float:
    return 1.0 if measure in LOWER_IS_BETTER else -1.0
