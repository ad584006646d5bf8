"""What a run takes, from earlier runs where there are any."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from compassign.config import RunConfig, SamplerConfig
from compassign.queries import cost
from compassign.queries.cost import BENCHMARK, MEASURED, Cost, disk_problem, estimate, total, work

QUICK = SamplerConfig(quick=True)


@pytest.mark.parametrize(
    ("config", "cores", "expected"),
    [
        (RunConfig(model="lookup"), 1, 100),
        (RunConfig(mode="prior"), 1, 100),
        (RunConfig(sampler=QUICK), 2, 100 * 500),
        (RunConfig(sampler=QUICK), 1, 100 * 500 * 2),
        (RunConfig(), 3, 100 * 2000 * 2),
    ],
)
def test_work_is_what_one_core_does_in_turn(config: RunConfig, cores: int, expected: float) -> None:
    assert work(config, 100, cores) == expected


def finished(output: Path, name: str, config: RunConfig, runtime_s: object) -> None:
    """What an estimate reads of a complete run on 200 peaks."""
    run = output / "runs" / name
    (run / "models").mkdir(parents=True)
    (run / "results").mkdir()
    record = {"config": config.model_dump(mode="json"), "seed": config.seed}
    (run / "results" / "run.json").write_text(json.dumps(record))
    metrics = {"n_peaks": 200, "runtime_s": runtime_s}
    (run / "results" / "assignment_metrics.json").write_text(json.dumps(metrics))


def test_without_a_comparable_run_measurements_are_used(tmp_path: Path) -> None:
    finished(tmp_path, "lookup", RunConfig(model="lookup"), {"fit": 0.1, "responsibilities": 0.1})
    found = estimate(tmp_path, RunConfig(sampler=QUICK), 1445, cores=2)
    assert found.based_on == BENCHMARK
    assert found.minutes * 60 == pytest.approx(31, abs=3)  # as the table in docs/benchmarks.md says
    assert estimate(tmp_path, RunConfig(model="lookup"), 10, 2).based_on.startswith("1 finished run of this model")


def test_finished_runs_of_the_model_give_the_estimate(tmp_path: Path) -> None:
    for name, fit_s in (("a", 10.0), ("b", 20.0), ("c", 900.0)):
        stages = {"dataset": 4.0, "fit": fit_s, "responsibilities": 0.0}
        finished(tmp_path, name, RunConfig(sampler=QUICK), stages)
    found = estimate(tmp_path, RunConfig(sampler=SamplerConfig(draws=1000, tune=1000, chains=2)), 400, cores=2)
    # the median run: 20 s for 200 peaks and 500 draws, so 160 s for twice the peaks and four times the draws
    assert found.minutes * 60 == pytest.approx(160.0 + 4.0 + cost.START_S)
    assert found.based_on == "3 finished runs of this model in this workspace"


@pytest.mark.parametrize("runtime_s", [None, {}, {"fit": "x", "responsibilities": 0.0}])
def test_a_run_of_another_version_is_passed_over(tmp_path: Path, runtime_s: object) -> None:
    finished(tmp_path, "old", RunConfig(), runtime_s)
    assert estimate(tmp_path, RunConfig(), 100).based_on == BENCHMARK


def test_every_model_has_been_measured() -> None:
    assert all(speed.fixed_s > 0 and speed.per_step_s > 0 for speed in MEASURED.values())
    assert set(MEASURED) == set(cost.MEMORY_GB) == {"generative", "softmax", "calibrated", "lookup"}


@pytest.mark.parametrize(("minutes", "words"), [(0.01, "10 s"), (0.5, "30 s"), (1.6, "2 min"), (90.0, "1.5 h")])
def test_time_is_said_as_exactly_as_it_is_known(minutes: float, words: str) -> None:
    assert Cost(minutes, 1.0, 1, "").time == words


def test_runs_in_turn_need_the_memory_of_the_largest_and_the_disk_of_all(tmp_path: Path) -> None:
    whole = total([Cost(1.0, 0.5, 100, ""), Cost(2.0, 0.7, 300, "")])
    assert (whole.minutes, whole.memory_gb, whole.disk_mb) == (3.0, 0.7, 400)
    assert total([]).disk_mb == 0
    assert disk_problem(tmp_path / "not" / "yet", [whole]) == ""
    assert "free some space" in disk_problem(tmp_path, [Cost(1.0, 1.0, 10**12, "")])
