"""What may be ordered of the kitchen, what it tells by itself, and how both cross to its process and back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, get_args

from media.calls import call_of
from media.plane import FeedFacts, HlsPart, KeyFrame, KitchenEvent, Photograph


@dataclass(frozen=True, slots=True)
class KitchenSettings:
    """Pictures made to order: photographs, WebRTC, HLS and other codecs. Times are seconds."""

    stills: int = 16
    """Photographs that may be developed or wait for it; one more is refused."""
    idle_s: float = 300.0
    """The process ends when nothing was ordered for so long."""
    webrtc_sessions: int = 60
    """Browsers that take pictures by WebRTC at a time; each costs as much as fifteen others."""
    webrtc_host: str = ""
    """The address that browsers are told for WebRTC; "" leaves it to [media] announce_host, or our own ones."""
    webrtc_first_port: int = 0
    """First UDP port of WebRTC; 0 takes ports of the system's choice. Each browser takes one per address of ours."""
    webrtc_last_port: int = 0
    """And the last one."""
    transcodings: int = 2
    """Streams that are encoded anew at a time, for browsers that cannot decode H.265; each takes most of a core. 0 is
    none."""
    hls_idle_s: float = 30.0
    """A phone that asks for no HLS so long has gone; one that plays asks every few seconds."""
    host: str = ""
    """The address that is bound, "" for all."""

    def __post_init__(self) -> None:
        if self.stills < 1 or self.idle_s < 1:
            raise ValueError("stills and idle_s are 1 or more")
        if not 0 <= self.webrtc_first_port <= self.webrtc_last_port <= 65535:
            raise ValueError("webrtc_first_port to webrtc_last_port is a range of ports, or 0 and 0")


class Cooking(Protocol):
    """Every order has a deadline. Raises NoCapacity when the kitchen is full or gone."""

    async def develop(self, picture: KeyFrame, width: int, quality: int) -> Photograph:
        """A JPEG of a key frame, no wider than `width` (0: as it is). Raises ValueError for what cannot be decoded."""

    async def judge(self, data: bytes) -> Photograph:
        """A JPEG that a stranger gave us, as it is, with a small one. Raises ValueError when it is no whole picture."""

    async def open_feed(self, feed: str, url: str) -> FeedFacts:
        """Take a program stream from there until `close_feed`, and say what it is. `FeedOver` tells of its end."""

    async def cook(self, feed: str, of: str) -> FeedFacts:
        """Encode another feed anew as H.264, and have that as a feed. Raises KeyError for one that is over, ValueError
        for what cannot be decoded, NoCapacity when enough are."""

    async def close_feed(self, feed: str) -> None:
        """Harmless when it is over."""

    async def webrtc(self, session: str, feed: str, offer: str, client: str, audio: bool) -> str:
        """Serve a feed to a browser: the answer to its offer. `SessionLeft` tells when it is over by itself. Raises
        KeyError for a feed that is over, ValueError for an offer that cannot be met."""

    async def open_hls(self, session: str, feed: str) -> None:
        """Make HLS of a feed until the last such session leaves. Raises KeyError for a feed that is over."""

    async def hls(self, session: str, name: str) -> HlsPart:
        """A part by its name; a playlist waits for its first segment. Raises KeyError for one that is not there."""

    async def leave(self, session: str) -> None:
        """Harmless when it has left."""


ORDERS = {
    name: call_of(Cooking, name)
    for name in ("develop", "judge", "open_feed", "cook", "close_feed", "webrtc", "open_hls", "hls", "leave")
}
EVENTS: dict[str, type[Any]] = {each.__name__: each for each in get_args(KitchenEvent)}
