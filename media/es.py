"""Elementary streams in RTP: H.264 (RFC 6184), H.265 (RFC 7798), AAC (RFC 3640), G.711 (RFC 3551) into frames."""

from __future__ import annotations

from typing import Protocol

from media.aac import AacFormat, with_header
from media.annexb import is_slice, starts_picture
from media.frame import Codec, Frame
from media.pictures import Pictures
from media.rtp import Unwrapper
from media.run import Run
from media.sound import Sound

PICTURE_LIMIT = 10 << 20
_MARKERS_PROVED = 30
_START = b"\x00\x00\x00\x01"


class Depacketiser(Protocol):
    """What the program-stream Demuxer promises too."""

    def feed(
        self,
        payload: bytes | memoryview,
        lost_before: bool = False,
        rtp_timestamp: int | None = None,
        marker: bool = False,
    ) -> list[Frame]: ...

    def flush(self) -> list[Frame]: ...


class NalDepacketiser:
    """NAL units out of packets, access units out of NAL units; the codec's own rules are in the subclasses.

    A picture ends where the next one's first NAL unit begins, whatever timestamps and markers say (R7, R8); markers
    that have proved right 30 times end it at once.
    """

    def __init__(self, codec: Codec, fragment: tuple[int, int, int], *, freeze_after_loss: bool = True) -> None:
        self.codec = codec
        self._fragment = fragment  # what of a payload's first byte says that it is a fragment, and where its flags are
        self.pictures = Pictures(hint=codec, freeze_after_loss=freeze_after_loss)
        self._parts: list[bytes] = []
        self._size = 0
        self._has_slice = False
        self._timestamp: int | None = None
        self._fragments: list[bytes] = []
        self._fragment_size = 0
        self._broken = False  # something is missing: wait for a picture's beginning
        self._marked = False
        self._markers_right = 0
        self._closed_early = False

    def feed(
        self,
        payload: bytes | memoryview,
        lost_before: bool = False,
        rtp_timestamp: int | None = None,
        marker: bool = False,
    ) -> list[Frame]:
        """The frames that this packet completes; never raises on what a camera sent."""
        frames: list[Frame] = []
        if lost_before:
            self._break_off()
        self._take_payload(payload if isinstance(payload, bytes) else bytes(payload), rtp_timestamp, frames)
        if marker and self._has_slice and not self._fragments:
            self._marked = True
            if self._markers_right >= _MARKERS_PROVED:
                self._close(frames)
                self._closed_early = True
        return frames

    def feed_run(self, run: Run) -> list[Frame]:
        """The frames that these packets complete."""
        frames: list[Frame] = []
        mask, kind, flags_at = self._fragment
        lost_before = run.lost_before
        payloads = run.payloads()
        last = len(payloads) - 1
        for number, payload in enumerate(payloads):
            if (
                self._fragments
                and number < last
                and not lost_before
                and len(payload) > flags_at
                and payload[0] & mask == kind
                and not payload[flags_at] & 0xC0
            ):
                # The middle of a NAL unit, which most packets are.
                self._fragments.append(payload[flags_at + 1 :])
                self._fragment_size += len(payload) - flags_at - 1
                if self._fragment_size > PICTURE_LIMIT:
                    self._break_off()
            else:
                frames += self.feed(payload, lost_before, run.timestamp, run.marker and number == last)
                lost_before = False
        return frames

    def flush(self) -> list[Frame]:
        """Give out what is whole: call it after 200 ms without a packet, and at the end."""
        frames: list[Frame] = []
        if not self._fragments and self._has_slice:
            self._close(frames)
            self._closed_early = True
        return frames

    def _take_payload(self, payload: bytes, timestamp: int | None, frames: list[Frame]) -> None:
        raise ValueError("only H.264 and H.265 have payload rules")

    def _take_aggregate(self, payload: bytes, start: int, timestamp: int | None, frames: list[Frame]) -> None:
        while start + 2 <= len(payload):
            end = start + 2 + (payload[start] << 8 | payload[start + 1])
            if end > len(payload):
                self.pictures.damaged += 1
                return
            self._take_nal(payload[start + 2 : end], timestamp, frames)
            start = end

    def _take_fragment(
        self, header: bytes, flags: int, fragment: bytes, timestamp: int | None, frames: list[Frame]
    ) -> None:
        if flags & 0x80:
            self._fragments = [header, fragment]
            self._fragment_size = len(fragment)
        elif self._fragments:
            self._fragments.append(fragment)
            self._fragment_size += len(fragment)
        else:
            if not self._broken:
                self._break_off()
            return
        if self._fragment_size > PICTURE_LIMIT:
            self._break_off()
        elif flags & 0x40:
            nal = b"".join(self._fragments)
            self._fragments = []
            self._take_nal(nal, timestamp, frames)

    def _take_nal(self, nal: bytes, timestamp: int | None, frames: list[Frame]) -> None:
        if len(nal) < 3 or nal[0] & 0x80:
            return
        starts = starts_picture(self.codec, nal, 0)
        if self._broken:
            if not starts:
                return
            self._broken = False
        if starts and self._has_slice:
            self._close(frames)
        elif self._marked:
            # More of a picture whose last packet had been marked.
            self._marked = False
            self._markers_right = 0
        elif self._closed_early and not starts:
            self._markers_right = 0
            self._break_off()
            return
        self._closed_early = False
        if not self._parts:
            self._timestamp = timestamp
        elif is_slice(self.codec, nal[0]) and not self._has_slice:
            # The picture's time is that of its slices; parameter sets may come with an older one.
            self._timestamp = timestamp
        self._has_slice = self._has_slice or is_slice(self.codec, nal[0])
        self._parts += (_START, nal)
        self._size += len(nal) + 4
        if self._size > PICTURE_LIMIT or (len(self._parts) > 2048 and not self._has_slice):
            self._break_off()
        elif len(self._parts) > 8192:
            self._parts = [b"".join(self._parts)]

    def _close(self, frames: list[Frame]) -> None:
        self._markers_right = self._markers_right + 1 if self._marked else 0
        data = b"".join(self._parts)
        self._parts = []
        self._size = 0
        self._has_slice = self._marked = False
        frames += self.pictures.take(data, None, None, self._timestamp)

    def _break_off(self) -> None:
        self.pictures.break_off(damaged=bool(self._parts or self._fragments))
        self._parts = []
        self._fragments = []
        self._size = 0
        self._has_slice = self._marked = False
        self._broken = True


