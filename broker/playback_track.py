"""One channel's recording as it is played: its call, its controls, and where it stands."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from broker.odometer import Odometer
from broker.watch import InletStatistics, Lease, OutletKind, Watch, WatchFailed, WatchKind
from gb28181 import mansrtsp

FINISHED = "finished"
GONE = 481


class TrackState(StrEnum):
    """What a track is doing; consoles print the value."""

    ASKING = "asking"
    PLAYING = "playing"
    PAUSED = "paused"
    GAP = "gap"  # nothing was recorded where it stands; it begins when the others come to where there is
    ENDED = "ended"  # it was played to the end of what was asked for
    FAILED = "failed"
    LEFT = "left"  # whoever watched is gone


class Origin(StrEnum):
    """Whose recording is played."""

    AUTO = "auto"  # ours where there is one, for it costs the device nothing; else the device's
    DEVICE = "device"
    OWN = "own"


class Viewing(Protocol):
    """Places for one viewer; `web.leases` for a person's session."""

    async def watch(self, watch: Watch) -> Lease: ...

    async def release(self, lease_id: str) -> None: ...


class Controlling(Protocol):
    """`broker.broker.Broker`, as far as a recording that is played needs it."""

    async def inform(self, lease_id: str, body: bytes, content_type: str) -> int: ...

    def figures_of(self, lease_id: str) -> InletStatistics | None: ...

    def on_lease_end(self, lease_id: str, listener: Callable[[str], None]) -> None: ...


@dataclass(frozen=True, slots=True)
class Sitting:
    """Which channel is played, by whom, and how it is taken."""

    owner: str
    channel: str
    stream: int = 0
    outlet: OutletKind = OutletKind.FMP4_WS
    audio: bool = False
    viewer: str = ""
    identity: str = ""
    origin: Origin = Origin.AUTO


@dataclass(frozen=True, slots=True)
class TrackView:
    """A track as people see it. Times are UNIX seconds of the recording.

    `speed` is what was asked, `real_speed` what is measured; `next_at` is where there is more after a gap;
    `is_own` that it is our own recording."""

    owner: str
    channel: str
    state: TrackState
    note: str
    position: float
    start: float
    stop: float
    speed: float
    real_speed: float
    ignores_speed: bool
    lease: Lease | None
    next_at: float | None
    is_own: bool = False


class ControlRefused(Exception):
    """The device did not take a control; `status` is the SIP status it answered, 408 for none."""

    def __init__(self, channel: str, what: str, status: int) -> None:
        super().__init__(f"{channel} did not take {what}: {status}")
        self.status = status


