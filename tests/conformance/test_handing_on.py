"""Every query and control of the standard's index (signalling reference 4.2) crosses the house in the middle, with
its answer, element by element; what has no answer brings none."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from gb28181.manscdp.control import ControlResponse
from gb28181.manscdp.message import parse
from simulator.platform_above import Upper
from simulator.platform_below import Lower
from tests.conformance.middle import CAMERA, OWN, opened, until

OTHER_CAMERA = "44010600001320000002"
ASKED_SN = 424_242
SESSION = "0f7c2a54c1b84a2f9d1e66b0a3c4d5e7"
BOX = (
    "<Length>1280</Length><Width>720</Width><MidPointX>640</MidPointX><MidPointY>360</MidPointY>"
    "<LengthX>320</LengthX><LengthY>180</LengthY>"
)

QUERIES = {
    "DeviceStatus": ("", "<Result>OK</Result><Online>ONLINE</Online><Status>OK</Status><Encode>ON</Encode>"),
    "DeviceInfo": ("", "<DeviceName>门口</DeviceName><Result>OK</Result><Manufacturer>ACME</Manufacturer>"),
    "RecordInfo": (
        "<StartTime>2024-05-06T00:00:00</StartTime><EndTime>2024-05-06T23:59:59</EndTime><Secrecy>0</Secrecy>"
        "<Type>all</Type><IndistinctQuery>0</IndistinctQuery><StreamNumber>0</StreamNumber>",
        f'<Name>门口</Name><SumNum>1</SumNum><RecordList Num="1"><Item><DeviceID>{CAMERA}</DeviceID><Name>门口</Name>'
        "<FilePath>/d1/0001</FilePath><StartTime>2024-05-06T00:00:00</StartTime>"
        "<EndTime>2024-05-06T01:00:00</EndTime><Secrecy>0</Secrecy><Type>time</Type><FileSize>943718400</FileSize>"
        f"<RecordLocation>{CAMERA}</RecordLocation><StreamNumber>0</StreamNumber></Item></RecordList>",
    ),
    "Alarm": (
        "<StartAlarmPriority>1</StartAlarmPriority><EndAlarmPriority>4</EndAlarmPriority><AlarmMethod>2</AlarmMethod>",
        "<Result>OK</Result>",
    ),
    "ConfigDownload": (
        "<ConfigType>OSDConfig</ConfigType>",
        "<Result>OK</Result><OSDConfig><Length>1920</Length><Width>1080</Width><TimeX>16</TimeX><TimeY>16</TimeY>"
        "<TimeEnable>1</TimeEnable><TimeType>0</TimeType><TextEnable>1</TextEnable><SumNum>1</SumNum>"
        "<Item><Text>门口</Text><X>16</X><Y>1000</Y></Item></OSDConfig>",
    ),
    "PresetQuery": (
        "",
        '<SumNum>1</SumNum><PresetList Num="1"><Item><PresetID>1</PresetID><PresetName>大门</PresetName></Item>'
        "</PresetList>",
    ),
    "HomePositionQuery": (
        "",
        "<HomePosition><Enabled>1</Enabled><ResetTime>120</ResetTime><PresetIndex>1</PresetIndex></HomePosition>",
    ),
    "CruiseTrackListQuery": (
        "",
        '<SumNum>1</SumNum><CruiseTrackList Num="1"><CruiseTrack><Number>0</Number><Name>夜间</Name></CruiseTrack>'
        "</CruiseTrackList>",
    ),
    "CruiseTrackQuery": (
        "<Number>0</Number>",
        '<Number>0</Number><Name>夜间</Name><SumNum>1</SumNum><CruisePointList Num="1"><CruisePoint>'
        "<PresetIndex>1</PresetIndex><StayTime>15</StayTime><Speed>8</Speed></CruisePoint></CruisePointList>",
    ),
    "PTZPosition": ("", "<Pan>90.00</Pan><Tilt>12.50</Tilt><Zoom>4.00</Zoom>"),
    "SDCardStatus": (
        "",
        '<SumNum>1</SumNum><SDCardStatusInfo Num="1"><Item><ID>1</ID><HddName>SD1</HddName><Status>ok</Status>'
        "<Capacity>122000</Capacity><FreeSpace>40100</FreeSpace></Item></SDCardStatusInfo>",
    ),
}

LISTS = {
    "CruiseTrackListQuery": (
        "",
        tuple(
            f'<SumNum>2</SumNum><CruiseTrackList Num="1"><CruiseTrack><Number>{n}</Number><Name>线{n}</Name>'
            "</CruiseTrack></CruiseTrackList>"
            for n in (0, 1)
        ),
    ),
    "CruiseTrackQuery": (
        "<Number>0</Number>",
        # A cruise may come to one preset twice.
        tuple(
            f'<Number>0</Number><Name>夜间</Name><SumNum>4</SumNum><CruisePointList Num="{len(points)}">'
            + "".join(
                f"<CruisePoint><PresetIndex>{n}</PresetIndex><StayTime>15</StayTime><Speed>8</Speed></CruisePoint>"
                for n in points
            )
            + "</CruisePointList>"
            for points in ((1, 1, 2), (1,))
        ),
    ),
    "SDCardStatus": (
        "",
        tuple(
            f'<SumNum>3</SumNum><SDCardStatusInfo Num="1"><Item><ID>{n}</ID><HddName>SD{n}</HddName>'
            "<Status>ok</Status><Capacity>122000</Capacity><FreeSpace>40100</FreeSpace></Item></SDCardStatusInfo>"
            for n in (1, 2, 3)
        ),
    ),
    "OfAMakersOwn": (
        "",
        tuple(f"<SumNum>2</SumNum><Things><Thing><Name>物{n}</Name></Thing></Things>" for n in (1, 2)),
    ),
}

ANSWERED_BY_NOTIFY = {
    "MobilePosition": (
        "<Interval>5</Interval>",
        f'<Time>2024-05-06T07:08:15</Time><SumNum>1</SumNum><DeviceList Num="1"><Item><DeviceID>{CAMERA}</DeviceID>'
        "<CaptureTime>2024-05-06T07:08:14</CaptureTime><Longitude>117.283042</Longitude><Latitude>31.861190</Latitude>"
        "<Speed>36.5</Speed><Direction>128.0</Direction></Item></DeviceList>",
    ),
    "Alarm": (
        "<StartAlarmPriority>1</StartAlarmPriority><EndAlarmPriority>4</EndAlarmPriority><AlarmMethod>5</AlarmMethod>",
        "<AlarmPriority>1</AlarmPriority><AlarmMethod>5</AlarmMethod><AlarmTime>2024-05-06T07:08:09</AlarmTime>"
        "<Info><AlarmType>6</AlarmType><AlarmTypeParam><EventType>1</EventType></AlarmTypeParam></Info>",
    ),
    "PTZPosition": ("", "<Pan>90.00</Pan><Tilt>12.50</Tilt><Zoom>4.00</Zoom>"),
}

WITH_ANSWER = {
    "RecordCmd": "<RecordCmd>Record</RecordCmd><StreamNumber>1</StreamNumber>",
    "GuardCmd": "<GuardCmd>SetGuard</GuardCmd>",
    "AlarmCmd": "<AlarmCmd>ResetAlarm</AlarmCmd><Info><AlarmMethod>2</AlarmMethod></Info>",
    "HomePosition": "<HomePosition><Enabled>1</Enabled><ResetTime>120</ResetTime><PresetIndex>3</PresetIndex>"
    "</HomePosition>",
    "DeviceUpgrade": "<DeviceUpgrade><Firmware>2.5.0</Firmware><FileURL>http://192.0.2.10/fw.bin</FileURL>"
    f"<Manufacturer>ACME</Manufacturer><SessionID>{SESSION}</SessionID></DeviceUpgrade>",
}

WITHOUT_ANSWER = {
    "PTZCmd": "<PTZCmd>A50F008100010036</PTZCmd><PTZCmdParams><PresetName>大门</PresetName></PTZCmdParams>",
    "TeleBoot": "<TeleBoot>Boot</TeleBoot>",
    "IFrameCmd": "<IFrameCmd>Send</IFrameCmd>",
    "DragZoomIn": f"<DragZoomIn>{BOX}</DragZoomIn>",
    "DragZoomOut": f"<DragZoomOut>{BOX}</DragZoomOut>",
    "PTZPreciseCtrl": "<PTZPreciseCtrl><Pan>90.00</Pan><Tilt>12.50</Tilt><Zoom>4.00</Zoom></PTZPreciseCtrl>",
    "FormatSDCard": "<FormatSDCard>1</FormatSDCard>",
    "TargetTrack": f"<TargetTrack>Manual</TargetTrack><DeviceID2>{OTHER_CAMERA}</DeviceID2>"
    f"<TargetArea>{BOX}</TargetArea>",
}

CONFIGURATIONS = {
    "BasicParam": "<BasicParam><Name>门口</Name><Expiration>3600</Expiration><HeartBeatInterval>60</HeartBeatInterval>"
    "<HeartBeatCount>3</HeartBeatCount></BasicParam>",
    "FrameMirror": "<FrameMirror>1</FrameMirror>",
    "SnapShotConfig": "<SnapShotConfig><SnapNum>3</SnapNum><Interval>1</Interval>"
    f"<UploadURL>http://192.0.2.10/up</UploadURL><SessionID>{SESSION}</SessionID></SnapShotConfig>",
}


@dataclass(frozen=True)
class Raw:
    """A message as it is printed, between things that speak in values."""

    body: bytes
    cmd_type: str = ""


def printed(root: str, cmd_type: str, inner: str, sn: int = ASKED_SN, device: str = CAMERA) -> bytes:
    head = f"<CmdType>{cmd_type}</CmdType><SN>{sn}</SN><DeviceID>{device}</DeviceID>"
    return f'<?xml version="1.0" encoding="GB18030"?>\r\n<{root}>{head}{inner}</{root}>'.encode("gb18030")


Tree = tuple[str, str, tuple[Any, ...]]


def tree_of(body: bytes) -> Tree:
    """A message's elements in their order, without its SN."""
    text = re.sub(r"<\?xml.*?\?>", "", body.decode("gb18030"))

    def of(element: ElementTree.Element) -> Tree:
        kept = tuple(of(child) for child in element if child.tag != "SN")
        return element.tag, (element.text or "").strip(), kept

    return of(ElementTree.fromstring(text))


