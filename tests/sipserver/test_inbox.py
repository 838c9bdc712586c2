"""What registered neighbours send of their own accord: heartbeats, news, alarms, and nonsense."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gb28181.charset import Charset
from gb28181.edition import Edition
from gb28181.manscdp.alarm import Alarm, AlarmResponse
from gb28181.manscdp.catalog import Catalog, CatalogNotice, CatalogQuery, Item
from gb28181.manscdp.control import DeviceControl
from gb28181.manscdp.device_info import DeviceInfo
from gb28181.manscdp.keepalive import Keepalive
from gb28181.manscdp.message import serialise
from registry.events import AlarmRaised
from sipserver.below.inbox import is_plain_keepalive

CODE = "34020000001320000001"
FIRST, SECOND = "34020000001310000000", "34020000001310000001"


@pytest.fixture
async def pair(make_house, make_camera, until_true):
    house = await make_house(alarms_a_minute=5)
    camera = await make_camera(house, items=2)
    await camera.register()
    await until_true(lambda: house.below.statistics()["onboarding"]["finished"] == 1)
    return house, camera


async def online(house, code: str) -> bool | None:
    channel = await house.directory.channel(CODE, code)
    return None if channel is None else channel.online


async def until_online(house, code: str, wanted: bool | None) -> None:
    async with asyncio.timeout(5):
        while await online(house, code) is not wanted:
            await asyncio.sleep(0.02)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<Notify><CmdType>Keepalive</CmdType><SN>1</SN><DeviceID>34020000001320000001</DeviceID></Notify>",
        b'<?xml version="1.0"?><Response><CmdType>Keepalive</CmdType><SN>1</SN><DeviceID>1</DeviceID></Response>',
        b"<Notify><CmdType>Keepalive</CmdType><SN>1</SN><DeviceID>34020000001310000001</DeviceID>"
        b"<Status>ERROR</Status></Notify>",
        b"<Notify>\r\n<CmdType> Keepalive </CmdType><SN>x</SN></Notify>",
    ],
)
async def test_a_heartbeat_in_any_of_its_forms_is_a_sign_of_life(pair, body: bytes):
    house, camera = pair
    before = house.below.statistics()["inbox"]["keepalives"]
    answer = await camera.send("MESSAGE", body)
    assert (answer.status, answer.body) == (200, b"")
    assert house.below.statistics()["inbox"]["keepalives"] == before + 1


async def test_parts_that_a_heartbeat_calls_faulty_are_offline_until_it_no_longer_does(pair):
    house, camera = pair
    await camera.keep_alive(faulty=(FIRST,))
    await until_online(house, FIRST, False)
    assert await online(house, SECOND) is True
    await camera.keep_alive()
    await until_online(house, FIRST, True)


async def test_news_of_a_catalog_changes_single_channels(pair):
    house, camera = pair
    news = (
        Item(FIRST, event="OFF"),
        Item(SECOND, event="DEL"),
        Item("34020000001310000009", "New gate", event="ADD"),
    )
    await camera.send("NOTIFY", serialise(CatalogNotice(1, CODE, 3, news), Charset.GB2312, Edition.V2016))
    await until_online(house, FIRST, False)
    assert await online(house, SECOND) is None
    assert await online(house, "34020000001310000009") is True
    assert house.device().catalog_complete


async def test_a_single_item_under_a_foreign_number_is_news_and_never_the_whole(pair):
    house, camera = pair
    await camera.say(Catalog(4711, CODE, 1, (Item(FIRST, "Camera 0", status_on=False),)))
    await until_online(house, FIRST, False)
    assert await online(house, SECOND) is True
    assert house.device().catalog_complete, "a pushed status says nothing about the catalog"


async def test_late_parts_of_a_query_we_gave_up_are_merged_without_deleting(pair):
    house, camera = pair
    late = tuple(Item(f"3402000000131000{number:04d}", "late") for number in range(10, 13))
    await camera.say(Catalog(4711, CODE, 200, late))
    await until_online(house, late[-1].code, True)
    assert await online(house, FIRST) is True


async def test_status_of_a_channel_we_do_not_hold_asks_for_the_catalog_once(pair, until_true):
    house, camera = pair
    for _ in range(3):
        await camera.say(CatalogNotice(1, CODE, 1, (Item("34020000001310000077", event="OFF"),)))
        await until_true(lambda: camera.queries(CatalogQuery) == 2)
    assert house.below.statistics()["inbox"]["dropped"] == 0


async def test_an_alarm_is_raised_and_answered_and_a_storm_is_held_back(pair, until_true):
    house, camera = pair
    for number in range(1, 9):
        await camera.say(Alarm(number, SECOND, priority=1, method=5, at=1_700_000_000.0, description="移动侦测"))
    await until_true(lambda: camera.queries(AlarmResponse) == 8)
    told = house.told(AlarmRaised)
    assert len(told) == 5
    assert (told[0].owner, told[0].channel, told[0].method, told[0].description) == (CODE, SECOND, 5, "移动侦测")
    assert {answer.sn for answer in camera.asked if isinstance(answer, AlarmResponse)} == set(range(1, 9))


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"hello", 400),
        (b"<Notify>", 400),
        (b'<!DOCTYPE a [<!ENTITY b "c">]><Notify><CmdType>Keepalive</CmdType><SN>1</SN></Notify>', 400),
        (b"<Notify><CmdType>Strange</CmdType><SN>1</SN></Notify>", 200),
    ],
)
async def test_what_cannot_be_read_is_refused_and_what_is_unknown_is_counted(pair, body: bytes, status: int):
    house, camera = pair
    assert (await camera.send("MESSAGE", body)).status == status
    figures = house.below.statistics()["inbox"]
    assert figures["malformed"] + figures["unread"] == 1


async def test_nobody_below_gives_us_orders(pair):
    house, camera = pair
    assert (await camera.say(DeviceControl(1, FIRST, teleboot=True))).status == 200
    assert house.below.statistics()["inbox"]["unread"] == 1


async def test_an_answer_that_nobody_awaits_is_counted_and_dropped(pair):
    house, camera = pair
    assert (await camera.say(DeviceInfo(99, CODE, True, "Intruder"))).status == 200
    assert house.device().name == "Gate"


@given(st.binary(max_size=200))
def test_noise_around_a_heartbeat_is_not_taken_for_a_plain_one(noise: bytes):
    if b"<CmdType>Keepalive</CmdType>" not in noise:
        assert not is_plain_keepalive(noise)


def test_a_heartbeat_that_says_more_is_read_in_full():
    plain = serialise(Keepalive(1, CODE), Charset.GB2312, Edition.V2016)
    faulty = serialise(Keepalive(1, CODE, True, (FIRST,)), Charset.GB2312, Edition.V2016)
    assert is_plain_keepalive(plain)
    assert not is_plain_keepalive(faulty)
    assert not is_plain_keepalive(plain.replace(b"?>", b"?><!DOCTYPE x>"))
    assert not is_plain_keepalive(plain + b" " * 1024)
