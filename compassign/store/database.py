"""The database of runs: where it is, how it is opened, and its schema brought up to date."""

from __future__ import annotations

import importlib
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from compassign.errors import StoreError

URL_VARIABLE = "COMPASSIGN_DATABASE_URL"
DATABASE_NAME = "compassign.db"
POSTGRES, POSTGRES_DRIVER = "postgresql", "psycopg"
BUSY_TIMEOUT_S = 5.0  # how long to wait for another process's write, which takes milliseconds
NETWORK_FILE_SYSTEMS = frozenset(
    ["nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "ceph", "lustre", "glusterfs", "gpfs", "beegfs", "fuse.sshfs"]
)
"""Where SQLite's locks and shared memory do not hold between machines."""

_EXPLAINED = {
    "database is locked": f"locked by another process for {BUSY_TIMEOUT_S:g} s; nothing was changed, try again",
    "database or disk is full": "the disk is full; nothing was changed, free some space and try again",
}
"""SQLite's words -> what they mean here, where a transaction is all or nothing."""

_LOCK_NUMBER = 20_261_124  # any, but the same in every process

_MIGRATIONS = Path(__file__).parent / "migrations"
_VERSION_TABLE = sa.table("alembic_version", sa.column("version_num"))


def connect(output: Path) -> sa.Engine:
    """Open the database of an output folder, or that of `COMPASSIGN_DATABASE_URL`; touches no table.

    A PostgreSQL URL that names no driver means psycopg, as the extra `postgres` installs it. Raises StoreError if the
    URL cannot be used, its driver is missing, or SQLite would be on a network file system.
    """
    given = os.environ.get(URL_VARIABLE)
    try:
        url = sa.make_url(given) if given else sa.URL.create("sqlite", database=str(_made(output) / DATABASE_NAME))
        if url.drivername == POSTGRES:
            url = url.set(drivername=f"{POSTGRES}+{POSTGRES_DRIVER}")
        if url.get_backend_name() != "sqlite":
            return sa.create_engine(url, pool_pre_ping=True)
        refuse_network(Path(os.path.abspath(url.database or DATABASE_NAME)), Path("/proc/mounts"))
        # one connection per use: an open one must not be shared by threads or inherited by a worker
        engine = sa.create_engine(url, poolclass=NullPool, connect_args={"timeout": BUSY_TIMEOUT_S})
    except ModuleNotFoundError as error:
        raise StoreError(f"{URL_VARIABLE}: {_how_to_install(error.name)}") from error
    except (ArgumentError, ImportError) as error:
        raise StoreError(f"{URL_VARIABLE}: cannot be used ({' '.join(str(error).split())})") from error
    sa.event.listen(engine, "connect", _prepare_sqlite)
    sa.event.listen(engine, "begin", _begin_sqlite)
    return engine


def _how_to_install(driver: str | None) -> str:
    """What to do where the driver that a URL names is missing."""
    if driver == POSTGRES_DRIVER:
        return f"PostgreSQL needs {driver}, which is not installed: pip install -e '.[postgres]', where CompAssign is"
    return f"its driver {driver} is not installed"


def migrate(engine: sa.Engine) -> None:
    """Bring the schema up to date, from nothing too; two processes that start at once do it once.

    Raises StoreError if the database cannot be written, or a newer version of the program has changed it.
    """
    newest = max(path.stem.partition("_")[0] for path in (_MIGRATIONS / "versions").glob("r*.py"))
    with transaction(engine) as connection:
        if _version(connection) == newest:
            return  # the usual case, without the second that importing Alembic takes
    with transaction(engine.execution_options(immediate=True)) as connection:
        pass_alone(connection)
        version = _version(connection)
        if version is not None and version > newest:
            raise StoreError(f"{engine.url}: made by a newer version of compassign ({version}, this one: {newest})")
        _upgrade(connection)


@contextmanager
def transaction(engine: sa.Engine) -> Iterator[sa.Connection]:
    """Give a connection whose changes are kept if the block succeeds; raises StoreError for every database error."""
    try:
        with engine.begin() as connection:
            yield connection
    except SQLAlchemyError as error:
        reason = " ".join(str(getattr(error, "orig", None) or error).split())
        raise StoreError(f"{engine.url}: {_EXPLAINED.get(reason, reason)}") from error


def pass_alone(connection: sa.Connection) -> None:
    """Let one transaction at a time go on from here on a database server; those of SQLite wait for each other anyway.

    For changes that depend on more than the row they change.
    """
    if connection.dialect.name == POSTGRES:
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK_NUMBER)))


def _made(output: Path) -> Path:
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"{output}: the output folder cannot be written ({error.strerror})") from error
    return Path(os.path.abspath(output))


def refuse_network(database: Path, mounts: Path) -> None:
    """Raise StoreError if the file system that holds `database` is shared between machines; mounts : /proc/mounts."""
    if not mounts.is_file():
        return  # not Linux
    rows = [line.split(" ") for line in mounts.read_text(encoding="utf-8", errors="replace").splitlines()]
    real = os.path.realpath(database)
    holding = [(len(where), kind) for _, where, kind, *_ in rows if Path(real).is_relative_to(_unescaped(where))]
    if holding and max(holding)[1] in NETWORK_FILE_SYSTEMS:
        raise StoreError(
            f"{database}: SQLite is not safe on a network file system ({max(holding)[1]}); "
            f"choose a local --output, or set {URL_VARIABLE} to a database server"
        )


def _unescaped(field: str) -> str:
    """A path of /proc/mounts, which writes a space in octal."""
    return field.replace("\\040", " ")


def _prepare_sqlite(connection: sqlite3.Connection, _: object) -> None:
    connection.isolation_level = None  # transactions are begun below, so that a migration is all or nothing
    for pragma in ("journal_mode = WAL", "synchronous = NORMAL", "foreign_keys = ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: sa.Connection) -> None:
    options = connection.get_execution_options()
    immediate = options.get("immediate", False)
    if options.get("durable", False):
        connection.exec_driver_sql("PRAGMA synchronous = FULL")  # on the disk before anybody is told that it is kept
    connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")


def _version(connection: sa.Connection) -> str | None:
    """The schema's revision; None for an empty database."""
    if not sa.inspect(connection).has_table(_VERSION_TABLE.name):
        return None
    return connection.scalar(sa.select(_VERSION_TABLE.c.version_num))


def _upgrade(connection: sa.Connection) -> None:
    """Apply the migrations that are missing."""
    config = importlib.import_module("alembic.config").Config()
    config.set_main_option("path_separator", "os")
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    importlib.import_module("alembic.command").upgrade(config, "head")