def sn_in(body: bytes) -> int:
    found = re.search(rb"<SN>(\d+)</SN>", body)
    assert found is not None
    return int(found[1])


class Both:
    """A platform above and one below that say what they are told to, byte by byte."""

    def __init__(self, upper: Upper, lower: Lower) -> None:
        self.upper, self.lower = upper, lower
        self.heard_above: list[bytes] = []
        self.heard_below: list[bytes] = []
        self.answer: tuple[str, str] | None = None
        self.sn = ASKED_SN
        take, encode_above, encode_below = upper.stack.on_request, upper._encode, lower.speaker.encode
        assert take is not None

        def hear(incoming: Any) -> None:
            if incoming.request.method == "MESSAGE" and b"Keepalive" not in incoming.request.body:
                self.heard_above.append(incoming.request.body)
            take(incoming)

        upper.stack.on_request = hear
        upper._encode = lambda said: said.body if isinstance(said, Raw) else encode_above(said)  # type: ignore[method-assign]
        lower.speaker.encode = lambda said: said.body if isinstance(said, Raw) else encode_below(said)
        lower.answer = self._answer  # type: ignore[method-assign]

    def _answer(self, asked: Any) -> list[Any]:
        body = self.lower.requests[-1].body
        if asked.device != CAMERA:
            return []
        self.heard_below.append(body)
        if self.answer is None:
            return []
        cmd_type, inner = self.answer
        return [Raw(printed("Response", cmd_type, inner, sn_in(body)), cmd_type)]

    async def ask(self, root: str, cmd_type: str, inner: str) -> bytes:
        """What the upper says, and what arrives below of it."""
        self.heard_above.clear()
        self.heard_below.clear()
        self.sn += 1
        body = printed(root, cmd_type, inner, self.sn)
        assert (await self.upper.tell(OWN, Raw(body))).status == 200  # type: ignore[arg-type]
        await until(lambda: self.heard_below)
        assert tree_of(self.heard_below[-1]) == tree_of(body)
        assert sn_in(self.heard_below[-1]) != self.sn
        return body

    async def answered(self) -> bytes:
        await until(lambda: self.heard_above)
        await asyncio.sleep(0.05)
        (body,) = self.heard_above
        assert sn_in(body) == self.sn
        return body


