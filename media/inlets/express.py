"""The straight way for a stream that flows as streams flow: its state lent to a lane (media/native/lane.c), and taken
back as soon as anything is out of the ordinary, or anybody looks.

Where the lane is not built nothing is ever lent, and the same packets go the same way in Python.
"""

from __future__ import annotations

import importlib
import socket
import struct
from collections.abc import Callable
from typing import Any, Protocol

from media.fanout import Fanout
from media.frame import Frame
from media.inlets.gauge import Gauge, Seen
from media.inlets.rtp_receiver import QUIET_S, RtpReceiver
from media.inlets.scoop import source_of
from media.inlets.source_lock import Source
from media.laid import Laid
from media.passage import Passage
from media.ps.demux import Lent
from media.run import Run

WORTH_PACKETS = 8
"""A stretch of fewer packets was not worth its lending."""
PAUSE_LIMIT = 256
"""After some of those in a row nothing is lent for so many turns at most."""

REST_LIMIT = 1472
"""So much of a packet may have come for a stream to be lent."""

# Any, here and below: the extension is there or not, and has no types.
Lanes = Any
Lane = Any
Counts = tuple[int, int, int, int, float, float, float, Seen]
"""Packets, bytes, timestamps, frames; when the last packet, picture and sound came; what of the pictures was seen."""


def lanes() -> Lanes | None:
    """The extension, where it is built and asked for (media/compiled.py)."""
    try:
        return importlib.import_module("lianwang_lane")
    except ImportError:
        return None


class Stream(Protocol):
    """A connection, as far as a lane reads in its place."""

    source: Source

    def feed(self, data: bytes, now: float) -> None: ...

    def lend(self) -> tuple[int, bytes] | None: ...

    def take_back(self, packets: int, rest: bytes, now: float) -> None: ...


