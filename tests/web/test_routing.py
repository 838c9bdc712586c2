"""Every route is shut unless its declaration opens it, and only for whom it says."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest
import yarl

from web.auth import Role
from web.server import ROUTES
from web.settings import WebSettings
from web.static import ConsoleFiles

OPEN_TO_ALL = {("GET", "/healthz"), ("POST", "/api/v1/session"), ("GET", "/{path}")}
METHODS = ("GET", "POST", "PATCH", "DELETE")


def every_route(app: Any) -> list[tuple[str, str]]:
    """(method, address pattern) of all that the application answers, whoever added it."""
    return sorted((route.method, route.resource.canonical) for route in app.router.routes())


BY_A_SECRET_IN_THE_ADDRESS = {
    ("GET", "/hls/{token}/{name}"),  # a phone's player shows no cookie
    ("GET", "/firmware/{token}"),  # devices fetch their upgrade
    ("POST", "/snap/{token}"),  # and send the pictures they were asked for
    ("PUT", "/snap/{token}"),
    ("POST", "/snap/{token}/{name}"),
    ("PUT", "/snap/{token}/{name}"),
}
"""Where whoever does not know the secret finds nothing."""


def address(pattern: str) -> str:
    """An address a pattern takes."""
    while "{" in pattern:
        before, _, rest = pattern.partition("{")
        pattern = before + "x" + rest.partition("}")[2]
    return pattern


async def test_nobody_comes_in_without_a_credential(house):
    stranger = house.stranger(Origin=house.base)
    walked = set()
    for method, pattern in every_route(house.app):
        if (method, pattern) in OPEN_TO_ALL:
            continue
        for verb in METHODS if method == "*" else (method,):
            body = {} if verb in ("POST", "PATCH") else None
            response = await stranger.raw(verb, address(pattern), json=body)
            is_secret = (verb if verb != "HEAD" else "GET", pattern) in BY_A_SECRET_IN_THE_ADDRESS
            assert response.status == (404 if is_secret else 401), (verb, pattern)
            if verb != "HEAD" and not is_secret:
                assert (await response.json())["error"]["code"] == "not-authenticated"
            walked.add((method, pattern))
    assert walked | OPEN_TO_ALL == set(every_route(house.app))
    assert len(walked) > 35


async def test_the_open_list_is_open_and_no_longer_than_it_says(house):
    stranger = house.stranger()
    assert (await stranger.ask("GET", "/healthz"))[0] == 200
    assert (await stranger.ask("GET", "/"))[0] == 200
    assert (await stranger.ask("POST", "/api/v1/session", {"name": "x", "password": "y"}))[1]["error"][
        "code"
    ] == "wrong-password"
    by_secret = {(route.method, route.path) for route in ROUTES if route.public and route.action != "sessions.log_in"}
    assert by_secret == BY_A_SECRET_IN_THE_ADDRESS - {("GET", "/firmware/{token}")}  # which is no route of the API


@pytest.mark.parametrize("showing", ["nonsense", "expired-cookie", "empty-bearer", "basic", "long"])
async def test_a_false_credential_is_none(house, showing):
    headers = {
        "nonsense": {"Authorization": "Bearer nonsense"},
        "expired-cookie": {"Cookie": "lianwang=0123456789abcdef"},
        "empty-bearer": {"Authorization": "Bearer "},
        "basic": {"Authorization": "Basic YWRtaW46YWRtaW4="},
        "long": {"Authorization": "Bearer " + "x" * 5000},
    }[showing]
    status, said = await house.stranger(**headers).ask("GET", "/api/v1/tree")
    assert (status, said["error"]["code"]) == (401, "not-authenticated")


async def test_a_false_key_beside_a_good_cookie_is_refused(house):
    viewer = await house.person("viewer")
    response = await viewer.raw("GET", "/api/v1/tree", headers={"Authorization": "Bearer nonsense"})
    assert response.status == 401


@pytest.mark.parametrize("role", ["viewer", "operator"])
async def test_a_role_opens_its_own_routes_and_no_higher_ones(house, role):
    asker = await house.program(role)
    mine = Role.of(role)
    forbidden = 0
    for route in ROUTES:
        if route.public or route.streams:
            continue
        body = {} if route.body is not None else None
        status, said = await asker.ask(route.method, address(route.path), body)
        if route.role > mine:
            assert (status, said["error"]["code"]) == (403, "forbidden"), route.action
            assert said["error"]["details"] == {"needs": route.role.word, "has": role}
            forbidden += 1
        else:
            assert status != 401 and (status != 403 or said["error"]["code"] == "wrong-proof"), (route.action, said)
    assert forbidden >= 12


def test_no_write_but_watching_and_ones_own_session_is_open_to_viewers():
    open_writes = {route.action for route in ROUTES if route.is_write and route.role is Role.VIEWER}
    assert open_writes == {
        "sessions.log_out",
        "sessions.change_password",
        "live.watch",
        "live.leave",
        "whep.whep",  # which is watching, too
        "whep.offer",
    }


def test_a_route_that_says_nothing_of_roles_is_for_administrators():
    by_default = {route.action: route.role for route in ROUTES if route.tag in ("users", "keys", "audits")}
    assert by_default and set(by_default.values()) == {Role.ADMINISTRATOR}


async def test_an_unknown_address_is_told_to_those_who_may_come_in_only(house):
    assert (await house.stranger().ask("GET", "/api/v1/secrets"))[0] == 401
    viewer = await house.person("viewer")
    status, said = await viewer.ask("GET", "/api/v1/secrets")
    assert (status, said["error"]["code"]) == (404, "not-found")
    assert (await viewer.ask("DELETE", "/api/v1/tree"))[0] == 405


class TestWritesByCookie:
    """A page of another site cannot write in an operator's name."""

    BODY: ClassVar = {"name_here": "x"}
    PATH = "/api/v1/channels/a/b"

    @pytest.mark.parametrize(
        "headers",
        [
            {"Origin": "https://evil.example"},
            {"Origin": "null"},
            {"Sec-Fetch-Site": "cross-site"},
            {"Sec-Fetch-Site": "same-site"},
            {"Sec-Fetch-Site": "none"},
            {"Origin": "http://127.0.0.1:1"},
            {"Origin": "http://[broken"},
        ],
    )
    async def test_from_elsewhere_are_refused(self, house, headers):
        operator = await house.person("operator")
        operator.session.headers.pop("Origin")
        response = await operator.raw("PATCH", self.PATH, json=self.BODY, headers=headers)
        assert response.status == 403
        assert (await response.json())["error"]["code"] == "foreign-origin"

    async def test_that_do_not_say_whence_are_refused(self, house):
        operator = await house.person("operator")
        operator.session.headers.pop("Origin")
        assert (await operator.raw("PATCH", self.PATH, json=self.BODY)).status == 403

    @pytest.mark.parametrize("by", ["origin", "fetch-site"])
    async def test_from_our_own_page_pass(self, house, by):
        operator = await house.person("operator")
        operator.session.headers.pop("Origin")
        headers = {"Origin": house.base} if by == "origin" else {"Sec-Fetch-Site": "same-origin"}
        response = await operator.raw("PATCH", self.PATH, json=self.BODY, headers=headers)
        assert response.status == 404  # past the guard: there is no such channel

    async def test_by_key_need_no_origin(self, house):
        program = await house.program("operator")
        assert (await program.ask("PATCH", self.PATH, self.BODY))[0] == 404

    async def test_log_in_from_another_site_is_refused(self, house):
        await house.user("viewer")
        attacker = house.stranger(Origin="https://evil.example")
        status, said = await attacker.ask("POST", "/api/v1/session", {"name": "viewer", "password": "x"})
        assert (status, said["error"]["code"]) == (403, "foreign-origin")

    async def test_the_refusal_is_in_the_book(self, house):
        operator = await house.person("operator")
        operator.session.headers.pop("Origin")
        await operator.raw("PATCH", self.PATH, json=self.BODY, headers={"Origin": "https://evil.example"})
        page = await house.accounts.audits(None, 10)
        assert [(line.what, line.result) for line in page.items][:1] == [("channels.rename", "foreign-origin")]


