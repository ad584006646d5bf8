"""A skipped test is silent; the session must not be."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

FORGIVEN = {
    "test_passing.py": "def test_passing(): pass\n",
    "test_fixture.py": "def test_with_tables(shared_data): pass\n",
    "test_marker.py": "import pytest\n@pytest.mark.data\ndef test_marked(): pytest.skip('no tables')\n",
    "test_expected.py": "import pytest\n@pytest.mark.xfail\ndef test_expected(): assert False\n",
}
SKIPPED = "import pytest\ndef test_{0}(): pytest.skip('some other day')\n"
UNFORGIVEN = {
    "test_skipped.py": SKIPPED.format("lazy"),
    # The name of a folder is a keyword of every test in it; it must not pass for the marker.
    "data/test_in_folder.py": SKIPPED.format("in_folder"),
    "test_module.py": "import pytest\npytest.importorskip('no_such_package')\n",
}


def run_session(folder: Path, files: dict[str, str], *options: str) -> tuple[int, list[str]]:
    """Run pytest in a project made of this repository's conftest and the given test files.

    Returns the exit code and the lines of output.
    """
    tests = folder / "repository" / "tests"
    for name, source in files.items():
        (tests / name).parent.mkdir(parents=True, exist_ok=True)
        (tests / name).write_text(source)
    (tests / "conftest.py").write_text(Path(__file__).with_name("conftest.py").read_text())
    (tests / "pytest.ini").write_text("[pytest]\nmarkers =\n    data: tables\n")
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST_")}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options],
        cwd=tests,
        env=environment | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout.strip().splitlines()


def test_absent_tables_are_counted_and_forgiven(tmp_path: Path) -> None:
    code, lines = run_session(tmp_path, FORGIVEN)
    absent = tmp_path / "shared" / "data"
    assert (code, lines[-1]) == (0, f"Tests skipped for want of the public tables: 2 ({absent} is absent)")


def test_any_other_skip_fails_the_session_even_in_a_worker(tmp_path: Path) -> None:
    code, lines = run_session(tmp_path, FORGIVEN | UNFORGIVEN, "-p", "xdist", "-n", "1")
    named = {line.split()[1].removesuffix(":") for line in lines if line.endswith("only tests marked `data` may be")}
    assert named == {"test_skipped.py::test_lazy", "data/test_in_folder.py::test_in_folder", "test_module.py"}
    assert code == 1
