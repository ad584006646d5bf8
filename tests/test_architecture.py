"""Imports go down the layers, never up or around, and heavy packages stay in the parts that own them."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

# Part of the program -> its layer; a part is a module or a package directly under compassign, or a screen.
LAYERS = {
    "compassign": 0,  # __init__.py: the version, which any part may read
    "compassign.errors": 0,
    "compassign.units": 0,
    "compassign.config": 0,
    "compassign.tables": 0,
    "compassign.files": 0,
    "compassign.label_events": 0,
    "compassign.data": 1,
    "compassign.formats": 1,
    "compassign.chemistry": 1,
    "compassign.matching": 1,
    "compassign.candidates": 1,
    "compassign.progress": 1,
    "compassign.sampling_progress": 0,
    "compassign.spectra": 1,
    "compassign.store": 1,
    "compassign.models": 2,
    "compassign.inference": 3,
    "compassign.posterior": 3,
    "compassign.decisions": 4,
    "compassign.evaluation": 4,
    "compassign.pipeline": 5,
    "compassign.audit": 5,
    "compassign.cli_audit": 5,
    "compassign.cli_audit_labels": 5,
    "compassign.isotope_peaks": 5,
    "compassign.question": 5,
    "compassign.peak_sets": 5,
    "compassign.peak_spectra": 5,
    "compassign.report_trust": 5,
    "compassign.recalibrate": 5,
    "compassign.eval_loop": 5,
    "compassign.oracles": 5,
    "compassign.jobs": 5,
    "compassign.queries": 5,
    "compassign.figures": 5,
    "compassign.results": 5,
    "compassign.report": 5,
    "compassign.runs": 5,
    "compassign.run_labels": 5,
    "compassign.cli_label": 5,
    "compassign.refits": 5,
    "compassign.reliabilities": 5,
    "compassign.annotator_table": 5,
    "compassign.refitting": 5,
    "compassign.repeat": 5,
    "compassign.warm": 1,
    "compassign.warm_cache": 5,
    "compassign.execution": 5,
    "compassign.workspace_backup": 5,
    "compassign.cli_jobs": 5,
    "compassign.cli_compare": 5,
    "compassign.cli_import": 5,
    "compassign.cli_simulate": 5,
    "compassign.cli_library": 5,
    "compassign.cli_export": 5,
    "compassign.cli_text": 5,
    "compassign.cli_options": 5,
    "compassign.cli": 5,
    "scripts": 6,
    "app": 6,
    "pages": 6,
}
# Foreign package -> the only parts that may import it.
OWNERS = {
    "streamlit": {"app", "pages"},
    "pymc": {"compassign.models", "compassign.inference"},
    "pytensor": {"compassign.models", "compassign.inference"},
    "nutpie": {"compassign.inference"},
    "sqlalchemy": {"compassign.store"},
    "alembic": {"compassign.store"},
}
SAMPLERS = {"pymc", "pytensor", "nutpie"}  # two seconds and a quarter of a gigabyte that no screen needs
OURS = {part.split(".")[0] for part in LAYERS}

Imports = Mapping[str, set[str]]


def part_of(module: str) -> str:
    """The part that a module belongs to: its first two names within compassign, else its first."""
    names = module.split(".")
    return ".".join(names[:2]) if names[0] == "compassign" else names[0]


def source_files(root: Path) -> dict[str, Path]:
    """Module name -> file, for everything that ships."""
    files = [root / "app.py", *(path for folder in sorted(OURS - {"app"}) for path in (root / folder).rglob("*.py"))]
    modules = {}
    for path in files:
        if path.is_file():
            names = path.relative_to(root).with_suffix("").parts
            modules[".".join(names[:-1] if names[-1] == "__init__" else names)] = path
    return modules


def imported_names(tree: ast.Module) -> Iterator[tuple[str, str | None]]:
    """Every import of a file, inside functions too, as (module, name taken from it)."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, None) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (("." * node.level + (node.module or ""), alias.name) for alias in node.names)


def read_imports(root: Path) -> Imports:
    """Module -> the modules it imports; `from package import module` counts as the module."""
    files = source_files(root)
    imports: dict[str, set[str]] = {}
    for module, path in files.items():
        imports[module] = set()
        for source, name in imported_names(ast.parse(path.read_text(encoding="utf-8"))):
            as_module = f"{source}.{name}"
            imports[module].add(as_module if as_module in files else source)
    return imports


def cycles(graph: Imports, what: str) -> list[str]:
    """One message for the first cycle of the graph, if it has one; an edge to itself is none."""
    try:
        TopologicalSorter({node: targets - {node} for node, targets in graph.items()}).prepare()
    except CycleError as error:
        return [f"cycle of {what}: {' -> '.join(reversed(error.args[1]))}"]
    return []


def edge_violations(module: str, target: str) -> list[str]:
    """What is wrong with one import."""
    part, package = part_of(module), target.split(".", maxsplit=1)[0]
    if target.startswith("."):
        return [f"{module} imports {target}: relative imports hide the layer"]
    if package in OWNERS and part not in OWNERS[package]:
        return [f"{module} imports {target}, which only {' and '.join(sorted(OWNERS[package]))} may"]
    if package in OURS:
        other = part_of(target)
        if other not in LAYERS:
            return [f"{module} imports {target}, which has no layer"]
        if part in LAYERS and LAYERS[other] > LAYERS[part]:
            return [f"{module} (L{LAYERS[part]}) imports {target} (L{LAYERS[other]}), a higher layer"]
    return []


