"""The shell scripts: they parse, find a Python in the promised order, and take no half environment for a whole."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SHELL_SCRIPTS = [*sorted((ROOT / "scripts").glob("*.sh")), ROOT / ".ci" / "run"]
SYSTEM_PATH = "/usr/bin:/bin"
BASH = shutil.which("bash", path=SYSTEM_PATH) or "bash"


def write_program(path: Path, body: str) -> Path:
    """Write an executable shell script."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


def write_python(path: Path, version: str) -> str:
    """Write a stand-in for a Python that reports this version and its own path, or fails if the version is empty."""
    body = f'echo "{version} {path}"' if version else 'echo "pyenv: command not found" >&2; exit 127'
    return str(write_program(path, body))


@pytest.mark.parametrize("script", SHELL_SCRIPTS, ids=lambda path: path.name)
def test_script_parses_and_is_executable(script: Path) -> None:
    done = subprocess.run([BASH, "-n", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert os.access(script, os.X_OK)


class TestFindPython:
    """find_python.sh, with nothing on PATH but what the test puts there."""

    @staticmethod
    def find(home: Path, **environment: str) -> tuple[int, str, str]:
        done = subprocess.run(
            [BASH, ROOT / "scripts" / "find_python.sh"],
            env={"PATH": f"{home}/first:{home}/second", "HOME": str(home)} | environment,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout.strip(), done.stderr

    def test_prefers_the_newer_name_to_the_earlier_folder(self, tmp_path: Path) -> None:
        write_python(tmp_path / "first" / "python3.12", "3 12 4")
        expected = write_python(tmp_path / "second" / "python3.13", "3 13 0")
        assert self.find(tmp_path) == (0, expected, "")

    def test_passes_over_a_shim_that_fails(self, tmp_path: Path) -> None:
        write_python(tmp_path / "first" / "python3.13", "")
        write_python(tmp_path / "first" / "python3.12", "")
        expected = write_python(tmp_path / "second" / "python3.12", "3 12 0")
        assert self.find(tmp_path)[:2] == (0, expected)

    @pytest.mark.parametrize(
        ("version", "accepted"), [("3 11 9", False), ("3 12 0", True), ("3 14 0", True), ("4 0 0", True)]
    )
    def test_takes_a_plain_python3_if_it_is_new_enough(self, tmp_path: Path, version: str, accepted: bool) -> None:
        path = write_python(tmp_path / "first" / "python3", version)
        assert self.find(tmp_path)[:2] == ((0, path) if accepted else (1, ""))

    def test_looks_further_than_an_old_python3(self, tmp_path: Path) -> None:
        write_python(tmp_path / "first" / "python3", "3 11 2")
        expected = write_python(tmp_path / "second" / "python3", "3 12 3")
        assert self.find(tmp_path)[:2] == (0, expected)

    def test_reads_nothing_into_garbage(self, tmp_path: Path) -> None:
        write_program(tmp_path / "first" / "python3", "echo hello world and more")
        assert self.find(tmp_path)[:2] == (1, "")

    @pytest.mark.parametrize("root", ["", "elsewhere"], ids=["home", "PYENV_ROOT"])
    def test_finds_what_pyenv_has_but_does_not_show(self, tmp_path: Path, root: str) -> None:
        pyenv = tmp_path / (root or ".pyenv")
        write_python(pyenv / "versions" / "3.11.7" / "bin" / "python3", "3 11 7")
        expected = write_python(pyenv / "versions" / "3.12.1" / "bin" / "python3", "3 12 1")
        assert self.find(tmp_path, **({"PYENV_ROOT": str(pyenv)} if root else {}))[:2] == (0, expected)

    def test_path_comes_before_pyenv(self, tmp_path: Path) -> None:
        write_python(tmp_path / ".pyenv" / "versions" / "3.13.0" / "bin" / "python3", "3 13 0")
        expected = write_python(tmp_path / "first" / "python3", "3 12 1")
        assert self.find(tmp_path)[:2] == (0, expected)

    def test_asks_uv_before_conda(self, tmp_path: Path) -> None:
        expected = write_python(tmp_path / "uv" / "python", "3 12 8")
        write_program(tmp_path / "first" / "uv", f'[ "$1" = --version ] || echo {expected}')
        write_program(tmp_path / "first" / "conda", f"echo {tmp_path}/conda")
        write_python(tmp_path / "conda" / "bin" / "python3", "3 13 1")
        assert self.find(tmp_path)[:2] == (0, expected)

    def test_falls_back_on_conda_where_uv_finds_none(self, tmp_path: Path) -> None:
        write_program(tmp_path / "first" / "uv", '[ "$1" = --version ]')
        write_program(tmp_path / "first" / "conda", f"echo {tmp_path}/conda")
        expected = write_python(tmp_path / "conda" / "bin" / "python3", "3 13 1")
        assert self.find(tmp_path)[:2] == (0, expected)

    def test_lets_conda_make_one(self, tmp_path: Path) -> None:
        made = tmp_path / "conda" / "envs" / "compassign-python" / "bin" / "python3"
        stored = write_python(tmp_path / "channel", "3 12 8")
        create = f"/bin/mkdir -p {made.parent} && /bin/cp {stored} {made}"
        write_program(tmp_path / "first" / "conda", f'[ "$1" != create ] && echo {tmp_path}/conda || {{ {create}; }}')
        assert self.find(tmp_path)[:2] == (0, stored)
        assert made.exists()

    def test_says_what_to_install_if_there_is_none(self, tmp_path: Path) -> None:
        code, out, message = self.find(tmp_path)
        assert (code, out) == (1, "")
        assert "needs Python 3.12 or newer" in message
        assert "apt-get install python3 python3-venv" in message

    def test_an_explicit_python_is_used_before_all_others(self, tmp_path: Path) -> None:
        write_python(tmp_path / "first" / "python3.13", "3 13 0")
        expected = write_python(tmp_path / "mine", "3 12 0")
        assert self.find(tmp_path, PYTHON=expected) == (0, expected, "")

    @pytest.mark.parametrize(
        ("version", "message"), [("3 11 7", "is Python 3.11.7; CompAssign needs 3.12 or newer"), ("", "does not run")]
    )
    def test_an_explicit_python_that_will_not_do_is_an_error(self, tmp_path: Path, version: str, message: str) -> None:
        write_python(tmp_path / "first" / "python3.13", "3 13 0")
        mine = write_python(tmp_path / "mine", version)
        code, out, stderr = self.find(tmp_path, PYTHON=mine)
        assert (code, out) == (1, "")
        assert f"PYTHON={mine} {message}" in stderr


class Checkout:
    """A repository with nothing in it but the set-up, and a `uv` that writes down what it is asked to do."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "scripts").mkdir(parents=True)
        for name in ("setup_environment.sh", "find_python.sh"):
            shutil.copy(ROOT / "scripts" / name, root / "scripts" / name)
        for name in ("pyproject.toml", "constraints.txt"):
            (root / name).write_text("", encoding="utf-8")
        self.calls = root / "calls"
        self.install("exit 0")

    def install(self, action: str) -> None:
        """Let `uv pip install` do this."""
        body = f"""
case "$1" in
    --version) ;;
    venv) echo venv >>'{self.calls}'; for last; do :; done; '{sys.executable}' -m venv --without-pip "$last" ;;
    pip) echo install >>'{self.calls}'; {action} ;;
