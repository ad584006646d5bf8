"""Run folders: what a run writes is invisible until it is complete, then shown by one atomic rename."""

from __future__ import annotations

import os
import secrets
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from compassign.config import RECORD_NAME
from compassign.errors import InputError

LINKED_FOLDERS = ("models", "results", "logs")
LATEST = "latest"
RUNS = "runs"
STAGING = ".staging"
WORKING_SPACE_MB = 256  # tables, the retention-time trace and the log of the largest datasets seen, twice over
LISTED_RUNS = 5  # as many as a message can name and still be read
_BYTES_PER_MB = 1_000_000


@dataclass(frozen=True)
class RunDirectory:
    """The folder of one run; as a context manager it leaves nothing half-written behind.

    path : `output/runs/<run_id>`. Models and results are written into `staging` and appear in `path` only by `publish`;
    the log is written in place, so that a failed run can be read.
    """

    path: Path

    @classmethod
    def create(cls, output: Path, model: str, trace_mb: int = 0, run_id: str | None = None) -> Self:
        """Make the folder of a new run below `output`.

        model : goes into the run's name. trace_mb : largest size of the stored trace, MB. run_id : the run's name, if
        it has one already.
        Raises InputError if the output folder cannot hold a run: see `prepare_output`.
        """
        prepare_output(output, trace_mb + WORKING_SPACE_MB)
        run = cls(Path(os.path.abspath(output)) / RUNS / (run_id or new_run_id(model)))
        for folder in (run.staging / "models", run.staging / "results", run.log.parent):
            folder.mkdir(parents=True)
        return run

    @property
    def run_id(self) -> str:
        """The folder's name."""
        return self.path.name

    @property
    def output(self) -> Path:
        """The output folder that the run belongs to."""
        return self.path.parent.parent

    @property
    def staging(self) -> Path:
        """Folder with `models` and `results` that the run writes to."""
        return self.path / STAGING

    @property
    def log(self) -> Path:
        """The run's log file."""
        return self.path / "logs" / "run.log"

    def publish(self) -> None:
        """Make the staged files the run's own, and let the output's links show this run."""
        # the record is in results, so a run without them is not complete: they move last
        for folder in ("models", "results"):
            os.rename(self.staging / folder, self.path / folder)
        shutil.rmtree(self.staging)
        for folder in LINKED_FOLDERS:
            link = self.output / folder
            if not link.is_symlink():
                _replace_link(link, f"{LATEST}/{folder}")
        _replace_link(self.output / LATEST, f"{RUNS}/{self.run_id}")

    def tidy(self) -> None:
        """Remove whatever is not part of a complete run, but for the log."""
        leftovers = [] if is_complete(self.path) else [self.path / "models", self.path / "results"]
        for folder in (self.staging, *leftovers):
            shutil.rmtree(folder, ignore_errors=True)

    def __enter__(self) -> Self:
        """Use the folder for the run inside the `with` block."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Remove whatever is not part of a complete run, but for the log; after bad input the log too."""
        self.tidy()
        if isinstance(error, InputError) and not is_complete(self.path):
            shutil.rmtree(self.path, ignore_errors=True)


def new_run_id(model: str) -> str:
    """Name for a run that starts now: sorts by UTC time, safe as a file name, unique among runs of the same moment."""
    now = datetime.now(UTC)
    return f"{now:%Y%m%d-%H%M%S-%f}-{model}-{secrets.token_hex(2)}"


