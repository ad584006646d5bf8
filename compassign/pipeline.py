"""One run from dataset to result files: the only module that knows the order of the stages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from compassign.candidates import Candidates, RtPredictions, Windows, add_labelled, build_candidates
from compassign.config import RunConfig, installed_versions
from compassign.data.bundled import demo_dataset
from compassign.data.dataset import Dataset
from compassign.data.load import load_dataset
from compassign.data.split import default_label_fraction, split_labels
from compassign.decisions.fdr import Decisions, decide
from compassign.evaluation.metrics import Metrics, Predictions, evaluate
from compassign.files import written_whole
from compassign.inference.diagnostics import ResponsibilityCheck, Verdict, combine, judge
from compassign.inference.fitting import ModelFit, fit
from compassign.inference.rt_stage import RtStage, run_rt_stage
from compassign.models.generative import default_terms
from compassign.models.problem import AssignmentProblem, build_problem, clamped_calibrants
from compassign.posterior.assignments import SlotProbabilities, compound_probabilities
from compassign.posterior.predictive import predictive_checks
from compassign.posterior.responsibilities import mean_probabilities, summarise
from compassign.posterior.trace import TraceLayout, TraceWriter, write_rt_trace
from compassign.progress import Progress
from compassign.results import candidates_table, headline, peak_assignments_table, write_csv, write_json
from compassign.units import BoolArray

N_SHOWN = 20  # messages of one kind
SENSITIVITY_SHARES = (0.05, 0.10, 0.20)
HEADLINE = ("precision", "recall", "f1", "log_loss", "brier", "ece", "accepted_0.05", "false_share_0.05")


@dataclass(frozen=True)
class RunSummary:
    """What a command says at its end: numbers (None where there is nothing to score) and sentences."""

    verdict: str
    headline: Mapping[str, float | int | str | None]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Question:
    """What is asked of every model alike: the same candidates, labels and scored peaks.

    dataset : its `labels` are those that the fit sees, clamped calibrants included. scored : ids of the peaks that
    score it.
    calibrants : ids of the peaks that trained the RT stage.
    """

    dataset: Dataset
    candidates: Candidates
    problem: AssignmentProblem
    scored: frozenset[str]
    calibrants: frozenset[str]

    @property
    def known(self) -> BoolArray:
        """(n_peaks,) whether a label or calibrant leaves a single option."""
        labels = self.dataset.labels
        one = [peak_id in labels and len(labels[peak_id]) <= 1 for peak_id in self.dataset.peaks["peak_id"].tolist()]
        return np.array(one, dtype=np.bool_)


def execute(config: RunConfig, staging: Path, progress: Progress) -> RunSummary:
    """Run all stages and write `models/` and `results/` below `staging`.

    Raises InputError for unusable data and SamplingError where a sampler cannot start.
    """
    with progress.stage("dataset"):
        dataset = demo_dataset(config.difficulty) if config.data is None else load_dataset(config.data)
        for message in dataset.warnings:
            progress.warn(message)
        fraction = default_label_fraction(dataset) if config.label_fraction is None else config.label_fraction
        split = split_labels(dataset, fraction, config.seed)
        visible = replace(dataset, labels=split.labels)
    with progress.stage("retention times"):
        rt_stage = run_rt_stage(visible, config.sampler, config.seed, progress)
        for message in rt_stage.warnings:
            progress.warn(message)
    with progress.stage("candidates"):
        question = ask(visible, rt_stage.predictions, split.scored, config, progress)
    with progress.stage("fit"):
        fitted = fit(question.problem, config, progress)
    with progress.stage("responsibilities"):
        probabilities, check = _responsibilities(question, fitted, config, staging / "models", progress)
        write_rt_trace(staging / "models" / "rt_trace.nc", rt_stage.posterior, rt_stage.predictions)
    with progress.stage("results"):
        verdict = _verdict(fitted, rt_stage, check, config)
        return _write_results(question, fitted, probabilities, verdict, Output(config, staging / "results", progress))


def ask(
    dataset: Dataset, predictions: RtPredictions, scored: frozenset[str], config: RunConfig, progress: Progress
) -> Question:
    """Find the candidates and clamp what is known.

    dataset : its labels are those that the fit may see.
    """
    windows = Windows(config.mass_window_ppm, config.rt_window_sd, config.adducts)
    candidates = build_candidates(dataset, predictions, windows)
    found = clamped_calibrants(dataset, candidates)
    clamped = {peak_id: answer for peak_id, answer in found.items() if peak_id not in dataset.labels}
    labelled = replace(dataset, labels={**clamped, **dataset.labels})
    candidates, messages = add_labelled(candidates, labelled, predictions)
    for message in messages[:N_SHOWN]:
        progress.warn(message)
    if messages[N_SHOWN:]:
        progress.warn(f"... and {len(messages) - N_SHOWN} more labels outside the windows")
    if not candidates.compound.size:
        progress.warn("no peak has a candidate in the library: every peak is null. Do polarity, masses and units fit?")
    problem = build_problem(labelled, candidates, predictions, config.unlisted_share)
    return Question(labelled, candidates, problem, scored - clamped.keys(), frozenset(clamped))


def _responsibilities(
    question: Question, fitted: ModelFit, config: RunConfig, models: Path, progress: Progress
) -> tuple[SlotProbabilities, ResponsibilityCheck]:
    """Summarise the responsibilities while writing `assignment_trace.nc`."""
    candidates, peaks = question.candidates, question.dataset.peaks
    peak_ids = peaks["peak_id"].to_numpy(dtype=np.str_)
    layout = TraceLayout(
        variable=fitted.variable,
        n_chains=fitted.source.n_chains,
        n_draws=fitted.source.n_draws,
        offsets=candidates.offsets,
        peak_id=peak_ids,
        slot_compound=question.dataset.compounds["compound_id"].to_numpy(dtype=np.str_)[candidates.compound],
        slot_adduct=np.array(candidates.adduct_names, dtype=np.str_)[candidates.adduct],
        max_r_mb=config.max_r_mb,
    )
    with written_whole(models / "assignment_trace.nc") as path, TraceWriter(path, layout) as writer:
        if fitted.draws is not None:
            writer.add_posterior({name: fitted.draws.values[name] for name in fitted.hyperparameters})
            writer.add_energy(fitted.draws.energy)
        return summarise(fitted.source, layout.peak_id, layout.slot_compound, writer, progress.advance)


def _verdict(fitted: ModelFit, rt_stage: RtStage, check: ResponsibilityCheck, config: RunConfig) -> Verdict:
    """The worse of the RT stage's and the model's; what is not sampled has nothing to converge."""
    verdicts = [rt_stage.verdict] if rt_stage.verdict else []
    if fitted.draws is not None:
        verdicts.append(judge(fitted.draws, fitted.hyperparameters, check, config.sampler, fitted.prior_sd))
    return combine(verdicts, config.sampler.quick)


@dataclass(frozen=True)
class Output:
    """Where results go and what they record of the run."""

    config: RunConfig
    folder: Path
    progress: Progress


def _write_results(
    question: Question, fitted: ModelFit, probabilities: SlotProbabilities, verdict: Verdict, output: Output
) -> RunSummary:
    """Decide, score and write everything below `results/`, the metrics last."""
    dataset, candidates, config = question.dataset, question.candidates, output.config
    decisions, metrics = _score(question, probabilities, config.alpha)
    is_calibrant = dataset.peaks["peak_id"].isin(question.calibrants).to_numpy(dtype=np.bool_)
    is_labelled = question.problem.is_labelled & ~is_calibrant
    table = peak_assignments_table(dataset, candidates, decisions, is_labelled, is_calibrant)
    write_csv(table, output.folder / "peak_assignments.csv")
    write_csv(candidates_table(dataset, candidates, probabilities), output.folder / "candidates.csv")
    hashes = {name: getattr(dataset, name) for name in ("dataset_hash", "labels_hash", "truth_hash")}
    write_json(hashes, output.folder / "run.json")  # the command adds the configuration and how it was started
    _write_checks(question.problem, fitted, output)
    sensitivity = _sensitivity(question, fitted, config)
    document = {
        **asdict(metrics),
        "top1": metrics.top1,
        "verdict": verdict.verdict,
        "model": config.model,
        "prior_only": fitted.is_prior_only,
        "seed": config.seed,
        **hashes,
        "n_peaks": len(dataset.peaks),
        "n_labelled": int(is_labelled.sum()),
        "n_calibrants": int(is_calibrant.sum()),
        "decisions": {name: int((decisions.decision == name).sum()) for name in ("accept", "null", "review")},
        "sensitivity": sensitivity,
        "sampler": asdict(verdict),
        "runtime_s": dict(output.progress.runtime_s),
        "versions": installed_versions(),
    }
    write_json(document, output.folder / "assignment_metrics.json")
    numbers = headline(metrics)
    notes = (*verdict.reasons, *_describe(sensitivity))
    return RunSummary(verdict.verdict, {name: numbers[name] for name in HEADLINE}, notes)


def _write_checks(problem: AssignmentProblem, fitted: ModelFit, output: Output) -> None:
    """Check a sampled generative model against its data; no other model says how data come about."""
    if output.config.model != "generative" or fitted.draws is None:
        return
    rng = np.random.default_rng(output.config.seed)
    checks = predictive_checks(problem, default_terms(), fitted.draws.flat(), rng)
    write_json(checks, output.folder / "predictive_checks.json")


def _score(question: Question, probabilities: SlotProbabilities, alpha: float) -> tuple[Decisions, Metrics]:
    """Decide about every peak and score those whose truth the fit did not see."""
    dataset = question.dataset
    compounds = compound_probabilities(question.candidates, probabilities)
    decisions = decide(compounds, probabilities.null, alpha, question.known)
    predictions = Predictions(
        peak_id=dataset.peaks["peak_id"].tolist(),
        compound_id=dataset.compounds["compound_id"].tolist(),
        compounds=compounds,
        null=probabilities.null,
        decisions=decisions,
    )
    return decisions, evaluate(predictions, dataset.truth, question.scored)


def _sensitivity(question: Question, fitted: ModelFit, config: RunConfig) -> dict[str, dict[str, float | int | None]]:
    """Headline numbers under other unlisted shares, with the other parameters held at their posterior."""
    result: dict[str, dict[str, float | int | None]] = {}
    if fitted.unlisted is None:
        return result
    for share in SENSITIVITY_SHARES:
        _, metrics = _score(question, mean_probabilities(fitted.unlisted(share)), config.alpha)
        result[f"{share:g}"] = headline(metrics)
    return result


def _describe(sensitivity: Mapping[str, Mapping[str, float | int | None]]) -> list[str]:
    """One sentence on how the headline numbers move with the unlisted share; none for a model without it."""
    if not sensitivity:
        return []
    moves = ", ".join(
        f"{float(share):.0%}: {numbers['accepted_0.05']} accepted"
        + ("" if numbers["log_loss"] is None else f" and log loss {numbers['log_loss']:.3f}")
        for share, numbers in sensitivity.items()
    )
    return [f"If another share of what is in the sample were missing from the library: {moves}"]
