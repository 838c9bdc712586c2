"""One output format of a stream: muxed once, kept from the last key frame, shared by all who take it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from media.aac import AacFormat, format_of
from media.annexb import VideoParameters
from media.flv import FlvMuxer
from media.fmp4 import Fmp4Muxer
from media.frame import Codec, Frame
from media.outlets.chunk import Chunk
from media.outlets.tide import Pace, Tide
from media.outlets.viewer import Viewer
from media.outlets.wave import Heads
from media.plane import AudioTrack, VideoTrack


@dataclass(frozen=True, slots=True)
class RenditionKey:
    """What must be equal for two viewers to share bytes."""

    container: str
    """"fmp4" or "flv"."""
    audio: bool
    legacy: bool = False
    """H.265 in FLV by codec id 12 rather than by FourCC (media.md 7.2)."""


@dataclass(frozen=True, slots=True)
class Tracks:
    """What flows, as outlets need it and as people read it."""

    video: VideoTrack
    parameters: VideoParameters
    audio: AudioTrack | None = None
    sound: AacFormat | None = None
    """What viewers hear; None when there is nothing that a browser plays."""


class Container(Protocol):
    """A muxer behind one face. `begin` may be called again, at a key frame, when the tracks changed."""

    def begin(self, tracks: Tracks) -> None: ...

    def head(self, *, is_first: bool) -> tuple[Chunk, ...]: ...

    def body(self, frame: Frame) -> bytes: ...

    @property
    def revision(self) -> int: ...


class Fmp4Container:
    """A text message that says what comes, the init segment, then a fragment a frame (media.md 7.3)."""

    def __init__(self, *, audio: bool) -> None:
        self._audio = audio
        self._beginnings = 0
        self._tracks: Tracks | None = None
        self._muxer = Fmp4Muxer(None)

    def begin(self, tracks: Tracks) -> None:
        self._tracks = tracks
        self._muxer = Fmp4Muxer(tracks.parameters, tracks.sound if self._audio else None)
        self._beginnings += 1

    def head(self, *, is_first: bool) -> tuple[Chunk, ...]:
        assert self._tracks is not None
        says = announcement(self._tracks, self._muxer.mime, with_audio=self._audio)
        return (Chunk(says, is_text=True), Chunk(self._muxer.init_segment()))

    def body(self, frame: Frame) -> bytes:
        return self._muxer.fragment(frame)

    @property
    def revision(self) -> int:
        return self._beginnings * 1000 + self._muxer.generation


class FlvContainer:
    """FLV tags; the file header once a viewer, sequence headers again whenever they change. Time goes on meanwhile."""

    def __init__(self, *, audio: bool, legacy: bool) -> None:
        self._audio = audio
        self._muxer = FlvMuxer(None, enhanced=not legacy)
        self._last_tag = bytes(8)
        self.revision = 0

    def begin(self, tracks: Tracks) -> None:
        self._muxer.video = tracks.parameters
        self._muxer.audio = tracks.sound if self._audio else None
        self.revision += 1

    def head(self, *, is_first: bool) -> tuple[Chunk, ...]:
        if is_first:
            return (Chunk(self._muxer.header()),)
        at_ms = int.from_bytes(self._last_tag[7:8] + self._last_tag[4:7], "big")
        return (Chunk(self._muxer.video_sequence(at_ms) + self._muxer.audio_sequence(at_ms)),)

    def body(self, frame: Frame) -> bytes:
        tag = self._muxer.tag(frame)
        if tag:
            self._last_tag = tag[:8]
        return tag


class Rendition:
    """Frames in, chunks to every viewer. Newcomers begin at the kept key frame at once."""

    def __init__(self, key: RenditionKey, pace: Pace) -> None:
        self.key = key
        self._tide = Tide(pace)
        self._container: Container = (
            Fmp4Container(audio=key.audio)
            if key.container == "fmp4"
            else FlvContainer(audio=key.audio, legacy=key.legacy)
        )
        self._revision = -1
        self._kept: list[Chunk] = []
        self._is_begun = False
        self._sound: AacFormat | None = None
        self._heads = Heads(0)

    @property
    def viewers(self) -> int:
        return self._tide.viewers

    def begin(self, tracks: Tracks, kept: Iterable[Frame]) -> None:
        """Tracks are known, or have changed; the next frame must be a key frame, or the first of `kept`."""
        self._container.begin(tracks)
        self._is_begun = True
        self._sound = tracks.sound if self.key.audio else None
        self._kept.clear()
        for frame in kept:
            self._mux(frame)

    def put(self, frame: Frame, now: float) -> None:
        chunk = self._mux(frame)
        if chunk is not None:
            self._tide.put(chunk, self._heads, now)

    def forget(self) -> None:
        """The kept frames are no longer good to begin with."""
        self._kept.clear()

    def join(self, viewer: Viewer, now: float) -> None:
        if self._kept:
            viewer.begin(self._kept, self._heads, now)
        self._tide.join(viewer, is_ahead=bool(self._kept))

    def leave(self, viewer: Viewer) -> None:
        self._tide.leave(viewer)

    def flush(self) -> None:
        """What has gathered for the viewers goes out now."""
        self._tide.flush()

    def _mux(self, frame: Frame) -> Chunk | None:
        if not self._is_begun:
            return None
        if not frame.codec.is_video and not self._is_heard(frame):
            return None
        body = self._container.body(frame)
        if self._container.revision != self._revision:
            self._revision = self._container.revision
            self._heads = Heads(
                self._heads.generation + 1,
                self._container.head(is_first=True),
                self._container.head(is_first=False),
            )
        if not body:
            return None
        chunk = Chunk(body, is_key=frame.key and frame.codec.is_video)
        if chunk.is_key:
            self._kept.clear()
        if self._kept or chunk.is_key:
            self._kept.append(chunk)
        return chunk

    def _is_heard(self, frame: Frame) -> bool:
        """Sound of another form than was announced has to wait for the key frame at which that is told anew: a new head
        in mid group would cost every viewer its pictures up to there."""
        return self._sound is not None and frame.codec is Codec.AAC and format_of(frame.data) == self._sound


def announcement(tracks: Tracks, mime: str, *, with_audio: bool) -> bytes:
    """What a player must know before the init segment, as JSON."""
    video, audio = tracks.video, tracks.audio
    return json.dumps(
        {
            "mime": mime,
            "video": {
                "codec": video.codec,
                "width": video.width,
                "height": video.height,
                "fps": video.fps,
                "mime": video.mime,
            },
            "audio": {
                "codec": audio.codec,
                "rate_hz": audio.rate_hz,
                "channels": audio.channels,
                "playable_as": audio.playable_as,
            }
            if audio is not None and with_audio
            else None,
        },
        separators=(",", ":"),
    ).encode()
