"""All that anyone may ask of media: open, aim, attach, detach, close, and the events that come back.

A few calls a session and none a packet, and every argument a frozen value, so the plane may live in this process, in
a worker or on another host and nobody upstairs can tell.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from socket import socket
from typing import Protocol

from media.frame import Codec


class Transport(StrEnum):
    """How RTP reaches us, in the words of media.md 1.9; the names are the receiver's."""

    UDP = "udp"
    TCP_PASSIVE = "tcp-passive"
    TCP_ACTIVE = "tcp-active"
    PULLED = "pulled"  # no port of ours that anybody sends to: we fetch it, see `Source`


class OutletKind(StrEnum):
    """How a viewer takes the stream."""

    FMP4_WS = "ws-fmp4"
    FLV_HTTP = "http-flv"
    FLV_WS = "ws-flv"
    PS_HTTP = "http-ps"
    WEBRTC = "webrtc"
    HLS = "hls"

    @property
    def is_made(self) -> bool:
        """Whether it is made to order beside the plane, which knows nothing of it."""
        return self in (OutletKind.WEBRTC, OutletKind.HLS)


class WireForm(StrEnum):
    """How the pieces of a stream are framed on a viewer's socket."""

    PLAIN = "plain"  # HTTP/1.0: the end of the connection is the end of the body
    CHUNKED = "chunked"  # HTTP/1.1
    WEBSOCKET = "websocket"


@dataclass(frozen=True, slots=True)
class Seating:
    """How a viewer who has shaken hands is to be written to.

    `is_legacy`: H.265 in FLV by codec id 12 rather than by FourCC. `said` is what was read beyond the handshake.
    """

    form: WireForm
    is_legacy: bool = False
    said: bytes = b""


@dataclass(frozen=True, slots=True)
class Inlet:
    """An opened way in: bound before anybody is told of it.

    `host` is what the SDP's c= line must say; "" leaves it to the asker (the address by which the sender knows us).
    """

    id: str
    ssrc: int
    transport: Transport
    host: str
    port: int
    single_port: bool = False


@dataclass(frozen=True, slots=True)
class Aim:
    """What the sender's answer said: where it sends from and as whom.

    `ssrc` is the answer's `y=` (None when it had none); `payloads` maps RTP payload numbers to the codec names of
    rtpmap lines, upper case ("PS", "H264", "PCMA"), `formats` to the text of fmtp lines.
    """

    host: str | None = None
    port: int | None = None
    ssrc: int | None = None
    payloads: Mapping[int, str] = field(default_factory=dict)
    formats: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class VideoTrack:
    codec: Codec
    width: int
    height: int
    fps: float
    mime: str
    """RFC 6381 codec string, as `MediaSource.isTypeSupported` wants it: avc1.64001F, hvc1.1.6.L93.B0."""


@dataclass(frozen=True, slots=True)
class AudioTrack:
    codec: Codec
    rate_hz: int
    channels: int
    playable_as: str | None = None
    """RFC 6381 codec string of what browsers get ("mp4a.40.2"), None when they get no sound."""


class Verdict(StrEnum):
    """Why a stream never came or went away, as an operator must hear it."""

    NOTHING = "nothing"  # not one packet on the port, no connection
    CONNECTED_SILENT = "connected-silent"  # TCP came, no packet in it
    CANNOT_CONNECT = "cannot-connect"  # TCP active: the device's port refused or did not answer
    OTHER_SSRC = "other-ssrc"  # packets, but of another SSRC on a shared port
    NOT_RTP = "not-rtp"
    NOT_PS = "not-ps"
    NO_KEY_FRAME = "no-key-frame"
    UNSUPPORTED_CODEC = "unsupported-codec"
    LOST = "lost"  # it flowed and stopped
    REFUSED = "refused"  # whoever we fetch it from did not give it; `Seen.steps` say what was answered


@dataclass(frozen=True, slots=True)
class Clip:
    """A file of one of our recordings, and from when until when it is, UNIX milliseconds."""

    file: str
    start_ms: int
    end_ms: int
    bytes: int = 0
    is_open: bool = False
    """It is being written: where it cannot be read on is its end for now."""


@dataclass(frozen=True, slots=True)
class Steering:
    """What is to change on one of our recordings that is being sent; None leaves it. `at_s` is seconds from where the
    sending began."""

    is_paused: bool | None = None
    scale: float | None = None
    at_s: float | None = None


