"""Facts in the past tense, and the bus that carries them. Nobody commands through it, no listener slows the teller."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from registry.alarm import KeptAlarm
from registry.refusal import RefusalSeen

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DeviceCameOnline:
    code: str
    reason: str
    at: float
    first: bool = False
    """True when we hold no catalog of it yet or it registered anew: it should be asked who it is and what it has."""


@dataclass(frozen=True, slots=True)
class DeviceWentOffline:
    code: str
    reason: str
    at: float


@dataclass(frozen=True, slots=True)
class DeviceChanged:
    """Added, edited, or said something new of itself."""

    code: str


@dataclass(frozen=True, slots=True)
class DeviceRemoved:
    code: str


@dataclass(frozen=True, slots=True)
class RegistrationRefused:
    refusal: RefusalSeen


@dataclass(frozen=True, slots=True)
class CatalogProgress:
    owner: str
    got: int
    expected: int


@dataclass(frozen=True, slots=True)
class CatalogChanged:
    """A catalog was stored. The codes are of channels of `owner`; long lists are cut, the counts are whole."""

    owner: str
    added: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]
    added_count: int
    changed_count: int
    removed_count: int
    complete: bool


@dataclass(frozen=True, slots=True)
class ChannelStatusChanged:
    owner: str
    code: str
    online: bool


@dataclass(frozen=True, slots=True)
class CountsChanged:
    """Online/total moved at these tree nodes."""

    nodes: tuple[tuple[str, int, int], ...]


@dataclass(frozen=True, slots=True)
class AlarmRaised:
    """An alarm as a neighbour told it. `sn` is the message's number, `time_said` whether `at` is its own word;
    `answered` marks one that answers a question which somebody asked of it."""

    owner: str
    channel: str
    priority: int
    method: int
    alarm_type: str
    at: float
    description: str
    longitude: float | None = None
    latitude: float | None = None
    event_type: int | None = None
    sn: int = 0
    time_said: bool = True
    answered: bool = False


@dataclass(frozen=True, slots=True)
class AlarmChanged:
    """An alarm is kept, goes on, or somebody did something about it: `what` is raised, repeated, snapshot
    or a `Deed`."""

    alarm: KeptAlarm
    what: str


@dataclass(frozen=True, slots=True)
class AlarmCountsChanged:
    """How many alarms of each priority wait for somebody: the open ones, and all that are not closed."""

    open: tuple[tuple[int, int], ...]
    unclosed: int


@dataclass(frozen=True, slots=True)
class PictureWished:
    """A rule of ours wants a picture before people's eyes, because of alarm `alarm`."""

    alarm: int
    owner: str
    channel: str
    name: str


@dataclass(frozen=True, slots=True)
class PositionReported:
    """Where something of `owner` was at UNIX time `at`: degrees WGS-84, km/h, degrees clockwise from north, metres."""

    owner: str
    channel: str
    at: float
    longitude: float
    latitude: float
    speed: float | None = None
    direction: float | None = None
    altitude: float | None = None
    height: float | None = None


@dataclass(frozen=True, slots=True)
class PtzPositionReported:
    """Where a dome of `owner` looks: degrees, a zoom factor, metres; None for what it did not say."""

    owner: str
    channel: str
    at: float
    pan: float | None = None
    tilt: float | None = None
    zoom: float | None = None
    horizontal_angle: float | None = None
    vertical_angle: float | None = None
    max_distance: float | None = None


@dataclass(frozen=True, slots=True)
class NoticeHeard:
    """A notice about work that was ordered (snapshots uploaded, an upgrade done) or asked for, to be handed on to
    whoever ordered it by `session`; `body` is the message as it came."""

    owner: str
    cmd_type: str
    device: str
    session: str
    body: bytes


@dataclass(frozen=True, slots=True)
class SteeringChanged:
    """A camera of `owner` is in another hand, held longer, or free (`holder` "").

    `until` is UNIX time. `lost_by` is whom it was taken from before its time, and `taken_by` who did.
    """

    owner: str
    code: str
    holder: str = ""
    name: str = ""
    until: float = 0.0
    on_purpose: bool = False
    lost_by: str = ""
    taken_by: str = ""


@dataclass(frozen=True, slots=True)
class UpgradeChanged:
    """An upgrade of a device began, got on or ended; `upgrade` is `broker.upgrades.Upgrade` as it stands."""

    session: str
    upgrade: object


@dataclass(frozen=True, slots=True)
class StreamChanged:
    """A stream began, failed or ended; `state` is broker.stream's word."""

    id: str
    owner: str
    channel: str
    state: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class UpperChanged:
    """A platform above was added, edited or removed."""

    code: str


@dataclass(frozen=True, slots=True)
class UpperStateChanged:
    """How things stand with a platform above moved; `Directory.upper_state` says how they stand now."""

    code: str


@dataclass(frozen=True, slots=True)
class SharingChanged:
    """Other things are shared with a platform above, or under other codes or names."""

    upper: str


@dataclass(frozen=True, slots=True)
class RecordingChanged:
    """A recording began, ended, is in trouble or out of it, or finished a file.

    `state` is asking, recording, troubled, waiting, ended or segment; `note` says why, or which file. `segment` is
    the media plane's value. `told_by_us`: those who keep recordings said it, not the plane.
    """

    recording: str
    owner: str
    channel: str
    state: str
    note: str = ""
    segment: object | None = None
    told_by_us: bool = False
    code: str = ""
    """Of a failure, `WatchFailed.code`."""


@dataclass(frozen=True, slots=True)
class RecordingMissed:
    """Something that should have been recorded was not. Times are UNIX seconds; `reason` is one of
    broker.reasons.Reason."""

    owner: str
    channel: str
    stream: int
    start: float
    end: float
    reason: str


@dataclass(frozen=True, slots=True)
class DownloadChanged:
    """A recording that is taken from a device came on or is over; `state` is broker.download_job's word, or removed."""

    download: str
    state: str


Event = (
    DeviceCameOnline
    | DeviceWentOffline
    | DeviceChanged
    | DeviceRemoved
    | RegistrationRefused
    | CatalogProgress
    | CatalogChanged
    | ChannelStatusChanged
    | CountsChanged
    | AlarmRaised
    | AlarmChanged
    | AlarmCountsChanged
    | PictureWished
    | PositionReported
    | PtzPositionReported
    | NoticeHeard
    | SteeringChanged
    | UpgradeChanged
    | StreamChanged
    | UpperChanged
    | UpperStateChanged
    | SharingChanged
    | RecordingChanged
    | DownloadChanged
    | RecordingMissed
)


class Bus:
    """Carries events to listeners in the order told; a listener that raises is logged and kept."""

    def __init__(self) -> None:
        self._listeners: list[Callable[[Event], None]] = []

    def listen(self, listener: Callable[[Event], None]) -> Callable[[], None]:
        """Add a listener; the result takes it away again, and is harmless when it has. Listeners must return at
        once."""

        def deafen() -> None:
            with suppress(ValueError):
                self._listeners.remove(listener)

        self._listeners.append(listener)
        return deafen

    def tell(self, event: Event) -> None:
        for listener in tuple(self._listeners):
            try:
                listener(event)
            except Exception:
                log.exception("a listener failed at %r; the others still hear it", event)
