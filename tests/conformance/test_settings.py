"""The lines about settings of the conformance list (signalling reference 11), each a test named by its line."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from gb28181.edition import Edition
from gb28181.manscdp.config import Config, DeviceConfig
from gb28181.manscdp.control import ControlResponse
from gb28181.manscdp.keepalive import Keepalive
from tests.conformance.bare import CAMERA, Platform, bare
from tests.conformance.pair import Pair, pair

SET = '<?xml version="1.0" encoding="GB18030"?>\r\n<Control><CmdType>DeviceConfig</CmdType><SN>{sn}</SN>' \
      "<DeviceID>{code}</DeviceID>{inside}</Control>\r\n"  # fmt: skip
ASK = '<?xml version="1.0" encoding="GB18030"?>\r\n<Query><CmdType>ConfigDownload</CmdType><SN>{sn}</SN>' \
      "<DeviceID>{code}</DeviceID><ConfigType>{inside}</ConfigType></Query>\r\n"  # fmt: skip


async def say(platform: Platform, form: str, inside: str, sn: int) -> int:
    body = form.format(sn=sn, code=CAMERA, inside=inside).encode("gb18030")
    return (await platform.send(body)).status


async def test_CTL_19_keepalives_follow_the_interval_that_was_set():
    async with bare(speaker={"keepalive_s": 30.0}) as (platform, _):
        assert await say(platform, SET, "<BasicParam><HeartBeatInterval>1</HeartBeatInterval></BasicParam>", 60) == 200
        response = await platform.hear(ControlResponse)
        assert (response.sn, response.cmd_type, response.ok) == (60, "DeviceConfig", True)
        # At the interval it came with, none would come in this time.
        await platform.hear(Keepalive)
        await platform.hear(Keepalive)


async def test_QRY_21_two_types_asked_at_once_are_answered_one_by_one_under_one_sn():
    async with bare() as (platform, _):
        assert await say(platform, ASK, "BasicParam/VideoParamOpt", 14) == 200
        answers: list[Config] = [await platform.hear(Config) for _ in range(2)]
        assert {answer.sn for answer in answers} == {14}
        assert [[setting.name for setting in answer.settings] for answer in answers] == [
            ["BasicParam"],
            ["VideoParamOpt"],
        ]
        await asyncio.sleep(0)
        sent = [seen.text for seen in platform.tap.messages if "ConfigDownload" in seen.text and not seen.out]
        assert all("<Result>OK</Result>" in text for text in sent)


@asynccontextmanager
async def device(folder: Path, edition: Edition, **changes: Any) -> AsyncIterator[Pair]:
    async with pair(folder, edition=edition, **changes) as made:
        made.clear()
        yield made


async def put(pair: Pair, name: str, value: Any) -> tuple[int, Any]:
    path = f"/api/v1/channels/{pair.code}/{pair.code}/settings/{name}"
    async with pair.estate.http.put(path, json={"value": value}) as response:
        return response.status, await response.json()


async def get(pair: Pair, name: str) -> Any:
    return (await pair.estate.get(f"/api/v1/channels/{pair.code}/{pair.code}/settings/{name}"))["value"]


CLOCKED = {"StartHour": 8, "StartMin": 0, "StartSec": 0, "StopHour": 18, "StopMin": 0, "StopSec": 0}
WISHES: dict[str, Any] = {
    "VideoParamAttribute": [
        {
            "StreamNumber": 1,
            "VideoFormat": "2",
            "Resolution": "2",
            "FrameRate": 10,
            "BitRateType": "1",
            "VideoBitRate": 256,
        }
    ],
    "VideoRecordPlan": {
        "RecordEnable": True,
        "RecordSchedule": [{"WeekDayNum": 7, "TimeSegment": [CLOCKED]}],
        "StreamNumber": 0,
    },
    "VideoAlarmRecord": {"RecordEnable": True, "RecordTime": 20, "PreRecordTime": 3, "StreamNumber": 0},
    "PictureMask": {"On": True, "RegionList": [{"Seq": 2, "Point": [20, 30, 50, 60]}]},
    "FrameMirror": "3",
    "AlarmReport": {"MotionDetection": True, "FieldDetection": True},
    "OSDConfig": {
        "Length": 320,
        "Width": 180,
        "TimeX": 4,
        "TimeY": 160,
        "TimeEnable": True,
        "TimeType": "0",
        "TextEnable": True,
        "Item": [{"Text": "环路 & 01", "X": 4, "Y": 4}],
    },
    "SnapShotConfig": {"SnapNum": 3, "Interval": 2, "UploadURL": "http://192.0.2.10/x", "SessionID": "a1" * 16},
    "BasicParam": {"Name": "西门", "HeartBeatCount": 4},
}


async def test_CTL_18_and_20_every_element_of_2022_is_awaited_read_back_and_agrees(tmp_path: Path):
    async with device(tmp_path, Edition.V2022) as made:
        for name, wish in WISHES.items():
            made.clear()
            status, said = await put(made, name, wish)
            assert (status, said["answered"]) == (200, True), said
            order = made.ours.all(DeviceConfig, out=True)
            answer = made.ours.all(ControlResponse, out=False)
            assert len(order) == len(answer) == 1, name
            assert answer[0].xml.findtext("Result") == "OK"
            assert answer[0].xml.findtext("SN") == order[0].xml.findtext("SN")
            assert [part.tag for part in order[0].xml][3:] == [name], "one element a message"
            read = await get(made, name)
            assert said["differences"] == []
            if name == "VideoParamAttribute":
                assert wish[0] in read and len(read) == 2, "the stream that was left out stays"
            else:
                assert {**read, **wish} == read if isinstance(wish, dict) else read == wish
        info = await made.estate.get(f"/api/v1/channels/{made.code}/{made.code}/info")
        assert info["name"] == "西门"
        assert made.camera.screens[made.code].mirror == 3


async def test_REG_18_a_type_of_2022_is_not_asked_of_a_device_of_2016(tmp_path: Path):
    async with device(tmp_path, Edition.V2016) as made:
        for name in ("FrameMirror", "OSDConfig"):
            assert (await put(made, name, WISHES[name]))[0] == 409
        for path in ("cards", "home-position", "cruises", "look"):
            told = await made.estate.get(f"/api/v1/channels/{made.code}/{made.code}/{path}", 409)
            assert told["error"]["code"] == "edition-too-old"
        assert (await put(made, "BasicParam", {"HeartBeatCount": 4}))[1]["differences"] == []
        sent = [seen for seen in made.ours.messages if seen.out and not seen.status]
        assert {seen.xml.findtext("CmdType") for seen in sent} <= {
            "DeviceConfig",
            "ConfigDownload",
            "Catalog",
            "DeviceInfo",
        }
        texts = "".join(seen.text for seen in sent)
        assert "FrameMirror" not in texts and "OSDConfig" not in texts