FILE_SENT = "file-sent"
"""The note of a `StreamFailed` that is none: a recording of ours was sent to its end."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where a stream is fetched from by us: an RTSP address, a file by its name within a folder, or recordings of ours.

    `way` is how RTSP media comes: "tcp" within the connection, "udp", or "auto" for the first that the server takes.
    """

    url: str = field(default="", repr=False)
    user: str = ""
    password: str = field(default="", repr=False)
    way: str = "auto"
    folder: str = ""
    file: str = ""
    clips: tuple[Clip, ...] = ()
    """Recordings of ours below `folder`, in order; sent once, from `from_ms` up to `to_ms`, at `speed`."""
    from_ms: int = 0
    to_ms: int = 0
    enter_ms: int = 0
    """Where between them the first picture is; 0 is at `from_ms`. What was steered back to lies before it."""
    speed: float = 1.0
    is_rewritten: bool = True
    """Whether time stamps run as fast as pictures are shown (playback); of a download they are the recording's own."""

    @property
    def clip_bytes(self) -> int:
        """About how many bytes the clips have between `from_ms` and `to_ms`."""
        return sum(
            clip.bytes
            * max(0, min(clip.end_ms, self.to_ms) - max(clip.start_ms, self.from_ms))
            // max(1, clip.end_ms - clip.start_ms)
            for clip in self.clips
        )


@dataclass(frozen=True, slots=True)
class Step:
    """One answer on the way to a stream that we fetch; `status` is 0 where nobody answered with a number."""

    what: str
    status: int
    reason: str


@dataclass(frozen=True, slots=True)
class Probed:
    """What a source said of itself when it was asked: `failure` is None when pictures may be had of it."""

    failure: Verdict | None
    note: str = ""
    codecs: tuple[str, ...] = ()
    steps: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen on the port: the facts behind a verdict."""

    verdict: Verdict
    packets: int = 0
    bytes: int = 0
    sources: tuple[str, ...] = ()
    ssrcs: tuple[int, ...] = ()
    payload_types: tuple[int, ...] = ()
    codecs: tuple[str, ...] = ()
    note: str = ""
    steps: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True)
class FirstFrame:
    """The first key frame is whole: viewers may be attached and will start at it."""

    inlet: str
    video: VideoTrack
    audio: AudioTrack | None


@dataclass(frozen=True, slots=True)
class TracksChanged:
    inlet: str
    video: VideoTrack | None
    audio: AudioTrack | None


@dataclass(frozen=True, slots=True)
class StreamFailed:
    """The stream never came (`seen.verdict` says how far it got) or came and was lost."""

    inlet: str
    seen: Seen


@dataclass(frozen=True, slots=True)
class SenderWish:
    """Where a stream shall be sent as RTP/PS. `transport` is the receiver's word (media.md 1.9).

    `host` is an address, never a name; for TCP active it is from where the receiver will connect. `local_host` is
    our address as the receiver knows it, "" leaves it to the plane. With `is_whole` nothing is skipped for a slow
    receiver: the source is held back instead where it can be (recordings over TCP).
    """

    transport: Transport
    host: str
    port: int
    ssrc: int
    payload_type: int = 96
    local_host: str = ""
    is_whole: bool = False


@dataclass(frozen=True, slots=True)
class Sender:
    """A way out whose port is bound: `host` and `port` are what the answer says we send from.

    `host` is "" when nothing says by which address the receiver knows us.
    """

    outlet: str
    host: str
    port: int
    ssrc: int


@dataclass(frozen=True, slots=True)
class SenderStatistics:
    """What one sender did. `lost_there` is what the receiver reports to have lost, 0 to 1, None without reports."""

    outlet: str
    target: str
    transport: Transport
    state: str
    packets: int
    bytes: int
    queued_bytes: int
    skips: int
    dropped_bytes: int
    connections: int
    lost_there: float | None = None


class RecordingForm(StrEnum):
    """How a recording is written; the value is the end of its files' names."""

    MP4 = "mp4"  # fragmented: whole up to the last picture, whatever happens; sound as AAC
    PS = "ps"  # the program stream; sound as it came


@dataclass(frozen=True, slots=True)
class RecordingWish:
    """A stream shall be written to disk, into a folder of this name: letters, digits, - and _; never a path."""

    recording: str
    form: RecordingForm = RecordingForm.MP4
    with_kept: bool = False
    """Begin with the pictures that are kept since the last key frame, where some are."""
    began_ms: int = 0
    """Of a recording that comes from elsewhere: when its first picture was taken, UNIX milliseconds; its times go on
    from there by the stream's own clock. 0 is now."""


