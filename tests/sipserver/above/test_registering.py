"""Registering with platforms above over real sockets."""

from __future__ import annotations

import asyncio
import dataclasses
import time

import pytest

from gb28181.manscdp.keepalive import Keepalive
from registry.events import UpperChanged
from registry.platform import Upper
from sipserver.above.registration import Heard
from tests.sipserver.above.conftest import PASSWORD
from tests.sipserver.by_hand import Stranger, value_of

UPPER_CODE = "34010000002000000001"
OTHER_UPPER = "34000000002000000009"
OUR_CODE = "34010200002000000001"


@pytest.mark.parametrize(("algorithm", "qop"), [("MD5", None), ("MD5", "auth"), ("SHA-256", "auth"), ("SM3", "auth")])
@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_CAS_01_it_registers_with_digest_and_keeps_alive(
    make_upper, make_lower, until_true, algorithm: str, qop: str | None, transport: str
):
    upper = await make_upper(transport=transport)
    upper.algorithm, upper.qop = algorithm, qop
    house = await make_lower(upper.as_upper())
    await house.registered()
    assert upper.heard.registers == [(3600, False), (3600, True)]
    assert upper.heard.versions == ["3.0", "3.0"]
    assert upper.bindings[OUR_CODE].transport == transport.upper()
    house.pass_time(61)
    await until_true(lambda: upper.told(Keepalive))
    assert upper.told(Keepalive)[0].device == OUR_CODE
    await until_true(lambda: house.state().state == "registered")
    assert house.state().edition == "3.0" and house.state().address == f"127.0.0.1:{upper.stack.port}"


async def test_a_wrong_password_is_told_and_not_hammered(make_upper, make_lower, until_true):
    upper = await make_upper()
    upper.password = "another"
    house = await make_lower(upper.as_upper(), retry_s=30.0, retry_longest_s=60.0)
    await until_true(lambda: house.state().state == "refused")
    assert "password" in house.state().reason
    await asyncio.sleep(0.3)
    assert len(upper.heard.registers) == 2
    house.pass_time(31 * 1.1 + 1)
    await until_true(lambda: len(upper.heard.registers) == 4)


async def test_an_upper_that_does_not_answer_is_tried_again_with_a_growing_pause(make_upper, make_lower, until_true):
    upper = await make_upper()
    upper.is_silent = True
    house = await make_lower(upper.as_upper(), answer_s=0.15)
    await until_true(lambda: house.state().state == "lost")
    assert "did not answer" in house.state().reason
    upper.is_silent = False
    await house.registered()


async def test_REG_19_to_REG_21_a_redirection_is_followed_and_left_again(make_upper, make_lower, until_true):
    home, away = await make_upper(), await make_upper(OTHER_UPPER)
    home.redirects_to = away
    house = await make_lower(home.as_upper())
    await house.registered()
    assert OUR_CODE in away.bindings and OUR_CODE not in home.bindings
    await until_true(lambda: house.state().state == "redirected")
    assert house.state().address == f"127.0.0.1:{away.stack.port}"
    # Everything runs between us and that server now.
    house.pass_time(61)
    await until_true(lambda: away.told(Keepalive))
    # It goes: we begin again where we were sent from.
    away.message_status = 403
    home.redirects_to = None
    house.pass_time(61)
    await until_true(lambda: OUR_CODE in home.bindings)
    await house.registered()


async def test_KAL_04_silence_to_keepalives_loses_the_upper_stops_its_media_and_registers_again(joined, until_true):
    upper, house = await joined()
    upper.is_silent = True
    before = len(upper.heard.registers)
    for missed in range(3):
        house.pass_time(61)
        await until_true(
            lambda missed=missed: house.state().keepalives_missed > missed or not house.above.is_up(UPPER_CODE)
        )
    assert not house.above.is_up(UPPER_CODE)
    upper.is_silent = False
    await house.registered()
    assert len(upper.heard.registers) > before


async def test_an_upper_that_forgot_us_is_registered_with_at_once(joined, until_true):
    upper, house = await joined(retry_s=30.0, retry_longest_s=60.0, reconnect_s=30.0)
    before = len(upper.heard.registers)
    upper.message_status = 403
    house.pass_time(61)
    await until_true(lambda: len(upper.heard.registers) >= before + 2)


async def test_REG_14_REG_15_a_broken_connection_is_noticed_at_once_and_made_anew(joined, until_true):
    upper, house = await joined("tcp")
    before = len(upper.heard.registers)
    await upper.stack._tcp.close()
    upper.stack._tcp = None
    await until_true(lambda: not house.above.is_up(UPPER_CODE))
    assert "connection" in house.state().reason or house.state().state != "registered"
    assert len(upper.heard.registers) == before


