"""A camera, or a recorder of many: what it is, what it answers, and the calls it takes."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from gb28181.manscdp.alarm import AlarmQuery, AlarmResponse
from gb28181.manscdp.broadcast import Broadcast
from gb28181.manscdp.catalog import Catalog, CatalogQuery, Item
from gb28181.manscdp.config import ConfigQuery, DeviceConfig
from gb28181.manscdp.control import ControlResponse, DeviceControl
from gb28181.manscdp.cruise import CruiseTrackListQuery, CruiseTrackQuery
from gb28181.manscdp.device_info import DeviceInfo, DeviceInfoQuery
from gb28181.manscdp.device_status import DeviceStatusQuery
from gb28181.manscdp.home_position import HomePositionQuery
from gb28181.manscdp.keepalive import Keepalive
from gb28181.manscdp.message import Manscdp
from gb28181.manscdp.position import Fix, MobilePosition, MobilePositionQuery, PtzPositionQuery
from gb28181.manscdp.preset import Preset, PresetList, PresetQuery
from gb28181.manscdp.record_info import RecordInfoQuery
from gb28181.manscdp.sd_card import SdCardStatusQuery
from gb28181.manscdp.snapshot import UploadSnapShotFinished
from gb28181.manscdp.upgrade import UpgradeResult
from gb28181.sdp import parse_offer
from simulator.alarming import Alarming, AlarmingSettings, Scare
from simulator.configuration import Configuration, ConfigurationFaults
from simulator.configured import Configured
from simulator.duty import Duties
from simulator.effects import Effects
from simulator.faults import Faults
from simulator.followers import SUBJECTS, Followers
from simulator.head import Head
from simulator.hearing import Hearing, HearingSettings
from simulator.quirks import Quirks
from simulator.recorder import Recorder, RecorderSettings
from simulator.recording import Recording
from simulator.reporting import Reporting, Round
from simulator.screen import Screen
from simulator.snapshots import Shooter, ShotOrder, SnapshotSettings
from simulator.speaker import Speaker, SpeakerSettings
from simulator.steering import steer, take_home
from simulator.storage import Storage, StorageSettings
from simulator.studio import Studio, StudioCall, StudioSettings
from simulator.telling import told_by_head, told_of_cards
from simulator.upgrade import Upgrader
from simulator.video import VideoSettings
from sipserver.stack import Incoming

log = logging.getLogger(__name__)

MAKER, MODEL, FIRMWARE = "Lianwang", "Simulator 1", "0.1.0"


@dataclass(frozen=True, slots=True)
class ChannelSettings:
    """One picture of a device."""

    code: str
    name: str
    ptz: bool = True
    parents: tuple[str, ...] = ()
    """Organisations it stands in, besides its device."""
    address: str = ""
    longitude: float | None = None
    latitude: float | None = None


@dataclass(frozen=True, slots=True)
class Hardware:
    """What is in the box: software, cards, and how fast it fetches (0 is as fast as it comes)."""

    firmware: str = FIRMWARE
    storage: StorageSettings = field(default_factory=StorageSettings)
    fetch_bytes_a_second: int = 0


@dataclass(frozen=True, slots=True)
class CameraSettings:
    """A device: its identity on the wire, its channels, its encoder, and faults to order."""

    speaker: SpeakerSettings
    name: str
    channels: tuple[ChannelSettings, ...]
    civil_code: str = ""
    video: VideoSettings = field(default_factory=VideoSettings)
    sound: bool = True
    most_calls: int = 16
    others: tuple[Item, ...] = ()
    """Items of the catalog that have no picture: groups, organisations."""
    items_a_part: int = 4
    lose_part: int = 0
    """Leave this part of every catalog answer unsaid (the first is 1); 0 loses none."""
    sum_num_off_by: int = 0
    """Claim so many items more (or fewer) than there are."""
    silent_media: bool = False
    """Answer INVITE and send nothing."""
    foreign_ssrc: bool = False
    """Send another SSRC than the one asked for, as some makers do."""
    quirks: Quirks = field(default_factory=Quirks)
    """What it does beside the book with its media."""
    recordings: tuple[Recording, ...] = ()
    """What it claims to have kept; it is played and downloaded like a recorder's."""
    recorder: RecorderSettings = field(default_factory=RecorderSettings)
    """How it keeps its pictures."""
    hardware: Hardware = field(default_factory=Hardware)
    hearing: HearingSettings = field(default_factory=HearingSettings)
    """Its loudspeakers."""
    point_type: int = 3
    grassroots_code: str = "000000"
    """What 2022 wants of every camera; zeros are no grass-roots unit."""
    configuration: ConfigurationFaults = field(default_factory=ConfigurationFaults)
    """What it does wrong when it is set."""
    alarming: AlarmingSettings = field(default_factory=AlarmingSettings)
    snapshots: SnapshotSettings = field(default_factory=SnapshotSettings)
    """How it takes photographs by itself."""
    drives: Round | None = field(default_factory=Round)
    """Where it is, for those who follow its place; None, and nobody can follow where it is."""


