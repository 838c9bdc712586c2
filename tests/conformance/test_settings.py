"""The lines about settings of the conformance list (signalling reference 11), each a test named by its line."""

from __future__ import annotations

import asyncio

from gb28181.manscdp.config import Config
from gb28181.manscdp.control import ControlResponse
from gb28181.manscdp.keepalive import Keepalive
from tests.conformance.bare import CAMERA, Platform, bare

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
