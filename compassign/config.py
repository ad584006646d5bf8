"""Everything that can be set about a run, with unit and reason, and the record that repeats it."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

import compassign
from compassign.errors import InputError

ModelName = Literal["generative", "softmax", "calibrated", "lookup"]
Mode = Literal["posterior", "prior"]
Difficulty = Literal["easy", "medium", "hard"]
Evidence = Literal["family", "intensity", "known_in", "mz", "retention", "spectra", "unlisted", "upstream"]

PRIOR_ONLY = "This fit saw no data (prior mode, or too few labels): it shows the model's assumptions, not results."
RECORD_NAME = "run.json"
RECORDED_PACKAGES = ("pymc", "pytensor", "nutpie", "numba", "arviz", "numpy", "scipy", "pandas", "xarray", "rdkit")
"""Packages whose version can change a number of a run."""

_ADDUCT = re.compile(r"\[\d*M([+-]\w+)*\]\d*[+-]")
_MAX_SEED = 2**32 - 1  # the largest seed that every sampler accepts


class SamplerConfig(BaseModel):
    """How long to sample: `SamplerConfig(quick=True)` is the preset of `--quick`; a value that is given overrides it.

    `tune` follows `draws` unless it is given.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    draws: int = Field(
        default=1000,
        ge=4,
        description="Kept draws per chain (count, at least 4: R-hat splits a chain). 4 chains of 1000 give the 400 "
        "effective draws that a converged verdict needs.",
    )
    tune: int = Field(
        default=1000,
        ge=1,
        description="Tuning draws per chain, thrown away (count). As many as are kept unless given: a step size that "
        "is tuned too briefly costs more than it saves.",
    )
    chains: int = Field(
        default=4,
        ge=1,
        description="Independent chains (count). Four, so that one that is stuck stands out against the others.",
    )
    backend: Literal["nutpie", "pymc"] = Field(
        default="nutpie",
        description="Sampler (nutpie or pymc). PyMC's own is many times slower; it is for machines without nutpie.",
    )
    target_accept: float = Field(
        default=0.9,
        ge=0.5,
        lt=1.0,
        description="Acceptance rate that the step size is tuned to (0.5 to 1). Raise it to 0.95 or 0.99 when a run "
        "reports divergences; higher is slower.",
    )
    quick: bool = Field(
        default=False,
        description="A first look: 2 chains of 250 tuning and 250 kept draws, judged by looser limits (ESS 100, R-hat "
        "1.05) and called quick wherever its numbers are shown.",
    )

    @model_validator(mode="before")
    @classmethod
    def _fill_in(cls, data: object) -> object:
        """Add the preset's counts where none was given."""
        if not isinstance(data, Mapping):
            return data
        preset: dict[str, object] = {"draws": 250, "chains": 2} if data.get("quick") is True else {}
        filled = {**preset, **data}
        return {"tune": filled["draws"], **filled} if "draws" in filled else filled


