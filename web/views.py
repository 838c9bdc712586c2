"""What the API shows of what the house knows: our words for devices, channels and nodes, without secrets."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import msgspec

from broker.watch import (
    AudioTrack,
    InletStatistics,
    SenderStatistics,
    StreamView,
    VideoTrack,
    ViewerStatistics,
    WatchKind,
    WorkerStatistics,
)
from registry.channel import Channel
from registry.device import Device, DeviceKind, Presence
from registry.events import Bus, CatalogChanged, CatalogProgress, DeviceRemoved, DeviceWentOffline, Event
from registry.refusal import Refusal, RefusalSeen
from registry.tree import NodeKind, TreeNode
from web.wishes import LadderMessage

PROGRESS_GOES_STALE_S = 60.0


class Progress(msgspec.Struct, frozen=True):
    """How far a catalog that is coming in has got."""

    got: int
    expected: int


class DeviceView(msgspec.Struct, frozen=True):
    """A device or platform that registers with us. Times are UNIX seconds; the password is never shown."""

    code: str
    name: str
    name_here: str | None
    shown_name: str
    kind: DeviceKind
    has_password: bool
    enabled: bool
    media_transport: str
    media_zone: str
    send_date: bool
    keepalive_interval_s: int | None
    keepalive_count: int | None
    charset: str
    dialect: str
    presence: Presence
    presence_reason: str
    presence_since: float | None
    edition: str
    transport: str
    remote_host: str
    remote_port: int
    local_host: str
    local_port: int
    contact: str
    user_agent: str
    registered_at: float | None
    expires_at: float | None
    heard_at: float | None
    manufacturer: str
    model: str
    firmware: str
    channels_said: int | None
    channels_total: int
    channels_online: int
    catalog_at: float | None
    catalog_complete: bool
    catalog_note: str
    catalog_progress: Progress | None
    refused_at: float | None
    refusal: str
    refusal_note: str
    added_at: float | None


# Everything a device has under the same name; the rest is worked out.
_SAME = tuple(
    name for name in DeviceView.__struct_fields__ if name not in ("shown_name", "has_password", "catalog_progress")
)


def device_view(device: Device, progress: Progress | None = None) -> DeviceView:
    same: dict[str, Any] = {name: getattr(device, name) for name in _SAME}
    return DeviceView(
        **same,
        shown_name=device.shown_name,
        has_password=bool(device.password),
        catalog_progress=progress,
    )


class ChannelView(msgspec.Struct, frozen=True):
    """A channel of a device: what its owner says, under the name we gave it."""

    id: str
    owner: str
    code: str
    name: str
    name_said: str
    online: bool
    playable: bool
    has_ptz: bool
    ptz_type: int | None
    manufacturer: str
    model: str
    address: str
    longitude: float | None
    latitude: float | None
    streams: tuple[int, ...]
    """Stream numbers that may be asked: 0 the main stream, 1 the first sub stream."""


def channel_view(channel: Channel) -> ChannelView:
    said = channel.said
    return ChannelView(
        id=f"channel:{channel.owner}/{channel.code}",
        owner=channel.owner,
        code=channel.code,
        name=channel.name,
        name_said=said.name,
        online=channel.online,
        playable=channel.playable,
        has_ptz=channel.has_ptz,
        ptz_type=said.ptz_type,
        manufacturer=said.manufacturer,
        model=said.model,
        address=said.address,
        longitude=said.longitude or None,  # 0 is how peers say "not known"
        latitude=said.latitude or None,
        streams=(said.stream_numbers or (0, 1)) if channel.playable else (),
    )


class Node(msgspec.Struct, frozen=True):
    """A place in the tree. `online` and `total` count the cameras anywhere below; `ways` are the platforms that have
    the same camera, when several have."""

    id: str
    kind: NodeKind
    code: str
    name: str
    parent: str | None
    owner: str
    online: int
    total: int
    has_children: bool
    channel: ChannelView | None
    ways: tuple[str, ...] = ()


def node_view(node: TreeNode) -> Node:
    return Node(
        id=node.id,
        kind=node.kind,
        code=node.code,
        name=node.name,
        parent=node.parent,
        owner=node.owner,
        online=node.online,
        total=node.total,
        has_children=node.has_children,
        channel=channel_view(node.channel) if node.channel is not None else None,
        ways=node.ways,
    )


class RefusalView(msgspec.Struct, frozen=True):
    """A registration we refused, the last of its kind; `count` says how many there were."""

    code: str
    reason: Refusal
    detail: str
    source: str
    transport: str
    at: float
    user_agent: str
    count: int
    known: bool
    """Whether the code is one of our devices."""


def refusal_view(refusal: RefusalSeen, *, known: bool) -> RefusalView:
    return RefusalView(
        code=refusal.code,
        reason=refusal.reason,
        detail=refusal.detail,
        source=refusal.source,
        transport=refusal.transport,
        at=refusal.at,
        user_agent=refusal.user_agent,
        count=refusal.count,
        known=known,
    )


class Video(msgspec.Struct, frozen=True):
    codec: str
    width: int
    height: int
    fps: float
    mime: str
    """RFC 6381 codec string for `MediaSource.isTypeSupported`."""


class Audio(msgspec.Struct, frozen=True):
    codec: str
    rate_hz: int
    channels: int
    playable_as: str | None
    """RFC 6381 codec string of what browsers get; null when they get no sound."""


def video_view(track: VideoTrack) -> Video:
    return Video(str(track.codec), track.width, track.height, track.fps, track.mime)


def audio_view(track: AudioTrack | None) -> Audio | None:
    return None if track is None else Audio(str(track.codec), track.rate_hz, track.channels, track.playable_as)


class SeatItem(msgspec.Struct, frozen=True):
    """A viewer of a stream and how he keeps up: what waits for him, how old the oldest of it is, and how often he was
    moved on to the next key frame."""

    viewer: str
    format: str
    sent_bytes: int
    queued_bytes: int
    queued_s: float
    skips: int
    dropped: int


class Figures(msgspec.Struct, frozen=True):
    """What was counted on a stream's way in. Rates are of the last seconds; `loss` is 0 to 1."""

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
    video: Video | None
    audio: Audio | None
    bitrate_bps: float = 0.0
    packets_per_s: float = 0.0
    fps: float = 0.0
    loss: float = 0.0
    jitter_s: float = 0.0
    gop_frames: int | None = None
    gop_s: float | None = None
    key_frame_age_s: float | None = None
    skips: int = 0
    cut: int = 0
    seats: tuple[SeatItem, ...] = ()
    """The slowest first; of a crowd only the slowest."""


