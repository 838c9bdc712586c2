"""Data folders as a first start leaves them, copied from one that is made once a process.

A first start makes tables and the first administrator's password, slowly on purpose; most journeys begin behind that.
Those about the first start itself, and `test_demo.py`, begin in an empty folder.
"""

from __future__ import annotations

import asyncio
import tempfile
import threading
from functools import cache
from pathlib import Path

from argon2 import PasswordHasher

from app.premises import DATABASE
from registry.accounts import User
from registry.directory import Directory
from registry.events import Bus
from web.auth import Role
from web.passwords import FIRST_ADMINISTRATOR, Passwords

ADMINISTRATOR_PASSWORD = "three-blue-herons"

_one_at_a_time = threading.Lock()


async def furnish(data: Path) -> str:
    """Put a database with its first administrator into an empty folder; his password."""
    database = await asyncio.to_thread(_made)
    data.mkdir(parents=True, exist_ok=True)
    (data / DATABASE).write_bytes(database)
    return ADMINISTRATOR_PASSWORD


def _made() -> bytes:
    with _one_at_a_time:
        return _make()


@cache
def _make() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / DATABASE
        asyncio.run(_fill(path))
        return path.read_bytes()


async def _fill(path: Path) -> None:
    directory = Directory(Bus())
    await directory.open(f"sqlite:///{path}")
    passwords = Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    try:
        stored = await passwords.hash(ADMINISTRATOR_PASSWORD)
        await directory.accounts.add_user(User(FIRST_ADMINISTRATOR, Role.ADMINISTRATOR.word, stored, must_change=True))
    finally:
        passwords.close()
        await directory.close()
