"""What a device is asked about beside its catalog: cruises, cards, settings, each in one message or several."""

from __future__ import annotations

import asyncio

import pytest

from gb28181.manscdp.alarm import Alarm, AlarmQuery, AlarmResponse
from gb28181.manscdp.config import Config, ConfigQuery, DeviceConfig, Setting
from gb28181.manscdp.control import ControlResponse, HomePosition
from gb28181.manscdp.cruise import (
    CruisePoint,
    CruisePoints,
    CruiseTrack,
    CruiseTrackList,
    CruiseTrackListQuery,
    CruiseTrackQuery,
)
from gb28181.manscdp.home_position import HomePositionAnswer, HomePositionQuery
from gb28181.manscdp.message import Manscdp
from gb28181.manscdp.sd_card import SdCard, SdCardStatus, SdCardStatusQuery
from gb28181.peer import Gathered, PeerRefused, PeerSilent

CODE = "34020000001320000001"


@pytest.fixture
async def pair(make_house, make_camera, until_true):
    """A registered camera that answers only as the test says, and the link to it."""
    house = await make_house(catalog_tries=1)
    camera = await make_camera(house, version="3.0")
    await camera.register()
    await until_true(lambda: house.below.statistics()["onboarding"]["finished"] == 1)
    camera.asked.clear()
    return camera, house.below.peer(CODE)


def answering(camera, *said):
    """Have the camera say these, each under the SN it was asked with."""

    async def answer(asked: Manscdp) -> None:
        for make in said:
            await camera.say(make(asked.sn))

    camera.answer = answer


async def test_cruises_in_two_messages_are_gathered(pair):
    camera, link = pair
    answering(
        camera,
        lambda sn: CruiseTrackList(sn, CODE, (CruiseTrack(0, "a"),), 2),
        lambda sn: CruiseTrackList(sn, CODE, (CruiseTrack(0, "a"),), 2),
        lambda sn: CruiseTrackList(sn, CODE, (CruiseTrack(1, "b"),), 2),
    )
    gathered = await link.ask(CruiseTrackListQuery(0, CODE))
    assert isinstance(gathered, Gathered) and gathered.complete
    assert [track.name for part in gathered.parts for track in part.tracks] == ["a", "b"]


async def test_a_cruise_may_come_to_one_preset_twice(pair):
    camera, link = pair
    points = (CruisePoint(1, 10, 5), CruisePoint(2, 10, 5), CruisePoint(1, 10, 5))
    answering(camera, lambda sn: CruisePoints(sn, CODE, 4, "x", points, 3))
    gathered = await link.ask(CruiseTrackQuery(0, CODE, 4))
    assert gathered.complete and gathered.parts[0].points == points
    assert camera.asked[0].number == 4


async def test_a_list_of_which_a_part_is_lost_is_told_as_it_is(pair):
    camera, link = pair
    answering(camera, lambda sn: SdCardStatus(sn, CODE, (SdCard(1),), 3))
    gathered = await link.ask(SdCardStatusQuery(0, CODE))
    assert (gathered.got, gathered.expected, gathered.complete) == (1, 3, False)


async def test_a_refusal_in_the_answers_own_words_does_not_wait_for_more(pair):
    camera, link = pair
    answering(camera, lambda sn: SdCardStatus(sn, CODE, (), 0, False, "no card slot"))
    async with asyncio.timeout(1.5):
        gathered = await link.ask(SdCardStatusQuery(0, CODE))
    assert [part.reason for part in gathered.parts] == ["no card slot"]


async def test_a_plain_refusal_of_a_query_is_a_refusal(pair):
    camera, link = pair
    answering(camera, lambda sn: ControlResponse(sn, CODE, False, "不支持"))
    with pytest.raises(PeerRefused, match="不支持"):
        await link.ask(SdCardStatusQuery(0, CODE))


async def test_a_home_position_comes_back_as_it_is(pair):
    camera, link = pair
    answering(camera, lambda sn: HomePositionAnswer(sn, CODE, HomePosition(True, 60, 3)))
    answer = await link.ask(HomePositionQuery(0, CODE))
    assert answer.home == HomePosition(True, 60, 3)


async def test_qry_21_several_kinds_of_settings_are_gathered_and_one_comes_plain(pair):
    camera, link = pair

    async def answer(asked: Manscdp) -> None:
        assert isinstance(asked, ConfigQuery)
        for kind in asked.kinds:
            found = (Setting(kind, within=(Setting("A", "1"),)),) if kind != "SVACDecodeConfig" else ()
            await camera.say(Config(asked.sn, CODE, bool(found), "", found))

    camera.answer = answer
    gathered = await link.ask(ConfigQuery(0, CODE, ("BasicParam", "SVACDecodeConfig", "VideoParamOpt")))
    assert gathered.complete
    assert [[one.name for one in part.settings] for part in gathered.parts] == [["BasicParam"], [], ["VideoParamOpt"]]
    one = await link.ask(ConfigQuery(0, CODE, ("BasicParam",)))
    assert isinstance(one, Config) and one.settings[0].name == "BasicParam"


async def test_ctl_18_a_setting_waits_for_its_result_and_not_for_ever(pair):
    camera, link = pair
    wish = DeviceConfig(0, CODE, (Setting("FrameMirror", "1"),))
    answering(camera, lambda sn: ControlResponse(sn, CODE, False, "busy", "DeviceConfig"))
    answer = await link.ask(wish)
    assert answer == ControlResponse(camera.asked[0].sn, CODE, False, "busy", "DeviceConfig")
    answering(camera)
    with pytest.raises(PeerSilent):
        await link.ask(wish, timeout_s=0.2)


async def test_alarms_of_before_are_gathered_until_the_device_says_that_these_were_all(pair):
    camera, link = pair
    answering(
        camera,
        lambda sn: Alarm(sn, CODE, 1, 2, 100.0),
        lambda sn: Alarm(sn, CODE, 1, 5, 200.0),
        lambda sn: AlarmResponse(sn, CODE),
    )
    async with asyncio.timeout(1.5):
        gathered = await link.ask(AlarmQuery(0, CODE, start=0.0, end=300.0))
    assert (gathered.complete, [alarm.at for alarm in gathered.parts]) == (True, [100.0, 200.0])
    answering(camera, lambda sn: AlarmResponse(sn, CODE))
    assert await link.ask(AlarmQuery(0, CODE)) == Gathered((), 0, 0, True)


async def test_alarms_of_before_that_nobody_counts_end_in_silence(pair):
    camera, link = pair
    answering(camera, lambda sn: Alarm(sn, CODE, 1, 2, 100.0))
    gathered = await link.ask(AlarmQuery(0, CODE))
    assert (gathered.complete, gathered.got) == (False, 1)