class H264Depacketiser(NalDepacketiser):
    """RFC 6184, packetization modes 0 and 1: single NAL units, STAP-A, FU-A."""

    def __init__(self, *, freeze_after_loss: bool = True) -> None:
        super().__init__(Codec.H264, (0x1F, 28, 1), freeze_after_loss=freeze_after_loss)

    def _take_payload(self, payload: bytes, timestamp: int | None, frames: list[Frame]) -> None:
        if len(payload) < 2:
            return
        first = payload[0]
        kind = first & 0x1F
        if kind == 28:
            header = bytes((first & 0xE0 | payload[1] & 0x1F,))
            self._take_fragment(header, payload[1], payload[2:], timestamp, frames)
        elif kind == 24:
            self._take_aggregate(payload, 1, timestamp, frames)
        elif 1 <= kind <= 23:
            self._take_nal(payload, timestamp, frames)
        elif payload.startswith((b"\x00\x00\x00\x01", b"\x00\x00\x01")):
            # Annex-B put into the packet as it was: some cameras do.
            for part in payload.split(b"\x00\x00\x01")[1:]:
                self._take_nal(part.rstrip(b"\x00"), timestamp, frames)


class H265Depacketiser(NalDepacketiser):
    """RFC 7798 without DONL: single NAL units, AP, FU."""

    def __init__(self, *, freeze_after_loss: bool = True) -> None:
        super().__init__(Codec.H265, (0x7E, 49 << 1, 2), freeze_after_loss=freeze_after_loss)

    def _take_payload(self, payload: bytes, timestamp: int | None, frames: list[Frame]) -> None:
        if len(payload) < 3:
            return
        kind = payload[0] >> 1 & 0x3F
        if kind == 49:
            header = bytes((payload[0] & 0x81 | (payload[2] & 0x3F) << 1, payload[1]))
            self._take_fragment(header, payload[2], payload[3:], timestamp, frames)
        elif kind == 48:
            self._take_aggregate(payload, 2, timestamp, frames)
        elif payload.startswith((b"\x00\x00\x00\x01", b"\x00\x00\x01")):
            for part in payload.split(b"\x00\x00\x01")[1:]:
                self._take_nal(part.rstrip(b"\x00"), timestamp, frames)
        elif kind < 48:
            self._take_nal(payload, timestamp, frames)


