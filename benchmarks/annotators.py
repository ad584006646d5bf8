"""What a liar among three annotators costs: answers that are taken to be right against reliabilities that are learned.

Three people label peaks of simulated data sets and share some of them. Two nearly always say the truth, the third never
does. Each data set is fitted as a run fits it, without the liar's answers and with them, and each time twice: with the
names of who said what, so that reliabilities are learned, and without, so that all are taken to be right. The damage is
what the liar adds to the log loss of the peaks that nobody answered.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from compassign.annotator_table import LEARNED
from compassign.config import RunConfig, SamplerConfig
from compassign.data.bundled import demo_config
from compassign.data.dataset import Dataset
from compassign.data.load import build_dataset
from compassign.data.simulate import Simulation, simulate
from compassign.inference.fitting import fit
from compassign.inference.rt_stage import run_rt_stage
from compassign.oracles import Noisy, Oracle
from compassign.oracles import Question as Shown
from compassign.pipeline import score_fit
from compassign.posterior.options import NULL_OPTION
from compassign.posterior.responsibilities import mean_probabilities
from compassign.progress import SilentProgress
from compassign.question import Question, ask
from compassign.reliabilities import annotators_table, certain
from compassign.units import IntArray

N_DATASETS, FAST_DATASETS = 8, 1
N_ANSWERED, SHARED = 150, 0.3
LIAR = "liar"
ANNOTATORS: Mapping[str, Oracle] = {"ada": Noisy(0.03), "bo": Noisy(0.03), LIAR: Noisy(1.0)}
MOST_DAMAGE = 1 / 3  # of that without reliabilities
MOST_FALL = 0.02  # of the reliability of anybody else
CONFIG = RunConfig(sampler=SamplerConfig(draws=250, tune=250, chains=2))


@dataclass(frozen=True)
class Heard:
    """One fit: log loss of the peaks that nobody answered, and the reliability learned of each annotator."""

    log_loss: float
    reliability: Mapping[str, float]


@dataclass(frozen=True)
class Row:
    """One data set: the damage without and with reliabilities, and these with the liar and, of the others, without."""

    data_set: int
    trusted: float
    learned: float
    with_liar: Mapping[str, float]
    without: Mapping[str, float]


def question_of(dataset: Dataset, scored: frozenset[str]) -> Question:
    """What a run asks of a data set and its labels."""
    rt_stage = run_rt_stage(certain(dataset, CONFIG), CONFIG.sampler, CONFIG.seed, SilentProgress())
    return ask(dataset, rt_stage.predictions, scored, CONFIG, SilentProgress())


def with_labels(drawn: Simulation, said: pd.DataFrame) -> Dataset:
    """The data set whose `labels.csv` has these rows."""
    return build_dataset({**drawn.tables, "labels": said}, drawn.meta, "simulated")


def say(question: Question, rng: np.random.Generator) -> pd.DataFrame:
    """Rows of `labels.csv`: random peaks with candidates, each answered by one or two of the annotators."""
    problem, library, truth = question.problem, question.dataset.compounds, question.dataset.truth or {}
    peak_ids = question.dataset.peaks["peak_id"].tolist()
    ids, mass = library["compound_id"].tolist(), library["exact_mass"].to_numpy(dtype=np.float64)
    rows = []
    for peak in rng.permutation(np.flatnonzero(np.diff(problem.offsets)))[:N_ANSWERED].tolist():
        peak_id = peak_ids[peak]
        compound: IntArray = np.unique(problem.compound[problem.offsets[peak] : problem.offsets[peak + 1]])
        shown = Shown(compound, mass[compound], np.full(compound.size + 1, 1 / (compound.size + 1)))
        true = ids.index(min(truth[peak_id])) if truth[peak_id] else NULL_OPTION
        for name in rng.permutation(list(ANNOTATORS))[: 2 if rng.random() < SHARED else 1].tolist():
            said = ANNOTATORS[name].answer(shown, true, rng)
            rows.append((peak_id, "" if said in (None, NULL_OPTION) else ids[said], name))
    return pd.DataFrame(rows, columns=["peak_id", "compound_id", "annotator"])


def hear(drawn: Simulation, said: pd.DataFrame, scored: frozenset[str]) -> Heard:
    """Fit a data set with what was said of it."""
    question = question_of(with_labels(drawn, said), scored)
    fitted = fit(question.problem, CONFIG, SilentProgress())
    metrics = score_fit(question, mean_probabilities(fitted.source), CONFIG.alpha)[1]
    if metrics.log_loss is None or fitted.draws is None:
        raise SystemExit("nothing was sampled, or nothing scores it")
    table = annotators_table(question.annotations, question.problem, fitted.draws.flat())
    learned = table[table["basis"] == LEARNED]
    return Heard(metrics.log_loss, dict(zip(learned["annotator"], learned["reliability"].tolist(), strict=True)))


def measure(number: int) -> Row:
    """Draw a data set, let it be labelled, and fit it in the four ways."""
    rng = np.random.default_rng([6, number])
    drawn = simulate(demo_config("medium"), rng)
    dataset = build_dataset(drawn.tables, drawn.meta, "simulated")
    said = say(question_of(dataset, frozenset()), rng)
    scored, honest = frozenset(dataset.truth or {}) - set(said["peak_id"]), said[said["annotator"] != LIAR]
    with_liar, without = hear(drawn, said, scored), hear(drawn, honest, scored)
    nameless, of_honest = (hear(drawn, rows.drop(columns="annotator"), scored) for rows in (said, honest))
    return Row(
        data_set=number,
        trusted=nameless.log_loss - of_honest.log_loss,
        learned=with_liar.log_loss - without.log_loss,
        with_liar=with_liar.reliability,
        without=without.reliability,
    )


def main() -> None:
    """Print the damage and the reliabilities of each data set, then one JSON object with their means."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fast", action="store_true", help="one data set instead of eight")
    options = parser.parse_args()
    honest = [name for name in ANNOTATORS if name != LIAR]
    print("          damage, nats               reliability with the liar (without)")
    print(f"data set  taken to be right  learned{''.join(f'{name:>16}' for name in ANNOTATORS)}")
    rows = []
    for number in range(FAST_DATASETS if options.fast else N_DATASETS):
        rows.append(measure(number))
        row = rows[-1]
        cells = [f"{row.with_liar[name]:.3f} ({row.without[name]:.3f})" for name in honest]
        cells.append(f"{row.with_liar[LIAR]:.3f}")
        numbers = f"{row.data_set:<9} {row.trusted:>+17.4f}  {row.learned:>+7.4f}"
        print(numbers + "".join(f"{cell:>16}" for cell in cells), flush=True)
    trusted, learned = (float(np.mean([getattr(row, name) for row in rows])) for name in ("trusted", "learned"))
    fall = max(row.without[name] - row.with_liar[name] for row in rows for name in honest)
    figures = {
        "benchmark": "annotators",
        "trusted": round(trusted, 4),
        "learned": round(learned, 4),
        "ratio": round(learned / trusted, 4),
        "largest_fall_of_others": round(fall, 4),
        "liar": round(max(row.with_liar[LIAR] for row in rows), 4),
    }
    if learned > MOST_DAMAGE * trusted:
        print(f"missed: {learned / trusted:.2f} of the damage is left, goal {MOST_DAMAGE:.2f}")
    if fall > MOST_FALL:
        print(f"missed: the liar lowers somebody else's reliability by {fall:.3f}, goal {MOST_FALL}")
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