class TestBodies:
    @pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
    async def test_that_are_not_json_are_refused(self, house, kind):
        program = await house.program("administrator")
        response = await program.raw("POST", "/api/v1/users", data=b"{}", headers={"Content-Type": kind})
        assert response.status == 415

    @pytest.mark.parametrize("data", [b"", b"{", b"[]", b'{"name": 7}', b'\xff\xfe{"a":1}', b"[" * 50_000])
    async def test_that_make_no_sense_are_refused(self, house, data):
        program = await house.program("administrator")
        response = await program.raw("POST", "/api/v1/users", data=data, headers={"Content-Type": "application/json"})
        assert response.status == 400
        assert (await response.json())["error"]["code"] in ("invalid", "not-json")

    async def test_with_unknown_fields_are_refused(self, house):
        program = await house.program("administrator")
        status, said = await program.ask("POST", "/api/v1/keys", {"name": "x", "rolle": "viewer"})
        assert (status, said["error"]["code"]) == (400, "invalid")
        assert "rolle" in said["error"]["message"]

    async def test_that_are_too_large_are_refused(self, house, settings):
        program = await house.program("administrator")
        body = {"name": "x" * settings.largest_body}
        status, said = await program.ask("POST", "/api/v1/keys", body)
        assert (status, said["error"]["code"]) == (413, "too-large")

    async def test_that_never_end_are_given_up(self, house):
        program = await house.program("administrator")

        async def drip():
            yield b"{"
            await asyncio.sleep(30)

        response = await program.raw("POST", "/api/v1/keys", data=drip(), headers={"Content-Type": "application/json"})
        assert (await response.json())["error"]["code"] == "body-too-slow"

    @pytest.fixture
    def settings(self, settings: WebSettings) -> WebSettings:
        return replace(settings, body_patience_s=0.3)


