"""Where a stream comes in: a media host that has room for it, and the inlet that is open there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from broker.errand import Errand, StreamKey
from broker.failure import Failed, Failure, failed
from broker.fetched import Sources
from broker.kept import Kept
from broker.placement import Placement
from broker.watch import WatchKind
from broker.way import Way
from gb28181.mansrtsp import Control, Method
from gb28181.peer import Hop
from gb28181.ssrc import Ssrc
from media.plane import Aim, Inlet, InletStatistics, MediaPlane, NoCapacity, Source, Steering
from registry.device import Device, DeviceKind

HOST_S = 4.0
"""How long a stream waits for a media host when there is none: one that died is replaced within seconds."""


class Intake:
    """`open` it before anybody is told of it, `close` it when nobody sends any more; it may be opened again.

    `changed` is told the ids of the inlet there was and of the one there is, None for none. What is said to an intake
    that is closed, or whose media host died, is said to nobody.
    """

    def __init__(
        self,
        errand: Errand,
        device: Callable[[str], Device | None],
        placement: Placement,
        sources: Sources,
        kept: Kept,
        changed: Callable[[str | None, str | None], None],
    ) -> None:
        self.ssrc = 0
        """The number that was lent to the stream; set it before `open`."""
        self.plane: MediaPlane | None = None
        """Where the inlet is, or was last."""
        self.inlet: Inlet | None = None
        self.taking = ""
        """The outlet by which the stream is written to disk."""
        self.kept_bytes: int | None = None
        """Of a recording of ours: about how long it will be."""
        self.hops: tuple[Hop, ...] = ()
        """How it was opened: with what a ladder begins."""
        self._way: Way | None = None
        self._errand = errand
        self._device = device
        self._placement = placement
        self._sources = sources
        self._kept = kept
        self._changed = changed

    # --- open and closed -------------------------------------------------------------------------------------

    async def open(self, way: Way, key: StreamKey) -> None:
        """An inlet on the best media host that has room. Raises Failed."""
        self._way = way
        device = self._device(key.owner)
        source = await self._find_source(key, device)
        planes = await self._placement.planes_for(
            device,
            within_s=HOST_S,
            is_on_disk=(source is not None and bool(source.file or source.clips))
            or self._errand.taking is not None
            or self._errand.is_recorded,
        )
        refusal = "no media host is there"
        for plane in planes:
            try:
                self.inlet = await self._open_on(plane, way, key, source)
            except NoCapacity as error:
                refusal = str(error)
                continue
            self.plane = plane
            break
        else:
            hop = Hop("media", "open a port", 503, refusal)
            raise Failed(Failure(refusal, "no-capacity", 503, (hop,)))
        self._changed(None, self.inlet.id)
        if source is not None:
            self.hops = ()
            return
        place = f"{way.transport} port {self.inlet.port}, SSRC {Ssrc(self.ssrc).text}"
        self.hops = (Hop("media", "open a port", 200, place),)

    async def move_house(self, key: StreamKey) -> None:
        """The same by the way it was opened last: on another media host, or on the one that took the dead one's
        place. Raises Failed."""
        assert self._way is not None
        await self.close()
        await self.open(self._way, key)

    async def close(self) -> None:
        """Harmless when it is closed."""
        inlet, self.inlet = self.inlet, None
        if inlet is not None and self.plane is not None:
            try:
                await self.plane.close(inlet.id)
            finally:
                self._changed(inlet.id, None)

    def counted(self) -> InletStatistics | None:
        """What its media host counts on it, None when that has no such inlet."""
        return self.plane.statistics(self.inlet.id) if self.plane is not None and self.inlet is not None else None

    @property
    def has_lost_its_host(self) -> bool:
        """The media host died under it, and the inlet with it."""
        return self.inlet is not None and self.counted() is None

    # --- what its media host is told -------------------------------------------------------------------------

    async def aim(self, aim: Aim) -> None:
        """At whoever sends. Raises KeyError when the media host died."""
        assert self.plane is not None and self.inlet is not None
        await self.plane.aim(self.inlet.id, aim)

    async def drain(self, within_s: float) -> None:
        """Wait until what came in has gone out, `within_s` at the longest."""
        if self.inlet is not None and self.plane is not None:
            await self.plane.drain(self.inlet.id, within_s)

    def steer(self, steering: Steering) -> None:
        """The recording is ours: its source goes on so."""
        if self.inlet is not None and self.plane is not None:
            self.plane.steer(self.inlet.id, steering)

    def controlled(self, control: Control) -> None:
        """The sender of a recording took a control."""
        if self.inlet is None or self.plane is None:
            return
        if control.method is Method.PAUSE:
            self.plane.hold(self.inlet.id, True)
        elif control.method is Method.PLAY:
            self.plane.hold(self.inlet.id, False)
            if control.jumps:
                self.plane.seek(self.inlet.id)

    def pace(self, scale: float) -> None:
        """Whoever browses sees the recording at this speed from now on; what we kept ourselves comes so already."""
        if self.inlet is not None and self.plane is not None:
            self.plane.pace(self.inlet.id, 1.0 if self._errand.kept else scale)

    # --- how it is opened ------------------------------------------------------------------------------------

    async def _find_source(self, key: StreamKey, device: Device | None) -> Source | None:
        """Where it is fetched from; None where somebody is called. Raises Failed."""
        if self._errand.kept:
            return await self._kept_source(key)
        source = self._sources(key.owner, key.channel)
        is_live = self._errand.kind.is_live
        if device is not None and device.kind is DeviceKind.OWN and (source is None or not is_live):
            message = f"{key.channel} " + ("has no recordings" if source is not None else "is switched off here")
            raise failed(message, "not-available", 488, "fetch it")
        return source

    async def _kept_source(self, key: StreamKey) -> Source:
        """Our own recording of the span, at the speed that is asked for. Raises Failed."""
        errand = self._errand
        source = await self._kept(key.owner, key.channel, key.number, errand.start, errand.stop)
        if source is None:
            message = f"nothing is kept of {key.channel} of that time"
            raise failed(message, "not-recorded", 404, "look into our recordings")
        self.kept_bytes = source.clip_bytes or None
        if errand.kind is WatchKind.PLAYBACK:
            return replace(source, enter_ms=errand.enter * 1000)
        return replace(source, speed=float(max(1, errand.download_speed or 1)), is_rewritten=False)

    async def _open_on(self, plane: MediaPlane, way: Way, key: StreamKey, source: Source | None) -> Inlet:
        if source is not None:
            return await plane.pull(self.ssrc, source)
        inlet = await plane.open(
            self.ssrc,
            way.transport,
            single_port=way.single_port,
            is_recording=not self._errand.kind.is_live,
            towards=our_host(self._device(key.owner)),
        )
        if self._errand.taking is not None:
            try:
                self.taking = (await plane.attach_taking(inlet.id, self._errand.taking)).outlet
            except (NoCapacity, KeyError, ValueError) as error:
                await plane.close(inlet.id)
                raise NoCapacity(str(error)) from None
        return inlet


def our_host(device: Device | None) -> str:
    """Our address as whoever sends knows us, "" when nobody can say."""
    host = device.local_host if device is not None else ""
    # A socket for both families writes IPv4 so; in a session description it is an IPv4 address.
    return host.removeprefix("::ffff:") if "." in host else host
