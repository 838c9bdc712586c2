"""Program-stream bytes in, whole frames out (ISO/IEC 13818-1 2.5, GB/T 28181-2022 annex C)."""

from __future__ import annotations

from dataclasses import dataclass

from media.annexb import START_CODE, is_slice, starts_picture
from media.frame import Codec, Frame
from media.pictures import Pictures, PicturesState, first_slice, further_pictures
from media.ps import stream_map
from media.ps.pes import MPEG1_HEADER_LIMIT, Times, mpeg1_header, timestamp
from media.ps.tally import Tally
from media.sound import Sound, SoundState

PACK, END, SYSTEM, MAP, PRIVATE_1 = 0xBA, 0xB9, 0xBB, 0xBC, 0xBD
_PACK_CODE = b"\x00\x00\x01\xba"

MAP_LIMIT = 1018  # ISO/IEC 13818-1 2.5.4.2
PICTURE_LIMIT = 10 << 20
SLICELESS_LIMIT = 64 << 10  # what has no slice after so many bytes is no picture
STUCK_BYTES = 2 << 20
_PARTS_LIMIT = 1024
_PEEK = 8  # a four-byte start code, two bytes of NAL header, the first slice bit
_MARKERS_PROVED = 30
_RTP_TIMES_PROVED = 8


@dataclass(slots=True)
class Lent:
    """Where a demultiplexer stands between two pictures, and where one has come to who read on in its place."""

    video_sid: int
    audio_sid: int
    pictures_state: PicturesState
    is_fresh: bool
    sound_state: SoundState | None
    stream_map: bytes
    """The last one."""
    key_head: bytes
    keys: int = 0
    maps: int = 0
    pictures: int = 0
    sounds: int = 0
    pes: int = 0
    private_bytes: int = 0
    ends_with_pes: bool = True


