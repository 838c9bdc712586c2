"""The life of one stream and who watches it: lived by its own task, kept while wanted, given back whatever befalls."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

from broker.caller import STOPPED, Caller
from broker.end_of_file import EndOfFile
from broker.errand import Detour, Errand, Pace, StreamKey
from broker.failure import Failed, Failure
from broker.fetched import Sources, nothing_is_fetched
from broker.intake import Intake
from broker.kept import Kept, nothing_is_kept
from broker.key_frames import KeyFrames
from broker.life import LIFE, State, Turn
from broker.placement import Placement
from broker.ssrc_pool import NoNumber, SsrcPool
from broker.watch import StreamView
from broker.way import Way, first_way
from gb28181.mansrtsp import Control
from gb28181.peer import Call, Hop, Neighbours
from media.plane import (
    AudioTrack,
    FirstFrame,
    Inlet,
    InletStatistics,
    KeyFrameWanted,
    MediaPlane,
    PlaneEvent,
    StreamFailed,
    TracksChanged,
    VideoTrack,
)
from registry.device import Device

log = logging.getLogger(__name__)

ENDING_S = 8.0
"""How long a new call waits for the BYE of the one before it on the same channel."""
CHECK_S = 60.0
"""How often a flowing stream is held against what the media plane really has."""
DRAIN_S = 5.0
"""What of a recording is still on its way when its end is told has so long to go out."""
HOST_TRIES = 3
"""So often the media host may vanish before the first picture."""
FINISHED = "finished"


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
        self.state = State.INVITING
        self.video: VideoTrack | None = None
        self.audio: AudioTrack | None = None
        self.failure: Failure | None = None
        self.is_finished = False
        self.started_at = time.time()
        self.task: asyncio.Task[None] | None = None
        self.predecessor: asyncio.Task[None] | None = None
        self._claims: dict[str, str] = {}
        self._movable: set[str] = set()
        self._device = device
        self._detour = detour
        self._ssrcs = ssrcs
        self._pace = pace
        self._errand = errand
        self._changed = changed
        self._loop = asyncio.get_running_loop()
        self._outcome: asyncio.Future[Failure | None] = self._loop.create_future()
        self._wake = asyncio.Event()
        self._intake = Intake(
            errand, device, placement, sources, kept, lambda before, after: inlet_changed(self, before, after)
        )
        self._caller = Caller(
            key,
            errand,
            pace,
            device,
            neighbours,
            self._intake,
            answered=lambda: self._move(Turn.ANSWERED),
            broke=self._wake.set,
        )
        self._key_frames = KeyFrames(neighbours, pace.key_frame_every_s)
        self._end_of_file = EndOfFile(errand)
        self._pause_s = pace.retry_first_s
        """The next pause before it is rung again."""
        self._kept_until = 0.0
        self._is_back = False

    # --- what it is like -------------------------------------------------------------------------------------

    @property
    def key(self) -> StreamKey:
        """Whose it is; a detour makes it another's."""
        return self._caller.key

    @property
    def is_live(self) -> bool:
        return self._errand.kind.is_live

    @property
    def is_over(self) -> bool:
        return self.state is State.ENDED

    @property
    def call(self) -> Call | None:
        return self._caller.call

    @property
    def calls(self) -> int:
        return self._caller.calls

    @property
    def hops(self) -> tuple[Hop, ...]:
        return self._caller.hops

    @property
    def path(self) -> tuple[str, ...]:
        return self._caller.path

    @property
    def plane(self) -> MediaPlane | None:
        """Where its inlet is, or was last."""
        return self._intake.plane

    @property
    def inlet(self) -> Inlet | None:
        return self._intake.inlet

    @property
    def taking(self) -> str:
        """The outlet by which it is written to disk."""
        return self._intake.taking

    def counted(self) -> InletStatistics | None:
        """What its media host counts on it, None when that has no such inlet."""
        return self._intake.counted()

    def view(self) -> StreamView:
        return StreamView(
            id=self.name,
            owner=self.key.owner,
            channel=self.key.channel,
            state=str(self.state),
            stream_number=self.key.number,
            transport=str(self.inlet.transport) if self.inlet else "",
            ssrc=self._intake.ssrc,
            call_id=self.call.call_id if self.call else None,
            viewers=tuple(self._claims.values()),
            started_at=self.started_at,
            failure=self.failure.message if self.failure else None,
            kind=self._errand.kind,
            path=self.path,
        )

    def __repr__(self) -> str:
        return f"<Stream {self.name} {self.key.channel}/{self.key.number} {self.state}, {len(self._claims)} viewers>"

    # --- viewers ---------------------------------------------------------------------------------------------

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
        self._caller.stop()

    def cancel(self) -> None:
        """The house closes: end now, with little patience for answers."""
        self._caller.hasten()
        if self.task is not None:
            self.task.cancel()

    def ring_now(self) -> None:
        """The device is back: do not wait out the pause."""
        if self.state is State.RETRYING:
            self._is_back = True
            self._wake.set()

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
                self._intake.ssrc = taken.enter_context(self._ssrcs.lend())
                # Last first: nobody shall send any more to a port that may be another's a moment later.
                taken.push_async_callback(self._intake.close)
                taken.push_async_callback(self._caller.hang_up)
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
            self._key_frames.close()

    async def _first_picture(self) -> None:
        """Ring; once more by another way where that may help. Raises Failed."""
        way = first_way(self._device(self.key.owner), single_port=self._pace.single_port)
        tried: tuple[Hop, ...] = ()
        hosts = 1
        second: Way | None = way
        while second is not None:
            way = second
            try:
                await self._intake.open(way, self.key)
                await self._ring()
                return
            except Failed as failed:
                failure = failed.failure.after(tried)
                if self._intake.has_lost_its_host and hosts < HOST_TRIES and not self._caller.is_stopped:
                    hosts += 1
                elif tried or self._caller.is_stopped:
                    second = None
                else:
                    second = way.other(failed.failure, may_change_transport=self._pace.retry_other_transport)
                if second is None:
                    raise Failed(failure) from None
                log.info("%s; ringing once more by %s", failure.message, second)
                tried = failure.hops
                await self._caller.hang_up()
                await self._intake.close()
                self._move(Turn.RING_AGAIN)

    async def _flow(self) -> None:
        """Until nobody wants it any more."""
        while True:
            began = self._loop.time()
            why = await self._until_broken()
            if why is None:
                return
            if not self.is_live:
                await self._end_recording(why)
                return
            log.info("stream %s of %s broke: %s", self.name, self.key.channel, why)
            is_at_once = self._intake.has_lost_its_host
            self.failure = Failure(f"{self.key.channel} stopped sending: {why}", "lost", 504, self.hops)
            self._expect_outcome()
            self._move(Turn.BROKEN, why)
            await self._caller.hang_up()
            if self._loop.time() - began > self._pace.retry_last_s:
                self._pause_s = self._pace.retry_first_s
            if not await self._ring_until_it_flows(0.0 if is_at_once else self._pause_s):
                return

    async def _ring_until_it_flows(self, wait_s: float) -> bool:
        """Again and again, the first time after `wait_s`; false when there is no reason to any more."""
        is_first_move = True
        while await self._pause(wait_s):
            wait_s = self._pause_s = min(self._pause_s * 2, self._pace.retry_last_s)
            self._move(Turn.RING_AGAIN)
            try:
                if self.counted() is None:
                    await self._intake.move_house(self.key)
                await self._ring()
                return True
            except Failed as failed:
                self.failure = failed.failure
                await self._caller.hang_up()
                self._settle(failed.failure)
                self._expect_outcome()
                self._move(Turn.FAILED_AGAIN, failed.failure.message)
                if self._movable and await self._take_detour() and is_first_move:
                    # At once, but once: two ways that both refuse must not be rung by turns without a pause.
                    is_first_move, wait_s = False, 0.0
        return False

    async def _ring(self) -> None:
        """Raises Failed, or it flows."""
        await self._caller.ring()
        self.failure = None
        self._end_of_file.flow_began(self._loop.time())
        self._move(Turn.FIRST_FRAME)
        self._settle(None)

    async def _take_detour(self) -> bool:
        """Go on by another way from the next ring on; false when there is none."""
        detour = await self._detour()
        if detour is None:
            return False
        self._caller.take(detour)
        return True

    async def _end_recording(self, why: str) -> None:
        """It is over, well or not; nobody rings again for the rest of it."""
        self.is_finished = self._end_of_file.is_reached(why, self._loop.time())
        if not self.is_finished:
            self.failure = Failure(f"the recording of {self.key.channel} stopped: {why}", "lost", 504, self.hops)
        else:
            await self._intake.drain(DRAIN_S)
        self._move(Turn.OVER, FINISHED if self.is_finished else why)

    async def _until_broken(self) -> str | None:
        """Why the flow broke, or None when it is no longer wanted."""
        caller = self._caller
        linger_until: float | None = None
        while True:
            if caller.is_stopped:
                self._move(Turn.OVER, STOPPED)
                return None
            if self._claims:
                self._move(Turn.VIEWER_CAME)
                linger_until = None
            elif caller.broken is None and linger_until is None:
                linger_until = self._loop.time() + self._pace.linger_s
                self._move(Turn.LAST_LEFT)
            if caller.broken is not None:
                if self._claims or (self.is_live and self.is_wanted):
                    return caller.broken
                self._move(Turn.OVER, caller.broken)
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
                caller.lose("the media plane no longer has it")

    async def _pause(self, seconds: float) -> bool:
        """Wait before ringing again; false when there is no reason to any more."""
        until = self._loop.time() + seconds
        while True:
            is_stopped = self._caller.is_stopped
            if is_stopped or not self.is_wanted:
                self._move(Turn.OVER, STOPPED if is_stopped else "nobody watches")
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

    # --- what happens meanwhile ------------------------------------------------------------------------------

    def plane_said(self, event: PlaneEvent) -> None:
        """An event of our inlet; must not block."""
        match event:
            case FirstFrame():
                self.video, self.audio = event.video, event.audio
                self._caller.heard(None)
            case TracksChanged():
                self.video = event.video or self.video
                self.audio = event.audio
            case StreamFailed():
                self._stream_failed(event)
            case KeyFrameWanted():
                self.ask_key_frame()

    def _stream_failed(self, event: StreamFailed) -> None:
        is_host_lost = self._intake.has_lost_its_host
        self._end_of_file.fell_silent = not is_host_lost
        if is_host_lost and self._claims:
            # The viewers' places died, too; whoever sat there asks for a new one within seconds.
            self._kept_until = self._loop.time() + self._pace.linger_s
        if self._caller.is_before_aim and not is_host_lost:
            return  # that the flow before this ring has ended we knew, or there were no ring
        if not self._caller.heard(event.seen):
            self._caller.lose(event.seen.note or str(event.seen.verdict))

    def controlled(self, control: Control) -> None:
        """The sender of our recording took a control: silence and jumps of it are expected now."""
        self._end_of_file.is_controlled = True
        self._intake.controlled(control)

    def pace(self, scale: float) -> None:
        """Whoever browses sees our recording at this speed from now on."""
        self._intake.pace(scale)

    def ask_key_frame(self) -> None:
        """Have the camera send a key frame, not more often than agreed; a recording has those it has."""
        if self.is_live:
            self._key_frames.ask(self.key.owner, self.key.channel)

    # --- where it stands -------------------------------------------------------------------------------------

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
