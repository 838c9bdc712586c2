"""Which revision a database has, and which ours is, told without Alembic: most starts find nothing to change."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, inspect, text

SCRIPTS = Path(__file__).parent / "migrations"


class UnknownRevision(Exception):
    """The database has a revision that is none of ours."""


def newest() -> str:
    """The revision of the last script; each script's file begins with its revision."""
    return max(script.name.partition("_")[0] for script in (SCRIPTS / "versions").glob("[0-9]*.py"))


def is_newest(connection: Connection) -> bool:
    """Whether nothing is left to change over this connection."""
    if not inspect(connection).has_table("alembic_version"):
        return False
    return list(connection.scalars(text("SELECT version_num FROM alembic_version"))) == [newest()]
