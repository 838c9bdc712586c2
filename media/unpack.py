"""The packets of one session to frames: each payload type to the unpacker it needs (media.md 1.6, 3.2, R10 to R13)."""

from __future__ import annotations

from collections.abc import Mapping

from media.aac import AacFormat
from media.es import AacDepacketiser, H264Depacketiser, H265Depacketiser, NalDepacketiser, SoundDepacketiser
from media.frame import Codec, Frame
from media.ps.demux import Demuxer, Lent
from media.ps.stream_map import CODECS
from media.ps.tally import Tally
from media.rtp import RtpPacket
from media.run import Run, packets_of
from media.sniff import Carriage, carriage_of

_SNIFFED_PACKETS = 2000  # a key frame comes within these; then what we do is what we do
_TYPES_LIMIT = 8

# media.md 1.6. Numbers over 95 are only a custom, so those are read as PS until the bytes say something else.
_STATIC = {0: "PCMU", 4: "G723", 8: "PCMA", 9: "G722", 18: "G729", 20: "SVACA", 33: "MP2T"}
_SOUNDS = {
    "PCMA": (Codec.G711A, 8000),
    "PCMU": (Codec.G711U, 8000),
    "G723": (Codec.G723_1, 8000),
    "G722": (Codec.G722_1, 8000),
    "G7221": (Codec.G722_1, 16000),
    "G729": (Codec.G729, 8000),
    "SVACA": (Codec.SVACA, 8000),
}
_H264_NAMES = frozenset({"H264", "H.264", "AVC"})
_H265_NAMES = frozenset({"H265", "H.265", "HEVC"})
AAC_NAMES = frozenset({"AAC", "MPEG4-GENERIC", "MP4A"})
_UNPLAYABLE = frozenset({"MP2T", "MPEG4", "MP4V-ES", "SVAC", "OPUS", "G726", "JPEG", "MP4A-LATM", "MPA", "H266"})

_Unpacking = Demuxer | NalDepacketiser | SoundDepacketiser


class _Way:
    """Where one payload type goes."""

    def __init__(self, unpacking: _Unpacking | None, carriage: Carriage) -> None:
        self.unpacking = unpacking
        self.carriage = carriage
        self.to_sniff = _SNIFFED_PACKETS