class SenderItem(msgspec.Struct, frozen=True):
    """One way out to a platform above; `lost_there` is what it reports to have lost, 0 to 1."""

    target: str
    transport: str
    state: str
    packets: int
    bytes: int
    queued_bytes: int
    skips: int
    dropped_bytes: int
    lost_there: float | None
    upper: str = ""
    """The code of the platform above."""


class StreamItem(msgspec.Struct, frozen=True):
    """A stream that flows, rings or has failed. `path` are the platforms it comes by, ours first."""

    id: str
    owner: str
    channel: str
    state: str
    stream_number: int
    transport: str
    ssrc: str
    call_id: str | None
    viewers: tuple[str, ...]
    started_at: float
    failure: str | None
    statistics: Figures | None
    kind: WatchKind = WatchKind.LIVE
    path: tuple[str, ...] = ()
    senders: tuple[SenderItem, ...] = ()


def stream_view(stream: StreamView, counted: InletStatistics | None) -> StreamItem:
    names = dict(stream.seats)
    return StreamItem(
        id=stream.id,
        owner=stream.owner,
        channel=stream.channel,
        state=stream.state,
        stream_number=stream.stream_number,
        transport=stream.transport,
        ssrc=f"{stream.ssrc:010d}",
        call_id=stream.call_id,
        viewers=stream.viewers,
        started_at=stream.started_at,
        failure=stream.failure,
        statistics=None if counted is None else _figures(counted, names),
        kind=stream.kind,
        path=stream.path,
        senders=tuple(_sender(sender, names.get(sender.outlet, "")) for sender in stream.senders),
    )


