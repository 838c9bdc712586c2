"""Every type of configuration of both editions, element by element in the order of the schema (signalling 4.4)."""

from __future__ import annotations

from gb28181.settings.field import BOTH, NEVER, NEW, OLD, Field, Kind, SettingType, Years

# The codes of the f= line of SDP (2022 annex G); others than these are written WIDTHxHEIGHT since 2022.
CODECS = ("1", "2", "3", "4", "5")
RESOLUTIONS = ("1", "2", "3", "4", "5", "6")
OTHER_RESOLUTION = r"[1-9][0-9]{1,4}[xX*][1-9][0-9]{1,4}"
CONSTANT, VARIABLE = "1", "2"
RATIOS = ("4:3", "2:1", "4:1", "6:1", "8:1")
MOST_STREAMS = 16
SESSION = r"[A-Za-z0-9-]{32,128}"


def _whole(name: str, low: int | None = 0, high: int | None = None, **more: object) -> Field:
    return Field(name, Kind.WHOLE, low=low, high=high, **more)  # type: ignore[arg-type]  # passed on as they came


def _flag(name: str, **more: object) -> Field:
    return Field(name, Kind.FLAG, **more)  # type: ignore[arg-type]  # as above


def _mode(name: str, told: Years, set_: Years, *, must: bool = False) -> Field:
    return Field(name, Kind.CHOICE, choices=("0", "1", "2", "3"), told=told, set=set_, must=must)


STREAM = _whole("StreamNumber", 0, MOST_STREAMS - 1, must=True, usual=0)

BASIC = Field(
    "BasicParam",
    Kind.GROUP,
    fields=(
        Field("Name", Kind.TEXT),
        _whole("Expiration", 3600, unit="s"),
        _whole("HeartBeatInterval", 1, unit="s"),
        _whole("HeartBeatCount", 1),
        Field("PositionCapability", Kind.CHOICE, choices=("0", "1", "2"), told=OLD, set=NEVER),
        Field("Longitude", Kind.DECIMAL, low=-180, high=180, told=OLD, set=NEVER),
        Field("Latitude", Kind.DECIMAL, low=-90, high=90, told=OLD, set=NEVER),
    ),
)

# The text calls it configurable once (2022 clause 9), but no command sets it (signalling 12, decision 15).
VIDEO_OPTIONS = Field(
    "VideoParamOpt",
    Kind.GROUP,
    set=NEVER,
    fields=(
        Field("DownloadSpeed", Kind.CHOICES, pattern=r"[0-9]{1,3}(\.[0-9]{1,3})?", set=NEVER),
        Field("Resolution", Kind.CHOICES, choices=RESOLUTIONS, pattern=OTHER_RESOLUTION, set=NEVER),
    ),
)

SVAC_ENCODING = Field(
    "SVACEncodeConfig",
    Kind.GROUP,
    fields=(
        Field(
            "ROIParam",
            Kind.GROUP,
            fields=(
                _flag("ROIFlag"),
                Field(
                    "Item",
                    Kind.LIST,
                    item="Item",
                    most=16,
                    counted_by="ROINumber",
                    distinct="ROISeq",
                    fields=(
                        _whole("ROISeq", 1, 16, must=True),
                        # Numbers of blocks of 32x32 pixels, row by row.
                        _whole("TopLeft", 0, 19683, must=True),
                        _whole("BottomRight", 0, 19683, must=True),
                        _whole("ROIQP", 0, 3, must=True),
                    ),
                ),
                _whole("BackGroundQP", 0, 3, told=OLD, set=OLD),
                _flag("BackGroundSkipFlag", told=OLD, set=OLD),
            ),
        ),
        Field(
            "SVCParam",
            Kind.GROUP,
            set=NEW,
            fields=(
                _mode("SVCSpaceDomainMode", BOTH, NEW, must=True),
                _mode("SVCTimeDomainMode", BOTH, NEW, must=True),
                Field("SSVCRatioValue", Kind.CHOICE, choices=RATIOS, told=NEW, set=NEW),
                _mode("SVCSpaceSupportMode", BOTH, NEVER),
                _mode("SVCTimeSupportMode", BOTH, NEVER),
                Field("SSVCRatioSupportList", Kind.CHOICES, choices=RATIOS, told=NEW, set=NEVER),
            ),
        ),
        Field(
            "SurveillanceParam",
            Kind.GROUP,
            set=NEVER,
            fields=(
                _flag("TimeFlag", set=NEVER),
                _flag("EventFlag", told=OLD, set=NEVER),
                _flag("AlertFlag", told=OLD, set=NEVER),
                _flag("OSDFlag", told=NEW, set=NEVER),
                _flag("AIFlag", told=NEW, set=NEVER),
                _flag("GISFlag", told=NEW, set=NEVER),
            ),
        ),
        Field("AudioParam", Kind.GROUP, fields=(_flag("AudioRecognitionFlag", must=True),)),
    ),
)

SVAC_DECODING = Field(
    "SVACDecodeConfig",
    Kind.GROUP,
    fields=(
        Field(
            "SVCParam",
            Kind.GROUP,
            fields=(
                _mode("SVCSTMMode", NEW, BOTH, must=True),
                _mode("SVCSpaceSupportMode", BOTH, NEVER),
                _mode("SVCTimeSupportMode", BOTH, NEVER),
            ),
        ),
        Field(
            "SurveillanceParam",
            Kind.GROUP,
            fields=(
                _flag("TimeShowFlag"),
                _flag("EventShowFlag", told=OLD, set=OLD),
                _flag("AlerShowtFlag", told=OLD, set=OLD),  # printed so
                _flag("OSDShowFlag", told=NEW, set=NEW),
                _flag("AIShowFlag", told=NEW, set=NEW),
                _flag("GISShowFlag", told=NEW, set=NEW),
            ),
        ),
    ),
)

