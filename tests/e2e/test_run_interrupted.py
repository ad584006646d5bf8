"""Runs of the real pipeline that are killed or cancelled at work leave nothing that looks complete."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from run_tools import files, run

from compassign.runs import newest_complete

pytestmark = pytest.mark.slow  # a process of its own imports and compiles before it can be interrupted at its sampling

ENDLESS = ("--model", "lookup", "--samples", "1000000", "--chains", "2")
LIMIT_S = 240.0  # compilation on a busy machine

# The real pipeline, stopped where every result is staged but for the metrics.
PAUSED = """
import sys, threading
import compassign.pipeline
from compassign.cli import main

write_json = compassign.pipeline.write_json

def write_and_wait(document, path):
    if path.name == "assignment_metrics.json":
        print("about to write the metrics", file=sys.stderr, flush=True)
        threading.Event().wait(600)
    write_json(document, path)

compassign.pipeline.write_json = write_and_wait
main(sys.argv[1:])
"""
COMMAND = "from compassign.cli import main; main()"


@dataclass(frozen=True)
class Started:
    """A process in a group of its own, and the file that gets its standard error."""

    process: subprocess.Popen[bytes]
    err: Path

    def wait_for(self, text: str) -> None:
        """Wait until the process has said the text; fail if it ends or takes too long."""
        deadline = time.monotonic() + LIMIT_S
        while text not in self.err.read_text():
            assert self.process.poll() is None, self.err.read_text()
            assert time.monotonic() < deadline, self.err.read_text()
            time.sleep(0.05)

    def signal(self, number: signal.Signals) -> int:
        """Signal the whole group, as a terminal or a job scheduler does, and return the exit code."""
        os.killpg(self.process.pid, number)
        return self.process.wait(60)

    def is_gone(self) -> bool:
        """Whether no process of the group is left."""
        try:
            os.killpg(self.process.pid, 0)
        except ProcessLookupError:
            return True
        return False


Start = Callable[..., Started]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start a program; whatever is left of its group is killed at the end."""
    all_started: list[Started] = []

    def starter(program: str, *words: str) -> Started:
        err = tmp_path / f"err{len(all_started)}.txt"
        with err.open("wb") as file:
            process = subprocess.Popen(
                [sys.executable, "-c", program, "run", *words],
                stdout=subprocess.DEVNULL,
                stderr=file,
                start_new_session=True,
            )
        all_started.append(Started(process, err))
        return all_started[-1]

    yield starter
    for started in all_started:
        if not started.is_gone():
            started.signal(signal.SIGKILL)


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """One peak, and two calibrants that make the RT stage sample."""
    folder = tmp_path / "study"
    folder.mkdir()
    (folder / "peaks.csv").write_text(
        "peak_id,species,mz,rt_min,intensity,polarity\np1,human,195.0877,4.1,1000,positive\n"
    )
    (folder / "compounds.csv").write_text("compound_id,name,formula\nc1,caffeine,C8H10N4O2\nc2,water,H2O\n")
    (folder / "calibrants.csv").write_text("species,compound_id,rt_min\nhuman,c1,4.0\nhuman,c2,1.0\n")
    return folder


@pytest.fixture
def output(tmp_path: Path, study: Path) -> Path:
    """An output folder with one complete run, of the study without its calibrants, which takes no sampling."""
    earlier = tmp_path / "earlier"
    shutil.copytree(study, earlier)
    (earlier / "calibrants.csv").unlink()
    done = run(tmp_path / "output", "--data", str(earlier), "--model", "lookup")
    assert done.ended.code == 0, done.ended.err
    return tmp_path / "output"


def new_run(output: Path, earlier: Path) -> Path:
    (path,) = (path for path in (output / "runs").iterdir() if path != earlier)
    return path


def check_only_the_earlier_run_is_there(output: Path, earlier: Path) -> None:
    """The links show the earlier run, whole, and the new one has nothing where results are looked for."""
    assert (output / "latest").resolve() == earlier
    for name in ("models", "results", "logs"):
        assert (output / name).resolve() == earlier / name
    assert files(earlier / "results") == [
        "assignment_metrics.json",
        "candidate_sets.csv",
        "candidates.csv",
        "compounds.csv",
        "peak_assignments.csv",
        "run.json",
    ]
    unfinished = new_run(output, earlier)
    assert not (unfinished / "models").exists()
    assert not (unfinished / "results").exists()
    assert newest_complete(output) == earlier


def test_a_run_killed_while_it_samples_leaves_nothing_that_looks_complete(
    start: Start, study: Path, output: Path
) -> None:
    earlier = (output / "latest").resolve()
    started = start(COMMAND, "--data", str(study), "--output", str(output), *ENDLESS)
    started.wait_for("draws, 0 divergences")
    assert started.signal(signal.SIGKILL) == -signal.SIGKILL
    check_only_the_earlier_run_is_there(output, earlier)
    assert files(new_run(output, earlier)) == ["logs/run.log"]
    assert started.is_gone()


def test_a_run_killed_before_its_last_file_leaves_nothing_that_looks_complete(
    start: Start, study: Path, output: Path
) -> None:
    earlier = (output / "latest").resolve()
    (study / "calibrants.csv").unlink()
    started = start(PAUSED, "--data", str(study), "--output", str(output), "--model", "lookup")
    started.wait_for("about to write the metrics")
    assert started.signal(signal.SIGKILL) == -signal.SIGKILL
    check_only_the_earlier_run_is_there(output, earlier)
    # what was staged is out of sight, below a name that begins with a dot
    staged = [name for name in files(new_run(output, earlier)) if name != "logs/run.log"]
    assert any(name.endswith("candidates.csv") for name in staged)
    assert all(name.startswith(".") for name in staged)


def test_a_cancelled_run_stops_its_chains_and_exits_with_130(start: Start, study: Path, output: Path) -> None:
    earlier = (output / "latest").resolve()
    started = start(COMMAND, "--data", str(study), "--output", str(output), *ENDLESS)
    started.wait_for("draws, 0 divergences")
    assert started.signal(signal.SIGINT) == 130
    assert started.is_gone()
    check_only_the_earlier_run_is_there(output, earlier)
    assert files(new_run(output, earlier)) == ["logs/run.log"]
    said = started.err.read_text()
    assert "Cancelled." in said
    assert f"still show run {earlier.name}" in said
    assert "Traceback" not in said