class Unpacker:
    """All payload types of one RTP session.

    `payloads` maps payload numbers to rtpmap names in upper case; what the bytes show wins over it. `aac` is the
    format of an fmtp line. `before` read the same stream: what it learnt of codecs and parameter sets still holds.
    Never raises on what a camera sent.
    """

    def __init__(
        self,
        payloads: Mapping[int, str] | None = None,
        *,
        aac: AacFormat | None = None,
        freeze_after_loss: bool = True,
        before: Unpacker | None = None,
    ) -> None:
        self.payloads = dict(payloads or {})
        self.unsupported: set[str] = set()
        self._aac = aac
        self._freeze = freeze_after_loss
        self._ways: dict[int, _Way] = {}
        if before is not None:
            self._ways = {kind: self._way_after(way) for kind, way in before._ways.items()}
            self.unsupported |= before.unsupported

    def tell(self, payloads: Mapping[int, str], aac: AacFormat | None) -> None:
        """The answer has come: what it names otherwise is read anew, unless its bytes have shown what they are."""
        before, self.payloads, self._aac = self.payloads, dict(payloads), aac
        for kind, way in tuple(self._ways.items()):
            is_named_anew = before.get(kind) != payloads.get(kind) or isinstance(way.unpacking, AacDepacketiser)
            if way.carriage is Carriage.UNKNOWN and is_named_anew:
                del self._ways[kind]

    @property
    def video_codec(self) -> Codec | None:
        return next((found.pictures.codec for found in self._videos() if found.pictures.codec), None)

    @property
    def audio_codec(self) -> Codec | None:
        for way in self._ways.values():
            if isinstance(way.unpacking, Demuxer | SoundDepacketiser) and way.unpacking.sound.codec:
                return way.unpacking.sound.codec
        return None

    @property
    def unplayable(self) -> tuple[str, ...]:
        """What came and can neither be shown nor heard here."""
        pictures = {way.unpacking.unplayable for way in self._ways.values() if isinstance(way.unpacking, Demuxer)}
        return tuple(sorted(self.unsupported | (pictures - {""})))

    @property
    def announces_audio(self) -> bool:
        """Whether sound has come, or the stream map or the SDP names a codec of it."""
        return any(
            isinstance(way.unpacking, Demuxer | SoundDepacketiser)
            and (way.unpacking.sound.codec or way.unpacking.sound.hint) is not None
            for way in self._ways.values()
        )

    def names_sound(self, payload_type: int) -> bool:
        """Whether the SDP, or custom, says that packets of this type are sound."""
        name = (self.payloads.get(payload_type) or _STATIC.get(payload_type, "")).upper().split("/")[0]
        return name in _SOUNDS or name in AAC_NAMES

    @property
    def need_key(self) -> bool:
        return all(found.pictures.need_key for found in self._videos())

    @property
    def carriages(self) -> dict[int, Carriage]:
        """What each payload type carries, as far as its bytes have shown."""
        return {kind: way.carriage for kind, way in self._ways.items()}

    @property
    def is_plain_program(self) -> bool:
        """Whether all that came is one program stream whose map, if it has one, says rightly what the pictures are."""
        if len(self._ways) != 1:
            return False
        way = next(iter(self._ways.values()))
        if not isinstance(way.unpacking, Demuxer) or way.carriage is not Carriage.PS:
            return False
        found = {CODECS.get(kind) for kind in way.unpacking.stream_types.values()}
        said = {codec for codec in found if codec is not None and codec.is_video}
        return not said or way.unpacking.video_codec in said

    @property
    def tally(self) -> Tally:
        """The program stream's tally, with the counts of all that came outside of it added."""
        total = Tally()
        for way in self._ways.values():
            found = way.unpacking
            if isinstance(found, Demuxer):
                total.add(found.tally)
            elif isinstance(found, NalDepacketiser):
                pictures = found.pictures
                total.frames += pictures.frames
                total.key_frames += pictures.key_frames
                total.withheld += pictures.withheld
                total.damaged += pictures.damaged
                total.clock_repairs += pictures.timeline.repairs
            elif found is not None:
                total.audio_frames += found.sound.frames
                total.damaged += found.sound.damaged
                total.clock_repairs += found.sound.timeline.repairs
        return total

    def feed(self, packet: RtpPacket, lost_before: bool = False) -> list[Frame]:
        """The frames that this packet completes."""
        way = self._ways.get(packet.payload_type) or self._new_way(packet.payload_type)
        if way.to_sniff:
            self._sniff(way, packet.payload)
        unpacking = way.unpacking
        if unpacking is None:
            return []
        frames = unpacking.feed(packet.payload, lost_before, packet.timestamp, packet.marker)
        if frames and len(self._ways) > 1:
            self._keep_together(unpacking, frames)
        return frames

    def feed_run(self, run: Run) -> list[Frame]:
        """The frames that these packets complete."""
        way = self._ways.get(run.payload_type)
        unpacking = way.unpacking if way is not None and not way.to_sniff else None
        if isinstance(unpacking, Demuxer | NalDepacketiser):
            if isinstance(unpacking, Demuxer):
                # How the bytes are cut changes nothing in a program stream.
                frames = unpacking.feed(run.payload(), run.lost_before, run.timestamp, run.marker)
            else:
                frames = unpacking.feed_run(run)
            if frames and len(self._ways) > 1:
                self._keep_together(unpacking, frames)
            return frames
        frames = []
        lost_before = run.lost_before
        for packet in packets_of(run):
            frames += self.feed(packet, lost_before)
            lost_before = False
        return frames

    def lend(self, payload_type: int) -> Lent | None:
        """Where the one program stream stands that is all that comes, for one who reads on in its place."""
        way = self._ways.get(payload_type)
        if way is None or len(self._ways) != 1 or way.to_sniff or not isinstance(way.unpacking, Demuxer):
            return None
        return way.unpacking.lend()

    def take_back(self, payload_type: int, lent: Lent) -> None:
        """Go on where whoever read in our place has come to."""
        unpacking = self._ways[payload_type].unpacking
        assert isinstance(unpacking, Demuxer)
        unpacking.take_back(lent)

    def flush(self) -> list[Frame]:
        """Give out what is whole: call it after 200 ms without a packet, and at the end."""
        return [frame for way in self._ways.values() if way.unpacking for frame in way.unpacking.flush()]

    def break_off(self) -> list[Frame]:
        """What comes next does not go on what came: give out what is surely whole, and wait for a key frame."""
        return [frame for way in self._ways.values() if way.unpacking for frame in way.unpacking.feed(b"", True)]

    def _videos(self) -> list[Demuxer | NalDepacketiser]:
        return [way.unpacking for way in self._ways.values() if isinstance(way.unpacking, Demuxer | NalDepacketiser)]

    def _new_way(self, kind: int) -> _Way:
        if len(self._ways) >= _TYPES_LIMIT:
            return _Way(None, Carriage.UNKNOWN)
        name = self.payloads.get(kind) or _STATIC.get(kind, "PS")
        way = self._ways[kind] = _Way(self._unpacking_for(name.upper().split("/")[0]), Carriage.UNKNOWN)
        if isinstance(way.unpacking, SoundDepacketiser) and not isinstance(way.unpacking, AacDepacketiser):
            way.to_sniff = 0
        return way

    def _way_after(self, before: _Way) -> _Way:
        """One that begins with what was learnt on the way before."""
        was = before.unpacking
        now: _Unpacking | None = None
        if isinstance(was, Demuxer):
            now = Demuxer(freeze_after_loss=self._freeze)
            now.learn_from(was)
        elif isinstance(was, NalDepacketiser):
            made = H264Depacketiser if isinstance(was, H264Depacketiser) else H265Depacketiser
            now = made(freeze_after_loss=self._freeze)
            now.pictures.learn_from(was.pictures)
        elif was is not None:
            now = was.anew()
        way = _Way(now, before.carriage)
        way.to_sniff = before.to_sniff
        return way

    def _unpacking_for(self, name: str) -> _Unpacking | None:
        if name in _H264_NAMES:
            return H264Depacketiser(freeze_after_loss=self._freeze)
        if name in _H265_NAMES:
            return H265Depacketiser(freeze_after_loss=self._freeze)
        if name in AAC_NAMES:
            return AacDepacketiser(self._aac)
        if name in _SOUNDS:
            return SoundDepacketiser(*_SOUNDS[name])
        if name in _UNPLAYABLE:
            self.unsupported.add(name)
            return None
        return Demuxer(freeze_after_loss=self._freeze)

    def _sniff(self, way: _Way, payload: bytes | memoryview) -> None:
        way.to_sniff -= 1
        seen = carriage_of(payload)
        if seen is Carriage.UNKNOWN:
            return
        way.carriage = seen
        way.to_sniff = 0
        found = way.unpacking
        if seen is Carriage.PS and not isinstance(found, Demuxer):
            way.unpacking = Demuxer(freeze_after_loss=self._freeze)
        elif seen is Carriage.H264 and not isinstance(found, H264Depacketiser):
            way.unpacking = H264Depacketiser(freeze_after_loss=self._freeze)
        elif seen is Carriage.H265 and not isinstance(found, H265Depacketiser):
            way.unpacking = H265Depacketiser(freeze_after_loss=self._freeze)
        elif seen is Carriage.ADTS and not isinstance(found, SoundDepacketiser):
            way.unpacking = SoundDepacketiser(Codec.AAC, 90_000)
        elif seen in (Carriage.TS, Carriage.DHAV):
            self.unsupported.add(str(seen))
            way.unpacking = None

    def _keep_together(self, unpacking: _Unpacking, frames: list[Frame]) -> None:
        # Sound in packets of its own has another clock than the picture (R10): it is laid beside the picture.
        if isinstance(unpacking, SoundDepacketiser):
            return
        last = unpacking.pictures.timeline.last
        if last is None:
            return
        for way in self._ways.values():
            if isinstance(way.unpacking, SoundDepacketiser):
                way.unpacking.sound.follow(last)