async def test_REG_14_everything_uses_the_one_connection(joined, until_true):
    upper, house = await joined("tcp")
    house.pass_time(61)
    await until_true(lambda: upper.told(Keepalive))
    assert upper.stack.statistics().connections == 1


async def test_REG_06_it_leaves_with_expires_0_through_the_challenge(make_upper, make_lower):
    upper = await make_upper()
    house = await make_lower(upper.as_upper())
    await house.registered()
    await house.above.close()
    assert upper.heard.registers[-2:] == [(0, False), (0, True)]
    assert upper.bindings == {}


async def test_two_uppers_at_once_have_codes_charsets_and_editions_of_their_own(make_upper, make_lower, until_true):
    new, old = await make_upper(), await make_upper(OTHER_UPPER, transport="tcp", edition="2.0")
    old.lower = "34019900002000000077"
    house = await make_lower(new.as_upper(), old.as_upper(our_code=old.lower, user="county"))
    await house.registered()
    await house.registered(OTHER_UPPER)
    assert list(new.bindings) == [OUR_CODE] and list(old.bindings) == [old.lower]
    assert old.heard.versions[0] == "2.0"
    house.pass_time(61)
    await until_true(lambda: old.told(Keepalive) and new.told(Keepalive))
    assert old.told(Keepalive)[0].device == old.lower
    assert b'encoding="GB2312"' in old.heard.bodies[0] and b'encoding="GB18030"' in new.heard.bodies[0]


async def test_the_lower_of_two_editions_is_spoken(make_upper, make_lower, until_true):
    upper = await make_upper(edition="2.0")
    house = await make_lower(upper.as_upper(edition="3.0"))
    await house.registered()
    house.pass_time(61)
    await until_true(lambda: upper.heard.bodies)
    assert b'encoding="GB2312"' in upper.heard.bodies[0]


async def test_an_edit_of_its_name_leaves_the_link_standing_and_one_of_its_password_does_not(joined, until_true):
    upper, house = await joined()
    before = len(upper.heard.registers)
    known = house.uppers.known
    known[UPPER_CODE] = dataclasses.replace(known[UPPER_CODE], name="another name", push_alarms=False)
    house.bus.tell(UpperChanged(UPPER_CODE))
    await asyncio.sleep(0.1)
    assert len(upper.heard.registers) == before and house.above.is_up(UPPER_CODE)
    known[UPPER_CODE] = dataclasses.replace(known[UPPER_CODE], expires_s=7200)
    house.bus.tell(UpperChanged(UPPER_CODE))
    await until_true(lambda: (7200, True) in upper.heard.registers)
    assert (0, True) in upper.heard.registers


async def test_an_upper_is_added_disabled_and_removed_while_the_house_runs(make_upper, make_lower, until_true):
    upper = await make_upper()
    house = await make_lower()
    house.uppers.known[UPPER_CODE] = upper.as_upper()
    house.bus.tell(UpperChanged(UPPER_CODE))
    await house.registered()
    house.uppers.known[UPPER_CODE] = upper.as_upper(enabled=False)
    house.bus.tell(UpperChanged(UPPER_CODE))
    await until_true(lambda: house.state().state == "disabled")
    assert upper.bindings == {}
    house.uppers.known[UPPER_CODE] = upper.as_upper()
    house.bus.tell(UpperChanged(UPPER_CODE))
    await house.registered()
    del house.uppers.known[UPPER_CODE]
    house.bus.tell(UpperChanged(UPPER_CODE))
    await until_true(lambda: upper.bindings == {} and not house.above.is_up(UPPER_CODE))


async def test_a_name_is_resolved_and_an_unknown_one_is_told(make_upper, make_lower, until_true):
    upper = await make_upper()
    house = await make_lower(upper.as_upper(host="localhost"))
    await house.registered()
    other = await make_lower(upper.as_upper(host="no-such-host.invalid"))
    await until_true(lambda: other.state().state == "lost")
    assert other.state().reason


async def test_an_upper_by_IPv6_is_reached_from_a_house_that_listens_on_IPv4(make_upper, make_lower):
    upper = await make_upper(host="::1")
    house = await make_lower(upper.as_upper(host="::1"))
    await house.registered()
    assert ":" in upper.bindings[OUR_CODE].remote[0]


@pytest.mark.parametrize("host", ["::1", "::"])
async def test_an_upper_by_IPv4_is_reached_from_a_house_that_listens_on_IPv6(make_upper, make_lower, host: str):
    upper = await make_upper()
    house = await make_lower(upper.as_upper(), host=host)
    await house.registered()
    assert upper.bindings[OUR_CODE].remote[0] == "127.0.0.1"


