"""Who watches what: one upstream call a stream, any number of leases on it."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections import deque
from dataclasses import dataclass
from typing import Protocol

from broker.failure import Failure
from broker.placement import Placement
from broker.ssrc_pool import SsrcPool
from broker.stream import Pace, Stream, StreamKey
from broker.watch import InletStatistics, Lease, RtpTo, StreamView, Watch
from gb28181.peer import Hop, Neighbours
from media.plane import FirstFrame, MediaPlane, NoCapacity, OutletClosed, PlaneEvent
from registry.channel import Channel
from registry.device import Device
from registry.events import Bus, DeviceCameOnline, Event, StreamChanged

log = logging.getLogger(__name__)

FAILURES_KEPT = 100


class ChannelLookup(Protocol):
    """What the broker must know of devices and channels; the directory keeps this promise."""

    def device(self, code: str) -> Device | None: ...

    async def channel(self, owner: str, code: str) -> Channel | None: ...


@dataclass(frozen=True, slots=True)
class BrokerSettings:
    """How the broker rings and waits. Times are seconds."""

    domain: str = "34020000002000000001"
    """Our own code: SSRC digits 2 to 6 come of it (GB/T 28181-2022 annex G)."""
    linger_s: float = 20.0
    """How long a stream flows on without viewers before BYE."""
    answer_s: float = 15.0
    """INVITE to its final answer."""
    first_frame_s: float = 15.0
    """Answer to the first frame; above the media plane's own clock, whose word says more."""
    viewer_patience_s: float = 60.0
    """How long one watch waits in all, the ring by the other transport included."""
    retry_first_s: float = 1.0
    """The pause before a lost stream is called again; each failure doubles it."""
    retry_last_s: float = 30.0
    """No such pause is longer."""
    retry_other_transport: bool = True
    """When nothing came on the port, ring once more by the other transport."""
    single_port: bool = False
    """Ask for all streams on the media plane's one shared port."""
    key_frame_every_s: float = 1.0
    """Key frame requests to one channel are not closer than this."""
    leases: int = 2000
    """Viewers at a time, waiting ones included."""


@dataclass(frozen=True, slots=True)
class BrokerStatistics:
    """The hall as a whole; counters since start."""

    streams: int
    leases: int
    waiting: int
    ssrcs_lent: int
    ssrcs_free: int
    calls: int
    granted: int
    failed: int


@dataclass(slots=True)
class _Held:
    """A lease that is out: where its claim and its outlet are."""

    stream: Stream
    inlet: str
    outlet: str


