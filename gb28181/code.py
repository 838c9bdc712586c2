"""Who a thing is: the 20 digits of GB/T 28181-2022 annex E, and the short codes of civil divisions."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class Kind(IntEnum):
    """What digits 11 to 13 say a thing is (both editions; extension codes have no name here)."""

    DVR = 111
    VIDEO_SERVER = 112
    ENCODER = 113
    DECODER = 114
    VIDEO_MATRIX = 115
    AUDIO_MATRIX = 116
    ALARM_CONTROLLER = 117
    NVR = 118
    IMAGE_ACQUISITION_SYSTEM = 120
    TOLLGATE = 121
    MULTI_SENSOR_DEVICE = 122
    PARKING_CONTROLLER = 123
    PEDESTRIAN_CONTROLLER = 124
    SECURITY_CHECK_DEVICE = 125
    HVR = 130
    CAMERA = 131
    NETWORK_CAMERA = 132
    DISPLAY = 133
    ALARM_INPUT = 134
    ALARM_OUTPUT = 135
    VOICE_INPUT = 136
    VOICE_OUTPUT = 137
    MOBILE_TRANSMITTER = 138
    OTHER_PERIPHERAL = 139
    RELAY_ALARM_OUTPUT = 140
    BARRIER_GATE = 141
    SMART_DOOR = 142
    CREDENTIAL_READER = 143
    SERVER = 200
    WEB_SERVER = 201
    MEDIA_SERVER = 202
    PROXY_SERVER = 203
    SECURITY_SERVER = 204
    ALARM_SERVER = 205
    DATABASE_SERVER = 206
    GIS_SERVER = 207
    MANAGEMENT_SERVER = 208
    ACCESS_GATEWAY = 209
    STORAGE_SERVER = 210
    SECURITY_GATEWAY = 211
    BUSINESS_GROUP = 215
    VIRTUAL_ORGANISATION = 216
    CENTRE_USER = 300
    TERMINAL_USER = 400
    IMAGE_PLATFORM = 500
    OPERATIONS_PLATFORM = 501
    IMAGE_ANALYSIS_SYSTEM = 502
    IMAGE_DATABASE = 503
    IMAGE_ANALYSIS_DEVICE = 505


_KINDS = {f"{kind.value:03d}": kind for kind in Kind}
_DIVISION_LENGTHS = (2, 4, 6, 8)


@dataclass(frozen=True, slots=True, order=True)
class GbCode:
    """Who a thing is: 20 digits, or 2, 4, 6 or 8 for a civil division. ValueError for anything else.

    On the wire a code is an opaque text (old devices send what they like); make a `GbCode` where its meaning is
    wanted or where people type it.

    >>> GbCode("34020000001320000001").kind
    <Kind.NETWORK_CAMERA: 132>
    """

    digits: str

    def __post_init__(self) -> None:
        if not (is_digits(self.digits) and len(self.digits) in (*_DIVISION_LENGTHS, 20)):
            raise ValueError(f"a code is 20 digits, or 2 to 8 for a civil division, not {self.digits!r}")

    @property
    def kind(self) -> Kind | None:
        """None for divisions and for type codes without a name."""
        return kind_of(self.digits)

    @property
    def division(self) -> str:
        """The civil division that owns the thing: 2, 4, 6 or 8 digits, trailing `00` pairs taken off."""
        centre = self.digits[:8]
        while len(centre) > 2 and centre.endswith("00"):
            centre = centre[:-2]
        return centre

    @property
    def domain(self) -> str:
        """The SIP domain of the thing's realm: the first ten digits, "" for a division."""
        return self.digits[:10] if len(self.digits) == 20 else ""

    @property
    def industry(self) -> str:
        """Digits 9 and 10, "" for a division. What 40 to 59 mean differs between the editions."""
        return self.digits[8:10]

    @property
    def network(self) -> str:
        """Digit 14, "" for a division. Its meaning differs between the editions."""
        return self.digits[13:14]

    @property
    def serial(self) -> str:
        """Digits 15 to 20, "" for a division."""
        return self.digits[14:]

    def __str__(self) -> str:
        return self.digits


def is_digits(text: str) -> bool:
    """Whether a text is nothing but the digits 0 to 9, and not empty."""
    return text.isascii() and text.isdigit()


def kind_of(code: str) -> Kind | None:
    """The kind a code names; None for divisions, for unnamed type codes and for whatever is not 20 digits."""
    if len(code) != 20 or not is_digits(code):
        return None
    return _KINDS.get(code[10:13])


def is_division(code: str) -> bool:
    """Whether a code names a civil division (a region of the tree)."""
    return len(code) in _DIVISION_LENGTHS and is_digits(code)


def is_system(code: str) -> bool:
    return kind_of(code) is Kind.SERVER


def is_group(code: str) -> bool:
    return kind_of(code) is Kind.BUSINESS_GROUP


def is_organisation(code: str) -> bool:
    return kind_of(code) is Kind.VIRTUAL_ORGANISATION


def is_camera(code: str) -> bool:
    """Whether a code names a video channel by its type; recorders' odd channels need the catalog item as well."""
    return kind_of(code) in (Kind.CAMERA, Kind.NETWORK_CAMERA)


def is_recorder(code: str) -> bool:
    """Whether a code names a thing that has video channels of its own: DVR, NVR, HVR, encoder, video server."""
    return kind_of(code) in (Kind.DVR, Kind.NVR, Kind.HVR, Kind.ENCODER, Kind.VIDEO_SERVER)
