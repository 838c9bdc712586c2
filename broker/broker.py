"""Who watches what: one upstream call a stream, any number of leases on it."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections import deque
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace

from broker.errand import Detour, Pace, StreamKey, errand_of
from broker.failure import Failed, Failure, failed
from broker.fetched import Sources, nothing_is_fetched
from broker.kept import Kept, nothing_is_kept
from broker.life import State
from broker.placement import Placement
from broker.route import NO_OTHER_WAY_HELPS, ChannelLookup, Route, RouteBook
from broker.ssrc_pool import NoNumber, SsrcPool
from broker.stream import FINISHED, Stream
from broker.watch import (
    InletStatistics,
    Lease,
    Peek,
    RecorderStatistics,
    RecordTo,
    RtpTo,
    Sender,
    SenderStatistics,
    StreamView,
    TakeHome,
    Watch,
    WorkerStatistics,
)
from gb28181.mansrtsp import read_control
from gb28181.peer import Hop, Neighbours, PeerError, PeerRefused, PeerSilent
from media.plane import (
    FirstFrame,
    Inlet,
    KeyFrame,
    KeyFrameWanted,
    MediaPlane,
    NoCapacity,
    OutletClosed,
    PlaneEvent,
    RecordingResumed,
    RecordingTrouble,
    RecordingWish,
    SegmentWritten,
    SenderWish,
    TakingEnded,
    Transport,
)
from registry.events import Bus, DeviceCameOnline, Event, RecordingChanged, StreamChanged
from registry.routes import Routes

log = logging.getLogger(__name__)

FAILURES_KEPT = 100
SILENT_S = 0.9
"""A live stream without a packet for so long is joined only when no other way works."""


@dataclass(frozen=True, slots=True)
class BrokerSettings:
    """How the broker rings and waits. Times are seconds."""

    domain: str = "34020000002000000001"
    """Our own code: SSRC digits 2 to 6 come of it (GB/T 28181-2022 annex G)."""
    linger_s: float = 20.0
    """How long a stream flows on without viewers before BYE."""
    answer_s: float = 15.0
    """INVITE to its final answer, of a device of our own."""
    answer_each_platform_s: float = 10.0
    """So much longer for every platform on the way: each has to ring the next one down within it."""
    answer_with_other_way: float = 0.5
    """This part of that patience when another way can still be tried: whoever asked us has a patience, too."""
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
    """Of live streams; recordings have numbers of their own."""
    calls: int
    granted: int
    failed: int


@dataclass(slots=True)
class _Held:
    """A lease that is out: where its claim and its outlet are, who hears of its end, and what goes back then."""

    stream: Stream
    plane: MediaPlane
    inlet: str
    outlet: str
    sends: bool = False
    records: bool = False
    listener: Callable[[str], None] | None = None
    taken: ExitStack = field(default_factory=ExitStack)


class Broker:
    """Grants watches: joins a flowing stream or makes one. `close` hangs up everything."""

    def __init__(
        self,
        neighbours: Neighbours,
        channels: ChannelLookup,
        media: MediaPlane | Placement,
        bus: Bus,
        settings: BrokerSettings | None = None,
        *,
        sources: Sources = nothing_is_fetched,
        kept: Kept = nothing_is_kept,
    ) -> None:
        self.settings = settings or BrokerSettings()
        self._sources = sources
        self._kept = kept
        self._neighbours = neighbours
        self._channels = channels
        self._routes = RouteBook(channels, self.settings.domain)
        self._placement = media if isinstance(media, Placement) else Placement(media)
        self._bus = bus
        self._ssrcs = SsrcPool(self.settings.domain)
        self._recorded_ssrcs = SsrcPool(self.settings.domain, live=False)
        self._streams: dict[StreamKey, Stream] = {}
        self._ending: dict[StreamKey, Stream] = {}
        self._by_inlet: dict[str, Stream] = {}
        self._leases: dict[str, _Held] = {}
        self._by_outlet: dict[str, str] = {}
        self._takers: dict[str, Callable[[TakingEnded], None]] = {}
        self._leaving: set[asyncio.Task[None]] = set()
        self._failures: deque[StreamView] = deque(maxlen=FAILURES_KEPT)
        self._waiting = 0
        self._calls = self._granted = self._failed = 0
        self._is_closed = False
        self._placement.listen(self._plane_said)
        self._deafen = bus.listen(self._heard)

    # --- viewers ---------------------------------------------------------------------------------------------

    async def watch(self, watch: Watch) -> Lease:
        """A viewer's place on the stream of `watch`. Raises WatchFailed, with the ladder of what was tried.

        A channel that several neighbours have is asked of the next one when one fails. Cancelling it withdraws this
        viewer only; whoever else waits for the stream is not disturbed.
        """
        try:
            lease = await self._grant(watch)
        except Failed as no:
            self._failed += 1
            failure = no.failure
            raise (failure if failure.path else replace(failure, path=(self.settings.domain,))).as_error() from None
        self._granted += 1
        return lease

    async def release(self, lease_id: str) -> None:
        """Give a lease back; harmless when it is gone. Raises nothing: whoever gives back is often on his way out."""
        held = self._take_back(lease_id)
        if held is not None:
            await self._detach(held)

    def begin(self, lease_id: str) -> None:
        """The platform above is ready (its ACK came): its sender begins. Harmless for a lease that is gone."""
        held = self._leases.get(lease_id)
        if held is not None and held.sends:
            held.plane.begin(held.outlet)

    async def key_frame(self, lease_id: str, within_s: float) -> KeyFrame:
        """The kept picture of the stream of a lease, or its next key frame. Raises KeyError when the lease or its
        stream is gone, NoCapacity when none came `within_s`."""
        held = self._leases[lease_id]
        return await held.plane.key_frame(held.inlet, within_s)

    def want_key_frame(self, lease_id: str, reason: str) -> None:
        """Whoever has this lease cannot go on without one. Harmless for a lease that is gone."""
        held = self._leases.get(lease_id)
        if held is not None:
            held.stream.plane_said(KeyFrameWanted(held.inlet, reason))

    def along(self, lease_id: str, farewell: Callable[[], None]) -> None:
        """Call `farewell` once when the lease goes, given back or by itself; at once when it has."""
        held = self._leases.get(lease_id)
        if held is None:
            farewell()
        else:
            held.taken.callback(farewell)

    def on_lease_end(self, lease_id: str, listener: Callable[[str], None]) -> None:
        """Call `listener(reason)` once, when the lease ends by itself and not by `release`; at once when it has.

        The reason is "finished" when a recording was sent to its end.
        """
        held = self._leases.get(lease_id)
        if held is None:
            listener("it has ended")
        else:
            held.listener = listener

    def on_taken(self, name: str, listener: Callable[[TakingEnded], None] | None) -> None:
        """Call `listener` whenever what was taken home under this name is on disk, until None takes it back."""
        if listener is None:
            self._takers.pop(name, None)
        else:
            self._takers[name] = listener

    async def inform(self, lease_id: str, body: bytes, content_type: str) -> int:
        """Hand a control (MANSRTSP) on to the sender of a recording, byte for byte; the status it answered.

        405 for a live stream, which others watch too; 481 when the session is gone, 408 when nobody answered.
        """
        held = self._leases.get(lease_id)
        stream = held.stream if held is not None else None
        call = stream.call if stream is not None else None
        if stream is None or call is None:
            return 481
        if stream.is_live:
            return 405
        try:
            status = await call.inform(body, content_type)
        except PeerSilent:
            return 408
        except PeerRefused as no:
            return no.status
        except PeerError:
            return 480
        control = read_control(body)
        if control is not None and 200 <= status <= 299:
            stream.controlled(control)
            # A platform above has players of its own, and gets the recording's time stamps as they are.
            if control.scale and held is not None and not held.sends:
                stream.pace(control.scale)
        return status

    def figures_of(self, lease_id: str) -> InletStatistics | None:
        """What is counted on the stream of a lease; None when the lease is gone."""
        held = self._leases.get(lease_id)
        return held.plane.statistics(held.inlet) if held is not None else None

    async def _grant(self, watch: Watch) -> Lease:
        if self._is_closed or len(self._leases) + self._waiting >= self.settings.leases:
            message = (
                "we are shutting down" if self._is_closed else f"all {self.settings.leases} viewer places are taken"
            )
            raise failed(message, "no-capacity", 503, "find a place")
        # No wait between counting the places and taking one.
        self._waiting += 1
        try:
            return await self._by_some_way(watch)
        finally:
            self._waiting -= 1

    async def _by_some_way(self, watch: Watch) -> Lease:
        until = asyncio.get_running_loop().time() + self.settings.viewer_patience_s
        number, channel = watch.stream_number, watch.channel
        routes = await self._routes.of(watch, lambda owner: self._flows(StreamKey(owner, channel, number)))
        tried: tuple[Hop, ...] = ()
        while True:
            route = routes.pop(0)
            answer_s = self._answer_s(route, has_other=bool(routes))
            try:
                lease = await self._by(route, watch, until, answer_s)
            except Failed as no:
                failure = no.failure.after(tried)
                if not watch.kept:  # which says nothing about any way
                    self._routes.failed(route.device.code, channel)
                if not routes or failure.code in NO_OTHER_WAY_HELPS:
                    raise Failed(failure) from None
                log.info("%s; trying it by %s", failure.message, routes[0].device.code)
                tried = failure.hops
                continue
            if not watch.kept:
                self._routes.worked(route.device.code, channel, lease.path)
            return lease

    def _flows(self, key: StreamKey) -> bool | None:
        """Whether a stream is worth joining when there is another way; None when there is none."""
        stream = self._streams.get(key)
        if stream is None:
            return None
        counted = stream.counted()
        if stream.state in (State.INVITING, State.AWAITING):
            return True
        age_s = counted.last_packet_age_s if counted is not None else None
        return stream.state is not State.RETRYING and age_s is not None and age_s < SILENT_S

    def _answer_s(self, route: Route, *, has_other: bool) -> float:
        """How long the answer to an INVITE by `route` is awaited."""
        patience_s = self.settings.answer_s + self.settings.answer_each_platform_s * route.platforms
        return patience_s * self.settings.answer_with_other_way if has_other else patience_s

    async def _by(self, route: Route, wish: Watch, until: float, answer_s: float) -> Lease:
        claim = secrets.token_hex(8)
        watch = replace(wish, owner=route.device.code)
        # No wait between looking for the stream and claiming it: two watches at once must find one.
        stream = self._stream_of(watch, route, claim, answer_s)
        stream.claim(claim, watch.viewer, may_move=not wish.owner)
        try:
            await self._wait(stream, until)
            return await self._lease(watch, stream, claim)
        except BaseException:
            stream.unclaim(claim)
            raise

    async def _detour(self, stream: Stream, watch: Watch) -> Detour | None:
        """Another way for a stream that rang again in vain: it goes on there under the new owner's key.

        None when nobody else who is online has the channel, or a stream of its own flows there already.
        """
        before = stream.key
        self._routes.failed(before.owner, before.channel)
        try:
            routes = await self._routes.of(replace(watch, owner=""), lambda owner: None)
        except Failed:
            return None
        for route in routes:
            key = replace(before, owner=route.device.code)
            is_free = key not in self._streams and key not in self._ending
            if is_free and route.device.is_online and self._streams.get(before) is stream:
                del self._streams[before]
                self._streams[key] = stream
                log.info("%s is rung by way of %s, no longer of %s", key.channel, key.owner, before.owner)
                headers = route.headers
                return Detour(key, headers, self._answer_s(route, has_other=len(routes) > 1))
        return None

    def _stream_of(self, watch: Watch, route: Route, claim: str, answer_s: float) -> Stream:
        is_live = watch.kind.is_live
        # A recording is its viewer's alone: what one asks of it would happen to all (media.md 2.11).
        key = StreamKey(watch.owner, watch.channel, watch.stream_number, "" if is_live else claim)
        found = self._streams.get(key)
        if found is not None:
            return found
        settings = self.settings
        stream = Stream(
            secrets.token_hex(6),
            key,
            self._channels.device,
            self._neighbours,
            self._placement,
            self._ssrcs if is_live else self._recorded_ssrcs,
            Pace(
                settings.linger_s if is_live else 0.0,
                answer_s,
                settings.first_frame_s,
                settings.retry_first_s,
                settings.retry_last_s,
                settings.retry_other_transport,
                settings.single_port,
                settings.key_frame_every_s,
            ),
            errand_of(watch, route.headers, settings.domain),
            self._stream_changed,
            self._inlet_changed,
            lambda: self._detour(stream, watch),
            self._sources,
            self._kept,
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

    async def _wait(self, stream: Stream, until: float) -> None:
        try:
            async with asyncio.timeout_at(until):
                failure = await stream.wait_flowing()
        except TimeoutError:
            message = f"{stream.key.channel} sent no picture in {self.settings.viewer_patience_s:g} s"
            hop = Hop("us", "await the stream", 504, f"still {stream.state}")
            raise Failed(Failure(message, "timeout", 504, (*stream.hops, hop), path=stream.path)) from None
        if failure is not None:
            raise Failed(failure)

    async def _lease(self, watch: Watch, stream: Stream, claim: str) -> Lease:
        plane, inlet, call, video = stream.plane, stream.inlet, stream.call, stream.video
        if plane is None or inlet is None or call is None or video is None:
            raise Failed(Failure("the stream ended at this moment", "ended", 480, stream.hops, path=stream.path))
        with ExitStack() as taken:
            sender: Sender | None = None
            try:
                if isinstance(watch.outlet, RtpTo):
                    sender = await self._attach_sender(watch, watch.outlet, plane, inlet, taken)
                    outlet, address = sender.outlet, ""
                elif isinstance(watch.outlet, TakeHome):
                    outlet, address = stream.taking, ""
                elif isinstance(watch.outlet, RecordTo):
                    to = watch.outlet
                    wish = RecordingWish(to.recording, to.form, to.with_kept, to.began_ms)
                    outlet, address = (await plane.attach_recording(inlet.id, wish)).outlet, ""
                elif isinstance(watch.outlet, Peek) or watch.outlet.is_made:
                    outlet, address = f"made-{claim}", ""
                else:
                    outlet, address = await plane.attach(inlet.id, watch.outlet, audio=watch.audio)
            except (NoCapacity, NoNumber) as error:
                raise failed(str(error), "no-capacity", 503, "attach a viewer") from None
            except KeyError:
                raise Failed(Failure("the stream ended at this moment", "ended", 480, stream.hops)) from None
            self._leases[claim] = _Held(
                stream,
                plane,
                inlet.id,
                outlet,
                sends=sender is not None,
                records=isinstance(watch.outlet, RecordTo),
                taken=taken.pop_all(),
            )
        self._by_outlet[outlet] = claim
        audio = stream.audio if watch.audio else None
        return Lease(claim, watch, address, call.call_id, video, audio, sender, stream.path, call.answer.filesize)

    async def _attach_sender(
        self, watch: Watch, to: RtpTo, plane: MediaPlane, inlet: Inlet, taken: ExitStack
    ) -> Sender:
        """A bound way out to a platform above. The called side chooses the number where the offer has none."""
        pool = self._ssrcs if watch.kind.is_live else self._recorded_ssrcs
        try:
            transport = Transport(to.transport)
            ssrc = taken.enter_context(pool.lend()) if to.ssrc is None else to.ssrc
            wish = SenderWish(
                transport, to.host, to.port, ssrc, to.payload_type, to.local_host, is_whole=not watch.kind.is_live
            )
            return await plane.attach_sender(inlet.id, wish)
        except ValueError as error:
            message = f"nothing can be sent to {to.host} port {to.port} by {to.transport}: {error}"
            raise failed(message, "bad-address", 488, "attach a sender") from None

    # --- eyes ------------------------------------------------------------------------------------------------

    def streams(self) -> list[StreamView]:
        """Every stream there is, flowing or failing, and who takes it as a platform above."""
        senders: dict[Stream, tuple[SenderStatistics, ...]] = {}
        seats: dict[Stream, list[tuple[str, str]]] = {}
        for claim, held in self._leases.items():
            seats.setdefault(held.stream, []).append((held.outlet, held.stream.viewer_of(claim)))
            found = held.plane.sender_statistics(held.outlet) if held.sends else None
            if found is not None:
                senders[held.stream] = (*senders.get(held.stream, ()), found)
        return [
            replace(stream.view(), senders=senders.get(stream, ()), seats=tuple(seats.get(stream, ())))
            for stream in self._streams.values()
        ]

    def workers(self) -> list[WorkerStatistics]:
        """The processes that carry media, wherever they are."""
        return list(self._placement.workers())

    def failures(self) -> list[StreamView]:
        """The last streams that never came, newest last."""
        return list(self._failures)

    @property
    def routes(self) -> Routes:
        """Which ways to which channels failed lately."""
        return self._routes.routes

    def inlet_of(self, stream_id: str) -> str | None:
        """The media plane's name of a stream's way in, None when it has none now."""
        stream = self._named(stream_id)
        return stream.inlet.id if stream is not None and stream.inlet is not None else None

    def statistics_of(self, stream_id: str) -> InletStatistics | None:
        """What the media plane counts on a stream."""
        stream = self._named(stream_id)
        return stream.counted() if stream is not None else None

    @property
    def live_numbers(self) -> SsrcPool:
        """Whence streams of this realm have their SSRCs; a voice is one of them."""
        return self._ssrcs

    def statistics(self) -> BrokerStatistics:
        return BrokerStatistics(
            streams=len(self._streams),
            leases=len(self._leases),
            waiting=self._waiting,
            ssrcs_lent=self._ssrcs.lent + self._recorded_ssrcs.lent,
            ssrcs_free=self._ssrcs.free,
            calls=self._calls + sum(stream.calls for stream in self._streams.values()),
            granted=self._granted,
            failed=self._failed,
        )

    def recorder_statistics(self, recording: str) -> RecorderStatistics | None:
        """What the media plane counts on a recording that runs."""
        for held in self._leases.values():
            counted = held.plane.statistics(held.inlet) if held.records else None
            for each in counted.recorders if counted is not None else ():
                if each.recording == recording:
                    return each
        return None

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
        tasks += self._leaving
        if tasks:
            await asyncio.wait(tasks)

    # --- what others say -------------------------------------------------------------------------------------

    def _plane_said(self, event: PlaneEvent) -> None:
        if isinstance(event, OutletClosed):
            self._outlet_closed(event)
            return
        if isinstance(event, SegmentWritten | RecordingTrouble | RecordingResumed):
            self._recording_said(event)
            return
        if isinstance(event, TakingEnded):
            taker = self._takers.get(event.name)
            if taker is not None:
                taker(event)
            return
        stream = self._by_inlet.get(event.inlet)
        if stream is not None:
            stream.plane_said(event)
            if isinstance(event, FirstFrame):
                log.info("%s flows: %s", stream.key.channel, event.video)

    def _recording_said(self, event: SegmentWritten | RecordingTrouble | RecordingResumed) -> None:
        stream = self._by_inlet.get(event.inlet)
        owner, channel = (stream.key.owner, stream.key.channel) if stream is not None else ("", "")
        match event:
            case SegmentWritten(segment=segment):
                told = RecordingChanged(event.recording, owner, channel, "segment", segment.name, segment)
            case RecordingTrouble(trouble=trouble, why=why):
                log.warning("recording %s of %s does not go on: %s (%s)", event.recording, channel, trouble, why)
                told = RecordingChanged(event.recording, owner, channel, "troubled", str(trouble))
            case RecordingResumed():
                told = RecordingChanged(event.recording, owner, channel, "recording")
        self._bus.tell(told)

    def _outlet_closed(self, event: OutletClosed) -> None:
        lease_id = self._by_outlet.get(event.outlet)
        if lease_id is not None:
            self._end_lease(lease_id, event.reason)

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
            self._end_leases(stream, FINISHED if stream.is_finished else note or "the stream ended")
        elif stream.state is State.RETRYING:
            # Whoever browses keeps his place; a platform above is told at once and rings again (annex K rule 1).
            self._end_leases(stream, note or "the stream was lost", senders_only=True)
        self._tell(stream, note)

    def _end_leases(self, stream: Stream, reason: str, *, senders_only: bool = False) -> None:
        for lease_id, held in tuple(self._leases.items()):
            if held.stream is stream and (held.sends or not senders_only):
                self._end_lease(lease_id, reason)
                if senders_only:
                    task = asyncio.create_task(self._detach(held), name=f"leave {lease_id}")
                    self._leaving.add(task)
                    task.add_done_callback(self._leaving.discard)

    def _end_lease(self, lease_id: str, reason: str) -> None:
        """It ended by itself; its holder is told."""
        held = self._take_back(lease_id)
        if held is not None and held.listener is not None:
            try:
                held.listener(reason)
            except Exception:
                log.exception("who held lease %s failed at its end; the others still hear of theirs", lease_id)

    def _take_back(self, lease_id: str) -> _Held | None:
        held = self._leases.pop(lease_id, None)
        if held is not None:
            self._by_outlet.pop(held.outlet, None)
            held.stream.unclaim(lease_id)
            held.taken.close()
        return held

    async def _detach(self, held: _Held) -> None:
        try:
            await held.plane.detach(held.inlet, held.outlet)
        except Exception:
            log.exception("outlet %s could not be given back; it ends with its stream", held.outlet)

    def _inlet_changed(self, stream: Stream, before: str | None, after: str | None) -> None:
        if before is not None:
            self._by_inlet.pop(before, None)
        if after is not None:
            self._by_inlet[after] = stream

    def _stream_done(self, stream: Stream) -> None:
        if self._ending.get(stream.key) is stream:
            del self._ending[stream.key]
        self._end_leases(stream, "the stream ended")

    def _named(self, stream_id: str) -> Stream | None:
        return next((each for each in self._streams.values() if each.name == stream_id), None)

    def _tell(self, stream: Stream, note: str) -> None:
        self._bus.tell(StreamChanged(stream.name, stream.key.owner, stream.key.channel, str(stream.state), note))

    def __repr__(self) -> str:
        return f"<Broker {len(self._streams)} streams, {len(self._leases)} leases>"
