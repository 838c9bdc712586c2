"""What this room needs of the others; `app/wiring.py` grants it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from broker.alarm_deeds import AlarmDeeds
from broker.archives import Archives
from broker.device_shots import DeviceShots
from broker.downloads import Downloads
from broker.exporting import Exports
from broker.levers import Levers
from broker.playbacks import Playbacks
from broker.recording_desk import RecordingDesk
from broker.recordings import Recordings
from broker.servings import Servings
from broker.snapshot_plans import SnapshotPlans
from broker.snapshots import Snapshots
from broker.sources import SourceKeeper
from broker.upgrades import Upgrades
from broker.voice import Voices
from broker.watch import InletStatistics, Lease, StreamView, Watch, WorkerStatistics
from gb28181.peer import Hop, Neighbours
from registry.accounts import Accounts
from registry.alarms import Alarms
from registry.catalog import Diff
from registry.directory import Directory
from registry.divisions import Divisions
from registry.events import Bus
from registry.exporting import Exporter
from registry.platform import Upper
from registry.routes import Routes
from registry.tracks import Tracks
from web.settings import MapSettings


class Watching(Protocol):
    """`broker.broker.Broker`, as far as people need it."""

    async def watch(self, watch: Watch) -> Lease:
        """A place at a flowing stream. Raises WatchFailed."""

    async def release(self, lease_id: str) -> None:
        """Give a place back; harmless when it is gone."""

    def streams(self) -> Sequence[StreamView]: ...

    async def stop(self, stream_id: str) -> bool:
        """Cut a stream for all its viewers; false when there is no such stream."""


class LadderMessage(Protocol):
    """One SIP message as it went over the wire."""

    @property
    def at(self) -> float: ...
    @property
    def direction(self) -> str: ...
    @property
    def transport(self) -> str: ...
    @property
    def local(self) -> str: ...
    @property
    def remote(self) -> str: ...
    @property
    def peer(self) -> str: ...
    @property
    def call_id(self) -> str: ...
    @property
    def method(self) -> str: ...
    @property
    def status(self) -> int: ...
    @property
    def summary(self) -> str: ...
    @property
    def text(self) -> str: ...
    @property
    def size(self) -> int: ...
    @property
    def repeated(self) -> bool: ...


class CallSeen(Protocol):
    """One call of which messages are kept."""

    @property
    def call_id(self) -> str: ...
    @property
    def peer(self) -> str: ...
    @property
    def target(self) -> str: ...
    @property
    def started_at(self) -> float: ...
    @property
    def ended_at(self) -> float: ...
    @property
    def status(self) -> int: ...
    @property
    def messages(self) -> int: ...


class Ladders(Protocol):
    """`sipserver.ladder.Ladder`: the last messages with each neighbour and of each call."""

    def of_peer(self, code: str, limit: int) -> Sequence[LadderMessage]: ...
    def of_call(self, call_id: str) -> Sequence[LadderMessage]: ...
    def calls(self, limit: int) -> Sequence[CallSeen]: ...


class Resync(Protocol):
    async def __call__(self, code: str) -> None:
        """Begin to ask a device for its catalog anew; comes back at once. Raises PeerOffline."""


class AskNode(Protocol):
    async def __call__(self, code: str, node: str) -> Diff:
        """Ask a neighbour for what stands under one node of its tree, and take it in. Raises PeerError, LookupError."""


class Followed(Protocol):
    """One subscription of ours at a neighbour below: `sipserver.below.following.Followed`. Times are UNIX seconds."""

    @property
    def subject(self) -> str: ...
    @property
    def target(self) -> str: ...
    @property
    def standing(self) -> str: ...
    @property
    def reason(self) -> str: ...
    @property
    def expires_at(self) -> float | None: ...
    @property
    def heard_at(self) -> float | None: ...
    @property
    def notices(self) -> int: ...
    @property
    def grants(self) -> int: ...


class ConnectReport(Protocol):
    """What a platform above really answered to a trial registration."""

    @property
    def ok(self) -> bool: ...
    @property
    def steps(self) -> Sequence[Hop]: ...
    @property
    def said_code(self) -> str | None:
        """What it calls itself; "" or None when it did not say."""

    @property
    def said_realm(self) -> str: ...
    @property
    def said_version(self) -> str: ...


class Uppers(Protocol):
    """`sipserver.above.above.Above`, as far as people need it."""

    async def test(self, upper: Upper) -> ConnectReport:
        """Register on trial with a platform, kept or not, and leave no trace there. Has a deadline."""

    def resend_catalog(self, code: str) -> None:
        """Begin to tell a platform our whole catalog anew; comes back at once, and `UpperState.catalog_sent` tells
        how far it has got. Raises PeerOffline when it has not taken us."""


class Sealed(Protocol):
    """How signing with one neighbour goes: `sipserver.seals.SealTally`."""

    @property
    def signed(self) -> int: ...
    @property
    def believed(self) -> int: ...
    @property
    def disbelieved(self) -> int: ...
    @property
    def last_why(self) -> str: ...


@dataclass(frozen=True, slots=True)
class SystemInfo:
    """Who we are, for the console's head line and for the form that sets up a camera."""

    name: str
    code: str
    domain: str
    version: str
    started_at: float
    sip_host: str
    sip_port: int
    sip_transports: tuple[str, ...] = ("UDP", "TCP")


