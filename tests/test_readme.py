"""What the README and the pages in docs/ say is true: examples work, commands parse, names and links exist."""

from __future__ import annotations

import importlib
import re
import shlex
import tomllib
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest
import typer.main
from typer.testing import CliRunner

from compassign.cli import app
from compassign.cli_options import FLAGS
from compassign.data.dataset import Dataset
from compassign.data.load import load_dataset
from compassign.decisions.fdr import Decisions
from compassign.evaluation.metrics import Metrics
from compassign.inference.diagnostics import Verdict
from compassign.tables import REQUIRED_TABLES, RULES, TABLE_NAMES

ROOT = Path(__file__).resolve().parent.parent
PAGES = (
    "README.md",
    "docs/data.md",
    "docs/own_data.md",
    "docs/labels.md",
    "docs/model.md",
    "docs/results.md",
    "docs/benchmarks.md",
)
LAUNCHERS = {"./scripts/run_training.sh": ["run"], "compassign": []}
LABEL_FLAGS = frozenset({"--acquisition", "--adduct", "--annotator", "--from", "--oracle", "--seeds", "--to"})
IMPORT_FLAGS = frozenset({"--format", "--out", "--rt-unit", "--samples", "--species", "--polarity", "--replace"})
LIBRARY_FLAGS = frozenset({"--merge-stereoisomers", "--problems"})
EXPORT_FLAGS = frozenset({"--format", "--out", "--table"})
BENCHMARK_FLAGS = frozenset({"--drawn", "--evidence", "--fast", "--labels", "--rows", "--models"})
OTHER_PROGRAMS = frozenset({"conda", "pip", "python", "source"})


