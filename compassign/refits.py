"""The newest refit of a run with the answers since: a file beside the runs, written by a process of its own.

The process belongs to no server: it keeps the compiled model, fits again whenever answers have come, and ends by itself
when none have come for a while. A server that starts anew finds it by its lock.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import pandas as pd

from compassign.config import RunConfig
from compassign.data.answers import combine_labels, format_options
from compassign.data.dataset import Answers
from compassign.decisions.acquisition import OptionDraws
from compassign.files import written_whole
from compassign.jobs.alone import is_taken
from compassign.label_events import TRAINING, LabelEvent, fold
from compassign.runs import RUNS
from compassign.tables import AUDIT
from compassign.units import StrArray

REFITS = "refits"  # folder in an output folder
_SAID = ["peak_id", "compound_id"]
_started: dict[Path, subprocess.Popen[bytes]] = {}


@dataclass(frozen=True, eq=False)
class NamedDraws:
    """Draws with the names of what they are about. peak_id : (n_peaks,). option : (n_options,), "" is the null."""

    peak_id: StrArray
    option: StrArray
    draws: OptionDraws

    @cached_property
    def row(self) -> dict[str, int]:
        """Which row of `peak_id` a peak is."""
        return {str(peak_id): row for row, peak_id in enumerate(self.peak_id)}


@dataclass(frozen=True, eq=False)
class Refit:
    """A run's model, fitted again with the answers until an event of the label store.

    at : when it ended. seconds : that it took. verdict : as of a run, by the limits of a quick one. named : None where
    it could not be fitted, for the reason in `problem`. n_untaught : answers that its retention times have not learned
    from.
    """

    last_event: int
    at: datetime
    seconds: float
    verdict: str = ""
    problem: str = ""
    named: NamedDraws | None = None
    n_untaught: int = 0


def can_refit(config: RunConfig) -> bool:
    """Whether answers change a run of this kind: a look-up has nothing to learn, a prior has seen nothing."""
    return config.model != "lookup" and config.mode == "posterior"


def learned_answers(events: Iterable[LabelEvent]) -> Answers:
    """What a fit learns from a dataset's events: peak_id -> compounds, none for the null; nothing of the audit."""
    said: dict[str, list[frozenset[str]]] = {}
    for event in fold(events).counting():
        if event.kind in TRAINING and event.purpose != AUDIT:
            said.setdefault(event.peak_id, []).append(frozenset(event.options))
    single = {peak_id: answers[0] for peak_id, answers in said.items() if len(answers) == 1}
    several = [
        (peak_id, format_options(one)) for peak_id, answers in said.items() if len(answers) > 1 for one in answers
    ]
    return {**single, **combine_labels("stored labels", pd.DataFrame(several, columns=_SAID, dtype=str))[0]}


def write_refit(output: Path, run_id: str, refit: Refit) -> None:
    """Put a refit in the place of the one before, whole or not at all."""
    about = {name: getattr(refit, name) for name in ("last_event", "seconds", "verdict", "problem", "n_untaught")}
    arrays: dict[str, Any] = {"about": np.array(json.dumps({**about, "at": refit.at.isoformat()}))}
    if refit.named is not None:
        draws = refit.named.draws
        arrays |= {"peak_id": refit.named.peak_id, "option": refit.named.option, "offsets": draws.offsets}
        arrays["probability"] = draws.probability.astype(np.float32)
    with written_whole(_file(output, run_id)) as temporary, temporary.open("wb") as file:
        np.savez(file, **arrays)


def read_refit(output: Path, run_id: str) -> Refit | None:
    """The newest refit of a run, read once; None if there is none, or none that this version can read."""
    file = _file(output, run_id)
    try:
        return _read(file, file.stat().st_mtime_ns)
    except (OSError, EOFError, ValueError, KeyError, BadZipFile):
        return None  # the next one takes its place


@lru_cache(maxsize=2)
def _read(file: Path, changed_ns: int) -> Refit:
    """changed_ns : makes a file that was replaced another entry."""
    del changed_ns
    with file.open("rb") as opened, np.load(opened, allow_pickle=False) as arrays:
        about = json.loads(str(arrays["about"]))
        named = None
        if "option" in arrays:
            draws = OptionDraws(arrays["offsets"], arrays["probability"])
            named = NamedDraws(arrays["peak_id"], arrays["option"], draws)
    return Refit(**{**about, "at": datetime.fromisoformat(about["at"])}, named=named)


def forget_refits(output: Path) -> None:
    """Remove the refits of runs that are gone, and what else their processes left."""
    for file in list((output / REFITS).glob("*")):
        run_id = file.name.lstrip(".").partition(".")[0]
        if not (output / RUNS / run_id).is_dir():
            file.unlink(missing_ok=True)


def keep_refitting(output: Path, run_id: str) -> None:
    """Start the process that refits a run, unless there is one; returns at once.

    A process that is one too many ends by itself.
    """
    lock = lock_of(output, run_id)
    process = _started.get(lock)
    if (process is not None and process.poll() is None) or is_taken(lock):
        return
    lock.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "compassign.refitting", os.path.abspath(output), run_id]
    with lock.with_suffix(".log").open("wb") as log:
        process = subprocess.Popen(  # noqa: S603  # our own module; the id is that of a run that was read
            command, start_new_session=True, stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
    _started[lock] = process
    # waits for it, so that it does not stay as a zombie while this process lives
    threading.Thread(target=process.wait, name=f"refits of {run_id}", daemon=True).start()


def lock_of(output: Path, run_id: str) -> Path:
    """What the process that refits a run holds."""
    return output / REFITS / f".{run_id}.lock"


def _file(output: Path, run_id: str) -> Path:
    return output / REFITS / f"{run_id}.npz"
