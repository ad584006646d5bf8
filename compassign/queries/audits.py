"""What the audits of a run found, as tables of text."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from compassign.errors import InputError

DESIGNS = ("entrapment", "withholding")
NONE = "\N{EN DASH}"


@dataclass(frozen=True)
class Audit:
    """One audit of a run.

    about : what was repeated, a sentence. table : one row a limit, text: limit, accepted, false share at least and at
    most with their 95 % intervals and finding (entrapment), or accepted, share, others (withholding); no rows where
    nothing was audited. command : what makes it. caution : fits that did not converge, else "".
    """

    design: str
    about: str
    table: pd.DataFrame
    command: str
    caution: str


def read_audits(path: Path, run_id: str) -> list[Audit]:
    """Both audits of the run in a folder, those that nobody made yet without rows.

    Raises InputError for a file that no audit wrote.
    """
    return [_read_audit(path, run_id, design) for design in DESIGNS]


def _read_audit(path: Path, run_id: str, design: str) -> Audit:
    file = path / "results" / f"audit_{design}.json"
    command = shlex.join(["compassign", "audit", run_id, "--design", design, "--output", str(path.parent.parent)])
    if not file.is_file():
        return Audit(design, "", pd.DataFrame(), command, "")
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
        rows = [_ROWS[design](limit, level, found) for limit, level in found["levels"].items()]
        verdicts = found["verdicts"] if design == "withholding" else [found["verdict"]]
        bad = sorted({str(verdict) for verdict in verdicts} - {"converged"})
        return Audit(design, _ABOUT[design].format_map(found), pd.DataFrame(rows), command, ", ".join(bad))
    except (OSError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"{file}: not what `compassign audit` writes ({error})") from error


def _entrapment_row(limit: str, level: Mapping[str, Any], found: Mapping[str, Any]) -> dict[str, str]:
    del found
    return {
        "limit": f"{float(limit):.0%}",
        "targets": f"{level['n_targets']:,}",
        "entries": f"{level['n_entries']:,} ({level['n_entry_compounds']:,} different)",
        "at_least": _interval(level["lower"]),
        "at_most": _interval(level["upper"]),
        "finding": str(level["finding"]),
    }


def _withholding_row(limit: str, level: Mapping[str, Any], found: Mapping[str, Any]) -> dict[str, str]:
    others = found["accepted_share"][limit]
    return {
        "limit": f"{float(limit):.0%}",
        "accepted": f"{level['n_accepted']:,} of {found['n_peaks']:,}",
        "share": _interval(level),
        "others": NONE if others is None else f"{others:.1%}",
    }


def _interval(share: Mapping[str, float] | None) -> str:
    return NONE if share is None else f"{share['share']:.1%} ({share['low']:.1%} to {share['high']:.1%})"


_ROWS = {"entrapment": _entrapment_row, "withholding": _withholding_row}
_ABOUT = {
    "entrapment": "Repeated with isomers that cannot be present, {rho:.2f} candidates for each of a compound. "
    "Compounds accepted alone, on peaks of what the library lacks, are hardly counted: the other audit shows them.",
    "withholding": "Repeated {n_parts} times without a tenth of the labelled compounds, each time another.",
}
