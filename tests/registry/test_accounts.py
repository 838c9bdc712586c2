"""Users, sessions that slide, keys for programs, and the book."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Protocol

import pytest

from registry.accounts import MOST_SESSIONS_OF_ONE, Accounts, User
from registry.directory import Directory
from registry.events import Bus
from registry.store.promise import Shelf

Urls = Callable[[], Awaitable[str]]

ADMIN = User("admin", "administrator", "$argon2id$...", must_change=True)
TTL_S = 600.0


class Clock(Protocol):
    now: float

    def __call__(self) -> float: ...


@pytest.fixture
async def accounts(directory: Directory) -> Accounts:
    await directory.accounts.add_user(ADMIN)
    return directory.accounts


async def test_users_come_change_and_go(accounts: Accounts, clock: Clock) -> None:
    assert accounts.user("admin") == replace(ADMIN, created_at=clock.now)
    with pytest.raises(ValueError, match="already"):
        await accounts.add_user(ADMIN)
    for name in ("", " admin", "a\nb", "x" * 65):
        with pytest.raises(ValueError, match="name"):
            await accounts.add_user(replace(ADMIN, name=name))
    changed = await accounts.change_user("admin", password_hash="new", must_change=False)
    assert (changed.password_hash, changed.must_change) == ("new", False)
    with pytest.raises(ValueError, match="no field"):
        await accounts.change_user("admin", name="root")
    with pytest.raises(LookupError):
        await accounts.change_user("nobody", role="viewer")
    await accounts.remove_user("admin")
    assert accounts.users() == ()
    with pytest.raises(LookupError):
        await accounts.remove_user("admin")


async def test_a_session_lives_as_long_as_it_is_used(accounts: Accounts, clock: Clock) -> None:
    token = await accounts.new_session("admin", "10.0.0.1", TTL_S)
    for _ in range(3):
        clock.now += TTL_S - 1
        user = await accounts.session(token)
        assert user is not None
        assert user.name == "admin"
    clock.now += TTL_S
    assert await accounts.session(token) is None
    clock.now -= TTL_S
    assert await accounts.session(token) is None


async def test_a_session_ends_when_told_or_when_its_user_is_disabled_or_gone(accounts: Accounts) -> None:
    async def new() -> str:
        return await accounts.new_session("admin", "", TTL_S)

    first, second, third = [await new() for _ in range(3)]
    await accounts.end_session(first)
    await accounts.end_session("never there")
    assert await accounts.session(first) is None
    await accounts.end_sessions_of("admin")
    assert await accounts.session(second) is None
    assert await accounts.session(third) is None
    fourth = await new()
    await accounts.change_user("admin", disabled=True)
    assert await accounts.session(fourth) is None
    await accounts.change_user("admin", disabled=False)
    fifth = await new()
    await accounts.remove_user("admin")
    assert await accounts.session(fifth) is None
    with pytest.raises(LookupError):
        await new()


async def test_the_sessions_of_one_user_are_bounded_and_the_stalest_ends(accounts: Accounts, clock: Clock) -> None:
    tokens = []
    for _ in range(MOST_SESSIONS_OF_ONE + 1):
        clock.now += 1
        tokens.append(await accounts.new_session("admin", "", TTL_S))
    assert await accounts.session(tokens[0]) is None
    assert await accounts.session(tokens[1]) is not None


async def test_a_key_opens_until_it_expires_or_is_removed(accounts: Accounts, clock: Clock) -> None:
    id, secret = await accounts.new_key("recorder", "viewer", expires=clock.now + 10)
    key = await accounts.key(secret)
    assert key is not None
    assert (key.id, key.role, key.last_used) == (id, "viewer", clock.now)
    assert await accounts.key("wrong") is None
    clock.now += 10
    assert await accounts.key(secret) is None
    other, secret = await accounts.new_key("script", "operator")
    assert [key.name for key in tuple(accounts.keys())] == ["recorder", "script"]
    await accounts.remove_key(other)
    assert await accounts.key(secret) is None
    with pytest.raises(LookupError):
        await accounts.remove_key(other)


async def test_no_token_or_secret_is_kept_in_the_clear(accounts: Accounts, directory: Directory) -> None:
    token = await accounts.new_session("admin", "", TTL_S)
    _, secret = await accounts.new_key("script", "operator")
    for shelf in Shelf:
        kept = repr(await directory._store.load(shelf))
        assert token not in kept
        assert secret not in kept


async def test_the_book_is_read_from_its_end(accounts: Accounts, clock: Clock) -> None:
    for number in range(3):
        clock.now += 1
        await accounts.audit("admin", "device-removed", f"d{number}", address="10.0.0.1")
    page = await accounts.audits(None, 2)
    assert [line.target for line in page.items] == ["d2", "d1"]
    assert [line.at for line in (await accounts.audits(page.next, 2)).items] == [clock.now - 2]
    with pytest.raises(ValueError, match="next"):
        await accounts.audits("soon", 2)


async def test_accounts_outlive_a_restart(new_url: Urls, clock: Clock) -> None:
    url = await new_url()
    if url == "memory:":
        return
    first = Directory(Bus(), clock=clock)
    await first.open(url)
    await first.accounts.add_user(ADMIN)
    token = await first.accounts.new_session("admin", "", TTL_S)
    old = await first.accounts.new_session("admin", "", 1.0)
    _, secret = await first.accounts.new_key("script", "operator")
    await first.accounts.change_setting("media-secret", "s3")
    await first.close()
    clock.now += 5
    second = Directory(Bus(), clock=clock)
    await second.open(url)
    assert (await second.accounts.session(token)) == second.accounts.user("admin")
    assert await second.accounts.session(old) is None
    assert await second.accounts.key(secret) is not None
    assert (second.accounts.setting("media-secret"), second.accounts.setting("other")) == ("s3", None)
    await second.close()


async def test_what_the_book_does_not_take_can_be_asked_for_again_and_does_not_come_back(
    accounts: Accounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = await accounts.new_session("admin", "10.0.0.1", TTL_S)
    key, secret = await accounts.new_key("a program", "viewer")
    remove = accounts._remove

    async def breaks(shelf: Shelf, keys: list[str]) -> None:
        raise OSError("the database is gone")

    monkeypatch.setattr(accounts, "_remove", breaks)
    for wish in (accounts.remove_key(key), accounts.remove_user("admin"), accounts.end_session(token)):
        with pytest.raises(OSError, match="the database"):
            await wish
    assert accounts.user("admin") is not None and await accounts.key(secret) is not None
    assert await accounts.session(token) is None, "that is over at once"
    monkeypatch.setattr(accounts, "_remove", remove)
    await accounts.remove_key(key)
    await accounts.close()
    again = Accounts(accounts._store)
    await again.open()
    assert (await again.session(token), await again.key(secret)) == (None, None)
    await accounts.remove_user("admin")
