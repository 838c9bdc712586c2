"""Whatever nonsense comes in, the answer is an answer: never a 500, never a hang, never our inside."""

from __future__ import annotations

import random
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from web.auth import _place
from web.server import ROUTES
from web.throttle import Throttle
from web.views import without_secrets

CAMERA = "34020000001320000001"
TEXTS = [
    "",
    "x",
    CAMERA,
    "0" * 20,
    "北门",
    "\x00",
    "a" * 300,
    "../..",
    "%2e%2e",
    "' or 1=1 --",
    "\ud7ff",
    "device:" + CAMERA,
]
NUMBERS = [0, -1, 1, 7, 2**31, 2**63, -(2**70), 1.5, -173.0, 1e308]
OTHERS: list[Any] = [None, True, [], {}, [[]], {"a": {"b": []}}, ["x"] * 50]


def some_body(route: Any, chance: random.Random) -> Any:
    """Fields that exist and some that do not, with values that mostly do not fit."""
    fields = [*route.body.__struct_fields__, "odd"]
    said = {name: chance.choice(TEXTS + NUMBERS + OTHERS) for name in fields if chance.random() < 0.7}
    return said if chance.random() < 0.9 else chance.choice(TEXTS + NUMBERS + OTHERS)


def some_address(route: Any, chance: random.Random) -> str:
    path = "/".join(
        quote(chance.choice(TEXTS[1:]), safe="") if step.startswith("{") else step for step in route.path.split("/")
    )
    if route.query is None or chance.random() < 0.3:
        return path
    given = [
        f"{name}={quote(str(chance.choice(TEXTS + NUMBERS)), safe='')}"
        for name in route.query.__struct_fields__
        if chance.random() < 0.6
    ]
    return path + "?" + "&".join(given)


@pytest.mark.parametrize("seed", range(6))
async def test_no_nonsense_makes_the_server_fail(house, seed):
    peer = await house.camera()
    peer.answer = object()
    program = await house.program("administrator")
    chance = random.Random(seed)
    for route in ROUTES:
        if route.streams:
            continue
        for _ in range(3):
            body = some_body(route, chance) if route.body is not None else None
            address = some_address(route, chance)
            response = await program.raw(route.method, address, json=body)
            assert response.status < 500, (route.action, address, body, await response.text())
            if response.status >= 400:
                error = (await response.json())["error"]
                assert error["code"] and error["message"] and "Traceback" not in str(error)


@given(st.text(max_size=80))
def test_any_origin_is_read_or_refused(origin):
    place = _place(origin)
    assert place is None or (place[0] and 0 <= place[1] <= 65535)


@given(st.text(max_size=400), st.text(alphabet="0123456789abcdef", min_size=16, max_size=32))
def test_any_message_is_shown_and_no_digest_answer_with_it(noise, answer):
    head = f'REGISTER sip:x SIP/2.0\r\nAuthorization: Digest username="u", response="{answer}"\r\n\r\n'
    assert f'response="{answer}"' not in without_secrets(head + noise)
    without_secrets(noise)


@given(
    st.lists(
        st.tuples(st.sampled_from(["wang", "li"]), st.sampled_from(["a", "b"]), st.floats(0, 2000), st.booleans()),
        max_size=60,
    )
)
def test_a_wait_always_ends(steps):
    throttle = Throttle()
    now = 0.0
    for name, address, passed, is_right in steps:
        now += passed
        attempt = throttle.attempt(name, address, now)
        assert 0.0 <= attempt.wait_s <= 900.0
        if attempt.wait_s == 0 and is_right:
            throttle.succeeded(name, address)
    assert throttle.attempt("wang", "a", now + 900.1).wait_s == 0
