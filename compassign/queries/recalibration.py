"""What `compassign recalibrate` found about a run, as its screens show it."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from compassign.errors import InputError
from compassign.evaluation.recalibrated_scores import SCORES, temperature_sentence
from compassign.evaluation.reliability_curve import Statements
from compassign.queries.calibration import Reliability, reliability_of
from compassign.queries.run_folder import Run
from compassign.report_trust import RECALIBRATION_FILE

RAW, RECALIBRATED = "raw", "recalibrated"


@dataclass(frozen=True)
class RecalibrationView:
    """A run's probabilities before and after recalibration.

    sentence : what the audit labels say of the raw ones. method, n_labels : of the recalibration. scores : label, raw,
    recalibrated, as text; no rows where too few compounds are labelled. curves : RAW and RECALIBRATED -> reliability of
    the calls of the audit's peaks, recalibrated by a fit that did not see them.
    """

    sentence: str
    method: str
    n_labels: int
    scores: pd.DataFrame
    curves: Mapping[str, Reliability]


def recalibration(run: Run) -> RecalibrationView | None:
    """What recalibration found; None where that step was not taken.

    Raises InputError where its file is not what the command writes.
    """
    path = run.path / RECALIBRATION_FILE
    if not path.is_file():
        return None
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        return _view(document, run.record.config.seed)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: not a recalibration that is written ({error})") from error


def how_to_recalibrate(run: Run) -> list[str]:
    """The commands that recalibrate a run, with those that draw the peaks to label where it has no audit labels."""
    name = shlex.quote(run.run_id)
    draw = f"compassign audit {name} --design labels --draw 300 --to audit.csv"
    fill = "# fill in audit.csv, and add its rows to labels.csv of the dataset"
    return [*([] if run.audit.peak.size else [draw, fill]), f"compassign recalibrate {name}"]


def _view(document: Mapping[str, Any], seed: int) -> RecalibrationView:
    raw, after = document[RAW], document[RECALIBRATED]
    rows = (
        [] if after is None else [(label, f"{raw[name]:.3f}", f"{after[name]:.3f}") for name, label in SCORES.items()]
    )
    calls = document["calls"]
    return RecalibrationView(
        sentence=temperature_sentence(document["temperature"]),
        method=document["method"],
        n_labels=int(document["n_labels"]),
        scores=pd.DataFrame(rows, columns=["score", RAW, RECALIBRATED]),
        curves={
            name: reliability_of(_statements(calls, calls[name]), "labelled peaks", seed)
            for name in (RAW, RECALIBRATED)
            if calls[name] is not None
        },
    )


def _statements(calls: Mapping[str, Any], probability: list[float]) -> Statements:
    """The calls of the labels, each counted once.

    What the draw of a peak depends on is whether its call is accepted, which its probability decides; so among calls of
    one probability the labels are a plain sample, and weights would only make the curve less certain.
    """
    return Statements(
        probability=np.clip(np.array(probability, dtype=np.float64), 0.0, 1.0),
        outcome=np.array(calls["is_right"], dtype=np.float64),
        peak=np.arange(len(probability)),
        cluster=np.array(calls["cluster"], dtype=np.int64),
    )
