"""The element names of the standard as it prints them, both editions, found by their lower-case letters."""

from __future__ import annotations

ROOTS = ("Control", "Query", "Notify", "Response")
ITEM = "Item"
LISTS = ("DeviceList", "RecordList", "PresetList", "Alarmstatus")
"""Elements that hold items and count them in `Num`."""

_NAMES = """
AcceptedTime Address AlarmCmd AlarmDescription AlarmMethod AlarmPriority Alarmstatus AlarmTime AlarmType
AlarmTypeParam Altitude Block BusinessGroupID CapturePositionType CaptureTime Certifiable CertNum Channel CivilCode
CmdType ConfigType ContactInfo ControlPriority CruiseTrackName DeviceID DeviceID2 DeviceList DeviceName DeviceTime
DeviceUpgrade Direction DirectionType DownloadSpeed DragZoomIn DragZoomOut DutyStatus Enabled Encode EncodeType
EndAlarmPriority EndAlarmTime EndTime ErrCode Event EventType ExtraInfo FilePath FileSize FileURL Firmware
FormatSDCard FunctionType GrassrootsCode GuardCmd Height HomePosition HorizontalFieldAngle IFameCmd IFrameCmd
IndistinctQuery IndustrialClassification Info InstallTime Interval IPAddress Item Latitude Length LengthX LengthY
Longitude MAC ManagementUnit Manufacturer MaxViewDistance MidPointX MidPointY MobileDeviceType Model Name NotifyType
Number Online Owner Pan Parental ParentID Password PhotoelectricImagingType PointCommonName PointType Port
PositionType PresetID PresetIndex PresetList PresetName PTZCmd PTZCmdParams PTZPreciseCtrl PTZType Reason Record
RecordCmd RecorderID RecordList RecordLocation RecordSaveDays RegisterWay ResetTime Resolution Result RoomType
SafetyWay Secrecy SecurityLevelCode SessionID SN SourceID Speed SSVCRatioSupportList StartAlarmPriority
StartAlarmTime StartTime Status StreamNumber StreamNumberList SumNum SupplyLightType SVCSpaceSupportMode
SVCTimeSupportMode TargetArea TargetID TargetTrack TeleBoot Tilt Time Type UseType VerticalFieldAngle Width Zoom
"""

SPELLING: dict[str, str] = {name.lower(): name for name in (*ROOTS, *_NAMES.split())}
"""Each name by its lower-case letters."""