class SoundDepacketiser:
    """Audio whose packets hold whole codec frames: G.711 and its like (RFC 3551 4.5), or ADTS put in as it is.

    `clock_hz` is the rate of the RTP timestamps.
    """

    def __init__(self, codec: Codec, clock_hz: int = 8000) -> None:
        self.sound = Sound(hint=codec)
        self._codec = codec
        self._clock_hz = clock_hz
        self._times = Unwrapper(32)

    def anew(self) -> SoundDepacketiser:
        """Another one for the same stream."""
        return SoundDepacketiser(self._codec, self._clock_hz)

    def feed(
        self,
        payload: bytes | memoryview,
        lost_before: bool = False,
        rtp_timestamp: int | None = None,
        marker: bool = False,
    ) -> list[Frame]:
        """The packet's sound as one frame."""
        if lost_before:
            self.sound.break_off()
        return self.sound.take(bytes(payload), self._pts(rtp_timestamp))

    def flush(self) -> list[Frame]:
        return []

    def _pts(self, timestamp: int | None) -> int | None:
        if timestamp is None:
            return None
        return self._times.unwrap(timestamp) * 90_000 // self._clock_hz & 0x1FFFFFFFF


class AacDepacketiser(SoundDepacketiser):
    """RFC 3640 AAC-hbr: headers of 13 bits size and 3 bits index before the access units. Gives ADTS.

    The format is the fmtp line's config; GB/T 28181-2022's example, LC at 8 kHz in mono, when none was said. Time
    stamps count its samples unless `clock_hz` says otherwise.
    """

    def __init__(self, form: AacFormat | None = None, *, clock_hz: int | None = None) -> None:
        self.form = form or AacFormat(2, 8000, 1)
        super().__init__(Codec.AAC, clock_hz or self.form.rate_hz)
        self._fragment: list[bytes] = []
        self._fragment_left = 0

    def anew(self) -> AacDepacketiser:
        return AacDepacketiser(self.form, clock_hz=self._clock_hz)

    def feed(
        self,
        payload: bytes | memoryview,
        lost_before: bool = False,
        rtp_timestamp: int | None = None,
        marker: bool = False,
    ) -> list[Frame]:
        """The packet's access units as one frame."""
        if lost_before:
            self.sound.break_off()
            self._fragment_left = 0
        data = bytes(payload)
        if data.startswith(b"\xff") and len(data) > 7 and data[1] & 0xF6 == 0xF0:
            return self.sound.take(data, self._pts(rtp_timestamp))
        units = self._units(data)
        try:
            adts = b"".join(with_header(self.form, unit) for unit in units)
        except ValueError:
            self.sound.damaged += 1
            return []
        return self.sound.take(adts, self._pts(rtp_timestamp))

    def _units(self, data: bytes) -> list[bytes]:
        if len(data) < 4:
            return []
        header_bytes = ((data[0] << 8 | data[1]) + 7) // 8
        position = 2 + header_bytes
        if header_bytes < 2 or position > len(data):
            self.sound.damaged += 1
            return []
        sizes = [(data[at] << 8 | data[at + 1]) >> 3 for at in range(2, position - 1, 2)]
        if len(sizes) == 1 and sizes[0] > len(data) - position:
            return self._take_fragment(sizes[0], data[position:])
        self._fragment_left = 0
        units = []
        for size in sizes:
            if position + size > len(data) or not size:
                self.sound.damaged += 1
                break
            units.append(data[position : position + size])
            position += size
        return units

    def _take_fragment(self, size: int, piece: bytes) -> list[bytes]:
        """RFC 3640 3.2.3.1: an access unit over several packets, each with the whole size in its header."""
        if self._fragment_left < len(piece) or not self._fragment_left:
            self._fragment, self._fragment_left = [], size
        self._fragment.append(piece)
        self._fragment_left -= len(piece)
        if self._fragment_left > 0:
            return []
        unit = b"".join(self._fragment)
        self._fragment, self._fragment_left = [], 0
        return [unit]
