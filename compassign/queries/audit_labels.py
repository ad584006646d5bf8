"""What audit labels say about a run, as its screens and its report show it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from compassign.errors import InputError
from compassign.report import AUDIT_LABELS_FILE, audit_document


@dataclass(frozen=True)
class AuditView:
    """An audit by labels.

    n_labels, n_skipped, n_seen : as in `AuditEstimate`. is_later : from labels that came after the run.
    levels : one row a limit: limit, n_accepted, n_labels, share, interval ("" where there is none), verdict.
    sentences : one a limit.
    """

    n_labels: int
    n_skipped: int
    n_seen: int
    is_later: bool
    levels: pd.DataFrame
    sentences: tuple[str, ...]


def audit_of_labels(path: Path, metrics: Mapping[str, Any]) -> AuditView | None:
    """The newest audit by labels of a run; None where its dataset had no audit labels.

    path : the run's folder. metrics : its metrics. What `compassign audit` wrote is newer than the run's own. Raises
    InputError where either is not what is written.
    """
    document = audit_document(path, metrics)
    try:
        return _view(document, (path / AUDIT_LABELS_FILE).is_file()) if document else None
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path}: its audit by labels is not what is written ({error!r})") from error


def audit_command(path: Path, n_to_draw: int = 0) -> str:
    """The command that audits the run in a folder by labels, or draws peaks to label."""
    draw = ["--draw", str(n_to_draw), "--to", "audit_labels.csv"] if n_to_draw else []
    output = ["--output", str(path.parent.parent)]
    return shlex.join(["compassign", "audit", path.name, "--design", "labels", *draw, *output])


def _view(document: Mapping[str, Any], is_later: bool) -> AuditView:
    levels = {limit: document["levels"][limit] for limit in sorted(document["levels"], key=float)}
    rows = [
        {
            "limit": f"{100 * float(limit):g} %",
            "n_accepted": level["n_accepted"],
            "n_labels": level["n_labels"],
            "share": "" if level["share"] is None else f"{100 * level['share']:.1f} %",
            "interval": "" if level["low"] is None else f"{100 * level['low']:.1f} to {100 * level['high']:.1f} %",
            "verdict": _verdict(float(limit), level),
        }
        for limit, level in levels.items()
    ]
    sentences = tuple(str(level["sentence"]) for level in levels.values())
    n_labels, n_skipped, n_seen = (int(document[name]) for name in ("n_labels", "n_skipped", "n_seen"))
    return AuditView(n_labels, n_skipped, n_seen, is_later, pd.DataFrame(rows), sentences)


def _verdict(limit: float, level: Mapping[str, Any]) -> str:
    if not level["n_accepted"]:
        return "of nothing"
    if level["is_certified"]:
        return "within the limit"
    return "above the limit" if level["low"] is not None and level["low"] > limit else "cannot be told"