@pytest.fixture
async def both(tmp_path: Path) -> AsyncIterator[Both]:
    async with opened(tmp_path) as middle:
        lower = await middle.below()
        yield Both(await middle.above(), lower)


async def test_a_query_goes_down_and_its_answer_comes_up(both: Both):
    for cmd_type, (inner, answer) in QUERIES.items():
        both.answer = cmd_type, answer
        await both.ask("Query", cmd_type, inner)
        assert tree_of(await both.answered()) == tree_of(printed("Response", cmd_type, answer)), cmd_type


async def test_a_control_of_class_R_goes_down_and_its_result_comes_up(both: Both):
    for name, inner in WITH_ANSWER.items():
        for result in ("OK", "ERROR"):
            both.answer = "DeviceControl", f"<Result>{result}</Result>"
            await both.ask("Control", "DeviceControl", inner)
            answer = parse(await both.answered())
            assert isinstance(answer, ControlResponse), name
            assert (answer.cmd_type, answer.device, answer.ok) == ("DeviceControl", CAMERA, result == "OK"), name


async def test_a_configuration_goes_down_and_its_result_comes_up(both: Both):
    both.answer = "DeviceConfig", "<Result>OK</Result>"
    for inner in CONFIGURATIONS.values():
        await both.ask("Control", "DeviceConfig", inner)
        assert tree_of(await both.answered()) == tree_of(printed("Response", "DeviceConfig", "<Result>OK</Result>"))


