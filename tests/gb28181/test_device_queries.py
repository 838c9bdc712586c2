"""Home positions, cruises, cards and settings on the wire, in both editions, from the honest and from strangers."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gb28181.charset import Charset
from gb28181.edition import Edition
from gb28181.manscdp.config import MOST_BRANCHES, DeviceConfig, Setting
from gb28181.manscdp.control import ControlResponse, HomePosition
from gb28181.manscdp.cruise import (
    MOST_TRACKS,
    CruisePoint,
    CruisePoints,
    CruiseTrack,
    CruiseTrackList,
    CruiseTrackListQuery,
    CruiseTrackQuery,
)
from gb28181.manscdp.home_position import HomePositionAnswer, HomePositionQuery
from gb28181.manscdp.message import Manscdp, answers, parse, serialise
from gb28181.manscdp.sd_card import MOST_CARDS, SdCard, SdCardStatus, SdCardStatusQuery

DOME = "34010200001320000001"
NAME = Setting("BasicParam", within=(Setting("Name", "东门 & <1>"), Setting("HeartBeatInterval", "30")))

VALUES: list[Manscdp] = [
    HomePositionQuery(1, DOME),
    HomePositionAnswer(1, DOME, HomePosition(True, 120, 1)),
    HomePositionAnswer(1, DOME, HomePosition(False)),
    HomePositionAnswer(1, DOME),
    HomePositionAnswer(1, DOME, ok=False, reason="不支持"),
    CruiseTrackListQuery(1, DOME),
    CruiseTrackList(1, DOME, (CruiseTrack(0, "夜巡"), CruiseTrack(3)), 2),
    CruiseTrackList(1, DOME, (), 0),
    CruiseTrackList(1, DOME, (), 0, False, "not supported"),
    CruiseTrackQuery(1, DOME, 3),
    CruisePoints(1, DOME, 3, "夜巡", (CruisePoint(1, 15, 8), CruisePoint(3, 15, 8), CruisePoint(1, 15, 8)), 3),
    CruisePoints(1, DOME, 0, "", (), 0),
    SdCardStatusQuery(1, DOME),
    SdCardStatus(1, DOME, (SdCard(1, "SD1", "formatting", 40, 61_440, 0), SdCard(2, "SD2")), 2),
    SdCardStatus(1, DOME, (), 0),
    DeviceConfig(1, DOME, (NAME,)),
    DeviceConfig(1, DOME, (Setting("FrameMirror", "3"),)),
    DeviceConfig(1, DOME, (Setting("RegionList", within=(Setting("Item", "x"),), attributes=(("Num", "1"),)),)),
]


@pytest.mark.parametrize("edition", [Edition.V2016, Edition.V2022])
@pytest.mark.parametrize("value", VALUES)
def test_each_is_read_as_it_was_written_in_either_edition(value: Manscdp, edition: Edition) -> None:
    assert parse(serialise(value, Charset.GB18030, edition)) == value


def test_the_printed_form_is_the_standards() -> None:
    body = serialise(CruisePoints(18, DOME, 0, "Night", (CruisePoint(1, 15, 8),)), Charset.GB18030, Edition.V2022)
    assert body.decode("gb18030").split("\r\n")[4:] == [
        f"<DeviceID>{DOME}</DeviceID>",
        "<Number>0</Number>",
        "<Name>Night</Name>",
        "<SumNum>1</SumNum>",
        '<CruisePointList Num="1">',
        "<CruisePoint><PresetIndex>1</PresetIndex><StayTime>15</StayTime><Speed>8</Speed></CruisePoint>",
        "</CruisePointList>",
        "</Response>",
        "",
    ]


def test_a_card_is_read_from_what_devices_really_write() -> None:
    said = parse(
        f"<Response><CmdType>StorageCardStatusQuery</CmdType><SN>20</SN><DeviceID>{DOME}</DeviceID><SumNum>3</SumNum>"
        "<SDCardStatusInfo Num='3'><Item><ID>1</ID><HddName>sd</HddName><Status>OK</Status><Capacity>30436</Capacity>"
        "<FreeSpace>-1</FreeSpace></Item><Item><ID>2</ID><Status>formatting</Status><FormatProgress>700</FormatProgress>"
        "</Item><Item><HddName>?</HddName></Item></SDCardStatusInfo></Response>".encode()
    )
    cards = (SdCard(1, "sd", "ok", None, 30436, 0), SdCard(2, "", "formatting", 100))
    assert said == SdCardStatus(20, DOME, cards, 3, damaged=1)


def test_lists_without_end_are_cut() -> None:
    head = f"<Response><CmdType>{{}}</CmdType><SN>1</SN><DeviceID>{DOME}</DeviceID>"
    tracks = head.format("CruiseTrackListQuery") + "<CruiseTrackList>"
    tracks += "<CruiseTrack><Number>1</Number></CruiseTrack>" * 5000 + "</CruiseTrackList></Response>"
    said = parse(tracks.encode())
    assert isinstance(said, CruiseTrackList) and len(said.tracks) == MOST_TRACKS
    cards = head.format("SDCardStatus") + "<SDCardStatusInfo>" + "<Item><ID>1</ID></Item>" * 900
    held = parse((cards + "</SDCardStatusInfo></Response>").encode())
    assert isinstance(held, SdCardStatus) and len(held.cards) == MOST_CARDS
    wishes = head.format("DeviceConfig").replace("Response", "Control") + "<X>" + "<y/>" * 9000 + "</X></Control>"
    wish = parse(wishes.encode())
    assert isinstance(wish, DeviceConfig) and len(wish.settings[0].within) <= MOST_BRANCHES


KINDS = ["HomePositionQuery", "CruiseTrackListQuery", "CruiseTrackQuery", "SDCardStatus", "DeviceConfig"]
WORDS = ["Number", "Item", "HomePosition", "Enabled", "CruisePointList", "CruisePoint", "PresetIndex", "ID", "SumNum"]


@st.composite
def nonsense(draw: st.DrawFn) -> str:
    if draw(st.integers(0, 3)):
        name = draw(st.sampled_from(WORDS))
        return f"<{name}>{draw(st.deferred(nonsense))}</{name}>"
    return draw(st.sampled_from(["", "-1", "1e9", "9" * 40, "&amp;", "东", "0", "\x00"]))


@settings(max_examples=150)
@given(st.sampled_from(KINDS), st.sampled_from(["Query", "Response", "Control"]), nonsense(), st.integers(0, 200))
def test_nonsense_is_read_or_refused(kind: str, root: str, inner: str, cut: int) -> None:
    text = f"<{root}><CmdType>{kind}</CmdType><SN>1</SN>{inner}</{root}>"
    for body in (text.encode(), text.encode()[:cut]):
        try:
            parse(body)
        except ValueError:
            continue


def test_ctl_18_a_setting_is_answered_by_its_result() -> None:
    assert answers(DeviceConfig(4, DOME, (NAME,)), ControlResponse(4, DOME, cmd_type="DeviceConfig"))
    assert not answers(DeviceConfig(4, DOME, (NAME,)), ControlResponse(4, DOME))