@dataclass(frozen=True, slots=True)
class Recorder:
    """A recording that has begun; its first segment begins at a key frame."""

    outlet: str
    recording: str


@dataclass(frozen=True, slots=True)
class Segment:
    """A whole file of a recording. Times are UNIX milliseconds; `frames` are its pictures."""

    name: str
    start_ms: int
    end_ms: int
    bytes: int
    frames: int


@dataclass(frozen=True, slots=True)
class TakingWish:
    """A recording of a device shall be written to disk whole, as MP4 and as PS, into a folder of this name.

    `begins_s` is where in it the source's first picture stands. What is in the folder already is gone on from; what
    lies there behind `keeps_s` is written anew.
    """

    name: str
    begins_s: float = 0.0
    keeps_s: float = float(2**31)


class Trouble(StrEnum):
    """Why a recording does not go on."""

    DISK_FULL = "disk-full"
    DENIED = "denied"  # we may not write there
    TOO_SLOW = "too-slow"  # the disk is slower than the stream
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class RecorderStatistics:
    """What one recording did. `dropped` pictures were never written."""

    outlet: str
    recording: str
    state: str
    trouble: Trouble | None
    segments: int
    bytes: int
    frames: int
    dropped: int
    failures: int
    queued_bytes: int
    open_from_ms: int = 0
    """When the file began that is being written, 0 when there is none."""
    open_to_ms: int = 0
    """Up to when it is on disk."""
    open_file: str = ""
    """Its name, "" while nothing of it is on disk."""
    seconds: float = 0.0
    """Of a recording that is taken from a device: how far it has come."""


@dataclass(frozen=True, slots=True)
class SegmentWritten:
    """A segment is whole and on disk."""

    inlet: str
    outlet: str
    recording: str
    segment: Segment


@dataclass(frozen=True, slots=True)
class RecordingTrouble:
    """A recording does not go on; it is tried again by itself, and the stream goes on."""

    inlet: str
    outlet: str
    recording: str
    trouble: Trouble
    why: str


@dataclass(frozen=True, slots=True)
class RecordingResumed:
    """A recording that was in trouble is written again."""

    inlet: str
    outlet: str
    recording: str


@dataclass(frozen=True, slots=True)
class KeyFrame:
    """A picture that stands by itself, as it came: Annex-B with its parameter sets. `at` is UNIX seconds."""

    codec: Codec
    data: bytes = field(repr=False)
    at: float


@dataclass(frozen=True, slots=True)
class FeedFacts:
    """What flows to whoever makes pictures to order. `is_reordered`: pictures go in another order than they are shown
    (B frames)."""

    video: Codec
    width: int
    height: int
    fps: float
    mime: str
    audio: Codec | None
    is_reordered: bool


@dataclass(frozen=True, slots=True)
class FeedOver:
    """The kitchen gets no more of a stream."""

    feed: str
    why: str


@dataclass(frozen=True, slots=True)
class SessionLeft:
    """One whom the kitchen served is gone by himself."""

    session: str
    why: str


@dataclass(frozen=True, slots=True)
class KeyFrameMissed:
    """Whoever takes this feed cannot go on without a new key frame."""

    feed: str


KitchenEvent = FeedOver | SessionLeft | KeyFrameMissed


@dataclass(frozen=True, slots=True)
class HlsPart:
    """A playlist, an init segment or a segment."""

    content_type: str
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Photograph:
    """A picture for people: a JPEG, and a small one to leaf through."""

    jpeg: bytes = field(repr=False)
    thumb: bytes = field(repr=False)
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class TakingEnded:
    """What came of a recording is on disk up to `seconds` of it; `trouble` says why no more could be written."""

    inlet: str
    name: str
    seconds: float
    frames: int
    trouble: Trouble | None = None
    why: str = ""


@dataclass(frozen=True, slots=True)
class OutletClosed:
    """A viewer left, was cut, or never came to its address in time; or a sender's receiver is gone or too slow."""

    inlet: str
    outlet: str
    reason: str


@dataclass(frozen=True, slots=True)
class KeyFrameWanted:
    """Pictures cannot go on without a new key frame; whoever can reach the camera should ask it for one."""

    inlet: str
    reason: str


