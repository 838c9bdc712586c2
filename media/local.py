"""The promises of `plane.py` kept inside this process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from aiohttp import web

from media.plane import Aim, Inlet, InletStatistics, NoCapacity, OutletKind, PlaneEvent, Transport


@dataclass(frozen=True, slots=True)
class PlaneSettings:
    """What the media plane may use and how long it waits. Times are seconds, sizes bytes."""

    host: str = "0.0.0.0"
    """Address the media sockets are bound to."""
    announce_host: str = ""
    """What SDP's c= line says; "" leaves it to the broker: the address by which the device reached us."""
    first_port: int = 30000
    """First (even) port of the range; 0 takes ports of the system's choice."""
    last_port: int = 30999
    single_port: int = 0
    """The shared port of single-port mode (UDP and TCP), 0 for one of the system's choice; bound at first use."""
    quarantine_s: float = 5.0
    """How long a freed port rests, so that late packets of its last stream do not reach the next one."""
    never_came_s: float = 10.0
    """From aim to the first frame; then StreamFailed."""
    audio_wait_s: float = 1.0
    """How long the first frame waits for announced sound."""
    lost_udp_s: float = 10.0
    lost_tcp_s: float = 15.0
    stuck_s: float = 10.0
    """Packets but no whole frame: a key frame is asked for after this, the stream given up after twice this."""
    connect_s: float = 3.0
    connect_tries: int = 4
    connect_pause_s: float = 1.0
    receive_buffer_bytes: int = 4 * 1024 * 1024
    reorder_window: int = 256
    reorder_hold_s: float = 0.2
    gop_frames: int = 1024
    gop_bytes: int = 32 * 1024 * 1024
    gop_s: float = 10.0
    viewer_bytes: int = 8 * 1024 * 1024
    """What may wait for one slow viewer before it skips to the next key frame."""
    viewer_age_s: float = 2.0
    viewer_skips: int = 5
    """Skips in a row (without catching up for `viewer_forgive_s`) after which a viewer is cut."""
    viewer_forgive_s: float = 30.0
    viewers: int = 2000
    """Viewer places of this plane, taken and reserved."""
    address_life_s: float = 60.0
    """How long an address waits for its viewer."""
    prefix: str = "/media"
    secret: bytes = field(default=b"", repr=False)
    """Key of the address signatures; empty makes one at start."""


class LocalPlane:
    """A MediaPlane in this process: own sockets, own fan-out, viewers on the console's HTTP port."""

    def __init__(self, settings: PlaneSettings | None = None) -> None:
        self.settings = settings or PlaneSettings()
        self._listeners: list[Callable[[PlaneEvent], None]] = []

    async def start(self) -> None:
        """Begin the once-a-second watch over all inlets."""

    async def stop(self) -> None:
        """Cut all viewers, close all inlets and sockets."""

    def routes(self) -> list[web.AbstractRouteDef]:
        """Routes of the viewers' addresses, to be mounted on any aiohttp application."""
        return []

    def listen(self, listener: Callable[[PlaneEvent], None]) -> None:
        self._listeners.append(listener)

    async def open(self, ssrc: int, transport: Transport, *, single_port: bool = False) -> Inlet:
        raise NoCapacity("no port is free")

    async def aim(self, inlet: str, aim: Aim) -> None:
        raise KeyError(inlet)

    async def attach(self, inlet: str, kind: OutletKind, *, audio: bool = True) -> tuple[str, str]:
        raise KeyError(inlet)

    async def detach(self, inlet: str, outlet: str) -> None:
        return None

    async def close(self, inlet: str) -> None:
        return None

    def statistics(self, inlet: str) -> InletStatistics | None:
        return None