class Demuxer:
    """Program-stream bytes in, whole frames out.

    Feed payloads in order. What is unfinished is kept; what is damaged is dropped up to
    the next pack header and counted in `tally`. Never raises on what a camera sent.

    Payloads are kept until their frame is whole and must not be overwritten meanwhile. A frame goes out as soon as it
    is certain: at the next picture's first PES, at a pack header with another RTP time once RTP times have proved
    steady, or at a marker once markers have proved right. How the bytes are cut into payloads changes nothing.
    """

    def __init__(self, *, freeze_after_loss: bool = True) -> None:
        self.pictures = Pictures(freeze_after_loss=freeze_after_loss)
        self.sound = Sound()
        self.stream_types: dict[int, int] = {}
        self._sounds: set[int] = set()  # stream ids that the map says to be sound
        self._last_map = b""
        self._tally = Tally()
        # Where we stand in the byte stream: in one of the first three, or at a unit boundary, or searching.
        self._left = 0  # bytes of a PES payload still to come
        self._skip = 0  # bytes of an unwanted unit still to come
        self._unbounded = False  # inside a PES that ends at the next start code
        self._synced = False
        self._rest = b""  # at most the head of one unit
        self._parts: list[bytes | memoryview] = []  # of the PES being read: the picture's or the sound's
        self._in_picture = False
        self._last_was_pes = False
        self._searched = 0
        # The open picture.
        self._video_sid = 0
        self._audio_sid = 0
        self._picture: list[bytes | memoryview] = []
        self._picture_size = 0
        self._picture_times = Times(None, None)
        self._picture_rtp: int | None = None
        self._picture_from_map = False
        self._pes_begins = 0  # index in `_parts` of the first part of this PES
        self._slice_known = False
        self._slice_searched = 0
        self._times_inside: Times | None = None  # of a picture that begins somewhere inside this PES
        self._map_in_pack = False
        self._audio_pts: int | None = None
        # Proofs that a frame may go out early.
        self._rtp: int | None = None
        self._marked = False
        self._markers_right = 0
        self._rtp_times_right = 0
        self._closed_early = False

    @property
    def video_codec(self) -> Codec | None:
        return self.pictures.codec

    @property
    def unplayable(self) -> str:
        """What the pictures are, when they are nothing that can be shown here; "" while that is not said."""
        codec = self.video_codec
        if codec in (Codec.SVAC, Codec.MPEG4):
            return str(codec)
        kind = self.stream_types.get(self._video_sid, 0)
        return stream_map.FOREIGN_PICTURES.get(kind, "") if codec is None else ""

    @property
    def audio_codec(self) -> Codec | None:
        return self.sound.codec

    @property
    def need_key(self) -> bool:
        return self.pictures.need_key

    @property
    def is_stuck(self) -> bool:
        """Nothing but noise for 2 MB: this is no program stream."""
        return self._searched > STUCK_BYTES

    @property
    def tally(self) -> Tally:
        tally, pictures, sound = self._tally, self.pictures, self.sound
        tally.frames, tally.key_frames, tally.withheld = pictures.frames, pictures.key_frames, pictures.withheld
        tally.audio_frames = sound.frames
        tally.damaged = pictures.damaged + sound.damaged
        tally.clock_repairs = pictures.timeline.repairs + sound.timeline.repairs
        return tally

    def __repr__(self) -> str:
        state = "synced" if self._synced else "searching"
        return f"<Demuxer {state} {self.video_codec} {self.audio_codec} frames={self.pictures.frames}>"

    def learn_from(self, before: Demuxer) -> None:
        """The same stream was read by `before`: what was told of it still holds, which may not be told again."""
        self.stream_types = dict(before.stream_types)
        self._sounds = set(before._sounds)
        self._video_sid, self._audio_sid = before._video_sid, before._audio_sid
        self.pictures.learn_from(before.pictures)
        self.sound.learn_from(before.sound)

    def feed(
        self,
        payload: bytes | memoryview,
        lost_before: bool = False,
        rtp_timestamp: int | None = None,
        marker: bool = False,
    ) -> list[Frame]:
        """The frames that these bytes complete, in decoding order of each track."""
        size = len(payload)
        if 0 < size < self._left and not lost_before and not marker:
            # The middle of a PES, which most packets are.
            self._left -= size
            self._parts.append(payload)
            return []
        frames: list[Frame] = []
        if lost_before:
            self._lose(frames)
        self._rtp = rtp_timestamp
        self._read(payload if isinstance(payload, bytes) else bytes(payload), frames)
        if marker:
            self._take_marker(frames)
        return frames

    def flush(self) -> list[Frame]:
        """Give out what is whole: call it after 200 ms without a packet, and at the end."""
        frames: list[Frame] = []
        if not self._left and not self._skip:
            self._end_of_unbounded(frames)
            self._close_picture(frames)
            self._closed_early = True
        return frames

    # ---- lent

    def lend(self) -> Lent | None:
        """Where it stands between two pictures, for one who reads ordinary ones in its place: each ends with a marker,
        as markers have proved to do. None while anything else is to be thought of."""
        if not self._synced or self._left or self._skip or self._unbounded or self._rest or self._picture_size:
            return None
        if not self._closed_early or self._markers_right < _MARKERS_PROVED or self._rtp_times_right < 0:
            return None
        audio_sid, sound = self._audio_sid, self.sound.lend()
        is_plain = audio_sid == 0 or 0xC0 <= audio_sid <= 0xDF
        if not is_plain or (sound is None) is not (audio_sid == 0) or not self._sounds <= {audio_sid}:
            return None
        pictures = self.pictures.lend()
        if pictures is None or not self._video_sid:
            return None
        heads = self._last_map, self.pictures.key_head
        return Lent(self._video_sid, audio_sid, pictures, self.sound.is_fresh, sound, *heads)

    def take_back(self, lent: Lent) -> None:
        """Go on where whoever read in our place has come to."""
        _, units, clocks, line = lent.pictures_state
        self.pictures.take_back(lent.pictures, lent.keys, units, clocks, line)
        if lent.sound_state is not None:
            self.sound.take_back(lent.sounds, lent.is_fresh, lent.sound_state)
        if self.pictures.timeline.last is not None:
            self.sound.note_picture(self.pictures.timeline.last)
        self._tally.pes += lent.pes
        self._tally.private_bytes += lent.private_bytes
        self._tally.psm += lent.maps
        self._markers_right += lent.pictures
        self._rtp_times_right += lent.pictures
        self._last_was_pes = lent.ends_with_pes
        self._map_in_pack = False
        self._searched = 0
        self._parts = []
        self._pes_begins = 0

    # ---- the byte stream

    def _read(self, data: bytes, frames: list[Frame]) -> None:
        if self._rest:
            data = self._rest + data
            self._rest = b""
        position, size = 0, len(data)
        while position < size:
            if self._left:
                end = min(position + self._left, size)
                self._parts.append(data[position:end] if end - position < size else data)
                self._left -= end - position
                position = end
                if not self._left:
                    self._end_pes(frames)
            elif self._skip:
                step = min(self._skip, size - position)
                self._skip -= step
                self._tally.private_bytes += step
                position += step
            elif self._unbounded:
                end = self._read_unbounded(data, position, frames)
                if end == position:
                    break
                position = end
            elif not self._synced:
                position = self._search(data, position)
                if not self._synced:
                    break
            else:
                code = data[position + 3] if position + 6 <= size and data.startswith(START_CODE, position) else 0
                if 0xC0 <= code <= 0xEF:
                    # Straight to what nearly every unit is.
                    length = data[position + 4] << 8 | data[position + 5]
                    end = self._pes(data, position, size, code, length, frames)
                    if end < 0:
                        break
                    position = end
                    continue
                start = position if code >= END else self._unit_start(data, position, size)
                if start is None:
                    position = max(position, size - 3)
                    break
                if start < 0:
                    data, position, size = self._off_the_rails(data, position)
                    continue
                end = self._unit(data, start, size, frames)
                if end < 0:
                    position = start
                    break
                position = end
        if position < size:
            self._rest = data[position:]

    def _unit_start(self, data: bytes, position: int, size: int) -> int | None:
        """Where the next unit's start code stands: None if that is not to be seen yet, -1 if there is none."""
        if data.startswith(START_CODE, position):
            start = position
        else:
            place = position
            while place < size and not data[place]:
                place += 1
            if place == size:
                return None
            # Zeros between units are harmless (P16); what follows them must finish a start code.
            if data[place] != 1 or place - position < 2:
                return -1
            start = place - 2
        if start + 3 >= size:
            return None
        return start if data[start + 3] >= END else -1

    def _off_the_rails(self, data: bytes, position: int) -> tuple[bytes, int, int]:
        """A PES did not end where it said. The bytes to read on with, from where, and their size."""
        if not self._last_was_pes:
            self._resync()
            return data, position, len(data)
        self._last_was_pes = False
        self._tally.pes_errors += 1
        parts = self._parts[self._pes_begins :]
        pes = b"".join(parts)
        pack = pes.find(_PACK_CODE)
        if pack >= 0:
            # The length was too large and swallowed the next pack (P9): the picture is cut there, the pack read again.
            del self._parts[self._pes_begins :]
            self._pes_begins = len(self._parts)
            if self._in_picture:
                self._drop_picture()
            data = pes[pack:] + data[position:]
            return data, 0, len(data)
        if self._in_picture:
            # A length modulo 65536 (P9): the frame goes on to the next start code that is no video's.
            self._unbounded = True
        else:
            self._resync()
        return data, position, len(data)

    def _search(self, data: bytes, position: int) -> int:
        found = data.find(_PACK_CODE, position)
        end = found if found >= 0 else max(position, len(data) - 3)
        self._tally.skipped_bytes += end - position
        self._searched += end - position
        if found >= 0:
            self._synced = True
        return end

    def _resync(self) -> None:
        self._tally.resyncs += 1
        self._synced = False
        self._last_was_pes = False
        self._drop_picture()
        self.sound.break_off()

    def _lose(self, frames: list[Frame]) -> None:
        """Packets are missing: the open picture with them, unless its marker says that it was whole."""
        at_boundary = not (self._left or self._skip or self._unbounded or self._rest)
        if self._marked and at_boundary and self._markers_right >= _MARKERS_PROVED:
            self._close_picture(frames)
        if self._synced:
            self._tally.resyncs += 1
        self._left = self._skip = 0
        self._unbounded = self._synced = self._last_was_pes = False
        self._rest = b""
        if self._picture_size or self._in_picture:
            self._drop_picture()
        else:
            self.pictures.break_off(damaged=False)
        self._parts = self._picture
        self._in_picture = False
        self.sound.break_off()

    # ---- units

    def _unit(self, data: bytes, start: int, size: int, frames: list[Frame]) -> int:
        """Reads the head of the unit at `start`; where to go on, or -1 when more bytes are needed."""
        code = data[start + 3]
        if code == PACK:
            return self._pack(data, start, size, frames)
        if code == END:
            self._last_was_pes = False
            return start + 4
        if start + 6 > size:
            return -1
        length = data[start + 4] << 8 | data[start + 5]
        if code == MAP:
            return self._map(data, start, size, length)
        if 0xE0 <= code <= 0xEF or 0xC0 <= code <= 0xDF or (code == PRIVATE_1 and code in self._sounds):
            return self._pes(data, start, size, code, length, frames)
        self._last_was_pes = False
        self._skip = length
        return start + 6

    def _pack(self, data: bytes, start: int, size: int, frames: list[Frame]) -> int:
        if start + 5 > size:
            return -1
        first = data[start + 4]
        if first & 0xC0 == 0x40:
            if start + 14 > size:
                return -1
            # The stuffing may hold a frame counter that looks like a start code (P6): passed over by its length.
            end = start + 14 + (data[start + 13] & 7)
        elif first & 0xF0 == 0x20:
            end = start + 12
        elif first == 0:
            end = start + 4  # a header cut down to its start code (P7)
        else:
            self._resync()
            return start + 4
        if end > size:
            return -1
        self._last_was_pes = False
        self._map_in_pack = False
        self._searched = 0
        if self._picture_size and self._rtp_times_right >= _RTP_TIMES_PROVED and self._rtp != self._picture_rtp:
            self._close_picture(frames)
        return end

    def _map(self, data: bytes, start: int, size: int, length: int) -> int:
        if length > MAP_LIMIT:
            self._tally.psm_errors += 1
            self._resync()
            return start + 4
        end = start + 6 + length
        if end > size:
            return -1
        self._last_was_pes = False
        self._tally.psm += 1
        found, sound = stream_map.parse(data[start + 6 : end])
        self._tally.psm_errors += not sound
        self._last_map = data[start + 6 : end] if sound else b""
        self._map_in_pack = True
        for sid, kind in found.items():
            self.stream_types[sid] = kind
            codec = stream_map.CODECS.get(kind)
            if codec is None or codec.is_video:
                self._sounds.discard(sid)
            else:
                self._sounds.add(sid)
            if codec is None:
                continue
            if codec.is_video and sid >= 0xE0:
                self.pictures.hint = codec
            elif not codec.is_video:
                if self.sound.hint is None:
                    self._audio_sid = sid
                if sid == self._audio_sid:
                    self.sound.hear_of(codec)
        return end

    def _pes(self, data: bytes, start: int, size: int, sid: int, length: int, frames: list[Frame]) -> int:
        """ISO/IEC 13818-1 2.4.3.6; MPEG-1 headers (ISO/IEC 11172-1 2.4.3.3) as well."""
        self._last_was_pes = False
        is_video = sid >= 0xE0 and sid not in self._sounds
        if is_video:
            if not self._video_sid:
                self._video_sid = sid
            wanted = sid == self._video_sid
        else:
            if not self._audio_sid:
                self._audio_sid = sid
            wanted = sid == self._audio_sid
        if not wanted and length:
            self._skip = length
            return start + 6
        end = start + 6 + length if length else 0
        if end and length < 3:
            self._tally.pes_errors += 1
            self._skip = length
            return start + 6
        if start + 9 > size:
            return -1
        pts: int | None = None
        dts: int | None = None
        if data[start + 6] & 0xC0 == 0x80:
            body = start + 9 + data[start + 8]
            if end and body > end:
                self._tally.pes_errors += 1
                self._skip = length
                return start + 6
            if body > size:
                return -1
            flags = data[start + 7]
            if flags & 0x80 and body >= start + 14:
                pts = timestamp(data, start + 9)
                if flags & 0x40 and body >= start + 19:
                    dts = timestamp(data, start + 14)
        else:
            head_end = start + 6 + MPEG1_HEADER_LIMIT
            if end and end < head_end:
                head_end = end
            if head_end > size:
                return -1
            times = Times(None, None)
            body = mpeg1_header(data, start + 6, head_end, times)
            pts, dts = times.pts, times.dts
            if body < 0:
                self._tally.pes_errors += 1
                if not end:
                    self._resync()
                    return start + 4
                self._skip = length
                return start + 6
        payload = end - body if end else 0
        if is_video and min(body + _PEEK, end or body + _PEEK) > size:
            return -1
        self._tally.pes += 1
        if not end and not wanted:
            self._resync()
            return start + 4
        if is_video:
            self._begin_video(data, body, Times(pts, dts), frames)
        else:
            self._parts = []
            self._in_picture = False
            self._audio_pts = pts
            self._pes_begins = 0
        if end:
            if payload > 0 and end <= size:
                # All of it is here.
                self._parts.append(data[body:end])
                self._end_pes(frames)
                return end
            self._left = payload
            if not payload:
                self._end_pes(frames)
        else:
            self._unbounded = True
        return body

    # ---- pictures and sound

    def _begin_video(self, data: bytes, body: int, times: Times, frames: list[Frame]) -> None:
        nal = body + 3 if data.startswith(START_CODE, body) else body + 4
        if not data.startswith(START_CODE, nal - 3) or nal + 3 > len(data):
            nal = -1
        codec = self.pictures.likely_codec
        if self._picture_size:
            if self._is_next_picture(codec, data, nal, times):
                self._close_picture(frames)
            elif self._marked:
                self._markers_right = 0
                self._marked = False
        elif self._closed_early and (nal < 0 or not starts_picture(codec, data, nal)) and self._markers_right:
            # What a marker closed goes on: these markers are no picture ends after all.
            self._markers_right = 0
            self.pictures.break_off(damaged=True)
        self._closed_early = False
        self._times_inside = None
        if not self._picture_size:
            self._picture_times = times
            self._picture_rtp = self._rtp
            self._picture_from_map = self._map_in_pack
        elif self._picture_times.pts is None:
            self._picture_times = times
        elif nal < 0 and times.pts is not None and times.pts != self._picture_times.pts:
            self._times_inside = times
        if nal >= 0 and not self._slice_known and is_slice(codec, data[nal]):
            self._slice_known = True
        if len(self._picture) > _PARTS_LIMIT:
            self._picture[:] = [b"".join(self._picture)]
        self._parts = self._picture
        self._pes_begins = len(self._picture)
        self._in_picture = True

    def _is_next_picture(self, codec: Codec, data: bytes, nal: int, times: Times) -> bool:
        other_time = times.pts is not None and times.pts != self._picture_times.pts
        if codec is Codec.MPEG4 or codec is Codec.SVAC:
            return other_time
        if nal < 0:
            return False
        if not self._has_slice(codec):
            # Parameter sets and their picture may come with times of their own.
            return False
        # A later slice belongs to the open picture even under another time (P20).
        return starts_picture(codec, data, nal) or (other_time and not is_slice(codec, data[nal]))

    def _has_slice(self, codec: Codec) -> bool:
        if not self._slice_known:
            joined = b"".join(self._picture)
            self._picture[:] = [joined]
            found, self._slice_searched = first_slice(codec, joined, self._slice_searched)
            self._slice_known = found >= 0 or len(joined) > SLICELESS_LIMIT
        return self._slice_known

    def _end_pes(self, frames: list[Frame]) -> None:
        self._last_was_pes = True
        if self._in_picture:
            self._count_picture_bytes()
            if self._times_inside is not None:
                self._split_picture(self._times_inside, frames)
        else:
            parts = self._parts
            first = parts[0] if len(parts) == 1 else None
            data = first if isinstance(first, bytes) else b"".join(parts)
            # Kept until the next unit shows that the length was right.
            self._parts = [data]
            got = self.sound.take(data, self._audio_pts)
            if got:
                frames += got

    def _split_picture(self, times: Times, frames: list[Frame]) -> None:
        """A PES may begin in the middle of a picture; its time is then that of the picture that begins inside it."""
        self._times_inside = None
        before = sum(map(len, self._picture[: self._pes_begins]))
        data = b"".join(self._picture)
        starts = further_pictures(self.pictures.likely_codec, data, max(before - 4, 0), 1)
        if not starts:
            return
        self._picture[:] = [data[: starts[0]]]
        self._marked = False
        self._close_picture(frames)
        self._picture = [data[starts[0] :]]
        self._parts = self._picture
        self._pes_begins = 0
        self._picture_size = len(self._picture[0])
        self._picture_times = times
        self._picture_rtp = self._rtp
        self._picture_from_map = self._map_in_pack
        self._in_picture = True

    def _count_picture_bytes(self) -> None:
        parts, begins = self._parts, self._pes_begins
        if len(parts) == begins + 1:
            self._picture_size += len(parts[begins]) or 1
        else:
            if len(parts) - begins > _PARTS_LIMIT:
                parts[begins:] = [b"".join(parts[begins:])]
            self._picture_size += sum(map(len, parts[begins:])) or 1
        if self._rtp is not None and self._rtp != self._picture_rtp:
            self._rtp_times_right = -1
        if self._picture_size > PICTURE_LIMIT:
            self._resync()

    def _read_unbounded(self, data: bytes, position: int, frames: list[Frame]) -> int:
        size = len(data)
        found = data.find(START_CODE, position)
        while 0 <= found < size - 3 and data[found + 3] < END:
            found = data.find(START_CODE, found + 3)
        ended = 0 <= found < size - 3
        if found >= 0:
            end = found
        else:
            end = max(position, size - 2) if data.endswith((b"\x00", b"\x00\x00")) else size
        if end > position:
            self._parts.append(data[position:end])
            if self._in_picture:
                self._picture_size += end - position
                if self._marked:
                    self._markers_right = 0
                    self._marked = False
                if len(self._parts) > 4 * _PARTS_LIMIT:
                    self._picture[:] = [b"".join(self._picture)]
                    self._pes_begins = 0
                if self._picture_size > PICTURE_LIMIT:
                    self._unbounded = False
                    self._resync()
            elif sum(map(len, self._parts)) > 0xFFFF:
                self._unbounded = False
                self._resync()
        if ended and self._unbounded:
            self._unbounded = False
            if not self._in_picture:
                self._end_pes(frames)
            self._last_was_pes = False
            if end == position:
                return self._unit_after_unbounded(data, end, frames)
        return end

    def _unit_after_unbounded(self, data: bytes, start: int, frames: list[Frame]) -> int:
        # `_read` takes no progress for waiting, so the unit that ended us is read here.
        end = self._unit(data, start, len(data), frames)
        return start if end < 0 else end

    def _end_of_unbounded(self, frames: list[Frame]) -> None:
        if not self._unbounded:
            return
        if self._rest:
            self._parts.append(self._rest)
            if self._in_picture:
                self._picture_size += len(self._rest)
            self._rest = b""
        self._unbounded = False
        if not self._in_picture:
            self._end_pes(frames)
        self._last_was_pes = False

    def _take_marker(self, frames: list[Frame]) -> None:
        if not self._in_picture and not self._picture_size:
            return
        if self._left or self._skip or (self._rest and not self._unbounded and self._rest.strip(b"\x00")):
            self._markers_right = 0
            return
        if self._markers_right >= _MARKERS_PROVED:
            self._end_of_unbounded(frames)
            self._marked = True
            self._close_picture(frames)
            self._closed_early = True
        else:
            self._marked = True

    def _close_picture(self, frames: list[Frame]) -> None:
        if not self._picture_size:
            return
        self._markers_right = self._markers_right + 1 if self._marked else 0
        if self._rtp_times_right >= 0 and self._picture_rtp is not None:
            self._rtp_times_right += 1
        else:
            self._rtp_times_right = 0
        picture = self._picture
        data = picture[0] if len(picture) == 1 else b"".join(picture)
        if not isinstance(data, bytes):
            data = bytes(data)
        times, rtp, from_map = self._picture_times, self._picture_rtp, self._picture_from_map
        self._forget_picture()
        got = self.pictures.take(data, times.pts, times.dts, rtp, key_hint=from_map)
        if got:
            frames += got
        if self.pictures.timeline.last is not None:
            self.sound.follow(self.pictures.timeline.last)

    def _drop_picture(self) -> None:
        self.pictures.break_off(damaged=bool(self._picture_size or self._in_picture))
        self._forget_picture()
        self._left = self._skip = 0
        self._unbounded = False
        self._rtp_times_right = 0

    def _forget_picture(self) -> None:
        if self._in_picture:
            self._parts = []
        self._picture = []
        self._in_picture = False
        self._picture_size = 0
        self._slice_known = False
        self._slice_searched = 0
        self._marked = False
