"""A consistent copy of the database while others write to it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from compassign.errors import StoreError
from compassign.store.database import connect


def copy_database(output: Path, destination: Path) -> str:
    """Copy the database of an output folder as it is at one moment; returns why nothing was copied, "" if it was.

    Raises StoreError if the database cannot be read or the copy cannot be written.
    """
    engine = connect(output)
    if engine.dialect.name != "sqlite":
        return f"the list of runs is in a {engine.dialect.name} database, which needs a backup of its own (pg_dump)"
    if not Path(str(engine.url.database)).is_file():
        return "there is no list of runs yet"
    try:
        with engine.connect() as connection, closing(sqlite3.connect(destination)) as target:
            source = connection.connection.driver_connection
            if isinstance(source, sqlite3.Connection):  # as it is for this dialect
                source.backup(target)
    except (SQLAlchemyError, sqlite3.Error) as error:
        reason = getattr(error, "orig", None) or error
        raise StoreError(f"{engine.url}: {' '.join(str(reason).split())}") from error
    return ""
