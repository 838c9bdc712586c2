"""Every type of configuration, read and written by its one description, against bytes written by hand."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gb28181.charset import Charset
from gb28181.edition import Edition
from gb28181.manscdp.config import CONFIG_TYPES, CONFIG_TYPES_2016, Config, DeviceConfig
from gb28181.manscdp.message import parse, serialise
from gb28181.settings.agreeing import Difference, differences
from gb28181.settings.field import Field, Kind, SettingType, Value
from gb28181.settings.reading import Told, find, read
from gb28181.settings.types import TYPES
from gb28181.settings.writing import Unfit, write

CAMERA = "34010200001320000001"

# A value of each type, and the very element that the standard prints for it: names and order are typed off the text.
SAMPLES: list[tuple[str, str, Value, str]] = [
    (
        "BasicParam",
        "2022",
        {"Name": "院 NVR", "Expiration": 86400, "HeartBeatInterval": 60, "HeartBeatCount": 3},
        "<BasicParam><Name>院 NVR</Name><Expiration>86400</Expiration><HeartBeatInterval>60</HeartBeatInterval>"
        "<HeartBeatCount>3</HeartBeatCount></BasicParam>",
    ),
    (
        "BasicParam",
        "2016",
        {"HeartBeatInterval": 5},
        "<BasicParam><HeartBeatInterval>5</HeartBeatInterval></BasicParam>",
    ),
    (
        "SVACEncodeConfig",
        "2016",
        {
            "ROIParam": {
                "ROIFlag": True,
                "Item": [{"ROISeq": 1, "TopLeft": 0, "BottomRight": 19683, "ROIQP": 3}],
                "BackGroundQP": 2,
                "BackGroundSkipFlag": False,
            },
            "AudioParam": {"AudioRecognitionFlag": True},
        },
        "<SVACEncodeConfig><ROIParam><ROIFlag>1</ROIFlag><ROINumber>1</ROINumber><Item><ROISeq>1</ROISeq>"
        "<TopLeft>0</TopLeft><BottomRight>19683</BottomRight><ROIQP>3</ROIQP></Item><BackGroundQP>2</BackGroundQP>"
        "<BackGroundSkipFlag>0</BackGroundSkipFlag></ROIParam><AudioParam><AudioRecognitionFlag>1"
        "</AudioRecognitionFlag></AudioParam></SVACEncodeConfig>",
    ),
    (
        "SVACEncodeConfig",
        "2022",
        {
            "ROIParam": {"ROIFlag": False, "Item": []},
            "SVCParam": {"SVCSpaceDomainMode": "1", "SVCTimeDomainMode": "2", "SSVCRatioValue": "4:3"},
        },
        "<SVACEncodeConfig><ROIParam><ROIFlag>0</ROIFlag><ROINumber>0</ROINumber></ROIParam><SVCParam>"
        "<SVCSpaceDomainMode>1</SVCSpaceDomainMode><SVCTimeDomainMode>2</SVCTimeDomainMode>"
        "<SSVCRatioValue>4:3</SSVCRatioValue></SVCParam></SVACEncodeConfig>",
    ),
    (
        "SVACDecodeConfig",
        "2016",
        {
            "SVCParam": {"SVCSTMMode": "3"},
            "SurveillanceParam": {"TimeShowFlag": True, "EventShowFlag": False, "AlerShowtFlag": True},
        },
        "<SVACDecodeConfig><SVCParam><SVCSTMMode>3</SVCSTMMode></SVCParam><SurveillanceParam><TimeShowFlag>1"
        "</TimeShowFlag><EventShowFlag>0</EventShowFlag><AlerShowtFlag>1</AlerShowtFlag></SurveillanceParam>"
        "</SVACDecodeConfig>",
    ),
    (
        "SVACDecodeConfig",
        "2022",
        {
            "SVCParam": {"SVCSTMMode": "0"},
            "SurveillanceParam": {
                "TimeShowFlag": True,
                "OSDShowFlag": False,
                "AIShowFlag": True,
                "GISShowFlag": False,
            },
        },
        "<SVACDecodeConfig><SVCParam><SVCSTMMode>0</SVCSTMMode></SVCParam><SurveillanceParam><TimeShowFlag>1"
        "</TimeShowFlag><OSDShowFlag>0</OSDShowFlag><AIShowFlag>1</AIShowFlag><GISShowFlag>0</GISShowFlag>"
        "</SurveillanceParam></SVACDecodeConfig>",
    ),
    (
        "VideoParamAttribute",
        "2022",
        [
            {
                "StreamNumber": 0,
                "VideoFormat": "5",
                "Resolution": "6",
                "FrameRate": 25,
                "BitRateType": "1",
                "VideoBitRate": 4096,
            },
            {"StreamNumber": 1, "VideoFormat": "2", "Resolution": "640x360", "FrameRate": 15, "BitRateType": "2"},
        ],
        '<VideoParamAttribute Num="2"><Item><StreamNumber>0</StreamNumber><VideoFormat>5</VideoFormat>'
        "<Resolution>6</Resolution><FrameRate>25</FrameRate><BitRateType>1</BitRateType>"
        "<VideoBitRate>4096</VideoBitRate></Item><Item><StreamNumber>1</StreamNumber><VideoFormat>2</VideoFormat>"
        "<Resolution>640x360</Resolution><FrameRate>15</FrameRate><BitRateType>2</BitRateType></Item>"
        "</VideoParamAttribute>",
    ),
    (
        "VideoRecordPlan",
        "2022",
        {
            "RecordEnable": True,
            "RecordSchedule": [
                {
                    "WeekDayNum": 1,
                    "TimeSegment": [
                        {"StartHour": 8, "StartMin": 0, "StartSec": 0, "StopHour": 18, "StopMin": 30, "StopSec": 59}
                    ],
                }
            ],
            "StreamNumber": 0,
        },
        "<VideoRecordPlan><RecordEnable>1</RecordEnable><RecordScheduleSumNum>1</RecordScheduleSumNum><RecordSchedule>"
        "<WeekDayNum>1</WeekDayNum><TimeSegmentSumNum>1</TimeSegmentSumNum><TimeSegment><StartHour>8</StartHour>"
        "<StartMin>0</StartMin><StartSec>0</StartSec><StopHour>18</StopHour><StopMin>30</StopMin><StopSec>59</StopSec>"
        "</TimeSegment></RecordSchedule><StreamNumber>0</StreamNumber></VideoRecordPlan>",
    ),
    (
        "VideoAlarmRecord",
        "2022",
        {"RecordEnable": True, "RecordTime": 30, "PreRecordTime": 5, "StreamNumber": 0},
        "<VideoAlarmRecord><RecordEnable>1</RecordEnable><RecordTime>30</RecordTime><PreRecordTime>5</PreRecordTime>"
        "<StreamNumber>0</StreamNumber></VideoAlarmRecord>",
    ),
    (
        "PictureMask",
        "2022",
        {"On": True, "RegionList": [{"Seq": 1, "Point": [20, 30, 50, 60]}]},
        '<PictureMask><On>1</On><SumNum>1</SumNum><RegionList Num="1"><Item><Seq>1</Seq><Point>20,30,50,60</Point>'
        "</Item></RegionList></PictureMask>",
    ),
    (
        "PictureMask",
        "2022",
        {"On": False, "RegionList": []},
        '<PictureMask><On>0</On><SumNum>0</SumNum><RegionList Num="0"></RegionList></PictureMask>',
    ),
    ("FrameMirror", "2022", "3", "<FrameMirror>3</FrameMirror>"),
    (
        "AlarmReport",
        "2022",
        {"MotionDetection": True, "FieldDetection": False},
        "<AlarmReport><MotionDetection>1</MotionDetection><FieldDetection>0</FieldDetection></AlarmReport>",
    ),
    (
        "OSDConfig",
        "2022",
        {
            "Length": 1920,
            "Width": 1080,
            "TimeX": 16,
            "TimeY": 16,
            "TimeEnable": True,
            "TimeType": "0",
            "TextEnable": True,
            "Item": [{"Text": "环路 & 01", "X": 16, "Y": 1000}],
        },
        "<OSDConfig><Length>1920</Length><Width>1080</Width><TimeX>16</TimeX><TimeY>16</TimeY>"
        "<TimeEnable>1</TimeEnable><TimeType>0</TimeType><TextEnable>1</TextEnable><SumNum>1</SumNum>"
        "<Item><Text>环路 &amp; 01</Text><X>16</X><Y>1000</Y></Item></OSDConfig>",
    ),
    (
        "SnapShotConfig",
        "2022",
        {
            "SnapNum": 3,
            "Interval": 2,
            "UploadURL": "http://192.0.2.10:8080/snap/7d1f",
            "SessionID": "0f7c2a54c1b84a2f9d1e66b0a3c4d5e6",
        },
        "<SnapShotConfig><SnapNum>3</SnapNum><Interval>2</Interval>"
        "<UploadURL>http://192.0.2.10:8080/snap/7d1f</UploadURL>"
        "<SessionID>0f7c2a54c1b84a2f9d1e66b0a3c4d5e6</SessionID></SnapShotConfig>",
    ),
]
NAMED = [pytest.param(*sample, id=f"{sample[0]}-{sample[1]}-{number}") for number, sample in enumerate(SAMPLES)]


def wire(kind: str, year: str, value: Value) -> str:
    """The element as it stands in a DeviceConfig on the wire."""
    message = DeviceConfig(1, CAMERA, (write(TYPES[kind], value, year),))
    edition = Edition.V2022 if year == "2022" else Edition.V2016
    text = serialise(message, Charset.GB18030, edition).decode("gb18030")
    return text.split("</DeviceID>\r\n", 1)[1].replace("\r\n</Control>", "").strip()


def told(kind: str, element: str) -> Told:
    """What a device tells with this element in its answer."""
    text = f"<Response><CmdType>ConfigDownload</CmdType><SN>1</SN><Result>OK</Result>{element}</Response>"
    answer = parse(text.encode("gb18030"))
    assert isinstance(answer, Config)
    setting = find(TYPES[kind], answer.settings)
    assert setting is not None
    return read(TYPES[kind], setting)


def test_there_is_a_description_of_every_type_of_either_edition() -> None:
    assert tuple(TYPES) == CONFIG_TYPES
    assert tuple(name for name, kind in TYPES.items() if "2016" in kind.years) == CONFIG_TYPES_2016
    assert {kind for kind, *_ in SAMPLES} == {name for name, kind in TYPES.items() if kind.form.set}


@pytest.mark.parametrize(("kind", "year", "value", "element"), NAMED)
def test_a_setting_is_printed_as_the_standard_has_it(kind: str, year: str, value: Value, element: str) -> None:
    assert wire(kind, year, value) == element


@pytest.mark.parametrize(("kind", "year", "value", "element"), NAMED)
def test_ctl_20_what_was_set_is_read_back_and_agrees(kind: str, year: str, value: Value, element: str) -> None:
    back = told(kind, element)
    assert back == Told(value)
    assert differences(TYPES[kind], value, back.value, year) == ()


def test_answers_have_fields_that_no_setting_has() -> None:
    place = "<PositionCapability>2</PositionCapability><Longitude>117.28</Longitude><Latitude>31.86</Latitude>"
    back = told("BasicParam", f"<BasicParam><Name>a</Name>{place}</BasicParam>")
    assert back.value == {"Name": "a", "PositionCapability": "2", "Longitude": 117.28, "Latitude": 31.86}
    assert wire("BasicParam", "2016", back.value) == "<BasicParam><Name>a</Name></BasicParam>"
    options = told(
        "VideoParamOpt",
        "<VideoParamOpt><DownloadSpeed>1/2/4</DownloadSpeed><Resolution>5/6</Resolution></VideoParamOpt>",
    )
    assert options == Told({"DownloadSpeed": ["1", "2", "4"], "Resolution": ["5", "6"]})
    order = told("SnapShotConfig", "<SnapShot><SnapNum>2</SnapNum></SnapShot>")
    assert order.value == {"SnapNum": 2}


def test_what_devices_write_beside_the_book_is_read_and_marked() -> None:
    strange = (
        "<VideoParamAttribute><item><streamnumber>00</streamnumber><VideoFormat>07</VideoFormat><Resolution>05"
        "</Resolution><FrameRate>120</FrameRate><BitRateType>CBR</BitRateType><VideoBitRate>?</VideoBitRate>"
        "<Vendor>1</Vendor></item></VideoParamAttribute>"
    )
    back = told("VideoParamAttribute", strange)
    assert back.value == [
        {"StreamNumber": 0, "VideoFormat": "07", "Resolution": "5", "FrameRate": 120, "BitRateType": "CBR"}
    ]
    assert back.odd == ("0.VideoFormat", "0.FrameRate", "0.BitRateType", "0.VideoBitRate")
    assert told("FrameMirror", "<FrameMirror>7</FrameMirror>") == Told("7", ("FrameMirror",))
    assert told("FrameMirror", "<FrameMirror/>") == Told("")
    assert told(
        "PictureMask",
        "<PictureMask><On>on</On><RegionList><Item><Point>1,2,3</Point></Item></RegionList></PictureMask>",
    ) == Told({"On": True, "RegionList": [{}]}, ("RegionList.0.Point",))
    many = "<Item><Text>x</Text></Item>" * 500
    cut = told("OSDConfig", f"<OSDConfig>{many}</OSDConfig>")
    assert isinstance(cut.value, dict) and len(cut.value["Item"]) == 64  # type: ignore[arg-type]  # a list
    assert cut.odd == ("Item",)


PLAN: dict[str, Any] = dict(SAMPLES[7][2])  # type: ignore[call-overload]  # a dict
OSD: dict[str, Any] = dict(SAMPLES[13][2])  # type: ignore[call-overload]  # a dict
VIDEO: dict[str, Any] = SAMPLES[6][2][0]  # type: ignore[index,assignment]  # a list of dicts


def span(start: int, stop: int) -> dict[str, int]:
    return {"StartHour": start, "StartMin": 0, "StartSec": 0, "StopHour": stop, "StopMin": 0, "StopSec": 0}


def masked(seq: int, point: Any) -> dict[str, Any]:
    return {"On": True, "RegionList": [{"Seq": seq, "Point": point}]}


def written(text: str) -> dict[str, Any]:
    return {**OSD, "Item": [{"Text": text, "X": 0, "Y": 0}]}


def snapshot(url: str, session: str) -> dict[str, Any]:
    return {"SnapNum": 1, "Interval": 1, "UploadURL": url, "SessionID": session}


def days(*spans: dict[str, int], day: int = 1) -> dict[str, Any]:
    return {**PLAN, "RecordSchedule": [{"WeekDayNum": day, "TimeSegment": list(spans)}]}


@pytest.mark.parametrize(
    ("kind", "value", "path", "rule"),
    [
        ("BasicParam", {}, "", "empty"),
        ("BasicParam", {"Longitude": 1.0}, "", "empty"),
        ("BasicParam", [], "", "not-a-group"),
        ("BasicParam", {"name": "x"}, "name", "unknown-field"),
        ("BasicParam", {"Expiration": 3599}, "Expiration", "out-of-range"),
        ("BasicParam", {"HeartBeatInterval": 2**31}, "HeartBeatInterval", "out-of-range"),
        ("BasicParam", {"HeartBeatInterval": True}, "HeartBeatInterval", "not-a-whole-number"),
        ("BasicParam", {"HeartBeatCount": 2.0}, "HeartBeatCount", "not-a-whole-number"),
        ("BasicParam", {"Name": "a\nb"}, "Name", "not-printable"),
        ("BasicParam", {"Name": "\ud800"}, "Name", "not-printable"),
        ("BasicParam", {"Name": "x" * 1025}, "Name", "too-long"),
        ("VideoParamOpt", {"Resolution": ["6"]}, "", "read-only"),
        ("FrameMirror", "4", "", "no-such-choice"),
        ("FrameMirror", 1, "", "no-such-choice"),
        ("AlarmReport", {"MotionDetection": True}, "FieldDetection", "missing"),
        ("AlarmReport", {"MotionDetection": 1, "FieldDetection": True}, "MotionDetection", "not-yes-or-no"),
        ("VideoParamAttribute", {}, "", "not-a-list"),
        ("VideoParamAttribute", [{**VIDEO, "Resolution": "1080p"}], "0.Resolution", "no-such-choice"),
        ("VideoParamAttribute", [{**VIDEO, "VideoBitRate": None}], "0.VideoBitRate", "missing"),
        ("VideoParamAttribute", [VIDEO, VIDEO], "1.StreamNumber", "twice"),
        ("VideoParamAttribute", [{**VIDEO, "StreamNumber": n} for n in range(17)], "", "too-many"),
        ("VideoRecordPlan", days(), "RecordSchedule.0.TimeSegment", "too-few"),
        ("VideoRecordPlan", days(*[span(n, n + 1) for n in range(9)]), "RecordSchedule.0.TimeSegment", "too-many"),
        ("VideoRecordPlan", days(span(8, 8)), "RecordSchedule.0.TimeSegment.0", "ends-before-it-starts"),
        ("VideoRecordPlan", days(span(9, 12), span(8, 10)), "RecordSchedule.0.TimeSegment.0", "overlaps"),
        ("VideoRecordPlan", days(span(8, 24)), "RecordSchedule.0.TimeSegment.0.StopHour", "out-of-range"),
        ("VideoRecordPlan", days(span(8, 9), day=8), "RecordSchedule.0.WeekDayNum", "out-of-range"),
        ("PictureMask", masked(1, [9, 0, 9, 9]), "RegionList.0.Point", "empty-box"),
        ("PictureMask", masked(1, "0,0,9,9"), "RegionList.0.Point", "not-four-corners"),
        ("PictureMask", masked(5, [0, 0, 9, 9]), "RegionList.0.Seq", "out-of-range"),
        ("OSDConfig", written("一二三四五六七八九十一二三四五六七"), "Item.0.Text", "too-long"),
        ("OSDConfig", {**OSD, "TimeX": None}, "TimeX", "missing"),
        ("SnapShotConfig", snapshot("u", "short"), "SessionID", "wrong-form"),
        ("SnapShotConfig", snapshot("", "a" * 32), "UploadURL", "missing"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_with_its_place_and_the_rule(
    kind: str, value: Value, path: str, rule: str
) -> None:
    with pytest.raises(Unfit) as refused:
        write(TYPES[kind], value, "2022")
    assert (refused.value.path, refused.value.rule) == (path, rule)


def test_reg_18_what_is_new_in_2022_is_not_written_for_2016() -> None:
    with pytest.raises(Unfit, match="not-in-edition"):
        write(TYPES["FrameMirror"], "1", "2016")
    space = {"ROIParam": {"ROIFlag": True}, "SVCParam": {"SVCSpaceDomainMode": "1", "SVCTimeDomainMode": "1"}}
    assert wire("SVACEncodeConfig", "2016", space) == (
        "<SVACEncodeConfig><ROIParam><ROIFlag>1</ROIFlag></ROIParam></SVACEncodeConfig>"
    )
    shown = {"SurveillanceParam": {"EventShowFlag": True, "AIShowFlag": True}}
    assert "AIShowFlag" in wire("SVACDecodeConfig", "2022", shown)
    assert "EventShowFlag" not in wire("SVACDecodeConfig", "2022", shown)


def test_a_text_may_have_16_chinese_letters_and_be_empty() -> None:
    assert "<Text>一二三四五六七八九十一二三四五六</Text>" in wire(
        "OSDConfig", "2022", written("一二三四五六七八九十一二三四五六")
    )
    assert "<Text></Text>" in wire("OSDConfig", "2022", written(""))


def test_what_a_device_did_not_take_over_is_told_field_by_field() -> None:
    kind = TYPES["BasicParam"]
    wanted: Value = {"Name": "东门", "HeartBeatInterval": 5, "Longitude": 1.0}
    assert differences(kind, wanted, {"Name": "东门", "HeartBeatInterval": 60}, "2022") == (
        Difference("HeartBeatInterval", 5, 60),
    )
    assert differences(kind, wanted, {"Name": "东门"}, "2022") == (Difference("HeartBeatInterval", 5, None),)
    masks = [{"Seq": 2, "Point": [0, 0, 1, 1]}, {"Seq": 1, "Point": [5, 5, 6, 6]}]
    both: Value = {"On": True, "RegionList": masks}  # type: ignore[dict-item]  # lists are invariant
    turned: Value = {"On": True, "RegionList": masks[::-1]}  # type: ignore[dict-item]  # as above
    fewer: Value = {"On": True, "RegionList": masks[:1]}  # type: ignore[dict-item]  # as above
    assert differences(TYPES["PictureMask"], both, turned, "2022") == ()
    assert [each.path for each in differences(TYPES["PictureMask"], both, fewer, "2022")] == ["RegionList"]
    assert differences(TYPES["FrameMirror"], "1", "", "2022") == (Difference("", "1", ""),)


def test_a_stream_that_was_left_out_is_not_missed_and_one_that_is_not_there_is() -> None:
    kind = TYPES["VideoParamAttribute"]
    other = {**VIDEO, "StreamNumber": 1}
    assert differences(kind, [other], [VIDEO, other], "2022") == ()
    slower = differences(kind, [{**other, "FrameRate": 5}], [VIDEO, other], "2022")
    assert slower == (Difference("0.FrameRate", 5, 25),)
    assert differences(kind, [other], [VIDEO], "2022") == (Difference("", [other], []),)


def test_what_2016_can_be_set_and_never_tells_is_not_missed() -> None:
    wanted: Value = {"SVCParam": {"SVCSTMMode": "3"}}
    answered: Value = {"SVCParam": {"SVCSpaceSupportMode": "1"}}
    assert differences(TYPES["SVACDecodeConfig"], wanted, answered, "2016") == ()
    assert len(differences(TYPES["SVACDecodeConfig"], wanted, answered, "2022")) == 1


# --- any value that fits, and any nonsense

LETTERS = st.text(st.sampled_from("门东AZ 09&<>\"'·𠀀"), max_size=8).map(str.strip)


def values_of(field: Field, year: str) -> st.SearchStrategy[Any]:
    """Values that a form for this field may give."""
    match field.kind:
        case Kind.WHOLE:
            return st.integers(field.low or 0, field.high if field.high is not None else 10**6)
        case Kind.FLAG:
            return st.booleans()
        case Kind.CHOICE:
            return st.sampled_from(field.choices)
        case Kind.TEXT:
            return (
                st.from_regex(re.compile(field.pattern, re.A), fullmatch=True)
                if field.pattern
                else LETTERS.map(lambda text: text or "x" * field.fewest)
            )
        case Kind.CORNERS:
            return st.tuples(*[st.integers(0, 900)] * 4).map(lambda c: [c[0], c[1], c[0] + c[2] + 1, c[1] + c[3] + 1])
        case Kind.LIST:
            things = st.lists(group(field, year), min_size=field.fewest, max_size=min(field.most, 3))
            return things.filter(lambda found: not field.distinct or _all_differ(field, found))
    return group(field, year)


def _all_differ(field: Field, things: list[dict[str, Any]]) -> bool:
    return len({thing[field.distinct] for thing in things}) == len(things)


def group(field: Field, year: str) -> st.SearchStrategy[dict[str, Any]]:
    parts = [part for part in field.fields if year in part.set]
    if any(part.is_span for part in parts):
        spans = st.integers(0, 20).map(lambda hour: [span(hour, hour + 2), span(hour + 2, hour + 3)])
        return st.fixed_dictionaries({"WeekDayNum": st.integers(1, 7), "TimeSegment": spans})
    needed = {part.name: values_of(part, year) for part in parts if part.must or part.must_when}
    free = {part.name: values_of(part, year) for part in parts if part.name not in needed}
    return st.fixed_dictionaries(needed, optional=free)


TESTED = [(kind, year) for kind in TYPES.values() for year in kind.years if kind.may_be_set(year)]


@settings(max_examples=150)
@given(st.data(), st.sampled_from(TESTED))
def test_whatever_fits_comes_back_as_it_was_set(data: st.DataObject, tested: tuple[SettingType, str]) -> None:
    kind, year = tested
    value = data.draw(values_of(kind.form, year))
    try:
        element = wire(kind.name, year, value)
    except Unfit as unfit:
        assert unfit.rule == "empty"
        return
    back = told(kind.name, element)
    assert back.odd == ()
    assert differences(kind, value, back.value, year) == ()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["Item", "On", "RegionList", "Point", "TimeSegment", "Name"]), inner, max_size=3
        )
    ),
    max_leaves=12,
)


@settings(max_examples=200)
@given(st.sampled_from(list(TYPES.values())), JSON)
def test_nonsense_is_unfit_and_nothing_worse(kind: SettingType, value: Any) -> None:
    try:
        write(kind, value, "2022")
    except Unfit as unfit:
        assert unfit.rule


ELEMENTS = st.recursive(
    st.sampled_from(["", "-1", "9" * 30, "1,2,3", "x", "1/2"]),
    lambda inner: st.tuples(
        st.sampled_from(["Item", "On", "RegionList", "Point", "TimeSegment", "SVCParam"]), inner
    ).map(lambda pair: f"<{pair[0]}>{pair[1]}</{pair[0]}>"),
    max_leaves=12,
)


@settings(max_examples=200)
@given(st.sampled_from(list(TYPES.values())), st.lists(ELEMENTS, max_size=4).map("".join))
def test_whatever_a_device_tells_is_read(kind: SettingType, inner: str) -> None:
    assert isinstance(told(kind.name, f"<{kind.name}>{inner}</{kind.name}>"), Told)
