"""Settings: defaults, presets, limits, messages, and the way to run.json and back."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from compassign.config import RunConfig, RunRecord, SamplerConfig, installed_versions, make_config, read_record
from compassign.errors import InputError

SHARE = st.floats(0.0, 1.0, exclude_min=True, exclude_max=True)
CONFIGS = st.builds(
    RunConfig,
    model=st.sampled_from(["generative", "softmax", "calibrated", "lookup"]),
    mode=st.sampled_from(["posterior", "prior"]),
    data=st.none() | st.sampled_from([Path("study"), Path("/data/a study"), Path("../ä;b")]),
    difficulty=st.sampled_from(["easy", "medium", "hard"]),
    seed=st.integers(0, 2**32 - 1),
    label_fraction=st.none() | st.floats(0.0, 1.0, exclude_max=True),
    sampler=st.builds(
        SamplerConfig,
        draws=st.integers(4, 9999),
        chains=st.integers(1, 16),
        quick=st.booleans(),
        tune=st.integers(1, 99),
    ),
    unlisted_share=SHARE,
    mass_window_ppm=st.floats(0.0, 1000.0, exclude_min=True),
    rt_window_sd=st.floats(0.0, exclude_min=True, allow_infinity=False),
    adducts=st.none() | st.just(("[M+H]+", "[M+2H]2+", "[2M-H]-", "[M+H-H2O]+", "[M]+", "[M+CH3COO]-")),
    alpha=SHARE,
    max_r_mb=st.integers(1, 10**6),
)


def test_defaults_are_the_documented_ones() -> None:
    config = RunConfig()
    assert (config.model, config.mode, config.data, config.difficulty) == ("generative", "posterior", None, "medium")
    assert (config.seed, config.label_fraction, config.adducts) == (0, None, None)
    assert (config.unlisted_share, config.mass_window_ppm, config.rt_window_sd) == (0.10, 15.0, 6.0)
    assert (config.alpha, config.max_r_mb) == (0.05, 256)


@pytest.mark.parametrize(
    ("settings", "draws", "tune", "chains"),
    [
        ({}, 1000, 1000, 4),
        ({"quick": True}, 250, 250, 2),
        ({"draws": 30}, 30, 30, 4),
        ({"quick": True, "draws": 30}, 30, 30, 2),
        ({"quick": True, "chains": 3}, 250, 250, 3),
        ({"draws": 30, "tune": 7}, 30, 7, 4),
        ({"quick": True, "tune": 7}, 250, 7, 2),
    ],
)
def test_presets_fill_in_only_what_was_not_given(settings: dict[str, int], draws: int, tune: int, chains: int) -> None:
    sampler = SamplerConfig.model_validate(settings)
    assert (sampler.draws, sampler.tune, sampler.chains) == (draws, tune, chains)
    assert sampler.quick is settings.get("quick", False)
    assert sampler.target_accept == 0.9


@given(CONFIGS)
def test_a_record_comes_back_from_its_file_unchanged(
    tmp_path_factory: pytest.TempPathFactory, config: RunConfig
) -> None:
    file = tmp_path_factory.mktemp("record") / "run.json"
    record = RunRecord(
        config=config, seed=config.seed, dataset_hash="ab", versions={"numpy": "2"}, run_id="r", command="c"
    )
    record.write(file)
    assert read_record(file) == record
    assert json.loads(file.read_text())["config"]["seed"] == config.seed
    assert os.listdir(file.parent) == ["run.json"]


def test_data_is_absolute_wherever_the_command_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert RunConfig(data=Path("study/../other")).data == tmp_path / "other"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("model", "best"),
        ("seed", -1),
        ("seed", 2**32),
        ("label_fraction", 1.0),
        ("label_fraction", -0.1),
        ("unlisted_share", 0.0),
        ("unlisted_share", 1.0),
        ("mass_window_ppm", 0.0),
        ("mass_window_ppm", float("nan")),
        ("rt_window_sd", float("inf")),
        ("adducts", ()),
        ("adducts", ("M+H",)),
        ("adducts", ("[M+H]+", "[M+H]+")),
        ("alpha", 1.0),
        ("max_r_mb", 0),
        ("mass_window", 10.0),
    ],
)
def test_what_cannot_be_used_is_named_with_its_value(field: str, value: object) -> None:
    with pytest.raises(InputError) as caught:
        make_config({field: value})
    assert len(caught.value.problems) == 1
    assert caught.value.problems[0].startswith(f"{field} = {value!r}: ")


def test_all_problems_are_listed_under_the_names_that_the_user_knows() -> None:
    settings = {"seed": -1, "alpha": 2.0, "sampler": {"chains": 0, "target_accept": 1.0}}
    with pytest.raises(InputError) as caught:
        make_config(settings, {"seed": "--seed", "sampler.chains": "--chains"})
    starts = [problem.split(":")[0] for problem in caught.value.problems]
    assert sorted(starts) == ["--chains = 0", "--seed = -1", "alpha = 2.0", "sampler.target_accept = 1.0"]


def test_a_configuration_cannot_be_changed() -> None:
    config, name = RunConfig(), "seed"
    with pytest.raises(ValidationError, match="frozen"):
        setattr(config, name, 1)
    assert config.seed == 0


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (None, "cannot be read"),
        (b"{", "not valid JSON"),
        (b"\xff\xfe", "not valid JSON"),
        (b"[]", "run.json"),
        (b'{"seed": 0}', "config"),
        (b'{"seed": 1, "config": {"seed": 2}}', "seed is 1, but config.seed is 2"),
        (b'{"seed": 0, "config": {"speed": 2}}', "config.speed = 2"),
    ],
)
def test_a_record_that_cannot_be_used_is_an_input_error(tmp_path: Path, content: bytes | None, expected: str) -> None:
    file = tmp_path / "run.json"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(InputError) as caught:
        read_record(file)
    assert str(file) in str(caught.value)
    assert expected in str(caught.value)


def test_a_run_folder_stands_for_its_record(tmp_path: Path) -> None:
    (tmp_path / "results").mkdir()
    record = RunRecord(config=RunConfig(seed=3), seed=3)
    record.write(tmp_path / "results" / "run.json")
    assert read_record(tmp_path) == record


def test_versions_name_the_packages_that_compute() -> None:
    assert {"compassign", "python", "numpy", "pymc", "nutpie"} <= installed_versions().keys()
