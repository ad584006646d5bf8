"""`compassign compare`: the table, the verdicts, and what it says of runs that are not there or must not be paired."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from compassign.cli import main

pytest_plugins = ["example_runs"]


@pytest.fixture
def output(tmp_path: Path, lookup_folder: Path, prior_folder: Path) -> Path:
    """An output folder with a look-up and a run of the main model's prior."""
    for name, folder in (("1-lookup", lookup_folder), ("2-prior", prior_folder)):
        shutil.copytree(folder, tmp_path / "runs" / name)
    return tmp_path


def run_main(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as stop:
        main(["compare", *words])
    assert isinstance(stop.value.code, int)
    captured = capsys.readouterr()
    return stop.value.code, captured.out, captured.err


def test_every_run_is_set_against_the_first(output: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run_main(capsys, "1-lookup", "2", str(output / "runs" / "1-lookup"), "--output", str(output))
    assert (code, err) == (0, "")
    flat = " ".join(out.split())
    assert "B against A on " in flat
    assert "C against A on " in flat
    assert "A and C are practically equal: log loss in C is the same" in flat
    metrics = json.loads((output / "runs" / "1-lookup" / "results" / "assignment_metrics.json").read_text())
    assert flat.count(f"log loss {metrics['log_loss']:.3f} ") == 2
    assert flat.count("exact McNemar test") == 2
    assert max(map(len, out.splitlines())) <= 100


def test_a_run_on_other_data_is_not_paired_and_it_says_why(output: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = output / "runs" / "2-prior" / "results" / "run.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"truth_hash": "0" * 64}))
    code, out, _ = run_main(capsys, "1", "2", "--output", str(output))
    assert code == 0
    assert "A and B cannot be compared peak by peak: the truth changed" in " ".join(out.split())
    assert "log loss" not in out


def test_a_run_that_did_not_converge_is_marked(output: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = output / "runs" / "2-prior" / "results" / "assignment_metrics.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"verdict": "failed"}))
    _, out, _ = run_main(capsys, "1", "2", "--output", str(output))
    assert "(failed: its numbers may not be the model's)" in out


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["1-lookup", "nix", "[bold]"], ["2 problems", "nix: neither a run", "[bold]: neither a run"]),
        (["1-lookup"], ["at least one other run"]),
        (["1-lookup"] * 27, ["at most 26 in all; found 27"]),
    ],
)
def test_bad_input_gives_one_message_and_exit_code_2(
    names: list[str], expected: list[str], output: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = run_main(capsys, *names, "--output", str(output))
    assert (code, out) == (2, "")
    for text in expected:
        assert text in err
