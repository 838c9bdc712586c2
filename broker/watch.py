"""A wish to see a channel, and the lease that grants it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from gb28181.peer import Hop
from media.plane import AudioTrack, InletStatistics, OutletKind, Seen, VideoTrack

# The rooms above may not look into media; what of it stands in our values is theirs to name from here.
__all__ = [
    "AudioTrack",
    "InletStatistics",
    "Lease",
    "OutletKind",
    "Seen",
    "StreamView",
    "VideoTrack",
    "Watch",
    "WatchFailed",
    "WatchKind",
]


class WatchKind(StrEnum):
    LIVE = "live"


@dataclass(frozen=True, slots=True)
class Watch:
    """Somebody wants to see `channel`, a channel of the peer `owner`, through an outlet of `outlet` kind.

    `stream_number` is 0 for the main stream, 1 for the first sub stream (2022 annex G, a=streamnumber).
    """

    owner: str
    channel: str
    outlet: OutletKind
    kind: WatchKind = WatchKind.LIVE
    stream_number: int = 0
    audio: bool = True
    viewer: str = ""
    """Who watches, for eyes only: a user's name, an upper platform's code."""


@dataclass(frozen=True, slots=True)
class Lease:
    """One viewer's place on a flowing stream; give it back with `Broker.release(lease.id)`."""

    id: str
    watch: Watch
    address: str
    call_id: str
    video: VideoTrack
    audio: AudioTrack | None


class WatchFailed(Exception):
    """No picture, and at which hop and why.

    `hops` is the ladder of steps in order, the last one the failing one; `seen` what was on the media port, when it
    got that far; `status` the SIP status to tell an upper platform.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str,
        status: int,
        hops: tuple[Hop, ...] = (),
        seen: Seen | None = None,
        call_id: str | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.status = status
        self.hops = hops
        self.seen = seen
        self.call_id = call_id


@dataclass(frozen=True, slots=True)
class StreamView:
    """A flowing or failing stream as the console shows it."""

    id: str
    owner: str
    channel: str
    state: str
    stream_number: int
    transport: str
    ssrc: int
    call_id: str | None
    viewers: tuple[str, ...] = field(default=())
    started_at: float = 0.0
    failure: str | None = None
