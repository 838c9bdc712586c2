"""What went wrong is told once, with a key a console can translate, and nothing of our inside."""

from __future__ import annotations

import logging

import msgspec
import pytest
from aiohttp import web

from broker.watch import Seen, WatchFailed
from gb28181.peer import Hop, PeerError, PeerOffline, PeerRefused, PeerSilent
from media.plane import Verdict
from web.errors import Problem, answer, translate

HOPS = (Hop("34020000001320000001", "INVITE", 486, "Busy Here"),)


def told(error: Exception) -> dict:
    return msgspec.json.decode(answer(translate(error)).body)["error"]


def test_a_failed_watch_tells_its_hops_and_what_was_seen():
    seen = Seen(Verdict.OTHER_SSRC, packets=40, bytes=9000, sources=("10.0.0.64:15060",), ssrcs=(7,), note="x")
    error = WatchFailed("no picture", code="no-media", status=504, hops=HOPS, seen=seen, call_id="call-1")
    problem = translate(error)
    assert problem.status == 504
    said = told(error)
    assert said["code"] == "no-media" and said["message"] == "no picture"
    assert said["details"]["hops"] == [
        {"who": "34020000001320000001", "what": "INVITE", "status": 486, "reason": "Busy Here"}
    ]
    assert said["details"]["seen"]["verdict"] == "other-ssrc"
    assert said["details"]["seen"]["sources"] == ["10.0.0.64:15060"]
    assert (said["details"]["status"], said["details"]["call_id"]) == (504, "call-1")


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (PeerOffline("x is not online"), 409, "device-offline"),
        (PeerSilent("x did not answer", hops=HOPS), 504, "device-silent"),
        (PeerRefused("x refused", status=403, reason="Forbidden", hops=HOPS), 502, "device-refused"),
        (PeerError("x failed"), 502, "device-failed"),
        (WatchFailed("refused", code="device-refused", status=486), 502, "device-refused"),
        (WatchFailed("not PS", code="no-media", status=488), 502, "no-media"),
        (WatchFailed("unknown", code="unknown-channel", status=404), 404, "unknown-channel"),
        (WatchFailed("offline", code="device-offline", status=480), 409, "device-offline"),
        (WatchFailed("full", code="no-capacity", status=503), 503, "no-capacity"),
        (WatchFailed("silent", code="device-silent", status=408), 504, "device-silent"),
        (KeyError("x"), 404, "not-found"),
        (LookupError("x"), 404, "not-found"),
        (ValueError("a code has 20 digits"), 400, "invalid"),
        (web.HTTPRequestEntityTooLarge(1, 2), 413, "too-large"),
        (web.HTTPMethodNotAllowed("PUT", ["GET"]), 405, "method-not-allowed"),
        (Problem(418, "teapot", "short and stout"), 418, "teapot"),
    ],
)
def test_each_kind_of_error_has_its_status_and_key(error, status, code):
    problem = translate(error)
    assert (problem.status, problem.code) == (status, code)


def test_a_refusal_tells_what_the_device_said():
    said = told(PeerRefused("x refused", status=403, reason="Forbidden", hops=HOPS))
    assert said["details"] == {
        "hops": [{"who": "34020000001320000001", "what": "INVITE", "status": 486, "reason": "Busy Here"}],
        "status": 403,
        "reason": "Forbidden",
    }


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("password=secret at /srv/house/registry.py"),
        IndexError("secret"),
        AttributeError("secret"),
        OSError(2, "secret", "/etc/secret"),
    ],
)
def test_what_nobody_foresaw_is_logged_whole_and_told_as_nothing(error, caplog):
    with caplog.at_level(logging.ERROR):
        said = told(error)
    assert said == {"code": "internal", "message": "Something failed on our side; the log has it.", "details": {}}
    assert "secret" in caplog.text


def test_a_lookup_error_tells_nothing_of_what_was_looked_up():
    assert "secret" not in str(told(KeyError("secret")))


async def test_a_fault_in_a_route_is_a_500_with_our_headers_and_no_traceback(house):
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("secret")

    viewer = await house.person("viewer")
    house.directory.children = fail
    response = await viewer.raw("GET", "/api/v1/tree")
    text = await response.text()
    assert response.status == 500 and "secret" not in text and "Traceback" not in text
    assert response.headers["X-Content-Type-Options"] == "nosniff"


async def test_a_fault_in_a_write_is_in_the_book(house):
    async def fail(*_: object, **__: object) -> None:
        raise RuntimeError("secret")

    boss = await house.program("administrator")
    house.directory.accounts.new_key = fail
    assert (await boss.ask("POST", "/api/v1/keys", {"name": "x"}))[0] == 500
    line = (await house.accounts.audits(None, 1)).items[0]
    assert (line.what, line.result) == ("keys.make", "internal")
