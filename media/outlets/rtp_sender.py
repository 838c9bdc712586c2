"""One receiver of RTP/PS: the passage's packets under its own numbers, by its own road, never in another's way."""

from __future__ import annotations

import asyncio
import math
import random
import time
from collections.abc import Callable
from enum import StrEnum

from media import rtcp
from media.inlets.source_lock import Source
from media.inlets.udp import UdpDoor
from media.outlets.numbering import Numbering
from media.outlets.road import Trying
from media.outlets.tcp_road import TcpRoad
from media.outlets.udp_road import UdpRoad
from media.outlets.viewer import Tolerance
from media.passage import Passage, Sent, WayState
from media.plane import SenderStatistics, SenderWish, Transport
from media.ports import PortPair
from media.run import Run

REPORT_EVERY_S = 5.0
CNAME = "lianwang"
DRAIN_LOOK_S = 0.05
NTP_EPOCH = 2_208_988_800
WHOLE_FACTOR = 4
"""A source that cannot be held back may fill the queue of a whole sender so many times over before it loses."""


class State(StrEnum):
    """What a sender is doing; consoles print the value."""

    BOUND = "bound"
    CONNECTING = "connecting"
    AWAITING_KEY = "awaiting-key-frame"
    SENDING = "sending"
    CLOSED = "closed"


