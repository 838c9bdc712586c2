"""Migrations: from nothing to the tables as they are written down, twice without harm."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text
from sqlalchemy.ext.asyncio import create_async_engine

from registry.store.migrate import upgrade
from registry.store.revision import SCRIPTS, is_newest, newest
from registry.store.sql import SqlStore
from registry.store.tables import metadata
from registry.store.url import driver_url

Urls = Callable[[], Awaitable[str]]


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
async def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'empty.db'}"
    maker: Urls = request.getfixturevalue("new_postgres")
    return await maker()


def differences(connection: Connection) -> list[object]:
    context = MigrationContext.configure(connection, opts={"compare_type": True})
    return list(compare_metadata(context, metadata))


async def test_the_migrated_schema_is_the_one_in_tables_and_a_second_time_changes_nothing(url: str) -> None:
    for _ in range(2):
        await upgrade(url)
        engine = create_async_engine(driver_url(url))
        async with engine.connect() as connection:
            assert await connection.run_sync(differences) == []
            names = await connection.run_sync(lambda c: set(inspect(c).get_table_names()))
            assert names == {*metadata.tables, "alembic_version"}
            version = (await connection.execute(text("SELECT version_num FROM alembic_version"))).scalar_one()
            assert version == ScriptDirectory(str(SCRIPTS)).get_current_head()
        await engine.dispose()


async def test_which_revision_a_database_has_is_told_without_alembic(url: str) -> None:
    assert newest() == ScriptDirectory(str(SCRIPTS)).get_current_head()
    engine = create_async_engine(driver_url(url))
    async with engine.begin() as connection:
        assert not await connection.run_sync(is_newest)  # no table yet
    await upgrade(url)
    async with engine.begin() as connection:
        assert await connection.run_sync(is_newest)
        await connection.execute(text("UPDATE alembic_version SET version_num = '0001'"))
        assert not await connection.run_sync(is_newest)
        await connection.execute(text("DELETE FROM alembic_version"))
        assert not await connection.run_sync(is_newest)
    await engine.dispose()


def test_a_start_with_nothing_to_change_does_not_read_alembic(tmp_path: Path) -> None:
    opened = """
import asyncio, sys
from registry.store.sql import SqlStore

async def main():
    store = SqlStore(sys.argv[1])
    await store.open()
    await store.close()

asyncio.run(main())
print("alembic" in sys.modules)
"""
    said = [
        subprocess.run(
            [sys.executable, "-c", opened, f"sqlite:///{tmp_path / 'twice.db'}"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for _ in range(2)
    ]
    assert said == ["True\n", "False\n"]


async def test_a_table_that_differs_would_be_noticed(url: str) -> None:
    await upgrade(url)
    engine = create_async_engine(driver_url(url))
    async with engine.begin() as connection:
        await connection.execute(text("ALTER TABLE channels ADD COLUMN forgotten TEXT"))
        assert await connection.run_sync(differences) != []
    await engine.dispose()


async def test_sqlite_is_kept_in_wal_mode(tmp_path: Path) -> None:
    path = tmp_path / "wal.db"
    store = SqlStore(f"sqlite:///{path}")
    await store.open()
    async with store.writing() as writing:
        await writing.heard({"nobody": 1.0})
    await store.close()
    assert path.read_bytes()[18:20] == b"\x02\x02"  # the file's own mark of WAL


def test_a_url_gets_the_driver_we_use() -> None:
    assert driver_url("postgres://u:p@h/db") == driver_url("postgresql://u:p@h/db") == "postgresql+asyncpg://u:p@h/db"
    assert driver_url("sqlite:///a.db") == "sqlite+aiosqlite:///a.db"
    for url in ("", "lianwang.db", "mysql://h/db"):
        with pytest.raises(ValueError, match="a database is"):
            driver_url(url)


async def test_a_database_that_cannot_be_opened_is_told_in_one_sentence_without_the_password(tmp_path: Path) -> None:
    for url in (f"sqlite:///{tmp_path / 'nowhere' / 'a.db'}", "postgresql://lw:secret@127.0.0.1:1/house"):
        with pytest.raises(ConnectionError, match="cannot be opened") as told:
            await SqlStore(url).open()
        assert "secret" not in str(told.value)
        assert "\n" not in str(told.value)


async def test_a_database_of_a_newer_version_is_left_alone(url: str) -> None:
    await upgrade(url)
    engine = create_async_engine(driver_url(url))
    async with engine.begin() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    await engine.dispose()
    with pytest.raises(ConnectionError, match="newer version"):
        await SqlStore(url).open()
