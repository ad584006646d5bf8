"""What the generative model would get on real peaks if somebody told it its parameters: the ceiling of its evidence.

The parameters come from a fit that is told every truth. Then the same evidence is answered without a label three
times: with the parameters that it lets learn by itself; with those shared by many compounds as the truth has them, so
that only the effects of single isobar groups are learned; and with the effects of the groups as well, which say a part
of the answers. Sampled as with `--quick`. A goal above the last line needs other evidence, not a better fit.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import pymc as pm

from compassign.config import RunConfig, SamplerConfig
from compassign.inference.draws import ModelFit
from compassign.inference.fitting import fit, generative_source
from compassign.inference.native import compile_model
from compassign.inference.rt_stage import run_rt_stage
from compassign.inference.sampling import sample
from compassign.models.draws import DrawSource
from compassign.models.generative import build_generative_model, hyperparameters, terms_of
from compassign.models.problem import AssignmentProblem
from compassign.pipeline import score_fit
from compassign.posterior.responsibilities import mean_probabilities
from compassign.progress import SilentProgress
from compassign.question import Question, ask
from compassign.reliabilities import certain
from compassign.run_labels import seen_dataset
from compassign.units import FloatArray

PUBLIC_TABLES = Path(__file__).resolve().parent.parent.parent / "shared" / "data"
DATASETS = ("massbank_eawag", "massbank_athens", "plasma_rp30", "plasma_rp20")
FAST_DATASETS = ("massbank_athens",)
QUICK = SamplerConfig(quick=True)
LIMIT = "0.05"
SILENT = SilentProgress()


@dataclass(frozen=True)
class Row:
    """Scores of one dataset with some parameters; accepted : peaks with a truth, at 5 %, of which a share is false."""

    dataset: str
    parameters: str
    log_loss: float
    top1: float
    accepted: int
    false_share: float | None


def ask_about(folder: Path) -> tuple[Question, RunConfig]:
    """The question that a run without labels answers."""
    config = RunConfig(data=folder, label_fraction=0.0, sampler=QUICK)
    with tempfile.TemporaryDirectory() as results:
        seen = seen_dataset(config, Path(results))
    visible = replace(seen.dataset, labels=seen.split.labels)
    rt_stage = run_rt_stage(certain(visible, config), QUICK, config.seed, SILENT)
    return ask(visible, rt_stage.predictions, seen.split.scored, config, SILENT), config


def told_all(question: Question) -> AssignmentProblem:
    """The problem with every truth as a label, where it is among the candidates."""
    problem, truth = question.problem, question.dataset.truth or {}
    names = question.dataset.compounds["compound_id"].to_numpy(dtype=np.str_)[problem.compound]
    slot_allowed, null_allowed = problem.slot_allowed.copy(), problem.null_allowed.copy()
    is_labelled = problem.is_labelled.copy()
    for row, peak_id in enumerate(question.dataset.peaks["peak_id"]):
        own = slice(problem.offsets[row], problem.offsets[row + 1])
        answer = truth.get(peak_id)
        is_named = np.isin(names[own], sorted(answer or ()))
        if answer is None or (answer and not is_named.any()):
            continue
        slot_allowed[own], null_allowed[row], is_labelled[row] = is_named, not answer, True
    return replace(problem, slot_allowed=slot_allowed, null_allowed=null_allowed, is_labelled=is_labelled)


def with_shared(problem: AssignmentProblem, true: Mapping[str, FloatArray], seed: int) -> DrawSource:
    """Draws where the parameters that many compounds share are given, and all others are learned without labels."""
    terms = terms_of(problem)
    given = {name: true[name].mean(axis=0) for name in hyperparameters(problem, terms)}
    model = pm.do(build_generative_model(problem, terms), given)
    draws = sample(compile_model(model), QUICK, seed, SILENT)
    n_draws = draws.is_divergent.size
    values = {name: np.broadcast_to(value, (n_draws, *value.shape)) for name, value in given.items()}
    return generative_source(problem, terms, values | draws.flat(), draws.is_divergent.shape)


def measure(folder: Path) -> list[Row]:
    """Scores of one dataset with each kind of parameters."""
    question, config = ask_about(folder)
    problem, terms = question.problem, terms_of(question.problem)
    told = fit(told_all(question), config, SILENT).draws
    if told is None:
        raise SystemExit(f"{folder}: no peak has candidates")
    sources = {
        "as learned": fit(problem, config, SILENT).source,
        "shared ones true": with_shared(problem, told.flat(), config.seed),
        "all true": generative_source(problem, terms, told.flat(), told.is_divergent.shape),
    }
    return [score(question, name, source) for name, source in sources.items()]


def score(question: Question, parameters: str, source: DrawSource) -> Row:
    """Scores of the answers that a source gives."""
    probabilities = mean_probabilities(question.isotopes.spread(ModelFit("r", source)).source)
    metrics = score_fit(question, probabilities, float(LIMIT))[1]
    if metrics.log_loss is None or metrics.top1 is None:
        raise SystemExit(f"{question.dataset.name}: nothing is scored")
    level = metrics.fdr[LIMIT]
    return Row(
        question.dataset.name,
        parameters,
        metrics.log_loss,
        metrics.top1,
        level.n_accepted_of_scored,
        level.false_share_of_scored,
    )


def chosen(given: Sequence[Path], is_fast: bool) -> list[Path]:
    """The folders to measure: those given, else the public tables that are here."""
    if given:
        return list(given)
    return [
        PUBLIC_TABLES / name for name in (FAST_DATASETS if is_fast else DATASETS) if (PUBLIC_TABLES / name).is_dir()
    ]


def main() -> None:
    """Print a Markdown table row by row, then one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", nargs="*", type=Path, help="dataset folders [default: the public tables that are here]")
    parser.add_argument("--fast", action="store_true", help=f"only {', '.join(FAST_DATASETS)}")
    options = parser.parse_args()
    print("| dataset | parameters | log loss | top-1 | accepted at 5 % (false) |\n|---|---|---|---|---|", flush=True)
    rows: list[Row] = []
    for folder in chosen(options.data, options.fast):
        for row in measure(folder):
            share = "-" if row.false_share is None else f"{row.false_share:.1%}"
            cells = f"{row.log_loss:.3f} | {row.top1:.3f} | {row.accepted} ({share})"
            print(f"| {row.dataset} | {row.parameters} | {cells} |", flush=True)
            rows.append(row)
    print(json.dumps({"benchmark": "ceiling", "rows": [asdict(row) for row in rows]}))


if __name__ == "__main__":
    main()
