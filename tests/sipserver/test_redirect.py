"""Spreading registrations over servers."""

from __future__ import annotations

from collections import Counter

import pytest

from sipserver.below.redirect import Redirect, Server

SERVERS = [Server(f"3402000000200000000{number}", f"10.0.0.{number}", 5060) for number in (2, 3, 4)]
CODES = [f"3402000000132{number:07d}" for number in range(3_000)]


def test_devices_are_spread_evenly_and_each_always_goes_to_the_same():
    redirect = Redirect(SERVERS)
    where = {code: redirect.server_for(code, 0.0) for code in CODES}
    counts = Counter(where.values())
    assert all(900 < counts[server] < 1100 for server in SERVERS)
    again = Redirect(SERVERS)
    assert {code: again.server_for(code, 0.0) for code in CODES} == where


def test_when_a_server_fails_only_its_own_devices_move():
    redirect = Redirect(SERVERS)
    before = {code: redirect.server_for(code, 0.0) for code in CODES}
    redirect.heard(SERVERS[1], answers=False)
    after = {code: redirect.server_for(code, 1_000.0) for code in CODES}
    assert all(after[code] == before[code] for code in CODES if before[code] != SERVERS[1])
    assert SERVERS[1] not in after.values()


def test_a_device_that_comes_back_soon_is_sent_to_the_next_and_at_last_taken_here():
    redirect = Redirect(SERVERS, back_within_s=300)
    tried = [redirect.server_for(CODES[0], at) for at in (0.0, 10.0, 20.0)]
    assert set(tried) == set(SERVERS)
    assert redirect.server_for(CODES[0], 30.0) is None
    assert redirect.kept == 1
    assert redirect.server_for(CODES[0], 40.0) == tried[0]


def test_one_that_comes_back_much_later_goes_where_it_went():
    redirect = Redirect(SERVERS, back_within_s=300)
    assert redirect.server_for(CODES[0], 0.0) == redirect.server_for(CODES[0], 301.0)


def test_only_those_are_sent_on_who_are_meant():
    redirect = Redirect(SERVERS, prefixes=("3402000000132",))
    assert redirect.server_for(CODES[0], 0.0) is not None
    assert redirect.server_for("34020000002000000009", 0.0) is None
    assert Redirect([]).server_for(CODES[0], 0.0) is None


def test_with_no_server_there_a_device_stays_here():
    redirect = Redirect(SERVERS)
    for server in SERVERS:
        redirect.heard(server, answers=False)
    assert redirect.server_for(CODES[0], 0.0) is None


def test_a_server_is_read_with_its_code_host_and_port():
    assert Server.parse("34020000002000000002@[fd00::2]:5060").uri == "sip:34020000002000000002@[fd00::2]:5060"


@pytest.mark.parametrize(
    "text", ["", "10.0.0.2:5060", "3402@10.0.0.2:5060", "34020000002000000002@10.0.0.2", "34020000002000000002@h:0"]
)
def test_what_is_no_server_is_refused(text: str):
    with pytest.raises(ValueError):
        Server.parse(text)
