"""The eight bytes that move a camera, sent as 16 hex digits in PTZCmd (GB/T 28181-2022 A.3)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, IntEnum
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class Move:
    """Motion that goes on until the next Move or Stop, each axis -1 to 1 as seen on the monitor, 0 for rest.

    Positive is right, up and nearer (tele). Speeds are steps of 255 for pan and tilt, of 15 for zoom.
    """

    pan: float = 0.0
    tilt: float = 0.0
    zoom: float = 0.0

    def __post_init__(self) -> None:
        _check_axes(self.pan, self.tilt, self.zoom)


@dataclass(frozen=True, slots=True)
class Stop:
    """End of every motion, of cruise and of scan; not formally of focus and iris."""


@dataclass(frozen=True, slots=True)
class FocusIris:
    """Motion of the lens, each -1 to 1: focus positive is far, iris positive is open. 0 and 0 stop both."""

    focus: float = 0.0
    iris: float = 0.0

    def __post_init__(self) -> None:
        _check_axes(self.focus, self.iris)


class PresetAction(IntEnum):
    SET = 0x81
    CALL = 0x82
    DELETE = 0x83


@dataclass(frozen=True, slots=True)
class Preset:
    """A remembered position, `number` 1 to 255."""

    action: PresetAction
    number: int

    def __post_init__(self) -> None:
        _check("a preset's number", self.number, 1, 255)


class CruiseAction(IntEnum):
    ADD = 0x84
    DELETE = 0x85
    SPEED = 0x86
    DWELL = 0x87
    START = 0x88


@dataclass(frozen=True, slots=True)
class Cruise:
    """A tour over presets; `value` is the preset to ADD or DELETE (0: all of it), the SPEED, the DWELL in seconds."""

    action: CruiseAction
    group: int
    value: int = 0

    def __post_init__(self) -> None:
        _check("a cruise's number", self.group, 0, 255)
        low, high = _CRUISE_VALUES[self.action]
        _check(f"the value of cruise {self.action.name}", self.value, low, high)


_CRUISE_VALUES: Final = {
    CruiseAction.ADD: (1, 255),
    CruiseAction.DELETE: (0, 255),
    CruiseAction.SPEED: (0, 0xFFF),
    CruiseAction.DWELL: (0, 0xFFF),
    CruiseAction.START: (0, 0),
}


class ScanAction(Enum):
    """Instruction byte, and the fixed byte 6 or None for the speed, which needs the room."""

    START = (0x89, 0)
    LEFT = (0x89, 1)
    RIGHT = (0x89, 2)
    SPEED = (0x8A, None)


@dataclass(frozen=True, slots=True)
class Scan:
    """A sweep between two limits; `speed` is 0 to 4095 and belongs to SPEED alone."""

    action: ScanAction
    group: int
    speed: int = 0

    def __post_init__(self) -> None:
        _check("a scan's number", self.group, 0, 255)
        _check("a scan's speed", self.speed, 0, 0xFFF if self.action is ScanAction.SPEED else 0)


@dataclass(frozen=True, slots=True)
class Auxiliary:
    """A switch, on or off; `number` 1 is the wiper."""

    number: int
    on: bool

    def __post_init__(self) -> None:
        _check("a switch's number", self.number, 0, 255)


Command = Move | Stop | FocusIris | Preset | Cruise | Scan | Auxiliary

HEX_DIGITS: Final = 16


def encode(command: Command, *, address: int = 0, doubled: bool = False) -> str:
    """Sixteen upper-case hex digits; `doubled` repeats a mere pan's speed in byte 6 (`Dialect.doubles_pan_speed`).

    `address` (0 to 0xFFF) has no use in the standard, which goes by DeviceID. ValueError when it is out of range.
    """
    _check("an address", address, 0, 0xFFF)
    instruction, fifth, sixth, high = _DATA[type(command)](command)
    if doubled and isinstance(command, Move) and command.pan and not command.tilt:
        sixth = fifth
    data = bytes((_FIRST, _SECOND, address & 0xFF, instruction, fifth, sixth, high << 4 | address >> 8))
    return (data + bytes((sum(data) & 0xFF,))).hex().upper()


def decode(text: str) -> Command:
    """What the digits say, in either case. ValueError when they are not 16, a check fails, or nothing is meant so."""
    digits = text.strip()
    if len(digits) != HEX_DIGITS or not digits.isascii() or not digits.isalnum():
        raise ValueError(f"a PTZ command has {HEX_DIGITS} hex digits, not {digits[:40]!r}")
    data = bytes.fromhex(digits)
    version = data[1] >> 4
    if data[0] != _FIRST or data[1] & 0xF != (0xA + 0x5 + version) & 0xF:
        raise ValueError(f"a PTZ command begins with A50F, not {digits[:4]!r}")
    if sum(data[:7]) & 0xFF != data[7]:
        raise ValueError(f"the check byte of {digits} is {sum(data[:7]) & 0xFF:02X}, not {data[7]:02X}")
    return _read(data[3], data[4], data[5], data[6] >> 4)


def doubled(text: str) -> str:
    """The same command for a device that reads the pan speed from byte 6 as well (`Dialect.doubles_pan_speed`).

    What is no mere pan comes back as it was given. ValueError as for `decode`.
    """
    command = decode(text)
    if not isinstance(command, Move) or not command.pan or command.tilt:
        return text
    data = bytearray.fromhex(text.strip())
    data[4] = data[5] = data[4] or data[5]
    data[7] = sum(data[:7]) & 0xFF
    return data.hex().upper()


_FIRST, _SECOND = 0xA5, 0x0F
_RIGHT, _LEFT, _DOWN, _UP, _TELE, _WIDE = 0x01, 0x02, 0x04, 0x08, 0x10, 0x20
_FAR, _NEAR, _OPEN, _CLOSE, _LENS = 0x01, 0x02, 0x04, 0x08, 0x40

Data = tuple[int, int, int, int]
"""Instruction (byte 4), bytes 5 and 6, and the high half of byte 7."""


def _move(move: Move) -> Data:
    instruction = _bit(move.pan, _RIGHT, _LEFT) | _bit(move.tilt, _UP, _DOWN) | _bit(move.zoom, _TELE, _WIDE)
    return instruction, _speed(move.pan, 255), _speed(move.tilt, 255), _speed(move.zoom, 15)


def _lens(lens: FocusIris) -> Data:
    instruction = _LENS | _bit(lens.focus, _FAR, _NEAR) | _bit(lens.iris, _OPEN, _CLOSE)
    return instruction, _speed(lens.focus, 255), _speed(lens.iris, 255), 0


def _cruise(cruise: Cruise) -> Data:
    return cruise.action, cruise.group, cruise.value & 0xFF, cruise.value >> 8


def _scan(scan: Scan) -> Data:
    instruction, limit = scan.action.value
    return instruction, scan.group, scan.speed & 0xFF if limit is None else limit, scan.speed >> 8


# Any: each takes the command that stands beside it, which a dict cannot say.
_DATA: Final[dict[type, Callable[[Any], Data]]] = {
    Move: _move,
    Stop: lambda stop: (0, 0, 0, 0),
    FocusIris: _lens,
    Preset: lambda preset: (preset.action, 0, preset.number, 0),
    Cruise: _cruise,
    Scan: _scan,
    Auxiliary: lambda switch: (0x8C if switch.on else 0x8D, switch.number, 0, 0),
}


def _read(instruction: int, fifth: int, sixth: int, high: int) -> Command:
    if instruction == 0:
        return Stop()
    if instruction < 0x40:
        return _read_move(instruction, fifth, sixth, high)
    if instruction < 0x50:
        return FocusIris(_axis(instruction, _FAR, _NEAR, fifth, 255), _axis(instruction, _OPEN, _CLOSE, sixth, 255))
    if instruction in (0x81, 0x82, 0x83):
        return Preset(PresetAction(instruction), sixth)
    if instruction in (0x86, 0x87):
        return Cruise(CruiseAction(instruction), fifth, high << 8 | sixth)
    if instruction in (0x84, 0x85):
        return Cruise(CruiseAction(instruction), fifth, sixth)
    if instruction == 0x88:
        return Cruise(CruiseAction.START, fifth)
    if instruction == 0x89 and sixth <= 2:
        return Scan(ScanAction((0x89, sixth)), fifth)
    if instruction == 0x8A:
        return Scan(ScanAction.SPEED, fifth, high << 8 | sixth)
    if instruction in (0x8C, 0x8D):
        return Auxiliary(fifth, instruction == 0x8C)
    raise ValueError(f"no PTZ instruction is {instruction:02X} {fifth:02X} {sixth:02X}")


def _read_move(instruction: int, fifth: int, sixth: int, high: int) -> Move:
    if instruction & (_LEFT | _RIGHT) and not instruction & (_UP | _DOWN) and not fifth:
        fifth = sixth  # the misprint of the 2016 example table: the pan speed in byte 6
    return Move(
        pan=_axis(instruction, _RIGHT, _LEFT, fifth, 255),
        tilt=_axis(instruction, _UP, _DOWN, sixth, 255),
        zoom=_axis(instruction, _TELE, _WIDE, high, 15),
    )


def _bit(axis: float, positive: int, negative: int) -> int:
    return positive if axis > 0 else negative if axis < 0 else 0


def _speed(axis: float, steps: int) -> int:
    """The speed's step; what moves at all moves by one step at least."""
    return max(1, round(abs(axis) * steps)) if axis else 0


def _axis(instruction: int, positive: int, negative: int, speed: int, steps: int) -> float:
    """An axis from its two bits and its speed; a speed of 0 with a bit set is the slowest motion, not rest."""
    forward, backward = instruction & positive, instruction & negative
    if forward and backward:
        raise ValueError(f"PTZ instruction {instruction:02X} moves an axis both ways")
    if not forward and not backward:
        return 0.0
    return (1 if forward else -1) * max(1, speed) / steps


def _check_axes(*axes: float) -> None:
    if not all(-1.0 <= axis <= 1.0 for axis in axes):
        raise ValueError(f"an axis is -1 to 1, not {axes}")


def _check(what: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise ValueError(f"{what} is {low} to {high}, not {value}")