def _sender(sender: SenderStatistics, upper: str) -> SenderItem:
    same: dict[str, Any] = {name: getattr(sender, name) for name in SenderItem.__struct_fields__ if name != "upper"}
    return SenderItem(**{**same, "transport": str(sender.transport)}, upper=upper)


def _figures(counted: InletStatistics, names: Mapping[str, str]) -> Figures:
    others = ("video", "audio", "seats")
    same: dict[str, Any] = {name: getattr(counted, name) for name in Figures.__struct_fields__ if name not in others}
    return Figures(
        **same,
        video=None if counted.video is None else video_view(counted.video),
        audio=audio_view(counted.audio),
        seats=tuple(_seat(seat, names.get(seat.outlet, "")) for seat in counted.seats),
    )


def _seat(seat: ViewerStatistics, viewer: str) -> SeatItem:
    return SeatItem(viewer, str(seat.kind), seat.sent_bytes, seat.queued_bytes, seat.queued_s, seat.skips, seat.dropped)


class WorkerItem(msgspec.Struct, frozen=True):
    """A process that carries media. `load` is 1.0 for a whole core."""

    name: str
    state: str
    load: float
    memory_bytes: int
    streams: int
    viewers: int
    senders: int
    packets_per_s: float
    bitrate_bps: float
    nap_s: float
    late_ticks: int
    restarts: int
    uptime_s: float
    pid: int = 0
    zone: str = ""
    note: str = ""
    """Why the one before it ended."""


def worker_view(worker: WorkerStatistics) -> WorkerItem:
    return WorkerItem(*(getattr(worker, name) for name in WorkerItem.__struct_fields__))


class Catalogs:
    """How far the catalogs that are coming in have got, as the bus told."""

    def __init__(self, bus: Bus) -> None:
        self._progress: dict[str, tuple[Progress, float]] = {}
        self.close = bus.listen(self._hear)

    def of(self, code: str) -> Progress | None:
        progress, at = self._progress.get(code, (None, 0.0))
        return progress if time.monotonic() - at < PROGRESS_GOES_STALE_S else None

    def _hear(self, event: Event) -> None:
        match event:
            case CatalogProgress(owner=owner, got=got, expected=expected):
                self._progress[owner] = (Progress(got, expected), time.monotonic())
            case CatalogChanged(owner=code) | DeviceWentOffline(code=code) | DeviceRemoved(code=code):
                self._progress.pop(code, None)
            case _:
                pass


class LadderLine(msgspec.Struct, frozen=True):
    """One SIP message as it went over the wire; `text` without secrets."""

    at: float
    direction: str
    transport: str
    local: str
    remote: str
    peer: str
    call_id: str
    method: str
    status: int
    summary: str
    text: str
    size: int
    repeated: bool


def ladder_line(message: LadderMessage) -> LadderLine:
    same = {name: getattr(message, name) for name in LadderLine.__struct_fields__}
    return LadderLine(**{**same, "text": without_secrets(message.text)})


def without_secrets(text: str) -> str:
    """A SIP message without the digest answers in it: with them a password could be guessed at leisure."""
    lines = text.split("\r\n")
    for at, line in enumerate(lines):
        if not line:
            break  # the body
        name, colon, value = line.partition(":")
        if colon and name.strip().lower() in ("authorization", "proxy-authorization"):
            lines[at] = f"{name}:{_without_answer(value)}"
    return "\r\n".join(lines)


def _without_answer(credentials: str) -> str:
    parts = credentials.split(",")
    for at, part in enumerate(parts):
        name, equals, _ = part.partition("=")
        if equals and name.split()[-1:] and name.split()[-1].lower() == "response":
            parts[at] = f'{name}="..."'
    return ",".join(parts)