async def test_of_two_uppers_at_one_address_the_other_stays_known_there_when_one_is_lost(
    make_upper, make_lower, until_true
):
    upper = await make_upper()
    house = await make_lower(upper.as_upper(), upper.as_upper(code=OTHER_UPPER))
    await house.registered()
    await house.registered(OTHER_UPPER)
    lost = house.above._liaisons[OTHER_UPPER]
    path = lost.way.path
    upper.is_silent = True
    lost.agent.heard(Heard.GONE, "it took no page")
    await until_true(lambda: not lost.is_up)
    assert house.above.at(path) == (upper.code,)


async def test_an_upper_may_want_another_local_address(make_upper, make_lower):
    upper = await make_upper(host="0.0.0.0")
    house = await make_lower(upper.as_upper(local_host="127.0.0.7"))
    await house.registered()
    assert upper.bindings[OUR_CODE].remote[0] == "127.0.0.7"


async def test_the_connect_test_tells_what_the_other_side_answered(make_upper, make_lower):
    upper = await make_upper()
    house = await make_lower()
    report = await house.above.test(upper.as_upper())
    assert report.ok and report.said_version == "3.0" and report.said_realm == UPPER_CODE[:10]
    assert [(step.what, step.status) for step in report.steps] == [
        ("find", 200),
        ("REGISTER", 401),
        ("REGISTER with password", 200),
        ("Keepalive", 200),
        ("REGISTER, Expires 0", 401),
        ("REGISTER with password, Expires 0", 200),
    ]
    assert upper.bindings == {}
    wrong = await house.above.test(upper.as_upper(password="x"))
    assert not wrong.ok and [step.status for step in wrong.steps] == [200, 401, 401]
    upper.register_status = 404
    unknown = await house.above.test(upper.as_upper())
    assert not unknown.ok and unknown.steps[-1].status == 404
    upper.is_silent = True
    silent = await house.above.test(upper.as_upper())
    assert not silent.ok and silent.steps[-1].status == 0


async def test_the_connect_test_finds_out_a_redirection_and_what_the_other_calls_itself(make_upper, make_lower):
    home, away = await make_upper(), await make_upper(OTHER_UPPER)
    home.redirects_to = away
    house = await make_lower()
    report = await house.above.test(home.as_upper())
    assert report.ok and report.said_code == OTHER_UPPER


async def test_a_test_of_an_upper_in_use_leaves_it_registered(joined):
    upper, house = await joined()
    report = await house.above.test(upper.as_upper())
    assert report.ok and OUR_CODE in upper.bindings and house.above.is_up(UPPER_CODE)


async def test_who_is_no_upper_goes_below_and_an_upper_from_elsewhere_too(joined, make_upper):
    _, house = await joined()
    stranger = await make_upper(OTHER_UPPER)
    stranger.bindings[OUR_CODE] = stranger.stack.udp_path(("127.0.0.1", house.stack.port))
    response = await stranger.say(Keepalive(1, OTHER_UPPER))
    assert response.status == 403 and len(house.below) == 1


async def test_registered_with_each_other_answers_go_below_and_questions_above(joined):
    upper, house = await joined()
    house.neighbours.peers[UPPER_CODE] = house.peer
    before = len(house.below)
    await upper.say(Keepalive(1, UPPER_CODE))
    assert len(house.below) == before + 1
    asked = b"<Query><CmdType>DeviceInfo</CmdType><SN>1</SN><DeviceID>" + OUR_CODE.encode() + b"</DeviceID></Query>"
    assert (await upper.say(asked)).status == 200
    assert len(house.below) == before + 1


async def test_what_stands_at_our_contact_says_how_long_we_are_registered(make_lower, until_true):
    """RFC 3261 10.2.4: a registrar may repeat our Expires and grant less; of others' contacts nothing is learnt."""
    with Stranger(UPPER_CODE, ("127.0.0.1", 9)) as upper:
        us = Upper(UPPER_CODE, host="127.0.0.1", port=upper.port, transport="udp", password=PASSWORD, expires_s=86400)
        house = await make_lower(us)
        upper.server = ("127.0.0.1", house.stack.port)
        asked = await upper.hear("REGISTER")
        ours = value_of(asked, "Contact")
        upper.answer(asked, "200 OK", f"Contact: <sip:1@10.9.9.9>;expires=30, {ours};expires=120\nExpires: 86400")
        await house.registered()
        await until_true(lambda: house.state().state == "registered")
        assert 60 < house.state().expires_at - time.time() <= 121