async def test_a_control_without_an_answer_goes_down_and_nothing_comes_up(both: Both):
    for inner in WITHOUT_ANSWER.values():
        await both.ask("Control", "DeviceControl", inner)
    await asyncio.sleep(0.1)
    assert both.heard_above == []


async def test_configurations_of_several_kinds_come_up_one_by_one(both: Both):
    kinds = {"BasicParam": CONFIGURATIONS["BasicParam"], "FrameMirror": CONFIGURATIONS["FrameMirror"]}

    def answers(asked: Any) -> list[Any]:
        both.heard_below.append(both.lower.requests[-1].body)
        return [
            Raw(printed("Response", "ConfigDownload", f"<Result>OK</Result>{kind}", asked.sn), "ConfigDownload")
            for kind in kinds.values()
        ]

    both.lower.answer = answers  # type: ignore[method-assign]
    await both.ask("Query", "ConfigDownload", "<ConfigType>BasicParam/FrameMirror</ConfigType>")
    await until(lambda: len(both.heard_above) == 2)
    assert [tree_of(body) for body in both.heard_above] == [
        tree_of(printed("Response", "ConfigDownload", f"<Result>OK</Result>{kind}")) for kind in kinds.values()
    ]
    assert {sn_in(body) for body in both.heard_above} == {both.sn}


async def test_presets_in_several_messages_all_come_up(both: Both):
    def preset(number: int) -> str:
        item = f"<Item><PresetID>{number}</PresetID><PresetName>位{number}</PresetName></Item>"
        return f'<SumNum>3</SumNum><PresetList Num="1">{item}</PresetList>'

    def answers(asked: Any) -> list[Any]:
        both.heard_below.append(both.lower.requests[-1].body)
        return [Raw(printed("Response", "PresetQuery", preset(n), asked.sn), "PresetQuery") for n in (1, 2, 3)]

    both.lower.answer = answers  # type: ignore[method-assign]
    await both.ask("Query", "PresetQuery", "")
    await until(lambda: len(both.heard_above) == 3)
    assert [tree_of(body) for body in both.heard_above] == [
        tree_of(printed("Response", "PresetQuery", preset(n))) for n in (1, 2, 3)
    ]


async def test_a_list_of_any_kind_in_several_messages_comes_up_whole(both: Both):
    for cmd_type, (inner, parts) in LISTS.items():

        def answers(asked: Any, cmd_type: str = cmd_type, parts: tuple[str, ...] = parts) -> list[Any]:
            both.heard_below.append(both.lower.requests[-1].body)
            return [Raw(printed("Response", cmd_type, part, asked.sn), cmd_type) for part in parts]

        both.lower.answer = answers  # type: ignore[method-assign]
        await both.ask("Query", cmd_type, inner)
        await until(lambda parts=parts: len(both.heard_above) == len(parts))
        assert [tree_of(body) for body in both.heard_above] == [
            tree_of(printed("Response", cmd_type, part)) for part in parts
        ], cmd_type
        assert {sn_in(body) for body in both.heard_above} == {both.sn}


async def test_an_empty_list_of_any_kind_comes_up_at_once(both: Both):
    for cmd_type, (inner, _) in LISTS.items():
        both.answer = cmd_type, "<SumNum>0</SumNum>"
        await both.ask("Query", cmd_type, inner)
        assert tree_of(await both.answered()) == tree_of(printed("Response", cmd_type, "<SumNum>0</SumNum>"))