def text(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def blocks(page: str, language: str) -> list[str]:
    """Contents of the fenced blocks of a language, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text(page), re.MULTILINE | re.DOTALL)


def shell_lines() -> Iterator[str]:
    """Every command of every page, one at a time."""
    for page in PAGES:
        for block in blocks(page, "bash"):
            yield from (part.strip() for line in block.splitlines() for part in line.split("&&"))


def write_example(folder: Path) -> dict[str, str]:
    """Write the README's example dataset to `folder`/my_study; returns its files."""
    named = re.findall(r"`my_study/(\w+\.csv)`:\n\n```csv\n(.*?)^```$", text("README.md"), re.MULTILINE | re.DOTALL)
    (folder / "my_study").mkdir()
    for name, content in named:
        (folder / "my_study" / name).write_text(content, encoding="utf-8")
    return dict(named)


@pytest.fixture
def minimal(tmp_path: Path) -> Path:
    """The README's example, required files only."""
    for name in write_example(tmp_path):
        if name.removesuffix(".csv") not in REQUIRED_TABLES:
            (tmp_path / "my_study" / name).unlink()
    return tmp_path / "my_study"


@pytest.fixture
def whole(tmp_path: Path) -> Dataset:
    """The README's example with all of its files."""
    write_example(tmp_path)
    return load_dataset(tmp_path / "my_study")


def test_every_csv_block_of_the_readme_is_a_file_of_the_example(tmp_path: Path) -> None:
    files = write_example(tmp_path)
    assert len(files) == len(blocks("README.md", "csv"))
    assert set(files) == {"peaks.csv", "compounds.csv", "calibrants.csv", "labels.csv", "truth.csv"}


def test_the_example_validates_with_the_output_that_the_readme_shows(minimal: Path) -> None:
    result = CliRunner().invoke(app, ["validate", str(minimal)])
    shown = next(block for block in blocks("README.md", "text") if block.startswith("my_study: can be used"))
    assert result.exit_code == 0
    assert result.stdout.startswith(shown)
    rest = result.stdout.removeprefix(shown)
    assert re.fullmatch(r"  dataset_hash  [0-9a-f]{64}\n", rest)


def test_the_whole_example_loads_without_warnings_and_says_what_the_readme_says(whole: Dataset) -> None:
    assert whole.warnings == ()
    assert len(whole.calibrants) == 2
    assert whole.truth is not None
    assert dict(whole.labels) == {"P1": frozenset({"ile"}), "P2": frozenset({"ile", "leu"}), "P6": frozenset()}
    assert dict(whole.truth) == {"P4": frozenset({"glucose"}), "P5": frozenset({"theophylline", "theobromine"})}


def test_the_example_runs(minimal: Path, tmp_path: Path) -> None:
    options = ["--data", str(minimal), "--model", "lookup", "--output", str(tmp_path / "output")]
    result = CliRunner().invoke(app, ["run", *options], obj="compassign run")
    assert result.exit_code == 0
    table = (tmp_path / "output" / "results" / "peak_assignments.csv").read_text(encoding="utf-8").splitlines()
    calls = dict(line.split(",")[:2] for line in table[1:])
    assert calls == {"P1": "ile", "P2": "leu", "P3": "caffeine", "P4": "glucose", "P5": "theophylline", "P6": ""}


def test_seconds_are_refused_with_the_words_that_the_readme_quotes(minimal: Path) -> None:
    peaks = minimal / "peaks.csv"
    peaks.write_text(peaks.read_text(encoding="utf-8").replace(",5.62,", ",337.2,"), encoding="utf-8")
    result = CliRunner().invoke(app, ["validate", str(minimal)])
    assert result.exit_code == 2
    assert "were seconds exported? Divide by 60" in result.stderr
    assert '"were seconds exported? Divide by 60"' in text("README.md")


@pytest.mark.parametrize("line", sorted(set(shell_lines())))
def test_every_command_parses(line: str) -> None:
    program, *words = shlex.split(line)
    if program in LAUNCHERS:
        command: typer.core.TyperGroup = typer.main.get_group(app)
        words = [*LAUNCHERS[program], *words]
        if words == ["--help"]:
            return
        with command.make_context("compassign", words) as context:
            name, sub, rest = command.resolve_command(context, words)
            assert name is not None
            assert sub is not None
            sub.make_context(name, rest, parent=context)  # raises for unknown options and values of the wrong kind
    elif program.startswith("./"):
        assert words == []
        assert (ROOT / program).stat().st_mode & 0o100
    else:
        assert program in OTHER_PROGRAMS
        assert [word for word in words if "/" in word and not (ROOT / word).exists()] == []
        if program == "python":
            source = (ROOT / words[0]).read_text(encoding="utf-8")
            assert [word for word in words if word.startswith("--") and f'"{word}"' not in source] == []


def test_the_two_commands_come_first() -> None:
    first = blocks("README.md", "bash")[0].splitlines()
    assert first == ["./scripts/start.sh", "./scripts/test.sh"]


@pytest.mark.parametrize("page", PAGES)
def test_every_flag_in_the_text_exists(page: str) -> None:
    known = {
        *FLAGS.values(),
        "--output",
        "--config",
        "--help",
        "--host",
        "--design",
        *BENCHMARK_FLAGS,
        *LABEL_FLAGS,
        *IMPORT_FLAGS,
        *LIBRARY_FLAGS,
        *EXPORT_FLAGS,
    }
    assert set(re.findall(r"`[^`\n]*?(--[a-z][a-z-]*)", text(page))) - known == set()


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_to_a_file_and_a_heading(page: str) -> None:
    broken = []
    for target in re.findall(r"\]\(([^)]+)\)", text(page)):
        file, _, anchor = target.partition("#")
        path = ((ROOT / page).parent / file).resolve() if file else ROOT / page
        page_text = path.read_text(encoding="utf-8") if path.is_file() and path.suffix == ".md" else ""
        titles = re.findall(r"^#+ (.+)$", page_text, re.MULTILINE)
        anchors = {re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in titles}
        if not path.is_file() or (anchor and anchor not in anchors):
            broken.append(target)
    assert broken == []


def test_the_pictures_are_small_and_all_are_shown() -> None:
    pictures = sorted((ROOT / "docs" / "images").iterdir())
    assert [f"docs/images/{picture.name}" for picture in pictures] == sorted(
        re.findall(r"!\[[^]]+\]\(([^)]+)\)", text("README.md"))
    )
    assert max(picture.stat().st_size for picture in pictures) < 250_000


def table_rows(page: str, heading: str) -> list[str]:
    """Names in the first cells of the tables below a heading."""
    section = text(page).split(heading, 1)[1].split("\n#", 1)[0]
    cells = re.findall(r"^\| ([^|]+) \|", section, re.MULTILINE)
    return [name for cell in cells for name in re.findall(r"`([^`]+)`", cell)]


@pytest.mark.parametrize("table", [name for name in TABLE_NAMES if name not in ("injections", "abundances")])
def test_the_data_page_lists_exactly_the_columns_of_each_table(table: str) -> None:
    listed = table_rows("docs/data.md", f"### {table}.csv")
    assert sorted(listed) == sorted(rule.name for rule in RULES[table])


def test_the_data_page_names_the_columns_of_aligned_tables() -> None:
    section = text("docs/data.md").split("### injections.csv")[1].split("\n###")[0]
    for rule in (*RULES["injections"], *RULES["abundances"]):
        assert f"`{rule.name}`" in section


def test_the_results_page_lists_every_key_of_the_metrics() -> None:
    listed = set(table_rows("docs/results.md", "## results/assignment_metrics.json"))
    assert {field.name for field in fields(Metrics)} - listed == set()


def test_the_results_page_names_every_part_of_the_verdict() -> None:
    row = next(line for line in text("docs/results.md").splitlines() if line.startswith("| `sampler` |"))
    assert [field.name for field in fields(Verdict) if f"`{field.name}`" not in row] == []


def test_the_results_page_lists_the_decided_columns() -> None:
    listed = table_rows("docs/results.md", "## results/peak_assignments.csv")
    shared = {"probability", "adduct", "pep", "q_value", "decision"}
    assert shared <= {field.name for field in fields(Decisions)}
    assert listed[:2] == ["peak_id", "assigned_compound"]
    assert shared <= set(listed)


def documented_constants() -> list[tuple[str, str, float]]:
    rows = re.findall(r"^\| `([\w.]+):(\w+)` \| (\S+) \|", text("docs/model.md"), re.MULTILINE)
    return [(module, name, float(value)) for module, name, value in rows]


@pytest.mark.parametrize(("module", "name", "value"), documented_constants())
def test_the_model_page_gives_the_numbers_of_the_code(module: str, name: str, value: float) -> None:
    assert getattr(importlib.import_module(f"compassign.models.{module}"), name) == value


def test_extras_that_texts_tell_to_install_exist() -> None:
    told_in = [*map(text, PAGES), text("compassign/store/database.py"), text("pages/shared/guard.py")]
    told = {extra for words in told_in for extra in re.findall(r"-e '\.\[(\w+)\]'", words)}
    project = tomllib.loads(text("pyproject.toml"))["project"]
    assert told == set(project["optional-dependencies"]) - {"dev"}
