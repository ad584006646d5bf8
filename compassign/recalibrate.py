"""What `compassign recalibrate` does: learn from audit labels how to mend a run's probabilities, and write both."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from compassign.data.audit_labels import AuditLabels
from compassign.decisions.fdr import q_values
from compassign.errors import InputError
from compassign.evaluation.recalibrated_scores import (
    SCORES,
    Change,
    Method,
    WeightedScores,
    cross_fitted,
    fit_change,
    temperature_sentence,
    weighted_scores,
)
from compassign.evaluation.recalibration import Judged, Temperature, called_option, fit_temperature, judge
from compassign.posterior.options import Options, peak_options
from compassign.queries.calibration import predictions_of
from compassign.queries.run_folder import RECALIBRATED_FILE, Run, load_run
from compassign.report_trust import RECALIBRATION_FILE
from compassign.results import write_csv, write_json
from compassign.runs import find_run
from compassign.units import BoolArray, FloatArray, StrArray

MIN_LABELS = 20  # with fewer, a temperature is known to no better than a factor of about two
FOLD_STREAM = 5  # of the run's seed: which labels are recalibrated by which others


@dataclass(frozen=True)
class JudgedCalls:
    """The call of each label, n in all: probabilities before and after, the latter by a fit that did not see it.

    cluster : (n,) equal for peaks of one compound. recalibrated : None with too few compounds to leave some out.
    """

    peak_id: list[str]
    raw: FloatArray
    recalibrated: FloatArray | None
    is_right: BoolArray
    weight: FloatArray
    cluster: list[int]


@dataclass(frozen=True)
class Recalibration:
    """What audit labels say of a run's probabilities, the content of RECALIBRATION_FILE.

    n_labels : answered, and not seen by the fit. n_skipped, n_seen : left out. temperature : fitted to all labels,
    whatever the method. raw, recalibrated : scores, the latter cross-fitted by compound.
    """

    run_id: str
    method: Method
    n_labels: int
    n_skipped: int
    n_seen: int
    temperature: Temperature
    raw: WeightedScores
    recalibrated: WeightedScores | None
    calls: JudgedCalls = field(repr=False)


def recalibrate(output: Path, name: str, method: Method) -> str:
    """Recalibrate a run; writes RECALIBRATION_FILE and RECALIBRATED_FILE into its folder, returns a text.

    name : run id, its beginning, or a run folder. The run's other files stay as they are. Raises InputError where the
    run, its dataset or enough audit labels are not there.
    """
    run = load_run(find_run(output, name))
    if run.dataset_problem:
        raise InputError(run.dataset_problem)
    is_seen = (run.peaks["is_labelled"] | run.peaks["is_calibrant"]).to_numpy(dtype=np.bool_)
    labels = run.audit.select(~run.audit.is_skipped & ~is_seen[run.audit.peak])
    if labels.peak.size < MIN_LABELS:
        raise InputError(_too_few(run, labels.peak.size))
    predictions = predictions_of(run)
    options = peak_options(predictions.compounds, predictions.null)
    judged = judge(options.take(labels.peak), predictions.compound_id, labels.options, 1.0 / labels.inclusion_prob)
    found = _describe(run, labels, judged, method)
    write_csv(recalibrated_table(run, options, fit_change(judged, method), is_seen), run.path / RECALIBRATED_FILE)
    write_json(found, run.path / RECALIBRATION_FILE)
    return "\n".join([*lines(found), f"Files: {run.path / RECALIBRATION_FILE}, {run.path / RECALIBRATED_FILE}"])


def _too_few(run: Run, n_labels: int) -> str:
    return (
        f"recalibrating needs {MIN_LABELS} answered audit labels that the fit did not see, found {n_labels}: draw "
        f"peaks with `compassign audit {run.run_id} --design labels --draw 300 --to FILE`, fill in what they are, and "
        "add them to labels.csv of the dataset"
    )


def _describe(run: Run, labels: AuditLabels, judged: Judged, method: Method) -> Recalibration:
    rng = np.random.default_rng([run.record.config.seed, FOLD_STREAM])
    crossed = cross_fitted(judged, method, rng)
    call, raw = called_option(judged.options), judged.options.probability
    n_skipped = int(run.audit.is_skipped.sum())
    calls = JudgedCalls(
        peak_id=run.peaks["peak_id"].iloc[labels.peak].tolist(),
        raw=raw[call],
        recalibrated=None if crossed is None else crossed[call],
        is_right=judged.is_true[call],
        weight=judged.weight,
        cluster=judged.cluster.tolist(),
    )
    return Recalibration(
        run_id=run.run_id,
        method=method,
        n_labels=labels.peak.size,
        n_skipped=n_skipped,
        n_seen=run.audit.peak.size - labels.peak.size - n_skipped,
        temperature=fit_temperature(judged),
        raw=weighted_scores(judged, raw),
        recalibrated=None if crossed is None else weighted_scores(judged, crossed),
        calls=calls,
    )


def recalibrated_table(run: Run, options: Options, change: Change, is_seen: BoolArray) -> pd.DataFrame:
    """One row a peak: its call's probability before and after, and what follows from the latter.

    The calls are the run's. options : of all peaks. is_seen : (n_peaks,) whose answer was given; they stay as they are.
    """
    peaks = run.peaks
    raw = peaks["probability"].to_numpy(dtype=np.float64)
    recalibrated = np.where(is_seen, raw, change(options)[called_option(options)])
    is_ranked = peaks["pep"].notna().to_numpy(dtype=np.bool_)
    pep = np.where(is_ranked, np.clip(1.0 - recalibrated, 0.0, 1.0), np.nan)
    q_value = q_values(pep)
    decision = peaks["decision"].to_numpy(dtype=np.str_)
    return pd.DataFrame(
        {
            "peak_id": peaks["peak_id"],
            "assigned_compound": peaks["assigned_compound"],
            "probability": raw,
            "recalibrated_probability": recalibrated,
            "pep": pep,
            "q_value": q_value,
            "decision": decision,
            "recalibrated_decision": _decide(decision, is_ranked, q_value <= run.record.config.alpha),
        }
    )


def _decide(decision: StrArray, is_ranked: BoolArray, is_accepted: BoolArray) -> StrArray:
    """Decide anew about uncertain compound calls; nulls and given answers stay."""
    return np.where(is_ranked, np.where(is_accepted, "accept", "review"), decision)


def lines(found: Recalibration) -> list[str]:
    """What recalibration found, for a terminal."""
    left_out = [f"{n} {why}" for n, why in ((found.n_skipped, "skipped"), (found.n_seen, "seen by the fit")) if n]
    aside = f" ({', '.join(left_out)} left out)" if left_out else ""
    result = [f"{found.n_labels} audit labels{aside}.", temperature_sentence(vars(found.temperature))]
    if found.recalibrated is None:
        return [*result, "Too few compounds to say what recalibration gains on labels that it did not learn from."]
    result.append(f"Scores by {found.method}, on labels that each fit did not see:")
    for name, label in SCORES.items():
        raw, after = (getattr(scores, name) for scores in (found.raw, found.recalibrated))
        result.append(f"  {label}: {raw:.3f} raw, {after:.3f} recalibrated")
    return result
