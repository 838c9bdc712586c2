"""Passwords are made at random, judged, and compared away from the loop."""

from __future__ import annotations

import asyncio
import time

import pytest
from argon2 import PasswordHasher, extract_parameters
from argon2.exceptions import VerifyMismatchError

from registry.accounts import User
from registry.directory import Directory
from registry.events import Bus
from web.errors import Problem
from web.passwords import MOST_WAITING, Passwords, ensure_first_administrator, judge, make_password


def cheap() -> Passwords:
    return Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


async def test_a_password_fits_its_own_hash_only():
    passwords = cheap()
    stored = await passwords.hash("three blue herons")
    assert "three" not in stored and stored.startswith("$argon2id$")
    assert await passwords.fits("three blue herons", stored)
    assert not await passwords.fits("three blue heron", stored)
    assert not await passwords.fits("three blue herons", "no hash at all")
    passwords.close()


async def test_nobody_has_no_password_and_is_looked_at_as_long():
    passwords = cheap()
    assert not await passwords.fits("anything", None)
    passwords.close()


async def test_what_stands_for_nobody_is_a_hash_of_the_same_cost_that_nothing_fits():
    dear = PasswordHasher(time_cost=2, memory_cost=64, parallelism=3)
    passwords = Passwords(dear)
    nobody = passwords._nobody
    assert extract_parameters(nobody) == extract_parameters(dear.hash("anybody"))
    with pytest.raises(VerifyMismatchError):  # compared to the end, not refused as no hash
        dear.verify(nobody, "anybody")
    passwords.close()


async def test_a_flood_of_comparisons_is_refused_not_queued():
    slow = Passwords(PasswordHasher(time_cost=4, memory_cost=1024, parallelism=1))
    stored = await slow.hash("x")
    answers = await asyncio.gather(*(slow.fits("y", stored) for _ in range(MOST_WAITING + 20)), return_exceptions=True)
    refused = [answer for answer in answers if isinstance(answer, Problem)]
    assert len(refused) == 20 and {problem.status for problem in refused} == {503}
    slow.close()


async def test_the_loop_goes_on_while_a_password_is_compared():
    slow = Passwords(PasswordHasher(time_cost=6, memory_cost=64 * 1024, parallelism=1))
    stored = await slow.hash("x")
    comparing = asyncio.ensure_future(slow.fits("y", stored))
    turns = 0
    started = time.perf_counter()
    while not comparing.done() and time.perf_counter() - started < 10:
        await asyncio.sleep(0.001)
        turns += 1
    assert turns > 3
    slow.close()


def test_made_passwords_differ_and_are_long():
    made = {make_password() for _ in range(100)}
    assert len(made) == 100
    assert all(len(password) == 23 for password in made)
    for password in made:
        judge(password, "admin")


@pytest.mark.parametrize("password", ["", "1234567", "x" * 129, "adminadmin", "abababab", "My-Admin-1"])
def test_a_weak_password_is_refused(password):
    with pytest.raises(Problem):
        judge(password, "admin")


class TestTheFirstAdministrator:
    async def test_is_made_once_with_a_password_shown_once(self):
        directory = Directory(Bus())
        await directory.open("memory:")
        password = await ensure_first_administrator(directory.accounts)
        assert password is not None
        user = directory.accounts.user("admin")
        assert user is not None and user.role == "administrator" and user.must_change
        passwords = cheap()
        assert await passwords.fits(password, user.password_hash)
        passwords.close()
        assert await ensure_first_administrator(directory.accounts) is None
        await directory.close()

    async def test_is_not_made_where_there_is_somebody(self):
        directory = Directory(Bus())
        await directory.open("memory:")
        await directory.accounts.add_user(User("wang", "administrator", "x", created_at=1.0))
        assert await ensure_first_administrator(directory.accounts) is None
        assert directory.accounts.user("admin") is None
        await directory.close()
