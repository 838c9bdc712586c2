"""What a simulated channel is set to, and every type of configuration as XML written and read by hand.

Nothing here is made from `gb28181.settings`: whoever misread the standard there must not find the same mistake here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from gb28181.manscdp.config import Setting
from gb28181.manscdp.writing import escaped
from simulator.screen import Box, Caption, Place

PIXELS = {"1": (176, 144), "2": (352, 288), "3": (704, 576), "4": (720, 576), "5": (1280, 720), "6": (1920, 1080)}
"""Resolutions by their code on the f= line (GB/T 28181-2022 annex G)."""


@dataclass(slots=True)
class Encoding:
    """One stream: its codec (2 H.264, 5 H.265), picture, pictures a second, and 1 constant or 2 variable kbps."""

    codec: str
    resolution: str
    fps: int
    rate_type: str = "1"
    kbps: int = 1500

    @property
    def pixels(self) -> Place | None:
        wide, _, high = self.resolution.lower().partition("x")
        if wide.isdigit() and high.isdigit():
            return int(wide), int(high)
        return PIXELS.get(self.resolution)


@dataclass(slots=True)
class Configured:
    """One channel's values, as a device begins with them."""

    name: str = ""
    expires_s: int = 86400
    keepalive_s: int = 60
    keepalive_count: int = 3
    streams: dict[int, Encoding] = field(default_factory=dict)
    roi_on: int = 0
    roi: list[tuple[int, int, int, int]] = field(default_factory=list)
    background_qp: int = 0
    background_skip: int = 0
    audio_recognition: int = 0
    space_mode: int = 0
    time_mode: int = 0
    ratio: str = "4:3"
    decoding_mode: int = 0
    shown: dict[str, int] = field(default_factory=dict)
    plan_on: int = 0
    plan: dict[int, list[tuple[int, ...]]] = field(default_factory=dict)
    plan_stream: int = 0
    alarm_record_on: int = 0
    alarm_record_s: int = 30
    alarm_before_s: int = 5
    alarm_stream: int = 0
    mask_on: int = 0
    masks: dict[int, Box] = field(default_factory=dict)
    mirror: int = 0
    motion: int = 0
    area: int = 0
    caption: Caption | None = None
    caption_clock_on: int = 1
    caption_text_on: int = 1
    snapshot: tuple[int, int, str, str] = (1, 1, "", "")


# What it tells.


def basic(c: Configured, old: bool) -> str:
    # Only the 2016 edition has a place here.
    place = "<PositionCapability>0</PositionCapability>" if old else ""
    return (
        f"<BasicParam><Name>{escaped(c.name)}</Name><Expiration>{c.expires_s}</Expiration>"
        f"<HeartBeatInterval>{c.keepalive_s}</HeartBeatInterval><HeartBeatCount>{c.keepalive_count}</HeartBeatCount>"
        f"{place}</BasicParam>"
    )


def video_options(c: Configured, old: bool) -> str:
    sizes = "5/6" if old else "/".join(dict.fromkeys(["5", "6", *(one.resolution for one in c.streams.values())]))
    return f"<VideoParamOpt><DownloadSpeed>1/2/4</DownloadSpeed><Resolution>{sizes}</Resolution></VideoParamOpt>"


