"""The web room on a real socket, with a real directory in memory and fakes for the rooms that need a network."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from argon2 import PasswordHasher

from broker.alarm_deeds import AlarmDeeds
from broker.firmware_shelf import FirmwareShelf
from broker.placement import Placement
from broker.recording_desk import RecordingDesk
from broker.recordings import Recordings
from broker.sources import SourceKeeper, SourceSettings
from broker.upgrades import Upgrades, UpgradeSettings
from broker.watch import (
    AudioTrack,
    InletStatistics,
    Lease,
    SenderStatistics,
    StreamView,
    VideoTrack,
    Watch,
    WorkerStatistics,
)
from gb28181.dialect import STANDARD
from gb28181.manscdp.catalog import Item
from gb28181.peer import PeerOffline
from media.frame import Codec
from registry.accounts import User
from registry.alarms import Alarms, AlarmSettings
from registry.catalog import Diff
from registry.device import Device, DeviceKind, Presence
from registry.directory import Directory
from registry.divisions import Divisions
from registry.events import Bus
from registry.exporting import Exporter, OwnSystem
from registry.own_sources import OwnSources
from registry.platform import Upper
from registry.routes import Routes
from tests.broker.conftest import FakePlane
from web.desk import DESK
from web.passwords import Passwords
from web.server import make_app
from web.settings import WebSettings
from web.wishes import Services, SystemInfo

CAMERA = "34020000001320000001"
PLATFORM = "34020000002000000002"
PASSWORD = "three blue herons"

VIDEO = VideoTrack(Codec.H264, 1920, 1080, 25.0, "avc1.64001F")
AUDIO = AudioTrack(Codec.G711A, 8000, 1, "mp4a.40.2")


class FakeBroker:
    """Grants every watch at once, unless told how it shall fail or to wait."""

    def __init__(self) -> None:
        self.leases: dict[str, Watch] = {}
        self.failure: Exception | None = None
        self.before_granting: Callable[[], Any] | None = None
        self.made = 0
        self.stopped: list[str] = []
        self.path: tuple[str, ...] = ()

    async def watch(self, watch: Watch) -> Lease:
        if self.before_granting is not None:
            await self.before_granting()
        if self.failure is not None:
            raise self.failure
        self.made += 1
        lease = Lease(f"lease-{self.made}", watch, "/media/i1/o1.mp4?e=1&s=abc", "call-1", VIDEO, AUDIO, path=self.path)
        self.leases[lease.id] = watch
        return lease

    async def release(self, lease_id: str) -> None:
        self.leases.pop(lease_id, None)

    def on_lease_end(self, lease_id: str, listener: Callable[[str], None]) -> None:
        """These leases never end by themselves."""

    def streams(self) -> list[StreamView]:
        seen = dict.fromkeys((watch.owner, watch.channel) for watch in self.leases.values())
        return [
            StreamView(
                f"{owner}-{channel}",
                owner,
                channel,
                "flowing",
                0,
                "udp",
                200000001,
                "call-1",
                ("wang",),
                path=self.path,
                senders=(SenderStatistics("o2", "10.0.0.1:30000", "udp", "sending", 9, 900, 0, 0, 0, 0, 0.01),),
            )
            for owner, channel in seen
        ]

    async def stop(self, stream_id: str) -> bool:
        self.stopped.append(stream_id)
        return any(stream.id == stream_id for stream in self.streams())


class FakePeer:
    """A neighbour that writes down what it is told and answers with what it was given."""

    def __init__(self, code: str) -> None:
        self.code = code
        self.dialect = STANDARD
        self.is_online = True
        self.patience: list[float | None] = []
        self.told: list[Any] = []
        self.names: list[str] = []
        self.asked: list[Any] = []
        self.answer: Any = None
        self.failure: Exception | None = None

    async def ask(self, query: object, *, timeout_s: float | None = None) -> object:
        self.asked.append(query)
        self.patience.append(timeout_s)
        if self.failure is not None:
            raise self.failure
        return self.answer

    async def tell(self, notice: object) -> None:
        self.told.append(notice)
        if self.failure is not None:
            raise self.failure

    def in_name_of(self, identity: str) -> FakePeer:
        self.names.append(identity)
        return self

    async def call(self, channel: str, offer: Any, *, timeout_s: float = 15.0) -> Any:
        raise AssertionError("the web room calls nobody")


class FakeNeighbours:
    def __init__(self) -> None:
        self.peers: dict[str, FakePeer] = {}

    def peer(self, code: str) -> FakePeer | None:
        return self.peers.get(code)


class FakeLadder:
    def __init__(self) -> None:
        self.messages: list[Any] = []

    def of_peer(self, code: str, limit: int = 100) -> list[Any]:
        return [message for message in self.messages if message.peer == code][-limit:]

    def of_call(self, call_id: str) -> list[Any]:
        return [message for message in self.messages if message.call_id == call_id]

    def calls(self, limit: int = 100) -> list[Any]:
        first = {message.call_id: message for message in self.messages}
        return [
            SimpleNamespace(
                call_id=m.call_id, peer=m.peer, target=m.peer, started_at=m.at, ended_at=m.at, status=200, messages=1
            )
            for m in first.values()
        ][:limit]


class FakeUppers:
    """The side above: answers every trial as it was told to, and writes down what it shall resend."""

    def __init__(self) -> None:
        self.tried: list[Upper] = []
        self.resent: list[str] = []
        self.up: set[str] = set()
        self.report = SimpleNamespace(ok=True, steps=(), said_code="", said_realm="", said_version="")

    async def test(self, upper: Upper) -> Any:
        self.tried.append(upper)
        return self.report

    def resend_catalog(self, code: str) -> None:
        if code not in self.up:
            raise PeerOffline(f"{code} is not registered with")
        self.resent.append(code)


class Client:
    """Somebody with a browser or a program: plain requests, JSON in and out."""

    def __init__(self, session: aiohttp.ClientSession, base: str) -> None:
        self.session = session
        self.base = base

    async def ask(self, method: str, path: str, body: Any = None, **more: Any) -> tuple[int, Any]:
        if body is not None:
            more["json"] = body
        async with self.session.request(method, self.base + path, **more) as response:
            kind = response.content_type
            return response.status, await (response.json() if kind == "application/json" else response.text())

    async def raw(self, method: str, path: str, **more: Any) -> aiohttp.ClientResponse:
        response = await self.session.request(method, self.base + path, **more)
        await response.read()
        return response

    async def get(self, path: str) -> Any:
        status, said = await self.ask("GET", "/api/v1" + path)
        assert status == 200, said
        return said


@dataclass
class House:
    directory: Directory
    broker: FakeBroker
    neighbours: FakeNeighbours
    ladder: FakeLadder
    bus: Bus
    app: web.Application
    port: int
    resynced: list[str]
    uppers: FakeUppers
    exporter: Exporter
    routes: Routes
    followed: dict[str, list[Any]]
    media_bases: list[str]
    media_admitted: list[str]
    plane: FakePlane
    server: Any
    kept: Recordings | None
    clients: list[aiohttp.ClientSession] = field(default_factory=list)

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def app_services(self) -> Services:
        return self.app[DESK].services

    @property
    def accounts(self) -> Any:
        return self.directory.accounts

    def stranger(self, **headers: str) -> Client:
        """Nobody we know, with a cookie jar."""
        jar = aiohttp.CookieJar(unsafe=True)
        session = aiohttp.ClientSession(cookie_jar=jar, headers=headers, auto_decompress=True)
        self.clients.append(session)
        return Client(session, self.base)

    async def user(self, role: str, name: str | None = None) -> None:
        hasher = self.app_passwords
        name = name or role
        if self.accounts.user(name) is None:
            await self.accounts.add_user(User(name, role, await hasher.hash(PASSWORD), created_at=1.0))

    @property
    def app_passwords(self) -> Passwords:
        return self.app[DESK].passwords

    async def person(self, role: str, name: str | None = None) -> Client:
        """Somebody of a role who logged in by the front door."""
        await self.user(role, name)
        client = self.stranger(Origin=self.base)
        status, said = await client.ask("POST", "/api/v1/session", {"name": name or role, "password": PASSWORD})
        assert status == 200, said
        return client

    async def program(self, role: str) -> Client:
        _, secret = await self.accounts.new_key(f"{role} program", role)
        return self.stranger(Authorization=f"Bearer {secret}")

    async def camera(self, code: str = CAMERA, **fields: Any) -> FakePeer:
        """A camera that is online with itself as its only channel."""
        await self.directory.add_device(Device(code, name="IPC", kind=DeviceKind.CAMERA, **fields))
        self.directory.note_presence(code, Presence.ONLINE, "registered", 1000.0)
        await self.directory.merge(
            code, [Item(code=code, name="北门", ptz_type=1, manufacturer="Maker")], complete=True, at=1000.0
        )
        peer = self.neighbours.peers[code] = FakePeer(code)
        return peer


@pytest.fixture
def settings(tmp_path: Path) -> WebSettings:
    dist = tmp_path / "dist"
    (dist / "assets").mkdir(parents=True)
    (dist / "index.html").write_text("<!doctype html><title>console</title>", encoding="utf-8")
    (dist / "assets" / "index-abc123.js").write_text("export {}", encoding="utf-8")
    return WebSettings(host="127.0.0.1", port=0, console=dist, feed_gather_s=0.01, feed_heartbeat_s=0.2)


@pytest.fixture
def media_routes() -> list[web.RouteDef]:
    async def play(request: web.Request) -> web.Response:
        if request.query["s"] != "right":
            raise web.HTTPUnauthorized
        return web.Response(body=b"pictures")

    return [web.get("/media/{inlet}/{outlet}", play)]


@pytest.fixture
def store() -> str:
    """Where the directory keeps its knowledge."""
    return "memory:"


@pytest.fixture
def cascades() -> bool:
    """Whether the house has a side above."""
    return True


@pytest.fixture
def records() -> bool:
    """Whether the house keeps recordings."""
    return True


@pytest.fixture
async def house(
    settings: WebSettings, media_routes: list[web.RouteDef], store: str, cascades: bool, records: bool, tmp_path: Path
) -> AsyncIterator[House]:
    bus = Bus()
    directory = Directory(bus)
    await directory.open(store)
    broker, neighbours, ladder = FakeBroker(), FakeNeighbours(), FakeLadder()
    uppers, exporter = FakeUppers(), Exporter(directory, OwnSystem(PLATFORM, "Lianwang"))
    routes = Routes()
    resynced: list[str] = []
    followed: dict[str, list[Any]] = {}
    media_bases: list[str] = []
    media_admitted: list[str] = []

    async def resync(code: str) -> None:
        resynced.append(code)

    async def ask_node(code: str, node: str) -> Diff:
        resynced.append(f"{code}/{node}")
        if code not in neighbours.peers:
            raise PeerOffline(f"{code} is away")
        return Diff(added=("1", "2"), changed=("3",))

    alarms = Alarms(directory, AlarmSettings(gather_s=0.0))
    await alarms.open()
    alarm_deeds = AlarmDeeds(alarms, directory, neighbours)
    await alarm_deeds.open()
    folder = tmp_path / "recordings"
    kept = Recordings(broker, bus, folder, book=directory.archive) if records else None
    desk = RecordingDesk(directory.archive, kept, broker, neighbours, bus, folder) if kept is not None else None
    info = SystemInfo("Lianwang", PLATFORM, "3402000000", "0.1.0", 5.0, "127.0.0.1", 5060)
    plane = FakePlane()
    placement = Placement(plane)  # type: ignore[arg-type]  # it seats nobody
    keeper = SourceKeeper(OwnSources(directory, PLATFORM), placement, bus, SourceSettings(folder="/films"))
    upgrades = Upgrades(
        FirmwareShelf(tmp_path / "firmware", largest=100_000, most=3), tmp_path / "firmware", UpgradeSettings(), bus
    )
    await upgrades.open()
    figures = InletStatistics("i1", 10, 1000, 0, 0, 0, 0, 0, 5, 1, 1, 0.1, VIDEO, AUDIO)
    services = Services(
        directory=directory,
        accounts=directory.accounts,
        broker=broker,
        neighbours=neighbours,
        ladder=ladder,
        resync=resync,
        ask_node=ask_node,
        bus=bus,
        system=lambda: info,
        sip_statistics=lambda: {"requests_in": 1},
        plane_statistics=lambda: {"inlets": 0},
        workers=lambda: (WorkerStatistics("local", load=0.1, streams=1),),
        stream_statistics=lambda stream: replace(figures, inlet=stream),
        divisions=Divisions.load(),
        uppers=uppers if cascades else None,
        exporter=exporter if cascades else None,
        routes=routes if cascades else None,
        recordings=kept,
        alarms=alarms,
        alarm_deeds=alarm_deeds,
        recording_desk=desk,
        following=lambda code: followed.get(code, ()),
        media_bases=lambda: tuple(media_bases),
        media_admit=media_admitted.append,
        sources=keeper,
        upgrades=upgrades,
    )
    cheap = Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    app = make_app(services, settings, extra_routes=media_routes, passwords=cheap)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=2.0)
    await runner.setup()
    await web.TCPSite(runner, settings.host, settings.port).start()
    house = House(
        directory,
        broker,
        neighbours,
        ladder,
        bus,
        app,
        runner.addresses[0][1],
        resynced,
        uppers,
        exporter,
        routes,
        followed,
        media_bases,
        media_admitted,
        plane,
        runner.server,
        kept,
    )
    yield house
    for session in house.clients:
        await session.close()
    await runner.cleanup()
    if kept is not None:
        await kept.close()
    await exporter.close()
    await alarm_deeds.close()
    await alarms.close()
    await directory.close()
