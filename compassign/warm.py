"""Whether the cache of compiled code is filled, and a process beside a first run that fills it."""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import re
import sys
from pathlib import Path

_COMPILERS = ("numba", "llvmlite", "pytensor", "pymc")
_ROOT = Path(__file__).parent


def marker() -> Path:
    """The file that says that this version's code is in PyTensor's cache; reads no heavy package."""
    digest = hashlib.sha256(sys.version.encode())
    for name in _COMPILERS:
        digest.update(importlib.metadata.version(name).encode())
    for path in sorted([*_ROOT.glob("models/**/*.py"), *_ROOT.glob("inference/*.py")]):
        digest.update(path.read_bytes())
    flag = re.search(r"base_compiledir=([^,]+)", os.environ.get("PYTENSOR_FLAGS", ""))
    folder = Path(flag.group(1)) if flag else Path.home() / ".pytensor"
    return folder / f"compassign-{digest.hexdigest()[:16]}"


def start_beside() -> None:
    """Start compiling the mixture in a process of its own, unless the cache has it or another run has started that.

    The RT stage, which comes first, is compiled by the run itself meanwhile; whoever needs the mixture waits for this.
    """
    path = marker()
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        path.with_suffix(".started").touch(exist_ok=False)
    except FileExistsError:
        return
    silent = [(os.POSIX_SPAWN_OPEN, stream, os.devnull, os.O_RDWR, 0) for stream in range(3)]
    command = [sys.executable, "-m", "compassign.warm_cache", "mixture"]
    os.posix_spawn(sys.executable, command, os.environ, file_actions=silent)
