"""The process beside a first run that fills the cache of compiled code."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from compassign import warm, warm_cache


@pytest.fixture
def started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """The commands that would have been started, with an empty cache."""
    commands: list[object] = []

    def posix_spawn(program: str, command: list[str], *rest: object, **options: object) -> int:
        commands.append(command[1:])
        return 1

    monkeypatch.setattr(os, "posix_spawn", posix_spawn)
    monkeypatch.setenv("PYTENSOR_FLAGS", f"base_compiledir={tmp_path / 'cache'}")
    return commands


def test_many_runs_on_an_empty_cache_start_one_process(started: list[object], tmp_path: Path) -> None:
    for _ in range(5):
        warm.start_beside()
    assert started == [["-m", "compassign.warm_cache", "mixture"]]
    assert warm.marker().parent == tmp_path / "cache"


def test_a_full_cache_needs_none(started: list[object]) -> None:
    warm.marker().parent.mkdir(parents=True)
    warm.marker().touch()
    warm.start_beside()
    assert started == []


def test_the_cache_is_filled_with_the_models_of_a_run_with_retention_times(
    started: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled: list[set[str]] = []
    monkeypatch.setattr(warm_cache, "compile_model", lambda model: compiled.append({v.name for v in model.free_RVs}))
    warm_cache.warm(warm_cache.STAGES)
    mixture, clustered, plain, of_annotators = compiled
    assert {"adduct_effect", "rt_noise_min", "rt_drift_sd_min"} <= mixture
    assert of_annotators - mixture == {"annotator_logit"}
    assert clustered - plain == {"cluster_min", "cluster_sd_min"}
    assert warm.marker().exists()
