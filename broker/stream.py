"""One upstream call and all who watch it: rung by its own task, kept while wanted, given back whatever goes wrong."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace

from broker.failure import Failure, of_media, of_peer, of_source
from broker.fetched import Fetching, Sources, nothing_is_fetched
from broker.kept import Kept, Showing, nothing_is_kept
from broker.life import LIFE, State, Turn
from broker.placement import Placement
from broker.ssrc_pool import NoNumber, SsrcPool
from broker.watch import StreamView, WatchKind
from broker.way import Way, first_way
from gb28181.edition import parse_edition
from gb28181.manscdp.control import DeviceControl
from gb28181.mansrtsp import Control, Method
from gb28181.peer import Call, Hop, Neighbours, Peer, PeerError, PeerOffline, PeerRefused
from gb28181.routepath import ROUTE_PATH, read_route
from gb28181.sdp import Answer, Offer, live_offer
from gb28181.ssrc import Ssrc
from media.plane import (
    Aim,
    AudioTrack,
    FirstFrame,
    Inlet,
    InletStatistics,
    KeyFrameWanted,
    MediaPlane,
    NoCapacity,
    PlaneEvent,
    Seen,
    Source,
    StreamFailed,
    TakingWish,
    TracksChanged,
    Transport,
    Verdict,
    VideoTrack,
)
from registry.device import Device, DeviceKind

log = logging.getLogger(__name__)

ENDING_S = 8.0
"""How long a new call waits for the BYE of the one before it on the same channel."""
BYE_S = 5.0
HASTY_BYE_S = 1.0
"""The same when the whole house closes; a neighbour that is gone must not hold it up."""
TELL_S = 5.0
CHECK_S = 60.0
"""How often a flowing stream is held against what the media plane really has."""
DRAIN_S = 5.0
"""What of a recording is still on its way when its end is told has so long to go out."""
ENDS_OF_FILE = frozenset({"file-sent", "hung-up"})
"""Reasons of a call's end that end a recording well: MediaStatus 121, and the BYE of a sender that tells no 121."""
HOST_S = 4.0
"""How long a stream waits for a media host when there is none: one that died is replaced within seconds."""
HOST_TRIES = 3
"""So often the media host may vanish before the first picture."""
FINISHED = "finished"
NOT_ACCEPTABLE_HERE = 488


@dataclass(frozen=True, slots=True)
class StreamKey:
    """One stream a peer can send. Main and sub stream are two; every recording's session is one of its own."""

    owner: str
    channel: str
    number: int
    session: str = ""


@dataclass(frozen=True, slots=True)
class Errand:
    """What is asked of the channel; times are UNIX seconds. `headers` go with every INVITE."""

    kind: WatchKind = WatchKind.LIVE
    start: int = 0
    stop: int = 0
    download_speed: int | None = None
    uri: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    own_code: str = ""
    """Ours, with which a path begins."""
    taking: TakingWish | None = None
    """Write it all to disk, from its first picture on."""
    kept: bool = False
    """It is one of our own recordings that is wanted."""
    enter: int = 0
    """Where within it that begins; 0 is at `start`."""
    is_recorded: bool = False
    """Who asks first writes it to our own disk, which only a media host of this machine can reach."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How a stream rings and waits, in seconds; the words are those of BrokerSettings."""

    linger_s: float
    answer_s: float
    first_frame_s: float
    retry_first_s: float
    retry_last_s: float
    retry_other_transport: bool
    single_port: bool
    key_frame_every_s: float


@dataclass(frozen=True, slots=True)
class Detour:
    """Another way to the same channel: whose it is there, what goes with the INVITE, how long its answer may take."""

    key: StreamKey
    headers: tuple[tuple[str, str], ...]
    answer_s: float