class RtpSender:
    """Sends nothing before `begin`; then from the kept key frame on, or from the next one.

    A receiver that does not keep up loses up to the next key frame, and its place after too many such skips. A whole
    sender (a recording) skips nothing: it is `is_congested`, and whoever reads the source should wait. `ended(self,
    why)` is called once, when the receiver is gone; `want_key(why)` when there is nothing to begin with.
    """

    def __init__(
        self,
        name: str,
        inlet: str,
        wish: SenderWish,
        pair: PortPair,
        passage: Passage,
        *,
        scratch: bytearray,
        tolerance: Tolerance,
        trying: Trying,
        ended: Callable[[RtpSender, str], None],
        want_key: Callable[[str], None],
        clock: Callable[[], float],
    ) -> None:
        self.name = name
        self.inlet = inlet
        self.wish = wish
        self.pair = pair
        self.state = State.BOUND
        self.packets = 0
        self.bytes = 0
        self.skips = 0
        self.dropped_bytes = 0
        self.lost_there: float | None = None
        self._passage = passage
        self._scratch = scratch
        self._tolerance = tolerance
        self._trying = trying
        self._ended = ended
        self._want_key = want_key
        self._clock = clock
        self._numbering = Numbering(wish.ssrc, wish.payload_type, random.randrange(1 << 15))
        self._burst_bytes = 0
        self._skips_in_row = 0
        self._skipped_at = float("-inf")
        self._sent_at = 0.0
        self._report_at = float("-inf")
        self._flows = False
        self._is_congested = False
        self._rtcp: UdpDoor | None = None
        self._road = self._build(pair)
        passage.join(self)
        if wish.is_whole:
            self._send_kept(clock())

    def _build(self, pair: PortPair) -> UdpRoad | TcpRoad:
        wish, target = self.wish, (self.wish.host, self.wish.port)
        if wish.transport is Transport.UDP:
            pair.rtp.connect(target)
            self._rtcp = UdpDoor(pair.rtcp, self._report_came, self._clock)
            return UdpRoad(pair.rtp, target, self, self._clock)
        listener = pair.listener if wish.transport is Transport.TCP_ACTIVE else None
        local = (pair.rtp.getsockname()[0], pair.port)
        return TcpRoad(target, local, listener, self._trying, self, self._clock)

    # --- life ------------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """The receiver is ready. Harmless when begun or closed."""
        if self.state is State.BOUND:
            self.state = State.CONNECTING
            self._road.begin()

    def close(self) -> None:
        """Send no more; harmless when closed. The pair's sockets are the lender's to give back."""
        if self.state is State.CLOSED:
            return
        self._passage.leave(self)
        self.state = State.CLOSED
        self._flows = False
        self._road.close()
        if self._rtcp is not None:
            if self.packets:
                self._rtcp.send(rtcp.bye(self.wish.ssrc), (self.wish.host, min(self.wish.port + 1, 65535)))
            self._rtcp.close()

    def rejoin(self) -> None:
        """The source begins anew: the next key frame is waited for, and our numbers run on."""
        self._numbering.restart()
        self._flows = False
        if self.state is State.SENDING:
            self.state = State.AWAITING_KEY

    # --- what the road says ----------------------------------------------------------------------------------

    def road_opened(self) -> None:
        if self.wish.is_whole:
            self.state = State.SENDING if self._flows else State.AWAITING_KEY
            return
        self._send_kept(self._clock())
        if not self._flows:
            self.state = State.AWAITING_KEY
            self._want_key("a platform above waits and no picture is kept")

    def road_broke(self, why: str) -> None:
        self.state = State.CONNECTING
        if not self.wish.is_whole:
            self._road.forget_queue()
            self._flows = False
            self._numbering.restart()

    def road_ended(self, why: str) -> None:
        self._end(why)

    # --- packets ---------------------------------------------------------------------------------------------

    def take(self, run: Run, is_key: bool, now: float) -> None:
        """The passage's next packets."""
        if not self._flows:
            if not is_key or not (self._road.is_open or self.wish.is_whole) or self.state is State.CLOSED:
                return
            self._flows = True
            if self._road.is_open:
                self.state = State.SENDING
        road = self._road
        self._sent_at = now
        self.packets += run.count
        self.bytes += run.payload_bytes
        road.send(self._numbering.over(run, self._scratch), run.size, now)
        if road.backlog.bytes > self._tolerance.bytes + self._burst_bytes:
            self._overflowed(now)

    def lend(self) -> WayState | None:
        """Our way, for one who sends what is ordinary in our place."""
        road = self._road
        if not self._flows or self.state is not State.SENDING or self.wish.is_whole or not isinstance(road, UdpRoad):
            return None
        way, numbers = road.lend(), self._numbering.lend()
        if way is None or numbers is None:
            return None
        number, slot_at, room = way
        sequence, offset = numbers
        return number, self.wish.ssrc, self.wish.payload_type, sequence, offset, slot_at, room

    def take_back(self, sent: Sent, timestamp: int, now: float) -> None:
        """What was sent in our place."""
        sequence, slot_at, room, packets, size, waiting = sent
        assert isinstance(self._road, UdpRoad)
        self._road.take_back(slot_at, room)
        if packets:
            self._numbering.take_back(sequence, timestamp)
            self._sent_at = now
            self.packets += packets
            self.bytes += size
        for run in waiting:
            self.take(run, False, now)

    def note_error(self, error: int) -> None:
        if isinstance(self._road, UdpRoad):
            self._road.note_error(error)

    @property
    def queued_bytes(self) -> int:
        return self._road.queued_bytes

    async def drained(self, until: float) -> None:
        """Wait until nothing is queued, or the clock says `until`."""
        for _ in range(math.ceil((until - self._clock()) / DRAIN_LOOK_S)):
            self._passage.catch_up()
            if not self.queued_bytes or self.state is State.CLOSED:
                return
            await asyncio.sleep(DRAIN_LOOK_S)

    @property
    def is_congested(self) -> bool:
        """Whether the source should wait until at least half of what is queued has gone out."""
        return self._is_congested and self._road.queued_bytes > self._tolerance.bytes // 2

    def _send_kept(self, now: float) -> None:
        kept = self._passage.kept
        # What is kept comes on top of what may queue, until it has gone out.
        self._burst_bytes = sum(run.payload_bytes for run in kept)
        for number, run in enumerate(kept):
            self.take(run, number == 0, now)

    def _overflowed(self, now: float) -> None:
        if self.wish.is_whole:
            self._is_congested = self._passage.is_pressed = True
        if not self.wish.is_whole or self._road.queued_bytes > WHOLE_FACTOR * self._tolerance.bytes + self._burst_bytes:
            self._skip(now)

    def _skip(self, now: float) -> None:
        """On to the next key frame; what is queued is too old by now."""
        tolerance = self._tolerance
        self.dropped_bytes += self._road.queued_bytes
        self._road.forget_queue()
        self._flows = False
        self._burst_bytes = 0
        self.state = State.AWAITING_KEY
        self._skips_in_row = self._skips_in_row + 1 if now - self._skipped_at < tolerance.forgive_s else 1
        self._skipped_at = now
        self.skips += 1
        if self._skips_in_row > tolerance.skips:
            self._end("the receiver is too slow")

    # --- clocks ----------------------------------------------------------------------------------------------

    def watch(self, now: float) -> None:
        """A few times a second: reports, and what has waited too long."""
        road = self._road
        self._is_congested = self.is_congested
        if not road.queued_bytes:
            self._burst_bytes = 0
        elif (
            not self.wish.is_whole
            and not self._burst_bytes
            and road.is_open
            and road.queued_since is not None
            and now - road.queued_since > self._tolerance.age_s
        ):
            self._skip(now)
        if self.state is State.CLOSED:
            return
        if road.is_unreachable(now, self._trying.patience_s):
            self._end(f"nobody takes packets at {self.wish.host}:{self.wish.port}")
        elif self._rtcp is not None and self.packets and now - self._report_at >= REPORT_EVERY_S:
            self._report_at = now
            self._report(now)

    def _report(self, now: float) -> None:
        assert self._rtcp is not None
        self._passage.publish_sent()
        ntp = int((time.time() + NTP_EPOCH) * (1 << 32))
        timestamp = self._numbering.timestamp + int((now - self._sent_at) * 90_000)
        report = rtcp.sender_report(self.wish.ssrc, ntp, timestamp, self.packets, self.bytes)
        report += rtcp.source_description(self.wish.ssrc, CNAME)
        self._rtcp.send(report, (self.wish.host, min(self.wish.port + 1, 65535)))

    def _report_came(self, data: bytes, source: Source, now: float) -> None:
        if source[0] != self.wish.host:
            return
        for part in rtcp.parts(data):
            if part.kind == rtcp.RECEIVER_REPORT and len(part.body) >= 12:
                self.lost_there = part.body[8] / 256

    def _end(self, why: str) -> None:
        if self.state is not State.CLOSED:
            self.close()
            self._ended(self, why)

    # --- eyes ------------------------------------------------------------------------------------------------

    def statistics(self) -> SenderStatistics:
        self._passage.publish_sent()
        return SenderStatistics(
            outlet=self.name,
            target=f"{self.wish.host}:{self.wish.port}",
            transport=self.wish.transport,
            state=str(self.state),
            packets=self.packets,
            bytes=self.bytes,
            queued_bytes=self._road.queued_bytes,
            skips=self.skips,
            dropped_bytes=self.dropped_bytes,
            connections=self._road.connections,
            lost_there=self.lost_there,
        )

    def __repr__(self) -> str:
        return f"<RtpSender {self.name} {self.state} {self.wish.transport} {self.wish.host}:{self.wish.port}>"