def svac_encoding(c: Configured, old: bool) -> str:
    items = "".join(
        f"<Item><ROISeq>{seq}</ROISeq><TopLeft>{first}</TopLeft><BottomRight>{last}</BottomRight>"
        f"<ROIQP>{quality}</ROIQP></Item>"
        for seq, first, last, quality in c.roi
    )
    back = (
        f"<BackGroundQP>{c.background_qp}</BackGroundQP><BackGroundSkipFlag>{c.background_skip}</BackGroundSkipFlag>"
        if old
        else ""
    )
    ratio = "" if old else f"<SSVCRatioValue>{c.ratio}</SSVCRatioValue>"
    ratios = "" if old else "<SSVCRatioSupportList>4:3/2:1</SSVCRatioSupportList>"
    seen = "<EventFlag>0</EventFlag><AlertFlag>1</AlertFlag>" if old else "<OSDFlag>1</OSDFlag><AIFlag>0</AIFlag>"
    return (
        f"<SVACEncodeConfig><ROIParam><ROIFlag>{c.roi_on}</ROIFlag><ROINumber>{len(c.roi)}</ROINumber>{items}{back}"
        f"</ROIParam><SVCParam><SVCSpaceDomainMode>{c.space_mode}</SVCSpaceDomainMode>"
        f"<SVCTimeDomainMode>{c.time_mode}</SVCTimeDomainMode>{ratio}<SVCSpaceSupportMode>3</SVCSpaceSupportMode>"
        f"<SVCTimeSupportMode>2</SVCTimeSupportMode>{ratios}</SVCParam><SurveillanceParam><TimeFlag>1</TimeFlag>{seen}"
        f"</SurveillanceParam><AudioParam><AudioRecognitionFlag>{c.audio_recognition}</AudioRecognitionFlag>"
        "</AudioParam></SVACEncodeConfig>"
    )


SHOWN = {True: ("TimeShowFlag", "EventShowFlag", "AlerShowtFlag"), False: (
    "TimeShowFlag", "OSDShowFlag", "AIShowFlag", "GISShowFlag"
)}  # fmt: skip


def svac_decoding(c: Configured, old: bool) -> str:
    mode = "" if old else f"<SVCSTMMode>{c.decoding_mode}</SVCSTMMode>"
    flags = "".join(f"<{name}>{c.shown.get(name, 0)}</{name}>" for name in SHOWN[old])
    return (
        f"<SVACDecodeConfig><SVCParam>{mode}<SVCSpaceSupportMode>3</SVCSpaceSupportMode><SVCTimeSupportMode>2"
        f"</SVCTimeSupportMode></SVCParam><SurveillanceParam>{flags}</SurveillanceParam></SVACDecodeConfig>"
    )


def video_attributes(c: Configured, old: bool) -> str:
    items = "".join(
        f"<Item><StreamNumber>{number}</StreamNumber><VideoFormat>{one.codec}</VideoFormat>"
        f"<Resolution>{one.resolution}</Resolution><FrameRate>{one.fps}</FrameRate>"
        f"<BitRateType>{one.rate_type}</BitRateType><VideoBitRate>{one.kbps}</VideoBitRate></Item>"
        for number, one in sorted(c.streams.items())
    )
    return f'<VideoParamAttribute Num="{len(c.streams)}">{items}</VideoParamAttribute>'


CLOCK = ("StartHour", "StartMin", "StartSec", "StopHour", "StopMin", "StopSec")


def record_plan(c: Configured, old: bool) -> str:
    days = ""
    for day, spans in sorted(c.plan.items()):
        segments = "".join(
            "<TimeSegment>"
            + "".join(f"<{name}>{value}</{name}>" for name, value in zip(CLOCK, span, strict=True))
            + "</TimeSegment>"
            for span in spans
        )
        days += (
            f"<RecordSchedule><WeekDayNum>{day}</WeekDayNum><TimeSegmentSumNum>{len(spans)}</TimeSegmentSumNum>"
            f"{segments}</RecordSchedule>"
        )
    return (
        f"<VideoRecordPlan><RecordEnable>{c.plan_on}</RecordEnable><RecordScheduleSumNum>{len(c.plan)}"
        f"</RecordScheduleSumNum>{days}<StreamNumber>{c.plan_stream}</StreamNumber></VideoRecordPlan>"
    )


