"""All that anyone may ask of voice: values and promises, no sockets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

PIECE_S = 0.02
"""A packet holds so much: devices play longer ones haltingly (media.md A3)."""


class Road(StrEnum):
    """How sound gets to a device."""

    UDP = "udp"
    CONNECT = "connect"  # TCP, and the device listens
    LISTEN = "listen"  # TCP, and the device connects


@dataclass(frozen=True, slots=True)
class MouthWish:
    """Where a voice shall be heard. `host` and `port` are where the device awaits it, "" and 0 until it has said so.

    `form` is PCMA, PCMU or PS. `peer_host` is the address its signalling comes from; nothing is taken from any other
    than these two. With `follows` sound goes to wherever the device's own comes from (media.md 2.7); without, only
    when the address it awaits us at is not the one it speaks from, as behind an address translator. `towards` is our
    address as the device knows us. An `is_ear` says nothing: what it hears is what the voice says.
    """

    road: Road
    form: str = "PCMA"
    payload_type: int = 8
    ssrc: int = 0
    host: str = ""
    port: int = 0
    peer_host: str = ""
    towards: str = ""
    follows: bool = False
    is_ear: bool = False


@dataclass(frozen=True, slots=True)
class Mouth:
    """A way out whose port is bound. `host` is "" when nothing but the caller knows our address."""

    id: str
    host: str
    port: int


class MouthState(StrEnum):
    WAITING = "waiting"  # for an address, or for a connection
    OPEN = "open"
    UNREACHABLE = "unreachable"  # no connection, or it broke, or the device's host says that nobody listens
    SHUT = "shut"


@dataclass(frozen=True, slots=True)
class MouthStatistics:
    """What went to one device and what came back. Levels are 0 to 1; `lost_there` is what it reports to have lost."""

    state: MouthState
    target: str
    packets: int = 0
    bytes: int = 0
    dropped: int = 0
    reports: int = 0
    lost_there: float | None = None
    heard_packets: int = 0
    heard_bytes: int = 0
    heard_level: float = 0.0
    heard_from: str = ""
    strangers: int = 0
    note: str = ""


@dataclass(frozen=True, slots=True)
class VoiceStatistics:
    """What came from whoever speaks. `level` is the loudest of the last moment, 0 to 1."""

    level: float = 0.0
    waiting_s: float = 0.0
    heard_bytes: int = 0
    pieces: int = 0
    """Pieces of voice that went out."""
    silences: int = 0
    """Pieces of silence that went out instead, because nothing was there."""
    dropped: int = 0
    """Pieces that came too fast and were left out."""
    late_ticks: int = 0


class Voice(Protocol):
    """One voice, heard at many places, 20 ms after 20 ms. Close it."""

    def say(self, sound: bytes) -> None:
        """A-law at 8 kHz, of any length, as it comes; what is too much is dropped."""

    async def open(self, wish: MouthWish) -> Mouth:
        """Bind a way to a device; silence goes out as soon as its address is known. Raises NoCapacity, and ValueError
        for a host that is no address."""

    def aim(self, mouth: str, host: str, port: int, *, form: str = "", payload_type: int = 8) -> None:
        """The device said where it awaits us, and perhaps in which form. Harmless for one that is shut."""

    def begin(self, mouth: str) -> None:
        """The voice itself from now on, no longer silence. Harmless for one that is shut."""

    async def shut(self, mouth: str) -> None:
        """Give a way back; harmless when it is."""

    def statistics(self, mouth: str) -> MouthStatistics | None: ...

    def figures(self) -> VoiceStatistics: ...

    def on_heard(self, listener: Callable[[bytes], None]) -> None:
        """What comes back from the devices, as A-law; the listener must not block."""

    async def close(self) -> None: ...


class Microphone(Protocol):
    """A browser's microphone by WebRTC. `answer` is the session description for the browser."""

    @property
    def answer(self) -> str: ...

    @property
    def state(self) -> str: ...

    async def close(self) -> None: ...


class VoicePlane(Protocol):
    def voice(self) -> Voice:
        """A new voice that says nothing yet."""

    async def microphone(self, offer: str, client: str, say: Callable[[bytes], None]) -> Microphone:
        """Take the microphone of a browser at the address `client`. Raises ValueError for an offer that cannot be
        used, NoCapacity without WebRTC."""
