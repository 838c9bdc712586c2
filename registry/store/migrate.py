"""Brings a database up to `tables.py`, from any earlier revision or from nothing."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine

SCRIPTS = Path(__file__).parent / "migrations"

_DRIVERS = {
    "sqlite": "sqlite+aiosqlite",
    "postgresql": "postgresql+asyncpg",
    "postgres": "postgresql+asyncpg",
}


def driver_url(url: str) -> str:
    """`url` with the driver we use: sqlite:///lianwang.db, postgresql://user:password@host/name.

    Raises ValueError for any other kind of database.
    """
    scheme, separator, rest = url.partition("://")
    if not separator or scheme.partition("+")[0] not in _DRIVERS:
        raise ValueError(f"a database is sqlite:///file or postgresql://host/name, not {scheme!r}")
    return f"{_DRIVERS[scheme.partition('+')[0]]}://{rest}"


async def upgrade(url: str) -> None:
    """Create what is missing and change what is old; harmless when nothing is."""
    engine = create_async_engine(driver_url(url))
    try:
        async with engine.begin() as connection:
            await connection.run_sync(upgrade_over)
    finally:
        await engine.dispose()


def upgrade_over(connection: Connection) -> None:
    """The same over an open connection, within its transaction."""
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
