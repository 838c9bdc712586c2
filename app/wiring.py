"""Builds the rooms and joins them; what is taken is given back in the opposite order."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass, is_dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from aiohttp import web

from app.premises import DATABASE, FIRMWARE, MEDIA_KEY, RECORDINGS, SNAPSHOTS, CannotStart, media_key, move_in, needing
from app.settings import Settings
from broker.alarm_deeds import AlarmDeeds
from broker.arbitration import Arbitration
from broker.archives import Archives
from broker.broker import Broker
from broker.device_shots import DeviceShots
from broker.downloads import Downloads
from broker.exporting import Exports
from broker.firmware_shelf import FirmwareShelf
from broker.kept import KeptShelf
from broker.levers import Levers
from broker.placement import Placement
from broker.playbacks import Playbacks
from broker.recording_desk import RecordingDesk
from broker.recordings import Recordings
from broker.servings import Servings
from broker.snapshot_plans import SnapshotPlans
from broker.snapshots import Snapshots
from broker.sources import SourceKeeper
from broker.upgrades import Upgrades
from broker.voice import Voices
from media.gatehouse import Gatehouse
from media.kitchen.kitchen import Kitchen
from media.local import LocalPlane
from media.outlets import joining
from media.outlets.segment import recover
from media.sources.file import Unusable
from media.voice.local import LocalVoice
from media.workers import Workers, together
from registry.alarms import Alarms
from registry.directory import Directory
from registry.divisions import Divisions
from registry.events import Bus
from registry.export_plan import OwnSystem
from registry.exporting import Exporter
from registry.own_sources import OwnSources
from registry.tracks import Tracks
from sipserver.above.above import Above
from sipserver.below.below import Below
from sipserver.below.certificates import Certificates, RsaCertificates
from sipserver.seals import Seals
from sipserver.stack import Stack
from sipserver.switchboard import Switchboard
from web.desk import DESK
from web.passwords import ensure_first_administrator
from web.server import Services, SystemInfo, make_app

log = logging.getLogger(__name__)


@dataclass(slots=True)
class House:
    """A running platform. `first_password` is set only when this start made the first administrator."""

    settings: Settings
    directory: Directory
    below: Below
    above: Above
    broker: Broker
    plane: LocalPlane | Workers
    stack: Stack
    gatehouse: Gatehouse | None
    voices: Voices
    console_url: str
    first_password: str | None = None


async def open_house(settings: Settings, data: Path, taken: AsyncExitStack) -> House:
    """Start every room, library first and doors last. Closing `taken` stops them. Raises CannotStart."""
    started_at = time.time()
    taken.callback(os.close, await asyncio.to_thread(move_in, data))
    bus = Bus()
    directory = Directory(bus)
    try:
        await directory.open(settings.store.url or f"sqlite:///{data / DATABASE}")
    except (ConnectionError, ValueError) as error:
        raise CannotStart(f"数据库打不开：{error}", str(error)) from error
    taken.push_async_callback(directory.close)
    alarms = Alarms(directory, settings.alarms)
    await alarms.open()
    taken.push_async_callback(alarms.close)
    tracks = Tracks(directory, settings.tracks)
    await tracks.open()
    taken.push_async_callback(tracks.close)
    first_password = await ensure_first_administrator(directory.accounts)

    recordings = data / RECORDINGS
    # What a crash left without its line gets it before anybody writes there again.
    mended_in: list[str] = []
    mended = await asyncio.to_thread(recover, recordings, mended_in)
    if mended:
        log.warning("%d segments of recordings were cut short by our last end and are whole again", mended)
    media = replace(settings.media, recordings=str(recordings))
    # The workers come up while the rest of the house does.
    plane = Workers(media) if media.workers else LocalPlane(media)
    await plane.start()
    taken.push_async_callback(plane.stop)

    stack = Stack(settings.sip)
    below = Below(stack, directory, bus, settings.below, certificates=_certificates(settings))
    gatehouse = await _open_gate(settings, data, taken)
    if isinstance(plane, Workers):
        placement = Placement(hosts=[plane] if gatehouse is None else [plane, gatehouse])
    else:
        placement = Placement(plane)
    own_sources = OwnSources(directory, settings.platform.code, "自有信号源")
    keeper = SourceKeeper(own_sources, placement, bus, settings.sources)
    kept_shelf = KeptShelf(directory.archive, recordings)
    broker = Broker(below, directory, placement, bus, settings.broker, sources=keeper.of, kept=kept_shelf.source)
    # Below knows everybody before the first message comes in, and lets go before the connections do: otherwise our
    # own shutdown would be told as theirs.
    taken.push_async_callback(stack.close)
    await below.start()
    taken.push_async_callback(below.close)
    sip = f"{settings.sip.host}:{settings.sip.port}"
    cure = ("请改 [sip] 的 host 或 port", "change host or port in [sip]")
    with needing(f"SIP 地址 {sip} ", f"the SIP address {sip}", cure):
        await stack.start()
    taken.push_async_callback(broker.close)
    levers = Levers(below, arbitration=Arbitration(settings.steering, bus.tell))
    voices = Voices(
        below,
        directory,
        LocalVoice(
            media.host,
            media.first_port,
            media.last_port,
            quarantine_s=media.quarantine_s,
            announce_host=media.announce_host,
            webrtc_ports=(settings.kitchen.webrtc_first_port, settings.kitchen.webrtc_last_port),
        ),
        broker.live_numbers,
        settings.voice,
        our_code=settings.platform.code,
    )
    below.rings.on_ring = voices.ring
    voices.start()
    taken.push_async_callback(voices.close)
    taken.push_async_callback(levers.close)
    shelf = FirmwareShelf(
        data / FIRMWARE, largest=settings.upgrades.largest_bytes, most=settings.upgrades.most_packages
    )
    upgrades = Upgrades(shelf, data / FIRMWARE, settings.upgrades, bus)
    await upgrades.open()
    taken.push_async_callback(upgrades.close)
    await keeper.start()
    taken.push_async_callback(keeper.close)

    kept = Recordings(broker, bus, recordings, broker.recorder_statistics, book=directory.archive)
    taken.push_async_callback(kept.close)
    kept_shelf.opened = kept.open_files
    desk = RecordingDesk(directory.archive, kept, broker, below, bus, recordings, settings.recordings)
    await desk.start(mended_in)
    taken.push_async_callback(desk.close)

    kitchen = Kitchen(settings.kitchen)
    taken.push_async_callback(kitchen.close)
    origin: list[str] = []  # known when the doors are open

    def web_port() -> int:
        return int(origin[0].rpartition(":")[2])

    servings = Servings(broker, kitchen, lambda: origin[0], settings.kitchen.hls_idle_s, settings.kitchen.transcodings)
    taken.push_async_callback(servings.close)
    snapshots = Snapshots(broker, kitchen, data / SNAPSHOTS, settings.snapshots)
    taken.push_async_callback(snapshots.close)
    device_shots = DeviceShots(snapshots, bus)
    taken.push_async_callback(device_shots.close)
    snapshot_plans = SnapshotPlans(snapshots, data / SNAPSHOTS / "plans.json")
    await snapshot_plans.start()
    taken.push_async_callback(snapshot_plans.close)
    alarm_deeds = AlarmDeeds(alarms, directory, below, kept, snapshots)
    await alarm_deeds.open()
    taken.push_async_callback(alarm_deeds.close)

    archives = Archives(below, directory.device)
    playbacks = Playbacks(broker, archives, directory.device, own=kept_shelf.run)
    taken.push_async_callback(playbacks.close)
    downloads = Downloads(broker, archives, bus, recordings, settings.downloads)
    await downloads.open()
    taken.push_async_callback(downloads.close)

    exporter = Exporter(directory, OwnSystem(settings.platform.code, settings.platform.name))
    taken.push_async_callback(exporter.close)
    above = Above(
        stack,
        directory,
        exporter,
        broker,
        below,
        bus,
        settings.above,
        levers=levers,
        voices=voices,
        archive=directory.archive,
    )
    below.ladder.know_also(above.at)
    seals = Seals(directory.seals, (below.at, above.at), window_s=settings.below.note_window_s)
    stack.notary = seals
    switchboard = Switchboard(stack, above)
    taken.callback(switchboard.close)
    await above.start()
    taken.push_async_callback(above.close)

    def system() -> SystemInfo:
        return SystemInfo(
            name=settings.platform.name,
            code=settings.platform.code,
            domain=settings.platform.domain,
            version=version("lianwang"),
            started_at=started_at,
            sip_host=settings.sip.host,
            sip_port=stack.port,
            sip_transports=tuple(name for name, on in (("UDP", settings.sip.udp), ("TCP", settings.sip.tcp)) if on),
        )

    services = Services(
        directory=directory,
        accounts=directory.accounts,
        broker=broker,
        neighbours=below,
        ladder=below.ladder,
        resync=below.resync,
        ask_node=below.ask_catalog,
        bus=bus,
        system=system,
        sip_statistics=lambda: {
            **_facts(below.statistics()),
            "above": _facts(above.statistics()),
            "stack": _facts(stack.statistics()),
        },
        broker_statistics=lambda: _facts(broker.statistics()),
        more_statistics=lambda: {
            "kitchen": _facts(kitchen.statistics()),
            "served": servings.statistics(),
            "voice": voices.statistics(),
            "alarms": _of_alarms(alarms),
        },
        workers=broker.workers,
        plane_statistics=lambda: _of_media(plane, gatehouse),
        stream_statistics=broker.statistics_of,
        divisions=Divisions.load(),
        uppers=above,
        exporter=exporter,
        routes=broker.routes,
        levers=levers,
        following=below.following,
        media_bases=gatehouse.bases if gatehouse is not None else tuple,
        media_admit=gatehouse.admit if gatehouse is not None else _nobody,
        sources=keeper,
        upgrades=upgrades,
        recordings=kept,
        recording_desk=desk,
        exports=Exports(kept_shelf, joining, joining.OtherPicture, Unusable),
        voices=voices,
        snapshots=snapshots,
        snapshot_plans=snapshot_plans,
        device_shots=device_shots,
        upload_base=lambda host: settings.snapshots.upload_url or f"http://{_bracketed(host)}:{web_port()}",
        alarms=alarms,
        tracks=tracks,
        map=settings.map,
        alarm_deeds=alarm_deeds,
        sealed=seals.tally,
        servings=servings,
        archives=archives,
        downloads=downloads,
        playbacks=playbacks,
    )
    app = make_app(services, settings.web, extra_routes=plane.routes())
    app.on_shutdown.append(plane.dismiss)
    if isinstance(plane, Workers):
        try:
            await plane.wait_ready()
        except OSError as error:
            raise CannotStart(f"媒体进程起不来：{error}", str(error)) from error
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=2.0)
    await runner.setup()
    taken.push_async_callback(runner.cleanup)
    server = runner.server
    assert server is not None  # it is set up
    app[DESK].lobby.connections = lambda: server.connections
    site = web.TCPSite(runner, settings.web.host, settings.web.port)
    console = f"{settings.web.host}:{settings.web.port}"
    cure = ("请改 [web] 的 host 或 port", "change host or port in [web]")
    with needing(f"控制台地址 {console} ", f"the console's address {console}", cure):
        await site.start()
    host, port = runner.addresses[0][:2]
    shown = "127.0.0.1" if host in ("0.0.0.0", "::") else host
    origin.append(f"http://{_bracketed(shown)}:{port}")
    return House(
        settings,
        directory,
        below,
        above,
        broker,
        plane,
        stack,
        gatehouse,
        voices,
        f"http://{shown}:{port}",
        first_password,
    )


def _of_alarms(alarms: Alarms) -> dict[str, Any]:
    waiting = alarms.open_by_priority
    return {
        **alarms.statistics(),
        "history": alarms.tally.history,
        "pruned": alarms.tally.pruned,
        "priority": {str(priority): waiting.get(priority, 0) for priority in range(5)},
    }


async def _open_gate(settings: Settings, data: Path, taken: AsyncExitStack) -> Gatehouse | None:
    """Let media hosts of other machines in, when that is wanted. Raises CannotStart."""
    wanted = settings.media_hosts
    if not wanted.port:
        return None
    if not settings.media.workers:
        raise CannotStart(
            "[media] workers = 0 时不能接入其他媒体主机；请将 workers 设为 1 以上，或将 [media_hosts] port 设为 0。",
            "media hosts cannot join while [media] workers is 0; set workers to 1 or more, or [media_hosts] port to 0.",
        )
    try:
        key = await asyncio.to_thread(media_key, data)
    except (OSError, ValueError) as error:
        raise CannotStart(
            f"媒体主机密钥文件 {data / MEDIA_KEY} 不可用：{error}", f"{data / MEDIA_KEY}: {error}"
        ) from error
    gatehouse = Gatehouse(wanted, key)
    address = f"{wanted.host}:{wanted.port}"
    cure = ("请改 [media_hosts] 的 host 或 port", "change host or port in [media_hosts]")
    with needing(f"媒体主机接入地址 {address} ", f"the address for media hosts {address}", cure):
        await gatehouse.start()
    taken.push_async_callback(gatehouse.stop)
    return gatehouse


def _certificates(settings: Settings) -> Certificates | None:
    """Registration by certificate, when it is wanted. Raises CannotStart."""
    folder = settings.below.certificates
    if not folder:
        return None
    try:
        return RsaCertificates(Path(folder))
    except (OSError, ValueError, TypeError) as error:
        raise CannotStart(
            f"证书文件夹 {folder} 不可用：{error}；请改 [below] 的 certificates，留空则只用口令。",
            f"the folder of certificates {folder} cannot be used: {error}; change certificates in [below].",
        ) from error


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _nobody(origin: str) -> None:
    """No media host stands elsewhere, so none need know under which origin a console is shown."""


def _of_media(plane: LocalPlane | Workers, gatehouse: Gatehouse | None) -> dict[str, Any]:
    counted = _facts(plane.totals())
    if gatehouse is None:
        return counted
    return {**together([counted, *gatehouse.totals()]), "refused_hosts": gatehouse.refused}


def _facts(value: Any) -> dict[str, Any]:
    return asdict(value) if is_dataclass(value) and not isinstance(value, type) else dict(value)
