"""DeviceControl: what a device is told to do, and its answer (GB/T 28181-2022 9.3, A.2.3.1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from gb28181.dialect import Dialect
from gb28181.manscdp.device_info import extensions
from gb28181.manscdp.fields import Fields, switch
from gb28181.manscdp.writing import Sheet


@dataclass(frozen=True, slots=True)
class Box:
    """A box drawn in a play window, in pixels from its top left corner (DragZoomIn, DragZoomOut, TargetArea).

    `length` and `width` are the window's width and height, `mid_x` and `mid_y` the centre of the box, `length_x` and
    `length_y` its width and height.
    """

    length: int
    width: int
    mid_x: int
    mid_y: int
    length_x: int
    length_y: int


@dataclass(frozen=True, slots=True)
class HomePosition:
    """Return to preset `preset` (0 to 255) after `reset_time_s` of rest; None where nothing is said."""

    enabled: bool
    reset_time_s: int | None = None
    preset: int | None = None


@dataclass(frozen=True, slots=True)
class PrecisePosition:
    """Where to look: `pan` 0 to 360 degrees clockwise, `tilt` in degrees, down positive, `zoom` a factor above 1."""

    pan: float | None = None
    tilt: float | None = None
    zoom: float | None = None


@dataclass(frozen=True, slots=True)
class Upgrade:
    """A firmware to fetch; `session_id` has 32 to 128 letters, digits and hyphens."""

    firmware: str
    file_url: str
    manufacturer: str
    session_id: str


@dataclass(frozen=True, slots=True)
class ControlResponse:
    """Whether a control was obeyed; `cmd_type` is that of the control, or of a query that is not supported."""

    root: ClassVar[str] = "Response"

    sn: int
    device: str
    ok: bool = True
    reason: str = ""
    cmd_type: str = "DeviceControl"


@dataclass(frozen=True, slots=True)
class DeviceControl:
    """One message of control; fields that are absent (None, "", False) are no part of it.

    `device` is the channel or device that obeys. `ptz` are the 16 hex digits of `gb28181.ptz`. `record` and `guard`
    are true for start and arm, false for stop and disarm. `track` is Auto, Manual or Stop, seen by the panorama
    channel `track_panorama`. `priority` is the 2016 sample's ControlPriority.
    """

    root: ClassVar[str] = "Control"
    cmd_type: ClassVar[str] = "DeviceControl"
    answer_type: ClassVar[type] = ControlResponse
    in_parts: ClassVar[bool] = False

    sn: int
    device: str
    ptz: str | None = None
    preset_name: str = ""
    cruise_name: str = ""
    teleboot: bool = False
    record: bool | None = None
    stream_number: int | None = None
    guard: bool | None = None
    alarm_reset: bool = False
    alarm_method: str = ""
    alarm_type: str = ""
    i_frame: bool = False
    zoom_in: Box | None = None
    zoom_out: Box | None = None
    home_position: HomePosition | None = None
    precise: PrecisePosition | None = None
    upgrade: Upgrade | None = None
    format_card: int | None = None
    track: str | None = None
    track_panorama: str = ""
    target_area: Box | None = None
    priority: int | None = None
    extra: tuple[str, ...] = ()

    @property
    def wants_answer(self) -> bool:
        """Whether the standard asks the device for a Response beyond the SIP 200 (2022 9.3.1)."""
        answered = (self.record, self.guard, self.home_position, self.upgrade)
        return self.alarm_reset or any(part is not None for part in answered)

    def is_answered_by(self, dialect: Dialect) -> bool:
        """Whether a device of that dialect sends the answer."""
        return self.wants_answer and not (dialect.silent_home_position and self.home_position is not None)


def read_control(sn: int, device: str, fields: Fields, damaged: int) -> DeviceControl:
    infos = [Fields(element) for element in fields.every("Info") if len(element)]
    alarms = next((info for info in infos if "AlarmMethod" in info or "AlarmType" in info), None)
    names = fields.inside("PTZCmdParams")
    ptz = fields.text("PTZCmd")
    return DeviceControl(
        sn,
        device,
        ptz=ptz or None,
        preset_name=names.text("PresetName") if names else "",
        cruise_name=names.text("CruiseTrackName") if names else "",
        teleboot=fields.text("TeleBoot").casefold() == "boot",
        record=_RECORD.get(fields.text("RecordCmd").casefold()),
        stream_number=fields.count("StreamNumber"),
        guard=_GUARD.get(fields.text("GuardCmd").casefold()),
        alarm_reset=fields.text("AlarmCmd").casefold() == "resetalarm",
        alarm_method=alarms.text("AlarmMethod") if alarms else "",
        alarm_type=alarms.text("AlarmType") if alarms else "",
        i_frame=fields.text("IFrameCmd", "IFameCmd").casefold() == "send",
        zoom_in=_read_box(fields.inside("DragZoomIn")),
        zoom_out=_read_box(fields.inside("DragZoomOut")),
        home_position=read_home(fields.inside("HomePosition")),
        precise=_read_precise(fields.inside("PTZPreciseCtrl")),
        upgrade=_read_upgrade(fields.inside("DeviceUpgrade")),
        format_card=fields.count("FormatSDCard"),
        track=_TRACK.get(fields.text("TargetTrack").casefold()),
        track_panorama=fields.text("DeviceID2"),
        target_area=_read_box(fields.inside("TargetArea")),
        priority=next((info.count("ControlPriority") for info in infos if "ControlPriority" in info), None),
        extra=extensions(fields),
    )


_RECORD = {"record": True, "stoprecord": False}
_GUARD = {"setguard": True, "resetguard": False}
_TRACK = {"auto": "Auto", "manual": "Manual", "stop": "Stop"}
_BOX = ("Length", "Width", "MidPointX", "MidPointY", "LengthX", "LengthY")


def _read_box(fields: Fields | None) -> Box | None:
    """A box is whole or none: a missing corner must not move a camera."""
    if fields is None:
        return None
    sides = [side for name in _BOX if (side := fields.integer(name)) is not None]
    return Box(*sides) if len(sides) == len(_BOX) else None


def read_home(fields: Fields | None) -> HomePosition | None:
    """A home position; None when it does not say whether it is on."""
    if fields is None:
        return None
    enabled = switch(fields.text("Enabled"))
    if enabled is None:
        return None
    return HomePosition(enabled, fields.count("ResetTime"), fields.count("PresetIndex"))


def _read_precise(fields: Fields | None) -> PrecisePosition | None:
    if fields is None:
        return None
    return PrecisePosition(fields.number("Pan"), fields.number("Tilt"), fields.number("Zoom"))


def _read_upgrade(fields: Fields | None) -> Upgrade | None:
    if fields is None:
        return None
    firmware, url, maker, session = map(fields.text, ("Firmware", "FileURL", "Manufacturer", "SessionID"))
    return Upgrade(firmware, url, maker, session) if url else None


def write_control(said: DeviceControl, sheet: Sheet) -> None:
    """Every sub-command that is there, in the order of the schema."""
    sheet.may("PTZCmd", said.ptz)
    if said.preset_name or said.cruise_name:
        sheet.open("PTZCmdParams")
        sheet.may("PresetName", said.preset_name)
        sheet.may("CruiseTrackName", said.cruise_name)
        sheet.close("PTZCmdParams")
    if said.teleboot:
        sheet.must("TeleBoot", "Boot")
    if said.record is not None:
        sheet.must("RecordCmd", "Record" if said.record else "StopRecord")
    if sheet.edition.is_2022:
        sheet.may("StreamNumber", said.stream_number)
    if said.guard is not None:
        sheet.must("GuardCmd", "SetGuard" if said.guard else "ResetGuard")
    _write_alarm_reset(said, sheet)
    _write_i_frame(said, sheet)
    _write_box("DragZoomIn", said.zoom_in, sheet)
    _write_box("DragZoomOut", said.zoom_out, sheet)
    write_home(said.home_position, sheet)
    _write_precise(said.precise, sheet)
    _write_upgrade(said.upgrade, sheet)
    sheet.may("FormatSDCard", said.format_card)
    sheet.may("TargetTrack", said.track)
    sheet.may("DeviceID2", said.track_panorama)
    _write_box("TargetArea", said.target_area, sheet)
    if said.priority is not None:
        sheet.row(f"<Info><ControlPriority>{said.priority}</ControlPriority></Info>")
    sheet.extensions(said.extra)


def _write_alarm_reset(said: DeviceControl, sheet: Sheet) -> None:
    if said.alarm_reset:
        sheet.must("AlarmCmd", "ResetAlarm")
        if said.alarm_method or said.alarm_type:
            sheet.open("Info")
            sheet.may("AlarmMethod", said.alarm_method)
            sheet.may("AlarmType", said.alarm_type)
            sheet.close("Info")


def _write_i_frame(said: DeviceControl, sheet: Sheet) -> None:
    """2016 prints IFameCmd, 2022 IFrameCmd; some devices know only the other one."""
    if said.i_frame:
        both = sheet.dialect.both_iframe_names
        if both or not sheet.edition.is_2022:
            sheet.must("IFameCmd", "Send")
        if both or sheet.edition.is_2022:
            sheet.must("IFrameCmd", "Send")


def _write_box(name: str, box: Box | None, sheet: Sheet) -> None:
    if box is not None:
        sides = (box.length, box.width, box.mid_x, box.mid_y, box.length_x, box.length_y)
        sheet.open(name)
        for side, value in zip(_BOX, sides, strict=True):
            sheet.must(side, value)
        sheet.close(name)


def write_home(home: HomePosition | None, sheet: Sheet) -> None:
    """Its element, where there is one."""
    if home is not None:
        sheet.open("HomePosition")
        sheet.must("Enabled", home.enabled)
        sheet.may("ResetTime", home.reset_time_s)
        sheet.may("PresetIndex", home.preset)
        sheet.close("HomePosition")


def _write_precise(precise: PrecisePosition | None, sheet: Sheet) -> None:
    if precise is not None:
        sheet.open("PTZPreciseCtrl")
        sheet.may("Pan", precise.pan)
        sheet.may("Tilt", precise.tilt)
        sheet.may("Zoom", precise.zoom)
        sheet.close("PTZPreciseCtrl")


def _write_upgrade(upgrade: Upgrade | None, sheet: Sheet) -> None:
    if upgrade is not None:
        sheet.open("DeviceUpgrade")
        sheet.must("Firmware", upgrade.firmware)
        sheet.must("FileURL", upgrade.file_url)
        sheet.must("Manufacturer", upgrade.manufacturer)
        sheet.must("SessionID", upgrade.session_id)
        sheet.close("DeviceUpgrade")


def read_control_response(sn: int, device: str, fields: Fields, damaged: int) -> ControlResponse:
    return ControlResponse(
        sn,
        device,
        ok=fields.switch("Result") is not False,
        reason=fields.text("Reason"),
        cmd_type=fields.text("CmdType") or "DeviceControl",
    )


def write_control_response(said: ControlResponse, sheet: Sheet) -> None:
    sheet.result(said.ok)
    sheet.may("Reason", said.reason)