def alarm_record(c: Configured, old: bool) -> str:
    return (
        f"<VideoAlarmRecord><RecordEnable>{c.alarm_record_on}</RecordEnable><RecordTime>{c.alarm_record_s}</RecordTime>"
        f"<PreRecordTime>{c.alarm_before_s}</PreRecordTime><StreamNumber>{c.alarm_stream}</StreamNumber>"
        "</VideoAlarmRecord>"
    )


def picture_mask(c: Configured, old: bool) -> str:
    items = "".join(
        f"<Item><Seq>{seq}</Seq><Point>{box[0]},{box[1]},{box[2]},{box[3]}</Point></Item>"
        for seq, box in sorted(c.masks.items())
    )
    return (
        f'<PictureMask><On>{c.mask_on}</On><SumNum>{len(c.masks)}</SumNum><RegionList Num="{len(c.masks)}">{items}'
        "</RegionList></PictureMask>"
    )


def frame_mirror(c: Configured, old: bool) -> str:
    return f"<FrameMirror>{c.mirror}</FrameMirror>"


def alarm_report(c: Configured, old: bool) -> str:
    return (
        f"<AlarmReport><MotionDetection>{c.motion}</MotionDetection><FieldDetection>{c.area}</FieldDetection>"
        "</AlarmReport>"
    )


def osd(c: Configured, old: bool) -> str:
    caption = c.caption or Caption((1920, 1080), (16, 1000), lines=((c.name[:16], 16, 16),))
    x, y = caption.clock_at or (0, 0)
    lines = "".join(f"<Item><Text>{escaped(text)}</Text><X>{x}</X><Y>{y}</Y></Item>" for text, x, y in caption.lines)
    return (
        f"<OSDConfig><Length>{caption.size[0]}</Length><Width>{caption.size[1]}</Width><TimeX>{x}</TimeX>"
        f"<TimeY>{y}</TimeY><TimeEnable>{c.caption_clock_on}</TimeEnable><TimeType>{int(caption.chinese_date)}"
        f"</TimeType><TextEnable>{c.caption_text_on}</TextEnable><SumNum>{len(caption.lines)}</SumNum>{lines}"
        "</OSDConfig>"
    )


def snapshot(c: Configured, old: bool) -> str:
    number, interval, url, session = c.snapshot
    return (
        f"<SnapShot><SnapNum>{number}</SnapNum><Interval>{interval}</Interval><UploadURL>{escaped(url)}</UploadURL>"
        f"<SessionID>{session}</SessionID></SnapShot>"
    )


# What it takes. Each raises ValueError with a reason; then nothing has changed.


def number_in(setting: Setting, name: str, low: int, high: int, usual: int | None = None) -> int:
    found = setting.find(name)
    if found is None and usual is not None:
        return usual
    if found is None or not found.text.isdigit() or not low <= int(found.text) <= high:
        raise ValueError(f"{name} is {found.text if found else 'missing'}, not {low} to {high}")
    return int(found.text)


def every(setting: Setting, name: str) -> list[Setting]:
    return [inner for inner in setting.within if inner.name == name]


def counted(setting: Setting, count: str, things: list[Setting], most: int) -> list[Setting]:
    """The things of a list, as many as are said to be and no more than there may be."""
    if number_in(setting, count, 0, most) != len(things):
        raise ValueError(f"{count} does not count the {len(things)} that there are")
    return things


def take_basic(c: Configured, said: Setting, old: bool) -> None:
    expires_s = number_in(said, "Expiration", 3600, 10**9, c.expires_s)
    interval_s = number_in(said, "HeartBeatInterval", 1, 10**6, c.keepalive_s)
    count = number_in(said, "HeartBeatCount", 1, 1000, c.keepalive_count)
    name = said.find("Name")
    c.name = name.text if name is not None else c.name
    c.expires_s, c.keepalive_s, c.keepalive_count = expires_s, interval_s, count