PlaneEvent = (
    FirstFrame
    | TracksChanged
    | StreamFailed
    | OutletClosed
    | KeyFrameWanted
    | SegmentWritten
    | RecordingTrouble
    | RecordingResumed
    | TakingEnded
)


@dataclass(frozen=True, slots=True)
class ViewerStatistics:
    """How one viewer keeps up. `queued_s` is the age of the oldest that waits for it."""

    outlet: str
    kind: OutletKind
    sent_bytes: int
    queued_bytes: int
    queued_s: float
    skips: int
    dropped: int
    """Pieces it never got because it was too slow."""


@dataclass(frozen=True, slots=True)
class WorkerStatistics:
    """One process that carries media. `load` is 1.0 for a whole core."""

    name: str
    state: str = "up"
    load: float = 0.0
    memory_bytes: int = 0
    streams: int = 0
    viewers: int = 0
    senders: int = 0
    packets_per_s: float = 0.0
    bitrate_bps: float = 0.0
    nap_s: float = 0.0
    """The nap between two rounds of reading, 0 while it wakes for every packet."""
    late_ticks: int = 0
    """How often its clock came late, since it began."""
    restarts: int = 0
    uptime_s: float = 0.0
    pid: int = 0
    zone: str = ""
    """The part of the network it stands in."""
    note: str = ""
    """Why the one before it ended."""


@dataclass(frozen=True, slots=True)
class InletStatistics:
    """What was counted on a stream's way in. Rates are of the last seconds."""

    inlet: str
    packets: int
    bytes: int
    lost: int
    reordered: int
    duplicates: int
    ssrc_mismatches: int
    resyncs: int
    frames: int
    key_frames: int
    viewers: int
    last_packet_age_s: float | None
    video: VideoTrack | None = None
    audio: AudioTrack | None = None
    bitrate_bps: float = 0.0
    packets_per_s: float = 0.0
    fps: float = 0.0
    """Pictures that really came, whatever the parameter sets promise."""
    loss: float = 0.0
    """Lost of all packets sent in the last ten seconds, 0 to 1."""
    jitter_s: float = 0.0
    """How unevenly packets come (RFC 3550 6.4.1)."""
    gop_frames: int | None = None
    """Pictures from one key frame to the next; None before two were seen, and while nobody unpacks."""
    gop_s: float | None = None
    key_frame_age_s: float | None = None
    skips: int = 0
    """How often viewers were moved on to the next key frame; those who have left included."""
    cut: int = 0
    """Viewers that were too slow to stay."""
    seats: tuple[ViewerStatistics, ...] = ()
    """The viewers, the slowest first, no more than `MOST_SEATS`."""
    recorders: tuple[RecorderStatistics, ...] = ()
    leg: int = 0
    """How often a recording went on elsewhere or at another speed."""
    leg_s: float = 0.0
    """How far it has come since, by the sender's own clock."""


MOST_SEATS = 64


class NoCapacity(Exception):
    """No port, no SSRC or no viewer place is free; the message says which."""