class RunConfig(BaseModel):
    """One run, exactly: frozen, validated, and the same after a round trip through `run.json`."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    model: ModelName = Field(
        default="generative",
        description="generative: the hierarchical mixture, the best probabilities. calibrated: logistic regression on "
        "peak-candidate pairs. softmax: categorical over the candidates. lookup: mass and retention-time look-up with "
        "no fitting, what a user does today.",
    )
    mode: Mode = Field(
        default="posterior",
        description="posterior: sample the model. prior: responsibilities at the prior's location without sampling, to "
        "see what the data add.",
    )
    data: Path | None = Field(
        default=None,
        description="Dataset folder with peaks.csv and compounds.csv, kept as an absolute path. Without it a "
        "demonstration dataset is simulated, whose truth is known.",
    )
    difficulty: Difficulty = Field(
        default="medium",
        description="How crowded and noisy the simulated demonstration is; has no effect on your own data.",
    )
    seed: int = Field(
        default=0,
        ge=0,
        le=_MAX_SEED,
        description="Seed of everything random: split into labelled and scored peaks, sampling (integer "
        "from 0). The same seed repeats a run.",
    )
    label_fraction: float | None = Field(
        default=None,
        ge=0.0,
        lt=1.0,
        description="Share of the known answers that the fit may see (0 to 1); the others score it. 0.2 where the "
        "dataset has truth.csv and no labels.csv, otherwise 0, unless given.",
    )
    sampler: SamplerConfig = Field(default=SamplerConfig(), description="How long to sample.")
    unlisted_share: float = Field(
        default=0.10,
        gt=0.0,
        lt=1.0,
        description="Share of the compounds in the sample that the library lacks (0 to 1): 0.10 says that about 10 % "
        "of what is in the sample is not in the library. Higher is more careful; every run shows 0.05, 0.10 and 0.20.",
    )
    mass_window_ppm: float = Field(
        default=15.0,
        gt=0.0,
        le=1000.0,
        description="Half-width of the mass window that makes a compound a candidate (ppm). 15 holds three SDs and the "
        "offset of a badly calibrated high-resolution instrument.",
    )
    rt_window_sd: float = Field(
        default=6.0,
        gt=0.0,
        description="Half-width of the retention-time window (predictive SDs). 6, because predictions have heavy tails "
        "and a true candidate that is left out here cannot come back.",
    )
    adducts: tuple[str, ...] | None = Field(
        default=None,
        description="Adducts to consider, such as [M+H]+,[M+Na]+. The common ones of each polarity unless given.",
    )
    without: tuple[Evidence, ...] = Field(
        default=(),
        description="Evidence that the main model leaves out, to see what it is worth: family (ions that elute "
        "together), intensity (how precise a mass is), known_in (species in the library), mz (how mass offsets "
        "change over it), retention (of which baselines then know nothing either), spectra, unlisted (what the library "
        "says of the compounds that it lacks), upstream (adducts in the peak table).",
    )
    alpha: float = Field(
        default=0.05,
        gt=0.0,
        lt=1.0,
        description="False-discovery rate of the decision `accept` (0 to 1): of the accepted peaks, about this share "
        "is expected to be wrong. 0.05 is the field's habit.",
    )
    max_r_mb: int = Field(
        default=256,
        ge=1,
        description="Largest size of the stored responsibilities before compression (MB). Beyond it every n-th draw is "
        "stored; summaries always use all draws. 256 opens on a laptop.",
    )

    @field_validator("data")
    @classmethod
    def _absolute(cls, data: Path | None) -> Path | None:
        """Make the folder independent of where the command was started."""
        return None if data is None else Path(os.path.abspath(data.expanduser()))

    @field_validator("adducts")
    @classmethod
    def _written_as_adducts(cls, adducts: tuple[str, ...] | None) -> tuple[str, ...] | None:
        """Reject what is not written as an adduct, before any mass is computed."""
        if adducts is None:
            return None
        wrong = [adduct for adduct in adducts if not _ADDUCT.fullmatch(adduct)]
        if wrong or not adducts:
            raise ValueError(f"expected adducts written as [M+H]+ or [M-H]-, separated by commas, found {wrong}")
        if len(set(adducts)) < len(adducts):
            raise ValueError("an adduct is given twice")
        return adducts


class RunRecord(BaseModel):
    """What `run.json` holds: the configuration and everything that decides whether repeating it gives the same numbers.

    dataset_hash, labels_hash, truth_hash : SHA-256 of the canonical content; None until the dataset is known.
    versions : package -> version, with `compassign` and `python`. machine : operating system and processor type.
    started : UTC, ISO 8601. command : as typed. labels_until, labels_snapshot : newest event of the label store that
    the run knows (0 = none) and the hash of all its dataset's events up to it. Further keys are kept as they are.
    """

    model_config = ConfigDict(frozen=True, extra="allow")

    config: RunConfig
    seed: int
    dataset_hash: str | None = None
    labels_hash: str | None = None
    truth_hash: str | None = None
    versions: dict[str, str] = Field(default_factory=dict)
    machine: str = ""
    run_id: str = ""
    started: str = ""
    command: str = ""
    labels_until: int = 0
    labels_snapshot: str = ""

    @model_validator(mode="after")
    def _one_seed(self) -> Self:
        """Refuse a record that was edited by half."""
        if self.seed != self.config.seed:
            raise ValueError(f"seed is {self.seed}, but config.seed is {self.config.seed}; they must be equal")
        return self

    def write(self, path: Path) -> None:
        """Write the record as JSON under a temporary name, then rename it to `path`."""
        temporary = path.with_name(f".{path.name}.tmp")
        temporary.write_text(json.dumps(self.model_dump(mode="json"), indent=2) + "\n", encoding="utf-8")
        os.replace(temporary, path)


def make_config(settings: Mapping[str, object], names: Mapping[str, str] | None = None) -> RunConfig:
    """Build a configuration from plain settings.

    settings : field -> value; `sampler` is a mapping. names : field -> what the user calls it (a flag), for messages.
    Raises InputError with every setting that cannot be used.
    """
    try:
        return RunConfig.model_validate(settings)
    except ValidationError as error:
        raise InputError(_problems(error, names or {})) from error


def read_record(path: Path) -> RunRecord:
    """Read a `run.json`, or that of a run folder; raises InputError if it is missing, not JSON or does not fit."""
    file = path / "results" / RECORD_NAME if path.is_dir() else path
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        return RunRecord.model_validate(content)
    except OSError as error:
        raise InputError(f"{file}: cannot be read ({error.strerror}); expected the {RECORD_NAME} of a run") from error
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{file}: not valid JSON ({error}); expected the {RECORD_NAME} of a run") from error
    except ValidationError as error:
        raise InputError([f"{file}: {problem}" for problem in _problems(error, {})]) from error


def installed_versions() -> dict[str, str]:
    """Package -> installed version of everything that can change a number, without importing any of it."""
    versions = {"compassign": compassign.__version__, "python": platform.python_version()}
    for package in RECORDED_PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue  # an optional accelerator that this installation lacks
    return versions


def machine_type() -> str:
    """Operating system and processor type: floating-point results may differ between two of these."""
    return f"{platform.system()} {platform.machine()}"


def _problems(error: ValidationError, names: Mapping[str, str]) -> list[str]:
    """One message for each setting that did not validate, under the name that the user gave it."""
    problems = []
    for detail in error.errors():
        field = ".".join(part for part in detail["loc"] if isinstance(part, str))  # not the place in a list
        reason = detail["msg"].removeprefix("Value error, ")
        shown = "" if isinstance(detail["input"], Mapping) else f" = {detail['input']!r}"
        problems.append(f"{names.get(field, field) or RECORD_NAME}{shown}: {reason[:1].lower()}{reason[1:]}")
    return problems
