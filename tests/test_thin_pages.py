"""Pages read, render and record: they compute, query and sample nothing; the package needs no Streamlit.

Both are read off the source, so that a page that no other test opens is seen too.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pandas.api.typing import DataFrameGroupBy

PAGES = ("app.py", "pages")
FOREIGN = frozenset(
    ["numpy", "scipy", "sklearn", "arviz", "arviz_stats", "xarray", "h5netcdf", "numba", "rdkit", "plotly"]
    + ["sqlalchemy", "sqlite3", "alembic", "pymc", "pytensor", "nutpie"]
)
OURS = (
    *("compassign.models", "compassign.inference", "compassign.posterior", "compassign.decisions"),
    *("compassign.evaluation", "compassign.chemistry", "compassign.candidates", "compassign.pipeline"),
    *("compassign.store.database", "compassign.store.schema", "compassign.store.backup", "compassign.store.migrations"),
)
TABLE = {name for kind in (pd.DataFrame, pd.Series, np.ndarray, DataFrameGroupBy) for name in dir(kind)}
RELABELLING = {"assign", "head", "isna", "map", "rename", "rename_axis", "to_numpy", "tolist", "unique", "where"}
ANYTHING = {"all", "any", "at", "columns", "copy", "empty", "from_dict", "get", "index", "info", "items", "join"} | {
    *("keys", "pop", "replace", "update", "values")  # of dictionaries, texts, paths and Streamlit too
}
COMPUTING = {name for name in TABLE if not name.startswith("_")} - RELABELLING - ANYTHING
ARITHMETIC = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Pow, ast.MatMult)
SQL = re.compile(r"\b(SELECT\b.+\bFROM|INSERT\s+INTO|UPDATE\b.+\bSET|DELETE\s+FROM|PRAGMA)\b", re.DOTALL)


def imported(node: ast.AST) -> Iterator[str]:
    """Full names that an import statement brings in."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module:
        yield from (f"{node.module}.{alias.name}" for alias in node.names)


def is_column(node: ast.expr) -> bool:
    """Whether an expression reads a column by its name."""
    return (
        isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, str)
    )


def faults(node: ast.AST) -> Iterator[str]:
    """What one piece of a page does that no page may."""
    for name in imported(node):
        if name.split(".")[0] in FOREIGN or any(f"{name}.".startswith(f"{ours}.") for ours in OURS):
            yield f"imports {name}"
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        of, method = node.func.value, node.func.attr
        if isinstance(of, ast.Name) and of.id == "pd":
            yield f"computes: pd.{method}"
        elif method in COMPUTING:
            yield f"computes: {ast.unparse(node.func)}"
        elif ast.unparse(node.func) == "time.sleep":
            yield "waits: time.sleep"
    if (
        isinstance(node, ast.BinOp)
        and isinstance(node.op, ARITHMETIC)
        and (is_column(node.left) or is_column(node.right))
    ):
        yield f"computes: {ast.unparse(node)}"
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and SQL.search(node.value):
        yield f"queries: {node.value}"


def find_faults(source: str) -> list[str]:
    """Everything in a page's source that no page may do."""
    return [fault for node in ast.walk(ast.parse(source)) for fault in faults(node)]


def page_files(root: Path) -> list[Path]:
    return [path for name in PAGES for path in ([root / name] if name.endswith(".py") else (root / name).rglob("*.py"))]


def test_pages_only_read_render_and_record(repo_root: Path) -> None:
    files = page_files(repo_root)
    assert {"app.py", "peaks.py", "text.py"} <= {path.name for path in files}
    assert {str(path.relative_to(repo_root)): found for path in files if (found := find_faults(path.read_text()))} == {}


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        ("import numpy as np", "imports numpy"),
        ("def late():\n    from scipy.stats import norm", "imports scipy.stats.norm"),
        ("import sqlalchemy as sa", "imports sqlalchemy"),
        ("from compassign.store.database import connect", "imports compassign.store.database.connect"),
        ("from compassign.store import database", "imports compassign.store.database"),
        ("import pymc as pm", "imports pymc"),
        ("from compassign.models import generative", "imports compassign.models.generative"),
        ("from compassign.inference.sampling import sample", "imports compassign.inference.sampling.sample"),
        ("from compassign import pipeline", "imports compassign.pipeline"),
        ("total = table.sum()", "computes: table.sum"),
        ("means = table.groupby('species').p.mean()", "computes: table.groupby('species').p.mean"),
        ("table = pd.concat([a, b])", "computes: pd.concat"),
        ("error = table['mz'] - table['mz_theoretical']", "computes: table['mz'] - table['mz_theoretical']"),
        ("share = row['n'] / total", "computes: row['n'] / total"),
        ("rows = store.ask('SELECT id FROM runs')", "queries: SELECT id FROM runs"),
        ("time.sleep(1)", "waits: time.sleep"),
    ],
)
def test_each_fault_is_found(source: str, fault: str) -> None:
    assert fault in find_faults(source)


@pytest.mark.parametrize(
    "source",
    [
        "import pandas as pd\n\ndef show(table: pd.DataFrame) -> None: st.dataframe(table.head(3))",
        "from compassign.queries.peaks import peak_table",
        "from compassign.store.runs import RunStore",
        "names = table['name'].tolist()",
        "st.caption(f'Select a peak from {n}; update the filter')",
        "height = ROW_PX * n + 10",
    ],
)
def test_what_pages_may_do_is_left_alone(source: str) -> None:
    assert find_faults(source) == []


WITHOUT_STREAMLIT = """
import importlib, pkgutil, sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "streamlit":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Absent())
BESIDE = sys.argv[1:]
import compassign
names = [module.name for module in pkgutil.walk_packages(compassign.__path__, "compassign.")]
for name in [*BESIDE, *names]:
    if ".migrations" not in name:  # scripts of Alembic, which only it can run
        importlib.import_module(name)
print(len(names))
"""


def run_without_streamlit(root: Path, *beside: str) -> subprocess.CompletedProcess[str]:
    """Import every module of the package, and others before, in a process that has no Streamlit."""
    command = [sys.executable, "-c", WITHOUT_STREAMLIT, *beside]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)


@pytest.mark.slow  # imports the samplers in a process of its own
def test_the_package_needs_no_streamlit(repo_root: Path) -> None:
    done = run_without_streamlit(repo_root)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) >= len(list((repo_root / "compassign").glob("*/*.py")))


def test_a_module_that_needs_streamlit_would_be_seen(repo_root: Path) -> None:
    done = run_without_streamlit(repo_root, "pages.shared.text")
    assert done.returncode == 1
    assert "No module named 'streamlit'" in done.stderr