@pytest.mark.parametrize("head", ["Content-Length: 100", "Transfer-Encoding: chunked"])
async def test_who_hangs_up_in_the_middle_of_a_body_fills_no_log(house, head, caplog):
    _, secret = await house.accounts.new_key("one that hangs up", "administrator")
    _, writer = await asyncio.open_connection("127.0.0.1", house.port)
    said = f"POST /api/v1/keys HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {secret}\r\n"
    said += "Content-Type: application/json\r\n"
    writer.write(f"{said}{head}\r\n\r\n2\r\n{{".encode())
    await writer.drain()
    await asyncio.sleep(0.1)
    writer.transport.abort()
    async with asyncio.timeout(5):
        while not (lines := (await house.accounts.audits(None, 1)).items):
            await asyncio.sleep(0.01)
    assert lines[0].result == "hung-up"
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=1001", "limit=many", "limit=1&limit=2", "nodes=x", "limit=-173.5", "node=" + "x" * 300],
)
async def test_a_query_that_makes_no_sense_is_refused(house, query):
    viewer = await house.person("viewer")
    status, said = await viewer.ask("GET", f"/api/v1/tree?{query}")
    assert (status, said["error"]["code"]) == (400, "invalid")


async def test_a_path_argument_too_long_is_refused(house):
    viewer = await house.person("viewer")
    assert (await viewer.ask("GET", "/api/v1/devices/" + "3" * 100))[0] == 400


async def test_every_answer_carries_the_security_headers(house):
    viewer = await house.person("viewer")
    stranger = house.stranger()
    for client, path in [(viewer, "/api/v1/tree"), (stranger, "/api/v1/tree"), (stranger, "/"), (stranger, "/healthz")]:
        headers = (await client.raw("GET", path)).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["X-Frame-Options"] == "DENY"
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert "unsafe-eval" not in headers["Content-Security-Policy"]
        assert "Access-Control-Allow-Origin" not in headers
        assert "Server" not in headers


async def test_the_consoles_policy_lets_it_play_and_nothing_foreign_in(house):
    policy = (await house.stranger().raw("GET", "/")).headers["Content-Security-Policy"]
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["script-src"] == "'self'"
    assert rules["media-src"] == "'self' blob:"
    place = house.base.removeprefix("http://")
    assert rules["connect-src"] == f"'self' ws://{place} wss://{place}"


async def test_the_consoles_policy_names_the_media_hosts_that_are_there_and_only_them(house):
    place = house.base.removeprefix("http://")
    house.media_bases += ["http://10.0.0.7:8089", "https://media.test:8443"]
    policy = (await house.stranger().raw("GET", "/")).headers["Content-Security-Policy"]
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    hosts = "http://10.0.0.7:8089 ws://10.0.0.7:8089 https://media.test:8443 wss://media.test:8443"
    assert rules["connect-src"] == f"'self' ws://{place} wss://{place} {hosts}"
    house.media_bases.clear()
    assert "10.0.0.7" not in (await house.stranger().raw("GET", "/")).headers["Content-Security-Policy"]


async def test_a_strange_host_header_gets_into_no_policy(house):
    response = await house.stranger().raw("GET", "/", headers={"Host": "a b;script-src *"})
    assert "script-src *" not in response.headers.get("Content-Security-Policy", "")