class Express:
    """Of one inlet. `arm` when a turn has ended; everybody who shares the state asks it to `catch_up` first.

    `is_followed` tells whether frames are wanted one by one as they come.
    """

    def __init__(
        self,
        receiver: RtpReceiver,
        fanout: Fanout,
        gauge: Gauge,
        passage: Passage,
        is_followed: Callable[[], bool],
    ) -> None:
        self.is_ahead = False
        """Whether the lane goes by itself."""
        self.has_let_go = False
        """Whether what was kept before it went by itself is given up."""
        self.on_switch: Callable[[], None] | None = None
        """Called when it goes by itself, or no longer does."""
        self._receiver = receiver
        self._fanout = fanout
        self._gauge = gauge
        self._passage = passage
        self._is_followed = is_followed
        self._lane: Lane | None = None
        self._stream: Stream | None = None
        self._name = b""
        self._source: Source | None = None
        self._first = 0
        self._payload_type = 0
        self._is_awake = False
        self._is_followed_now = False
        self._has_sound = False
        self._keeps_pictures = False
        self._pause = self._wait = 0
        receiver.ahead = fanout.ahead = passage.ahead = self

    def lane(
        self, lanes: Lanes, room: Any, number: int, fallback: Callable[[float], int], stream: Stream | None = None
    ) -> Lane:
        """The lane of this socket; it reads by `fallback` while nothing is lent to it."""
        self.catch_up()
        self._stream = stream
        fell = self.fell if stream is None else self.fell_behind
        is_stream = stream is not None
        self._lane = lanes.Lane(room, number, fallback, fell, self.hand_on, self.gave, Run, Frame, is_stream)
        return self._lane

    def close(self, stream: Stream | None) -> None:
        """The socket goes, or that connection."""
        if stream is not self._stream:
            return
        self.catch_up()
        if self._lane is not None:
            self._lane.close()
            self._lane = self._stream = None

    # --- lending ---------------------------------------------------------------------------------------------

    def arm(self, now: float) -> None:
        """Lend, if everything is ordinary."""
        if self._lane is None or self.is_ahead:
            return
        if self._wait:
            self._wait -= 1
            return
        receiver = self._receiver
        whose = receiver.lend()
        if whose is None:
            return
        source, payload_type, ssrc, following, timestamp = whose
        stream, framing = self._stream, (0, b"")
        if receiver.is_udp is not (stream is None):
            return
        if stream is not None:
            lent = stream.lend()
            # Whoever sends on may want the source held back, which is seen to for each run.
            if lent is None or len(lent[1]) > REST_LIMIT or stream.source != source or self._passage.has_senders:
                return
            framing = lent
        keeping = self._passage.lend(payload_type)
        reception = receiver.reports.lend(payload_type)
        if keeping is None or reception is None:
            return
        unpacking = None
        if receiver.is_awake:
            unpacking = self._unpacking(payload_type)
            if unpacking is None:
                return
        if source != self._source:
            name = name_of(source)
            if not name:
                return
            self._source, self._name = source, name
        self._first, self._payload_type = following, payload_type
        self._is_awake = unpacking is not None
        self._keeps_pictures = self._is_awake and not self._is_followed_now
        self.has_let_go = False
        self._lane.arm(
            (self._name, payload_type, ssrc, following, timestamp),
            keeping,
            reception,
            self._passage.has_senders,
            self._passage.lend_ways(),
            unpacking,
            framing,
        )
        self._switch(True)

    def _unpacking(self, payload_type: int) -> tuple[Any, ...] | None:
        """What the lane must know to unpack; None where more is to be done than unpacking."""
        lent = self._receiver.lend_unpacking()
        if lent is None or not self._gauge.has_leg:
            return None
        is_h265, units, clocks, line = lent.pictures_state
        video, sound = self._fanout.video, self._receiver.sound_codec
        if video is None:
            return None
        keeping = self._fanout.lend(sound if lent.sound_state is not None else None)
        if keeping is None:
            return None
        self._is_followed_now = self._is_followed()
        self._has_sound = lent.sound_state is not None
        if self._is_followed_now:
            keeping = (0, *keeping[1:])
        of_sound: tuple[Any, ...] = (False, 0, 0, 0, None)
        sound_line: tuple[Any, ...] = (0, 0, 0, [])
        if lent.sound_state is not None:
            of_sound, sound_line = (True, *lent.sound_state[:4]), lent.sound_state[4]
        heads = lent.stream_map, lent.key_head
        of_units = is_h265, lent.video_sid, lent.audio_sid, units, lent.is_fresh, *heads
        of_clocks = clocks, line, of_sound, sound_line
        return self._is_followed_now, video.codec, sound, of_units, *of_clocks, keeping, self._gauge.lend()

    def _switch(self, is_ahead: bool) -> None:
        self.is_ahead = is_ahead
        if self.on_switch is not None:
            self.on_switch()

    # --- taking back -----------------------------------------------------------------------------------------

    def publish(self) -> None:
        """Everybody's counts are of now."""
        if not self.is_ahead or self._lane is None:
            return
        self._count(self._lane.counts())

    def _count(self, counts: Counts) -> None:
        packets, size, timestamps, frames, packet_at, frame_at, _, seen = counts
        if packets:
            frames = frames if self._is_awake else timestamps
            self._receiver.count(packets, size, frames, seen[1], packet_at, frame_at)
            self._gauge.pass_by(seen)

    def publish_reception(self, *, reports: bool) -> None:
        """How packets are received is of now, and with `reports` told to the sender."""
        if not self.is_ahead or self._lane is None:
            return
        self.publish()
        number, *reception = self._lane.reception(reports)
        self._receiver.note_reception(number, *reception)

    def publish_sent(self) -> None:
        """What the senders sent is of now."""
        if not self.is_ahead or self._lane is None:
            return
        sent, timestamp, packet_at = self._lane.sent()
        if sent:
            self._passage.take_back_ways(sent, timestamp, packet_at)

    def watch(self, now: float) -> None:
        """A few times a second."""
        lane = self._lane
        if not self.is_ahead or lane is None:
            return
        if now - lane.packet_at >= QUIET_S:
            self.publish()
            self.catch_up()
        elif not self.has_let_go and lane.has_restarted and (lane.has_begun_anew or not self._keeps_pictures):
            self.has_let_go = True
            self._passage.let_go()
            if self._keeps_pictures:
                self._fanout.let_go()

    def catch_up(self) -> None:
        """Everything is where it belongs now. Harmless when it is."""
        if not self.is_ahead or self._lane is None:
            return
        counts = self._lane.counts()
        self._switch(False)
        stretch, of_runs, passed, of_frames, reception, opened, unpacking, sent, rest = self._lane.settle()
        run_count, size, kept_packets, marks, has_restarted, kept_since = of_runs
        packets, timestamp = passed
        if self._stream is not None:
            self._stream.take_back(packets, rest, counts[4])
        if sent:
            self._passage.take_back_ways(sent, timestamp, counts[4])
        frame_count, frames_size = of_frames
        receiver = self._receiver
        self._pause = 0 if packets >= WORTH_PACKETS else min(2 * self._pause + 1, PAUSE_LIMIT)
        self._wait = self._pause
        if not packets:
            return
        self._count(counts)
        receiver.take_back(self._first, packets, timestamp)
        receiver.reports.take_back(*reception)
        video = self._fanout.video
        assert video is not None
        laid = Laid(stretch, frame_count, video.codec, receiver.sound_codec)
        self._passage.take_back(laid, size, kept_packets, marks, kept_since if has_restarted else None)
        if unpacking is None:
            return
        receiver.take_back_unpacking(_lent(unpacking, self._has_sound))
        if not self._is_followed_now:
            latest, began, began_at = unpacking[4:]
            self._fanout.take_back(laid, frames_size, latest, counts[6], began_at if began else None)
        if opened < run_count:
            receiver.unpack(laid.runs(opened), counts[4])

    # --- what the lane says ----------------------------------------------------------------------------------

    def fell(self, pieces: list[tuple[bytes, int, bytes | None]], now: float) -> None:
        """Something is out of the ordinary: what is left, as it came, and who sent it where that is not known."""
        self.catch_up()
        source = self._source
        assert source is not None
        for data, size, name in pieces:
            self._receiver.take(data, size, source if name is None else source_of(name), now)
        self.arm(now)

    def fell_behind(self, data: bytes, now: float) -> None:
        """The same of a stream: what was read and is not taken, nothing when it ended."""
        self.catch_up()
        if self._stream is not None and data:
            self._stream.feed(data, now)
            self.arm(now)

    def hand_on(self, run: Run | None, now: float, is_key: bool, first: int = -1, error: int = 0) -> None:
        """Packets for the senders that the lane does not send itself, or could not."""
        self._passage.hand_on(run, now, is_key, first, error)
        if self.is_ahead and self._passage.lend_ways():
            self.catch_up()  # what had queued is gone: from here on the lane can

    def gave(self, frames: list[Frame], now: float) -> None:
        """Frames that are wanted as they come."""
        self._receiver.give_all(frames, now)