class Failed(Exception):
    """This ring came to nothing; carries the value that says why."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


class Stream:
    """`run` is its task. Viewers hold claims; the call lives while there are claims, and lingers after the last.

    A viewer who loses patience takes its claim back and does not hang up on the next one. A stream that is lost and
    does not come back by the way it came goes on by another, on the same inlet, so that viewers keep their places.
    """

    def __init__(
        self,
        name: str,
        key: StreamKey,
        device: Callable[[str], Device | None],
        neighbours: Neighbours,
        placement: Placement,
        ssrcs: SsrcPool,
        pace: Pace,
        errand: Errand,
        changed: Callable[[Stream, str], None],
        inlet_changed: Callable[[Stream, str | None, str | None], None],
        detour: Callable[[], Awaitable[Detour | None]],
        sources: Sources = nothing_is_fetched,
        kept: Kept = nothing_is_kept,
    ) -> None:
        self.name = name
        self.key = key
        self.plane: MediaPlane | None = None
        """Where its inlet is, or was last."""
        self.state = State.INVITING
        self.inlet: Inlet | None = None
        self.call: Call | None = None
        self.video: VideoTrack | None = None
        self.audio: AudioTrack | None = None
        self.failure: Failure | None = None
        self.path: tuple[str, ...] = ()
        self.is_finished = False
        self.started_at = time.time()
        self.calls = 0
        self.task: asyncio.Task[None] | None = None
        self.predecessor: asyncio.Task[None] | None = None
        self.taking = ""
        """The outlet by which it is written to disk."""
        self._claims: dict[str, str] = {}
        self._movable: set[str] = set()
        self._device = device
        self._detour = detour
        self._sources = sources
        self._kept = kept
        self._neighbours = neighbours
        self._placement = placement
        self._ssrcs = ssrcs
        self._pace = pace
        self._errand = errand
        self._changed = changed
        self._inlet_changed = inlet_changed
        self._way = Way(Transport.UDP, False)
        self._ssrc = 0
        self._hops: list[Hop] = []
        self._loop = asyncio.get_running_loop()
        self._outcome: asyncio.Future[Failure | None] = self._loop.create_future()
        self._news: asyncio.Future[Seen | None] | None = None
        self._is_aimed = False
        """Whether what the media plane says of failures is about this ring, and not about the flow before it."""
        self._kept_bytes: int | None = None
        """Of a recording of ours: about how long it will be."""
        self._kept_until = 0.0
        self._wake = asyncio.Event()
        self._broken: str | None = None
        self._bye_s = BYE_S
        self._is_stopped = False
        self._is_back = False
        self._flowing_since = 0.0
        self._fell_silent = False
        self._is_controlled = False
        self._key_frame_at = float("-inf")
        self._asking: set[asyncio.Task[None]] = set()

    # --- viewers ---------------------------------------------------------------------------------------------

    @property
    def is_over(self) -> bool:
        return self.state is State.ENDED

    @property
    def viewers(self) -> int:
        return len(self._claims)

    def claim(self, claim: str, viewer: str, *, may_move: bool = False) -> None:
        """A viewer wants this stream, from now on until `unclaim`.

        `may_move`: he named nobody to have it from. Who did goes along when the stream moves: a picture by another way
        is better than none.
        """
        self._claims[claim] = viewer
        if may_move:
            self._movable.add(claim)
        if self.state is State.LINGERING:
            # The kept pictures may be old by now; a fresh key frame brings the newcomer to the present.
            self.ask_key_frame()
        self._wake.set()

    def viewer_of(self, claim: str) -> str:
        """Who made a claim, "" when it was taken back."""
        return self._claims.get(claim, "")

    def unclaim(self, claim: str) -> None:
        self._claims.pop(claim, None)
        self._movable.discard(claim)
        self._wake.set()

    async def wait_flowing(self) -> Failure | None:
        """None when it flows, else why the ring that was on came to nothing. The caller brings the deadline."""
        if self.state in (State.LIVE, State.LINGERING):
            return None
        return await asyncio.shield(self._outcome)

    def stop(self) -> None:
        """End it whoever watches."""
        self._is_stopped = True
        self._break("stopped by an operator")
        self._tell_news(Seen(Verdict.LOST, note="stopped by an operator"))

    def cancel(self) -> None:
        """The house closes: end now, with little patience for answers."""
        self._bye_s = HASTY_BYE_S
        if self.task is not None:
            self.task.cancel()

    def ring_now(self) -> None:
        """The device is back: do not wait out the pause."""
        if self.state is State.RETRYING:
            self._is_back = True
            self._wake.set()

    def view(self) -> StreamView:
        return StreamView(
            id=self.name,
            owner=self.key.owner,
            channel=self.key.channel,
            state=str(self.state),
            stream_number=self.key.number,
            transport=str(self.inlet.transport) if self.inlet else "",
            ssrc=self._ssrc,
            call_id=self.call.call_id if self.call else None,
            viewers=tuple(self._claims.values()),
            started_at=self.started_at,
            failure=self.failure.message if self.failure else None,
            kind=self._errand.kind,
            path=self.path,
        )

    @property
    def hops(self) -> tuple[Hop, ...]:
        return tuple(self._hops)

    def counted(self) -> InletStatistics | None:
        """What its media host counts on it, None when that has no such inlet."""
        return self.plane.statistics(self.inlet.id) if self.plane is not None and self.inlet is not None else None

    @property
    def has_lost_its_host(self) -> bool:
        """The media host died under it, and the inlet with it."""
        return self.inlet is not None and self.counted() is None

    @property
    def is_wanted(self) -> bool:
        """Somebody watches, or did when the media host died and will be back in a moment."""
        return bool(self._claims) or self._loop.time() < self._kept_until

    # --- the task --------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Ring, flow, ring again while somebody watches; returns when all is given back."""
        try:
            if self.predecessor is not None:
                await asyncio.wait({self.predecessor}, timeout=ENDING_S)
                self.predecessor = None
            async with AsyncExitStack() as taken:
                self._ssrc = taken.enter_context(self._ssrcs.lend())
                taken.push_async_callback(self._close_inlet)
                taken.push_async_callback(self._hang_up)
                await self._first_picture()
                await self._flow()
        except Failed as failed:
            self._give_up(failed.failure)
        except NoNumber as error:
            self._give_up(Failure(str(error), "no-capacity", 503, (Hop("us", "lend an SSRC", 503, str(error)),)))
        except Exception as error:
            log.exception("stream %s of %s failed; its viewers are told", self.name, self.key)
            self._give_up(Failure(f"our side failed: {error}", "internal", 500, self.hops))
        finally:
            self._move(Turn.OVER)
            self._settle(self.failure or Failure("the stream has ended", "stopped", 487, self.hops))
            for task in self._asking:
                task.cancel()

    async def _first_picture(self) -> None:
        """Ring; once more by another way where that may help. Raises Failed."""
        way = first_way(self._device(self.key.owner), single_port=self._pace.single_port)
        tried: tuple[Hop, ...] = ()
        hosts = 1
        second: Way | None = way
        while second is not None:
            way = second
            try:
                await self._open(way)
                await self._ring()
                return
            except Failed as failed:
                failure = failed.failure.after(tried)
                if self.has_lost_its_host and hosts < HOST_TRIES and not self._is_stopped:
                    hosts += 1
                elif tried or self._is_stopped:
                    second = None
                else:
                    second = self._other_way(way, failed.failure)
                if second is None:
                    raise Failed(failure) from None
                log.info("%s; ringing once more by %s", failure.message, second)
                tried = failure.hops
                await self._hang_up()
                await self._close_inlet()
                self._move(Turn.RING_AGAIN)

    def _other_way(self, way: Way, failure: Failure) -> Way | None:
        return way.other(failure, may_change_transport=self._pace.retry_other_transport)

    async def _flow(self) -> None:
        """Until nobody wants it any more."""
        pause_s = self._pace.retry_first_s
        while True:
            began = self._loop.time()
            why = await self._until_broken()
            if why is None:
                return
            if not self._errand.kind.is_live:
                await self._end_recording(why)
                return
            log.info("stream %s of %s broke: %s", self.name, self.key.channel, why)
            is_at_once = self.has_lost_its_host
            self.failure = Failure(f"{self.key.channel} stopped sending: {why}", "lost", 504, self.hops)
            self._expect_outcome()
            self._move(Turn.BROKEN, why)
            await self._hang_up()
            if self._loop.time() - began > self._pace.retry_last_s:
                pause_s = self._pace.retry_first_s
            is_first_move = True
            wait_s = 0.0 if is_at_once else pause_s
            while True:
                if not await self._pause(wait_s):
                    return
                wait_s = pause_s = min(pause_s * 2, self._pace.retry_last_s)
                self._move(Turn.RING_AGAIN)
                try:
                    if self.counted() is None:
                        await self._move_house()
                    await self._ring()
                    break
                except Failed as failed:
                    self.failure = failed.failure
                    await self._hang_up()
                    self._settle(failed.failure)
                    self._expect_outcome()
                    self._move(Turn.FAILED_AGAIN, failed.failure.message)
                    if self._movable and await self._take_detour() and is_first_move:
                        # At once, but once: two ways that both refuse must not be rung by turns without a pause.
                        is_first_move, wait_s = False, 0.0

    async def _move_house(self) -> None:
        """A way in on another media host, or on the one that took the dead one's place. Raises Failed."""
        await self._close_inlet()
        await self._open(self._way)

    async def _take_detour(self) -> bool:
        """Go on by another way from the next ring on; false when there is none."""
        detour = await self._detour()
        if detour is None:
            return False
        self.key = detour.key
        self.path = ()
        self._errand = replace(self._errand, headers=detour.headers)
        self._pace = replace(self._pace, answer_s=detour.answer_s)
        return True

    async def _end_recording(self, why: str) -> None:
        """It is over, well or not; nobody rings again for the rest of it."""
        self.is_finished = why in ENDS_OF_FILE or self._has_run_its_time()
        if not self.is_finished:
            self.failure = Failure(f"the recording of {self.key.channel} stopped: {why}", "lost", 504, self.hops)
        elif self.inlet is not None and self.plane is not None:
            await self.plane.drain(self.inlet.id, DRAIN_S)
        self._move(Turn.OVER, FINISHED if self.is_finished else why)

    def _has_run_its_time(self) -> bool:
        """Whether silence came when the recording was due to end: some devices tell no 121 (media.md 6.5).

        Who paused or jumped has a clock of his own, of which we know nothing.
        """
        errand = self._errand
        played_s = (self._loop.time() - self._flowing_since) * (errand.download_speed or 1)
        return self._fell_silent and not self._is_controlled and 0 < errand.stop - errand.start <= played_s

    async def _until_broken(self) -> str | None:
        """Why the flow broke, or None when it is no longer wanted."""
        linger_until: float | None = None
        while True:
            if self._is_stopped:
                self._move(Turn.OVER, "stopped by an operator")
                return None
            if self._claims:
                self._move(Turn.VIEWER_CAME)
                linger_until = None
            elif self._broken is None and linger_until is None:
                linger_until = self._loop.time() + self._pace.linger_s
                self._move(Turn.LAST_LEFT)
            if self._broken is not None:
                if self._claims or (self.is_live and self.is_wanted):
                    return self._broken
                self._move(Turn.OVER, self._broken)
                return None
            wait_s = CHECK_S if linger_until is None else linger_until - self._loop.time()
            if wait_s <= 0:
                # From here on newcomers begin a stream of their own.
                self._move(Turn.OVER, "nobody watches")
                return None
            self._wake.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._wake.wait()
            if self.counted() is None:
                self._broken = self._broken or "the media plane no longer has it"

    async def _pause(self, seconds: float) -> bool:
        """Wait before ringing again; false when there is no reason to any more."""
        until = self._loop.time() + seconds
        while True:
            if self._is_stopped or not self.is_wanted:
                self._move(Turn.OVER, "stopped by an operator" if self._is_stopped else "nobody watches")
                return False
            self._wake.clear()
            try:
                async with asyncio.timeout(until - self._loop.time()):
                    await self._wake.wait()
            except TimeoutError:
                return True
            if self._is_back:
                self._is_back = False
                return True

    # --- one ring --------------------------------------------------------------------------------------------

    async def _open(self, way: Way) -> None:
        """A way in on the best media host that has room. Raises Failed."""
        self._way = way
        device = self._device(self.key.owner)
        source = await self._find_source(device)
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
                self.inlet = await self._open_on(plane, way, source)
            except NoCapacity as error:
                refusal = str(error)
                continue
            self.plane = plane
            break
        else:
            hop = Hop("media", "open a port", 503, refusal)
            raise Failed(Failure(refusal, "no-capacity", 503, (*self._hops, hop)))
        self._inlet_changed(self, None, self.inlet.id)
        if source is not None:
            self._hops = []
            return
        place = f"{way.transport} port {self.inlet.port}, SSRC {Ssrc(self._ssrc).text}"
        self._hops = [Hop("media", "open a port", 200, place)]

    async def _find_source(self, device: Device | None) -> Source | None:
        """Where it is fetched from; None where somebody is called. Raises Failed."""
        if self._errand.kept:
            return await self._kept_source()
        source = self._sources(self.key.owner, self.key.channel)
        if device is not None and device.kind is DeviceKind.OWN and (source is None or not self.is_live):
            message = f"{self.key.channel} " + ("has no recordings" if source is not None else "is switched off here")
            raise Failed(Failure(message, "not-available", 488, (Hop("us", "fetch it", 488, message),)))
        return source

    async def _kept_source(self) -> Source:
        """Our own recording of the span, at the speed that is asked for. Raises Failed."""
        errand, key = self._errand, self.key
        source = await self._kept(key.owner, key.channel, key.number, errand.start, errand.stop)
        if source is None:
            message = f"nothing is kept of {key.channel} of that time"
            raise Failed(Failure(message, "not-recorded", 404, (Hop("us", "look into our recordings", 404, message),)))
        self._kept_bytes = source.clip_bytes or None
        if errand.kind is WatchKind.PLAYBACK:
            return replace(source, enter_ms=errand.enter * 1000)
        return replace(source, speed=float(max(1, errand.download_speed or 1)), is_rewritten=False)

    async def _open_on(self, plane: MediaPlane, way: Way, source: Source | None) -> Inlet:
        if source is not None:
            return await plane.pull(self._ssrc, source)
        inlet = await plane.open(
            self._ssrc,
            way.transport,
            single_port=way.single_port,
            is_recording=not self._errand.kind.is_live,
            towards=self._our_host(),
        )
        if self._errand.taking is not None:
            try:
                self.taking = (await plane.attach_taking(inlet.id, self._errand.taking)).outlet
            except (NoCapacity, KeyError, ValueError) as error:
                await plane.close(inlet.id)
                raise NoCapacity(str(error)) from None
        return inlet

    async def _ring(self) -> None:
        """INVITE, aim, first frame. Raises Failed."""
        inlet = self.inlet
        assert inlet is not None and self.plane is not None
        if inlet.transport is Transport.PULLED:
            await self._fetch(inlet)
            return
        self._hops = self._hops[:1]
        peer, host, device = self._callee(inlet)
        offer = self._offer(peer, host, device, inlet)
        self._await_news()
        self.calls += 1
        try:
            call = await self._place(peer, offer)
        except PeerError as error:
            self._learn_path(device, error.headers.get(ROUTE_PATH))
            failure = of_peer(error, self.key.channel).after(self.hops)
            raise Failed(replace(failure, path=self.path)) from None
        self.call = call
        self._hops.append(Hop(self.key.owner, "INVITE", 200, "OK"))
        self._learn_path(device, call.headers.get(ROUTE_PATH))
        if self._errand.own_code and self._errand.own_code in self.path[1:]:
            message = f"{self.key.owner} would have {self.key.channel} from us: {'-'.join(self.path)}"
            hop = Hop("us", "look at the path", 482, message)
            raise Failed(Failure(message, "loop", 482, (*self._hops, hop), None, call.call_id, self.path))
        call.on_end(lambda reason: self._call_ended(call, reason))
        answer = call.answer
        payloads = answer.payload_map() or offer.payload_map()
        await self._aim(inlet, Aim(answer.host or None, answer.port or None, answer.ssrc, payloads), call)
        await self._first_frame(inlet, host, call)

    async def _fetch(self, inlet: Inlet) -> None:
        """The same for what nobody is called for: the media plane fetches it."""
        self._hops = []
        self._await_news()
        self.calls += 1
        self.call = call = self._showing(inlet) if self._errand.kept else Fetching()
        self.path = (self._errand.own_code,) if self._errand.own_code else ()
        await self._aim(inlet, Aim(), call)
        await self._first_frame(inlet, "", call)

    def _showing(self, inlet: Inlet) -> Showing:
        plane = self.plane
        assert plane is not None
        answer = Answer(owner="", host="", port=0, filesize=self._kept_bytes)
        return Showing(answer=answer, steer=lambda steering: plane.steer(inlet.id, steering))

    def _await_news(self) -> None:
        """What is heard from now on is about the ring that begins."""
        self._broken = None
        self._is_aimed = False
        self._news = self._loop.create_future()

    async def _aim(self, inlet: Inlet, aim: Aim, call: Call) -> None:
        assert self.plane is not None
        self._move(Turn.ANSWERED)
        try:
            await self.plane.aim(inlet.id, aim)
            self._is_aimed = True
        except KeyError as gone:
            message = f"the media host of {self.key.channel} vanished: {gone.args[0]}"
            hop = Hop("media", "aim", 503, message)
            raise Failed(Failure(message, "media-host-lost", 503, (*self._hops, hop), None, call.call_id)) from None

    def _offer(self, peer: Peer, host: str, device: Device, inlet: Inlet) -> Offer:
        """What we ask for, in the words the peer understands (2022 annex G)."""
        errand = self._errand
        offer = live_offer(
            self.key.channel,
            host,
            inlet.port,
            self._ssrc,
            str(inlet.transport),
            dialect=peer.dialect,
            edition=parse_edition(device.edition or None),
            stream_number=self.key.number,
        )
        if errand.kind.is_live:
            return offer
        is_download = errand.kind is WatchKind.DOWNLOAD
        return replace(
            offer,
            session="Download" if is_download else "Playback",
            uri=errand.uri or f"{self.key.channel}:0",
            start=errand.start,
            stop=errand.stop,
            downloadspeed=errand.download_speed if is_download else None,
        )

    async def _place(self, peer: Peer, offer: Offer) -> Call:
        try:
            return await self._invite(peer, offer)
        except PeerRefused as refused:
            # Further hops mean that it has asked on, and an accepted call that the answer was unusable.
            is_its_own_word = [hop.status for hop in refused.hops] == [NOT_ACCEPTABLE_HERE]
            if not (is_its_own_word and offer.stream_selector):
                raise
            # Some devices refuse an attribute they do not know, and any picture is better than none.
            self._hops += refused.hops
            log.info("%s refused %s; asked once more without it", self.key.channel, offer.stream_selector[0])
            return await self._invite(peer, replace(offer, stream_selector=()))

    async def _invite(self, peer: Peer, offer: Offer) -> Call:
        headers = self._errand.headers
        if not headers:
            return await peer.call(self.key.channel, offer, timeout_s=self._pace.answer_s)
        return await peer.call(self.key.channel, offer, timeout_s=self._pace.answer_s, headers=headers)

    def _learn_path(self, device: Device, told: str | None) -> None:
        """Through which platforms it comes: as the one below says, or ourselves and it (2022 annex H)."""
        below = read_route(told) or ((device.code,) if device.is_platform else ())
        self.path = (self._errand.own_code, *below) if self._errand.own_code else below

    async def _first_frame(self, inlet: Inlet, host: str, call: Call) -> None:
        assert self._news is not None
        try:
            async with asyncio.timeout(self._pace.first_frame_s):
                seen = await asyncio.shield(self._news)
        except TimeoutError:
            seen = Seen(Verdict.NOTHING, note=f"the media plane said nothing in {self._pace.first_frame_s:g} s")
        if self._is_stopped:
            raise Failed(
                Failure(
                    "the stream was stopped by an operator", "stopped", 487, self.hops, None, call.call_id, self.path
                )
            )
        if seen is None:
            self._hops.append(Hop("media", "await the first picture", 200, "it came"))
            self.failure = None
            self._flowing_since, self._fell_silent = self._loop.time(), False
            self._move(Turn.FIRST_FRAME)
            self._settle(None)
            return
        if self._broken is not None:
            hop = Hop(self.key.owner, "BYE", 0, self._broken)
            message = f"{self.key.channel} ended the call before its first picture: {self._broken}"
            raise Failed(Failure(message, "device-ended", 480, (*self._hops, hop), seen, call.call_id, self.path))
        if inlet.transport is Transport.PULLED:
            raise Failed(replace(of_source(seen, self.key.channel, call.call_id), path=self.path))
        where = f"{host}:{inlet.port}, SSRC {Ssrc(self._ssrc).text}, {inlet.transport}"
        raise Failed(replace(of_media(seen, self.key.channel, where, call.call_id).after(self.hops), path=self.path))

    def _callee(self, inlet: Inlet) -> tuple[Peer, str, Device]:
        """Whom we call and the address it shall send to. Raises Failed."""
        code = self.key.owner
        device, peer = self._device(code), self._neighbours.peer(code)
        if device is None or peer is None:
            if device is not None:
                self._learn_path(device, None)
            failure = of_peer(PeerOffline(f"{code} is not registered"), code).after(self.hops)
            raise Failed(replace(failure, path=self.path))
        host = inlet.host or self._our_host()
        if host in ("", "0.0.0.0", "::"):
            message = f"no address is known that {code} could send to; set the media room's announce_host"
            raise Failed(Failure(message, "no-address", 500, (*self._hops, Hop("us", "write the offer", 500, message))))
        return peer, host, device

    def _our_host(self) -> str:
        """Our address as whoever sends knows us, "" when nobody can say."""
        device = self._device(self.key.owner)
        host = device.local_host if device is not None else ""
        # A socket for both families writes IPv4 so; in a session description it is an IPv4 address.
        return host.removeprefix("::ffff:") if "." in host else host

    # --- what happens meanwhile ------------------------------------------------------------------------------

    def plane_said(self, event: PlaneEvent) -> None:
        """An event of our inlet; must not block."""
        match event:
            case FirstFrame():
                self.video, self.audio = event.video, event.audio
                self._tell_news(None)
            case TracksChanged():
                self.video = event.video or self.video
                self.audio = event.audio
            case StreamFailed():
                self._fell_silent = not self.has_lost_its_host
                if self.has_lost_its_host and self._claims:
                    # The viewers' places died, too; whoever sat there asks for a new one within seconds.
                    self._kept_until = self._loop.time() + self._pace.linger_s
                if self._is_ringing and not self._is_aimed and not self.has_lost_its_host:
                    return  # that the flow before this ring has ended we knew, or there were no ring
                if not self._tell_news(event.seen):
                    self._break(event.seen.note or str(event.seen.verdict))
            case KeyFrameWanted():
                self.ask_key_frame()

    def controlled(self, control: Control) -> None:
        """The sender of our recording took a control: silence and jumps of it are expected now."""
        self._is_controlled = True
        if self.inlet is None or self.plane is None:
            return
        if control.method is Method.PAUSE:
            self.plane.hold(self.inlet.id, True)
        elif control.method is Method.PLAY:
            self.plane.hold(self.inlet.id, False)
            if control.jumps:
                self.plane.seek(self.inlet.id)

    def pace(self, scale: float) -> None:
        """Whoever browses sees our recording at this speed from now on; what we kept ourselves comes so already."""
        if self.inlet is not None and self.plane is not None:
            self.plane.pace(self.inlet.id, 1.0 if self._errand.kept else scale)

    @property
    def is_live(self) -> bool:
        return self._errand.kind.is_live

    def ask_key_frame(self) -> None:
        """Have the camera send a key frame, not more often than agreed (media.md 2.13: once a second)."""
        now = self._loop.time()
        if not self.is_live:
            return  # a recording has the key frames it has
        peer = self._neighbours.peer(self.key.owner)
        if peer is None or not peer.is_online or now - self._key_frame_at < self._pace.key_frame_every_s:
            return
        self._key_frame_at = now
        task = asyncio.create_task(self._tell_key_frame(peer), name=f"key frame {self.key.channel}")
        self._asking.add(task)
        task.add_done_callback(self._asking.discard)

    async def _tell_key_frame(self, peer: Peer) -> None:
        try:
            async with asyncio.timeout(TELL_S):
                await peer.tell(DeviceControl(sn=0, device=self.key.channel, i_frame=True))
        except (PeerError, TimeoutError) as error:
            log.info("%s was not told to send a key frame: %s", self.key.channel, error)

    def _call_ended(self, call: Call, reason: str) -> None:
        if call is not self.call:
            return
        self._break(reason or "the device ended the call")
        self._tell_news(Seen(Verdict.LOST, note=self._broken or ""))

    @property
    def _is_ringing(self) -> bool:
        return self._news is not None and not self._news.done()

    def _tell_news(self, seen: Seen | None) -> bool:
        """Pass on how the wait for the first frame ended; false when nobody waits."""
        if self._news is None or self._news.done():
            return False
        self._news.set_result(seen)
        return True

    def _break(self, why: str) -> None:
        self._broken = self._broken or why
        self._wake.set()

    # --- giving back -----------------------------------------------------------------------------------------

    async def _hang_up(self) -> None:
        call, self.call = self.call, None
        if call is None:
            return
        try:
            async with asyncio.timeout(self._bye_s):
                await call.hang_up()
        except (PeerError, TimeoutError) as error:
            log.info("the BYE of %s was not answered: %s", call.call_id, error)
        except Exception:
            log.exception("hanging up %s failed; the port and the number are given back all the same", call.call_id)

    async def _close_inlet(self) -> None:
        inlet, self.inlet = self.inlet, None
        if inlet is not None and self.plane is not None:
            try:
                await self.plane.close(inlet.id)
            finally:
                self._inlet_changed(self, inlet.id, None)

    def _give_up(self, failure: Failure) -> None:
        self.failure = failure
        self._move(Turn.FAILED, failure.message)

    def _settle(self, failure: Failure | None) -> None:
        """Everybody who waits for this ring is told."""
        if not self._outcome.done():
            self._outcome.set_result(failure)

    def _expect_outcome(self) -> None:
        """Who comes from now on waits for the next ring."""
        if self._outcome.done():
            self._outcome = self._loop.create_future()

    def _move(self, turn: Turn, note: str = "") -> None:
        after = LIFE[self.state].get(turn)
        if after is None or after is self.state:
            return
        self.state = after
        self._changed(self, note)

    def __repr__(self) -> str:
        return f"<Stream {self.name} {self.key.channel}/{self.key.number} {self.state}, {len(self._claims)} viewers>"
