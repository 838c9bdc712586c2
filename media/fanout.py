"""Frames of one source shared out: kept from the last key frame, muxed once a format, given to all viewers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from media.aac import AacFormat, format_of
from media.ahead import Ahead
from media.annexb import VideoParameters, video_parameters
from media.clock import OutputClock, Pacer
from media.frame import Codec, Frame
from media.laid import Laid, elsewhere
from media.outlets.rendition import Rendition, RenditionKey, Tracks
from media.outlets.tide import Pace
from media.outlets.viewer import Viewer
from media.plane import AudioTrack, VideoTrack
from media.transcode import AAC_8K, AacFromG711, can_transcode

AUDIO_SILENT_S = 3.0
"""A sound track without sound for so long is taken out: players wait for the track that lags behind."""


@dataclass(frozen=True, slots=True)
class KeepLimits:
    """How much is kept from the last key frame on: frames, bytes, seconds; and the wait for announced sound."""

    frames: int
    bytes: int
    seconds: float
    audio_wait_s: float


KeepingState = tuple[int, int, int, int, float, float, int, int, float, bool, bool]
"""The clock's offset and latest time, frames and bytes that may still be kept, since when, and for how long; how many
may be kept from a key frame on, when the last sound came, whether it is a track, and whether keys change nothing."""


class Fanout:
    """Says `on_tracks(video, audio)` once it is known what flows, and whenever that changes (at a key frame)."""

    def __init__(
        self,
        limits: KeepLimits,
        on_tracks: Callable[[VideoTrack, AudioTrack | None], None],
        pace: Pace | None = None,
    ) -> None:
        self.is_ready = False
        self.overflows = 0
        self._limits = limits
        self._pace = pace or Pace()
        self._on_tracks = on_tracks
        self._clock = OutputClock()
        self._pacer: Pacer | None = None
        self._tracks: Tracks | None = None
        self._parameters: VideoParameters | None = None
        self._sound: tuple[Codec, AacFormat | None] | None = None
        self._sound_at = 0.0
        self._wait_until: float | None = None
        self._needs_key = True
        self.ahead: Ahead | None = None
        self._kept: list[Frame | Laid] = []
        self._kept_count = 0
        self._kept_bytes = 0
        self._kept_since = 0.0
        self._renditions: dict[RenditionKey, Rendition] = {}
        self._transcoder: AacFromG711 | None = None

    @property
    def video(self) -> VideoTrack | None:
        return self._tracks.video if self._tracks else None

    @property
    def audio(self) -> AudioTrack | None:
        return self._tracks.audio if self._tracks else None

    @property
    def sound(self) -> tuple[Codec, AacFormat | None] | None:
        """What is heard on the source now; the form is that of what viewers get."""
        return self._sound

    @property
    def has_kept(self) -> bool:
        """Whether a newcomer sees a picture at once."""
        return bool(self._kept)

    @property
    def kept(self) -> tuple[Frame, ...]:
        """From the last key frame on."""
        self._catch_up()
        return tuple(self._frames())

    @property
    def kept_since(self) -> float:
        """When that key frame came."""
        return self._kept_since

    @property
    def parameter_sets(self) -> tuple[bytes, ...]:
        """What a decoder must know before any picture; without start codes."""
        return self._parameters.sets if self._parameters is not None else ()

    @property
    def viewers(self) -> int:
        return sum(rendition.viewers for rendition in self._renditions.values())

    # --- frames ----------------------------------------------------------------------------------------------

    def put(self, frame: Frame, now: float, *, awaits_audio: bool = False) -> None:
        """The next frame of the source; it is re-timed in place. `awaits_audio`: sound was announced."""
        if frame.codec.is_video:
            self._put_video(frame, now, awaits_audio)
        else:
            self._put_audio(frame, now)

    def tick(self, now: float) -> None:
        """Now and then: the wait for sound ends."""
        if self._wait_until is not None and now >= self._wait_until:
            self._become_ready(now)

    def restart(self) -> None:
        """The source begins a new session: nothing kept is good, the next key frame is waited for. Viewers stay."""
        self.is_ready = False
        self._needs_key = True
        self._wait_until = None
        self._sound = None
        self._transcoder = None
        self._clock.restart()
        self._forget_kept()

    def doze(self) -> None:
        """No frames come for a while, because nobody looks; the next key frame goes on from here."""
        self._needs_key = True
        self._clock.restart()
        self._forget_kept()

    def pace(self, scale: float) -> None:
        """The source is a recording that is played at another speed from now on; viewers see it in real time."""
        if self._pacer is None:
            if scale == 1.0:
                return
            self._pacer = Pacer()
        self._pacer.set_scale(scale)
        if self._pacer.is_silent:
            self._sound = None

    def _put_video(self, frame: Frame, now: float, awaits_audio: bool) -> None:
        if frame.key:
            found = video_parameters(frame.codec, frame.data)
            if found is not None:
                self._parameters = found
            if self._parameters is None or self._parameters.codec is not frame.codec:
                return
            self._needs_key = False
        elif self._needs_key:
            return
        if self._pacer is not None and not self._pacer.place(frame, now):
            return
        self._clock.place(frame)
        if frame.key:
            self._begin_keeping(now)
            if self.is_ready:
                self._retrack_if_changed(now)
        self._keep(frame, now)
        if self.is_ready:
            for rendition in self._renditions.values():
                rendition.put(frame, now)
        elif self._wait_until is None:
            self._wait_until = now + (self._limits.audio_wait_s if awaits_audio and self._sound is None else 0.0)
            self.tick(now)

    def _put_audio(self, frame: Frame, now: float) -> None:
        if self._pacer is not None:
            if self._pacer.is_silent:
                return
            self._pacer.follow(frame)
        codec = frame.codec
        if codec is Codec.AAC:
            form = format_of(frame.data)
            if form is None:
                return
            sound: tuple[Codec, AacFormat | None] = (codec, form)
        else:
            sound = (codec, AAC_8K if can_transcode(codec) else None)
        self._sound = sound
        self._sound_at = now
        if self._needs_key:
            return
        self._clock.place(frame)
        for each in self._audible(frame):
            self._keep(each, now)
            if self.is_ready:
                for rendition in self._renditions.values():
                    rendition.put(each, now)
        if self._wait_until is not None:
            self._become_ready(now)

    def _audible(self, frame: Frame) -> list[Frame]:
        """The frame as viewers can hear it, when anybody listens."""
        if frame.codec in (Codec.G711A, Codec.G711U) and self._transcoder is not None:
            return self._transcoder.feed(frame)
        return [frame]

    def flush(self) -> None:
        """What has gathered for the viewers goes out now."""
        for rendition in self._renditions.values():
            rendition.flush()

    # --- tracks ----------------------------------------------------------------------------------------------

    def _become_ready(self, now: float) -> None:
        self._wait_until = None
        self.is_ready = True
        self._tracks = self._tracks_now()
        if any(key.audio for key in self._renditions):
            self._listen()
        for rendition in self._renditions.values():
            rendition.begin(self._tracks, ())
            # Who waited gets what is kept; who came from before a break goes on with it.
            for frame in self._frames():
                rendition.put(frame, now)
        self._on_tracks(self._tracks.video, self._tracks.audio)

    def _retrack_if_changed(self, now: float) -> None:
        if self._sound is not None and now - self._sound_at > AUDIO_SILENT_S:
            self._sound = None
        tracks = self._tracks_now()
        if tracks == self._tracks:
            return
        self._tracks = tracks
        if any(key.audio for key in self._renditions):
            self._listen()
        for rendition in self._renditions.values():
            rendition.begin(tracks, ())
        self._on_tracks(tracks.video, tracks.audio)

    def _tracks_now(self) -> Tracks:
        assert self._parameters is not None
        found = self._parameters
        video = VideoTrack(found.codec, found.width, found.height, found.fps, found.mime)
        if self._sound is None:
            return Tracks(video, found)
        codec, form = self._sound
        rate_hz, channels = (form.rate_hz, form.channels) if codec is Codec.AAC and form else (8000, 1)
        audio = AudioTrack(codec, rate_hz, channels, form.mime if form else None)
        return Tracks(video, found, audio, form)

    # --- keeping ---------------------------------------------------------------------------------------------

    def _begin_keeping(self, now: float) -> None:
        self._kept.clear()
        self._kept_count = self._kept_bytes = 0
        self._kept_since = now

    def _keep(self, frame: Frame, now: float) -> None:
        if not self._kept and not frame.key:
            return
        self._kept.append(frame)
        self._kept_count += 1
        self._kept_bytes += len(frame.data)
        limits = self._limits
        if (
            self._kept_count > limits.frames
            or self._kept_bytes > limits.bytes
            or now - self._kept_since > limits.seconds
        ):
            # Pictures so far apart from their key frame are not kept: newcomers wait for the next one.
            self.overflows += 1
            self._forget_kept()

    def _forget_kept(self) -> None:
        self._kept.clear()
        self._kept_count = self._kept_bytes = 0
        for rendition in self._renditions.values():
            rendition.forget()

    def _frames(self) -> list[Frame]:
        """What is kept, frame by frame."""
        frames: list[Frame] = []
        for each in self._kept:
            frames += each.frames() if isinstance(each, Laid) else [each]
        self._kept = list[Frame | Laid](frames)
        return frames

    # --- lent ------------------------------------------------------------------------------------------------

    @property
    def has_renditions(self) -> bool:
        """Whether every frame is wanted as soon as it comes."""
        return bool(self._renditions)

    def lend(self, sound: Codec | None) -> KeepingState | None:
        """For one who keeps pictures and this sound in our place; None while there is more to do with them."""
        clock = self._clock.lend()
        if (
            self._pacer is not None
            or not self.is_ready
            or self._needs_key
            or self._wait_until is not None
            or not self._kept
            or clock is None
        ):
            return None
        if sound is not None and (self._sound is None or self._sound[0] is not sound):
            return None
        limits = self._limits
        room = limits.frames - self._kept_count, limits.bytes - self._kept_bytes
        has_track, is_settled = self.audio is not None, self._tracks == self._tracks_now()
        kept = self._kept_since, limits.seconds, limits.frames, limits.bytes
        return *clock, *room, *kept, self._sound_at, has_track, is_settled

    def take_back(self, laid: Laid, size: int, latest: int, sound_at: float, began_at: float | None) -> None:
        """What was kept in our place, since a key frame if that time is given. `sound_at`: when the last sound came."""
        if began_at is not None:
            self._begin_keeping(began_at)
        self._kept.append(laid)
        self._kept_count += laid.frame_count
        self._kept_bytes += size
        self._clock.take_back(latest)
        self._sound_at = max(self._sound_at, sound_at)

    def let_go(self) -> None:
        """Whoever keeps in our place has begun anew: what we kept is not needed any more."""
        self._kept = [elsewhere()]

    def _catch_up(self) -> None:
        if self.ahead is not None:
            self.ahead.catch_up()

    # --- viewers ---------------------------------------------------------------------------------------------

    def join(self, key: RenditionKey, viewer: Viewer, now: float) -> None:
        """A viewer comes in; it gets the kept pictures at once. The first of a format has its muxer made."""
        self._catch_up()
        if key.audio:
            self._listen()
        rendition = self._renditions.get(key)
        if rendition is None:
            rendition = self._renditions[key] = Rendition(key, self._pace)
            if self.is_ready and self._tracks is not None:
                rendition.begin(self._tracks, self._frames())
        rendition.join(viewer, now)

    def leave(self, key: RenditionKey, viewer: Viewer) -> None:
        """The last viewer of a format takes its muxer along; the last listener the transcoder."""
        rendition = self._renditions.get(key)
        if rendition is None:
            return
        self._catch_up()
        rendition.leave(viewer)
        if not rendition.viewers:
            del self._renditions[key]
        if not any(each.audio for each in self._renditions):
            self._transcoder = None

    def _listen(self) -> None:
        """Somebody wants sound: what is kept is made audible too."""
        if self._transcoder is not None or self._sound is None:
            return
        codec, form = self._sound
        if codec is Codec.AAC or form is None:
            return
        self._transcoder = AacFromG711()
        kept = [each for frame in self._frames() for each in self._audible(frame)]
        self._kept = list[Frame | Laid](kept)
        self._kept_count = len(kept)
        self._kept_bytes = sum(len(frame.data) for frame in kept)