def _lent(unpacking: tuple[Any, ...], has_sound: bool) -> Lent:
    """What the lane says of where it has come to."""
    of_units, of_clocks, line, of_sound = unpacking[:4]
    units, pes, private_bytes, maps, pictures, keys, sounds, ends_with_pes, is_fresh = of_units
    rtp, last_pts, pts, has_dts, dts = of_clocks
    clock, duration, window_bytes, has_window, window_start, *sound_line = of_sound
    sound = clock, duration, window_bytes, window_start if has_window else None, tuple(sound_line)
    return Lent(
        0,
        0,
        (False, units, (rtp, last_pts, pts, dts if has_dts else None), line),
        bool(is_fresh),
        sound if has_sound else None,
        b"",
        b"",
        keys,
        maps,
        pictures,
        sounds,
        pes,
        private_bytes,
        bool(ends_with_pes),
    )


def name_of(source: Source) -> bytes:
    """The address as the system has it; nothing for one that cannot be told from its text alone."""
    host, port = source
    if "%" in host:
        return b""
    if ":" in host:
        return (
            struct.pack("=H", socket.AF_INET6)
            + struct.pack("!HI", port, 0)
            + socket.inet_pton(socket.AF_INET6, host)
            + bytes(4)
        )
    return (
        struct.pack("=H", socket.AF_INET) + struct.pack("!H", port) + socket.inet_pton(socket.AF_INET, host) + bytes(8)
    )
