"""A platform that registers with another: a whole tree, its news, its pictures and recordings, and faults to order."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from gb28181.charset import Charset
from gb28181.manscdp.alarm import Alarm
from gb28181.manscdp.catalog import Catalog, CatalogNotice, CatalogQuery, Item
from gb28181.manscdp.config import Config, ConfigQuery, Setting
from gb28181.manscdp.control import ControlResponse, DeviceControl
from gb28181.manscdp.device_info import DeviceInfo, DeviceInfoQuery
from gb28181.manscdp.device_status import DeviceStatus, DeviceStatusQuery
from gb28181.manscdp.message import Manscdp, parse
from gb28181.manscdp.message import serialise as write
from gb28181.manscdp.position import Fix, Look, MobilePosition, PtzPosition, PtzPositionNotice, PtzPositionQuery
from gb28181.manscdp.preset import Preset, PresetList, PresetQuery
from gb28181.manscdp.record_info import RecordInfoQuery
from gb28181.sdp import parse_offer
from simulator.faults import Faults
from simulator.followers import Follower, Followers
from simulator.holdings import Holdings
from simulator.recording import Recording, listed
from simulator.speaker import Speaker, SpeakerSettings
from simulator.studio import Studio, StudioSettings
from simulator.video import VideoSettings
from sipserver.sip.message import Request
from sipserver.stack import Incoming, RequestTimedOut, TransportLost

log = logging.getLogger(__name__)

MAKER, MODEL, FIRMWARE = "Lianwang", "Simulated platform", "0.1.0"
_MOST_DUE = 10_000


@dataclass(frozen=True, slots=True)
class LowerSettings:
    """Who it is, what it shows, and what it does wrong."""

    speaker: SpeakerSettings
    name: str = "模拟下级平台"
    items_a_part: int = 4
    items_a_notice: int = 100
    initial_report: bool = True
    """Whether a new catalog subscription is told at once what is off (GB/T 28181-2022 annex N)."""
    video: VideoSettings = field(default_factory=lambda: VideoSettings(width=320, height=180, fps=20, kbps=400))
    sound: bool = True
    most_calls: int = 64
    recordings: tuple[Recording, ...] = ()
    faults: Faults = field(default_factory=Faults)


class Lower:
    """A platform at work in the role of the lower one. `run` until cancelled, then `close`.

    Order changes at `holdings`, an alarm with `raise_alarm`, a place with `report_place`; `faults` may be replaced at
    any time. `asked` lists every message it was sent, by method or CmdType; `requests` are the latest of them.
    """

    def __init__(self, settings: LowerSettings, holdings: Holdings) -> None:
        self.settings = settings
        self.holdings = holdings
        self.speaker = Speaker(settings.speaker, self)
        self.speaker.on_request = self._look_first
        self.speaker.encode = self._encode
        self.studio = Studio(self.speaker, StudioSettings(settings.video, settings.sound, settings.most_calls))
        self.followers = Followers(settings.speaker.code, self._encode)
        self.followers.on_new = self._report_at_first
        self.asked: list[str] = []
        self.requests: deque[Request] = deque(maxlen=_MOST_DUE)
        self.obeyed: list[Manscdp] = []
        self.presets: dict[str, dict[int, str]] = {}
        holdings.on_change = self._tell_change
        self._due: asyncio.Queue[list[Manscdp]] = asyncio.Queue(_MOST_DUE)
        self._tasks: set[asyncio.Task[None]] = set()
        self.faults = settings.faults

    @property
    def faults(self) -> Faults:
        return self._faults

    @faults.setter
    def faults(self, faults: Faults) -> None:
        self._faults = self.studio.faults = faults

    @property
    def code(self) -> str:
        return self.settings.speaker.code

    async def run(self) -> None:
        await self.speaker.start()
        self._spawn(self._say_lists())
        await self.speaker.run()

    async def close(self, *, deregister: bool = True) -> None:
        """Hang up and say goodbye, or without `deregister` vanish as by a cut cable."""
        await self.studio.close(goodbye=deregister)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.speaker.close(deregister=deregister)

    async def raise_alarm(self, channel: str, *, priority: int = 1, method: int = 5, text: str = "") -> None:
        """Tell those who subscribed to alarms within `channel`'s reach, or by MESSAGE when nobody did."""
        alarm = Alarm(self.speaker.next_sn(), channel, priority, method, time.time(), text)
        followers = [each for each in self.followers.of("alarm") if self._concerns(each, channel)]
        for follower in followers:
            await self.followers.tell(follower, alarm)
        if not followers:
            await self.speaker.tell(alarm)

    async def report_place(self, device: str, longitude: float, latitude: float, **more: float) -> None:
        """Tell those who follow positions where `device` is now."""
        fix = Fix(device, time.time(), longitude, latitude, **more)
        for follower in self.followers.of("position"):
            if self._concerns(follower, device):
                await self.followers.tell(
                    follower, MobilePosition(self.speaker.next_sn(), follower.target, fix.at, (fix,))
                )

    async def report_look(self, channel: str, pan: float, tilt: float, zoom: float) -> None:
        """Tell those who follow where `channel` looks."""
        for follower in self.followers.of("ptz"):
            if self._concerns(follower, channel):
                await self.followers.tell(
                    follower, PtzPositionNotice(self.speaker.next_sn(), channel, Look(pan, tilt, zoom))
                )

    # What comes in.

    def _look_first(self, incoming: Incoming) -> bool:
        request = incoming.request
        self.requests.append(request)
        method = request.method
        kinds = [method]
        said: Manscdp | None = None
        if method in ("MESSAGE", "SUBSCRIBE"):
            try:
                said = parse(request.body)
            except ValueError:
                incoming.respond(400)
                return True
            kinds.append(said.cmd_type)
        self.asked += kinds[-1:]
        if not self._faults.mute.isdisjoint(kinds):
            return True
        status = next((self._faults.refuse[kind] for kind in kinds if kind in self._faults.refuse), 0)
        if status:
            incoming.respond(status)
        elif method == "SUBSCRIBE":
            self.followers.take(incoming)
        elif said is not None:
            incoming.respond(200)
            self._answer_later(said)
        else:
            return False
        return True

    def invite(self, incoming: Incoming) -> None:
        """Take a call, live or of what was recorded; 400, 404, 480, 486, 488 (`Equipment`)."""
        try:
            offer = parse_offer(incoming.request.body)
        except ValueError as error:
            log.info("%s refuses an INVITE: %s", self.code, error)
            incoming.respond(400)
            return
        code = incoming.request.request_uri.user or ""
        if code not in self.holdings:
            incoming.respond(404)
        elif not self.holdings[code].status_on:
            incoming.respond(480)
        else:
            self.studio.take(incoming, offer, code, self.holdings[code].name)

    def answer(self, asked: Manscdp) -> Sequence[Manscdp]:
        """What it says to a query or a control, part by part (`Equipment`)."""
        match asked:
            case CatalogQuery():
                return self._catalog(asked)
            case DeviceInfoQuery():
                return [self._info(asked)]
            case DeviceStatusQuery():
                return [self._status(asked)]
            case RecordInfoQuery():
                return listed(asked, self._name_of(asked.device), self.settings.recordings, self.settings.items_a_part)
            case PresetQuery():
                presets = tuple(Preset(str(n), name) for n, name in sorted(self.presets.get(asked.device, {}).items()))
                return [PresetList(asked.sn, asked.device, presets, len(presets))]
            case ConfigQuery():
                return [self._config(asked, kind) for kind in asked.kinds]
            case PtzPositionQuery():
                return [PtzPosition(asked.sn, asked.device, Look(90.0, 10.0, 2.0))]
            case DeviceControl():
                return self._obey(asked)
            case _ if asked.root in ("Control", "Query"):
                return [ControlResponse(asked.sn, asked.device, False, "unsupported", asked.cmd_type)]
        return []

    def _catalog(self, asked: CatalogQuery) -> list[Manscdp]:
        items = self.holdings.within(asked.device)
        total = max(0, len(items) + self._faults.sum_num_off_by)
        size = self.settings.items_a_part
        return [
            Catalog(asked.sn, asked.device, total, items[first : first + size])
            for first in range(0, max(1, len(items)), size)
        ]

    def _info(self, asked: DeviceInfoQuery) -> DeviceInfo:
        return DeviceInfo(
            sn=asked.sn,
            device=asked.device,
            ok=asked.device in self.holdings or asked.device == self.code,
            name=self._name_of(asked.device),
            manufacturer=MAKER,
            model=MODEL,
            firmware=FIRMWARE,
            channels=len(self.holdings.cameras) if asked.device == self.code else 1,
        )

    def _status(self, asked: DeviceStatusQuery) -> DeviceStatus:
        on = asked.device == self.code or (asked.device in self.holdings and self.holdings[asked.device].status_on)
        return DeviceStatus(sn=asked.sn, device=asked.device, online=on, status_ok=on, at=time.time(), encoding=on)

    def _config(self, asked: ConfigQuery, kind: str) -> Config:
        if kind != "BasicParam":
            return Config(asked.sn, asked.device, False, f"no {kind}")
        settings = self.settings.speaker
        values = (
            ("Name", self._name_of(asked.device)),
            ("Expiration", str(settings.expires_s)),
            ("HeartBeatInterval", str(round(settings.keepalive_s))),
            ("HeartBeatCount", str(settings.keepalive_count)),
        )
        within = tuple(Setting(name, value) for name, value in values)
        return Config(asked.sn, asked.device, settings=(Setting("BasicParam", within=within),))

    def _obey(self, asked: DeviceControl) -> list[Manscdp]:
        self.obeyed.append(asked)
        if asked.i_frame:
            self.studio.want_key_frame(asked.device, self.code)
        wants_answer = (
            asked.record is not None
            or asked.guard is not None
            or asked.alarm_reset
            or asked.home_position is not None
            or asked.upgrade is not None
        )
        return [ControlResponse(asked.sn, asked.device, asked.device in self.holdings)] if wants_answer else []

    def _name_of(self, code: str) -> str:
        return self.holdings[code].name if code in self.holdings else self.settings.name

    # What goes out.

    def _answer_later(self, asked: Manscdp) -> None:
        kind = asked.cmd_type
        parts = list(self.answer(asked))
        if kind in self._faults.silent or not parts:
            return
        if self._due.full():
            log.warning("%s has more than %d answers to give and drops one", self.code, _MOST_DUE)
            return
        self._due.put_nowait(self._faults.parts(parts))

    async def _say_lists(self) -> None:
        # Serially, each part after the answer to the one before (2022 9.3.4).
        while True:
            for part in await self._due.get():
                if self._faults.late_s:
                    await asyncio.sleep(self._faults.late_s)
                try:
                    await self.speaker.tell(part)
                except (RequestTimedOut, TransportLost, OSError) as error:
                    log.info("%s could not say %s: %s", self.code, part.cmd_type, error)

    def _encode(self, value: Manscdp) -> bytes:
        edition = self.settings.speaker.edition
        if self._faults.wrong_charset:
            return write(value, Charset.GB2312, edition).decode("gb18030").encode()
        return write(value, Charset.GB18030 if edition.is_2022 else Charset.GB2312, edition)

    def _tell_change(self, news: tuple[Item, ...]) -> None:
        for follower in self.followers.of("catalog"):
            mine = tuple(item for item in news if item.event == "DEL" or self._concerns(follower, item.code))
            if mine:
                self._spawn(self._tell_news(follower, mine))

    def _report_at_first(self, follower: Follower) -> None:
        """What is off, at once after a new subscription (GB/T 28181-2022 annex N); nothing else is presumed off."""
        if follower.subject == "catalog" and self.settings.initial_report:
            off = [item for item in self.holdings.within(follower.target) if not item.status_on]
            self._spawn(self._tell_news(follower, tuple(Item(code=item.code, event="OFF") for item in off)))

    async def _tell_news(self, follower: Follower, news: tuple[Item, ...]) -> None:
        size = self.settings.items_a_notice
        for first in range(0, max(1, len(news)), size):
            page = news[first : first + size]
            total = max(0, len(page) + self._faults.sum_num_off_by)
            await self.followers.tell(follower, CatalogNotice(self.speaker.next_sn(), follower.target, total, page))

    def _concerns(self, follower: Follower, code: str) -> bool:
        if follower.target in (self.code, code, ""):
            return True
        return any(item.code == code for item in self.holdings.within(follower.target))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def with_faults(settings: LowerSettings, *orders: str) -> LowerSettings:
    """The same platform with faults as a command line orders them. ValueError for one that cannot be meant."""
    return replace(settings, faults=Faults.ordered(orders))
