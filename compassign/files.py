"""Files that are there whole or not at all."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd

from compassign.errors import InputError


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Give a temporary name in the same folder; on success it is flushed to disk and takes the final name.

    path : final name, replaced if it exists; its folder is made. Nothing is left of a block that raised.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
    try:
        yield temporary
        _flush_to_disk(temporary)
        # A rename within one folder is atomic: a reader sees the old file or the new one.
        temporary.replace(path)
        _flush_to_disk(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def write_new_csv(table: pd.DataFrame, file: Path) -> None:
    """Write a table, without its index, to a file that is not there yet; raises InputError where that cannot be."""
    try:
        with file.open("x", encoding="utf-8", newline="") as target:
            table.to_csv(target, index=False)
    except FileExistsError as error:
        raise InputError(f"{file}: exists already; give the name of a new file") from error
    except OSError as error:
        raise InputError(f"{file}: cannot be written ({error.strerror})") from error


def _flush_to_disk(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