esac"""
        write_program(self.root / "programs" / "uv", body)

    def command(self, line: str, *options: str) -> subprocess.CompletedProcess[str]:
        """Run a line of bash in the repository."""
        return subprocess.run(
            [BASH, "--norc", *options, "-c", line],
            cwd=self.root,
            env=self.env,
            capture_output=True,
            text=True,
            check=False,
        )

    @property
    def env(self) -> dict[str, str]:
        return {"PATH": f"{self.root}/programs:{SYSTEM_PATH}", "HOME": str(self.root), "PYTHON": sys.executable}

    def set_up(self) -> tuple[int, list[str]]:
        """Run the set-up; returns the exit code and what uv was asked to do."""
        self.calls.write_text("", encoding="utf-8")
        code = self.command("scripts/setup_environment.sh").returncode
        return code, self.calls.read_text(encoding="utf-8").split()

    @property
    def has_stamp(self) -> bool:
        return (self.root / ".venv" / ".compassign-stamp").exists()


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path / "a place" / "repository")  # with a space, as in "Program Files"


class TestSetUp:
    def test_does_nothing_the_second_time(self, checkout: Checkout) -> None:
        assert checkout.set_up() == (0, ["venv", "install"])
        assert checkout.has_stamp
        assert checkout.set_up() == (0, [])

    @pytest.mark.parametrize(("setting", "compiles"), [("", True), ("export COMPASSIGN_WARM_LATER=1; ", False)])
    def test_compiles_the_models_unless_the_first_run_is_to(
        self, checkout: Checkout, setting: str, compiles: bool
    ) -> None:
        done = checkout.command(f"{setting}scripts/setup_environment.sh")
        assert (done.returncode, "Compiling the models" in done.stderr) == (0, compiles)

    @pytest.mark.parametrize("name", ["pyproject.toml", "constraints.txt"])
    def test_installs_again_when_a_file_changes(self, checkout: Checkout, name: str) -> None:
        checkout.set_up()
        (checkout.root / name).write_text("# changed\n", encoding="utf-8")
        assert checkout.set_up() == (0, ["install"])
        assert checkout.set_up() == (0, [])

    def test_a_failed_installation_leaves_no_stamp_and_starts_afresh(self, checkout: Checkout) -> None:
        checkout.install("exit 1")
        assert checkout.set_up() == (1, ["venv", "install"])
        assert not checkout.has_stamp
        checkout.install("exit 0")
        assert checkout.set_up() == (0, ["venv", "install"])
        assert checkout.has_stamp

    def test_a_failed_update_takes_the_old_stamp_away(self, checkout: Checkout) -> None:
        checkout.set_up()
        (checkout.root / "constraints.txt").write_text("# changed\n", encoding="utf-8")
        checkout.install("exit 1")
        assert checkout.set_up()[0] == 1
        assert not checkout.has_stamp

    def test_a_killed_installation_leaves_no_stamp(self, checkout: Checkout) -> None:
        started = checkout.root / "started"
        checkout.install(f": >'{started}'; exec sleep 60")
        with subprocess.Popen(
            [BASH, "scripts/setup_environment.sh"], cwd=checkout.root, env=checkout.env, start_new_session=True
        ) as process:
            deadline = time.monotonic() + 30
            while not started.exists() and time.monotonic() < deadline:
                time.sleep(0.01)
            os.killpg(process.pid, signal.SIGKILL)
        assert started.exists()
        assert not checkout.has_stamp
        checkout.install("exit 0")
        assert checkout.set_up() == (0, ["venv", "install"])

    def test_a_moved_repository_gets_a_new_environment(self, checkout: Checkout, tmp_path: Path) -> None:
        checkout.set_up()
        moved = tmp_path / "moved"
        checkout.root.rename(moved)
        checkout.root, checkout.calls = moved, moved / "calls"
        checkout.install("exit 0")
        assert checkout.set_up() == (0, ["venv", "install"])

    def test_sourcing_activates_and_leaves_nothing_else_behind(self, checkout: Checkout) -> None:
        names = "$(compgen -v | grep -i compassign; echo $-)"
        source = '. scripts/setup_environment.sh; echo "$? $VIRTUAL_ENV"'
        done = checkout.command(f'a="{names}"; {source}; [ "$a" = "{names}" ] && command -v python', "-u")
        venv = checkout.root.resolve() / ".venv"
        assert done.stdout.splitlines() == [f"0 {venv}", f"{venv}/bin/python"]

    def test_a_failure_does_not_end_the_shell_that_sources(self, checkout: Checkout) -> None:
        # Not exported on purpose: a user types `PYTHON=... ; source ...` too.
        done = checkout.command("unset PYTHON; PYTHON=/nowhere; . scripts/setup_environment.sh; echo alive $?")
        assert done.stdout.splitlines() == ["alive 1"]
        assert "PYTHON=/nowhere does not run" in done.stderr