def prepare_output(output: Path, needed_mb: int) -> None:
    """Check, before anything is computed, that `output` can hold a run that needs `needed_mb` MB.

    Raises InputError if it cannot be created or written, has no symbolic links, has too little space, or has real
    files where the links to the newest run belong.
    """
    problems = [problem for name in (LATEST, *LINKED_FOLDERS) if (problem := _obstacle(output, name))]
    if problems:
        raise InputError(problems)
    try:
        (output / RUNS).mkdir(parents=True, exist_ok=True)
        probe = output / RUNS / f".probe-{secrets.token_hex(4)}"
        probe.mkdir()
        probe.rmdir()
    except OSError as error:
        raise InputError(f"{output}: the output folder cannot be written ({error.strerror})") from error
    try:
        probe.symlink_to("nowhere")
        probe.unlink()
    except (OSError, NotImplementedError) as error:
        raise InputError(f"{output}: this file system has no symbolic links; choose another --output") from error
    free_mb = shutil.disk_usage(output).free // _BYTES_PER_MB
    if free_mb < needed_mb:
        raise InputError(f"{output}: {free_mb} MB free, but the run may need {needed_mb} MB; free some space")


def is_complete(run: Path) -> bool:
    """Whether the run in this folder was published: its record is there, and the models that were moved before it."""
    return (run / "results" / RECORD_NAME).is_file() and (run / "models").is_dir()


def shown_run(output: Path) -> Path | None:
    """The run that `output/models`, `output/results` and `output/logs` show, None if there is none."""
    latest = output / LATEST
    if not latest.is_symlink() or not is_complete(latest):
        return None
    return Path(os.path.abspath(output)) / os.readlink(latest)


def newest_complete(output: Path) -> Path | None:
    """The newest complete run: the one shown, else (its folder was deleted) the last by name; None if there is none."""
    complete = (run for run in sorted((output / RUNS).glob("*"), reverse=True) if is_complete(run))
    return shown_run(output) or next(complete, None)


def find_run(output: Path, name: str | None = None) -> Path:
    """Find a complete run.

    name : run id, the beginning of one, or a path to a run folder; None for the newest run of `output`.
    Raises InputError if there is no such run, several, or it is not complete.
    """
    if name is None:
        newest = newest_complete(output)
        if newest is None:
            raise InputError(f"{output}: no complete run yet; start one with `compassign run`")
        return newest
    found = _named_runs(output, name)
    if len(found) != 1:
        detail = f"{len(found)} runs begin so" if found else f"neither a run of {output} nor the path of a run folder"
        raise InputError(f"{name}: {detail}; runs: {_listed(output)}")
    if not is_complete(found[0]):
        raise InputError(f"{name}: the run is not complete, it has no results; see {found[0] / 'logs' / 'run.log'}")
    return found[0]


def _named_runs(output: Path, name: str) -> list[Path]:
    """Every run that `name` may mean, the exact ones before beginnings of a name."""
    if Path(name).name == name:
        runs = sorted(run for run in (output / RUNS).glob("*") if run.name.startswith(name))
        exact = [run for run in runs if run.name == name]
        if runs:
            return exact or runs
    return [Path(name)] if name and Path(name).is_dir() else []


def _listed(output: Path) -> str:
    """The complete runs of an output folder, newest first, for a message."""
    names = [run.name for run in sorted((output / RUNS).glob("*"), reverse=True) if is_complete(run)]
    return ", ".join(names[:LISTED_RUNS] + ["..."] * (len(names) > LISTED_RUNS)) or "none"


def _obstacle(output: Path, name: str) -> str | None:
    """What stands where a link to the newest run belongs, as a message."""
    path = output / name
    if not path.is_symlink():
        if path.exists():
            kind = "folder" if path.is_dir() else "file"
            return f"{path}: a real {kind}, but this name is for the link to the newest run; move it away"
        return None
    target = os.readlink(path)
    own = target.startswith(f"{RUNS}/") if name == LATEST else target == f"{LATEST}/{name}"
    return None if own else f"{path}: a link to {target} that is not ours; move it away"


def _replace_link(link: Path, target: str) -> None:
    """Point `link` at `target` in one step: whoever looks sees the old or the new one, never none."""
    temporary = link.with_name(f".{link.name}-{secrets.token_hex(4)}")
    temporary.symlink_to(target)
    try:
        os.replace(temporary, link)
    except OSError:
        temporary.unlink()
        raise
