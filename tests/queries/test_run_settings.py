"""A form becomes configurations, and an earlier run becomes a form."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from compassign.config import RunConfig, SamplerConfig
from compassign.data.workspace import Source
from compassign.errors import InputError
from compassign.jobs.launcher import enqueue
from compassign.queries.run_settings import (
    PRESETS,
    SETTINGS,
    Wish,
    configs,
    earlier_config,
    in_words_of_the_form,
    named,
    wish_of,
)
from compassign.store.database import URL_VARIABLE
from compassign.store.runs import RunStore

pytest_plugins = ["example_runs"]

MEDIUM = Source("medium", "demo", difficulty="medium")
OWN = Source("own", "folder", Path("/data/own"))


def test_each_model_is_a_run_with_the_same_settings() -> None:
    found = configs(Wish(OWN, ("lookup", "softmax"), "quick", {"alpha": 0.1, "adducts": ["[M+H]+"], "seed": None}))
    assert [config.model for config in found] == ["lookup", "softmax"]
    assert found[1] == RunConfig(
        model="softmax", data=Path("/data/own"), alpha=0.1, adducts=("[M+H]+",), sampler=SamplerConfig(quick=True)
    )


def test_presets_are_those_of_the_command_line() -> None:
    samplers = {name: configs(Wish(MEDIUM, ("generative",), name, {}))[0].sampler for name in PRESETS}
    assert samplers["quick"] == SamplerConfig(quick=True)
    assert samplers["standard"] == SamplerConfig()
    assert (samplers["thorough"].chains, samplers["thorough"].draws, samplers["thorough"].tune) == (4, 2000, 2000)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"alpha": 1.5}, "False-discovery rate, 0 to 1 = 1.5: "),
        ({"sampler.draws": 1}, "Kept draws per chain = 1"),
        ({"seed": -1}, "Seed = -1"),
        ({"mass_window_ppm": 0.0}, "Mass window, ppm = 0.0"),
        ({"adducts": ["[M+Xx]+"]}, "Adducts: "),
        ({"adducts": ["<b>"]}, "Adducts: "),
        ({"without": ["mass"]}, "Evidence left out = 'mass': input should be 'family', 'intensity'"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named_as_on_the_form(given: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        configs(Wish(MEDIUM, ("generative",), "standard", given))
    assert [problem for problem in caught.value.problems if problem.startswith(message)]


def test_every_field_of_the_configuration_is_on_the_form_and_explained() -> None:
    fields = set(RunConfig.model_fields) | {f"sampler.{name}" for name in SamplerConfig.model_fields}
    asked = {"model", "data", "difficulty", "sampler", "sampler.quick"}  # by dataset, models and preset
    assert set(SETTINGS) == fields - asked
    assert all(setting.about for setting in SETTINGS.values())


@pytest.mark.parametrize(
    "config",
    [
        RunConfig(),
        RunConfig(model="lookup", difficulty="medium", seed=7, adducts=("[M+H]+",), max_r_mb=10),
        RunConfig(data=Path("/data/own"), sampler=SamplerConfig(quick=True, draws=300), unlisted_share=0.2),
        RunConfig(data=Path("/gone/study"), sampler=SamplerConfig(draws=2000, chains=4), mode="prior"),
        RunConfig(data=Path("/other/own"), sampler=SamplerConfig(backend="pymc", tune=7), label_fraction=0.3),
    ],
)
def test_a_run_of_a_cloned_form_is_the_same(config: RunConfig) -> None:
    sources = [OWN, MEDIUM]
    wish = wish_of(config, sources)
    assert configs(wish) == [config]
    offered = named(wish.source, sources)
    assert len({source.name for source in offered}) == len(offered)
    assert wish.source in offered


def test_earlier_settings_come_from_folders_and_from_the_queue(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lookup_folder: Path
) -> None:
    monkeypatch.delenv(URL_VARIABLE, raising=False)
    shutil.copytree(lookup_folder, tmp_path / "runs" / "1-lookup")
    assert earlier_config(tmp_path, "1-lookup").model == "lookup"
    row = enqueue(RunStore.open(tmp_path), RunConfig(seed=5))
    assert earlier_config(tmp_path, row.id) == RunConfig(seed=5)
    for name in ("nowhere", "../runs/1-lookup", ""):
        with pytest.raises(InputError, match="no such run"):
            earlier_config(tmp_path, name)


def test_reasons_name_fields_of_the_form_and_no_options() -> None:
    said = in_words_of_the_form("0.40% of the draws diverged: raise --target-accept; too few: draw more (--samples)")
    assert "--" not in said
    assert SETTINGS["sampler.target_accept"].label in said
    assert SETTINGS["sampler.draws"].label in said