def ways_to_a_sampler(imports: Imports) -> list[str]:
    """How the screens reach a package that samples through other modules, one message for each package."""
    found, ways = [], [[module] for module in imports if part_of(module) in {"app", "pages"}]
    seen = {way[0] for way in ways}
    while ways:
        way = ways.pop(0)
        for target in sorted(imports.get(way[-1], set()) - seen):
            seen.add(target)
            ways.append([*way, target])
            if target.split(".", maxsplit=1)[0] in SAMPLERS and len(way) > 1:
                found.append(f"a screen waits for {target}, by way of {', '.join(way)}")
    return found


def find_violations(root: Path) -> list[str]:
    """Everything that breaks the layers under root, one message each; empty if all is well."""
    imports = read_imports(root)
    parts: dict[str, set[str]] = {}
    for module, targets in imports.items():
        parts.setdefault(part_of(module), set()).update(map(part_of, targets))
    return [
        *(f"{part} has no layer: add it to LAYERS" for part in sorted(parts) if part not in LAYERS),
        *(
            problem
            for module in sorted(imports)
            for to in sorted(imports[module])
            for problem in edge_violations(module, to)
        ),
        *ways_to_a_sampler(imports),
        *cycles(imports, "modules"),
        *cycles(parts, "parts"),
    ]


def write_tree(root: Path, files: Mapping[str, str]) -> None:
    """Write a made-up program."""
    for name, source in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(source, encoding="utf-8")


def test_the_repository_keeps_its_layers(repo_root: Path) -> None:
    assert find_violations(repo_root) == []


def test_the_whole_package_is_read(repo_root: Path) -> None:
    on_disk = set((repo_root / "compassign").rglob("*.py"))
    assert on_disk
    assert on_disk <= set(source_files(repo_root).values())


def test_a_tree_in_order_passes(tmp_path: Path) -> None:
    write_tree(
        tmp_path,
        {
            "app.py": "import streamlit\nfrom compassign import queries\n",
            "pages/peaks.py": "import streamlit.components\nfrom compassign.queries import table\n",
            "compassign/__init__.py": "__version__ = '1'\n",
            "compassign/units.py": "from compassign import __version__\n",
            "compassign/data/__init__.py": "from compassign.data.load import load\n",
            "compassign/data/load.py": "import compassign.units\n",
            "compassign/store/runs.py": "import sqlalchemy.orm\n",
            "compassign/models/terms/mass.py": "import pymc, pytensor.tensor\nfrom compassign.data import load\n",
            "compassign/inference/sampling.py": "import pymc\nfrom compassign.models.terms import mass\n",
            "compassign/queries.py": "from compassign.store.runs import all_runs\n",
        },
    )
    assert find_violations(tmp_path) == []


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (
            {"compassign/data/load.py": "from compassign.models import mixture\n"},
            "compassign.data.load (L1) imports compassign.models (L2), a higher layer",
        ),
        (
            {"compassign/units.py": "def late():\n    import compassign.cli\n"},
            "compassign.units (L0) imports compassign.cli (L5), a higher layer",
        ),
        (
            {"compassign/cli.py": "import app\n"},
            "compassign.cli (L5) imports app (L6), a higher layer",
        ),
        (
            {
                "compassign/data/load.py": "from compassign.data.split import split\n",
                "compassign/data/split.py": "from compassign.data import load\n",
            },
            "cycle of modules: compassign.data.load -> compassign.data.split -> compassign.data.load",
        ),
        (
            {
                "compassign/jobs/launcher.py": "import compassign.queries\n",
                "compassign/jobs/progress.py": "",
                "compassign/queries.py": "import compassign.jobs.progress\n",
            },
            "cycle of parts: compassign.jobs -> compassign.queries -> compassign.jobs",
        ),
        (
            {"compassign/queries.py": "import streamlit as st\n"},
            "compassign.queries imports streamlit, which only app and pages may",
        ),
        (
            {
                "pages/peaks.py": "from compassign.queries import table\n",
                "compassign/queries.py": "def table():\n    from compassign.inference import sampling\n",
                "compassign/inference/sampling.py": "import nutpie\n",
            },
            "a screen waits for nutpie, by way of pages.peaks, compassign.queries, compassign.inference.sampling",
        ),
        (
            {"compassign/posterior/summary.py": "from pymc import Model\n"},
            "compassign.posterior.summary imports pymc, which only compassign.inference and compassign.models may",
        ),
        (
            {"pages/peaks.py": "import pytensor.tensor as pt\n"},
            "pages.peaks imports pytensor.tensor, which only compassign.inference and compassign.models may",
        ),
        (
            {"compassign/jobs/worker.py": "from sqlalchemy.orm import Session\n"},
            "compassign.jobs.worker imports sqlalchemy.orm, which only compassign.store may",
        ),
        (
            {"compassign/helpers.py": ""},
            "compassign.helpers has no layer: add it to LAYERS",
        ),
        (
            {"compassign/cli.py": "from compassign.helpers import anything\n"},
            "compassign.cli imports compassign.helpers, which has no layer",
        ),
        (
            {"compassign/data/load.py": "from .split import split\n"},
            "compassign.data.load imports .split: relative imports hide the layer",
        ),
    ],
)
def test_each_violation_is_found(tmp_path: Path, files: dict[str, str], expected: str) -> None:
    write_tree(tmp_path, files)
    found = find_violations(tmp_path)
    assert [rotated(message) for message in found] == [rotated(expected)]


def rotated(message: str) -> str:
    """The message with its cycle, if any, starting at the smallest name: where a search enters it is no matter."""
    head, arrow, _ = message.partition(" -> ")
    if not arrow:
        return message
    kind, first = head.rsplit(" ", 1)
    nodes = [first, *message.split(" -> ")[1:-1]]
    start = nodes.index(min(nodes))
    return f"{kind} {' -> '.join([*nodes[start:], *nodes[: start + 1]])}"
