"""Opening and migrating the database."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from compassign.errors import StoreError
from compassign.store.database import URL_VARIABLE, connect, migrate, refuse_network, transaction
from compassign.store.schema import metadata


@pytest.fixture(autouse=True)
def no_url(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(URL_VARIABLE, raising=False)


def test_migrations_from_nothing_give_the_schema_that_the_code_uses(tmp_path: Path) -> None:
    engine = connect(tmp_path / "new" / "output with 100%")
    migrate(engine)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
        assert connection.scalar(sa.text("PRAGMA journal_mode")) == "wal"
        assert connection.scalar(sa.text("PRAGMA foreign_keys")) == 1
    assert (tmp_path / "new" / "output with 100%" / "compassign.db").is_file()


def test_two_that_start_at_once_migrate_once(tmp_path: Path) -> None:
    engines = [connect(tmp_path) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(migrate, engines))
    with transaction(engines[0]) as connection:
        assert connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalars().all() == ["r0003"]


def test_a_database_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    engine = connect(tmp_path)
    migrate(engine)
    with transaction(engine) as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = 'r9999'"))
    with pytest.raises(StoreError, match=r"newer version of compassign \(r9999, this one: r0003\)"):
        migrate(engine)


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "compassign.db").write_text("peak_id,mz\n" * 100)
    with pytest.raises(StoreError, match=r"compassign\.db: file is not a database"):
        migrate(connect(tmp_path))


@pytest.mark.parametrize("url", ["nonsense", "nosuch://host/db"])
def test_a_url_that_cannot_be_used_is_named(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(URL_VARIABLE, url)
    with pytest.raises(StoreError, match=f"{URL_VARIABLE}: cannot be used"):
        connect(tmp_path)


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("postgresql://ada:secret@lab/runs", r"PostgreSQL needs psycopg, .*pip install -e '\.\[postgres\]'"),
        ("postgresql+psycopg://lab/runs", r"pip install -e '\.\[postgres\]'"),
        ("postgresql+asyncpg://lab/runs", "its driver asyncpg is not installed"),
    ],
)
def test_a_missing_driver_is_named(url: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(URL_VARIABLE, url)
    for driver in ("psycopg", "asyncpg"):
        monkeypatch.setitem(sys.modules, driver, None)  # as where it is not installed
    with pytest.raises(StoreError, match=told) as raised:
        connect(tmp_path)
    assert "secret" not in str(raised.value)


def test_the_url_decides_where_the_database_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(URL_VARIABLE, f"sqlite:///{tmp_path}/lab.db")
    migrate(connect(tmp_path / "output"))
    assert (tmp_path / "lab.db").is_file()
    assert not (tmp_path / "output").exists()


@pytest.mark.parametrize(
    ("folder", "refused"),
    [("/srv/lab/output", True), ("/srv/lab/fast disk/output", False), ("/srv/laboratory", False), ("/home", False)],
)
def test_network_file_systems_are_refused(folder: str, refused: bool, tmp_path: Path) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(
        "/dev/sda / ext4 rw 0 0\nserver:/lab /srv/lab nfs4 rw 0 0\n/dev/sdb /srv/lab/fast\\040disk xfs rw 0 0\n"
    )
    database = Path(folder) / "compassign.db"
    if not refused:
        refuse_network(database, mounts)
        return
    with pytest.raises(StoreError, match=r"not safe on a network file system \(nfs4\)"):
        refuse_network(database, mounts)


def test_a_system_without_a_table_of_mounts_is_not_refused(tmp_path: Path) -> None:
    refuse_network(tmp_path / "compassign.db", tmp_path / "none")
