"""Brings a database up to `tables.py`, from any earlier revision or from nothing."""

from __future__ import annotations

from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine

from registry.store.revision import SCRIPTS, UnknownRevision, is_newest
from registry.store.url import driver_url


async def upgrade(url: str) -> None:
    """Create what is missing and change what is old; harmless when nothing is."""
    engine = create_async_engine(driver_url(url))
    try:
        async with engine.begin() as connection:
            await connection.run_sync(upgrade_over)
    finally:
        await engine.dispose()


def upgrade_over(connection: Connection) -> None:
    """The same over an open connection, within its transaction. Raises UnknownRevision."""
    if is_newest(connection):
        return
    # Only here: reading Alembic takes longer than all else that a store does to open.
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise UnknownRevision(str(error)) from error
