"""The element names of the standard as it prints them, both editions, found by their lower-case letters."""

from __future__ import annotations

ROOTS = ("Control", "Query", "Notify", "Response")
ITEM = "Item"
LISTS = ("DeviceList", "RecordList", "PresetList", "Alarmstatus")
"""Elements that hold items and count them in `Num`."""

_NAMES = """
AcceptedTime Address AIFlag AIShowFlag AlarmCmd AlarmDescription AlarmMethod AlarmPriority AlarmReport Alarmstatus
AlarmTime AlarmType AlarmTypeParam AlerShowtFlag AlertFlag Altitude AudioParam AudioRecognitionFlag BackGroundQP
BackGroundSkipFlag BasicParam BitRateType Block BottomRight BusinessGroupID Capacity CapturePositionType CaptureTime
Certifiable CertNum Channel CivilCode CmdType ConfigType ContactInfo ControlPriority CruisePoint CruisePointList
CruiseTrack CruiseTrackList CruiseTrackName DeviceID DeviceID2 DeviceList DeviceName DeviceTime DeviceUpgrade
Direction DirectionType DownloadSpeed DragZoomIn DragZoomOut DutyStatus Enabled Encode EncodeType EndAlarmPriority
EndAlarmTime EndTime ErrCode Event EventFlag EventShowFlag EventType Expiration ExtraInfo FieldDetection FilePath
FileSize FileURL Firmware FormatProgress FormatSDCard FrameMirror FrameRate FreeSpace FunctionType GISFlag
GISShowFlag GrassrootsCode GuardCmd HddName HeartBeatCount HeartBeatInterval Height HomePosition
HorizontalFieldAngle ID IFameCmd IFrameCmd IndistinctQuery IndustrialClassification Info InstallTime Interval
IPAddress Item Latitude Length LengthX LengthY Longitude MAC ManagementUnit Manufacturer MaxViewDistance MidPointX
MidPointY MobileDeviceType Model MotionDetection Name NotifyType Number On Online OSDConfig OSDFlag OSDShowFlag
Owner Pan Parental ParentID Password PhotoelectricImagingType PictureMask Point PointCommonName PointType Port
PositionCapability PositionType PreRecordTime PresetID PresetIndex PresetList PresetName PTZCmd PTZCmdParams
PTZPreciseCtrl PTZType Reason Record RecordCmd RecordEnable RecorderID RecordList RecordLocation RecordSaveDays
RecordSchedule RecordScheduleSumNum RecordTime RegionList RegisterWay ResetTime Resolution Result ROIFlag ROINumber
ROIParam ROIQP ROISeq RoomType SafetyWay SDCardStatusInfo Secrecy SecurityLevelCode Seq SessionID SN SnapNum
SnapShot SnapShotConfig SourceID Speed SSVCRatioSupportList SSVCRatioValue StartAlarmPriority StartAlarmTime
StartHour StartMin StartSec StartTime Status StayTime StopHour StopMin StopSec StreamNumber StreamNumberList SumNum
SupplyLightType SurveillanceParam SVACDecodeConfig SVACEncodeConfig SVCParam SVCSpaceDomainMode SVCSpaceSupportMode
SVCSTMMode SVCTimeDomainMode SVCTimeSupportMode TargetArea TargetID TargetTrack TeleBoot Text TextEnable Tilt Time
TimeEnable TimeFlag TimeSegment TimeSegmentSumNum TimeShowFlag TimeType TimeX TimeY TopLeft Type UploadURL UseType
VerticalFieldAngle VideoAlarmRecord VideoBitRate VideoFormat VideoParamAttribute VideoParamOpt VideoRecordPlan
WeekDayNum Width X Y Zoom
"""

SPELLING: dict[str, str] = {name.lower(): name for name in (*ROOTS, *_NAMES.split())}
"""Each name by its lower-case letters."""
