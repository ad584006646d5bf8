"""What the report says of sets and of recalibration, as text."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from compassign.evaluation.recalibrated_scores import SCORES, temperature_sentence

RECALIBRATION_FILE = Path("results", "recalibration.json")  # only of a run that was recalibrated
_KINDS = {
    "credible_truth": "credible sets, by the truth",
    "credible_audit": "credible sets, by audit labels",
    "conformal_truth": "conformal sets, by the truth",
}

Document = Mapping[str, Any]


def sets_text(sets: Document) -> str:
    """How often the sets of each kind hold the truth; "" for a run of an earlier version.

    sets : as in the metrics file.
    """
    if not sets:
        return ""
    lines = [f"Sets that promise to hold the truth with {sets['level']:.0%}:"]
    for key, label in _KINDS.items():
        if sets.get(key):
            found = sets[key]["all"]
            lines.append(
                f"  {label}: {found['coverage']:.1%} ({found['low']:.1%} to {found['high']:.1%}) of {found['n_peaks']} "
                f"peaks, {found['mean_size']:.1f} options in a set"
            )
    if len(lines) == 1:
        lines.append("  there are no answers to count with")
    if sets.get("thresholds") is None:
        lines.append("  conformal sets need audit labels")
    return "\n".join(lines) + "\n"


def recalibration_text(found: Document) -> str:
    """What the labels say of the probabilities, and scores before and after; "" where that step was not taken.

    found : content of RECALIBRATION_FILE.
    """
    if not found:
        return ""
    lines = [
        f"Recalibration ({found['method']}) by {found['n_labels']} audit labels, cross-fitted:",
        f"  {temperature_sentence(found['temperature'])}",
    ]
    if found["recalibrated"] is not None:
        lines += [
            f"  {label}: {found['raw'][name]:.3f} raw, {found['recalibrated'][name]:.3f} recalibrated"
            for name, label in SCORES.items()
        ]
    return "\n".join(lines) + "\n"
