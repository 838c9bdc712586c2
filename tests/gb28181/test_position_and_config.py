"""Places and looks of both editions, and configurations kept as trees."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gb28181.charset import Charset
from gb28181.edition import Edition
from gb28181.manscdp.config import Config, ConfigQuery, Setting
from gb28181.manscdp.message import Manscdp, answers, parse, serialise
from gb28181.manscdp.position import (
    Fix,
    Look,
    MobilePosition,
    MobilePositionQuery,
    PtzPosition,
    PtzPositionNotice,
    PtzPositionQuery,
)

CAR = "34010200001380000001"
AT = 1_714_950_495.0


def there_and_back(value: Manscdp, edition: Edition = Edition.V2022) -> Manscdp:
    return parse(serialise(value, Charset.GB18030, edition))


def test_sub_14_a_flat_report_of_2016_is_read_with_and_without_a_device() -> None:
    flat = (
        "<Notify><CmdType>MobilePosition</CmdType><SN>9</SN>{}<Time>2024-05-06T07:08:15</Time><Longitude>117.28</Longitude>"
        "<Latitude>31.86</Latitude><Speed></Speed><Direction>360</Direction><Altitude/></Notify>"
    )
    said = parse(flat.format("").encode())
    assert said == MobilePosition(9, "", AT, (Fix("", AT, 117.28, 31.86, direction=0.0),))
    named = parse(flat.format(f"<DeviceID>{CAR}</DeviceID>").encode())
    assert isinstance(named, MobilePosition) and named.fixes[0].device == CAR


def test_sub_15_a_list_of_2022_is_read_place_by_place() -> None:
    body = (
        f"<Notify><CmdType>MobilePosition</CmdType><SN>90</SN><DeviceID>{CAR}</DeviceID><Time>2024-05-06T07:08:15</Time>"
        f'<SumNum>2</SumNum><DeviceList Num="2"><Item><DeviceID>{CAR}</DeviceID>'
        "<CaptureTime>2024-05-06T07:08:14</CaptureTime><Longitude>117.283042</Longitude><Latitude>31.861190</Latitude>"
        "<Speed>36.5</Speed><Direction>128.0</Direction></Item><Item><DeviceID>x</DeviceID><Longitude>east</Longitude>"
        "</Item></DeviceList></Notify>"
    )
    said = parse(body.encode())
    fix = Fix(CAR, AT - 1, 117.283042, 31.86119, 36.5, 128.0)
    assert said == MobilePosition(90, CAR, AT, (fix,), damaged=1)


FIXES = st.builds(
    Fix,
    st.just(CAR),
    st.just(AT),
    st.floats(-180, 180).map(lambda degrees: round(degrees, 6)),
    st.floats(-90, 90).map(lambda degrees: round(degrees, 6)),
    st.none() | st.integers(0, 300).map(float),
    st.none() | st.integers(0, 359).map(float),
)


@settings(max_examples=40)
@given(st.lists(FIXES, max_size=4).map(tuple))
def test_places_are_read_as_they_were_written(fixes: tuple[Fix, ...]) -> None:
    said = MobilePosition(1, CAR, AT, fixes)
    assert there_and_back(said) == said
    assert there_and_back(said, Edition.V2016) == MobilePosition(1, CAR, AT, fixes[:1])


@pytest.mark.parametrize(
    "value",
    [
        MobilePositionQuery(1, CAR, 15),
        PtzPositionQuery(1, CAR),
        PtzPosition(1, CAR, Look(90.0, -12.5, 4.0, 60.0, None, 100.0)),
        PtzPosition(1, CAR, ok=False, reason="not supported"),
        PtzPositionNotice(1, CAR, Look(90.0, 12.5)),
        ConfigQuery(1, CAR, ("BasicParam", "OSDConfig")),
        Config(1, CAR, settings=(Setting("BasicParam", within=(Setting("Name", "东门 & <1>"),)),)),
        Config(1, CAR, False, "unknown kind"),
        Config(1, CAR, settings=(Setting("OSDConfig", within=(Setting("Item", "x", attributes=(("Num", '"'),)),)),)),
    ],
)
def test_each_is_read_as_it_was_written(value: Manscdp) -> None:
    assert there_and_back(value) == value


def test_an_interval_that_was_not_said_is_the_standards() -> None:
    read = parse(f"<Query><CmdType>MobilePosition</CmdType><SN>1</SN><DeviceID>{CAR}</DeviceID></Query>".encode())
    assert read == MobilePositionQuery(1, CAR, 5)


def test_qry_24_a_question_for_the_look_is_answered_by_a_response_and_not_by_a_notice() -> None:
    assert answers(PtzPositionQuery(4, CAR), PtzPosition(4, CAR))
    assert not answers(PtzPositionQuery(4, CAR), PtzPositionNotice(4, CAR))


def test_a_configuration_is_found_by_name_in_any_case() -> None:
    body = (
        f"<Response><CmdType>ConfigDownload</CmdType><SN>3</SN><DeviceID>{CAR}</DeviceID><Result>OK</Result>"
        "<SnapShot><SnapNum>3</SnapNum><uploadurl>http://x</uploadurl></SnapShot></Response>"
    )
    said = parse(body.encode())
    assert isinstance(said, Config) and said.ok
    assert said.settings[0].name == "SnapShot"
    found = said.settings[0].find("UploadURL")
    assert found is not None and found.text == "http://x"
    assert said.settings[0].find("Interval") is None


def test_a_configuration_of_a_thousand_thousand_elements_is_cut() -> None:
    many = "<a><b/></a>" * 50_000
    said = parse(f"<Response><CmdType>ConfigDownload</CmdType><SN>3</SN><X>{many}</X></Response>".encode())
    assert isinstance(said, Config)
    assert 0 < sum(1 + len(inner.within) for inner in said.settings[0].within) <= 4096