VIDEO_ATTRIBUTES = Field(
    "VideoParamAttribute",
    Kind.LIST,
    item="Item",
    most=MOST_STREAMS,
    distinct="StreamNumber",
    is_partial=True,
    fields=(
        STREAM,
        Field("VideoFormat", Kind.CHOICE, choices=CODECS, must=True),
        Field("Resolution", Kind.CHOICE, choices=RESOLUTIONS, pattern=OTHER_RESOLUTION, must=True),
        _whole("FrameRate", 0, 99, unit="fps", must=True),
        Field("BitRateType", Kind.CHOICE, choices=(CONSTANT, VARIABLE), must=True),
        _whole("VideoBitRate", 0, 100_000, unit="kbps", must_when=("BitRateType", CONSTANT)),
    ),
)

RECORD_PLAN = Field(
    "VideoRecordPlan",
    Kind.GROUP,
    fields=(
        _flag("RecordEnable", must=True),
        Field(
            "RecordSchedule",
            Kind.LIST,
            must=True,
            item="RecordSchedule",
            most=7,
            counted_by="RecordScheduleSumNum",
            distinct="WeekDayNum",
            fields=(
                _whole("WeekDayNum", 1, 7, must=True),
                Field(
                    "TimeSegment",
                    Kind.LIST,
                    must=True,
                    item="TimeSegment",
                    fewest=1,
                    most=8,
                    counted_by="TimeSegmentSumNum",
                    is_span=True,
                    fields=(
                        _whole("StartHour", 0, 23, must=True),
                        _whole("StartMin", 0, 59, must=True),
                        _whole("StartSec", 0, 59, must=True),
                        _whole("StopHour", 0, 23, must=True),
                        _whole("StopMin", 0, 59, must=True),
                        _whole("StopSec", 0, 59, must=True),
                    ),
                ),
            ),
        ),
        STREAM,
    ),
)

ALARM_RECORD = Field(
    "VideoAlarmRecord",
    Kind.GROUP,
    fields=(
        _flag("RecordEnable", must=True),
        _whole("RecordTime", 0, unit="s"),
        _whole("PreRecordTime", 0, unit="s"),
        STREAM,
    ),
)

PICTURE_MASK = Field(
    "PictureMask",
    Kind.GROUP,
    fields=(
        _flag("On", must=True),
        Field(
            "RegionList",
            Kind.LIST,
            must=True,
            item="Item",
            most=4,
            counted_by="SumNum",
            distinct="Seq",
            fields=(_whole("Seq", 1, 4, must=True), Field("Point", Kind.CORNERS, must=True, unit="px")),
        ),
    ),
)

MIRROR = Field("FrameMirror", Kind.CHOICE, choices=("0", "1", "2", "3"))

ALARM_REPORT = Field(
    "AlarmReport", Kind.GROUP, fields=(_flag("MotionDetection", must=True), _flag("FieldDetection", must=True))
)

OSD = Field(
    "OSDConfig",
    Kind.GROUP,
    fields=(
        _whole("Length", 1, unit="px", must=True),
        _whole("Width", 1, unit="px", must=True),
        _whole("TimeX", 0, unit="px", must=True),
        _whole("TimeY", 0, unit="px", must=True),
        _flag("TimeEnable", usual=1),
        Field("TimeType", Kind.CHOICE, choices=("0", "1"), usual="0"),
        _flag("TextEnable", usual=1),
        Field(
            "Item",
            Kind.LIST,
            must=True,
            item="Item",
            most=8,
            counted_by="SumNum",
            fields=(
                Field("Text", Kind.TEXT, longest=32, must=True),
                _whole("X", 0, unit="px", must=True),
                _whole("Y", 0, unit="px", must=True),
            ),
        ),
    ),
)

SNAPSHOT = Field(
    "SnapShotConfig",
    Kind.GROUP,
    fields=(
        _whole("SnapNum", 1, 10, must=True, usual=1),
        _whole("Interval", 1, unit="s", must=True, usual=1),
        Field("UploadURL", Kind.TEXT, must=True, fewest=1),
        Field("SessionID", Kind.TEXT, must=True, pattern=SESSION, is_made=True),
    ),
)

TYPES: dict[str, SettingType] = {
    kind.name: kind
    for kind in (
        SettingType(BASIC, BOTH, of="device"),
        SettingType(VIDEO_OPTIONS, BOTH, of="channel"),
        SettingType(SVAC_ENCODING, BOTH, of="channel"),
        SettingType(SVAC_DECODING, BOTH, of="channel"),
        SettingType(VIDEO_ATTRIBUTES, NEW, of="channel"),
        SettingType(RECORD_PLAN, NEW, of="channel", widget="week"),
        SettingType(ALARM_RECORD, NEW, of="channel"),
        SettingType(PICTURE_MASK, NEW, of="channel", widget="mask"),
        SettingType(MIRROR, NEW, of="channel"),
        SettingType(ALARM_REPORT, NEW, of="channel"),
        SettingType(OSD, NEW, of="channel", widget="osd"),
        # 2022 prints the answer's element without Config (signalling 12, decision 12).
        SettingType(SNAPSHOT, NEW, of="channel", aliases=("SnapShot",), is_order=True),
    )
}
"""By the name that ConfigType asks for."""
