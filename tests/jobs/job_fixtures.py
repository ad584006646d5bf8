"""An output folder whose runs are stand-ins, and its store."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from standin import SITE

from compassign.jobs.processes import kill
from compassign.jobs.watcher import watcher_pid
from compassign.store.database import URL_VARIABLE
from compassign.store.runs import RunStore


@pytest.fixture
def output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An output folder; the processes that a test starts use the stand-in."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(SITE)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "site"), prepend=os.pathsep)
    monkeypatch.delenv(URL_VARIABLE, raising=False)
    return tmp_path / "output"


@pytest.fixture
def store(output: Path) -> Iterator[RunStore]:
    """The store of the output folder; nothing that was started outlives the test."""
    store = RunStore.open(output)
    yield store
    with suppress(OSError, ValueError):
        if (watcher := int(watcher_pid(output))) != os.getpid():
            os.kill(watcher, signal.SIGTERM)
    for row in store.rows("running"):
        kill(row)
