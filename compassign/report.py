"""What a run found and how far its numbers can be trusted, as text for a terminal."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from rich import box
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from compassign.annotator_table import describe, read_annotators, without_names
from compassign.config import PRIOR_ONLY
from compassign.errors import InputError
from compassign.evaluation.views import NUMBERS
from compassign.report_trust import RECALIBRATION_FILE, recalibration_text, sets_text

METRICS_FILE = Path("results", "assignment_metrics.json")
RECORD_FILE = Path("results", "run.json")
CHECKS_FILE = Path("results", "predictive_checks.json")
AUDIT_LABELS_FILE = Path("results", "audit_labels.json")
LOG_FILE = Path("logs", "run.log")
WIDTH = 100  # characters; fits a terminal, an e-mail and a page
MISSING = "-"
UNLIKELY = 0.01  # p-values of predictive checks below it, or above 1 minus it, are a misfit
N_SHOWN = 20  # misfits

Document = Mapping[str, object]

_SCORES = {
    "precision": "correct calls / compound calls",
    "recall": "correct calls / peaks whose compound is in the library",
    "f1": "harmonic mean of precision and recall",
    "top1": "share of peaks whose call, null or compound, is right",
    "log_loss": "mean surprise at the truth, nats; lower is better",
    "brier": "squared error of the probabilities, 0 to 2; lower is better",
    "ece": "mean gap between probability and frequency; lower is better",
}
_VIEWS = {"call": "calls", "pair": "candidates", "null": "the null"}
_SAMPLER_NUMBERS = {
    "max_rhat": "largest R-hat of a parameter",
    "max_rhat_responsibilities": "largest R-hat of an uncertain responsibility",
    "min_ess_bulk": "smallest bulk effective sample size",
    "min_ess_tail": "smallest tail effective sample size",
    "n_divergences": "divergent draws",
    "share_divergences": "share of draws that diverged",
}
_VERDICTS = {
    "converged": "the sampler explored the posterior; the numbers below can be read as they are",
    "suspect": "the sampler may have missed a part of the posterior; read the numbers with the reasons below in mind",
    "failed": "the sampler did not find the posterior; do not use these numbers",
}

_QUANTITIES = {
    "median_ppm": "the median mass error, ppm,",
    "iqr_ppm": "the interquartile range of mass errors, ppm,",
    "median_sd": "the median RT error, SDs,",
    "iqr_sd": "the interquartile range of RT errors, SDs,",
    "share_beyond_2": "the share of {observable} errors beyond 2 SDs",
    "n_listed": "the number of peaks from the library",
    "n_unlisted": "the number of peaks from unlisted compounds",
    "n_background": "the number of background peaks",
}
_OBSERVABLES = {"mass": "mass", "rt": "RT"}


def render_report(run_dir: Path, with_people: bool = True) -> str:
    """Describe a complete run: configuration, scores, what is accepted, sensitivity, sampler and runtime.

    run_dir : the run's folder; its metrics, its record and what else of its results a run may have is read.
    with_people : whether annotators are named.
    Raises InputError if either of the first two is missing, or any is not a JSON object.
    """
    missing = [str(name) for name in (METRICS_FILE, RECORD_FILE) if not (run_dir / name).is_file()]
    if missing:
        raise InputError(_missing_message(run_dir, missing))
    metrics, record = (_read_object(run_dir / name) for name in (METRICS_FILE, RECORD_FILE))
    parts = [
        _heading(run_dir, metrics, record),
        _configuration(record),
        _scores(metrics),
        _confusion(metrics.get("confusion_matrix")),
        _accepted(_object(metrics, "fdr")),
        _calibration(_object(metrics, "calibration")),
        _views(_object(_object(metrics, "calibration"), "views")),
        _annotators(run_dir, with_people),
        _audit(audit_document(run_dir, metrics)),
        Text(sets_text(_object(metrics, "sets"))),
        Text(recalibration_text(_optional(run_dir / RECALIBRATION_FILE))),
        _sensitivity(_object(metrics, "sensitivity")),
        _sampler(_object(metrics, "sampler")),
        _checks(_optional(run_dir / CHECKS_FILE)),
        _runtime(_object(metrics, "runtime_s")),
    ]
    console = Console(file=io.StringIO(), width=WIDTH, color_system=None, legacy_windows=False)
    with console.capture() as capture:
        console.print(Group(*parts))
    return "\n".join(line.rstrip() for line in capture.get().splitlines())


def _missing_message(run_dir: Path, missing: Sequence[str]) -> str:
    if not run_dir.is_dir():
        return f"{run_dir}: no such run folder"
    log = run_dir / LOG_FILE
    where = f"its log is {log}" if log.is_file() else "it has no log either, so it may not be a run folder"
    return f"{run_dir}: no {' and no '.join(missing)}, so the run is not complete; {where}"


def _read_object(path: Path) -> Document:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not valid JSON ({error})") from error
    if not isinstance(document, dict):
        raise InputError(f"{path}: expected a JSON object, found {type(document).__name__}")
    return document


def _optional(path: Path) -> Document:
    """A document that not every run has, empty where it is not there."""
    return _read_object(path) if path.is_file() else {}


def _object(document: Document, key: str) -> Document:
    """Look up an object inside another, empty where the run has none (a look-up has no sampler)."""
    value = document.get(key)
    return value if isinstance(value, Mapping) else {}


def _list(document: Document, key: str) -> Sequence[object]:
    value = document.get(key)
    return value if isinstance(value, list) else []


def _shown(value: object) -> str:
    """Text of a JSON value; numbers with 4 digits."""
    if value is None:
        return MISSING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list):
        return ", ".join(_shown(item) for item in value) or MISSING
    return str(value)


def _share(value: object) -> str:
    return f"{value:.1%}" if isinstance(value, int | float) else MISSING


def _table(title: str, header: Iterable[str], rows: Iterable[Sequence[str]]) -> RenderableType:
    table = Table(*header, box=box.SIMPLE_HEAD, title=title, title_justify="left", title_style="")
    for row in rows:
        # As Text, because the brackets of "[M+H]+" would be read as markup.
        table.add_row(*(Text(cell) for cell in row))
    return table


def _heading(run_dir: Path, metrics: Document, record: Document) -> RenderableType:
    verdict = metrics.get("verdict")
    is_judged = _is_sampled(_object(metrics, "sampler")) and verdict in _VERDICTS
    meaning = _VERDICTS[str(verdict)] if is_judged else "nothing was sampled, so there is nothing to converge"
    lines = [f"Run {run_dir.name}", f"Verdict: {_shown(verdict)} ({meaning})"]
    if _object(_object(record, "config"), "sampler").get("quick") is True:
        lines.append("Quick run: few draws, judged by looser limits.")
    if metrics.get("prior_only") is True:
        lines.append(PRIOR_ONLY)
    return Text("\n".join(lines))


def _configuration(record: Document) -> RenderableType:
    config = _flat(_object(record, "config"))
    about = {key: record[key] for key in ("dataset_hash", "machine", "started") if record.get(key)}
    versions = ", ".join(f"{name} {version}" for name, version in _object(record, "versions").items())
    rows = [(key, _shown(value)) for key, value in {**config, **about, "versions": versions}.items()]
    return _table("Configuration", ("setting", "value"), rows)


def _flat(settings: Document, prefix: str = "") -> dict[str, object]:
    """Nested settings with dotted names."""
    flat: dict[str, object] = {}
    for key, value in settings.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return flat


def _scores(metrics: Document) -> RenderableType:
    if not metrics.get("n_scored"):
        return Text("No scores: the dataset has no truth that the fit did not see.\n")
    rows = [(name, _shown(metrics.get(name)), meaning) for name, meaning in _SCORES.items()]
    return _table(f"Scores on {metrics['n_scored']} peaks that the fit did not see", ("score", "value", ""), rows)


def _confusion(matrix: object) -> RenderableType:
    if not isinstance(matrix, list):
        return Text()
    calls = ("correct compound", "wrong compound", "null")
    rows = [(call, *map(_shown, counts)) for call, counts in zip(calls, matrix, strict=True)]
    return _table("Calls by truth, peaks", ("call", "in library", "null", "seen by the fit"), rows)


def _accepted(fdr: Document) -> RenderableType:
    rows, compounds = [], []
    for limit in sorted(fdr, key=float):
        level = _object(fdr, limit)
        rows.append((_share(float(limit)), *_level(level), _interval(level.get("false_share_interval"))))
        if _object(level, "compounds"):
            compounds.append((_share(float(limit)), *_level(_object(level, "compounds"))))
    header = ("limit", "accepted", "expected false", "of which scored", "truly false")
    tables = [_table("Accepted peaks, by limit on the share of false ones", (*header, "95 % of draws"), rows)]
    if compounds:
        tables.append(_table("Compounds accepted as present, by their best peak", header, compounds))
    return Group(*tables)


def _level(level: Document) -> tuple[str, str, str, str]:
    """What one limit accepts, and how much of it is false."""
    expected, false = (_share(level.get(key)) for key in ("expected_false_share", "false_share"))
    return _shown(level.get("n_accepted")), expected, _shown(level.get("n_scored")), false


def _interval(ends: object) -> str:
    return f"{_share(ends[0])} to {_share(ends[1])}" if isinstance(ends, list) else MISSING


def _calibration(bins: Document) -> RenderableType:
    columns = [_list(bins, key) for key in ("count", "mean_probability", "frequency")]
    edges = _list(bins, "bin_edges")
    if not edges:
        return Text()
    ranges = [f"{_shown(low)} to {_shown(high)}" for low, high in zip(edges, edges[1:], strict=False)]
    rows = [(span, *map(_shown, row)) for span, *row in zip(ranges, *columns, strict=True) if row[0]]
    return _table("Calibration of the calls", ("probability", "peaks", "mean probability", "share right"), rows)


def _views(views: Document) -> RenderableType:
    """How well each kind of statement is calibrated; nothing where nothing is scored."""
    summaries = {label: _object(_object(views, key), "all") for key, label in _VIEWS.items()}
    if not any(summaries.values()):
        return Text()
    rows = [("statements", *(_shown(of.get("n_statements")) for of in summaries.values()))]
    for key, (label, _) in NUMBERS.items():
        rows.append((label.lower(), *(_estimate(of.get(key)) for of in summaries.values())))
        by_chance = [_object(of, key).get("if_calibrated") for of in summaries.values()]
        if any(value is not None for value in by_chance):
            rows.append(("  if calibrated", *map(_probability, by_chance)))
    rows.append(("in its 90 % band", *(_shown(of.get("is_inside_band")) for of in summaries.values())))
    return _table("Calibration of each kind of statement, with 95 % intervals", ("", *summaries), rows)


def _estimate(number: object) -> str:
    """A number, with its interval where it has one."""
    if not isinstance(number, Mapping):
        return _probability(number)
    value, low, high = (_probability(number.get(name)) for name in ("value", "low", "high"))
    return value if number.get("low") is None else f"{value} ({low} to {high})"


def _probability(value: object) -> str:
    """With as many digits as are known, so that three intervals fit into a line."""
    return f"{value:.3f}" if isinstance(value, int | float) else MISSING


def audit_document(run_dir: Path, metrics: Document) -> Document:
    """What audit labels say of a run: of `compassign audit`, which came later, else of the run itself, else empty."""
    later = run_dir / AUDIT_LABELS_FILE
    return _read_object(later) if later.is_file() else _object(metrics, "audit")


def _annotators(run_dir: Path, with_people: bool) -> RenderableType:
    """How far each annotator is right; nothing where nobody labelled."""
    table = read_annotators(run_dir)
    if not len(table):
        return Text()
    sentences = describe(table if with_people else without_names(table))
    return Text("\n".join(["Annotators, with 94 % intervals:", *(f"  {line}" for line in sentences)]) + "\n")


def _audit(audit: Document) -> RenderableType:
    if not audit:
        return Text("Audit labels: none, so no share of false ones is certified.\n")
    n_labels, n_skipped, n_seen = (_shown(audit.get(name)) for name in ("n_labels", "n_skipped", "n_seen"))
    about = f"{n_labels} audit labels, {n_skipped} skipped, {n_seen} left out as seen by the fit:"
    levels = _object(audit, "levels")
    sentences = [_shown(_object(levels, limit).get("sentence")) for limit in sorted(levels, key=float)]
    return Text("\n".join([about, *sentences]) + "\n")


def _sensitivity(settings: Document) -> RenderableType:
    if not settings:
        return Text("Sensitivity to the unlisted share: this model has none.\n")
    shares = sorted(settings, key=float)
    numbers = list(dict.fromkeys(name for share in shares for name in _object(settings, share)))
    rows = [(name, *(_shown(_object(settings, share).get(name)) for share in shares)) for name in numbers]
    title = "If another share of the compounds in the sample were missing from the library"
    return _table(title, ("number", *(_share(float(share)) for share in shares)), rows)


def _is_sampled(sampler: Document) -> bool:
    """Whether there is a diagnostic; a failed sampler may have none, but then it has reasons."""
    figures = (sampler.get(name) for name in ("max_rhat", "min_ess_bulk"))
    return bool(_list(sampler, "reasons")) or any(figure is not None for figure in figures)


def _sampler(sampler: Document) -> RenderableType:
    if not _is_sampled(sampler):
        return Text("Sampler: none, nothing was sampled.\n")
    rows = [(meaning, _shown(sampler.get(name))) for name, meaning in _SAMPLER_NUMBERS.items()]
    reasons = [f"Warning: {_shown(reason)}" for reason in _list(sampler, "reasons")] or ["No warnings."]
    not_informed = _list(sampler, "not_informed")
    if not_informed:
        reasons.append(f"Not informed by these data: {_shown(not_informed)}")
    return Group(_table("Sampler", ("diagnostic", "value"), rows), Text("\n".join(reasons) + "\n"))


def _checks(document: Document) -> RenderableType:
    """Name the predictive checks that fail, the first N_SHOWN of them; nothing for a model without checks."""
    checks = [row for row in _list(document, "checks") if isinstance(row, Mapping)]
    if not checks:
        return Text()
    failed = [_misfit(row) for row in checks if not UNLIKELY <= _number(row, "p_value") <= 1.0 - UNLIKELY]
    if not failed:
        return Text(f"Predictive checks: none of {len(checks)} finds the data unlike the model's.\n")
    expected = round(2 * UNLIKELY * len(checks))
    head = f"Predictive checks: {len(failed)} of {len(checks)} find the data unlike the model's"
    by_chance = f" (up to about {expected} by chance)." if expected else "."
    more = [f"... and {len(failed) - N_SHOWN} more"] if len(failed) > N_SHOWN else []
    return Text("\n".join([head + by_chance, *failed[:N_SHOWN], *more]) + "\n")


def _misfit(check: Document) -> str:
    statistic, group = _shown(check.get("statistic")), _shown(check.get("group"))
    observable = _shown(check.get("observable"))
    what = _QUANTITIES.get(statistic, statistic).format(observable=_OBSERVABLES.get(observable, observable))
    where = "over all peaks" if group == "all" else f"of {group}"
    side = "larger" if _number(check, "p_value") < UNLIKELY else "smaller"
    observed, low, high = (_shown(check.get(key)) for key in ("observed", "replicated_05", "replicated_95"))
    return f"Misfit: {what} {where} is {observed}, {side} than the model makes it ({low} to {high})"


def _number(document: Document, key: str) -> float:
    """A number of a document; NaN where there is none, which no limit contains."""
    value = document.get(key)
    return float(value) if isinstance(value, int | float) else math.nan


def _runtime(stages: Document) -> RenderableType:
    seconds = {name: value for name, value in stages.items() if isinstance(value, int | float)}
    rows = [(name, f"{value:.1f}") for name, value in seconds.items()]
    if "total" not in seconds:
        rows.append(("total", f"{sum(seconds.values()):.1f}"))
    return _table("Runtime", ("stage", "seconds"), rows)