async def test_api_answers_are_kept_by_nobody(house):
    viewer = await house.person("viewer")
    assert (await viewer.raw("GET", "/api/v1/tree")).headers["Cache-Control"] == "no-store"


class TestMedia:
    async def test_without_a_signature_is_shut(self, house):
        for query in ("", "?e=1", "?s=right", "?e=&s="):
            assert (await house.stranger().ask("GET", "/media/i1/o1.mp4" + query))[0] == 401

    async def test_with_a_wrong_signature_is_shut_by_the_plane(self, house):
        assert (await house.stranger().ask("GET", "/media/i1/o1.mp4?e=1&s=wrong"))[0] == 401

    async def test_with_the_right_one_plays_without_a_session(self, house):
        response = await house.stranger().raw("GET", "/media/i1/o1.mp4?e=1&s=right")
        assert (response.status, await response.read()) == (200, b"pictures")


class TestAudit:
    async def test_every_write_is_in_the_book(self, house):
        boss = await house.person("administrator")
        await boss.ask("POST", "/api/v1/keys", {"name": "map wall"})
        await boss.ask("DELETE", "/api/v1/users/nobody")
        await boss.ask("POST", "/api/v1/users", {"name": "li", "role": "viewer", "password": "short"})
        lines = (await boss.get("/audit"))["items"]
        assert [(line["who"], line["what"], line["target"], line["result"]) for line in lines] == [
            ("administrator", "users.add", "li", "password-length"),
            ("administrator", "users.remove", "nobody", "unknown-user"),
            ("administrator", "keys.make", "map wall", "ok"),
            ("administrator", "sessions.log_in", "administrator", "ok"),
        ]
        assert {line["address"] for line in lines} == {"127.0.0.1"}

    async def test_a_write_above_ones_role_is_in_the_book(self, house):
        viewer = await house.person("viewer")
        await viewer.ask("DELETE", "/api/v1/devices/34020000001320000001")
        line = (await house.accounts.audits(None, 1)).items[0]
        assert (line.who, line.what, line.target, line.result) == (
            "viewer",
            "devices.remove",
            "34020000001320000001",
            "forbidden",
        )

    async def test_reading_is_not(self, house):
        viewer = await house.person("viewer")
        before = len((await house.accounts.audits(None, 100)).items)
        await viewer.get("/tree")
        assert len((await house.accounts.audits(None, 100)).items) == before


class TestConsoleFiles:
    async def test_its_own_pages_are_all_the_index(self, house):
        for path in ("/", "/wall", "/devices/34020000001320000001"):
            response = await house.stranger().raw("GET", path)
            assert response.status == 200 and "console" in await response.text()
            assert response.headers["Cache-Control"] == "no-cache"

    async def test_hashed_files_may_be_kept_for_ever(self, house):
        response = await house.stranger().raw("GET", "/assets/index-abc123.js")
        assert "immutable" in response.headers["Cache-Control"]
        assert response.content_type in ("text/javascript", "application/javascript")

    @pytest.mark.parametrize(
        "path",
        [
            "/assets/gone.js",
            "/secret.txt",
            "/..%2f..%2fetc/passwd",
            "/%2e%2e/%2e%2e/etc/passwd",
            "/assets/..%2f..%2fsecret.txt",
            "//etc/passwd",
            "/assets/%00",
            "/media/i1/o1.mp4/x",
            "/.git/config",
        ],
    )
    async def test_nothing_but_its_files_is_served(self, house, settings, path):
        (settings.console.parent / "secret.txt").write_text("a secret")
        (settings.console / ".git").mkdir(exist_ok=True)
        (settings.console / ".git" / "config").write_text("a secret")
        async with house.stranger().session.get(yarl.URL(house.base + path, encoded=True)) as response:
            said = await response.text()
        assert "secret" not in said and "root:" not in said
        assert response.status in (401, 404)

    async def test_a_link_out_of_the_folder_is_not_followed(self, house, settings, tmp_path: Path):
        (tmp_path / "secret.txt").write_text("a secret")
        (settings.console / "link.txt").symlink_to(tmp_path / "secret.txt")
        assert "link.txt" not in ConsoleFiles(settings.console)._files

    async def test_a_console_not_built_says_how_to_build_it(self, tmp_path: Path):
        response = await ConsoleFiles(tmp_path / "nowhere").serve(SimpleNamespace(match_info={"path": ""}))  # type: ignore[arg-type]
        assert response.status == 503
        assert "make" in response.text  # type: ignore[attr-defined]