def take_svac_encoding(c: Configured, said: Setting, old: bool) -> None:
    area, scaling, audio = said.find("ROIParam"), said.find("SVCParam"), said.find("AudioParam")
    if scaling is not None and old:
        raise ValueError("SVCParam is told, not set, before 2022")
    if area is not None:
        on, items = number_in(area, "ROIFlag", 0, 1, c.roi_on), every(area, "Item")
        if items or area.find("ROINumber") is not None:
            names = (("ROISeq", 16), ("TopLeft", 19683), ("BottomRight", 19683), ("ROIQP", 3))
            listed = counted(area, "ROINumber", items, 16)
            boxes = [tuple(number_in(item, name, 0, high) for name, high in names) for item in listed]
            c.roi = [(seq, first, last, quality) for seq, first, last, quality in boxes]
        c.roi_on = on
        c.background_qp = number_in(area, "BackGroundQP", 0, 3, c.background_qp)
        c.background_skip = number_in(area, "BackGroundSkipFlag", 0, 1, c.background_skip)
    if scaling is not None:
        c.space_mode = number_in(scaling, "SVCSpaceDomainMode", 0, 3)
        c.time_mode = number_in(scaling, "SVCTimeDomainMode", 0, 3)
        ratio = scaling.find("SSVCRatioValue")
        c.ratio = ratio.text if ratio is not None else c.ratio
    if audio is not None:
        c.audio_recognition = number_in(audio, "AudioRecognitionFlag", 0, 1)


def take_svac_decoding(c: Configured, said: Setting, old: bool) -> None:
    scaling, shown = said.find("SVCParam"), said.find("SurveillanceParam")
    if scaling is not None:
        c.decoding_mode = number_in(scaling, "SVCSTMMode", 0, 3)
    if shown is not None:
        for name in SHOWN[old]:
            c.shown[name] = number_in(shown, name, 0, 1, c.shown.get(name, 0))


def take_video_attributes(c: Configured, said: Setting, old: bool) -> None:
    items = every(said, "Item")
    if dict(said.attributes).get("Num") != str(len(items)):
        raise ValueError("Num does not count the items")
    taken: dict[int, Encoding] = {}
    for item in items:
        number = number_in(item, "StreamNumber", 0, 15)
        words = [found.text if (found := item.find(name)) else "" for name in ("VideoFormat", "Resolution")]
        kind = str(number_in(item, "BitRateType", 1, 2))
        before = c.streams.get(number)
        if before is None:
            raise ValueError(f"there is no stream {number}")
        kbps = number_in(item, "VideoBitRate", 0, 100_000, None if kind == "1" else before.kbps)
        taken[number] = Encoding(words[0], words[1], number_in(item, "FrameRate", 1, 60), kind, kbps)
        if words[0] not in ("2", "5") or taken[number].pixels is None:
            raise ValueError(f"no encoder for format {words[0]} at {words[1]}")
    c.streams |= taken


def take_record_plan(c: Configured, said: Setting, old: bool) -> None:
    on, stream = number_in(said, "RecordEnable", 0, 1), number_in(said, "StreamNumber", 0, 15)
    days = counted(said, "RecordScheduleSumNum", every(said, "RecordSchedule"), 7)
    tops = (23, 59, 59, 23, 59, 59)
    plan: dict[int, list[tuple[int, ...]]] = {}
    for day in days:
        segments = counted(day, "TimeSegmentSumNum", every(day, "TimeSegment"), 8)
        plan[number_in(day, "WeekDayNum", 1, 7)] = [
            tuple(number_in(one, name, 0, top) for name, top in zip(CLOCK, tops, strict=True)) for one in segments
        ]
    c.plan_on, c.plan, c.plan_stream = on, plan, stream


def take_alarm_record(c: Configured, said: Setting, old: bool) -> None:
    on, stream = number_in(said, "RecordEnable", 0, 1), number_in(said, "StreamNumber", 0, 15)
    after_s = number_in(said, "RecordTime", 0, 3600, c.alarm_record_s)
    before_s = number_in(said, "PreRecordTime", 0, 3600, c.alarm_before_s)
    c.alarm_record_on, c.alarm_record_s, c.alarm_before_s, c.alarm_stream = on, after_s, before_s, stream


