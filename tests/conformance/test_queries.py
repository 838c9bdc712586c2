"""The lines about queries of the conformance list (signalling reference 11), each a test named by its line."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from gb28181 import ptz
from gb28181.edition import Edition
from gb28181.manscdp.catalog import Catalog
from gb28181.manscdp.control import ControlResponse
from gb28181.manscdp.cruise import CruisePoints, CruiseTrackList
from gb28181.manscdp.device_info import DeviceInfo
from gb28181.manscdp.device_status import DeviceStatus
from gb28181.manscdp.home_position import HomePositionAnswer
from gb28181.manscdp.position import PtzPosition
from gb28181.manscdp.preset import PresetList
from gb28181.manscdp.record_info import RecordInfo
from gb28181.manscdp.sd_card import SdCardStatus
from simulator.camera import ChannelSettings, Hardware
from simulator.storage import StorageSettings
from sipserver.sip.message import Response
from sipserver.stack import Incoming
from tests.conformance.bare import CAMERA, Platform, bare

EDITIONS = pytest.mark.parametrize("edition", [Edition.V2016, Edition.V2022])
NEITHER = "<StartTime>2024-05-06T00:00:00</StartTime><EndTime>2024-05-06T23:59:59</EndTime>"


def many(count: int) -> tuple[ChannelSettings, ...]:
    return tuple(ChannelSettings(f"3402000000132000{number:04d}", f"通道 {number}") for number in range(1, count + 1))


async def ask(platform: Platform, cmd_type: str, sn: int, inside: str = "", device: str = CAMERA) -> Response:
    """A query with just this inside; the answer to its MESSAGE."""
    text = (
        '<?xml version="1.0" encoding="GB18030"?>\r\n<Query>\r\n'
        f"<CmdType>{cmd_type}</CmdType>\r\n<SN>{sn}</SN>\r\n<DeviceID>{device}</DeviceID>\r\n{inside}</Query>\r\n"
    )
    return await platform.send(text.encode("gb18030"))


async def answer(platform: Platform, kind: type) -> tuple[Any, Any]:
    """The next answer of a kind, and its message as it crossed the wire."""
    value = await platform.hear(kind)
    seen = next(s for s in reversed(platform.tap.messages) if not s.out and s.said == value)
    return value, seen.xml


@EDITIONS
async def test_QRY_01_a_catalog_query_is_answered_200_and_then_with_a_counted_list(edition: Edition):
    async with bare(edition) as (platform, _):
        response = await ask(platform, "Catalog", 11)
        assert (response.status, response.body) == (200, b"")
        value, xml = await answer(platform, Catalog)
        assert (xml.tag, xml.findtext("SN"), xml.findtext("SumNum")) == ("Response", "11", "1")
        listed = xml.find("DeviceList")
        assert listed is not None and listed.get("Num") == "1" == str(len(listed)) == str(value.sum_num)


@EDITIONS
async def test_QRY_02_every_part_has_the_sn_and_the_device_of_the_query(edition: Edition):
    async with bare(edition, channels=many(11)) as (platform, _):
        await ask(platform, "Catalog", 12)
        parts = [await answer(platform, Catalog) for _ in range(3)]
        assert [xml.findtext("SN") for _, xml in parts] == ["12"] * 3
        assert [xml.findtext("DeviceID") for _, xml in parts] == [CAMERA] * 3
        assert [xml.findtext("SumNum") for _, xml in parts] == ["11"] * 3
        assert [xml.find("DeviceList").get("Num") for _, xml in parts] == ["4", "4", "3"]


async def test_QRY_03_the_next_part_waits_for_the_answer_to_the_one_before():
    async with bare(channels=many(8), speaker={"keepalive_s": 60.0}) as (platform, _):
        held: list[Incoming] = []
        platform.stack.on_request = held.append
        await ask(platform, "Catalog", 13)
        async with asyncio.timeout(5):
            while not held:
                await asyncio.sleep(0.01)
        # It repeats the first part while that is not answered, and says nothing else.
        await asyncio.sleep(0.3)
        assert len(held) == 1
        platform.stack.on_request = platform.take
        held[0].respond(200)
        second = await platform.hear(Catalog)
        assert len(second.items) == 4


@EDITIONS
@pytest.mark.parametrize(
    ("cmd_type", "device", "kind", "listed"),
    [("Catalog", "34020000001320009999", Catalog, "DeviceList"), ("RecordInfo", CAMERA, RecordInfo, "RecordList")],
)
async def test_QRY_04_nothing_found_is_a_sum_of_nothing_and_no_list(
    edition: Edition, cmd_type: str, device: str, kind: type, listed: str
):
    async with bare(edition) as (platform, _):
        await ask(platform, cmd_type, 14, NEITHER if cmd_type == "RecordInfo" else "", device)
        _, xml = await answer(platform, kind)
        assert xml.findtext("SumNum") == "0" and xml.find(listed) is None


async def test_QRY_14_a_camera_of_2022_tells_its_point_type_and_grassroots_code():
    async with bare() as (platform, _):
        await ask(platform, "Catalog", 15)
        _, xml = await answer(platform, Catalog)
        item = xml.find("DeviceList/Item")
        assert item is not None
        assert next(item.iter("PointType")).text in ("1", "2", "3", "9")
        grassroots = next(item.iter("GrassrootsCode")).text or ""
        assert len(grassroots) == 6 and grassroots.isdigit()


@EDITIONS
async def test_QRY_16_device_info_has_its_result_and_what_is_known(edition: Edition):
    async with bare(edition) as (platform, _):
        assert (await ask(platform, "DeviceInfo", 17)).status == 200
        _, xml = await answer(platform, DeviceInfo)
        assert (xml.findtext("Result"), xml.findtext("SN"), xml.findtext("Channel")) == ("OK", "17", "1")
        assert all(xml.findtext(name) for name in ("DeviceName", "Manufacturer", "Model", "Firmware"))


@EDITIONS
async def test_QRY_17_device_status_has_legal_words(edition: Edition):
    async with bare(edition) as (platform, _):
        await ask(platform, "DeviceStatus", 18)
        _, xml = await answer(platform, DeviceStatus)
        assert xml.findtext("Result") in ("OK", "ERROR")
        assert xml.findtext("Online") in ("ONLINE", "OFFLINE")
        assert xml.findtext("Status") in ("OK", "ERROR")
        assert {xml.findtext(name) for name in ("Encode", "Record")} <= {"ON", "OFF", None}


@EDITIONS
async def test_QRY_18_armed_inputs_show_their_duty(edition: Edition):
    async with bare(edition) as (platform, _):
        await platform.order("<GuardCmd>SetGuard</GuardCmd>", sn=19)
        assert (await platform.hear(ControlResponse)).ok
        await ask(platform, "DeviceStatus", 20)
        _, xml = await answer(platform, DeviceStatus)
        items = xml.findall("Alarmstatus/Item")
        assert [item.findtext("DutyStatus") for item in items] == ["ONDUTY"]
        assert xml.find("Alarmstatus").get("Num") == "1"


@EDITIONS
async def test_QRY_19_no_presets_are_a_list_of_none(edition: Edition):
    async with bare(edition) as (platform, _):
        await ask(platform, "PresetQuery", 21)
        _, xml = await answer(platform, PresetList)
        listed = xml.find("PresetList")
        assert listed is not None and listed.get("Num") == "0" and len(listed) == 0


async def test_QRY_20_presets_of_2022_are_counted():
    async with bare() as (platform, _):
        await _steer(platform, ptz.Preset(ptz.PresetAction.SET, 3))
        await ask(platform, "PresetQuery", 22)
        _, xml = await answer(platform, PresetList)
        assert xml.findtext("SumNum") == "1"
        assert xml.findtext("PresetList/Item/PresetID") == "3"


async def test_QRY_22_the_home_position_is_the_one_last_set():
    async with bare() as (platform, _):
        await ask(platform, "HomePositionQuery", 23)
        _, xml = await answer(platform, HomePositionAnswer)
        assert xml.find("HomePosition") is None
        await _steer(platform, ptz.Preset(ptz.PresetAction.SET, 4))
        home = "<Enabled>1</Enabled><ResetTime>90</ResetTime><PresetIndex>4</PresetIndex>"
        await platform.order(f"<HomePosition>{home}</HomePosition>", sn=24)
        assert (await platform.hear(ControlResponse)).ok
        await ask(platform, "HomePositionQuery", 25)
        _, xml = await answer(platform, HomePositionAnswer)
        said = xml.find("HomePosition")
        assert said is not None
        assert {part.tag: part.text for part in said} == {"Enabled": "1", "ResetTime": "90", "PresetIndex": "4"}


async def test_QRY_23_a_listed_cruise_has_the_points_that_were_put_in():
    async with bare() as (platform, _):
        for preset in (1, 2):
            await _steer(platform, ptz.Preset(ptz.PresetAction.SET, preset))
        for preset in (1, 2, 1):
            await _steer(platform, ptz.Cruise(ptz.CruiseAction.ADD, 5, preset))
        await _steer(platform, ptz.Cruise(ptz.CruiseAction.DWELL, 5, 15))
        await ask(platform, "CruiseTrackListQuery", 26)
        _, xml = await answer(platform, CruiseTrackList)
        assert (xml.findtext("SumNum"), xml.findtext("CruiseTrackList/CruiseTrack/Number")) == ("1", "5")
        await ask(platform, "CruiseTrackQuery", 27, "<Number>5</Number>")
        _, xml = await answer(platform, CruisePoints)
        points = xml.findall("CruisePointList/CruisePoint")
        assert (xml.findtext("Number"), xml.findtext("SumNum")) == ("5", "3")
        assert [point.findtext("PresetIndex") for point in points] == ["1", "2", "1"]
        assert {point.findtext("StayTime") for point in points} == {"15"}
        assert all(1 <= int(point.findtext("Speed") or 0) <= 15 for point in points)


async def test_QRY_24_a_look_asked_by_message_is_told_once():
    async with bare() as (platform, _):
        assert (await ask(platform, "PTZPosition", 28)).status == 200
        _, xml = await answer(platform, PtzPosition)
        assert xml.tag == "Response" and xml.findtext("SN") == "28"
        assert all(float(xml.findtext(name) or "none") >= 0 for name in ("Pan", "Tilt", "Zoom"))
        await ask(platform, "DeviceInfo", 29)
        await platform.hear(DeviceInfo)
        assert sum(isinstance(seen.said, PtzPosition) for seen in platform.tap.messages) == 1


async def test_QRY_25_a_card_that_is_formatted_says_how_far_it_is():
    slow = Hardware(storage=StorageSettings(format_s=600.0))
    async with bare(hardware=slow) as (platform, _):
        await platform.order("<FormatSDCard>1</FormatSDCard>", sn=30)
        await ask(platform, "SDCardStatus", 31)
        _, xml = await answer(platform, SdCardStatus)
        cards = {item.findtext("ID"): item for item in xml.findall("SDCardStatusInfo/Item")}
        assert cards["1"].findtext("Status") == "formatting"
        assert 0 <= int(cards["1"].findtext("FormatProgress") or -1) <= 100
        assert cards["2"].findtext("Status") == "ok" and cards["2"].find("FormatProgress") is None


@pytest.mark.parametrize("cmd_type", ["HomePositionQuery", "CruiseTrackListQuery", "PTZPosition", "SDCardStatus"])
async def test_REG_18_a_device_of_2016_does_not_know_what_is_new(cmd_type: str):
    async with bare(Edition.V2016) as (platform, _):
        await ask(platform, cmd_type, 32)
        async with asyncio.timeout(5):
            while not (said := [s for s in platform.tap.messages if not s.out and "<SN>32</SN>" in s.text]):
                await asyncio.sleep(0.01)
        assert "<Result>ERROR</Result>" in said[0].text


async def _steer(platform: Platform, command: ptz.Command) -> None:
    assert (await platform.order(f"<PTZCmd>{ptz.encode(command)}</PTZCmd>")).status == 200
