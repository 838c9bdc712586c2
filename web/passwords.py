"""Passwords: made, judged, hashed and compared, away from the loop's thread."""

from __future__ import annotations

import asyncio
import secrets
from base64 import b64encode
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.low_level import ARGON2_VERSION

from registry.accounts import Accounts, User
from web.auth import Role
from web.errors import Problem, denied

SHORTEST = 8
LONGEST = 128
FIRST_ADMINISTRATOR = "admin"
# No 0 O 1 l I: a first password is read off a terminal and typed.
LETTERS = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"
MOST_WAITING = 32

T = TypeVar("T")


def make_password() -> str:
    """A random password of 20 letters in four groups (116 bits)."""
    return "-".join("".join(secrets.choice(LETTERS) for _ in range(5)) for _ in range(4))


def judge(password: str, name: str) -> None:
    """Raise Problem unless `password` may stand for `name`: long enough, not the name, not one letter repeated."""
    if not SHORTEST <= len(password) <= LONGEST:
        facts = {"shortest": SHORTEST, "longest": LONGEST}
        raise Problem(400, "password-length", f"A password has {SHORTEST} to {LONGEST} characters.", facts)
    if name.lower() in password.lower() or len(set(password)) < 4:
        raise Problem(400, "password-weak", "A password must not hold the name or repeat a few characters.")


class Passwords:
    """Argon2id at its library's present default, in two threads of its own.

    More than 32 waiting raises a 503 problem: a flood of log-ins must not eat the machine.
    """

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="argon2")
        self._waiting = 0

    @cached_property
    def _nobody(self) -> str:
        """Compared when there is no such user, so that names cannot be told by the time an answer takes.

        It looks like a hash and is one of nothing, so that the first log-in does not wait for it to be made.
        """
        cost = self._hasher
        salt, digest = (_without_padding(secrets.token_bytes(size)) for size in (cost.salt_len, cost.hash_len))
        words = f"m={cost.memory_cost},t={cost.time_cost},p={cost.parallelism}"
        return f"$argon2id$v={ARGON2_VERSION}${words}${salt}${digest}"

    async def hash(self, password: str) -> str:
        return await self._in_thread(lambda: self._hasher.hash(password))

    async def fits(self, password: str, stored: str | None) -> bool:
        """Whether `password` is the stored one; as slow for nobody's as for somebody's."""

        def compare() -> bool:
            return self._verify(password, stored or self._nobody)

        return await self._in_thread(compare) and stored is not None

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _verify(self, password: str, stored: str) -> bool:
        try:
            self._hasher.verify(stored, password)
        except (VerificationError, InvalidHashError):
            return False
        return True

    async def _in_thread(self, work: Callable[[], T]) -> T:
        if self._waiting >= MOST_WAITING:
            raise denied(503)
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._waiting -= 1


def _without_padding(data: bytes) -> str:
    return b64encode(data).rstrip(b"=").decode("ascii")


async def ensure_first_administrator(accounts: Accounts) -> str | None:
    """On a server nobody can log in to, make the first administrator; his password, to be shown once, or None."""
    if accounts.users():
        return None
    password = make_password()
    passwords = Passwords()
    try:
        stored = await passwords.hash(password)
    finally:
        passwords.close()
    await accounts.add_user(User(FIRST_ADMINISTRATOR, Role.ADMINISTRATOR.word, stored, must_change=True))
    return password
