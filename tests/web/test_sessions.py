"""Logging in and out, and what ends with a session."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from registry.directory import Directory
from registry.events import Bus
from web.settings import WebSettings

PASSWORD = "three blue herons"
CAMERA = "34020000001320000001"


async def test_the_right_password_makes_a_session(house):
    await house.user("operator", "wang")
    client = house.stranger()
    status, said = await client.ask("POST", "/api/v1/session", {"name": "wang", "password": PASSWORD})
    assert status == 200
    assert said == {"user": {"name": "wang", "role": "operator", "must_change": False}}
    assert await client.get("/session") == said


async def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(house):
    await house.user("viewer")
    response = await house.stranger().raw("POST", "/api/v1/session", json={"name": "viewer", "password": PASSWORD})
    cookie = response.headers["Set-Cookie"]
    assert "HttpOnly" in cookie and "SameSite=Strict" in cookie and "Path=/" in cookie


PROXIED = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "6.6.6.6, 10.0.0.7"}


async def log_in_by_proxy(house) -> tuple[str, str]:
    """What the cookie says, and the address in the book."""
    await house.user("viewer")
    body = {"name": "viewer", "password": PASSWORD}
    response = await house.stranger().raw("POST", "/api/v1/session", json=body, headers=PROXIED)
    return response.headers["Set-Cookie"], (await house.accounts.audits(None, 1)).items[0].address


async def test_nobody_is_believed_to_be_a_proxy(house):
    cookie, address = await log_in_by_proxy(house)
    assert "Secure" not in cookie and address == "127.0.0.1"


class TestBehindATrustedProxy:
    @pytest.fixture
    def settings(self, settings: WebSettings) -> WebSettings:
        return replace(settings, trusted_proxies=("127.0.0.1",), public_origins=("https://video.example.cn",))

    async def test_the_cookie_is_secure_and_the_address_is_the_one_the_proxy_saw(self, house):
        cookie, address = await log_in_by_proxy(house)
        assert "Secure" in cookie and address == "10.0.0.7"

    async def test_our_public_origin_is_ours_and_others_are_not(self, house):
        operator = await house.person("operator")
        operator.session.headers.pop("Origin")
        for origin, status in (("https://video.example.cn", 404), ("https://evil.example.cn", 403)):
            path, body = "/api/v1/channels/a/b", {"name_here": "x"}
            response = await operator.raw("PATCH", path, json=body, headers={"Origin": origin})
            assert response.status == status


class TestOnDisk:
    @pytest.fixture
    def store(self, tmp_path: Path) -> str:
        return f"sqlite:///{tmp_path / 'lianwang.db'}"

    async def test_sessions_keys_and_the_book_outlive_a_restart(self, house, store):
        await house.user("operator", "wang")
        wang, program = await house.person("operator", "wang"), await house.program("viewer")
        token = next(iter(wang.session.cookie_jar)).value
        secret = program.session.headers["Authorization"].removeprefix("Bearer ")
        again = Directory(Bus())
        await again.open(store)
        user, key = await again.accounts.session(token), await again.accounts.key(secret)
        assert user is not None and user.name == "wang"
        assert key is not None and key.role == "viewer"
        assert [line.what for line in (await again.accounts.audits(None, 5)).items] == ["sessions.log_in"]
        await again.close()
        content = b"".join(path.read_bytes() for path in Path(store.removeprefix("sqlite:///")).parent.glob("*.db*"))
        for shown_once in (token, secret, PASSWORD):
            assert shown_once.encode() not in content


@pytest.mark.parametrize(
    "wrong",
    [
        {"public_origins": ("video.example.cn",)},
        {"public_origins": ("https://video.example.cn/",)},
        {"trusted_proxies": ("localhost",)},
    ],
)
def test_a_setting_that_cannot_be_names_itself(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        WebSettings(**wrong)


@pytest.mark.parametrize(("name", "password"), [("wang", "wrong"), ("nobody", PASSWORD), ("off", PASSWORD)])
async def test_a_wrong_name_and_a_wrong_password_sound_the_same(house, name, password):
    await house.user("operator", "wang")
    await house.user("operator", "off")
    await house.accounts.change_user("off", disabled=True)
    status, said = await house.stranger().ask("POST", "/api/v1/session", {"name": name, "password": password})
    assert (status, said["error"]["code"]) == (401, "wrong-password")


async def test_a_failed_log_in_is_in_the_book_without_a_password_typed_as_a_name(house):
    await house.user("operator", "wang")
    for name in ("wang", PASSWORD):
        await house.stranger().ask("POST", "/api/v1/session", {"name": name, "password": "x"})
    lines = (await house.accounts.audits(None, 10)).items
    assert [(line.target, line.result) for line in lines] == [("?", "wrong-password"), ("wang", "wrong-password")]


async def test_guessing_is_slowed_then_shut_and_written_down(house):
    await house.user("operator", "wang")
    guesser = house.stranger()
    codes = []
    for _ in range(6):
        status, said = await guesser.ask("POST", "/api/v1/session", {"name": "wang", "password": "guess"})
        codes.append((status, said["error"]["code"]))
    assert codes[:3] == [(401, "wrong-password")] * 3
    assert codes[3:] == [(429, "too-many-attempts")] * 3
    response = await guesser.raw("POST", "/api/v1/session", json={"name": "wang", "password": PASSWORD})
    assert response.status == 429 and int(response.headers["Retry-After"]) >= 1


async def test_an_address_that_guesses_many_names_is_shut_and_that_is_in_the_book(house):
    guesser = house.stranger()
    for n in range(42):
        status, said = await guesser.ask("POST", "/api/v1/session", {"name": f"name{n}", "password": "guess"})
    assert (status, said["error"]["code"]) == (429, "locked-out")
    results = [line.result for line in (await house.accounts.audits(None, 100)).items]
    assert results.count("locked-out") == 1


async def test_logging_out_ends_the_session_and_its_pictures(house):
    await house.camera()
    viewer = await house.person("viewer")
    await viewer.ask("POST", "/api/v1/live", {"owner": CAMERA, "channel": CAMERA})
    assert len(house.broker.leases) == 1
    cookies = {cookie.key: cookie.value for cookie in viewer.session.cookie_jar}
    assert (await viewer.ask("DELETE", "/api/v1/session"))[0] == 204
    assert house.broker.leases == {}
    assert not list(viewer.session.cookie_jar)
    thief = house.stranger()
    response = await thief.raw("GET", "/api/v1/session", cookies=cookies)
    assert response.status == 401


async def test_logging_in_again_ends_the_session_before(house):
    viewer = await house.person("viewer")
    old = {cookie.key: cookie.value for cookie in viewer.session.cookie_jar}
    await viewer.ask("POST", "/api/v1/session", {"name": "viewer", "password": PASSWORD})
    new = {cookie.key: cookie.value for cookie in viewer.session.cookie_jar}
    assert old != new
    assert (await house.stranger().raw("GET", "/api/v1/session", cookies=old)).status == 401
    assert (await house.stranger().raw("GET", "/api/v1/session", cookies=new)).status == 200


class TestChangingOnesPassword:
    NEW = "four red lanterns"

    async def test_ends_every_other_session_and_keeps_this_one(self, house):
        await house.camera()
        here = await house.person("operator", "wang")
        there = await house.person("operator", "wang")
        await here.ask("POST", "/api/v1/live", {"owner": CAMERA, "channel": CAMERA})
        await there.ask("POST", "/api/v1/live", {"owner": CAMERA, "channel": CAMERA})
        status, said = await here.ask("POST", "/api/v1/session/password", {"old": PASSWORD, "new": self.NEW})
        assert status == 204, said
        assert (await here.ask("GET", "/api/v1/session"))[0] == 200
        assert (await there.ask("GET", "/api/v1/session"))[0] == 401
        assert list(house.broker.leases) == ["lease-1"]  # the picture of this console goes on
        assert (await here.ask("DELETE", "/api/v1/live/lease-1"))[0] == 204

    async def test_clears_the_wish_for_a_change(self, house):
        await house.user("viewer", "wang")
        await house.accounts.change_user("wang", must_change=True)
        client = await house.person("viewer", "wang")
        assert (await client.get("/session"))["user"]["must_change"] is True
        await client.ask("POST", "/api/v1/session/password", {"old": PASSWORD, "new": self.NEW})
        assert (await client.get("/session"))["user"]["must_change"] is False

    @pytest.mark.parametrize(
        ("new", "code"),
        [
            ("short", "password-length"),
            ("wang-wang-wang", "password-weak"),
            ("aaaaaaaaaaaa", "password-weak"),
            (PASSWORD, "password-same"),
        ],
    )
    async def test_asks_for_a_good_one(self, house, new, code):
        client = await house.person("operator", "wang")
        status, said = await client.ask("POST", "/api/v1/session/password", {"old": PASSWORD, "new": new})
        assert (status, said["error"]["code"]) == (400, code)

    async def test_needs_the_old_one_and_may_not_be_guessed(self, house):
        client = await house.person("operator", "wang")
        codes = []
        for _ in range(5):
            _, said = await client.ask("POST", "/api/v1/session/password", {"old": "guess", "new": self.NEW})
            codes.append(said["error"]["code"])
        assert codes[0] == "wrong-password" and codes[-1] == "too-many-attempts"

    async def test_is_nothing_for_keys(self, house):
        program = await house.program("administrator")
        _, said = await program.ask("POST", "/api/v1/session/password", {"old": "a", "new": self.NEW})
        assert said["error"]["code"] == "wrong-proof"
