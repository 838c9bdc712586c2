"""What a device does otherwise once it is set otherwise: its names, its keepalives, its picture."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from media.frame import Codec
from simulator.configured import Configured, Encoding
from simulator.screen import Caption
from simulator.speaker import Speaker, SpeakerSettings
from simulator.studio import Studio
from simulator.video import VideoSettings

CODECS = {"2": Codec.H264, "5": Codec.H265}
F_CODES = {codec: code for code, codec in CODECS.items()}
STREAMS = (0, 1)


class Effects:
    """`names` are those that were set, by code; whoever is not there is called as before."""

    def __init__(self, speaker: Speaker, studio: Studio) -> None:
        self._speaker = speaker
        self._studio = studio
        self.names: dict[str, str] = {}

    def begin(self, own: str, name: str, channels: Iterable[tuple[str, str]]) -> dict[str, Configured]:
        """What a device and its channels (code and name) are set to when nobody has set them."""
        kept = {own: _as_it_comes(self._speaker.settings, name)}
        for code, shown in channels:
            kept[code] = one = _as_it_comes(self._speaker.settings, shown)
            one.streams = {number: _encoding(self._studio.encoder(code, number)) for number in STREAMS}
        return kept

    def take(self, code: str, kind: str, wanted: Configured) -> None:
        """Have a change show. ValueError when the device cannot do it."""
        match kind:
            case "BasicParam":
                self._be_called(code, wanted)
            case "VideoParamAttribute":
                self._encode(code, wanted.streams)
            case "FrameMirror" | "PictureMask" | "OSDConfig" if code in self._studio.screens:
                screen = self._studio.screens[code]
                screen.mirror = wanted.mirror
                screen.masks = tuple(wanted.masks.values()) if wanted.mask_on else ()
                screen.caption = _caption(wanted)

    def _be_called(self, code: str, wanted: Configured) -> None:
        self.names[code] = wanted.name
        if code in self._studio.screens:
            self._studio.screens[code].name = wanted.name
        if code == self._speaker.settings.code:
            self._speaker.change(wanted.expires_s, wanted.keepalive_s, wanted.keepalive_count)

    def _encode(self, code: str, streams: dict[int, Encoding]) -> None:
        made: dict[int, VideoSettings] = {}
        for number, stream in streams.items():
            wide, high = stream.pixels or (0, 0)
            before = self._studio.encoder(code, number)
            codec, kbps = CODECS[stream.codec], stream.kbps or before.kbps
            made[number] = replace(before, codec=codec, width=wide, height=high, fps=stream.fps, kbps=kbps)
        for number, video in made.items():
            self._studio.encode(code, number, video)


def _as_it_comes(settings: SpeakerSettings, name: str) -> Configured:
    keepalive_s = max(1, round(settings.keepalive_s))
    return Configured(name, settings.expires_s, keepalive_s, settings.keepalive_count)


def _encoding(video: VideoSettings) -> Encoding:
    # The codes of the f= line name a few sizes; others are written out since 2022.
    sizes = {(1280, 720): "5", (1920, 1080): "6"}
    size = (video.width, video.height)
    return Encoding(F_CODES[video.codec], sizes.get(size, f"{video.width}x{video.height}"), video.fps, kbps=video.kbps)


def _caption(wanted: Configured) -> Caption | None:
    caption = wanted.caption
    if caption is None:
        return None
    clock_at = caption.clock_at if wanted.caption_clock_on else None
    return replace(caption, clock_at=clock_at, lines=caption.lines if wanted.caption_text_on else ())