class Broker:
    """Grants watches: joins a flowing stream or makes one. `close` hangs up everything."""

    def __init__(
        self,
        neighbours: Neighbours,
        channels: ChannelLookup,
        plane: MediaPlane,
        bus: Bus,
        settings: BrokerSettings | None = None,
    ) -> None:
        self.settings = settings or BrokerSettings()
        self._neighbours = neighbours
        self._channels = channels
        self._placement = Placement(plane)
        self._bus = bus
        self._ssrcs = SsrcPool(self.settings.domain)
        self._streams: dict[StreamKey, Stream] = {}
        self._ending: dict[StreamKey, Stream] = {}
        self._by_inlet: dict[str, Stream] = {}
        self._leases: dict[str, _Held] = {}
        self._by_outlet: dict[str, str] = {}
        self._failures: deque[StreamView] = deque(maxlen=FAILURES_KEPT)
        self._waiting = 0
        self._calls = self._granted = self._failed = 0
        self._is_closed = False
        for each in self._placement.planes():
            each.listen(self._plane_said)
        self._deafen = bus.listen(self._heard)

    # --- viewers ---------------------------------------------------------------------------------------------

    async def watch(self, watch: Watch) -> Lease:
        """A viewer's place on the stream of `watch`. Raises WatchFailed, with the ladder of what was tried.

        Cancelling it withdraws this viewer only; whoever else waits for the stream is not disturbed.
        """
        try:
            lease = await self._grant(watch)
        except _Refused as refused:
            self._failed += 1
            raise refused.failure.as_error() from None
        self._granted += 1
        return lease

    async def release(self, lease_id: str) -> None:
        """Give a lease back; harmless when it is gone."""
        held = self._leases.pop(lease_id, None)
        if held is None:
            return
        self._by_outlet.pop(held.outlet, None)
        held.stream.unclaim(lease_id)
        await held.stream.plane.detach(held.inlet, held.outlet)

    async def _grant(self, watch: Watch) -> Lease:
        if self._is_closed or len(self._leases) + self._waiting >= self.settings.leases:
            message = (
                "we are shutting down" if self._is_closed else f"all {self.settings.leases} viewer places are taken"
            )
            raise _Refused(Failure(message, "no-capacity", 503, (Hop("us", "find a place", 503, message),)))
        device = await self._find(watch)
        claim = secrets.token_hex(8)
        # No wait between looking for the stream and claiming it: two watches at once must find one.
        stream = self._stream_of(watch, device)
        stream.claim(claim, watch.viewer)
        self._waiting += 1
        try:
            await self._wait(stream)
            return await self._lease(watch, stream, claim)
        except BaseException:
            stream.unclaim(claim)
            raise
        finally:
            self._waiting -= 1

    async def _find(self, watch: Watch) -> Device:
        """The device that is to be called. Raises _Refused."""
        device = self._channels.device(watch.owner)
        if device is None:
            raise _refused(f"no device {watch.owner} is known here", "unknown-device", 404, "find the device")
        if not device.enabled:
            raise _refused(f"{watch.owner} is disabled here", "device-disabled", 403, "find the device")
        channel = await self._channels.channel(watch.owner, watch.channel)
        # A camera without a catalog is its own channel.
        if channel is None and watch.channel != watch.owner:
            message = f"{watch.owner} has no channel {watch.channel}"
            raise _refused(message, "unknown-channel", 404, "find the channel")
        if channel is not None and not channel.playable and watch.channel != watch.owner:
            raise _refused(f"{watch.channel} carries no picture", "not-playable", 488, "find the channel")
        return device

    def _stream_of(self, watch: Watch, device: Device) -> Stream:
        key = StreamKey(watch.owner, watch.channel, watch.stream_number)
        stream = self._streams.get(key)
        if stream is not None:
            return stream
        settings = self.settings
        stream = Stream(
            secrets.token_hex(6),
            key,
            lambda: self._channels.device(watch.owner),
            self._neighbours,
            self._placement.plane_for(device),
            self._ssrcs,
            Pace(
                settings.linger_s,
                settings.answer_s,
                settings.first_frame_s,
                settings.retry_first_s,
                settings.retry_last_s,
                settings.retry_other_transport,
                settings.single_port,
                settings.key_frame_every_s,
            ),
            self._stream_changed,
            self._inlet_changed,
        )
        before = self._ending.get(key)
        if before is not None:
            # Cheap cameras take one call a channel: the last one's BYE goes before our INVITE.
            stream.predecessor = before.task
        self._streams[key] = stream
        stream.task = asyncio.create_task(stream.run(), name=f"stream {watch.channel}/{watch.stream_number}")
        stream.task.add_done_callback(lambda _: self._stream_done(stream))
        self._tell(stream, "")
        return stream

    async def _wait(self, stream: Stream) -> None:
        patience_s = self.settings.viewer_patience_s
        try:
            async with asyncio.timeout(patience_s):
                failure = await stream.wait_flowing()
        except TimeoutError:
            message = f"{stream.key.channel} sent no picture in {patience_s:g} s"
            hop = Hop("us", "await the stream", 504, f"still {stream.state}")
            raise _Refused(Failure(message, "timeout", 504, (*stream.hops, hop))) from None
        if failure is not None:
            raise _Refused(failure)

    async def _lease(self, watch: Watch, stream: Stream, claim: str) -> Lease:
        inlet, call, video = stream.inlet, stream.call, stream.video
        if inlet is None or call is None or video is None:
            raise _Refused(Failure("the stream ended at this moment", "ended", 480, stream.hops))
        if isinstance(watch.outlet, RtpTo):
            raise _refused("no sender can be made here", "no-capacity", 503, "attach a sender")
        try:
            outlet, address = await stream.plane.attach(inlet.id, watch.outlet, audio=watch.audio)
        except NoCapacity as error:
            raise _refused(str(error), "no-capacity", 503, "attach a viewer") from None
        except KeyError:
            raise _Refused(Failure("the stream ended at this moment", "ended", 480, stream.hops)) from None
        self._leases[claim] = _Held(stream, inlet.id, outlet)
        self._by_outlet[outlet] = claim
        return Lease(claim, watch, address, call.call_id, video, stream.audio if watch.audio else None)

    # --- eyes ------------------------------------------------------------------------------------------------

    def streams(self) -> list[StreamView]:
        """Every stream there is, flowing or failing."""
        return [stream.view() for stream in self._streams.values()]

    def failures(self) -> list[StreamView]:
        """The last streams that never came, newest last."""
        return list(self._failures)

    def inlet_of(self, stream_id: str) -> str | None:
        """The media plane's name of a stream's way in, None when it has none now."""
        stream = self._named(stream_id)
        return stream.inlet.id if stream is not None and stream.inlet is not None else None

    def statistics_of(self, stream_id: str) -> InletStatistics | None:
        """What the media plane counts on a stream."""
        stream = self._named(stream_id)
        if stream is None or stream.inlet is None:
            return None
        return stream.plane.statistics(stream.inlet.id)

    def statistics(self) -> BrokerStatistics:
        return BrokerStatistics(
            streams=len(self._streams),
            leases=len(self._leases),
            waiting=self._waiting,
            ssrcs_lent=self._ssrcs.lent,
            ssrcs_free=self._ssrcs.free,
            calls=self._calls + sum(stream.calls for stream in self._streams.values()),
            granted=self._granted,
            failed=self._failed,
        )

    # --- ends ------------------------------------------------------------------------------------------------

    async def stop(self, stream_id: str) -> bool:
        """Cut the source of a stream whoever watches; false when there is no such stream."""
        stream = self._named(stream_id)
        if stream is None:
            return False
        stream.stop()
        return True

    async def close(self) -> None:
        """Hang up every call and give everything back; harmless when closed."""
        if not self._is_closed:
            self._is_closed = True
            self._deafen()
        streams = [*self._streams.values(), *self._ending.values()]
        for stream in streams:
            stream.cancel()
        tasks = [stream.task for stream in streams if stream.task is not None]
        if tasks:
            await asyncio.wait(tasks)

    # --- what others say -------------------------------------------------------------------------------------

    def _plane_said(self, event: PlaneEvent) -> None:
        if isinstance(event, OutletClosed):
            self._outlet_closed(event)
            return
        stream = self._by_inlet.get(event.inlet)
        if stream is not None:
            stream.plane_said(event)
            if isinstance(event, FirstFrame):
                log.info("%s flows: %s", stream.key.channel, event.video)

    def _outlet_closed(self, event: OutletClosed) -> None:
        lease_id = self._by_outlet.pop(event.outlet, None)
        held = self._leases.pop(lease_id, None) if lease_id else None
        if lease_id and held:
            held.stream.unclaim(lease_id)

    def _heard(self, event: Event) -> None:
        if isinstance(event, DeviceCameOnline):
            for stream in self._streams.values():
                if stream.key.owner == event.code:
                    stream.ring_now()

    def _stream_changed(self, stream: Stream, note: str) -> None:
        if stream.is_over and self._streams.get(stream.key) is stream:
            del self._streams[stream.key]
            self._ending[stream.key] = stream
            self._calls += stream.calls
            if stream.failure is not None:
                self._failures.append(stream.view())
        self._tell(stream, note)

    def _inlet_changed(self, stream: Stream, before: str | None, after: str | None) -> None:
        if before is not None:
            self._by_inlet.pop(before, None)
        if after is not None:
            self._by_inlet[after] = stream

    def _stream_done(self, stream: Stream) -> None:
        if self._ending.get(stream.key) is stream:
            del self._ending[stream.key]
        for lease_id in [lease for lease, held in self._leases.items() if held.stream is stream]:
            self._by_outlet.pop(self._leases.pop(lease_id).outlet, None)

    def _named(self, stream_id: str) -> Stream | None:
        return next((each for each in self._streams.values() if each.name == stream_id), None)

    def _tell(self, stream: Stream, note: str) -> None:
        self._bus.tell(StreamChanged(stream.name, stream.key.owner, stream.key.channel, str(stream.state), note))

    def __repr__(self) -> str:
        return f"<Broker {len(self._streams)} streams, {len(self._leases)} leases>"


class _Refused(Exception):
    """A failure on its way to the door."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


def _refused(message: str, code: str, status: int, what: str) -> _Refused:
    return _Refused(Failure(message, code, status, (Hop("us", what, status, message),)))