class MediaPlane(Protocol):
    async def open(
        self,
        ssrc: int,
        transport: Transport,
        *,
        single_port: bool = False,
        is_recording: bool = False,
        towards: str = "",
    ) -> Inlet:
        """Bind a way in. Raises NoCapacity. The stream-never-came clock starts at `aim`.

        `towards` is our address as the sender knows us: the way in is of its family, IPv4 or IPv6; "" leaves it to us.

        Of a recording everything is kept from its first key frame on until the first sender is attached.
        """

    async def aim(self, inlet: str, aim: Aim) -> None:
        """Tell an inlet what was answered; TCP active connects now. Raises KeyError for an unknown inlet.

        Aiming again after StreamFailed begins anew on the same port: viewers keep their places, FirstFrame comes again.
        """

    async def pull(self, ssrc: int, source: Source) -> Inlet:
        """A way in without a port: `aim` begins to fetch, and aiming again after StreamFailed fetches anew.

        Raises NoCapacity. Whatever is wrong with the source is told by StreamFailed.
        """

    async def probe(self, source: Source) -> Probed:
        """Ask a source what it has, without taking it; answers or gives up within a few seconds, never raises."""

    async def files(self, folder: str) -> tuple[str, ...]:
        """Names of the films within a folder that a source may name; empty when there is no such folder. Raises
        NoCapacity."""

    async def attach(self, inlet: str, kind: OutletKind, *, audio: bool = True) -> tuple[str, str]:
        """Make a place for one viewer: (outlet id, signed and expiring address path). Raises KeyError, NoCapacity."""

    async def attach_sender(self, inlet: str, wish: SenderWish) -> Sender:
        """Bind a port to send from; nothing is sent before `begin`. Raises KeyError, NoCapacity, and ValueError for a
        host that is no address."""

    async def attach_recording(self, inlet: str, wish: RecordingWish) -> Recorder:
        """Write a stream to disk until it is detached. Raises KeyError, NoCapacity where nothing may be recorded, and
        ValueError for a name that is none or is being recorded."""

    async def attach_taking(self, inlet: str, wish: TakingWish) -> Recorder:
        """Write a recording of a device to disk until its inlet closes, and say so with TakingEnded; attach it before
        `aim`, so that the first picture is in it. Raises as `attach_recording`."""

    def begin(self, outlet: str) -> None:
        """The receiver is ready (its ACK came): send from the kept key frame on. Harmless for one that is gone."""

    async def detach(self, inlet: str, outlet: str) -> None:
        """Cut one viewer or sender, or end a recording; harmless when it has left."""

    def hold(self, inlet: str, is_held: bool) -> None:
        """A paused recording: silence is no loss while it is held. Harmless for an inlet that is gone."""

    def seek(self, inlet: str) -> None:
        """The recording jumps: what is kept is of another time. Harmless for an inlet that is gone."""

    def pace(self, inlet: str, scale: float) -> None:
        """The recording goes on at another speed, negative is backwards: its viewers see it in the time that goes by,
        without sound. Harmless for an inlet that is gone."""

    def steer(self, inlet: str, steering: Steering) -> None:
        """One of our recordings is paused, goes on, jumps, or changes its speed. Harmless for any other inlet."""

    async def drain(self, inlet: str, within_s: float) -> None:
        """Wait until what came in has gone out to every sender, `within_s` at the longest."""

    async def key_frame(self, inlet: str, within_s: float) -> KeyFrame:
        """The picture that is kept, or the next that stands by itself. Raises KeyError for an inlet that is gone, and
        NoCapacity when none came `within_s`."""

    async def close(self, inlet: str) -> None:
        """Cut all viewers, give the port back; harmless when closed."""

    def listen(self, listener: Callable[[PlaneEvent], None]) -> None:
        """Every event goes to every listener; listeners must not block."""

    def statistics(self, inlet: str) -> InletStatistics | None: ...

    def sender_statistics(self, outlet: str) -> SenderStatistics | None: ...

    def workers(self) -> tuple[WorkerStatistics, ...]:
        """The processes that carry media, and how they fare."""


class MediaHost(MediaPlane, Protocol):
    """A plane of its own process, here or on another machine, that can be chosen among others."""

    @property
    def name(self) -> str: ...

    @property
    def zone(self) -> str:
        """The part of the network it stands in."""

    @property
    def is_here(self) -> bool:
        """Whether it is on the server's own machine, and can read its disk."""

    @property
    def is_well(self) -> bool:
        """Whether it answers. One that does not takes no streams."""

    @property
    def load(self) -> WorkerStatistics:
        """How busy it said to be, with what we know better: the streams and viewers it has by now."""

    @property
    def unmeasured(self) -> int:
        """Streams it took since it last said how busy it is."""


class MediaHosts(Protocol):
    """The hosts there are now; they come and go."""

    def hosts(self) -> Sequence[MediaHost]: ...

    def listen(self, listener: Callable[[PlaneEvent], None]) -> None:
        """Every event of every host, also of those to come, goes to every listener; listeners must not block."""

    def workers(self) -> tuple[WorkerStatistics, ...]:
        """All of them, also one that is being replaced."""


class Seats(Protocol):
    """What the viewers' doors need of a plane, wherever it is. `claim` is answered here and now."""

    def claim(self, inlet: str, outlet: str) -> OutletKind | None:
        """A viewer stands at this address: what it waits for, and from now on it is taken. None for an address that
        waits for nobody; the signature is the door's to check."""

    def seat(self, outlet: str, seating: Seating, opened: socket) -> None:
        """The claimed viewer has shaken hands; the socket is the plane's from now on, to write to and to close. When
        the place is gone, or taken, the viewer is told goodbye."""

    async def detach(self, inlet: str, outlet: str) -> None:
        """The claimed viewer will not come; harmless when its place is gone."""
