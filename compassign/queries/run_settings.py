"""The settings of a run as a form asks for them, and the configurations that they amount to."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from compassign.chemistry.adducts import default_adducts, get_adduct
from compassign.config import Evidence, Mode, ModelName, RunConfig, SamplerConfig, make_config, read_record
from compassign.data.workspace import Source
from compassign.errors import InputError, StoreError
from compassign.runs import RUNS, is_complete
from compassign.store.runs import RunStore

MODELS: tuple[ModelName, ...] = get_args(ModelName)
STANDARD = "standard"
PRESETS: Mapping[str, Mapping[str, Any]] = {
    "quick": {"quick": True},
    STANDARD: {},
    "thorough": {"draws": 2000, "chains": 4},
}
"""Preset -> the settings of the sampler that it gives."""
ADDUCTS = tuple(adduct.name for polarity in ("positive", "negative") for adduct in default_adducts(polarity))
EVIDENCE: tuple[Evidence, ...] = get_args(Evidence)
CHOICES: Mapping[str, tuple[str, ...]] = {
    "mode": get_args(Mode),
    "sampler.backend": ("nutpie", "pymc"),
}
"""Settings that are one of a few words."""
SAMPLER = "sampler."  # prefix of the sampler's fields


@dataclass(frozen=True)
class Setting:
    """One field of the advanced part of the form; name : of RunConfig, or after `sampler.` of SamplerConfig.

    label : with its unit. only_for : models that it matters for.
    """

    name: str
    label: str
    only_for: tuple[ModelName, ...] = MODELS

    @property
    def about(self) -> str:
        """What the field means, in the words of the configuration."""
        owner = SamplerConfig if self.name.startswith(SAMPLER) else RunConfig
        return owner.model_fields[self.name.removeprefix(SAMPLER)].description or ""

    @property
    def default(self) -> Any:
        """Value of a run that does not set it."""
        owner = SamplerConfig if self.name.startswith(SAMPLER) else RunConfig
        return owner.model_fields[self.name.removeprefix(SAMPLER)].default


_SAMPLED: tuple[ModelName, ...] = ("generative", "softmax", "calibrated")
SETTINGS = {
    setting.name: setting
    for setting in (
        Setting("mass_window_ppm", "Mass window, ppm"),
        Setting("rt_window_sd", "Retention-time window, SDs"),
        Setting("adducts", "Adducts"),
        Setting("without", "Evidence left out", ("generative",)),
        Setting("unlisted_share", "Share missing from the library, 0 to 1", ("generative",)),
        Setting("alpha", "False-discovery rate, 0 to 1"),
        Setting("label_fraction", "Share of known answers given to the fit, 0 to 1"),
        Setting("seed", "Seed"),
        Setting("mode", "Mode", _SAMPLED),
        Setting("max_r_mb", "Stored responsibilities, MB"),
        Setting("sampler.draws", "Kept draws per chain", _SAMPLED),
        Setting("sampler.tune", "Tuning draws per chain", _SAMPLED),
        Setting("sampler.chains", "Chains", _SAMPLED),
        Setting("sampler.target_accept", "Target acceptance, 0.5 to 1", _SAMPLED),
        Setting("sampler.backend", "Sampler", _SAMPLED),
    )
}
"""Every field that a form asks for beside dataset, model and preset."""
LABELS = {name: setting.label for name, setting in SETTINGS.items()}
_OPTIONS = {"--samples": "sampler.draws", "--target-accept": "sampler.target_accept"}
"""Options of the command line that reasons of a verdict name -> settings."""


@dataclass(frozen=True)
class Wish:
    """What a form holds; given : setting -> value, of those that were set."""

    source: Source
    models: tuple[ModelName, ...]
    preset: str
    given: Mapping[str, Any]


def in_words_of_the_form(text: str) -> str:
    """A message that names options of the command line, for a person who has a form instead."""
    for option, name in _OPTIONS.items():
        text = text.replace(
            option, f"\N{LEFT DOUBLE QUOTATION MARK}{LABELS[name]}\N{RIGHT DOUBLE QUOTATION MARK} of a new run"
        )
    return text


def preset_sampler(preset: str) -> SamplerConfig:
    """How a preset samples."""
    return SamplerConfig(**PRESETS[preset])


def configs(wish: Wish) -> list[RunConfig]:
    """One configuration a model; raises InputError with every setting that cannot be used, by its label."""
    given = {name: value for name, value in wish.given.items() if value is not None and value != []}
    sampler = {name.removeprefix(SAMPLER): value for name, value in given.items() if name.startswith(SAMPLER)}
    settings = {name: value for name, value in given.items() if not name.startswith(SAMPLER)}
    settings |= {name: tuple(value) for name, value in settings.items() if isinstance(value, list)}
    if "adducts" in settings:
        _check_adducts(settings["adducts"])
    where: dict[str, Any] = {"data": wish.source.folder}
    if wish.source.difficulty is not None:
        where = {"difficulty": wish.source.difficulty}
    shared = {**settings, **where, "sampler": {**PRESETS[wish.preset], **sampler}}
    return [make_config({**shared, "model": model}, LABELS) for model in wish.models]


def _check_adducts(names: Sequence[str]) -> None:
    problems = []
    for name in names:
        try:
            get_adduct(name)
        except InputError as error:
            problems.append(f"{LABELS['adducts']}: {error}")
    if problems:
        raise InputError(problems)


def wish_of(config: RunConfig, sources: Sequence[Source]) -> Wish:
    """The form of an earlier run; its dataset is one of `sources`, or a folder of that run's own."""
    own = Source(_unused_name(config.data, sources), "path", config.data)
    if config.data is None:
        source = next(source for source in sources if source.difficulty == config.difficulty)
    else:
        source = next((source for source in sources if _same(source.folder, config.data)), own)
    preset = next((name for name in PRESETS if preset_sampler(name) == config.sampler), "")
    base = preset or ("quick" if config.sampler.quick else STANDARD)
    given = {name: _value(config, name) for name in SETTINGS if _value(config, name) != _value_of_preset(base, name)}
    return Wish(source, (config.model,), base, given)


def _unused_name(folder: Path | None, sources: Sequence[Source]) -> str:
    name = folder.name if folder else ""
    return f"{name} (folder of that run)" if name in {source.name for source in sources} else name


def _same(folder: Path | None, other: Path) -> bool:
    return folder is not None and folder.absolute() == other


def _value(config: RunConfig, name: str) -> Any:
    owner = config.sampler if name.startswith(SAMPLER) else config
    value = getattr(owner, name.removeprefix(SAMPLER))
    return list(value) if isinstance(value, tuple) else value


def _value_of_preset(preset: str, name: str) -> Any:
    return _value(RunConfig(sampler=preset_sampler(preset)), name)


def earlier_config(output: Path, run_id: str) -> RunConfig:
    """The configuration of a run, complete or not; raises InputError if there is no such run."""
    folder = output / RUNS / run_id
    if re.fullmatch(r"[\w-]+", run_id) and is_complete(folder):
        return read_record(folder).config
    try:
        return make_config(RunStore.open(output).get(run_id).config)
    except StoreError as error:
        raise InputError(f"{run_id}: there is no such run here") from error


def named(source: Source, sources: Sequence[Source]) -> list[Source]:
    """The sources with one that may not be among them, first if it is new."""
    return list(sources) if source in sources else [source, *sources]
