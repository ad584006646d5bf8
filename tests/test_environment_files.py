"""pyproject.toml, constraints.txt and environment.yml describe one environment."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterable
from importlib.metadata import packages_distributions, requires, version
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

import compassign


@pytest.fixture(scope="module")
def project(repo_root: Path) -> dict[str, Any]:
    table: dict[str, Any] = tomllib.loads((repo_root / "pyproject.toml").read_text(encoding="utf-8"))
    return table


@pytest.fixture(scope="module")
def runtime(project: dict[str, Any]) -> list[Requirement]:
    return [Requirement(line) for line in project["project"]["dependencies"]]


@pytest.fixture(scope="module")
def declared(project: dict[str, Any], runtime: list[Requirement]) -> list[Requirement]:
    return runtime + [Requirement(line) for line in project["project"]["optional-dependencies"]["dev"]]


@pytest.fixture(scope="module")
def constraint_lines(repo_root: Path) -> list[str]:
    return (repo_root / "constraints.txt").read_text(encoding="utf-8").splitlines()


@pytest.fixture(scope="module")
def pins(constraint_lines: list[str]) -> dict[str, Version]:
    return {canonicalize_name(name): Version(pin) for name, pin in (line.split("==") for line in constraint_lines)}


@pytest.fixture(scope="module")
def conda(repo_root: Path) -> dict[str, Any]:
    table: dict[str, Any] = yaml.safe_load((repo_root / "environment.yml").read_text(encoding="utf-8"))
    return table


def closure(requirements: Iterable[Requirement]) -> set[str]:
    """Names of the requirements and of all that they need on this machine, extras included."""
    needed: set[str] = set()
    done: set[str] = set()
    waiting = list(requirements)
    while waiting:
        requirement = waiting.pop()
        needed.add(canonicalize_name(requirement.name))
        if str(requirement) in done:
            continue
        done.add(str(requirement))
        for line in requires(requirement.name) or []:
            child = Requirement(line)
            if child.marker is None or any(child.marker.evaluate({"extra": e}) for e in requirement.extras | {""}):
                waiting.append(child)
    return needed


def test_each_constraint_is_one_exact_version(constraint_lines: list[str]) -> None:
    assert constraint_lines
    assert [line for line in constraint_lines if not re.fullmatch(r"[a-z0-9-]+==[0-9][0-9a-z.]*", line)] == []


def test_constraints_name_a_package_once_and_in_order(constraint_lines: list[str]) -> None:
    names = [line.split("==")[0] for line in constraint_lines]
    assert names == sorted(set(names))


def test_every_declared_dependency_is_pinned_within_its_range(
    declared: list[Requirement], pins: dict[str, Version]
) -> None:
    names = {canonicalize_name(item.name): item.specifier for item in declared}
    outside = {name for name, allowed in names.items() if name not in pins or pins[name] not in allowed}
    assert outside == set()


def test_everything_that_the_dependencies_need_is_pinned(declared: list[Requirement], pins: dict[str, Version]) -> None:
    assert closure(declared) - set(pins) == set()


def test_every_pin_is_needed(declared: list[Requirement], pins: dict[str, Version]) -> None:
    assert set(pins) - closure(declared) == set()


def test_the_tests_run_on_the_pinned_versions(declared: list[Requirement], pins: dict[str, Version]) -> None:
    installed = {name: Version(version(name)) for name in closure(declared)}
    assert {name: found for name, found in installed.items() if found != pins[name]} == {}


def test_every_foreign_import_is_declared(repo_root: Path, runtime: list[Requirement]) -> None:
    known = {canonicalize_name(item.name) for item in runtime}
    owners = packages_distributions()
    missing = set()
    for path in (repo_root / "compassign").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            tops = {name.partition(".")[0] for name in names} - set(sys.stdlib_module_names) - {"compassign"}
            missing |= {top for top in tops if not known & {canonicalize_name(d) for d in owners.get(top, [])}}
    assert missing == set()


def test_conda_makes_the_same_environment(conda: dict[str, Any], project: dict[str, Any]) -> None:
    pip = next(item["pip"] for item in conda["dependencies"] if isinstance(item, dict))
    python = next(item for item in conda["dependencies"] if str(item).startswith("python="))
    assert conda["name"] == project["project"]["name"]
    assert conda["channels"] == ["conda-forge"]
    assert pip == ["-c constraints.txt", "-e ."]
    assert project["project"]["requires-python"] == f">={python.removeprefix('python=')}"


def test_one_minimum_python_everywhere(repo_root: Path, project: dict[str, Any]) -> None:
    finder = (repo_root / "scripts" / "find_python.sh").read_text(encoding="utf-8")
    minimum = project["project"]["requires-python"].removeprefix(">=")
    assert re.findall(r'^minimum="(.*)"$', finder, re.MULTILINE) == [minimum]
    assert project["tool"]["mypy"]["python_version"] == minimum
    assert project["tool"]["ruff"]["target-version"] == "py" + minimum.replace(".", "")


@pytest.mark.parametrize("name", ["pyproject.toml", "constraints.txt", "environment.yml"])
def test_no_file_holds_an_address(repo_root: Path, name: str) -> None:
    assert "://" not in (repo_root / name).read_text(encoding="utf-8")


def test_command_and_version(project: dict[str, Any]) -> None:
    assert project["project"]["scripts"] == {"compassign": "compassign.cli:main"}
    assert version("compassign") == compassign.__version__
