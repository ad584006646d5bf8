"""A run that is interrupted, terminated or killed from outside, in a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from compassign.runs import newest_complete

# Writes everything that a complete run has, says so, and then hangs where a sampler would be.
PROGRAM = """
import sys, threading, types
from compassign.cli import main

def execute(config, staging, progress):
    with progress.stage("sample"):
        for name in ("models/assignment_trace.nc", "results/run.json", "results/peak_assignments.csv"):
            (staging / name).write_text("{}")
        if config.seed:
            print("staged", flush=True)
            threading.Event().wait(60)
    return types.SimpleNamespace(verdict="converged", headline={}, notes=())

module = types.ModuleType("compassign.pipeline")
module.execute = execute
sys.modules["compassign.pipeline"] = module
main(sys.argv[1:])
"""


def start(output: Path, seed: int) -> subprocess.Popen[str]:
    words = [sys.executable, "-c", PROGRAM, "run", "--output", str(output), "--seed", str(seed)]
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@contextmanager
def staged_run(output: Path) -> Iterator[subprocess.Popen[str]]:
    """A run that has staged its files and hangs."""
    process = start(output, seed=1)
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "staged\n"
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.fixture
def earlier(tmp_path: Path) -> str:
    """The id of a complete run in the output folder."""
    process = start(tmp_path, seed=0)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, out + err
    return os.readlink(tmp_path / "latest").removeprefix("runs/")


def visible(run: Path) -> list[str]:
    return sorted(path.name for path in run.iterdir() if not path.name.startswith("."))


def test_a_killed_run_leaves_nothing_that_looks_complete(tmp_path: Path) -> None:
    with staged_run(tmp_path) as process:
        process.kill()
        assert process.wait(10) == -signal.SIGKILL
    (run,) = (tmp_path / "runs").iterdir()
    assert visible(run) == ["logs"]
    assert {"latest", "models", "results", "logs"}.isdisjoint(os.listdir(tmp_path))
    assert newest_complete(tmp_path) is None


def test_a_killed_run_leaves_the_links_on_the_run_before(tmp_path: Path, earlier: str) -> None:
    with staged_run(tmp_path) as process:
        process.kill()
        process.wait(10)
    assert os.readlink(tmp_path / "latest") == f"runs/{earlier}"
    assert newest_complete(tmp_path) == tmp_path / "runs" / earlier
    assert (tmp_path / "results" / "run.json").is_file()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_cleans_up_and_exits_with_130(tmp_path: Path, earlier: str, number: signal.Signals) -> None:
    with staged_run(tmp_path) as process:
        process.send_signal(number)
        out, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert out == ""
    assert "Cancelled." in err
    assert f"still show run {earlier}" in err
    (run,) = (path for path in (tmp_path / "runs").iterdir() if path.name != earlier)
    assert os.listdir(run) == ["logs"]


Wrapper = Callable[[Path], list[str]]


@pytest.mark.parametrize(
    "words",
    [
        lambda root: [sys.executable, str(root / "scripts" / "train.py")],
        lambda root: [sys.executable, "-c", "import sys; from compassign.cli import main; sys.exit(main())", "run"],
    ],
    ids=["train.py", "console script"],
)
def test_exit_codes_pass_through_what_wraps_the_command(tmp_path: Path, repo_root: Path, words: Wrapper) -> None:
    environment = os.environ | {"PYTHONPATH": str(repo_root)}
    command = [*words(repo_root), "--alpha", "2", "--output", str(tmp_path)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "--alpha = 2.0: input should be less than 1" in done.stderr