def take_picture_mask(c: Configured, said: Setting, old: bool) -> None:
    on, listed = number_in(said, "On", 0, 1), said.find("RegionList")
    masks: dict[int, Box] = {}
    for item in counted(said, "SumNum", every(listed, "Item") if listed is not None else [], 4):
        point = item.find("Point")
        sides = [int(side) for side in (point.text if point is not None else "").split(",") if side.isdigit()]
        if len(sides) != 4:
            raise ValueError("a Point has four sides")
        masks[number_in(item, "Seq", 1, 4)] = (sides[0], sides[1], sides[2], sides[3])
    c.mask_on, c.masks = on, masks


def take_frame_mirror(c: Configured, said: Setting, old: bool) -> None:
    if said.text not in ("0", "1", "2", "3"):
        raise ValueError(f"no mirror {said.text}")
    c.mirror = int(said.text)


def take_alarm_report(c: Configured, said: Setting, old: bool) -> None:
    motion, area = number_in(said, "MotionDetection", 0, 1), number_in(said, "FieldDetection", 0, 1)
    c.motion, c.area = motion, area


def take_osd(c: Configured, said: Setting, old: bool) -> None:
    size = (number_in(said, "Length", 1, 20_000), number_in(said, "Width", 1, 20_000))
    clock_at = (number_in(said, "TimeX", 0, 20_000), number_in(said, "TimeY", 0, 20_000))
    lines = []
    for item in counted(said, "SumNum", every(said, "Item"), 8):
        text = item.find("Text")
        if text is None or len(text.text.encode("gb18030")) > 32:
            raise ValueError("a line of text has up to 32 bytes")
        lines.append((text.text, number_in(item, "X", 0, 20_000), number_in(item, "Y", 0, 20_000)))
    clock_on, text_on = number_in(said, "TimeEnable", 0, 1, 1), number_in(said, "TextEnable", 0, 1, 1)
    chinese = bool(number_in(said, "TimeType", 0, 1, 0))
    c.caption_clock_on, c.caption_text_on = clock_on, text_on
    c.caption = Caption(size, clock_at, chinese, tuple(lines))


def take_snapshot(c: Configured, said: Setting, old: bool) -> None:
    url, session = said.find("UploadURL"), said.find("SessionID")
    if url is None or not url.text or session is None or not 32 <= len(session.text) <= 128:
        raise ValueError("a snapshot needs UploadURL and a SessionID of 32 to 128 letters")
    number, interval = number_in(said, "SnapNum", 1, 10), number_in(said, "Interval", 1, 3600)
    c.snapshot = (number, interval, url.text, session.text)


Tell = Callable[[Configured, bool], str]
Take = Callable[[Configured, Setting, bool], None]

OF_BOTH: dict[str, tuple[Tell, Take | None]] = {
    "BasicParam": (basic, take_basic),
    "VideoParamOpt": (video_options, None),
    "SVACEncodeConfig": (svac_encoding, take_svac_encoding),
    "SVACDecodeConfig": (svac_decoding, take_svac_decoding),
}
OF_2022: dict[str, tuple[Tell, Take | None]] = {
    "VideoParamAttribute": (video_attributes, take_video_attributes),
    "VideoRecordPlan": (record_plan, take_record_plan),
    "VideoAlarmRecord": (alarm_record, take_alarm_record),
    "PictureMask": (picture_mask, take_picture_mask),
    "FrameMirror": (frame_mirror, take_frame_mirror),
    "AlarmReport": (alarm_report, take_alarm_report),
    "OSDConfig": (osd, take_osd),
    "SnapShotConfig": (snapshot, take_snapshot),
}
"""How each type is told and taken; what is never taken has None."""
