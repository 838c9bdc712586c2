"""MANSCDP messages as strangers write them: samples composed for the reference, and the habits of section 10."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import msgspec
import pytest

from gb28181.charset import Charset
from gb28181.dialect import DIALECTS
from gb28181.edition import Edition
from gb28181.manscdp.alarm import Alarm, AlarmQuery, AlarmResponse
from gb28181.manscdp.catalog import Catalog, CatalogNotice, CatalogQuery, Item, as_notice
from gb28181.manscdp.control import (
    Box,
    ControlResponse,
    DeviceControl,
    HomePosition,
    PrecisePosition,
    Upgrade,
)
from gb28181.manscdp.device_info import DeviceInfo, DeviceInfoQuery
from gb28181.manscdp.device_status import DeviceStatus, DeviceStatusQuery, Duty
from gb28181.manscdp.keepalive import Keepalive
from gb28181.manscdp.message import Unknown, answers, expected, parse, serialise, sn_of, with_sn
from gb28181.manscdp.preset import Preset, PresetList, PresetQuery
from gb28181.manscdp.record_info import RecordInfo, RecordInfoQuery, RecordItem
from gb28181.manscdp.status import MediaStatus
from gb28181.manscdp.upgrade import UpgradeResult

CAMERA = "34010200001320000001"
NVR = "34010200001180000001"
SYSTEM = "34010200002000000001"
MAY_6 = 1714950489.0  # 2024-05-06T07:08:09 in Beijing


def control(inner: str) -> DeviceControl:
    value = parse(
        f"<Control><CmdType>DeviceControl</CmdType><SN>21</SN><DeviceID>{CAMERA}</DeviceID>{inner}</Control>".encode()
    )
    assert isinstance(value, DeviceControl)
    return value


SAMPLES = [
    (
        f"<Notify><CmdType>Keepalive</CmdType><SN>7</SN><DeviceID>{NVR}</DeviceID><Status>OK</Status>"
        "<Info><DeviceID>34010200001320000004</DeviceID></Info></Notify>",
        Keepalive(7, NVR, True, ("34010200001320000004",)),
    ),
    (
        f"<Response><CmdType>DeviceInfo</CmdType><SN>11</SN><DeviceID>{NVR}</DeviceID><DeviceName>Yard NVR</DeviceName>"
        "<Result>OK</Result><Manufacturer>ACME</Manufacturer><Model>R16</Model><Firmware>2.4.1</Firmware>"
        "<Channel>16</Channel></Response>",
        DeviceInfo(11, NVR, True, "Yard NVR", "ACME", "R16", "2.4.1", 16),
    ),
    (
        f"<Response><CmdType>DeviceStatus</CmdType><SN>12</SN><DeviceID>{NVR}</DeviceID><Result>OK</Result>"
        "<Online>ONLINE</Online><Status>OK</Status><Encode>ON</Encode><Record>OFF</Record>"
        '<DeviceTime>2024-05-06T07:08:09</DeviceTime><Alarmstatus num="1"><Item>'
        "<DeviceID>34010200001340000001</DeviceID>"
        "<DutyStatus>ONDUTY</DutyStatus></Item></Alarmstatus></Response>",
        DeviceStatus(
            12, NVR, encoding=True, recording=False, at=MAY_6, duties=(Duty("34010200001340000001", "ONDUTY"),)
        ),
    ),
    (
        f"<Query><CmdType>RecordInfo</CmdType><SN>13</SN><DeviceID>{CAMERA}</DeviceID>"
        "<StartTime>2024-05-06T07:08:09</StartTime><EndTime>2024-05-06T07:08:19</EndTime>"
        "<Secrecy>0</Secrecy><Type>all</Type><IndistinctQuery>0</IndistinctQuery></Query>",
        RecordInfoQuery(13, CAMERA, MAY_6, MAY_6 + 10),
    ),
    (
        f"<Response><CmdType>RecordInfo</CmdType><SN>13</SN><DeviceID>{CAMERA}</DeviceID><Name>Ring 01</Name>"
        f'<SumNum>2</SumNum><RecordList Num="2"><Item><DeviceID>{CAMERA}</DeviceID><Name>Ring 01</Name>'
        "<FilePath>/d1/0001</FilePath><StartTime>2024-05-06T07:08:09</StartTime><EndTime>2024-05-06T08:08:09</EndTime>"
        "<Secrecy>0</Secrecy><Type>time</Type><FileSize>943718400</FileSize></Item>"
        f"<Item><DeviceID>{CAMERA}</DeviceID><Name>Ring 01</Name><StartTime>2024-05-06T08:08:09</StartTime>"
        f"<Secrecy>1</Secrecy><Type>alarm</Type><RecordLocation>{NVR}</RecordLocation><StreamNumber>0</StreamNumber>"
        "</Item></RecordList></Response>",
        RecordInfo(
            13,
            CAMERA,
            "Ring 01",
            2,
            (
                RecordItem(CAMERA, "Ring 01", "/d1/0001", "", MAY_6, MAY_6 + 3600, False, "time", "", 943718400),
                RecordItem(
                    CAMERA,
                    "Ring 01",
                    start=MAY_6 + 3600,
                    secrecy=True,
                    kind="alarm",
                    location=NVR,
                    stream_number=0,
                ),
            ),
        ),
    ),
    (
        f"<Notify><CmdType>Alarm</CmdType><SN>12</SN><DeviceID>{CAMERA}</DeviceID><AlarmPriority>1</AlarmPriority>"
        "<AlarmMethod>5</AlarmMethod><AlarmTime>2024-05-06T07:08:09</AlarmTime><Info><AlarmType>6</AlarmType>"
        "<AlarmTypeParam><EventType>1</EventType></AlarmTypeParam></Info></Notify>",
        Alarm(12, CAMERA, 1, 5, MAY_6, alarm_type=6, event_type=1),
    ),
    (
        "<Notify><CmdType>Alarm</CmdType><SN>12</SN><DeviceID>3401020000</DeviceID></Notify>",
        Alarm(12, "3401020000"),
    ),
    (
        f"<Response><CmdType>PresetQuery</CmdType><SN>15</SN><DeviceID>{CAMERA}</DeviceID><SumNum>1</SumNum>"
        '<PresetList Num="1"><Item><PresetID>1</PresetID><PresetName>Gate</PresetName></Item></PresetList></Response>',
        PresetList(15, CAMERA, (Preset("1", "Gate"),), 1),
    ),
    (
        f"<Notify><CmdType>MediaStatus</CmdType><SN>8</SN><DeviceID>{CAMERA}</DeviceID><NotifyType>121</NotifyType>"
        "</Notify>",
        MediaStatus(8, CAMERA),
    ),
    (
        f"<Notify><CmdType>DeviceUpgradeResult</CmdType><SN>33</SN><DeviceID>{CAMERA}</DeviceID>"
        "<SessionID>0f7c2a54c1b84a2f9d1e66b0a3c4d5e7</SessionID><UpgradeResult>ERROR</UpgradeResult>"
        "<Firmware>2.4.1</Firmware><UpgradeFailedReason>02</UpgradeFailedReason></Notify>",
        UpgradeResult(33, CAMERA, "0f7c2a54c1b84a2f9d1e66b0a3c4d5e7", False, "2.4.1", "02"),
    ),
    (
        f"<Response><CmdType>DeviceControl</CmdType><SN>51</SN><DeviceID>{CAMERA}</DeviceID><Result>ERROR</Result>"
        "<Reason>busy</Reason></Response>",
        ControlResponse(51, CAMERA, False, "busy"),
    ),
    (
        f"<Response><CmdType>Catalog</CmdType><SN>1</SN><DeviceID>{NVR}</DeviceID><SumNum>0</SumNum></Response>",
        Catalog(1, NVR),
    ),
    (
        f"<Query><CmdType>Alarm</CmdType><SN>2</SN><DeviceID>{NVR}</DeviceID><StartAlarmPriority>1</StartAlarmPriority>"
        "<EndAlarmPriority>4</EndAlarmPriority><AlarmMethod>0</AlarmMethod><StartTime>2024-05-06T07:08:09</StartTime>"
        "</Query>",
        AlarmQuery(2, NVR, 1, 4, (), "", MAY_6),
    ),
]


@pytest.mark.parametrize(("text", "value"), SAMPLES, ids=lambda sample: type(sample).__name__)
def test_a_sample_means_what_the_reference_says(text: str, value: object) -> None:
    assert parse(text.encode()) == value


CONTROLS: list[tuple[str, dict[str, Any]]] = [
    ("<PTZCmd>A50F008100010036</PTZCmd>", {"ptz": "A50F008100010036"}),
    (
        "<PTZCmd>A50F008100010036</PTZCmd><PTZCmdParams><PresetName>Gate</PresetName></PTZCmdParams>",
        {"ptz": "A50F008100010036", "preset_name": "Gate"},
    ),
    (
        "<PTZCmd>A5</PTZCmd><PTZCmdParams><CruiseTrackName>Night</CruiseTrackName></PTZCmdParams>",
        {"ptz": "A5", "cruise_name": "Night"},
    ),
    (
        "<PTZCmd>A5</PTZCmd><Info><ControlPriority>5</ControlPriority></Info>",
        {"ptz": "A5", "priority": 5},
    ),
    ("<TeleBoot>Boot</TeleBoot>", {"teleboot": True}),
    ("<RecordCmd>Record</RecordCmd><StreamNumber>0</StreamNumber>", {"record": True, "stream_number": 0}),
    ("<RecordCmd>StopRecord</RecordCmd>", {"record": False}),
    ("<GuardCmd>SetGuard</GuardCmd>", {"guard": True}),
    ("<GuardCmd>ResetGuard</GuardCmd>", {"guard": False}),
    (
        "<AlarmCmd>ResetAlarm</AlarmCmd><Info><AlarmMethod>2</AlarmMethod><AlarmType>1</AlarmType></Info>",
        {"alarm_reset": True, "alarm_method": "2", "alarm_type": "1"},
    ),
    ("<IFameCmd>Send</IFameCmd>", {"i_frame": True}),
    ("<IFrameCmd>Send</IFrameCmd>", {"i_frame": True}),
    (
        "<DragZoomIn><Length>1280</Length><Width>720</Width><MidPointX>640</MidPointX><MidPointY>360</MidPointY>"
        "<LengthX>320</LengthX><LengthY>180</LengthY></DragZoomIn>",
        {"zoom_in": Box(1280, 720, 640, 360, 320, 180)},
    ),
    (
        "<DragZoomOut><Length>1280</Length><Width>720</Width><MidPointX>640</MidPointX><MidPointY>360</MidPointY>"
        "<LengthX>320</LengthX><LengthY>180</LengthY></DragZoomOut>",
        {"zoom_out": Box(1280, 720, 640, 360, 320, 180)},
    ),
    ("<DragZoomIn><Length>1280</Length></DragZoomIn>", {}),
    (
        "<HomePosition><Enabled>1</Enabled><ResetTime>120</ResetTime><PresetIndex>3</PresetIndex></HomePosition>",
        {"home_position": HomePosition(True, 120, 3)},
    ),
    (
        "<PTZPreciseCtrl><Pan>90.00</Pan><Tilt>12.50</Tilt><Zoom>4.00</Zoom></PTZPreciseCtrl>",
        {"precise": PrecisePosition(90.0, 12.5, 4.0)},
    ),
    (
        "<DeviceUpgrade><Firmware>2.5.0</Firmware><FileURL>http://192.0.2.10/fw.bin</FileURL>"
        "<Manufacturer>ACME</Manufacturer><SessionID>0f7c2a54c1b84a2f9d1e66b0a3c4d5e7</SessionID></DeviceUpgrade>",
        {"upgrade": Upgrade("2.5.0", "http://192.0.2.10/fw.bin", "ACME", "0f7c2a54c1b84a2f9d1e66b0a3c4d5e7")},
    ),
    ("<FormatSDCard>0</FormatSDCard>", {"format_card": 0}),
    (
        "<TargetTrack>Manual</TargetTrack><DeviceID2>34010200001320000002</DeviceID2><TargetArea><Length>1920</Length>"
        "<Width>540</Width><MidPointX>900</MidPointX><MidPointY>200</MidPointY><LengthX>80</LengthX>"
        "<LengthY>160</LengthY></TargetArea>",
        {
            "track": "Manual",
            "track_panorama": "34010200001320000002",
            "target_area": Box(1920, 540, 900, 200, 80, 160),
        },
    ),
    ("<TargetTrack>Auto</TargetTrack>", {"track": "Auto"}),
    ("<TargetTrack>Stop</TargetTrack>", {"track": "Stop"}),
    ("<Info>one</Info><ExtraInfo>two</ExtraInfo>", {"extra": ("one", "two")}),
]


@pytest.mark.parametrize(("inner", "said"), CONTROLS, ids=[inner[:40] for inner, _ in CONTROLS])
def test_every_control_is_read_and_comes_back(inner: str, said: dict[str, Any]) -> None:
    value = control(inner)
    assert value == DeviceControl(21, CAMERA, **said)
    assert parse(serialise(value, Charset.GB18030, Edition.V2022)) == value


def test_only_the_controls_that_the_standard_answers_want_an_answer() -> None:
    answered = {"record", "guard", "alarm_reset", "home_position", "upgrade"}
    for _, said in CONTROLS:
        assert DeviceControl(1, CAMERA, **said).wants_answer == bool(answered & said.keys())


def test_the_key_frame_command_is_spelt_by_edition_and_twice_for_who_needs_it() -> None:
    wish = DeviceControl(1, CAMERA, i_frame=True)

    def spelt(edition: Edition, dialect: str = "standard") -> set[bytes]:
        body = serialise(wish, Charset.GB2312, edition, DIALECTS[dialect])
        return {name for name in (b"<IFameCmd>Send", b"<IFrameCmd>Send") if name in body}

    assert spelt(Edition.V2016) == {b"<IFameCmd>Send"}
    assert spelt(Edition.V2022) == {b"<IFrameCmd>Send"}
    assert spelt(Edition.V2016, "both-key-frame-names") == {b"<IFameCmd>Send", b"<IFrameCmd>Send"}


def test_extension_texts_are_named_by_edition() -> None:
    wish = DeviceControl(1, CAMERA, extra=("x",))
    assert b"<Info>x</Info>" in serialise(wish, Charset.GB2312, Edition.V2016)
    assert b"<ExtraInfo>x</ExtraInfo>" in serialise(wish, Charset.GB18030, Edition.V2022)


def test_alarm_methods_are_combined_by_edition_and_read_in_both_ways() -> None:
    query = AlarmQuery(1, NVR, methods=(1, 2, 5))
    assert b"<AlarmMethod>125<" in serialise(query, Charset.GB2312, Edition.V2016)
    assert b"<AlarmMethod>1/2/5<" in serialise(query, Charset.GB18030, Edition.V2022)
    assert b"<AlarmMethod>0<" in serialise(AlarmQuery(1, NVR), Charset.GB18030, Edition.V2022)
    for edition in Edition:
        assert parse(serialise(query, Charset.GB2312, edition)) == query


def test_the_catalog_query_is_the_146_bytes_of_the_sample() -> None:
    body = serialise(CatalogQuery(4711, NVR), Charset.GB2312, Edition.V2016)
    assert len(body) == 146
    assert body.startswith(b'<?xml version="1.0" encoding="GB2312"?>\r\n<Query>\r\n<CmdType>Catalog</CmdType>\r\n')


@pytest.mark.parametrize("charset", Charset)
def test_the_declaration_names_the_charset(charset: Charset) -> None:
    body = serialise(Keepalive(1, NVR), charset, Edition.V2022)
    assert body.startswith(f'<?xml version="1.0" encoding="{charset}"?>'.encode())


def one_item(inner: str, root: str = "Response") -> Item:
    value = parse(
        f"<{root}><CmdType>Catalog</CmdType><SN>1</SN><DeviceID>{NVR}</DeviceID><SumNum>1</SumNum>"
        f'<DeviceList Num="1"><Item><DeviceID>{CAMERA}</DeviceID>{inner}</Item></DeviceList></{root}>'.encode()
    )
    assert isinstance(value, Catalog | CatalogNotice)
    assert value.damaged == 0
    return value.items[0]


@pytest.mark.parametrize(
    ("inner", "attribute", "value"),
    [
        ("<Status>ON</Status>", "status_on", True),
        ("<Status>OFF</Status>", "status_on", False),
        ("<Status>ONLINE</Status>", "status_on", True),
        ("<Status>Offline</Status>", "status_on", False),
        ("<Status>OK</Status>", "status_on", True),
        ("<Status>whatever</Status>", "status_on", True),
        ("<Parental>1</Parental>", "parental", True),
        ("<Parental>65535</Parental>", "parental", True),
        ("<Parental>0</Parental>", "parental", False),
        ("<Parental>-</Parental>", "parental", False),
        (f"<ParentID>{SYSTEM}</ParentID>", "parent_ids", (SYSTEM,)),
        (f"<ParentID> {SYSTEM} / 34010200002160000001//</ParentID>", "parent_ids", (SYSTEM, "34010200002160000001")),
        (f"<ParentID>{CAMERA}</ParentID>", "parent_ids", ()),
        (f"<ParentID>{SYSTEM}/{CAMERA}</ParentID>", "parent_ids", (SYSTEM,)),
        ("<ParentID/>", "parent_ids", ()),
        ("<Longitude>117.31</Longitude>", "longitude", 117.31),
        ("<Longitude>117.31E</Longitude>", "longitude", 117.31),
        ("<Longitude>117,31</Longitude>", "longitude", 117.31),
        ("<Longitude>null</Longitude>", "longitude", None),
        ("<Longitude>-</Longitude>", "longitude", None),
        ("<Longitude></Longitude>", "longitude", None),
        ("<Longitude>nan</Longitude>", "longitude", None),
        ("<Longitude>0</Longitude><Latitude>0.000</Latitude>", "longitude", None),
        ("<Longitude>0</Longitude><Latitude>51.5</Latitude>", "longitude", 0.0),
        ("<BusinessGroupID>g</BusinessGroupID>", "business_group", "g"),
        ("<Info><BusinessGroupID>g</BusinessGroupID></Info>", "business_group", "g"),
        ("<PTZType>1</PTZType>", "ptz_type", 1),
        ("<Info><PTZType>1</PTZType></Info>", "ptz_type", 1),
        ("<info><ptztype>1</ptztype></info>", "ptz_type", 1),
        ("<Info><PTZType></PTZType></Info>", "ptz_type", None),
        ("<Info><StreamNumberList>0/1/2</StreamNumberList></Info>", "stream_numbers", (0, 1, 2)),
        ("<Info><InstallTime>2024-05-06T07:08:09</InstallTime></Info>", "install_time", MAY_6),
        ("<Info>a text</Info><ExtraInfo>x</ExtraInfo>", "extra", ("a text", "x")),
        ("<VendorThing>1</VendorThing>", "name", ""),
        ("<Event>ON </Event>", "event", "ON"),
        ("<Event>off</Event>", "event", "OFF"),
        ("<Name> 东门 </Name>", "name", "东门"),
        ("<Name>" + "x" * 2000 + "</Name>", "name", "x" * 1024),
        ("<Port>5060</Port>", "port", 5060),
        ("<Port>5060.0</Port>", "port", 5060),
        ("<Port>99999999999999999999999</Port>", "port", None),
        ("<RegisterWay></RegisterWay>", "register_way", 1),
    ],
)
def test_an_item_is_read_with_the_tolerance_the_field_demands(inner: str, attribute: str, value: object) -> None:
    assert getattr(one_item(inner), attribute) == value


def test_a_password_in_a_catalog_is_neither_kept_nor_passed_on() -> None:
    item = one_item("<Password>secret</Password>")
    assert "secret" not in repr(item)


def test_every_element_of_an_item_has_a_place() -> None:
    """Signalling reference 4.6.1: whatever an item of either edition says is kept, and written to who can read it."""
    numbers = {field.name for field in msgspec.structs.fields(Item) if "int" in str(field.type)}
    item = Item(
        CAMERA,
        **{
            field.name: _some(field.name, numbers)
            for field in msgspec.structs.fields(Item)
            if field.name not in ("code", "event")
        },
    )
    kept: set[str] = set()
    for edition in (Edition.V2016, Edition.V2022):
        read = parse(serialise(Catalog(1, NVR, 1, (item,)), Charset.GB18030, edition))
        assert isinstance(read, Catalog)
        kept |= {name for name in Item.__struct_fields__ if getattr(read.items[0], name) == getattr(item, name)}
    assert kept == set(Item.__struct_fields__)


def _some(name: str, numbers: set[str]) -> Any:
    known: dict[str, object] = {
        "parent_ids": (SYSTEM, "34010200002160000001"),
        "stream_numbers": (0, 1),
        "extra": ("one", "two"),
        "status_on": False,
        "parental": True,
        "secrecy": True,
        "end_time": MAY_6,
        "install_time": MAY_6,
    }
    floats = {"longitude", "latitude", "horizontal_angle", "vertical_angle", "max_view_distance_m"}
    return known.get(name, 12.5 if name in floats else 3 if name in numbers else f"some {name}")


@pytest.mark.parametrize(
    ("item", "edition", "elements"),
    [
        (Item("340102", "Yaohai"), Edition.V2022, "DeviceID Name"),
        (Item("34010200002150000001", "g", parent_ids=(SYSTEM,)), Edition.V2016, "DeviceID Name ParentID"),
        (
            Item("34010200002150000001", "g", civil_code="340102", parent_ids=(SYSTEM,)),
            Edition.V2022,
            "DeviceID Name CivilCode ParentID",
        ),
        (
            Item("34010200002160000001", "o", business_group="34010200002150000001"),
            Edition.V2016,
            "DeviceID Name BusinessGroupID",
        ),
        (
            Item(CAMERA, "c"),
            Edition.V2022,
            "DeviceID Name Manufacturer Model CivilCode Address Parental ParentID RegisterWay Secrecy Status",
        ),
        (
            Item(CAMERA, "c"),
            Edition.V2016,
            "DeviceID Name Manufacturer Model Owner CivilCode Address Parental ParentID RegisterWay Secrecy Status",
        ),
        (Item(CAMERA, "c", event="OFF"), Edition.V2022, "DeviceID Event"),
        (
            Item(CAMERA, "c", event="ADD"),
            Edition.V2022,
            "DeviceID Event Name Manufacturer Model CivilCode Address Parental ParentID RegisterWay Secrecy Status",
        ),
    ],
)
def test_an_item_is_written_with_the_elements_of_its_kind(item: Item, edition: Edition, elements: str) -> None:
    body = serialise(Catalog(1, NVR, 1, (item,)), Charset.GB2312, edition).decode("gb18030")
    line = next(line for line in body.splitlines() if line.startswith("<Item>"))
    opened = [piece.partition(">")[0] for piece in line.split("<") if piece and not piece.startswith("/")]
    assert opened == ["Item", *elements.split()]


def test_an_empty_catalog_has_no_list_element() -> None:
    assert b"DeviceList" not in serialise(Catalog(1, NVR), Charset.GB2312, Edition.V2016)


def test_news_of_a_catalog_is_read_under_either_root() -> None:
    assert one_item("<Event>DEL</Event>", "Notify").event == "DEL"
    part = parse(serialise(Catalog(1, NVR, 1, (Item(CAMERA, event="OFF"),)), Charset.GB2312, Edition.V2016))
    assert isinstance(part, Catalog)
    assert as_notice(part) == CatalogNotice(1, NVR, 1, (Item(CAMERA, event="OFF"),))


@pytest.mark.parametrize(
    ("said", "sum_num"),
    [
        ("", 1),
        ("<SumNum/>", 1),
        ("<SumNum>-3</SumNum>", 1),
        ("<SumNum>9</SumNum>", 9),
        ("<SumNum>99999999999</SumNum>", 1),
    ],
)
def test_a_catalog_without_its_sum_counts_what_it_has(said: str, sum_num: int) -> None:
    listed = "<DeviceList><Item><DeviceID>x</DeviceID></Item></DeviceList>"
    value = parse(f"<Response><CmdType>Catalog</CmdType><SN>1</SN>{said}{listed}</Response>".encode())
    assert expected(value) == (sum_num, 1)


@pytest.mark.parametrize(
    "body",
    [
        "<Notify><CmdType>Keepalive</CmdType><SN>7</SN><DeviceID>x</DeviceID></Notify>",
        "<Response><CmdType>Keepalive</CmdType><SN>7</SN><DeviceID>x</DeviceID><Status>OK</Status></Response>",
        "<Notify><CmdType>keepalive</CmdType><DeviceID>x</DeviceID><SN> 7 </SN></Notify>",
        "<Notify><DeviceID>x</DeviceID><Status>ok</Status><SN>7</SN><CmdType>Keepalive</CmdType></Notify>",
    ],
)
def test_a_keepalive_is_one_however_it_is_written(body: str) -> None:
    assert parse(body.encode()) == Keepalive(7, "x")


def test_a_message_of_unknown_kind_is_kept_for_eyes_and_not_written() -> None:
    text = "<Notify><CmdType>ECSAlarm</CmdType><SN>3</SN><DeviceID>x</DeviceID><What>门</What></Notify>"
    value = parse(text.encode("gbk"))
    assert value == Unknown("Notify", "ECSAlarm", 3, "x", text)
    with pytest.raises(ValueError):
        serialise(value, Charset.GB2312, Edition.V2016)


def test_an_answer_belongs_to_the_query_of_its_kind_and_sn() -> None:
    query = CatalogQuery(5, NVR)
    assert answers(query, Catalog(5, NVR))
    assert not answers(query, Catalog(6, NVR))
    assert not answers(query, DeviceInfo(5, NVR))
    assert not answers(query, CatalogNotice(5, NVR))
    assert answers(query, ControlResponse(5, NVR, False, cmd_type="Catalog"))
    assert not answers(query, ControlResponse(5, NVR, False))
    assert answers(DeviceControl(5, NVR, guard=True), ControlResponse(5, NVR))
    assert not answers(Keepalive(5, NVR), ControlResponse(5, NVR))
    assert not answers(Unknown("Query", "X", 5, NVR, ""), ControlResponse(5, NVR))


QUERIES = [CatalogQuery, DeviceInfoQuery, DeviceStatusQuery, RecordInfoQuery, AlarmQuery, PresetQuery]


@pytest.mark.parametrize("query", QUERIES)
def test_every_query_says_what_answers_it_and_takes_another_sn(query: Any) -> None:
    assert list(query.__slots__) == [field.name for field in fields(query)]
    again = with_sn(query(1, NVR), 77)
    assert (sn_of(again), again.device) == (77, NVR)
    assert query.in_parts == (expected(query.answer_type(1, NVR)) is not None)


def test_only_lists_in_parts_are_expected_to_have_more() -> None:
    assert expected(RecordInfo(1, NVR, sum_num=5)) == (5, 0)
    assert expected(AlarmResponse(1, NVR)) is None
