"""One run from dataset to result files: the only module that knows the order of the stages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from compassign.annotator_table import ANNOTATORS_FILE, describe
from compassign.chemistry.adducts import get_adduct
from compassign.config import PRIOR_ONLY, RunConfig, installed_versions
from compassign.data.dataset import Dataset
from compassign.decisions.compounds import CompoundDecisions, decide_compounds
from compassign.decisions.fdr import Decisions, decide
from compassign.evaluation.audit_estimates import called_by, estimate_audit
from compassign.evaluation.discoveries import compound_truth, with_compounds, with_intervals
from compassign.evaluation.elpd import leave_one_out
from compassign.evaluation.metrics import FdrLevel, Metrics, Predictions, evaluate
from compassign.evaluation.views import GROUPS, PeakGroups, build_views, summarise_view
from compassign.files import written_whole
from compassign.inference.diagnostics import ResponsibilityCheck, Verdict, combine, judge
from compassign.inference.draws import ModelFit
from compassign.inference.fitting import fit
from compassign.inference.rt_stage import NO_RESPONSIBILITIES, RtStage, run_rt_stage
from compassign.models.generative import terms_of
from compassign.peak_sets import write_sets
from compassign.peak_spectra import write_peak_spectra
from compassign.posterior.assignments import SlotProbabilities, compound_probabilities
from compassign.posterior.joint import JointDraws, JointSampler, Sinks
from compassign.posterior.pointwise import is_predicted, log_likelihoods
from compassign.posterior.predictive import predictive_checks
from compassign.posterior.responsibilities import mean_probabilities, summarise
from compassign.posterior.trace import TraceLayout, TraceWriter, write_rt_trace
from compassign.progress import Progress
from compassign.question import Question, ask
from compassign.reliabilities import annotators_table, certain
from compassign.results import (
    candidates_table,
    compounds_table,
    elpd_table,
    headline,
    peak_assignments_table,
    write_csv,
    write_json,
)
from compassign.run_labels import seen_dataset
from compassign.units import StrArray

JOINT_STREAM = 1  # a stream of its own, so that other draws from the seed stay as they are
SENSITIVITY_SHARES = (0.05, 0.10, 0.20)
HEADLINE = ("precision", "recall", "f1", "log_loss", "brier", "ece", "accepted_0.05", "false_share_0.05")


@dataclass(frozen=True)
class RunSummary:
    """What a command says at its end: numbers (None where there is nothing to score) and sentences."""

    verdict: str
    headline: Mapping[str, float | int | str | None]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Repeated:
    """What a run asked and decided about each peak, and its verdict, where nothing is written."""

    question: Question
    decisions: Decisions
    verdict: str


def decide_again(visible: Dataset, config: RunConfig, progress: Progress) -> Repeated:
    """Take all stages in memory and write nothing.

    visible : its labels are those that the fit sees. Responsibilities are not judged, parameters are.
    """
    rt_stage = run_rt_stage(certain(visible, config), config.sampler, config.seed, progress)
    question = ask(visible, rt_stage.predictions, frozenset(), config, progress)
    fitted = question.isotopes.spread(fit(question.problem, config, progress))
    predictions, _ = score_fit(question, mean_probabilities(fitted.source), config.alpha)
    verdict = _verdict(fitted, rt_stage, NO_RESPONSIBILITIES, config).verdict
    return Repeated(question, predictions.decisions, verdict)


def execute(config: RunConfig, staging: Path, progress: Progress) -> RunSummary:
    """Run all stages and write `models/` and `results/` below `staging`, whose results may hold labels of the store.

    Raises InputError for unusable data and SamplingError where a sampler cannot start.
    """
    with progress.stage("dataset"):
        seen = seen_dataset(config, staging / "results")
        for message in seen.dataset.warnings:
            progress.warn(message)
        for name in config.adducts or ():
            get_adduct(name)  # raises at once what the candidates would raise later
        visible = replace(seen.dataset, labels=seen.split.labels)
    with progress.stage("retention times"):
        rt_stage = run_rt_stage(certain(visible, config), config.sampler, config.seed, progress)
        for message in rt_stage.warnings:
            progress.warn(message)
    with progress.stage("candidates"):
        question = ask(visible, rt_stage.predictions, seen.split.scored, config, progress)
    with progress.stage("fit"):
        fitted = question.isotopes.spread(fit(question.problem, config, progress))
    with progress.stage("responsibilities"):
        posterior = _responsibilities(question, fitted, config, staging / "models", progress)
        write_rt_trace(staging / "models" / "rt_trace.nc", rt_stage.posterior, rt_stage.predictions, rt_stage.labels)
    with progress.stage("results"):
        verdict = _verdict(fitted, rt_stage, posterior.check, config)
        return _write_results(question, fitted, posterior, verdict, Output(config, staging / "results", progress))


@dataclass(frozen=True)
class Posterior:
    """What the draws say: means of each slot, whether they converged, and the peaks of a draw together."""

    slots: SlotProbabilities
    check: ResponsibilityCheck
    joint: JointDraws


def _responsibilities(
    question: Question, fitted: ModelFit, config: RunConfig, models: Path, progress: Progress
) -> Posterior:
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
            of_hyperparameters = {name: fitted.draws.values[name] for name in fitted.hyperparameters}
            writer.add_posterior(of_hyperparameters, fitted.draws.labels)
            writer.add_energy(fitted.draws.energy)
        sampler = JointSampler(
            candidates.offsets,
            candidates.compound,
            np.random.default_rng([config.seed, JOINT_STREAM]),
            question.isotopes.base,
        )
        sinks = Sinks((writer, sampler))
        slots, check = summarise(fitted.source, layout.peak_id, layout.slot_compound, sinks, progress.advance)
    return Posterior(slots, check, sampler.draws())


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
    question: Question, fitted: ModelFit, posterior: Posterior, verdict: Verdict, output: Output
) -> RunSummary:
    """Decide, score and write everything below `results/`, the metrics last."""
    dataset, candidates, config = question.dataset, question.candidates, output.config
    predictions, metrics = score_fit(question, posterior.slots, config.alpha)
    decisions = predictions.decisions
    compounds, levels = _score_compounds(question, predictions, metrics)
    metrics = replace(metrics, fdr=with_intervals(levels, decisions, posterior.joint))
    is_calibrant = dataset.peaks["peak_id"].isin(question.calibrants).to_numpy(dtype=np.bool_)
    is_labelled = question.is_labelled & ~is_calibrant
    table = peak_assignments_table(dataset, candidates, decisions, is_labelled, is_calibrant)
    write_csv(table.assign(isotope_of=_isotope_of(question)), output.folder / "peak_assignments.csv")
    write_csv(candidates_table(dataset, candidates, posterior.slots), output.folder / "candidates.csv")
    write_csv(compounds_table(dataset, candidates, posterior.joint, compounds), output.folder / "compounds.csv")
    hashes = {name: getattr(dataset, name) for name in ("dataset_hash", "labels_hash", "truth_hash")}
    hashes |= write_peak_spectra(question, output.folder)
    write_json(hashes, output.folder / "run.json")  # the command adds the configuration and how it was started
    _write_checks(question, fitted, output)
    annotators = annotators_table(question.annotations, question.problem, fitted.draws.flat() if fitted.draws else None)
    if len(annotators):
        write_csv(annotators, output.folder / ANNOTATORS_FILE.name)
    sensitivity = _sensitivity(question, fitted, config, metrics)
    audit = estimate_audit(dataset.audit, called_by(predictions, question.is_labelled))
    document = {
        **asdict(metrics),
        "calibration": _calibration(question, predictions, metrics, config.seed),
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
        "sets": asdict(write_sets(question, predictions, output.folder)),
        "audit": None if audit is None else asdict(audit),
        "sensitivity": sensitivity,
        "sampler": asdict(verdict),
        "runtime_s": dict(output.progress.runtime_s),
        "versions": installed_versions(),
    }
    write_json(document, output.folder / "assignment_metrics.json")
    numbers = headline(metrics)
    priors = (PRIOR_ONLY,) if fitted.is_prior_only else ()
    notes = (*priors, *verdict.reasons, *_describe(sensitivity), *describe(annotators))
    return RunSummary(verdict.verdict, {name: numbers[name] for name in HEADLINE}, notes)


def _isotope_of(question: Question) -> StrArray:
    """(n_peaks,) id of the peak whose answer an isotope peak has, "" for all others."""
    peak_ids = question.dataset.peaks["peak_id"].to_numpy(dtype=np.str_)
    return np.where(question.isotopes.is_isotope, peak_ids[question.isotopes.base], "")


def _write_checks(question: Question, fitted: ModelFit, output: Output) -> None:
    """Check a sampled generative model against its data, and leave each peak out; no other says how data come about."""
    if output.config.model != "generative" or fitted.draws is None:
        return
    problem, terms, values = question.problem, terms_of(question.problem), fitted.draws.flat()
    rng = np.random.default_rng(output.config.seed)
    write_json(predictive_checks(problem, terms, values, rng), output.folder / "predictive_checks.json")
    is_left_out = is_predicted(problem)
    found = leave_one_out(log_likelihoods(problem, terms, values)[:, is_left_out])
    write_csv(elpd_table(question.dataset, is_left_out, found), output.folder / "elpd.csv")


def score_fit(question: Question, probabilities: SlotProbabilities, alpha: float) -> tuple[Predictions, Metrics]:
    """Decide about every peak and score those whose truth the fit did not see.

    alpha : limit on the share of false ones among the accepted, 0 to 1.
    """
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
    return predictions, evaluate(predictions, dataset.truth, question.scored)


def _calibration(question: Question, predictions: Predictions, metrics: Metrics, seed: int) -> dict[str, object] | None:
    """Bins of the calls, and how well each kind of statement is calibrated; None where nothing is scored."""
    dataset = question.dataset
    if metrics.calibration is None or dataset.truth is None:
        return None
    about = PeakGroups(
        species=dataset.peaks["species"].to_numpy(dtype=np.str_),
        n_candidates=np.diff(question.candidates.offsets),
        adduct_names=question.candidates.adduct_names,
    )
    is_scored = dataset.peaks["peak_id"].isin(question.scored).to_numpy(dtype=np.bool_)
    views = build_views(predictions, dataset.truth, is_scored, about)
    summaries = {target: summarise_view(view, GROUPS, seed) for target, view in views.items()}
    found = {target: None if summary is None else asdict(summary) for target, summary in summaries.items()}
    return {**asdict(metrics.calibration), "views": found}


def _score_compounds(
    question: Question, predictions: Predictions, metrics: Metrics
) -> tuple[CompoundDecisions, dict[str, FdrLevel]]:
    """Decide about every compound, and add to each limit what it accepts of them."""
    options = predictions.compounds
    decisions = decide_compounds(options, question.known_compounds, predictions.decisions.alpha)
    names = (predictions.peak_id, predictions.compound_id)
    is_true = compound_truth(options, decisions, names, question.dataset.truth)
    return decisions, with_compounds(metrics.fdr, decisions, is_true)


def _sensitivity(
    question: Question, fitted: ModelFit, config: RunConfig, own: Metrics
) -> dict[str, dict[str, float | int | None]]:
    """Headline numbers under other unlisted shares, with the other parameters held at their posterior.

    own : the scores at the run's own share.
    """
    result: dict[str, dict[str, float | int | None]] = {}
    if fitted.unlisted is None:
        return result
    for share in SENSITIVITY_SHARES:
        if share == config.unlisted_share:
            result[f"{share:g}"] = headline(own)
        else:
            _, metrics = score_fit(question, mean_probabilities(fitted.unlisted(share)), config.alpha)
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