MOST_OBEYED = 1_000


class Camera:
    """A device at work. `run` until cancelled, then `close`."""

    def __init__(self, settings: CameraSettings) -> None:
        if not settings.channels:
            raise ValueError("a device needs at least one channel")
        self.settings = settings
        self.speaker = Speaker(settings.speaker, self)
        faults = Faults(silent_media=settings.silent_media, foreign_ssrc=settings.foreign_ssrc)
        codes = [channel.code for channel in settings.channels]
        self.recorder = Recorder(settings.recorder, codes, settings.recordings)
        studio = StudioSettings(settings.video, settings.sound, settings.most_calls, settings.quirks)
        self._studio = Studio(self.speaker, studio, faults, self.recorder)
        self.hearing = Hearing(self.speaker, settings.hearing, settings.speaker.code)
        self.obeyed: deque[DeviceControl] = deque(maxlen=MOST_OBEYED)
        """The controls it was given last, oldest first."""
        self.heads = self._studio.heads
        self.heads.update({channel.code: Head() for channel in settings.channels})
        self.duties = Duties(settings.speaker.code)
        edition = settings.speaker.edition
        subjects = frozenset(SUBJECTS.values()) - {"catalog"} - (set() if edition.is_2022 else {"ptz"})
        if settings.drives is None:
            subjects -= {"position"}
        self.followers = Followers(settings.speaker.code, lambda said: self.speaker.encode(said), subjects)
        self.alarming = Alarming(
            settings.alarming,
            codes,
            self.duties,
            self.followers,
            tell=self.speaker.tell,
            next_sn=self.speaker.next_sn,
        )
        self.reporting = Reporting(
            settings.speaker.code,
            edition,
            settings.drives or Round(period_s=0),
            self.heads,
            self.followers,
            next_sn=self.speaker.next_sn,
        )
        self.followers.on_new = self.reporting.begin
        self.speaker.on_request = self._look_first
        self.storage = Storage(settings.hardware.storage, time.monotonic)
        self.upgrader = Upgrader(
            settings.hardware.firmware,
            device=settings.speaker.code,
            reboot=self.speaker.reboot,
            tell=self._tell_upgrade,
            bytes_a_second=settings.hardware.fetch_bytes_a_second,
        )
        self.screens = self._studio.screens
        self.screens.update({channel.code: Screen() for channel in settings.channels})
        self._effects = Effects(self.speaker, self._studio)
        named = [(channel.code, channel.name) for channel in settings.channels]
        kept = self._effects.begin(settings.speaker.code, settings.name, named)
        edition = settings.speaker.edition
        self.configuration = Configuration(edition, kept, self._changed, settings.configuration)
        names = dict(named)
        self.shooter = Shooter(
            settings.snapshots, lambda code: self._studio.still(code, names.get(code, "")), self._tell_snapshots
        )

    @property
    def _is_2022(self) -> bool:
        return self.settings.speaker.edition.is_2022

    @property
    def calls(self) -> set[StudioCall]:
        return self._studio.calls

    @property
    def calls_taken(self) -> int:
        return self._studio.calls_taken

    async def run(self) -> None:
        await self.speaker.start()
        async with asyncio.TaskGroup() as work:
            work.create_task(self.speaker.run())
            work.create_task(self.alarming.run())

    async def raise_alarm(self, channel: str = "", scare: Scare | None = None, *, at: float | None = None) -> bool:
        """Something goes off; false when guard, or a reset that has not come, forbids to say so."""
        return await self.alarming.raise_alarm(channel or self.settings.channels[0].code, scare or Scare(), at=at)

    async def close(self, *, deregister: bool = True) -> None:
        """Hang up, say goodbye, give everything back. Without `deregister` it vanishes as by a cut cable."""
        await self.reporting.close()
        await self.upgrader.close()
        await self.shooter.close()
        await self.hearing.close(goodbye=deregister)
        await self._studio.close(goodbye=deregister)
        await self.speaker.close(deregister=deregister)

    async def report_faults(self, *codes: str) -> None:
        """Say at once that parts of it are broken, all others whole (GB/T 28181-2022 9.6.1)."""
        own = self.settings.speaker.code
        await self.speaker.tell(Keepalive(self.speaker.next_sn(), own, faulty=codes))

    def answer(self, asked: Manscdp) -> Sequence[Manscdp]:
        """What a device says to a query or a control (`Equipment`)."""
        match asked:
            case CatalogQuery():
                return self._catalog(asked)
            case DeviceInfoQuery():
                return [self._info(asked)]
            case DeviceStatusQuery():
                return [self.duties.status(asked, time.time())]
            case PresetQuery():
                return [self._presets(asked)]
            case RecordInfoQuery():
                return self.recorder.answer(asked, self.settings.name)
            case AlarmResponse():
                self.alarming.heard(asked)
            case Broadcast():
                return self.hearing.notified(asked)
            case ConfigQuery():
                return self.configuration.tell(asked)
            case DeviceConfig():
                return self.configuration.obey(asked)
            case DeviceControl():
                return self._obey(asked)
            case AlarmQuery():
                return self.alarming.history(asked)
            case MobilePositionQuery() if self._places(asked.device):
                return [MobilePosition(asked.sn, asked.device, time.time(), self._places(asked.device))]
            case SdCardStatusQuery() if self._is_2022:
                return told_of_cards(self.storage.cards, asked)
            case HomePositionQuery() | CruiseTrackListQuery() | CruiseTrackQuery() | PtzPositionQuery() if (
                self._is_2022 and asked.device in self.heads
            ):
                return told_by_head(self.heads[asked.device], asked, time.monotonic(), self.settings.items_a_part)
            case _ if asked.root in ("Control", "Query"):
                return [
                    ControlResponse(asked.sn, asked.device, ok=False, reason="unsupported", cmd_type=asked.cmd_type)
                ]
        return []

    def invite(self, incoming: Incoming) -> None:
        """Take a call, live or of a recording it has, or refuse it: 404, 486, 488 (`Equipment`)."""
        try:
            offer = parse_offer(incoming.request.body)
        except ValueError as error:
            log.info("%s refuses an INVITE: %s", self.settings.speaker.code, error)
            incoming.respond(488)
            return
        if offer.media == "audio":
            self.hearing.talk(incoming, offer)
            return
        code = incoming.request.request_uri.user
        channel = next((channel for channel in self.settings.channels if channel.code == code), None)
        if channel is None:
            incoming.respond(404)
        elif not offer.is_live and not self.recorder.has(code, offer):
            incoming.respond(488)
        else:
            self._studio.take(incoming, offer, code, channel.name)

    def _look_first(self, incoming: Incoming) -> bool:
        if incoming.request.method != "SUBSCRIBE":
            return False
        self.followers.take(incoming)
        return True

    def _catalog(self, asked: CatalogQuery) -> list[Manscdp]:
        settings = self.settings
        items = [item for item in self._items() if asked.device in (settings.speaker.code, item.code)]
        total = len(items) + settings.sum_num_off_by
        size = settings.items_a_part
        parts: list[Manscdp] = [
            Catalog(sn=asked.sn, device=asked.device, sum_num=total, items=tuple(items[first : first + size]))
            for first in range(0, len(items), size)
        ]
        if settings.lose_part and len(parts) >= settings.lose_part:
            del parts[settings.lose_part - 1]
        return parts or [Catalog(sn=asked.sn, device=asked.device, sum_num=0)]

    def _items(self) -> list[Item]:
        settings = self.settings
        device = settings.speaker.code
        channels = [
            Item(
                code=channel.code,
                name=self._effects.names.get(channel.code, channel.name),
                manufacturer=MAKER,
                model=MODEL,
                owner="Lianwang",
                civil_code=settings.civil_code or device[:6],
                address=channel.address or channel.name,
                parent_ids=(device, *channel.parents),
                status_on=True,
                longitude=channel.longitude,
                latitude=channel.latitude,
                ptz_type=1 if channel.ptz else 3,
                stream_numbers=(0, 1),
                point_type=settings.point_type,
                grassroots_code=settings.grassroots_code,
            )
            for channel in settings.channels
        ]
        hearing = self.hearing.items(settings.civil_code or device[:6], MAKER, MODEL)
        return [*settings.others, *channels, *hearing]

    def _info(self, asked: DeviceInfoQuery) -> DeviceInfo:
        return DeviceInfo(
            sn=asked.sn,
            device=asked.device,
            name=self._effects.names.get(asked.device, self.settings.name),
            manufacturer=MAKER,
            model=MODEL,
            firmware=self.upgrader.firmware,
            channels=len(self.settings.channels),
        )

    def _places(self, device: str) -> tuple[Fix, ...]:
        """Where a channel stands, or all of them."""
        own = self.settings.speaker.code
        return tuple(
            Fix(channel.code, time.time(), channel.longitude, channel.latitude, speed=0.0)
            for channel in self.settings.channels
            if device in (own, channel.code) and channel.longitude is not None and channel.latitude is not None
        )

    def _presets(self, asked: PresetQuery) -> PresetList:
        head = self.heads.get(asked.device)
        presets = head.presets if head is not None else {}
        listed = tuple(Preset(str(number), name) for number, (name, _) in sorted(presets.items()))
        return PresetList(sn=asked.sn, device=asked.device, presets=listed, sum_num=len(listed))

    def _obey(self, asked: DeviceControl) -> list[Manscdp]:
        self.obeyed.append(asked)
        now = time.monotonic()
        reasons = [self.duties.obey(asked)]
        head = self.heads.get(asked.device)
        if head is not None:
            steer(head, asked, now)
            reasons.append(take_home(head, asked, now))
        if asked.i_frame:
            self._studio.want_key_frame(asked.device, self.speaker.settings.code)
        if asked.format_card is not None:
            self.storage.format(asked.format_card)
        if asked.upgrade is not None:
            reasons.append(self.upgrader.begin(asked.upgrade))
        if asked.teleboot:
            self.followers.forget_all()
            self.speaker.start_over()
        reason = "; ".join(filter(None, reasons))
        return [ControlResponse(asked.sn, asked.device, not reason, reason)] if asked.wants_answer else []

    def _changed(self, code: str, kind: str, wanted: Configured) -> None:
        """It was set otherwise: some of it shows, and one kind is an order. ValueError when that cannot be done."""
        self._effects.take(code, kind, wanted)
        if kind == "SnapShotConfig":
            self.shooter.begin(ShotOrder(code, *wanted.snapshot))

    async def _tell_snapshots(self, said: UploadSnapShotFinished) -> None:
        await self.speaker.tell(replace(said, sn=self.speaker.next_sn()))

    async def _tell_upgrade(self, result: UpgradeResult) -> None:
        """As often as it takes: the platform may still be busy with our registration."""
        for pause_s in (0.2, 1.0, 3.0):
            response = await self.speaker.tell(replace(result, sn=self.speaker.next_sn()))
            if response.status < 300:
                return
            await asyncio.sleep(pause_s)
