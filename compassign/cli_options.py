"""The options of `compassign run`, their help, and the configuration that they amount to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from inspect import Parameter, Signature
from pathlib import Path
from typing import Annotated, Any, Literal, get_type_hints

import typer
from pydantic import BaseModel

from compassign.config import Difficulty, Mode, ModelName, RunConfig, SamplerConfig, make_config
from compassign.errors import InputError

DEFAULT_OUTPUT = Path("output")
OUTPUT_VARIABLE = "COMPASSIGN_OUTPUT"  # names the folder that the dashboard shows

FLAGS = {
    "model": "--model",
    "mode": "--mode",
    "data": "--data",
    "difficulty": "--difficulty",
    "seed": "--seed",
    "label_fraction": "--label-fraction",
    "sampler.quick": "--quick",
    "sampler.draws": "--samples",
    "sampler.tune": "--tune",
    "sampler.chains": "--chains",
    "sampler.backend": "--backend",
    "sampler.target_accept": "--target-accept",
    "unlisted_share": "--unlisted-share",
    "mass_window_ppm": "--mass-window",
    "rt_window_sd": "--rt-window",
    "adducts": "--adducts",
    "without": "--without",
    "alpha": "--alpha",
    "max_r_mb": "--max-r-mb",
}
"""Configuration field -> the flag that sets it; every field has one."""


_LISTS = ("adducts", "without")  # words separated by commas


def _option(field: str, **more: Any) -> Any:
    """Option of a configuration field: its help is the field's own description and default."""
    owner: type[BaseModel] = SamplerConfig if field.startswith("sampler.") else RunConfig
    info = owner.model_fields[field.removeprefix("sampler.")]
    # a default that depends on other settings is part of the description
    fixed = info.default not in (None, False, ()) and field != "sampler.tune"
    default = f" [default: {info.default}]" if fixed else ""
    return typer.Option(FLAGS[field], help=f"{info.description}{default}", show_default=False, **more)


@dataclass(frozen=True)
class RunOptions:
    """What was typed after `compassign run`; None = not given."""

    data: Annotated[Path | None, _option("data", metavar="DIR")] = None
    output: Annotated[Path, typer.Option("--output", metavar="DIR", help="Folder that collects the runs.")] = (
        DEFAULT_OUTPUT
    )
    config: Annotated[
        Path | None,
        typer.Option(
            "--config",
            metavar="RUN.JSON",
            help="Repeat the run of this run.json exactly; only --output may be given with it. Stops if the dataset "
            "has changed, warns if labels, versions or machine type have.",
        ),
    ] = None
    model: Annotated[ModelName | None, _option("model")] = None
    mode: Annotated[Mode | None, _option("mode")] = None
    difficulty: Annotated[Difficulty | None, _option("difficulty")] = None
    seed: Annotated[int | None, _option("seed", metavar="N")] = None
    label_fraction: Annotated[float | None, _option("label_fraction", metavar="F")] = None
    quick: Annotated[bool, _option("sampler.quick")] = False
    samples: Annotated[int | None, _option("sampler.draws", metavar="N")] = None
    tune: Annotated[int | None, _option("sampler.tune", metavar="N")] = None
    chains: Annotated[int | None, _option("sampler.chains", metavar="N")] = None
    backend: Annotated[Literal["nutpie", "pymc"] | None, _option("sampler.backend")] = None
    target_accept: Annotated[float | None, _option("sampler.target_accept", metavar="X")] = None
    unlisted_share: Annotated[float | None, _option("unlisted_share", metavar="X")] = None
    mass_window: Annotated[float | None, _option("mass_window_ppm", metavar="PPM")] = None
    rt_window: Annotated[float | None, _option("rt_window_sd", metavar="SD")] = None
    adducts: Annotated[str | None, _option("adducts", metavar="LIST")] = None
    without: Annotated[str | None, _option("without", metavar="LIST")] = None
    alpha: Annotated[float | None, _option("alpha", metavar="X")] = None
    max_r_mb: Annotated[int | None, _option("max_r_mb", metavar="MB")] = None

    def given(self) -> dict[str, object]:
        """Configuration field -> value of every setting that was given; `sampler.` fields keep their prefix."""
        values: dict[str, object] = {
            field: getattr(self, flag.removeprefix("--").replace("-", "_")) for field, flag in FLAGS.items()
        }
        for field in _LISTS:
            if isinstance(text := values[field], str):
                values[field] = tuple(part.strip() for part in text.split(","))
        return {field: value for field, value in values.items() if value is not None and value is not False}

    def to_config(self) -> RunConfig:
        """Build the configuration; raises InputError with every option that cannot be used."""
        given = self.given()
        settings = {field: value for field, value in given.items() if not field.startswith("sampler.")}
        sampler = {
            field.removeprefix("sampler."): value for field, value in given.items() if field.startswith("sampler.")
        }
        return make_config({**settings, "sampler": sampler}, FLAGS)

    def check_alone(self) -> None:
        """Raise InputError if a setting is given next to `--config`, which has them all."""
        extra = [FLAGS[field] for field in self.given()]
        if extra:
            raise InputError(f"--config repeats a run exactly, so it cannot be changed by {', '.join(extra)}")


def with_run_options(command: Callable[[typer.Context, RunOptions], None]) -> Callable[..., None]:
    """Make a function of `RunOptions` one that typer can read: one parameter for each option."""
    hints = get_type_hints(RunOptions, include_extras=True)

    def typed(ctx: typer.Context, **values: Any) -> None:
        command(ctx, RunOptions(**values))

    context = Parameter("ctx", Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context)
    options = [
        Parameter(field.name, Parameter.KEYWORD_ONLY, default=field.default, annotation=hints[field.name])
        for field in fields(RunOptions)
    ]
    typed.__dict__["__signature__"] = Signature([context, *options])
    typed.__doc__ = command.__doc__
    return typed
