"""What a camera's head does when it is told: one control in, one deed."""

from __future__ import annotations

import logging

from gb28181 import ptz
from gb28181.manscdp.control import DeviceControl
from simulator.head import CruiseTrack, Head, ScanLine

log = logging.getLogger(__name__)

MOST_POINTS = 255


def steer(head: Head, told: DeviceControl, now: float) -> None:
    """Everything in a control that moves the picture. What cannot be read is logged and not obeyed."""
    if told.ptz is not None:
        try:
            command = ptz.decode(told.ptz)
        except ValueError as error:
            log.info("%s ignores a PTZ command: %s", told.device, error)
        else:
            obey(head, command, now, told.preset_name, told.cruise_name)
    if told.zoom_in is not None:
        head.zoom_through(told.zoom_in, now, inward=True)
    if told.zoom_out is not None:
        head.zoom_through(told.zoom_out, now, inward=False)
    if told.precise is not None:
        head.look(told.precise, now)
    if told.track is not None:
        head.track(told.track, now, told.target_area)


def take_home(head: Head, told: DeviceControl, now: float) -> str:
    """A home position in a control; why it is not taken, or ""."""
    home = told.home_position
    if home is None:
        return ""
    if home.enabled and home.preset and home.preset not in head.presets:
        return f"no preset {home.preset}"
    head.set_home(home, now)
    return ""


def obey(head: Head, command: ptz.Command, now: float, preset_name: str = "", cruise_name: str = "") -> None:
    match command:
        case ptz.Move():
            head.turn(command.pan, command.tilt, command.zoom, now)
        case ptz.Stop():
            head.stop(now)
        case ptz.FocusIris():
            head.turn_lens(command.focus, command.iris, now)
        case ptz.Preset(action=ptz.PresetAction.SET):
            head.set_preset(command.number, now, preset_name)
        case ptz.Preset(action=ptz.PresetAction.CALL):
            head.call_preset(command.number, now)
        case ptz.Preset(action=ptz.PresetAction.DELETE):
            head.delete_preset(command.number)
        case ptz.Cruise():
            _cruise(head, command, now, cruise_name)
        case ptz.Scan():
            _scan(head, command, now)
        case ptz.Auxiliary():
            head.switches[command.number] = command.on


def _cruise(head: Head, command: ptz.Cruise, now: float, name: str) -> None:
    group, value = command.group, command.value
    if command.action is ptz.CruiseAction.START:
        head.cruise(group, now)
        return
    if command.action is ptz.CruiseAction.DELETE and (not value or group not in head.cruises):
        head.cruises.pop(group, None)
        return
    track = head.cruises.setdefault(group, CruiseTrack())
    track.name = name or track.name
    match command.action:
        case ptz.CruiseAction.ADD:
            if len(track.points) < MOST_POINTS:
                track.points.append(value)
        case ptz.CruiseAction.DELETE:
            track.points = [point for point in track.points if point != value]
        case ptz.CruiseAction.SPEED:
            track.speed = value
        case ptz.CruiseAction.DWELL:
            track.dwell_s = value


def _scan(head: Head, command: ptz.Scan, now: float) -> None:
    if command.action is ptz.ScanAction.START:
        head.scan(command.group, now)
        return
    line = head.scans.setdefault(command.group, ScanLine())
    match command.action:
        case ptz.ScanAction.LEFT:
            line.left = head.at(now).pan
        case ptz.ScanAction.RIGHT:
            line.right = head.at(now).pan
        case ptz.ScanAction.SPEED:
            line.speed = command.speed