async def test_a_query_that_a_notify_answers_has_it_handed_up_as_its_answer(both: Both):
    for cmd_type, (inner, notice) in ANSWERED_BY_NOTIFY.items():

        def answers(asked: Any, cmd_type: str = cmd_type, notice: str = notice) -> list[Any]:
            if asked.root != "Query":
                return []  # the house has heard an alarm
            body = both.lower.requests[-1].body
            both.heard_below.append(body)
            return [Raw(printed("Notify", cmd_type, notice, sn_in(body)), cmd_type)]

        both.lower.answer = answers  # type: ignore[method-assign]
        await both.ask("Query", cmd_type, inner)
        await until(lambda: any(sn_in(body) == both.sn for body in both.heard_above))
        (answer,) = [body for body in both.heard_above if sn_in(body) == both.sn]
        assert tree_of(answer) == tree_of(printed("Notify", cmd_type, notice)), cmd_type


async def test_an_upper_hears_an_alarm_that_answers_its_question_once_though_alarms_are_pushed_to_it(both: Both):
    now = datetime.now(timezone(timedelta(hours=8))).strftime("%Y-%m-%dT%H:%M:%S")
    inner, notice = ANSWERED_BY_NOTIFY["Alarm"]
    notice = notice.replace("2024-05-06T07:08:09", now)

    def answers(asked: Any) -> list[Any]:
        if asked.root != "Query":
            return []
        body = both.lower.requests[-1].body
        both.heard_below.append(body)
        return [Raw(printed("Notify", "Alarm", notice, sn_in(body)), "Alarm")]

    both.lower.answer = answers  # type: ignore[method-assign]
    await both.ask("Query", "Alarm", inner)
    await until(lambda: both.heard_above)
    # What nobody asked for is news, and comes after whatever was to be said of the answer.
    await both.lower.raise_alarm(CAMERA, priority=3, method=5)
    await until(lambda: len(both.upper.alarms) >= 2)
    assert [alarm.priority for alarm in both.upper.alarms] == [1, 3]
    assert sn_in(both.heard_above[0]) == both.sn


async def test_a_place_told_under_a_number_of_its_own_answers_and_an_alarm_under_such_a_one_does_not(both: Both):
    own_sn = 7

    def tells(cmd_type: str) -> Callable[[Any], list[Any]]:
        def answers(asked: Any) -> list[Any]:
            if asked.root != "Query":
                return []
            both.heard_below.append(both.lower.requests[-1].body)
            notice = ANSWERED_BY_NOTIFY[cmd_type][1]
            return [Raw(printed("Notify", cmd_type, notice, own_sn), cmd_type)]

        return answers

    both.lower.answer = tells("MobilePosition")  # type: ignore[method-assign]
    await both.ask("Query", "MobilePosition", "<Interval>5</Interval>")
    assert parse(await both.answered()).cmd_type == "MobilePosition"

    both.lower.answer = tells("Alarm")  # type: ignore[method-assign]
    await both.ask("Query", "Alarm", ANSWERED_BY_NOTIFY["Alarm"][0])
    await until(lambda: both.heard_above)  # pushed as the news that it is
    assert [sn_in(body) == both.sn for body in both.heard_above] == [False]


async def test_what_is_told_of_ordered_work_later_reaches_whoever_ordered_it(both: Both):
    orders = (
        (
            ("DeviceControl", WITH_ANSWER["DeviceUpgrade"]),
            ("DeviceUpgradeResult", f"<SessionID>{SESSION}</SessionID><UpgradeResult>OK</UpgradeResult>"),
        ),
        (
            ("DeviceConfig", CONFIGURATIONS["SnapShotConfig"]),
            (
                "UploadSnapShotFinished",
                f"<SessionID>{SESSION}</SessionID><SnapShotList><SnapShotFileID>{CAMERA}022024050607081012301"
                "</SnapShotFileID></SnapShotList>",
            ),
        ),
    )
    for (kind, order), (news, inner) in orders:
        both.answer = kind, "<Result>OK</Result>"
        await both.ask("Control", kind, order)
        await both.answered()
        told = printed("Notify", news, inner, 9)
        assert (await both.lower.speaker.tell(Raw(told, news))).status == 200  # type: ignore[arg-type]
        await until(lambda: len(both.heard_above) == 2)
        assert tree_of(both.heard_above[-1]) == tree_of(told)
