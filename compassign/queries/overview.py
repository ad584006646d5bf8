"""The complete runs of an output folder at a glance, and how far each can be trusted."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from compassign.config import RECORD_NAME, RunRecord, read_record
from compassign.errors import InputError
from compassign.queries.run_folder import METRICS_FILE
from compassign.runs import RUNS, is_complete

Word = Literal["converged", "suspect", "failed", "not sampled"]
RECORD_FILE = Path("results", RECORD_NAME)
_CACHED_SUMMARIES = 2000
_JUDGED: Mapping[str, Word] = {"converged": "converged", "suspect": "suspect", "failed": "failed"}


@dataclass(frozen=True)
class Verdict:
    """Whether the sampler of a run converged.

    reasons : why it did not. is_quick : made with few draws, for a first look. is_prior : its fit saw no data.
    """

    word: Word
    reasons: tuple[str, ...]
    is_quick: bool
    is_prior: bool


@dataclass(frozen=True)
class RunSummary:
    """One complete run in a list; numbers are None where there is nothing to count them on.

    record : what it was made from. runtime_s : of all its stages together.

    started : UTC, "" if unknown. n_accepted : peaks with the decision `accept`. alpha : their false-discovery rate.
    n_labelled : peaks whose answer was given to the fit.
    precision, recall, ece : 0 to 1, on the peaks whose truth the fit did not see.
    """

    run_id: str
    path: Path
    record: RunRecord
    model: str
    dataset: str
    started: str
    verdict: Verdict
    n_peaks: int | None
    n_accepted: int | None
    n_labelled: int | None
    alpha: float
    precision: float | None
    recall: float | None
    ece: float | None
    runtime_s: float | None

    @property
    def title(self) -> str:
        """A line that tells the run from others."""
        return " \N{MIDDLE DOT} ".join([self.started or self.run_id, self.model, self.dataset])


def verdict(metrics: Mapping[str, Any]) -> Verdict:
    """Read the verdict from `assignment_metrics.json`; one that is not understood is no good one."""
    sampler = metrics.get("sampler")
    details = sampler if isinstance(sampler, Mapping) else {}
    reasons = details.get("reasons")
    is_sampled = details.get("max_rhat") is not None or metrics.get("verdict") in {"suspect", "failed"}
    return Verdict(
        _JUDGED.get(str(metrics.get("verdict")), "failed") if is_sampled else "not sampled",
        tuple(map(str, reasons)) if isinstance(reasons, list) else (),
        bool(details.get("quick")),
        bool(metrics.get("prior_only")),
    )


def list_runs(output: Path, limit: int | None = None) -> list[RunSummary]:
    """The complete runs of an output folder, newest first, at most `limit`; those that cannot be read are left out."""
    paths = (path for path in sorted((output / RUNS).glob("*"), reverse=True) if is_complete(path))
    summaries: list[RunSummary] = []
    for path in paths:
        if len(summaries) == limit:
            break
        try:
            summaries.append(summarise(path))
        except InputError:
            continue  # a list has to show the others
    return summaries


def summarise(path: Path) -> RunSummary:
    """What a list says of one run, read again only if it was changed.

    Raises InputError if its record or metrics cannot be read.
    """
    return _summarise(path, tuple(_changed_ns(path / file) for file in (RECORD_FILE, METRICS_FILE)))


@lru_cache(maxsize=_CACHED_SUMMARIES)
def _summarise(path: Path, changed_ns: tuple[int, ...]) -> RunSummary:
    """changed_ns : makes a run that was changed another entry."""
    del changed_ns
    record = read_record(path)
    try:
        metrics = json.loads((path / METRICS_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path / METRICS_FILE}: cannot be read ({error})") from error
    if not isinstance(metrics, dict):
        raise InputError(f"{path / METRICS_FILE}: expected a JSON object")
    decisions, runtime_s = metrics.get("decisions"), metrics.get("runtime_s")
    return RunSummary(
        run_id=path.name,
        path=path,
        record=record,
        model=record.config.model,
        dataset=dataset_name(record),
        started=_started(record),
        verdict=verdict(metrics),
        n_peaks=metrics.get("n_peaks"),
        n_accepted=decisions.get("accept") if isinstance(decisions, Mapping) else None,
        n_labelled=metrics.get("n_labelled"),
        alpha=record.config.alpha,
        precision=metrics.get("precision"),
        recall=metrics.get("recall"),
        ece=metrics.get("ece"),
        runtime_s=sum(runtime_s.values()) if isinstance(runtime_s, Mapping) else None,
    )


def _changed_ns(file: Path) -> int:
    try:
        return file.stat().st_mtime_ns
    except OSError:
        return 0  # reading it says why


def dataset_name(record: RunRecord) -> str:
    """What a person calls the dataset of a run: the folder's name, or the demonstration's difficulty."""
    config = record.config
    return f"demo, {config.difficulty}" if config.data is None else config.data.name


def _started(record: RunRecord) -> str:
    try:
        return datetime.fromisoformat(record.started).strftime("%Y-%m-%d %H:%M")
    except ValueError:
        return ""