class Track:
    """`play` begins or goes elsewhere; the others are controls of what flows. Whoever calls sees to it that they do not
    overlap."""

    def __init__(self, sitting: Sitting, broker: Controlling, viewing: Viewing, clock: Callable[[], float]) -> None:
        self.sitting = sitting
        self.state = TrackState.ASKING
        self.note = ""
        self.failure: WatchFailed | None = None
        self.lease: Lease | None = None
        self.start = self.stop = 0.0
        self.is_own = False
        self.next_at: float | None = None
        self._broker = broker
        self._viewing = viewing
        self._clock = clock
        self._odometer = Odometer(0.0, clock())
        self._cseq = 0

    @property
    def is_flowing(self) -> bool:
        return self.state in (TrackState.PLAYING, TrackState.PAUSED)

    @property
    def position(self) -> float:
        found = self._odometer.position(self._clock())
        return min(max(found, self.start), self.stop) if self.is_flowing else found

    @property
    def speed(self) -> float:
        return self._odometer.speed

    def view(self) -> TrackView:
        odometer = self._odometer
        return TrackView(
            self.sitting.owner,
            self.sitting.channel,
            self.state,
            self.note,
            self.position,
            self.start,
            self.stop,
            odometer.speed,
            odometer.real_speed if self.state is TrackState.PLAYING else odometer.speed,
            self.state is TrackState.PLAYING and odometer.ignores_speed,
            self.lease,
            self.next_at,
            self.is_own,
        )

    # --- beginning and ending --------------------------------------------------------------------------------

    async def play(self, at: float, stop: float, speed: float = 1.0, *, own_since: float | None = None) -> None:
        """Call for the recording from `at` to `stop`; or take our own, which is there since `own_since`, so that one
        can go back as far. Raises WatchFailed; the track says then why it failed."""
        await self.let_go()
        self.state, self.note, self.failure, self.next_at = TrackState.ASKING, "", None, None
        self.is_own = is_own = own_since is not None
        # SDP counts whole seconds (t=).
        enter = int(at)
        self.start = float(enter if own_since is None else min(enter, int(own_since)))
        self.stop = float(max(math.ceil(stop) if is_own else int(stop), enter + 1))
        self._odometer.begin_anew(float(enter), self._clock(), is_in_step=is_own)
        self._cseq = 0
        sitting = self.sitting
        wish = Watch(
            owner=sitting.owner,
            channel=sitting.channel,
            outlet=sitting.outlet,
            kind=WatchKind.PLAYBACK,
            stream_number=sitting.stream,
            audio=sitting.audio,
            viewer=sitting.viewer,
            identity=sitting.identity,
            start=int(self.start),
            stop=int(self.stop),
            kept=is_own,
            enter=enter if is_own else 0,
        )
        try:
            lease = await self._viewing.watch(wish)
        except WatchFailed as failed:
            self.state, self.note, self.failure = TrackState.FAILED, str(failed), failed
            raise
        self.lease = lease
        self.state = TrackState.PLAYING
        self._odometer.begin_anew(float(enter), self._clock(), is_in_step=is_own)
        self._broker.on_lease_end(lease.id, lambda reason: self._ended(lease, reason))
        if speed != 1.0 and self.lease is not None:
            await self.set_speed(speed)

    def wait_at(self, at: float, next_at: float | None) -> None:
        """Nothing was recorded at `at`."""
        self.state, self.note, self.next_at = TrackState.GAP, "", next_at
        self._odometer.begin_anew(at, self._clock())

    async def let_go(self) -> None:
        """Give the picture back; harmless when there is none."""
        lease, self.lease = self.lease, None
        if lease is not None:
            await self._viewing.release(lease.id)

    def _ended(self, lease: Lease, reason: str) -> None:
        if self.lease is not lease:
            return  # it was let go, and another may flow
        at = self._odometer.position(self._clock())
        if reason == FINISHED:
            self.state, at = TrackState.ENDED, self.start if self.speed < 0 else self.stop
        else:
            self.state, self.note = TrackState.LEFT, reason
        self.lease = None
        self._odometer.begin_anew(at, self._clock())

    # --- controls --------------------------------------------------------------------------------------------

    async def pause(self) -> None:
        """Raises ControlRefused."""
        if self.state is TrackState.PLAYING:
            await self._say(mansrtsp.pause, "PAUSE")
            self._odometer.stand(self._clock())
            self.state = TrackState.PAUSED

    async def resume(self) -> None:
        """Raises ControlRefused."""
        if self.state is TrackState.PAUSED:
            await self._say(mansrtsp.resume, "PLAY")
            self._goes_on()

    async def set_speed(self, speed: float) -> None:
        """Raises ControlRefused."""
        if self.is_flowing:
            at = self.position
            await self._say(lambda cseq: mansrtsp.scale(cseq, speed), f"Scale {speed:g}")
            self._odometer.begin(at, speed, self._clock())
            self.state = TrackState.PLAYING

    async def seek(self, at: float) -> bool:
        """Go on elsewhere within what was asked for; false when that needs another call. Raises ControlRefused."""
        if not self.is_flowing or not self.start <= at < self.stop:
            return False
        npt_s = at - self.start
        await self._say(lambda cseq: mansrtsp.seek(cseq, npt_s), f"a seek to {npt_s:g} s")
        self._odometer.begin(at, self.speed, self._clock())
        self.state = TrackState.PLAYING
        return True

    def look(self) -> None:
        """Now and then: see how far it has come."""
        if self.lease is None:
            return
        counted = self._broker.figures_of(self.lease.id)
        if counted is None:
            # Its lease was given back behind our back: the viewer's session ended.
            self._ended(self.lease, "the viewer left")
            return
        self._odometer.look(counted.leg, counted.leg_s, counted.frames, self._clock())

    def _goes_on(self) -> None:
        self._odometer.go_on(self._clock())
        self.state = TrackState.PLAYING

    async def _say(self, write: Callable[[int], bytes], what: str) -> None:
        lease = self.lease
        if lease is None:
            raise ControlRefused(self.sitting.channel, what, GONE)
        self._cseq += 1
        status = await self._broker.inform(lease.id, write(self._cseq), mansrtsp.CONTENT_TYPE)
        if not 200 <= status <= 299:
            raise ControlRefused(self.sitting.channel, what, status)

    def __repr__(self) -> str:
        return f"<Track {self.sitting.channel} {self.state} at {self.position:.1f}>"


async def all_of(work: list[Awaitable[None]]) -> list[BaseException]:
    """Do it all at once; what failed comes back."""
    return [each for each in await asyncio.gather(*work, return_exceptions=True) if isinstance(each, BaseException)]