@dataclass(frozen=True, slots=True)
class Services:
    """The rooms and instruments behind the door."""

    directory: Directory
    accounts: Accounts
    broker: Watching
    neighbours: Neighbours
    ladder: Ladders
    resync: Resync
    bus: Bus
    system: Callable[[], SystemInfo]
    sip_statistics: Callable[[], Mapping[str, Any]]
    plane_statistics: Callable[[], Mapping[str, Any]]
    stream_statistics: Callable[[str], InletStatistics | None]
    """Figures of one stream by its id (`StreamView.id`), None when it has none."""
    divisions: Divisions
    broker_statistics: Callable[[], Mapping[str, Any]] = dict
    more_statistics: Callable[[], Mapping[str, Mapping[str, Any]]] = dict
    """Of rooms that need not be there, by their names: kitchen, served, voice, alarms."""
    workers: Callable[[], Sequence[WorkerStatistics]] = tuple
    """The processes that carry media."""
    uppers: Uppers | None = None
    """None while we register with nobody."""
    exporter: Exporter | None = None
    """Renders what platforms above see; None together with `uppers`."""
    routes: Routes | None = None
    """Which ways to a channel failed lately; None while nobody remembers."""
    ask_node: AskNode | None = None
    """None where no neighbour can be asked for a part of its tree."""
    levers: Levers | None = None
    """Who holds which camera in motion, shared with platforms above; None where operators here are alone."""
    sources: SourceKeeper | None = None
    """Sources of our own; None where there may be none."""
    recordings: Recordings | None = None
    recording_desk: RecordingDesk | None = None
    exports: Exports | None = None
    """None where nothing is recorded."""
    snapshots: Snapshots | None = None
    """None where no photographs are taken."""
    snapshot_plans: SnapshotPlans | None = None
    downloads: Downloads | None = None
    """None where no recordings of devices are taken home."""
    playbacks: Playbacks | None = None
    """None where no recordings of devices are played."""
    archives: Archives | None = None
    """What devices have recorded; None where nobody is asked."""
    alarms: Alarms | None = None
    """None where no alarms are kept."""
    alarm_deeds: AlarmDeeds | None = None
    """None where nothing is done about them."""
    device_shots: DeviceShots | None = None
    upload_base: Callable[[str], str] = lambda host: f"http://{host}"
    """Where a device that reaches us at this address finds our web server."""
    servings: Servings | None = None
    """What is made to order (WebRTC); None where nothing is."""
    voices: Voices | None = None
    """None where nobody speaks to devices."""
    upgrades: Upgrades | None = None
    """Firmware for devices; None where none is kept."""
    following: Callable[[str], Sequence[Followed]] = lambda code: ()
    """Our subscriptions at a neighbour below."""
    media_bases: Callable[[], Sequence[str]] = tuple
    """Origins of the media hosts at which our pages may find pictures, besides our own."""
    media_admit: Callable[[str], None] = lambda origin: None
    """Tell those hosts that a page of ours is shown under this origin."""
    sealed: Callable[[str], Sealed | None] = lambda code: None
    """How signing with a neighbour goes; None where nobody signs."""
    tracks: Tracks | None = None
    """Where moving things are and were; None where nobody keeps it."""
    map: MapSettings = field(default_factory=MapSettings)
