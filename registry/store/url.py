"""Which databases a store may lie in, and the driver of each."""

from __future__ import annotations

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
