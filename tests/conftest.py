"""What every test may use, and the rule on skipping: only a test that needs the public tables may be skipped."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

ROOT = Path(__file__).resolve().parent.parent
SHARED_DATA = ROOT.parent / "shared" / "data"
NEEDS_DATA = "needs_data"  # travels with the report from a worker process to the one that counts

# The same examples on every machine and run: a failure that one sees, all see. The load of the machine is no failure.
settings.register_profile("repeatable", derandomize=True, deadline=None, print_blob=True)
settings.load_profile("repeatable")


class SkipCounter:
    """Counts skipped tests, those for want of the public tables apart from all others."""

    def __init__(self) -> None:
        self.n_for_data = 0
        self.others: list[str] = []

    def add(self, report: pytest.TestReport | pytest.CollectReport) -> None:
        """Count the report if it is a skip; an expected failure is reported as one too and is not."""
        if not report.skipped or hasattr(report, "wasxfail"):
            return
        if (NEEDS_DATA, True) in getattr(report, "user_properties", ()):
            self.n_for_data += 1
        else:
            self.others.append(report.nodeid)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.add(report)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        self.add(report)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self.others and session.exitstatus in {pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED}:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    @pytest.hookimpl(trylast=True)
    def pytest_unconfigure(self, config: pytest.Config) -> None:
        reporter = config.pluginmanager.get_plugin("terminalreporter")
        if reporter is None:
            return
        for nodeid in self.others:
            reporter.write_line(f"FAILED {nodeid}: skipped, but only tests marked `data` may be", red=True)
        place = "is absent" if not SHARED_DATA.is_dir() else "is there, but lacks what they need"
        reason = f" ({SHARED_DATA} {place})" if self.n_for_data else ""
        reporter.write_line(f"Tests skipped for want of the public tables: {self.n_for_data}{reason}")


def pytest_configure(config: pytest.Config) -> None:
    """Count skips in the process that talks to the user, not in its workers."""
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(SkipCounter(), "skip-counter")


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark whatever uses the public tables as `data`, and let its reports say so."""
    if "shared_data" in getattr(item, "fixturenames", ()):
        item.add_marker("data")
    if item.get_closest_marker("data"):
        item.user_properties.append((NEEDS_DATA, True))


@pytest.fixture(scope="session")
def repo_root() -> Path:
    """The repository's folder."""
    return ROOT


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of public tables beside the repository; the test is skipped where it is absent."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"{SHARED_DATA} is absent: the public tables are not part of the repository")
    return SHARED_DATA


@pytest.fixture(scope="session")
def seed() -> int:
    """The one seed of all tests."""
    return 20260923


@pytest.fixture
def rng(seed: int) -> np.random.Generator:
    """A fresh generator for each test, so that no test depends on those before it."""
    return np.random.default_rng(seed)
