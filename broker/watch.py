"""A wish to see a channel, and the lease that grants it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from gb28181.peer import Hop
from media.plane import (
    AudioTrack,
    InletStatistics,
    NoCapacity,
    OutletKind,
    RecorderStatistics,
    RecordingForm,
    Seen,
    Sender,
    SenderStatistics,
    VideoTrack,
    ViewerStatistics,
    WorkerStatistics,
)

# The rooms above may not look into media; what of it stands in our values is theirs to name from here.
__all__ = [
    "AudioTrack",
    "InletStatistics",
    "Lease",
    "NoCapacity",
    "OutletKind",
    "Peek",
    "RecordTo",
    "RecorderStatistics",
    "RecordingForm",
    "RtpTo",
    "Seen",
    "Sender",
    "SenderStatistics",
    "StreamView",
    "TakeHome",
    "VideoTrack",
    "ViewerStatistics",
    "Watch",
    "WatchFailed",
    "WatchKind",
    "WorkerStatistics",
]


class WatchKind(StrEnum):
    LIVE = "live"
    PLAYBACK = "playback"
    DOWNLOAD = "download"

    @property
    def is_live(self) -> bool:
        return self is WatchKind.LIVE


@dataclass(frozen=True, slots=True)
class RtpTo:
    """The outlet of an upper platform's call: RTP/PS to where its offer says.

    `transport` is the receiver's word: "udp", "tcp-passive" (it listens), "tcp-active" (it will connect to us).
    `ssrc` is the offer's `y=`, None has us choose one. `local_host` is our address as this upper knows it, for the
    answer's c= line.
    """

    host: str
    port: int
    transport: str
    ssrc: int | None = None
    payload_type: int = 96
    upper: str = ""
    local_host: str = ""


@dataclass(frozen=True, slots=True)
class RecordTo:
    """The outlet of a recording: to disk, into the folder of this id."""

    recording: str
    form: RecordingForm = RecordingForm.MP4
    with_kept: bool = False
    """Begin with what is kept since the last key frame."""
    began_ms: int = 0
    """Of a download: when its first picture was taken, UNIX milliseconds."""


@dataclass(frozen=True, slots=True)
class Peek:
    """No outlet: somebody who asks for a single picture now and then, see `Broker.key_frame`."""


@dataclass(frozen=True, slots=True)
class TakeHome:
    """The outlet of a download: to disk, into the folder of this id. Its first picture stands at `begins_s` of the
    files; what they have behind `keeps_s` is written anew."""

    name: str
    begins_s: float = 0.0
    keeps_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Watch:
    """Somebody wants to see `channel`, a channel of the peer `owner`, through `outlet`.

    With `owner` "" the broker finds whose channel it is, and tries a second way when the first fails.
    `stream_number` is 0 for the main stream, 1 for the first sub stream (2022 annex G, a=streamnumber).
    """

    owner: str
    channel: str
    outlet: OutletKind | RtpTo | RecordTo | TakeHome | Peek
    kind: WatchKind = WatchKind.LIVE
    stream_number: int = 0
    audio: bool = True
    viewer: str = ""
    """Who watches, for eyes only: a user's name, an upper platform's code."""
    start: int = 0
    """UNIX seconds of a recording, for PLAYBACK and DOWNLOAD."""
    stop: int = 0
    download_speed: int | None = None
    """Multiple of real time (a=downloadspeed), None says nothing."""
    uri: str = ""
    """The u= line for a recording; "" asks for all of the channel's recordings."""
    via: tuple[str, ...] = ()
    """The wished path of platforms (2022 annex H, X-PreferredPath), ours first or left out."""
    viewer_peer: str = ""
    """The neighbour that asks; a watch that would go back to it is refused as a loop."""
    identity: str = ""
    """Monitor-User-Identity to go with an INVITE downward (2022 clause 8.3); "" sends none."""
    kept: bool = False
    """For PLAYBACK and DOWNLOAD: from our own recordings, and nobody is called."""
    enter: int = 0
    """Of ours: where between `start` and `stop` it begins, UNIX seconds; 0 is at `start`."""


@dataclass(frozen=True, slots=True)
class Lease:
    """One viewer's place on a flowing stream; give it back with `Broker.release(lease.id)`.

    `sender` is set for RtpTo outlets, which wait for `Broker.begin(lease.id)`; `address` then is "". `path` are the
    platforms the stream comes by, ours first (X-RoutePath). `filesize` is a download's length in bytes, if told.
    """

    id: str
    watch: Watch
    address: str
    call_id: str
    video: VideoTrack
    audio: AudioTrack | None
    sender: Sender | None = None
    path: tuple[str, ...] = ()
    filesize: int | None = None


class WatchFailed(Exception):
    """No picture, and at which hop and why.

    `hops` is the ladder of steps in order, the last one the failing one; `seen` what was on the media port, when it
    got that far; `status` the SIP status to tell an upper platform; `path` the platforms that were asked, ours first.
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
        path: tuple[str, ...] = (),
    ) -> None:
        super().__init__(message)
        self.code = code
        self.status = status
        self.hops = hops
        self.seen = seen
        self.call_id = call_id
        self.path = path


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
    kind: WatchKind = WatchKind.LIVE
    path: tuple[str, ...] = ()
    """The platforms the stream comes by, ours first."""
    senders: tuple[SenderStatistics, ...] = ()
    seats: tuple[tuple[str, str], ...] = ()
    """Outlets that are attached, and who takes each: a user's name, an upper platform's code."""
